//! `cargo xtask stress`: the example `stress` on every backend.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::backend::Backend;
use crate::cargo::{Build, Program, What};
use crate::process::{Finished, Output};
use crate::setup;
use crate::toolchain::{Target, Toolchain, WindowsTarget};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// The program stops after the cycle in which its time is over, and ends itself if nothing moves for 30 s.
const GRACE: Duration = Duration::from_secs(120);

/// Let threads park and unpark each other in every way, on every backend, and count every token
///
/// Builds the example `stress` and runs it on each backend in turn: the NT backends as a Windows program
/// (under Wine, unless this is Windows), the host backend natively. Exits with an error if something was
/// lost, doubled or early, or hangs; the message then holds the command that begins with the very round that
/// failed.
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
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Runs the example on the backends that were asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let backends = Backend::asked_for(&options.backend, &Backend::WINDOWS);
    let target = options.target.target();
    let windows = if backends.iter().any(|&backend| backend != Backend::Host) {
        let toolchain = setup::for_windows_programs(workspace, &options.setup, target)?;
        let stress = Stress::windows(workspace, &toolchain, target, Some("release"))?;
        Some(stress)
    } else {
        None
    };

    let mut args = Vec::new();
    if let Some(seed) = options.seed {
        args.push(format!("--seed={seed}"));
    }
    args.extend(options.scenario.iter().map(|name| format!("--scenario={name}")));

    let mut failed = Vec::new();
    for backend in backends {
        eprintln!("\n== {}", backend.name());
        let native;
        let stress = match &windows {
            Some(stress) if backend != Backend::Host => stress,
            _ => {
                native = Stress::native(workspace, Some("release"))?;
                &native
            }
        };
        let finished = stress.run(backend, options.seconds, &args, Output::KeepStdout)?;
        print!("{}", finished.output);
        if !finished.success() {
            println!("{}: {}", backend.name(), finished.how());
            failed.push(backend.name());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed on {}", failed.join(", "));
}

/// The example, built, and how to run it.
pub(crate) struct Stress {
    program: Program,
    runner: Runner,
}

impl Stress {
    /// As a Windows program.
    ///
    /// # Errors
    /// When it can't be built, or Wine can't be started.
    pub(crate) fn windows(
        workspace: &Workspace,
        toolchain: &Toolchain,
        target: Target,
        profile: Option<&str>,
    ) -> Result<Self> {
        Ok(Self { program: build(workspace, toolchain, profile)?, runner: Runner::windows(workspace, target)? })
    }

    /// As a program of this machine.
    ///
    /// # Errors
    /// When it can't be built.
    pub(crate) fn native(workspace: &Workspace, profile: Option<&str>) -> Result<Self> {
        Ok(Self { program: build(workspace, &Toolchain::host(workspace), profile)?, runner: Runner::native() })
    }

    /// Runs it on one backend.
    ///
    /// # Errors
    /// When it can't be started. How it went is in the result.
    pub(crate) fn run(&self, backend: Backend, seconds: u64, args: &[String], output: Output) -> Result<Finished> {
        let task = self.runner.task(&self.program.path, Duration::from_secs(seconds) + GRACE);
        task.args(["--backend", backend.name(), "--seconds", &seconds.to_string()]).args(args).run(output)
    }
}

fn build(workspace: &Workspace, toolchain: &Toolchain, profile: Option<&str>) -> Result<Program> {
    let build = Build { profile, ..Build::new("ntpark", What::Example("stress")) };
    build.run(workspace, toolchain)?.pop().context("cargo built no example")
}
