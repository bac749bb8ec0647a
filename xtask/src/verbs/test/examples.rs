//! The suites of the examples. An example is a program that checks what it shows: it has passed if it ends
//! with success.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{BACKEND_VARIABLE, Row, Session, announce};
use crate::backend::Backend;
use crate::cargo::{self, Build, Program, What};
use crate::libtest::Counts;
use crate::process::Output;
use crate::toolchain::{Target, Toolchain};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// Run elsewhere: the verb `demo` and the suite `stress`.
const ELSEWHERE: [&str; 2] = ["handoff", "stress"];
/// Brings its own backend.
const OWN_KERNEL: &str = "own_kernel";

/// The examples on this machine, on the host backend.
pub(super) fn native(session: &mut Session<'_>) -> Result<()> {
    let (programs, indifferent) = build(session.workspace, &Toolchain::host(session.workspace))?;
    for backend in session.chosen(&[Backend::Host]) {
        run(session, "native", &programs, &Runner::native(), Some(backend))?;
    }
    run(session, "native", &indifferent, &Runner::native(), None)
}

/// The examples as Windows programs, on each NT backend.
pub(super) fn windows(session: &mut Session<'_>) -> Result<()> {
    for (target, toolchain) in session.windows.clone() {
        let (programs, mut indifferent) = build(session.workspace, &toolchain)?;
        indifferent.push(no_crt(session.workspace, &toolchain, target)?);
        let runner = Runner::windows(session.workspace, target)?;
        for backend in session.chosen(&Backend::WINDOWS) {
            run(session, target.name, &programs, &runner, Some(backend))?;
        }
        run(session, target.name, &indifferent, &runner, None)?;
    }
    Ok(())
}

/// Builds the examples: those that can be told a backend, and those that can't.
fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<(Vec<Program>, Vec<Program>)> {
    let mut programs = Build::new("ntpark", What::Examples).run(workspace, toolchain)?;
    programs.retain(|program| !ELSEWHERE.contains(&program.name.as_str()));
    Ok(programs.into_iter().partition(|program| program.name != OWN_KERNEL))
}

/// The one example that is a package of its own.
fn no_crt(workspace: &Workspace, toolchain: &Toolchain, target: Target) -> Result<Program> {
    let manifest = workspace.root().join("examples/no_crt/Cargo.toml");
    let task = toolchain.cargo(workspace, "build").args(["--release", "--message-format=json-render-diagnostics"]);
    let finished = task.arg("--manifest-path").arg(manifest).run(Output::KeepStdout)?.check()?;
    let program = cargo::programs(&finished.output, false)?.pop();
    program.with_context(|| format!("cargo built no program without a C runtime for {}", target.name))
}

/// Runs examples one after the other and adds a row for them.
fn run(
    session: &mut Session<'_>,
    place: &str,
    programs: &[Program],
    runner: &Runner,
    backend: Option<Backend>,
) -> Result<()> {
    let label = format!("examples {place} {}", backend.map_or("as it comes", Backend::name));
    println!("== {label}");
    let start = Instant::now();
    let watchdog = Duration::from_secs(session.options.timeout);
    let mut counts = Counts::default();
    for program in programs {
        announce(&program.name)?;
        let mut task = runner.task(&program.path, watchdog);
        if let Some(backend) = backend {
            task = task.env(BACKEND_VARIABLE, backend.name());
        }
        let finished = task.run(Output::Keep)?;
        println!("{} in {:.1} s", if finished.success() { "ok" } else { "FAILED" }, finished.elapsed.as_secs_f64());
        if finished.success() {
            counts.passed += 1;
        } else {
            counts.failed += 1;
            println!("{}\n{}: {}", finished.output.trim_end(), program.name, finished.how());
        }
    }
    session.rows.push(Row { label, counts, elapsed: start.elapsed() });
    Ok(())
}
