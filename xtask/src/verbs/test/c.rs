//! The suite of the C interface: the header, what the libraries hold, and the programs of `ffi/tests`, which
//! CMake builds and ctest runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Row, Session, announce, judge};
use crate::c_library::{Flavour, LLD};
use crate::cargo::{Build, What};
use crate::coff::{Image, Symbols};
use crate::libtest::Counts;
use crate::process::{Output, Task};
use crate::setup::{Setup, Tool};
use crate::toolchain::{Toolchain, WindowsTarget};
use crate::verbs::header;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// Compiling all programs, or running them all, on a slow machine. Each test has a limit of its own.
const LIMIT: Duration = Duration::from_secs(30 * 60);

const TOOLS: [Tool; 4] = [
    Tool { program: "cmake", package: "cmake", purpose: "CMake and ctest, to build C programs and run them" },
    Tool { program: "ninja", package: "ninja-build", purpose: "Ninja, which CMake uses" },
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to compile as for Microsoft's C" },
    Tool { program: "pkg-config", package: "pkgconf", purpose: "pkg-config, to build a project that uses ntpark" },
];

/// What C programs for a target are made with.
struct Width {
    target: WindowsTarget,
    gnu: Flavour,
    msvc: Flavour,
    /// The prefix of mingw-w64's programs.
    mingw: &'static str,
    package: &'static str,
}

const WIDTHS: [Width; 2] = [
    Width {
        target: WindowsTarget::X86_64,
        gnu: Flavour::X86_64Gnu,
        msvc: Flavour::X86_64Msvc,
        mingw: "x86_64-w64-mingw32",
        package: "g++-mingw-w64-x86-64-win32",
    },
    Width {
        target: WindowsTarget::I686,
        gnu: Flavour::I686Gnu,
        msvc: Flavour::I686Msvc,
        mingw: "i686-w64-mingw32",
        package: "g++-mingw-w64-i686-win32",
    },
];

/// Runs it on each Windows target that was asked for.
pub(super) fn run(session: &mut Session<'_>) -> Result<()> {
    let targets = &session.options.target;
    let targets = if targets.is_empty() { &[WindowsTarget::X86_64][..] } else { targets };
    let mut setup = Setup::new(session.workspace, &session.options.setup);
    for tool in TOOLS.into_iter().chain([LLD]) {
        setup.needs_tool(tool);
    }
    let mut widths = Vec::new();
    for width in WIDTHS.iter().filter(|width| targets.contains(&width.target)) {
        setup.needs_wine(width.target.target());
        let cxx = format!("{}-g++", width.mingw).leak();
        setup.needs_tool(Tool { program: cxx, package: width.package, purpose: "a C++ compiler for Windows" });
        widths.push((width, width.gnu.set_up(&mut setup)?, width.msvc.set_up(&mut setup)?));
    }
    setup.carry_out()?;

    let workspace = session.workspace;
    row(session, "c source", |session, counts| {
        step(counts, "header is up to date", || header::check(workspace))?;
        let limit = Duration::from_secs(session.options.timeout);
        for program in Build::new("ntpark-ffi", What::Tests).run(workspace, &Toolchain::host(workspace))? {
            announce("unit tests")?;
            *counts += judge("unit tests", &Runner::native().task(&program.path, limit).run(Output::Keep)?);
        }
        Ok(())
    })?;
    for (width, gnu, msvc) in widths {
        let target = width.target.target();
        let dir = workspace.target().join("c").join(target.name);
        row(session, &format!("c {} libraries", target.name), |_, counts| {
            for (flavour, toolchain) in [(width.gnu, &gnu), (width.msvc, &msvc)] {
                let name = flavour.target().name;
                step(counts, name, || {
                    flavour.build(workspace, toolchain, &dir.join(name))?;
                    inspect(workspace, flavour, &dir.join(name))
                })?;
            }
            Ok(())
        })?;
        row(session, &format!("c {} programs", target.name), |session, counts| programs(session, width, &dir, counts))?;
    }
    Ok(())
}

/// Adds a row of what `body` counts.
fn row(
    session: &mut Session<'_>,
    label: &str,
    body: impl FnOnce(&Session<'_>, &mut Counts) -> Result<()>,
) -> Result<()> {
    println!("== {label}");
    let (start, mut counts) = (Instant::now(), Counts::default());
    body(session, &mut counts)?;
    session.rows.push(Row { label: label.to_owned(), counts, elapsed: start.elapsed() });
    Ok(())
}

/// Makes a check and prints a line about it.
fn step(counts: &mut Counts, name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    announce(name)?;
    match check() {
        Ok(()) => {
            println!("ok");
            counts.passed += 1;
        }
        Err(error) => {
            println!("FAILED\n{error:#}");
            counts.failed += 1;
        }
    }
    Ok(())
}

/// Whether header, static library and DLL have the functions of the committed list, need those of the other,
/// and nothing else.
fn inspect(workspace: &Workspace, flavour: Flavour, layout: &Path) -> Result<()> {
    let ffi = workspace.root().join("ffi");
    let list = |path: &str| -> Result<BTreeSet<String>> {
        let text = fs::read_to_string(ffi.join(path)).with_context(|| format!("cannot read ffi/{path}"))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let (symbols, imports) = (list("symbols.txt")?, list("imports.txt")?);
    let functions = imports.iter().filter_map(|import| Some(import.split_once(' ')?.1.to_owned())).collect();

    let header = fs::read_to_string(layout.join("include/ntpark.h"))?;
    same("the header", &header::functions(&header).map(str::to_owned).collect(), &symbols)?;
    let library = Symbols::read(&layout.join("lib").join(flavour.library_names().0))?;
    same("the static library", &library.defined, &symbols)?;
    // So it calls no function for panics either.
    same("what the static library needs", &library.needed, &functions)?;
    let dll = Image::read(&layout.join("bin/ntpark.dll"))?;
    same("the DLL", &dll.exports, &symbols)?;
    same("what the DLL imports", &dll.imports, &imports)?;
    ensure!(!dll.has_entry, "the DLL has an entry point");
    Ok(())
}

fn same(what: &str, is: &BTreeSet<String>, listed: &BTreeSet<String>) -> Result<()> {
    let (more, less): (Vec<_>, Vec<_>) = (is.difference(listed).collect(), listed.difference(is).collect());
    ensure!(more.is_empty() && less.is_empty(), "{what}: not in the list are {more:?}, missing are {less:?}");
    Ok(())
}

/// Builds the programs of `ffi/tests` and runs them.
fn programs(session: &Session<'_>, width: &Width, dir: &Path, counts: &mut Counts) -> Result<()> {
    let build = dir.join("programs");
    let define = |name: &str, value: &str| format!("-D{name}={value}");
    let layout = |flavour: Flavour| dir.join(flavour.target().name).display().to_string();
    let mut configure = Task::new("cmake", LIMIT).arg("-S").arg(session.workspace.root().join("ffi/tests"));
    configure = configure.arg("-B").arg(&build).args(["-G", "Ninja"]).args([
        define("CMAKE_C_COMPILER", &format!("{}-gcc", width.mingw)),
        define("CMAKE_CXX_COMPILER", &format!("{}-g++", width.mingw)),
        define("NTPARK_GNU", &layout(width.gnu)),
        define("NTPARK_MSVC", &layout(width.msvc)),
        define("TIME_LIMIT", &session.options.timeout.to_string()),
    ]);
    if !cfg!(windows) {
        configure =
            configure.args([define("CMAKE_SYSTEM_NAME", "Windows"), define("CMAKE_CROSSCOMPILING_EMULATOR", "wine")]);
    }
    step(counts, "compile", || {
        configure.run(Output::Keep)?.check()?;
        Task::new("cmake", LIMIT).arg("--build").arg(&build).run(Output::Keep)?.check()?;
        Ok(())
    })?;
    for program in ["static/no_crt.exe", "static-msvc/no_crt.exe"] {
        step(counts, program, || {
            let imports = Image::read(&build.join(program))?.imports;
            ensure!(imports.iter().all(|import| import.starts_with("kernel32.dll ")), "it imports {imports:?}");
            Ok(())
        })?;
    }
    let runner = Runner::windows(session.workspace, width.target.target())?;
    let mut ctest = runner.environment(Task::new("ctest", LIMIT)).arg("--test-dir").arg(&build);
    let processors = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    ctest = ctest.args(["--output-on-failure", "--no-tests=error", "--parallel", &processors]);
    if !session.options.backend.is_empty() {
        let names: Vec<_> = session.options.backend.iter().map(|backend| backend.name()).collect();
        ctest = ctest.args(["-L", &format!("^({})$", names.join("|"))]);
    }
    ctest = ctest.args(session.options.filter.iter().flat_map(|filter| ["-R", filter]));
    let finished = ctest.run(Output::Keep)?;
    println!("{}", finished.output.trim_end());
    let (failed, all) =
        verdict(&finished.output).with_context(|| format!("ctest has no verdict: {}", finished.how()))?;
    ensure!(finished.success() == (failed == 0), "ctest says that {failed} tests failed, but: {}", finished.how());
    *counts += Counts { passed: all - failed, failed, ignored: 0 };
    Ok(())
}

/// How many tests failed, of how many, as ctest sums them up: "90% tests passed, 1 tests failed out of 10".
fn verdict(output: &str) -> Option<(usize, usize)> {
    let (_, counts) = output.lines().find_map(|line| line.split_once("% tests passed, "))?;
    let (failed, all) = counts.trim_end().split_once(" tests failed out of ")?;
    Some((failed.parse().ok()?, all.parse().ok()?))
}
