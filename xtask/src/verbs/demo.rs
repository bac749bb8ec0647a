use serde_json::Value;

use crate::prelude::*;

/// One backend's whole run; the longest, of the benchmarks, takes about ten minutes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Hand tokens between threads on every backend, and count what is lost, early or late
///
/// Builds the example `handoff` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program (under Wine, unless this is Windows), the host backend natively. Fails if a
/// handoff was lost or a wait ended early.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Shorter rounds, whose times mean little
    #[arg(long)]
    quick: bool,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let build = Build::release("ntpark", &["build", "--example=handoff"]);
    let runs = figures(workspace, build, options, &[])?;
    let names = runs.first().and_then(Value::as_object).context("there are no figures")?.keys();
    println!();
    for name in names {
        let figures = runs.iter().map(|run| run[name].as_str().map_or(run[name].to_string(), str::to_owned));
        println!("{name:<12}{}", figures.map(|figure| format!(" {figure:>16}")).collect::<String>());
    }
    println!("\nNothing was lost, nothing was early.");
    Ok(())
}

/// Runs a program on each backend that was asked for. The figures that each run has written.
pub(crate) fn figures(workspace: &Workspace, build: Build<'_>, asked: &Options, args: &[String]) -> Result<Vec<Value>> {
    let mut figures = Vec::new();
    for (place, backends) in Place::of_backends(workspace, &asked.backend, &Backend::NT, Target::X86_64)? {
        let (program, runner) = place.program(build)?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            // A relative path means the same to a Windows program.
            let dir = tempfile::tempdir()?;
            let task = runner.task(&program.path).limit(LIMIT).dir(dir.path());
            let task = task.args(["--backend", &backend.name(), "--json", "figures.json"]).args(args);
            task.args(asked.quick.then_some("--quick")).run(Output::Show)?.check()?;
            let text = fs::read_to_string(dir.path().join("figures.json")).context("there are no figures")?;
            figures.push(serde_json::from_str(&text).context("the figures can't be read")?);
        }
    }
    Ok(figures)
}
