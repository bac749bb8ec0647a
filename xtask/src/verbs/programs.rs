//! The verbs that run one of the project's programs: `demo`, `stress`, `probe`.

use crate::prelude::*;

/// One backend's whole run; the longest, of the benchmarks, takes about ten minutes.
const FIGURES_LIMIT: Duration = Duration::from_secs(60 * 60);

pub(crate) mod demo {
    use serde_json::Value;

    use super::*;

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
    pub(crate) fn figures(
        workspace: &Workspace,
        build: Build<'_>,
        options: &Options,
        arguments: &[String],
    ) -> Result<Vec<Value>> {
        let mut runs = Vec::new();
        for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::NT, Target::X86_64)? {
            let (program, runner) = place.program(build)?;
            for backend in backends {
                eprintln!("\n== {}", backend.name());
                // A relative path means the same to a Windows program.
                let dir = tempfile::tempdir()?;
                let task = runner.task(&program.path, FIGURES_LIMIT).dir(dir.path());
                let task = task.args(["--backend", &backend.name(), "--json", "figures.json"]).args(arguments);
                task.args(options.quick.then_some("--quick")).run(Output::Show)?.check()?;
                let text = fs::read_to_string(dir.path().join("figures.json")).context("there are no figures")?;
                runs.push(serde_json::from_str(&text).context("the figures can't be read")?);
            }
        }
        Ok(runs)
    }
}

pub(crate) mod stress {
    use super::*;

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
        let task = runner.task(&program.path, Duration::from_secs(seconds) + GRACE);
        task.args(["--backend", &backend.name(), "--seconds", &seconds.to_string()])
    }
}

pub(crate) mod probe {
    use super::*;

    /// It takes a few seconds.
    const LIMIT: Duration = Duration::from_secs(2 * 60);

    /// Ask this Windows, or Wine, about all that ntpark expects of it
    ///
    /// Builds and runs the example `probe`, and fails if an expectation does not hold. On a Windows without this
    /// checkout, copy the program there: it is the `probe.exe` in the folder `examples` that cargo has built.
    #[derive(clap::Args)]
    pub(crate) struct Options {
        /// The Windows target: x86_64 or i686
        #[arg(long, value_name = "TARGET", value_parser = Target::windows, default_value = "x86_64")]
        target: Target,
        /// Run it under this Wine, as `cargo xtask test --wine` does
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(10..=10))]
        wine: Option<u32>,
        /// Arguments for the program: `--json`, `--backend NAME`
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    }

    pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
        let place = Place::windows(workspace, options.target, options.wine)?;
        let (program, runner) = place.program(Build::new("ntpark", &["build", "--example=probe"]))?;
        runner.task(&program.path, LIMIT).args(&options.arguments).run(Output::Show)?.check().map(drop)
    }
}
