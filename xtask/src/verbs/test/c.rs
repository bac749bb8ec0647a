//! The suite of the C interface: the header, what the libraries hold, and the programs of `ffi/tests`, which
//! CMake builds and ctest runs.

use object::read::archive::ArchiveFile;
use object::{File, Object as _};
use std::collections::BTreeSet;

use super::Session;
use crate::prelude::*;
use crate::verbs::{dist, header};

const TOOLS: [Tool; 5] = [
    Tool { program: "cmake", package: "cmake", purpose: "CMake and ctest, to build C programs and run them" },
    Tool { program: "ninja", package: "ninja-build", purpose: "Ninja, which CMake uses" },
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to compile as for Microsoft's C" },
    Tool { program: "gdb", package: "gdb", purpose: "gdb, to try its script" },
    Tool { program: "pkg-config", package: "pkgconf", purpose: "pkg-config, to build a project that uses ntpark" },
];

/// Runs it on each Windows target that was asked for.
pub(super) fn run(session: &mut Session<'_>) -> Result<()> {
    let workspace = session.workspace;
    let mut setup = Setup::new(workspace);
    TOOLS.into_iter().for_each(|tool| setup.needs_tool(tool));
    let mut widths = Vec::new();
    for &target in &session.options.target {
        let (kinds, program, package) = match target == Target::X86_64 {
            true => ([Target::X86_64_BARE, Target::MSVC[0]], "x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64-win32"),
            false => ([Target::I686_BARE, Target::MSVC[1]], "i686-w64-mingw32-g++", "g++-mingw-w64-i686-win32"),
        };
        setup.needs_wine(target);
        setup.needs_tool(Tool { program, package, purpose: "a C++ compiler for Windows" });
        widths.push((target, program, [setup.needs_linked(kinds[0])?, setup.needs_linked(kinds[1])?]));
    }
    setup.carry_out()?;

    header::check(workspace)?;
    session.proof(Build::new("ntpark-ffi", &["test"]))?;
    for (target, compiler, toolchains) in widths {
        let dir = workspace.target.join("c").join(target.name);
        let layouts = ["gnu", "msvc"].map(|kind| dir.join(kind));
        for (toolchain, layout) in toolchains.iter().zip(&layouts) {
            dist::build(workspace, toolchain, layout)?;
            inspect(workspace, toolchain, layout).with_context(|| layout.display().to_string())?;
        }
        let build = dir.join("programs");
        compile(session, compiler, &layouts, &build)?;
        let runner = Runner::windows(workspace, target)?;
        session.report.group(format!("c {}", target.name));
        session.report.program("ctest", &runner.environment(ctest(session, &build)), judge)?;
    }
    Ok(())
}

/// Fails unless header, static library and DLL have the functions of one committed list, and the DLL imports those of
/// the other. Programs without a C runtime show that the static library needs no others either.
fn inspect(workspace: &Workspace, toolchain: &Toolchain, layout: &Path) -> Result<()> {
    let ffi = workspace.root.join("ffi");
    let same = |what: &str, is: BTreeSet<String>, list: &str| -> Result<()> {
        let text = fs::read_to_string(ffi.join(list)).with_context(|| format!("cannot read ffi/{list}"))?;
        let listed: BTreeSet<_> = text.lines().map(str::to_owned).collect();
        let (more, less): (Vec<_>, Vec<_>) = (is.difference(&listed).collect(), listed.difference(&is).collect());
        ensure!(is == listed, "{what}: not in ffi/{list} are {more:?}, missing are {less:?}");
        Ok(())
    };
    let header = fs::read_to_string(layout.join("include/ntpark.h"))?;
    same("the header", header::functions(&header)?, "symbols.txt")?;
    let (library, _) = dist::library_names(toolchain.triple.unwrap_or_default());
    let library = fs::read(layout.join("lib").join(library))?;
    let mut symbols = BTreeSet::new();
    for symbol in ArchiveFile::parse(&*library)?.symbols()?.context("the static library has no index")? {
        let name = text(symbol?.name());
        // Not what objects have in common: Rust's names, and constants of the compiler's, with an @.
        let is_rusts = ["ZN", "RNv", "anon.", "imp_"].iter().any(|start| undecorated(&name).starts_with(start));
        if !is_rusts && (!name.contains('@') || name.contains("ntpark_")) {
            symbols.insert(undecorated(&name));
        }
    }
    same("the static library", symbols, "symbols.txt")?;
    let dll = fs::read(layout.join("bin/ntpark.dll"))?;
    // As in ffi/src/lib.rs.
    ensure!(!dll.windows(19).any(|text| text == b"ntpark has panicked"), "the DLL can panic");
    let dll = File::parse(&*dll)?;
    let exports = dll.exports()?;
    same("exports", exports.iter().map(|export| undecorated(&text(export.name()))).collect(), "symbols.txt")?;
    same("imports", imports(&dll)?, "imports.txt")?;
    ensure!(dll.entry() == dll.relative_address_base(), "the DLL has an entry point");
    Ok(())
}

/// What the loader looks up, each with its DLL in front, in lower case: "kernel32.dll Sleep".
fn imports(file: &File<'_>) -> Result<BTreeSet<String>> {
    let import = |one: &object::Import<'_>| format!("{} {}", text(one.library()).to_lowercase(), text(one.name()));
    Ok(file.imports()?.iter().map(import).collect())
}

/// A name without what the calling conventions of x86 add to it: "_name@4".
fn undecorated(name: &str) -> String {
    name.trim_start_matches('_').split('@').next().unwrap_or_default().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Compiles the programs, and looks at those without a C runtime.
fn compile(session: &Session<'_>, compiler: &str, [gnu, msvc]: &[PathBuf; 2], build: &Path) -> Result<()> {
    let mut task = Task::new("cmake").arg("-S").arg(session.workspace.root.join("ffi/tests"));
    task = task.arg("-B").arg(build).args(["-G", "Ninja"]).args([
        format!("-DCMAKE_C_COMPILER={}", compiler.replace("g++", "gcc")),
        format!("-DCMAKE_CXX_COMPILER={compiler}"),
        format!("-DNTPARK_GNU:PATH={}", gnu.display()),
        format!("-DNTPARK_MSVC:PATH={}", msvc.display()),
        format!("-DTIME_LIMIT={}", super::LIMIT.as_secs()),
    ]);
    if !cfg!(windows) {
        task = task.args(["-DCMAKE_SYSTEM_NAME=Windows", "-DCMAKE_CROSSCOMPILING_EMULATOR=wine"]);
    }
    task.run(Output::Keep)?.check()?;
    Task::new("cmake").arg("--build").arg(build).run(Output::Keep)?.check()?;
    for program in ["static/no_crt-c99-static.exe", "static-msvc/no_crt.exe"] {
        let imports = imports(&File::parse(&*fs::read(build.join(program))?)?)?;
        let is_alone = imports.iter().all(|import| import.starts_with("kernel32.dll "));
        ensure!(is_alone, "{program} imports {imports:?}");
    }
    for program in fs::read_dir(build.join("static"))? {
        let path = program?.path();
        if path.to_string_lossy().contains("unmodified") {
            let imports = imports(&File::parse(&*fs::read(&path)?)?)?;
            let is_free = !imports.iter().any(|import| import.contains("-core-synch-"));
            ensure!(is_free, "{} imports {imports:?}", path.display());
        }
    }
    Ok(())
}

/// What runs the tests that were asked for.
fn ctest(session: &Session<'_>, build: &Path) -> Task {
    let processors = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let task = Task::new("ctest").arg("--test-dir").arg(build);
    let task = task.args(["--output-on-failure", "--no-tests=error", "--parallel", &processors]);
    let backends: Vec<_> = session.options.backend.iter().map(|backend| backend.name()).collect();
    let labels = (!backends.is_empty()).then(|| format!("--label-regex=^({})$", backends.join("|")));
    task.args(labels).args(session.options.filter.iter().flat_map(|filter| ["-R", filter]))
}

/// Reads "90% tests passed, 1 tests failed out of 10", which the exit code must not contradict.
fn judge(finished: &Finished) -> Counts {
    let verdict = finished.output.lines().find_map(|line| {
        let (failed, all) = line.split_once("tests passed, ")?.1.split_once(" tests failed out of ")?;
        let (failed, all) = (failed.parse().ok()?, all.trim_end().parse::<usize>().ok()?);
        Some(Counts { passed: all.checked_sub(failed)?, failed, ignored: 0 })
    });
    Counts::checked(verdict, finished)
}
