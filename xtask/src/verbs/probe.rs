//! `cargo xtask probe`: the example `probe` as a Windows program.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::backend::Backend;
use crate::cargo::{Build, What};
use crate::process::Output;
use crate::setup;
use crate::toolchain::WindowsTarget;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// It takes a few seconds.
const LIMIT: Duration = Duration::from_secs(2 * 60);

/// Ask this Windows, or Wine, about all that ntpark expects of it
///
/// Builds and runs the example `probe`, and fails if an expectation does not hold. On a Windows without this
/// checkout, copy the program there: it is the `probe.exe` in the folder `examples` that cargo has built.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write JSON to standard output, and nothing else
    #[arg(long)]
    json: bool,
    /// Try this backend instead of the best
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Option<Backend>,
    /// Windows target to build for
    #[arg(long, value_enum, value_name = "TARGET", default_value = "x86_64")]
    target: WindowsTarget,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Builds and runs the probe.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let target = options.target.target();
    let toolchain = setup::for_windows_programs(workspace, &options.setup, target)?;
    let program = Build::new("ntpark", What::Example("probe")).run(workspace, &toolchain)?.pop();
    let program = program.context("cargo built no probe")?;
    let mut task = Runner::windows(workspace, target)?.task(&program.path, LIMIT);
    if options.json {
        task = task.arg("--json");
    }
    if let Some(backend) = options.backend {
        task = task.args(["--backend", backend.name()]);
    }
    task.run(Output::Show)?.check()?;
    Ok(())
}
