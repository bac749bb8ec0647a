//! `cargo xtask test`: every suite, on every target and backend.
//!
//! A suite is a function that returns rows; to add one, add a variant of [`Suite`], its description and its
//! function.

mod c;
mod examples;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::backend::Backend;
use crate::cargo::{Build, LOOM, Program, What};
use crate::libtest::{self, Counts};
use crate::process::{Finished, Output, Task};
use crate::setup::{self, Setup};
use crate::toolchain::{Target, Toolchain, WindowsTarget};
use crate::verbs::stress::Stress;
use crate::verbs::{mutants, size};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// Selects the backend in the test programs.
const BACKEND_VARIABLE: &str = "NTPARK_BACKEND";
/// How long the suite `stress` runs on each backend.
const STRESS_SECONDS: u64 = 20;

/// Run all tests, on every target and backend
///
/// Prints a line for each test program and, at the end, one for each target and backend. The output of a test
/// program is shown if it failed.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this suite; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    suite: Vec<Suite>,
    /// List the suites and stop
    #[arg(long)]
    list: bool,
    /// Windows target to test; may be given several times [default: x86_64]
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Vec<WindowsTarget>,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Stop a test program that runs longer than this, and count it as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Arguments for the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Suite {
    /// The crate's tests on this machine, on the host backend
    Native,
    /// The examples in the documentation, on this machine
    Doc,
    /// The crate's tests as Windows programs, on each NT backend
    Windows,
    /// The examples in the documentation, as Windows programs
    WindowsDoc,
    /// The example `stress` on each backend, for 20 seconds
    Stress,
    /// The examples on this machine, on the host backend
    Examples,
    /// The examples as Windows programs, on each NT backend
    WindowsExamples,
    /// The C interface: its libraries, and C and C++ programs that use them
    C,
    /// The crate's own code on a simulated NT, in every interleaving that loom finds
    Loom,
    /// The faults that the compile-time model, or loom, has to reject
    Mutants,
    /// The size of the smallest program, its imports and its stack, against their goals
    Size,
    /// The tests of these commands themselves
    Xtask,
}

impl Suite {
    /// On Windows, there is no host backend, and "this machine" is what the Windows suites run on.
    fn is_covered_here(self) -> bool {
        cfg!(windows) && matches!(self, Self::Native | Self::Doc | Self::Examples)
    }

    /// Whether it runs Windows programs.
    fn is_windows(self) -> bool {
        matches!(self, Self::Windows | Self::WindowsDoc | Self::Stress | Self::WindowsExamples)
    }
}

/// A line of the summary: what was tested where, and what came of it.
struct Row {
    label: String,
    counts: Counts,
    elapsed: Duration,
}

/// A run of this verb.
struct Session<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    /// The Windows targets, each with the toolchain that builds it; empty if no suite needs any.
    windows: Vec<(Target, Toolchain)>,
    rows: Vec<Row>,
}

/// Runs the tests.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.list {
        for suite in Suite::value_variants() {
            let value = suite.to_possible_value().expect("no suite is hidden");
            println!("{:<17} {}", value.get_name(), value.get_help().map(ToString::to_string).unwrap_or_default());
        }
        return Ok(());
    }
    let suites = match options.suite.as_slice() {
        [] => Suite::value_variants().iter().copied().filter(|suite| !suite.is_covered_here()).collect(),
        wanted => wanted.to_vec(),
    };
    let mut session = Session { workspace, options, windows: Vec::new(), rows: Vec::new() };
    if suites.iter().any(|suite| suite.is_windows()) {
        session.set_windows_up()?;
    }
    for suite in suites {
        match suite {
            Suite::Native => session.native()?,
            Suite::Doc => session.doc()?,
            Suite::Windows => session.windows()?,
            Suite::WindowsDoc => session.windows_doc()?,
            Suite::Stress => session.stress()?,
            Suite::Examples => examples::native(&mut session)?,
            Suite::WindowsExamples => examples::windows(&mut session)?,
            Suite::C => c::run(&mut session)?,
            Suite::Loom => session.loom()?,
            Suite::Mutants => session.mutants()?,
            Suite::Size => session.size()?,
            Suite::Xtask => session.xtask()?,
        }
    }
    session.summary()
}

impl Session<'_> {
    fn set_windows_up(&mut self) -> Result<()> {
        let mut setup = Setup::new(self.workspace, &self.options.setup);
        let targets = if self.options.target.is_empty() { &[WindowsTarget::X86_64][..] } else { &self.options.target };
        for target in targets {
            let target = target.target();
            setup.needs_linker(target);
            setup.needs_wine(target);
            self.windows.push((target, setup.needs_target(target)?));
        }
        setup.carry_out()
    }

    fn native(&mut self) -> Result<()> {
        let programs = Build::new("ntpark", What::Tests).run(self.workspace, &Toolchain::host(self.workspace))?;
        for backend in self.chosen(&[Backend::Host]) {
            self.programs(&format!("native {}", backend.name()), &programs, &Runner::native(), Some(backend))?;
        }
        Ok(())
    }

    fn doc(&mut self) -> Result<()> {
        let task = Toolchain::host(self.workspace).cargo(self.workspace, "test");
        self.doctests("native doctests", task)
    }

    fn windows(&mut self) -> Result<()> {
        for (target, toolchain) in self.windows.clone() {
            let programs = Build::new("ntpark", What::Tests).run(self.workspace, &toolchain)?;
            for backend in self.chosen(&Backend::WINDOWS) {
                let runner = Runner::windows(self.workspace, target)?;
                self.programs(&format!("{} {}", target.name, backend.name()), &programs, &runner, Some(backend))?;
            }
        }
        Ok(())
    }

    fn windows_doc(&mut self) -> Result<()> {
        for (target, toolchain) in self.windows.clone() {
            let runner = Runner::windows(self.workspace, target)?;
            let mut task = toolchain.cargo(self.workspace, "test");
            if let Some(triple) = toolchain.triple() {
                task = runner.as_cargo_runner(task, triple);
            }
            self.doctests(&format!("{} doctests", target.name), task)?;
        }
        Ok(())
    }

    /// In cargo's own profile, for which std has been built for the other suites; `cargo xtask stress` takes
    /// the release profile.
    fn stress(&mut self) -> Result<()> {
        for backend in self.chosen(&[Backend::Host]) {
            let stress = Stress::native(self.workspace, None)?;
            self.stress_on("native", &stress, backend)?;
        }
        for (target, toolchain) in self.windows.clone() {
            let backends = self.chosen(&[Backend::WaitAddress, Backend::KeyedEvent]);
            if !backends.is_empty() {
                let stress = Stress::windows(self.workspace, &toolchain, target, None)?;
                for backend in backends {
                    self.stress_on(target.name, &stress, backend)?;
                }
            }
        }
        Ok(())
    }

    fn stress_on(&mut self, target: &str, stress: &Stress, backend: Backend) -> Result<()> {
        let label = format!("{target} {} stress", backend.name());
        println!("== {label}");
        announce("stress")?;
        let finished = stress.run(backend, STRESS_SECONDS, &[], Output::Keep)?;
        let counts = if finished.success() {
            // The last line sums all scenarios up.
            println!("ok: {}", finished.output.trim_end().lines().next_back().unwrap_or_default());
            Counts { passed: 1, ..Counts::default() }
        } else {
            println!("FAILED\n{}\n{}", finished.output.trim_end(), finished.how());
            Counts { failed: 1, ..Counts::default() }
        };
        self.rows.push(Row { label, counts, elapsed: finished.elapsed });
        Ok(())
    }

    fn loom(&mut self) -> Result<()> {
        let build = Build { rustflags: LOOM, ..Build::new("ntpark", What::LibraryTests) };
        let programs = build.run(self.workspace, &Toolchain::host(self.workspace))?;
        self.programs("loom", &programs, &Runner::native(), None)
    }

    fn mutants(&mut self) -> Result<()> {
        println!("== seeded faults");
        let start = Instant::now();
        let counts = mutants::seeded(self.workspace)?;
        self.rows.push(Row { label: "seeded faults".to_owned(), counts, elapsed: start.elapsed() });
        Ok(())
    }

    fn size(&mut self) -> Result<()> {
        println!("== size");
        let start = Instant::now();
        let mut counts = Counts::default();
        for item in size::core(self.workspace, &self.options.setup)? {
            println!("{}", item.line());
            match item.met {
                Some(true) => counts.passed += 1,
                Some(false) => counts.failed += 1,
                None => {}
            }
        }
        self.rows.push(Row { label: "size".to_owned(), counts, elapsed: start.elapsed() });
        Ok(())
    }

    fn xtask(&mut self) -> Result<()> {
        let programs = Build::new("xtask", What::UnitTests).run(self.workspace, &Toolchain::host(self.workspace))?;
        self.programs("xtask", &programs, &Runner::native(), None)
    }

    /// Those of the backends that were asked for; all of them if none was.
    fn chosen(&self, backends: &[Backend]) -> Vec<Backend> {
        let wanted = &self.options.backend;
        backends.iter().copied().filter(|backend| wanted.is_empty() || wanted.contains(backend)).collect()
    }

    /// Runs test programs one after the other and adds a row for them.
    fn programs(&mut self, label: &str, programs: &[Program], runner: &Runner, backend: Option<Backend>) -> Result<()> {
        println!("== {label}");
        let start = Instant::now();
        let watchdog = Duration::from_secs(self.options.timeout);
        let mut counts = Counts::default();
        for program in programs {
            // As cargo runs them.
            let dir = &program.package_dir;
            let mut task = runner.task(&program.path, watchdog).dir(dir).env("CARGO_MANIFEST_DIR", dir);
            task = task.args(&self.options.filter);
            if let Some(backend) = backend {
                task = task.env(BACKEND_VARIABLE, backend.name());
            }
            announce(&program.name)?;
            counts += judge(&program.name, &task.run(Output::Keep)?);
        }
        self.rows.push(Row { label: label.to_owned(), counts, elapsed: start.elapsed() });
        Ok(())
    }

    /// Lets cargo run the crate's doctests and adds a row for them.
    fn doctests(&mut self, label: &str, task: Task) -> Result<()> {
        println!("== {label}");
        let task = task.args(["--package", "ntpark", "--doc", "--"]).args(&self.options.filter);
        announce("doctests")?;
        let finished = task.run(Output::Keep)?;
        let counts = if finished.success() && libtest::counts(&finished.output).is_none() {
            println!("left out: before 1.89, cargo runs no doctests of another target");
            Counts::default()
        } else {
            judge("doctests", &finished)
        };
        self.rows.push(Row { label: label.to_owned(), counts, elapsed: finished.elapsed });
        Ok(())
    }

    fn summary(&self) -> Result<()> {
        println!();
        let mut sum = Counts::default();
        for Row { label, counts, elapsed } in &self.rows {
            println!("{label:<32} {} in {:.1} s", in_words(*counts), elapsed.as_secs_f64());
            sum += *counts;
        }
        println!("\n{} passed, {} failed", sum.passed, sum.failed);
        if sum.failed > 0 {
            bail!("tests failed");
        }
        if sum.passed == 0 {
            bail!("no test was run");
        }
        Ok(())
    }
}

/// Begins the line of one test program, which may take its time.
fn announce(name: &str) -> Result<()> {
    print!("{name:<28} ");
    Ok(std::io::stdout().flush()?)
}

/// Ends the line of one test program, and adds its output if it failed. One that ends without a verdict, or
/// with a verdict that its exit code contradicts, has failed.
fn judge(name: &str, finished: &Finished) -> Counts {
    let counts = match libtest::counts(&finished.output) {
        Some(counts) if finished.success() == (counts.failed == 0) => counts,
        verdict => {
            let counts = verdict.unwrap_or_default();
            Counts { failed: counts.failed.max(1), ..counts }
        }
    };
    println!("{} in {:.1} s", in_words(counts), finished.elapsed.as_secs_f64());
    if counts.failed > 0 {
        println!("{}\n{name}: {}", finished.output.trim_end(), finished.how());
    }
    counts
}

fn in_words(counts: Counts) -> String {
    let mut words = format!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.ignored > 0 {
        words += &format!(", {} ignored", counts.ignored);
    }
    words
}
