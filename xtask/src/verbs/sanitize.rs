//! `cargo xtask sanitize`: the tests and the example `stress` under ThreadSanitizer and AddressSanitizer, on
//! this machine.
//!
//! Sanitizers have to see the standard library as well, or they report races that are none: so it is built
//! with them, by the toolchain that brings its source, which is Debian's. That one lacks the sanitizers'
//! runtime libraries; those of the user's own toolchain serve.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::backend::Backend;
use crate::cargo::{Build, What};
use crate::process::{Output, Task};
use crate::report::Report;
use crate::setup::{self, Setup};
use crate::toolchain::Target;
use crate::workspace::Workspace;

/// One test program. They take up to twenty times as long as without.
const TEST_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The end of a stress cycle, and what the program needs to notice that it hangs.
const STRESS_GRACE: Duration = Duration::from_secs(5 * 60);
/// Questions that rustc answers from its own files.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);

/// Run the tests and the stress program under sanitizers, on this machine
///
/// On x86_64 Linux, on the host backend. Builds everything, the standard library included, with each
/// sanitizer; the first time that takes a few minutes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this sanitizer; may be given several times
    #[arg(long, value_enum, value_name = "NAME")]
    sanitizer: Vec<Sanitizer>,
    /// How long to run the stress program with each; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// What watches over the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Sanitizer {
    /// Data races
    Thread,
    /// Use of memory that is freed or was never had
    Address,
}

impl Sanitizer {
    /// As rustc calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Address => "address",
        }
    }

    /// How the name of its runtime library ends.
    fn runtime_suffix(self) -> &'static str {
        match self {
            Self::Thread => "_rt.tsan.a",
            Self::Address => "_rt.asan.a",
        }
    }

    /// A report ends the program, with an exit code. A second at each program's end, in which threads that go
    /// on might still race, is too much for those that end on purpose.
    fn settings(self) -> (&'static str, &'static str) {
        match self {
            Self::Thread => ("TSAN_OPTIONS", "halt_on_error=1:exitcode=66:atexit_sleep_ms=0"),
            // Threads that are parked when a process ends never free their stacks' contents: leaks are none of its
            // business here.
            Self::Address => {
                ("ASAN_OPTIONS", "halt_on_error=1:exitcode=66:detect_leaks=0:detect_stack_use_after_return=1")
            }
        }
    }
}

/// Runs everything with each sanitizer, and fails if one has something to report.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("sanitizers run on x86_64 Linux only");
    }
    let mut setup = Setup::new(workspace, &options.setup);
    let toolchain = setup.needs_debian(Target::SANITIZED);
    setup.carry_out()?;

    let sanitizers = if options.sanitizer.is_empty() { Sanitizer::value_variants() } else { &options.sanitizer };
    let mut report = Report::default();
    for &sanitizer in sanitizers {
        let flags = flags(sanitizer)?;
        let build = |what| Build { rustflags: &flags, ..Build::new("ntpark", what) };
        let tests = build(What::TestsAlone).run(workspace, &toolchain)?;
        let (variable, settings) = sanitizer.settings();
        let task = |program: &Path, limit| Task::new(program, limit).env(variable, settings);
        for test in &tests {
            report.step(&format!("{} {}", sanitizer.name(), test.name), || {
                let task =
                    task(&test.path, TEST_LIMIT).dir(&test.package_dir).env("NTPARK_BACKEND", Backend::Host.name());
                task.run(Output::Keep)?.check().map(drop)
            })?;
        }
        if options.seconds > 0 {
            let stress = build(What::Example("stress")).run(workspace, &toolchain)?.pop();
            let stress = stress.context("cargo built no example")?;
            report.step(&format!("{} stress", sanitizer.name()), || {
                let task = task(&stress.path, Duration::from_secs(options.seconds) + STRESS_GRACE);
                task.args(["--seconds", &options.seconds.to_string()]).run(Output::Keep)?.check().map(drop)
            })?;
        }
    }
    report.verdict()
}

/// The flags that build programs with a sanitizer, and link them with a runtime library that rustc doesn't
/// look for itself.
fn flags(sanitizer: Sanitizer) -> Result<String> {
    let runtime = runtime(sanitizer)?;
    let link = ["-Wl,--whole-archive", &runtime.to_string_lossy(), "-Wl,--no-whole-archive"];
    let mut flags = format!("-Zsanitizer={} -Zexternal-clangrt=yes -Clink-arg=-lm -Clink-arg=-lc", sanitizer.name());
    for arg in link {
        flags += " -Zpre-link-arg=";
        flags += arg;
    }
    Ok(flags)
}

/// The runtime library of the toolchain that runs xtask.
fn runtime(sanitizer: Sanitizer) -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let task = Task::new(rustc, QUESTION_LIMIT).args(["--print", "target-libdir"]);
    let dir = task.run(Output::KeepStdout)?.check()?.output;
    let dir = Path::new(dir.trim());
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let runtime = files.find(|path| path.to_string_lossy().ends_with(sanitizer.runtime_suffix()));
    runtime.with_context(|| {
        format!(
            "there is no *{} in {}: use a Rust that rustup has installed",
            sanitizer.runtime_suffix(),
            dir.display()
        )
    })
}
