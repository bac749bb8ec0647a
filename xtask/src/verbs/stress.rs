use crate::prelude::*;

pub(crate) const PROGRAM: Build<'_> = Build::release("ntpark-verify", &["build", "--example=stress"]);
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
    /// The Windows target: x86_64 or i686
    #[arg(long, value_name = "TARGET", value_parser = Target::windows, default_value = "x86_64")]
    target: Target,
    /// Arguments for the program: `--seed S`, `--scenario NAME`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut failed = Vec::new();
    for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::WINDOWS, options.target)? {
        let (program, runner) = place.program(PROGRAM)?;
        for backend in backends {
            eprintln!("\n== {}", backend.name());
            let task = task(&program, &runner, backend, options.seconds).args(&options.arguments);
            let finished = task.run(Output::Show)?;
            failed.extend((!finished.success()).then(|| format!("{} ({})", backend.name(), finished.how())));
        }
    }
    ensure!(failed.is_empty(), "failed on {}", failed.join(", "));
    Ok(())
}

/// The program on one backend.
pub(crate) fn task(program: &Program, runner: &Runner, backend: Backend, seconds: u64) -> Task {
    let task = runner.task(&program.path).limit(Duration::from_secs(seconds) + GRACE);
    task.args(["--backend", &backend.name(), "--seconds", &seconds.to_string()])
}
