//! The suite of the seeded faults: each is a plausible slip in the product, and one of its nets has to notice it.
//!
//! They stand in `verify/faults`. For each, the text of the product is changed in a copy of the tree, and the cheapest
//! command is run that has to fail; what notices the fault has to say what is expected.

use std::collections::BTreeSet;

use ntpark_verify::catalogue::{Catalogue, Fault};

use super::{Options, Session};
use crate::prelude::*;

/// For a fault. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(180);
/// The net that is the compile-time model.
const BUILD: &str = "build";

/// Tries the faults that were asked for: by a part of the name, or by the net, which is `build` or a test program.
/// Those that the build notices take seconds each; without being asked for, no others are tried.
pub(super) fn run(session: &mut Session<'_>) -> Result<()> {
    session.proof(Build::new("ntpark-verify", &["test", "--test=coverage"]))?;
    let catalogue = Catalogue::read(&session.workspace.root).map_err(anyhow::Error::msg)?;
    let Options { suite, filter, .. } = session.options;
    let is_wanted = |fault: &&Fault| match filter.is_empty() {
        true => !suite.is_empty() || fault.net == BUILD,
        false => filter.iter().any(|word| fault.name.contains(word) || fault.net == *word),
    };
    let faults: Vec<_> = catalogue.faults.iter().filter(is_wanted).collect();
    // Cargo would take what it has built of a copy for what it builds of the tree: the copy has its own.
    let home = session.workspace.target.join("faults");
    let tree = home.join("tree");
    session.workspace.copy_to(&tree)?;
    let command = |net: &str| {
        let task = Task::new(Toolchain::host(session.workspace).program).dir(&tree);
        // What fails says why, and not from where; without the means to say that, compiling takes half as long.
        let task = task.env("RUST_BACKTRACE", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let task = task.env("CARGO_TARGET_DIR", home.join("target"));
        match net {
            BUILD => task.args(["check", "--package", "ntpark"]),
            program => task.args(["test", "--package", "ntpark-verify", "--test", program]),
        }
    };
    session.report.group("faults");
    for net in faults.iter().map(|fault| fault.net.as_str()).collect::<BTreeSet<_>>() {
        let build = command(net).args((net != BUILD).then_some("--no-run"));
        build.run(Output::Keep)?.check().with_context(|| format!("without a fault, {net} is not built"))?;
    }
    for fault in faults {
        session.report.step(&fault.name, || {
            let file = tree.join(&fault.file);
            let sound = fs::read_to_string(&file)?;
            fs::write(&file, fault.seeded(sound.clone()))?;
            let test = ["--", "--exact", &fault.test].into_iter().filter(|_| fault.net != BUILD);
            let finished = command(&fault.net).limit(LIMIT).args(test).run(Output::Keep);
            fs::write(&file, sound)?;
            notice(fault, &finished?)
        })?;
    }
    Ok(())
}

/// Fails unless the fault was noticed, in the words that it names.
fn notice(fault: &Fault, finished: &Finished) -> Result<()> {
    let wrong = match finished.code() {
        None => finished.how(),
        Some(0) => format!("not noticed: {}", fault.slip),
        Some(_) if finished.output.contains(&fault.says) => return Ok(()),
        Some(_) => format!("noticed, but not by saying \"{}\"", fault.says),
    };
    // What is wrong comes first; a trace may follow.
    let lines: Vec<_> = finished.output.lines().take(60).collect();
    bail!("{wrong}\n    {}", lines.join("\n    "))
}
