mod c;
mod faults;

use clap::ValueEnum;

use crate::prelude::*;
use crate::verbs::stress;
use crate::verbs::targets::NO_CRT;
use crate::verbs::{kernel, size};

/// A test program that runs longer is stopped, and counted as failed.
const LIMIT: Duration = Duration::from_secs(300);
/// How long the suite `stress` runs on each backend.
const STRESS_SECONDS: u64 = 20;
/// parking_lot's core on ntpark, with tests of parking_lot 0.12 and 0.13.
pub(crate) const PARKING_LOT: [&str; 2] = ["verify/parking_lot/0.9/Cargo.toml", "verify/parking_lot/0.10/Cargo.toml"];

/// Run all tests, on every target and backend
///
/// Prints a line for each test program and, at the end, one for each target and backend. The output of a test
/// program is shown if it failed.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this suite; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    suite: Vec<Suite>,
    /// The Windows target, x86_64 or i686; may be given several times
    #[arg(long, value_name = "TARGET", value_parser = Target::windows, default_value = "x86_64")]
    target: Vec<Target>,
    /// Run the Windows suites under this Wine instead of the one that is installed
    ///
    /// It lies in a Debian of its own under cargo's target directory, which is made if there is none. That takes
    /// root's rights, 0.7 GB and a minute.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(10..=10))]
    wine: Option<u32>,
    /// Only this backend; may be given several times
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Arguments for the test programs, such as a part of a test's name
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Suite {
    /// The crate's tests on this machine, on the host backend
    Native,
    /// The examples in the documentation, on this machine
    Doc,
    /// The examples on this machine, on the host backend
    Examples,
    /// The program `stress` on each backend, for 20 seconds
    Stress,
    /// The crate's tests as Windows programs, on each backend
    Windows,
    /// The examples as Windows programs, on each backend
    WindowsExamples,
    /// parking_lot's locks on ntpark, on each backend
    ParkingLot,
    /// The C interface: its libraries, and C and C++ programs that use them
    C,
    /// The crate's own code on a simulated NT and on hosts that break the rules
    Simulated,
    /// The states that the compile-time model explores, and what the build leaves to a test
    Model,
    /// The crate's own code on a simulated NT, in every interleaving that loom finds
    Loom,
    /// The lot, futexes and locks on a simulated parker, in random orders and in all with few preemptions
    Lot,
    /// Faults that are put into a copy of the sources, each of which the build or a test has to notice; all of them if
    /// this suite is asked for, otherwise those that the build notices
    Faults,
    /// The size of the smallest program, its imports and its stack, against their goals
    Size,
    /// The two kernels on QEMU's boards; with the faults that are seeded in them, if this suite is asked for
    Kernel,
    /// The tests of these commands themselves
    Xtask,
}

impl Suite {
    /// Under another Wine, only what runs as a Windows program is of interest. On Windows there is no host
    /// backend, and "this machine" is what the Windows suites run on.
    fn is_default(self, options: &Options) -> bool {
        match self {
            Self::Windows | Self::WindowsExamples => true,
            Self::Native | Self::Doc | Self::Examples | Self::Kernel => options.wine.is_none() && cfg!(not(windows)),
            _ => options.wine.is_none(),
        }
    }
}

/// A run of this verb.
struct Session<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    report: Report,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut suites = options.suite.clone();
    if suites.is_empty() {
        suites.extend(Suite::value_variants().iter().filter(|suite| suite.is_default(options)));
    }
    let mut session = Session { workspace, options, report: Report::default() };
    for suite in suites {
        match suite {
            Suite::Native => session.tests(&Place::native(workspace))?,
            Suite::Windows => session.windows()?.iter().try_for_each(|place| session.tests(place))?,
            Suite::Examples => session.examples(&Place::native(workspace))?,
            Suite::WindowsExamples => session.windows()?.iter().try_for_each(|place| session.examples(place))?,
            Suite::Stress => session.stress()?,
            Suite::ParkingLot => session.parking_lot()?,
            Suite::Doc => session.doc()?,
            Suite::C => c::run(&mut session)?,
            Suite::Simulated => session.proof(Build::new("ntpark-verify", &["test", "--test=simulated"]))?,
            Suite::Model => session.proof(Build::new("ntpark-verify", &["test", "--test=model"]))?,
            Suite::Loom => session.proof(Build::release("ntpark-verify", &["test", "--test=loom"]))?,
            Suite::Lot => session.proof(Build::new("ntpark-verify", &["test", "--test=lot", "--test=locks"]))?,
            Suite::Faults => faults::run(&mut session)?,
            Suite::Size => size::check(workspace, &mut session.report)?,
            Suite::Kernel => session.kernels()?,
            Suite::Xtask => session.proof(Build::new("xtask", &["test", "--bins"]))?,
        }
    }
    session.report.summary()
}

impl<'a> Session<'a> {
    /// The Windows places that were asked for.
    fn windows(&self) -> Result<Vec<Place<'a>>> {
        self.options.target.iter().map(|&target| Place::windows(self.workspace, target, self.options.wine)).collect()
    }

    /// Windows and, elsewhere, this machine.
    fn places(&self) -> Result<Vec<Place<'a>>> {
        let native = cfg!(not(windows)).then(|| Place::native(self.workspace));
        Ok(self.windows()?.into_iter().chain(native).collect())
    }

    fn tests(&mut self, place: &Place<'_>) -> Result<()> {
        let locks = ["test", "--package=ntpark-locks", "--features=ntpark-locks/critical-section"];
        let mut programs = place.build(Build::new("ntpark", &locks))?;
        if place.backends.contains(&Backend::WaitAddress) {
            programs.extend(place.build(Build::new("ntpark-verify", &["test", "--test=shared_page"]))?);
        }
        self.on_each_backend(&place.name, place, &programs, Counts::of_tests)
    }

    /// An example is a program that checks what it shows: it passes if it ends with success.
    fn examples(&mut self, place: &Place<'_>) -> Result<()> {
        let mut programs = place.build(Build::new("ntpark", &["build", "--examples", "--package=ntpark-locks"]))?;
        // That is `cargo xtask demo`.
        programs.retain(|program| program.name != "handoff");
        if place.backends.contains(&Backend::WaitAddress) {
            programs.extend(place.build(NO_CRT)?);
        }
        self.on_each_backend(&format!("examples {}", place.name), place, &programs, Counts::of_program)
    }

    /// In cargo's own profile, for which std has been built for the other suites; `cargo xtask stress` takes
    /// the release profile.
    fn stress(&mut self) -> Result<()> {
        for place in self.places()? {
            let backends = [Backend::WaitAddress, Backend::KeyedEvent, Backend::Host];
            for backend in self.chosen(&backends).into_iter().filter(|backend| place.backends.contains(backend)) {
                let (program, runner) = place.program(Build { profile: None, ..stress::PROGRAM })?;
                self.report.group(format!("stress {} {}", place.name, backend.name()));
                let task = stress::task(&program, &runner, backend, STRESS_SECONDS);
                self.report.program("stress", &task, Counts::of_program)?;
            }
        }
        Ok(())
    }

    fn parking_lot(&mut self) -> Result<()> {
        for place in self.places()? {
            let mut programs = Vec::new();
            for manifest in PARKING_LOT {
                let tests = Build::new("parking_lot_core", &["test"]);
                programs.extend(place.build(Build { manifest: Some(manifest), ..tests })?);
            }
            self.on_each_backend(&format!("parking_lot {}", place.name), &place, &programs, Counts::of_tests)?;
        }
        Ok(())
    }

    fn doc(&mut self) -> Result<()> {
        self.report.group("documentation");
        let task = Toolchain::host(self.workspace).cargo(self.workspace, "test");
        let task = task.args(["--package=ntpark", "--package=ntpark-locks", "--doc", "--"]).args(&self.options.filter);
        self.report.program("doctests", &task, Counts::of_tests)
    }

    /// Tests of this machine that choose what they run on themselves.
    fn proof(&mut self, build: Build<'_>) -> Result<()> {
        for program in build.run(self.workspace, &Toolchain::host(self.workspace))? {
            self.report.group(&program.name);
            let task = self.task(&program, &Runner::default());
            self.report.program(&program.name, &task, Counts::of_tests)?;
        }
        Ok(())
    }

    /// Where QEMU neither is nor can be installed, the summary says why they did not run, unless they were asked for.
    fn kernels(&mut self) -> Result<()> {
        let is_asked_for = !self.options.suite.is_empty();
        for board in &kernel::BOARDS {
            match board.set_up(self.workspace) {
                Err(reason) if !is_asked_for => self.report.group(format!("kernel, skipped: {reason:#}")),
                toolchain => board.check(self.workspace, &toolchain?, is_asked_for, &mut self.report)?,
            }
        }
        Ok(())
    }

    /// Those of the backends that were asked for; all of them if none was.
    fn chosen(&self, backends: &[Backend]) -> Vec<Backend> {
        let wanted = &self.options.backend;
        backends.iter().copied().filter(|backend| wanted.is_empty() || wanted.contains(backend)).collect()
    }

    fn on_each_backend(&mut self, label: &str, place: &Place<'_>, programs: &[Program], judge: Judge) -> Result<()> {
        for backend in self.chosen(place.backends) {
            self.report.group(format!("{label} {}", backend.name()));
            let runner = place.runner()?;
            for program in programs {
                let task = self.task(program, &runner).env(BACKEND_VARIABLE, backend.name());
                self.report.program(&program.name, &task, judge)?;
            }
        }
        Ok(())
    }

    /// What runs a program as cargo would.
    fn task(&self, program: &Program, runner: &Runner) -> Task {
        let dir = &program.package_dir;
        let task = runner.task(&program.path).limit(LIMIT).dir(dir).env("CARGO_MANIFEST_DIR", dir);
        task.args(&self.options.filter)
    }
}
