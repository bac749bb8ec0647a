//! `cargo xtask bench`: ntpark and its peers side by side, on every backend.

mod build_cost;
mod plots;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::prelude::*;

/// One backend's whole run; the longest takes about ten minutes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Measure ntpark and its peers side by side, on every backend
///
/// Builds the program under `benches` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program, the host backend natively. Then measures what it costs to build a program that
/// uses each peer. A full run takes about half an hour, on a machine that should have nothing else to do;
/// `docs/performance.md` explains what is measured. That a goal is missed is told, but is no error.
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
    /// Measure nothing but what building costs
    #[arg(long, conflicts_with = "no_build_cost")]
    only_build_cost: bool,
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
}

/// Measures, prints, writes and draws.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let (mut runs, mut rows) = (Vec::new(), Vec::new());
    if !options.only_build_cost {
        measure(workspace, options, &mut runs, &mut rows)?;
    }
    let build_cost = if options.no_build_cost { Vec::new() } else { build_cost::measure(workspace, options.quick)? };
    let typed: Vec<Row> = rows.iter().map(Row::deserialize).collect::<Result<_, _>>().context("a row is incomplete")?;
    let plots = options.plots.clone().unwrap_or_else(|| workspace.target().join("bench"));
    fs::create_dir_all(&plots).with_context(|| format!("cannot make {}", plots.display()))?;
    for file in plots::draw(&typed, &plots)? {
        println!("drawn: {}", file.display());
    }
    if let Some(file) = &options.json {
        let all = json!({ "runs": runs, "rows": rows, "build_cost": build_cost });
        let text = serde_json::to_string_pretty(&all)?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    summary(&typed);
    Ok(())
}

/// Runs the program on each backend, and adds what each run says of itself and its rows.
fn measure(workspace: &Workspace, options: &Options, runs: &mut Vec<Value>, rows: &mut Vec<Value>) -> Result<()> {
    let works = options.work.iter().map(|work| format!("--work={work}"));
    let rounds = options.rounds.map(|rounds| format!("--rounds={rounds}"));
    let args: Vec<String> = works.chain(rounds).chain(options.quick.then(|| "--quick".to_owned())).collect();
    for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::NT, WindowsTarget::X86_64)? {
        let (program, runner) = place.program(Build::release("ntpark-bench", What::Programs))?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            // A relative path means the same to a Windows program.
            let dir = tempfile::tempdir()?;
            let task = runner.task(&program.path, LIMIT).dir(dir.path()).args(&args);
            task.args(["--backend", backend.name(), "--json", "rows.json"]).run(Output::Show)?.check()?;
            let text = fs::read_to_string(dir.path().join("rows.json")).context("the program wrote no rows")?;
            let mut run: Value = serde_json::from_str(&text).context("its rows can't be read")?;
            rows.append(run["rows"].as_array_mut().context("there are no rows")?);
            runs.push(run);
        }
    }
    Ok(())
}

fn summary(rows: &[Row]) {
    let mut missed = 0;
    for Row { backend, work, subject, median_ns, goal, met, .. } in rows {
        if let (Some(goal), Some(met)) = (goal, met) {
            missed += u32::from(!met);
            let verdict = if *met { "met" } else { "MISSED" };
            println!("{backend:<13} {work:<17} {subject:<15} {median_ns:>9.1} ns  {goal}: {verdict}");
        }
    }
    println!("{missed} goals are missed.");
}
