//! `cargo xtask demo`: the example `handoff` on every backend, its figures side by side.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::cargo::{Build, Program, What};
use crate::place::Place;
use crate::process::Output;
use crate::toolchain::WindowsTarget;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// One backend's whole run. Keyed events under Wine are the slowest, well below a minute.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The columns of the summary: the heading, its width, and the figure, in nanoseconds if it is named so.
const COLUMNS: [(&str, usize, &str); 12] = [
    ("chosen", 9, "chosen"),
    ("target", 15, "target"),
    ("handoffs", 8, "handoffs"),
    ("lost", 5, "lost"),
    ("laps", 5, "ring_laps"),
    ("timeouts", 8, "timeouts"),
    ("early", 5, "early"),
    ("latest", 10, "late_max_ns"),
    ("races", 6, "race_rounds"),
    ("lost", 5, "race_lost"),
    ("p50", 9, "p50_ns"),
    ("p99", 9, "p99_ns"),
];

/// Hand tokens between threads on every backend, and count what is lost, early or late
///
/// Builds the example `handoff` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program (under Wine, unless this is Windows), the host backend natively. Fails if a
/// handoff was lost or a wait ended early.
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
}

/// Runs the demo.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut figures = Vec::new();
    let mut failed = Vec::new();
    let heading = COLUMNS.map(|(heading, width, _)| format!("{heading:>width$}")).join(" ");
    let mut table = format!("\n{:<17} {heading}\n", "backend");
    for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::NT, WindowsTarget::X86_64)? {
        let (program, runner) = place.program(Build::release("ntpark", What::Example("handoff")))?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            let (of_backend, is_content) = one(options, &runner, &program, backend)?;
            let row = COLUMNS.map(|(_, width, name)| format!("{:>width$}", cell(name, &of_backend[name])));
            table += &format!("{:<17} {}\n", backend.name(), row.join(" "));
            if !is_content {
                failed.push(backend.name());
            }
            figures.push(of_backend);
        }
    }
    println!("{table}");
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "backends": figures }))?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    if !failed.is_empty() {
        bail!("failed on {}", failed.join(", "));
    }
    println!("Nothing was lost, nothing was early.");
    Ok(())
}

/// Runs the example on one backend: its figures, and whether it is content with them.
fn one(options: &Options, runner: &Runner, program: &Program, backend: Backend) -> Result<(Value, bool)> {
    // A relative path means the same to a Windows program.
    let dir = tempfile::tempdir()?;
    let task = runner.task(&program.path, LIMIT).dir(dir.path());
    let task = task.args(["--backend", backend.name(), "--json", "figures.json"]);
    let finished = task.args(options.quick.then_some("--quick")).run(Output::Show)?;
    let text = fs::read_to_string(dir.path().join("figures.json"));
    let text = text.with_context(|| format!("{}: no figures; {}", backend.name(), finished.how()))?;
    Ok((serde_json::from_str(&text).context("its figures can't be read")?, finished.success()))
}

fn cell(name: &str, value: &Value) -> String {
    match (value.as_u64(), value.as_str()) {
        (Some(number), _) if name.ends_with("_ns") => microseconds(number),
        (Some(number), _) => number.to_string(),
        (_, text) => text.unwrap_or("?").to_owned(),
    }
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
    use super::microseconds;

    #[test]
    fn microseconds_are_cut_not_rounded() {
        for (nanoseconds, text) in [(0, "0.00 µs"), (90, "0.09 µs"), (999, "0.99 µs"), (12_349_999, "12349.9 µs")] {
            assert_eq!(microseconds(nanoseconds), text);
        }
    }
}
