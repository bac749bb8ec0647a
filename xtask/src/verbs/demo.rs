//! `cargo xtask demo`: the example `handoff` on every backend, its figures side by side.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::cargo::{Build, Program, What};
use crate::process::Output;
use crate::setup;
use crate::toolchain::{Target, Toolchain};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// One backend's whole run. Keyed events under Wine are the slowest, well below a minute.
const RUN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Hand tokens between threads on every backend, and count what is lost, early or late
///
/// Builds the example `handoff` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program (under Wine, unless this is Windows), the host backend natively. Exits with
/// an error if a handoff was lost or a wait ended early.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the figures of all backends to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fewer handoffs, laps and timeouts
    #[arg(long)]
    quick: bool,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// The figures of one backend that the summary shows; the example writes some more.
#[derive(Deserialize)]
struct Figures {
    chosen: String,
    target: String,
    handoffs: u64,
    lost: u64,
    ring_laps: u64,
    timeouts: u64,
    early: u64,
    late_max_ns: u64,
    race_rounds: u64,
    race_lost: u64,
    p50_ns: u64,
    p99_ns: u64,
}

/// Runs the demo.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let (native, windows): (Vec<Backend>, Vec<Backend>) =
        Backend::asked_for(&options.backend, &Backend::NT).into_iter().partition(|&backend| backend == Backend::Host);

    let mut ways = Vec::new();
    if !windows.is_empty() {
        let toolchain = setup::for_windows_programs(workspace, &options.setup, Target::X86_64)?;
        let program = build(workspace, &toolchain)?;
        ways.push((windows, program, Runner::windows(workspace, Target::X86_64)?));
    }
    if !native.is_empty() {
        let program = build(workspace, &Toolchain::host(workspace))?;
        ways.push((native, program, Runner::native()));
    }

    let mut results = Vec::new();
    for (backends, program, runner) in &ways {
        for &backend in backends {
            eprintln!("\n== {}", backend.name());
            results.push((backend, one(options, runner, program, backend)));
        }
    }

    if let Some(file) = &options.json {
        let figures: Vec<&Value> =
            results.iter().filter_map(|(_, result)| Some(&result.as_ref().ok()?.figures)).collect();
        let text = serde_json::to_string_pretty(&json!({ "backends": figures }))?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    summary(&results)
}

fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<Program> {
    let build = Build { profile: Some("release"), ..Build::new("ntpark", What::Example("handoff")) };
    build.run(workspace, toolchain)?.pop().context("cargo built no example")
}

/// What came of one backend's run.
struct Done {
    figures: Value,
    verdict: Result<()>,
}

/// Runs the example on one backend. It is an error if it wrote no figures; if it did, the verdict says
/// whether it was content.
fn one(options: &Options, runner: &Runner, program: &Program, backend: Backend) -> Result<Done> {
    // A relative path means the same to a Windows program.
    let dir = tempfile::tempdir()?;
    let mut task = runner.task(&program.path, RUN_LIMIT).dir(dir.path());
    task = task.args(["--backend", backend.name(), "--json", "figures.json"]);
    if options.quick {
        task = task.arg("--quick");
    }
    let finished = task.run(Output::Show)?;
    let text = match fs::read_to_string(dir.path().join("figures.json")) {
        Ok(text) => text,
        Err(_) => bail!("no figures; {}", finished.how()),
    };
    let figures = serde_json::from_str(&text).context("its figures can't be read")?;
    Ok(Done { figures, verdict: finished.check().map(drop) })
}

/// Prints a line for each backend.
fn summary(results: &[(Backend, Result<Done>)]) -> Result<()> {
    println!();
    println!(
        "{:<17} {:<9} {:<15} {:>8} {:>5} {:>5} {:>8} {:>5} {:>10} {:>6} {:>5} {:>9} {:>9}",
        "backend",
        "chosen",
        "target",
        "handoffs",
        "lost",
        "laps",
        "timeouts",
        "early",
        "latest",
        "races",
        "lost",
        "p50",
        "p99"
    );
    let mut failed = Vec::new();
    for (backend, result) in results {
        let name = backend.name();
        let row = result.as_ref().map_err(|error| format!("{error:#}")).and_then(|done| {
            let figures =
                Figures::deserialize(&done.figures).map_err(|error| format!("its figures are incomplete: {error}"))?;
            if done.verdict.is_err() {
                failed.push(name);
            }
            Ok(figures)
        });
        match row {
            Ok(f) => println!(
                "{name:<17} {:<9} {:<15} {:>8} {:>5} {:>5} {:>8} {:>5} {:>10} {:>6} {:>5} {:>9} {:>9}",
                f.chosen,
                f.target,
                f.handoffs,
                f.lost,
                f.ring_laps,
                f.timeouts,
                f.early,
                microseconds(f.late_max_ns),
                f.race_rounds,
                f.race_lost,
                microseconds(f.p50_ns),
                microseconds(f.p99_ns)
            ),
            Err(reason) => {
                println!("{name:<17} failed: {reason}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        println!("\nNothing was lost, nothing was early.");
        return Ok(());
    }
    bail!("failed on {}", failed.join(", "));
}

/// Tenths of a microsecond are enough, except where a handoff never reached the system.
fn microseconds(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1000 => format!("0.{:02} µs", nanoseconds / 10),
        _ => format!("{}.{} µs", nanoseconds / 1000, nanoseconds / 100 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_cut_not_rounded() {
        assert_eq!(microseconds(0), "0.00 µs");
        assert_eq!(microseconds(90), "0.09 µs");
        assert_eq!(microseconds(999), "0.99 µs");
        assert_eq!(microseconds(1_999), "1.9 µs");
        assert_eq!(microseconds(12_340_000), "12340.0 µs");
    }
}
