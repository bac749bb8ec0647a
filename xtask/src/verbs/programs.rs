//! The verbs that run one of the project's programs on each backend: `demo`, `stress`, `probe`.

use crate::prelude::*;

/// `cargo xtask demo`: the example `handoff`, its figures side by side.
pub(crate) mod demo {
    use serde_json::Value;

    use super::*;

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
        /// Fewer handoffs, laps and timeouts
        #[arg(long)]
        quick: bool,
        /// Only this backend; may be given several times
        #[arg(long, value_enum, value_name = "BACKEND")]
        backend: Vec<Backend>,
    }

    pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
        let mut failed = Vec::new();
        let heading = COLUMNS.map(|(heading, width, _)| format!("{heading:>width$}")).join(" ");
        let mut table = format!("\n{:<17} {heading}\n", "backend");
        for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::NT, WindowsTarget::X86_64)? {
            let (program, runner) = place.program(Build::release("ntpark", What::Example("handoff")))?;
            for backend in backends {
                let name = backend.name();
                eprintln!("\n== {name}");
                // A relative path means the same to a Windows program.
                let dir = tempfile::tempdir()?;
                let task = runner.task(&program.path, LIMIT).dir(dir.path());
                let task = task.args(["--backend", name, "--json", "figures.json"]);
                let finished = task.args(options.quick.then_some("--quick")).run(Output::Show)?;
                let figures: Value = match fs::read_to_string(dir.path().join("figures.json")) {
                    Ok(text) => serde_json::from_str(&text).context("the figures can't be read")?,
                    Err(_) => bail!("{name}: no figures; {}", finished.how()),
                };
                let row = COLUMNS.map(|(_, width, figure)| format!("{:>width$}", cell(figure, &figures[figure])));
                table += &format!("{name:<17} {}\n", row.join(" "));
                failed.extend((!finished.success()).then_some(name));
            }
        }
        println!("{table}");
        ensure!(failed.is_empty(), "failed on {}", failed.join(", "));
        println!("Nothing was lost, nothing was early.");
        Ok(())
    }

    /// Tenths of a microsecond are enough, except where a handoff never reached the system.
    fn cell(name: &str, value: &Value) -> String {
        match (value.as_u64(), value.as_str()) {
            (Some(nanos @ 0..1000), _) if name.ends_with("_ns") => format!("0.{:02} µs", nanos / 10),
            (Some(nanos), _) if name.ends_with("_ns") => format!("{}.{} µs", nanos / 1000, nanos / 100 % 10),
            (Some(number), _) => number.to_string(),
            (_, text) => text.unwrap_or("?").to_owned(),
        }
    }

    #[test]
    fn microseconds_are_cut_not_rounded() {
        for (nanos, text) in [(0, "0.00 µs"), (999, "0.99 µs"), (12_349_999, "12349.9 µs")] {
            assert_eq!(cell("p50_ns", &nanos.into()), text);
        }
    }
}

/// `cargo xtask stress`: the program `stress` of `verify/`.
pub(crate) mod stress {
    use super::*;

    pub(crate) const PROGRAM: Build<'_> = Build::release("ntpark-verify", What::Example("stress"));
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
        /// Seed of the first round [default: random]
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
        /// Only this scenario; may be given several times: ring, pairs, storm, reuse, crowd, monitor
        #[arg(long, value_name = "NAME")]
        scenario: Vec<String>,
        /// The Windows target
        #[arg(long, value_enum, value_name = "TARGET", default_value = "x86_64")]
        target: WindowsTarget,
    }

    pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
        let seed = options.seed.map(|seed| format!("--seed={seed}"));
        let scenarios = options.scenario.iter().map(|name| format!("--scenario={name}"));
        let args: Vec<String> = seed.into_iter().chain(scenarios).collect();
        let mut failed = Vec::new();
        for (place, backends) in Place::of_backends(workspace, &options.backend, &Backend::WINDOWS, options.target)? {
            let (program, runner) = place.program(PROGRAM)?;
            for backend in backends {
                eprintln!("\n== {}", backend.name());
                let finished = task(&program, &runner, backend, options.seconds).args(&args).run(Output::Show)?;
                failed.extend((!finished.success()).then(|| format!("{} ({})", backend.name(), finished.how())));
            }
        }
        ensure!(failed.is_empty(), "failed on {}", failed.join(", "));
        Ok(())
    }

    /// The program on one backend.
    pub(crate) fn task(program: &Program, runner: &Runner, backend: Backend, seconds: u64) -> Task {
        let task = runner.task(&program.path, Duration::from_secs(seconds) + GRACE);
        task.args(["--backend", backend.name(), "--seconds", &seconds.to_string()])
    }
}

/// `cargo xtask probe`: the example `probe`.
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
        /// Windows target to build for
        #[arg(long, value_enum, value_name = "TARGET", default_value = "x86_64")]
        target: WindowsTarget,
        /// Run it under this Wine, as `cargo xtask test --wine` does
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(10..=10))]
        wine: Option<u32>,
        /// Arguments for the program: `--json`, `--backend NAME`
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    }

    pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
        let place = Place::windows(workspace, options.target, options.wine)?;
        let (program, runner) = place.program(Build::new("ntpark", What::Example("probe")))?;
        runner.task(&program.path, LIMIT).args(&options.arguments).run(Output::Show)?.check().map(drop)
    }
}
