//! `cargo xtask miri`: tests under Miri, which executes them by Rust's own rules of memory.

use crate::prelude::*;
use crate::toolchain;

/// The tests that Miri can execute: a package, and what of it.
const TESTS: [(&str, &[&str]); 2] = [("ntpark", &["--tests"]), ("ntpark-verify", &["--test=simulated"])];

/// The two models of who may use which memory, and the flag that selects each.
const MODELS: [(&str, &str); 2] = [("Stacked Borrows", ""), ("Tree Borrows", "-Zmiri-tree-borrows")];

/// Run tests under Miri, with both of its memory models and many schedules
///
/// Takes rustup's nightly toolchain with Miri, and installs it. Where it can't be had, that is said, and is no
/// error unless `--require` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if Miri can't be had
    #[arg(long)]
    require: bool,
    /// How many schedules of the threads
    #[arg(long, value_name = "N", default_value_t = 16)]
    seeds: u32,
    /// Arguments for the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
}

/// Runs the tests.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Err(reason) = install(workspace) {
        ensure!(!options.require, "miri: not available here: {reason:#}");
        println!("miri: not available here: {reason:#}\n\nmiri: nothing was run");
        return Ok(());
    }
    let mut report = Report::default();
    for (model, flag) in MODELS {
        report.group(format!("miri, {model}"));
        let seeds = options.seeds;
        let flags = format!("-Zmiri-disable-isolation -Zmiri-many-seeds=0..{seeds} -Zmiri-preemption-rate=0.15 {flag}");
        for (package, tests) in TESTS {
            let task = nightly(workspace, "cargo").args(["miri", "test", "--package", package]).args(tests);
            let task = task.arg("--").args(&options.filter).env("MIRIFLAGS", flags.trim_end());
            let task = task.env("CARGO_TARGET_DIR", workspace.target().join("miri"));
            report.program(package, &task, Counts::of_program)?;
        }
    }
    report.summary()
}

fn nightly(workspace: &Workspace, program: &str) -> Task {
    toolchain::of_rustup(workspace, "nightly", program)
}

/// Installs Miri, unless it is there.
fn install(workspace: &Workspace) -> Result<()> {
    let miri = nightly(workspace, "cargo").args(["miri", "--version"]);
    let answers = || on_path("rustup").is_some() && miri.run(Output::Keep).is_ok_and(|finished| finished.success());
    let is_there = || answers() && toolchain::has_source(&nightly(workspace, "rustc"));
    if !is_there() {
        let what = ["--profile", "minimal", "--component", "miri", "--component", "rust-src"];
        toolchain::rustup(workspace, &[&["toolchain", "install", "nightly"], &what[..]].concat())?;
        ensure!(is_there(), "it is missing after its installation");
    }
    Ok(())
}
