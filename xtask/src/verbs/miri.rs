use crate::prelude::*;
use crate::toolchain;

/// The tests that Miri can execute: a package, and what of it.
const TESTS: [(&str, &[&str]); 3] =
    [("ntpark", &["--tests"]), ("ntpark-locks", &["--tests"]), ("ntpark-verify", &["--test=simulated"])];

/// The two models of who may use which memory, and the flag that selects each.
const MODELS: [(&str, &str); 2] = [("Stacked Borrows", ""), ("Tree Borrows", "-Zmiri-tree-borrows")];

/// Run tests under Miri, with both of its memory models and many schedules
///
/// Takes rustup's nightly toolchain with Miri, and installs it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many schedules of the threads
    #[arg(long, value_name = "N", default_value_t = 16)]
    seeds: u32,
    /// Arguments for the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let nightly = |program: &str| toolchain::of_rustup(workspace, "nightly", program);
    let miri = nightly("cargo").args(["miri", "--version"]);
    let has_miri = which("rustup").is_ok() && miri.run(Output::Keep).is_ok_and(|finished| finished.success());
    let what = ["toolchain", "install", "nightly", "--profile=minimal", "--component=miri", "--component=rust-src"];
    let is_there = has_miri && toolchain::has_source(&nightly("rustc"));
    if !is_there && !toolchain::rustup_if_it_can(workspace, &what)? {
        return Ok(());
    }
    let mut report = Report::default();
    for (model, flag) in MODELS {
        report.group(format!("miri, {model}"));
        let seeds = options.seeds;
        let flags = format!("-Zmiri-disable-isolation -Zmiri-many-seeds=0..{seeds} -Zmiri-preemption-rate=0.15 {flag}");
        for (package, tests) in TESTS {
            let task = nightly("cargo").args(["miri", "test", "--package", package]).args(tests);
            let task = task.arg("--").args(&options.filter).env("MIRIFLAGS", flags.trim_end());
            let task = task.env("CARGO_TARGET_DIR", workspace.target.join("miri"));
            report.program(package, &task, Counts::of_program)?;
        }
    }
    report.summary()
}
