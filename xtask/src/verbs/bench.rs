//! `cargo xtask bench`: ntpark and its peers side by side, on every backend.

use serde_json::{Value, json};

use super::build_cost;
use crate::prelude::*;

/// One backend's whole run; the longest takes about ten minutes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Measure ntpark and its peers side by side, on every backend
///
/// Builds the program under `benches` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program, the host backend natively. A full run takes about half an hour, on a machine that
/// should have nothing else to do; `docs/performance.md` explains what is measured. That a goal is missed is told,
/// but is no error.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure instead what it costs to build a program that uses each peer
    #[arg(long)]
    build_cost: bool,
    /// Write what was measured to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show that everything runs, in short rounds that measure nothing well
    #[arg(long)]
    quick: bool,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Arguments for the program, such as `--rounds N` or `--work NAME`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

/// Measures, prints and writes.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let measured = if options.build_cost {
        json!({ "build_cost": build_cost::measure(workspace, options.quick)? })
    } else {
        let (mut runs, mut rows) = (Vec::new(), Vec::new());
        measure(workspace, options, &mut runs, &mut rows)?;
        summary(&rows);
        json!({ "runs": runs, "rows": rows })
    };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&measured)?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Runs the program on each backend, and adds what each run says of itself and its rows.
fn measure(workspace: &Workspace, options: &Options, runs: &mut Vec<Value>, rows: &mut Vec<Value>) -> Result<()> {
    for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::NT, WindowsTarget::X86_64)? {
        let (program, runner) = place.program(Build::release("ntpark-bench", What::Programs))?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            // A relative path means the same to a Windows program.
            let dir = tempfile::tempdir()?;
            let task = runner.task(&program.path, LIMIT).dir(dir.path()).args(options.quick.then_some("--quick"));
            let task = task.args(["--backend", backend.name(), "--json", "rows.json"]).args(&options.arguments);
            task.run(Output::Show)?.check()?;
            let text = fs::read_to_string(dir.path().join("rows.json")).context("the program wrote no rows")?;
            let mut run: Value = serde_json::from_str(&text).context("its rows can't be read")?;
            rows.append(run["rows"].as_array_mut().context("there are no rows")?);
            runs.push(run);
        }
    }
    Ok(())
}

/// Prints the rows that have a goal.
fn summary(rows: &[Value]) {
    let mut missed = 0;
    for row in rows {
        if let (Some(goal), Some(met)) = (row["goal"].as_str(), row["met"].as_bool()) {
            missed += u32::from(!met);
            let [backend, work, subject] = ["backend", "work", "subject"].map(|name| row[name].as_str().unwrap_or("?"));
            let (median, verdict) = (row["median_ns"].as_f64().unwrap_or(f64::NAN), if met { "met" } else { "MISSED" });
            println!("{backend:<13} {work:<17} {subject:<15} {median:>9.1} ns  {goal}: {verdict}");
        }
    }
    println!("{missed} goals are missed.");
}
