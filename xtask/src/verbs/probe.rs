//! `cargo xtask probe`: the example `probe` as a Windows program.

use std::time::Duration;

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{Build, What};
use crate::place::Place;
use crate::process::Output;
use crate::toolchain::WindowsTarget;
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
    /// Run it under this Wine, as `cargo xtask test --wine` does
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(10..=10))]
    wine: Option<u32>,
}

/// Builds and runs the probe.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let place = Place::windows(workspace, options.target, options.wine)?;
    let (program, runner) = place.program(Build::new("ntpark", What::Example("probe")))?;
    let json = options.json.then_some("--json".to_owned());
    let backend = options.backend.map(|backend| format!("--backend={}", backend.name()));
    runner.task(&program.path, LIMIT).args(json).args(backend).run(Output::Show)?.check().map(drop)
}
