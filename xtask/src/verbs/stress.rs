//! `cargo xtask stress`: the program `stress` on every backend.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::backend::Backend;
use crate::cargo::{Build, Program, What};
use crate::place::Place;
use crate::process::{Output, Task};
use crate::toolchain::WindowsTarget;
use crate::wine::Runner;
use crate::workspace::Workspace;

pub(crate) const PROGRAM: Build<'_> = Build::release("ntpark-verify", What::Example("stress"));
/// The program stops after the cycle in which its time is up, and ends itself if nothing moves for 30 s.
const GRACE: Duration = Duration::from_secs(120);

/// Let threads park and unpark each other in every way, on every backend, and count every token
///
/// Runs the program `stress` on each backend in turn: the NT backends as a Windows program, the host backend
/// natively. Fails if something was lost, doubled or early, or hangs; the message then holds the command that
/// begins with the very round that failed.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long, on each backend
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Seed of the first round [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Only this scenario; may be given several times: ring, pairs, storm, reuse, crowd, monitor
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// The Windows target
    #[arg(long, value_enum, value_name = "TARGET", default_value = "x86_64")]
    target: WindowsTarget,
}

/// Runs the program on the backends that were asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let seed = options.seed.map(|seed| format!("--seed={seed}"));
    let scenarios = options.scenario.iter().map(|name| format!("--scenario={name}"));
    let args: Vec<String> = seed.into_iter().chain(scenarios).collect();
    let mut failed = Vec::new();
    for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::WINDOWS, options.target)? {
        let (program, runner) = place.program(PROGRAM)?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            let finished = task(&program, &runner, backend, options.seconds).args(&args).run(Output::Show)?;
            if !finished.success() {
                failed.push(format!("{} ({})", backend.name(), finished.how()));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed on {}", failed.join(", ")) }
}

/// The program on one backend.
pub(crate) fn task(program: &Program, runner: &Runner, backend: Backend, seconds: u64) -> Task {
    let task = runner.task(&program.path, Duration::from_secs(seconds) + GRACE);
    task.args(["--backend", backend.name(), "--seconds", &seconds.to_string()])
}
