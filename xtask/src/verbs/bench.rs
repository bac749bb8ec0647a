use super::build_cost;
use super::demo;
use crate::prelude::*;

/// Measure ntpark and its peers side by side, on every backend
///
/// Builds the program under `benches` for Windows and for this machine and runs it on each backend in turn: the NT
/// backends as a Windows program, the host backend natively. A full run takes about half an hour, on a machine that
/// should have nothing else to do; `docs/performance.md` explains what is measured. That a goal is missed is said in
/// its table, and is no error.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure instead what it costs to build a program that uses each peer
    #[arg(long)]
    build_cost: bool,
    /// Write what was measured to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    runs: demo::Options,
    /// Arguments for the program, such as `--rounds N` or `--work NAME`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let measured = if options.build_cost {
        build_cost::measure(workspace)?
    } else {
        let build = Build::release("ntpark-bench", &["build", "--bins", "--features", "newer-peers"]);
        demo::figures(workspace, build, &options.runs, &options.arguments)?
    };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&measured)?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
