//! Seeded faults: each is a plausible slip in the product, and one of its nets has to notice it.
//!
//! `cargo test -p ntpark-verify --test faults [-- WORD...]` tries all, or those whose names contain one of the words, or
//! whose net it names: `build`, or a test program. The faults are in `verify/faults`, see [`catalogue`]. For each, the text of the product is changed in a copy of the
//! tree, and the cheapest command is run that has to fail; the program that notices the fault has to say what is
//! expected. Before that, [`coverage`] checks that nothing that must have a fault is without one.

mod catalogue;
mod child;
mod copy;
mod coverage;

use anyhow::{Context as _, Result, bail, ensure};
use catalogue::{Catalogue, Fault, Net};
use copy::Copy;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// For what everything else needs: it may have to compile all dependencies.
const LIMIT_OF_FIRST_BUILD: Duration = Duration::from_secs(1200);
/// For a fault. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(180);
/// How much is shown of what a program has said that should have said something else.
const LINES: usize = 60;
/// The name of the check that nothing is without a fault.
const COVERAGE: &str = "coverage";

fn main() -> Result<()> {
    // Options are the harness's, of which this is none.
    let words: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str, net: &str| {
        words.is_empty() || words.iter().any(|word| name.contains(word.as_str()) || net == word.as_str())
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package lies in no repository")?;
    let catalogue = Catalogue::read(root).map_err(anyhow::Error::msg)?;
    let faults: Vec<_> = catalogue.faults.iter().filter(|fault| is_wanted(&fault.name, fault.net.name())).collect();

    let (mut passed, mut failed) = (0, 0);
    let mut tell = |name: &str, start: Instant, result: Result<()>| {
        *(if result.is_ok() { &mut passed } else { &mut failed }) += 1;
        let verdict = result.map_or_else(|error| format!("FAILED: {error:#}"), |()| "ok".to_owned());
        println!("{name} ... {:.1} s, {verdict}", start.elapsed().as_secs_f64());
        // Whoever waits sees each line when it is there. (If nobody reads them, nothing is lost.)
        let _ = std::io::stdout().flush();
    };
    if is_wanted(COVERAGE, COVERAGE) {
        tell(COVERAGE, Instant::now(), coverage::check(root, &catalogue).map_err(anyhow::Error::msg));
    }
    if !faults.is_empty() {
        let copy = Copy::of(root)?;
        build_all(&copy, &faults)?;
        for fault in faults {
            tell(&fault.name, Instant::now(), notice(&copy, fault));
        }
    }
    ensure!(passed + failed > 0, "no fault's name contains {}", words.join(" or "));
    println!("{passed} passed, {failed} failed");
    ensure!(failed == 0, "not all faults are noticed");
    Ok(())
}

/// Errs unless the fault is noticed by the net that it names, in the words that it names.
fn notice(copy: &Copy, fault: &Fault) -> Result<()> {
    copy.seed(fault)?;
    let (status, output) = child::run(fault.net.command(copy, true), &copy.output, LIMIT)?;
    copy.restore(&fault.file)?;
    let wrong = match status {
        None => format!("no answer within {LIMIT:?}"),
        Some(status) if status.success() => format!("not noticed: {}", fault.slip),
        Some(_) if output.contains(&fault.says) => return Ok(()),
        Some(_) => format!("noticed, but not by saying \"{}\"", fault.says),
    };
    // What is wrong comes first; a trace may follow.
    let lines: Vec<_> = output.lines().take(LINES).collect();
    bail!("{wrong}\n    {}", lines.join("\n    "))
}

impl Net {
    /// The word that selects all faults of the net.
    fn name(&self) -> &str {
        match self {
            Self::Build => "build",
            Self::Test { program, .. } => program,
        }
    }

    /// What has to fail; or, if it is not to `run`, what compiles all that this needs.
    fn command(&self, copy: &Copy, run: bool) -> Command {
        let Self::Test { program, test } = self else { return copy.cargo(["check", "--package", "ntpark"]) };
        let mut command = copy.cargo(["test", "--package", "ntpark-verify", "--test", program]);
        match run {
            true => command.args(["--", "--exact", test]),
            false => command.arg("--no-run"),
        };
        command
    }
}

/// Compiles without a fault what the faults' nets need.
fn build_all(copy: &Copy, faults: &[&Fault]) -> Result<()> {
    let nets: BTreeMap<_, _> = faults.iter().map(|fault| (fault.net.name(), &fault.net)).collect();
    for (name, net) in nets {
        let (status, output) = child::run(net.command(copy, false), &copy.output, LIMIT_OF_FIRST_BUILD)?;
        ensure!(status.is_some_and(|it| it.success()), "without a fault, {name} is not built: {status:?}\n{output}");
    }
    Ok(())
}
