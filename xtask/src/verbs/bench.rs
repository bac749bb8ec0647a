//! `cargo xtask bench`: ntpark and its peers side by side, on every backend.

mod build_cost;
mod plots;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::cargo::{Build, Program, What};
use crate::process::Output;
use crate::setup;
use crate::toolchain::{Target, Toolchain};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// One backend's whole run; the longest takes about ten minutes.
const RUN_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Measure ntpark and its peers side by side, on every backend
///
/// Builds the program under `benches` for Windows and for this machine and runs it on each backend in turn:
/// the NT backends as a Windows program (under Wine, unless this is Windows), the host backend natively. Then
/// measures what it costs to build a program that uses each peer. A full run takes about half an hour, on a
/// machine that should have nothing else to do; `docs/performance.md` explains what is measured. That a goal
/// is missed is told, but is no error.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write all rows to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the figures into DIR, as SVG [default: bench/ under cargo's target directory]
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Show that everything runs, in short rounds that measure nothing well
    #[arg(long)]
    quick: bool,
    /// Rounds of each work; of those whose rounds vary most, several times as many [default: 11; with --quick: 3]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Only this work; may be given several times: token, unpark-nobody, unpark-token, handoff,
    /// handoff-blocking, ring, parked, crowd, first-park
    #[arg(long, value_name = "NAME")]
    work: Vec<String>,
    /// Leave out what building costs
    #[arg(long)]
    no_build_cost: bool,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// What the tables and figures need of a row.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    work: String,
    backend: String,
    subject: String,
    median_ns: f64,
    ratio_to_limit: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
    #[serde(default)]
    quantiles: Vec<[f64; 2]>,
}

/// Measures, prints, writes and draws.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut runs = Vec::new();
    let mut rows = Vec::new();
    let (native, windows): (Vec<Backend>, Vec<Backend>) =
        Backend::asked_for(&options.backend, &Backend::NT).into_iter().partition(|&backend| backend == Backend::Host);
    if !windows.is_empty() {
        let toolchain = setup::for_windows_programs(workspace, &options.setup, Target::X86_64)?;
        let program = build(workspace, &toolchain)?;
        let runner = Runner::windows(workspace, Target::X86_64)?;
        for backend in windows {
            rows.append(&mut one(options, &runner, &program, backend, &mut runs)?);
        }
    }
    if !native.is_empty() {
        let program = build(workspace, &Toolchain::host(workspace))?;
        rows.append(&mut one(options, &Runner::native(), &program, Backend::Host, &mut runs)?);
    }
    let build_cost = if options.no_build_cost { Vec::new() } else { build_cost::measure(workspace, options.quick)? };

    let typed: Vec<Row> = rows.iter().map(Row::deserialize).collect::<Result<_, _>>().context("a row is incomplete")?;
    let plots = options.plots.clone().unwrap_or_else(|| workspace.target().join("bench"));
    fs::create_dir_all(&plots).with_context(|| format!("cannot make {}", plots.display()))?;
    for file in plots::draw(&typed, &plots)? {
        println!("drawn: {}", file.display());
    }
    if let Some(file) = &options.json {
        write(
            file,
            &json!({ "conditions": conditions(options), "runs": runs, "rows": rows, "build_cost": build_cost }),
        )?;
    }
    summary(&typed);
    Ok(())
}

fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<Program> {
    let build = Build { profile: Some("release"), ..Build::new("ntpark-bench", What::Programs) };
    build.run(workspace, toolchain)?.pop().context("cargo built no program")
}

/// Measures on one backend. Adds what the run says of itself to `runs` and returns its rows.
fn one(
    options: &Options,
    runner: &Runner,
    program: &Program,
    backend: Backend,
    runs: &mut Vec<Value>,
) -> Result<Vec<Value>> {
    eprintln!("\n== {}", backend.name());
    // A relative path means the same to a Windows program.
    let dir = tempfile::tempdir()?;
    let mut task = runner.task(&program.path, RUN_LIMIT).dir(dir.path());
    task = task.args(["--backend", backend.name(), "--json", "rows.json"]);
    if options.quick {
        task = task.arg("--quick");
    }
    if let Some(rounds) = options.rounds {
        task = task.args(["--rounds", &rounds.to_string()]);
    }
    for work in &options.work {
        task = task.args(["--work", work]);
    }
    task.run(Output::Show)?.check()?;
    let text = fs::read_to_string(dir.path().join("rows.json")).context("the program wrote no rows")?;
    let mut run: Value = serde_json::from_str(&text).context("its rows can't be read")?;
    let rows = run.as_object_mut().and_then(|run| run.remove("rows")).context("there are no rows")?;
    runs.push(run);
    match rows {
        Value::Array(rows) => Ok(rows),
        _ => anyhow::bail!("the rows are no array"),
    }
}

/// What one has to know of the machine to judge the figures.
fn conditions(options: &Options) -> Value {
    let line_of = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':').map_or(line, |(_, value)| value).trim().to_owned())
    };
    json!({
        "quick": options.quick,
        "host": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        "processor": line_of("/proc/cpuinfo", "model name"),
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": line_of("/proc/version", "Linux"),
        "load_average": line_of("/proc/loadavg", ""),
    })
}

fn write(file: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}

fn summary(rows: &[Row]) {
    println!("\n{:<13} {:<17} {:<15} {:>12}  goal", "backend", "work", "subject", "median");
    let mut missed = 0;
    for row in rows {
        let (Some(goal), Some(met)) = (&row.goal, row.met) else {
            continue;
        };
        missed += u32::from(!met);
        let verdict = if met { "met" } else { "MISSED" };
        let Row { backend, work, subject, median_ns, .. } = row;
        println!("{backend:<13} {work:<17} {subject:<15} {median_ns:>9.1} ns  {goal}: {verdict}");
    }
    println!("\n{}", if missed == 0 { "All goals are met.".to_owned() } else { format!("{missed} goals are missed.") });
}
