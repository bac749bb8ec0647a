//! Sanitizers have to see the standard library as well, or they report races that are none: so it is built with
//! them. The runtime libraries are those of the user's own toolchain, since Debian's lacks them.

use crate::prelude::*;
use crate::toolchain;
use crate::verbs::stress;

/// One test program. They take up to twenty times as long as without.
const TEST_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Run the tests and the stress program under sanitizers, on this machine
///
/// On x86_64 Linux, on the host backend. Builds everything, the standard library included, with each sanitizer; the
/// first time that takes a few minutes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long to run the stress program with each; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
}

/// For each, its name, how the name of its runtime library ends, and its settings.
const SANITIZERS: [(&str, &str, &str, &str); 2] = [
    // A second at each program's end, in which threads that go on might still race, is too much for those that end on
    // purpose.
    ("thread", "_rt.tsan.a", "TSAN_OPTIONS", "atexit_sleep_ms=0"),
    // Threads that are parked when a process ends never free what they own: leaks are not looked for.
    ("address", "_rt.asan.a", "ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=1"),
];

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "sanitizers run on x86_64 Linux only");
    let mut setup = Setup::new(workspace);
    let mut toolchain = setup.needs_source(Target::SANITIZED);
    setup.carry_out()?;

    let mut report = Report::default();
    for (name, runtime, variable, settings) in SANITIZERS {
        toolchain.rustflags = flags(name, runtime)?;
        // A report ends the program.
        let settings = format!("halt_on_error=1:exitcode=66:{settings}");
        report.group(format!("{name} sanitizer"));
        let build = Build::new("ntpark", &["test", "--lib", "--tests", "--package=ntpark-locks"]);
        for test in build.run(workspace, &toolchain)? {
            let task = Task::new(&test.path).limit(TEST_LIMIT).dir(&test.package_dir).env(variable, &settings);
            report.program(&test.name, &task.env(BACKEND_VARIABLE, Backend::Host.name()), Counts::of_tests)?;
        }
        if options.seconds > 0 {
            let program = Build { profile: None, ..stress::PROGRAM }.one(workspace, &toolchain)?;
            let task = stress::task(&program, &Runner::default(), Backend::Host, options.seconds);
            report.program("stress", &task.env(variable, &settings), Counts::of_program)?;
        }
    }
    report.summary()
}

/// The flags that build programs with a sanitizer, and link them with its runtime library, wherever that lies.
fn flags(name: &str, runtime: &str) -> Result<String> {
    let dir = toolchain::ask(&toolchain::own_rustc(), &["target-libdir"]).context("rustc knows no libraries")?;
    let mut files = fs::read_dir(&dir)?.filter_map(|entry| Some(entry.ok()?.path().display().to_string()));
    let path = files.find(|path| path.ends_with(runtime));
    let path = path.with_context(|| format!("no *{runtime} in {dir}: use a Rust that rustup has installed"))?;
    let link = ["-Wl,--whole-archive", &path, "-Wl,--no-whole-archive"];
    let link: String = link.iter().map(|argument| format!(" -Zpre-link-arg={argument}")).collect();
    Ok(format!("-Zsanitizer={name} -Zexternal-clangrt=yes -Clink-arg=-lm -Clink-arg=-lc{link}"))
}
