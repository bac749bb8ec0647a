//! `cargo xtask sanitize`: the tests and the program `stress` under ThreadSanitizer and AddressSanitizer, on this
//! machine.
//!
//! Sanitizers have to see the standard library as well, or they report races that are none: so it is built with
//! them. The runtime libraries are those of the user's own toolchain, since Debian's lacks them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::backend::{BACKEND_VARIABLE, Backend};
use crate::cargo::{Build, What};
use crate::process::Task;
use crate::report::{Counts, Report};
use crate::setup::Setup;
use crate::toolchain::{self, Target};
use crate::verbs::stress;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// One test program. They take up to twenty times as long as without.
const TEST_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Run the tests and the stress program under sanitizers, on this machine
///
/// On x86_64 Linux, on the host backend. Builds everything, the standard library included, with each sanitizer; the
/// first time that takes a few minutes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this sanitizer; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    sanitizer: Vec<Sanitizer>,
    /// How long to run the stress program with each; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
}

/// What watches over the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Sanitizer {
    /// Data races
    Thread,
    /// Use of memory that is freed or was never allocated
    Address,
}

impl Sanitizer {
    /// As rustc calls it, how the name of its runtime library ends, and its settings: a report ends the program,
    /// with an exit code.
    fn details(self) -> (&'static str, &'static str, (&'static str, &'static str)) {
        match self {
            // A second at each program's end, in which threads that go on might still race, is too much for those
            // that end on purpose.
            Self::Thread => ("thread", "_rt.tsan.a", ("TSAN_OPTIONS", "halt_on_error=1:exitcode=66:atexit_sleep_ms=0")),
            // Threads that are parked when a process ends never free what they own: leaks are not looked for.
            Self::Address => {
                let settings = "halt_on_error=1:exitcode=66:detect_leaks=0:detect_stack_use_after_return=1";
                ("address", "_rt.asan.a", ("ASAN_OPTIONS", settings))
            }
        }
    }
}

/// Runs everything with each sanitizer, and fails if one has something to report.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("sanitizers run on x86_64 Linux only");
    }
    let mut setup = Setup::new(workspace);
    let toolchain = setup.needs_source(Target::sanitized());
    setup.carry_out()?;

    let sanitizers = if options.sanitizer.is_empty() { Sanitizer::value_variants() } else { &options.sanitizer };
    let mut report = Report::default();
    for &sanitizer in sanitizers {
        let (name, runtime, (variable, settings)) = sanitizer.details();
        let flags = flags(name, runtime)?;
        let instrumented = |build| Build { rustflags: &flags, profile: None, ..build };
        report.group(format!("{name} sanitizer"));
        for test in instrumented(Build::new("ntpark", What::TestsAlone)).run(workspace, &toolchain)? {
            let task = Task::new(&test.path, TEST_LIMIT).dir(&test.package_dir).env(variable, settings);
            report.program(&test.name, &task.env(BACKEND_VARIABLE, Backend::Host.name()), Counts::of_tests)?;
        }
        if options.seconds > 0 {
            let program = instrumented(stress::PROGRAM).one(workspace, &toolchain)?;
            let task = stress::task(&program, &Runner::native(), Backend::Host, options.seconds);
            report.program("stress", &task.env(variable, settings), Counts::of_program)?;
        }
    }
    report.summary()
}

/// The flags that build programs with a sanitizer, and link them with its runtime library, wherever that lies.
fn flags(name: &str, runtime: &str) -> Result<String> {
    let dir = toolchain::own_libraries().context("rustc does not say where its libraries are")?;
    let files = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |path: &Path| path.to_string_lossy().ends_with(runtime);
    let path = files.find(|path| is_it(path)).with_context(|| {
        format!("there is no *{runtime} in {}: use a Rust that rustup has installed", dir.display())
    })?;
    let link = ["-Wl,--whole-archive", &path.to_string_lossy(), "-Wl,--no-whole-archive"];
    let link: String = link.iter().map(|argument| format!(" -Zpre-link-arg={argument}")).collect();
    Ok(format!("-Zsanitizer={name} -Zexternal-clangrt=yes -Clink-arg=-lm -Clink-arg=-lc{link}"))
}
