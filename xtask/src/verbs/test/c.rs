//! The suite of the C interface: what the libraries hold, and C and C++ programs that use them, as Windows
//! programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::Session;
use crate::backend::{BACKEND_VARIABLE, Backend};
use crate::c_header::{Header, bad_arguments};
use crate::c_library::{Flavour, LLD};
use crate::cargo::{Build, What};
use crate::coff::{self, Dll};
use crate::process::{Finished, Output, Task};
use crate::report::{Counts, Report};
use crate::setup::{Setup, Tool};
use crate::toolchain::{Gcc, Toolchain, WindowsTarget};
use crate::verbs::header;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// A compiler, a linker or cmake, on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(5 * 60);
/// No warning of these passes.
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const C_STANDARDS: [&str; 3] = ["c99", "c11", "c17"];
const CXX_STANDARDS: [&str; 2] = ["c++11", "c++20"];
/// The standard whose programs also go through what is not tested with each.
const REFERENCE: &str = "c17";
/// The backends that all programs run on; those of the reference run on the others too.
const ALL_ON: [Backend; 2] = [Backend::WaitAddress, Backend::KeyedEvent];

const CLANG: Tool =
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to compile as for Microsoft's C" };
const CMAKE: Tool = Tool { program: "cmake", package: "cmake", purpose: "CMake, to build a project that uses ntpark" };
const MAKE: Tool = Tool { program: "make", package: "make", purpose: "make, to build a project that uses ntpark" };
const PKG_CONFIG: Tool =
    Tool { program: "pkg-config", package: "pkg-config", purpose: "pkg-config, to build a project that uses ntpark" };

/// kernel32's functions that ntpark and its example without a C runtime call, and how many bytes of arguments
/// they take on x86.
const KERNEL32: [(&str, u32); 11] = [
    ("CloseHandle", 4),
    ("CreateThread", 24),
    ("ExitProcess", 4),
    ("GetLastError", 0),
    ("GetModuleHandleA", 4),
    ("GetProcAddress", 8),
    ("GetProcessAffinityMask", 12),
    ("GetStdHandle", 4),
    ("SetLastError", 4),
    ("Sleep", 4),
    ("WriteFile", 20),
];

/// A width of Windows programs, and how they are made.
struct Width {
    target: WindowsTarget,
    gnu: Flavour,
    msvc: Flavour,
    cc: &'static str,
    cxx: Gcc,
    /// LLVM's name of it, for Microsoft's C.
    clang: &'static str,
}

impl Width {
    fn of(target: WindowsTarget) -> Self {
        match target {
            WindowsTarget::X86_64 => Self {
                target,
                gnu: Flavour::X86_64_GNU,
                msvc: Flavour::X86_64_MSVC,
                cc: "x86_64-w64-mingw32-gcc",
                cxx: Gcc { program: "x86_64-w64-mingw32-g++", package: "g++-mingw-w64-x86-64-win32" },
                clang: "x86_64-pc-windows-msvc",
            },
            WindowsTarget::I686 => Self {
                target,
                gnu: Flavour::I686_GNU,
                msvc: Flavour::I686_MSVC,
                cc: "i686-w64-mingw32-gcc",
                cxx: Gcc { program: "i686-w64-mingw32-g++", package: "g++-mingw-w64-i686-win32" },
                clang: "i686-pc-windows-msvc",
            },
        }
    }
}

/// The suite on one width.
struct Suite<'a, 's> {
    session: &'a mut Session<'s>,
    width: Width,
    runner: Runner,
    /// Where it all is built.
    dir: PathBuf,
}

/// A group of checks in the making.
struct Tally(Report);

impl Tally {
    fn new(label: String) -> Self {
        let mut report = Report::default();
        report.group(label);
        Self(report)
    }

    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
        self.0.step(name, check).map(drop)
    }

    /// Runs a test program, which reports like Rust's harness.
    fn program(&mut self, name: &str, task: &Task) -> Result<()> {
        self.0.program(name, task, Counts::of_tests)
    }

    fn end(mut self, session: &mut Session<'_>) {
        session.report.rows.append(&mut self.0.rows);
    }
}

/// Runs it on each Windows target that was asked for.
pub(super) fn run(session: &mut Session<'_>) -> Result<()> {
    let targets = &session.options.target;
    let targets = if targets.is_empty() { vec![WindowsTarget::X86_64] } else { targets.clone() };
    let mut setup = Setup::new(session.workspace);
    for tool in [CLANG, LLD, CMAKE, MAKE, PKG_CONFIG] {
        setup.needs_tool(tool);
    }
    let mut widths = Vec::new();
    for width in targets.into_iter().map(Width::of) {
        setup.needs_wine(width.target.target());
        setup.needs_tool(Tool { program: width.cxx.program, package: width.cxx.package, purpose: "a C++ compiler" });
        let gnu = width.gnu.set_up(&mut setup)?;
        let msvc = width.msvc.set_up(&mut setup)?;
        widths.push((width, gnu, msvc));
    }
    setup.carry_out()?;

    source(session)?;
    for (width, gnu, msvc) in widths {
        let target = width.target.target();
        let runner = Runner::windows(session.workspace, target)?;
        let dir = session.workspace.target().join("c").join(target.name);
        let mut suite = Suite { session, width, runner, dir };
        suite.libraries(&gnu, &msvc)?;
        let programs = suite.compile()?;
        suite.programs(&programs)?;
        suite.examples()?;
        suite.microsoft()?;
        suite.consumers()?;
    }
    Ok(())
}

/// What does not depend on the target: the header, and the unit tests.
fn source(session: &mut Session<'_>) -> Result<()> {
    let workspace = session.workspace;
    let mut tally = Tally::new("c source".to_owned());
    tally.step("header is up to date", || header::check(workspace))?;
    for program in Build::new("ntpark-ffi", What::Tests).run(workspace, &Toolchain::host(workspace))? {
        let watchdog = Duration::from_secs(session.options.timeout);
        tally.program("unit tests", &Runner::native().task(&program.path, watchdog))?;
    }
    tally.end(session);
    Ok(())
}

impl Suite<'_, '_> {
    fn label(&self, what: &str) -> String {
        format!("c {} {what}", self.width.target.target().name)
    }

    fn workspace(&self) -> &Workspace {
        self.session.workspace
    }

    /// Where the library for this linker is laid out.
    fn layout(&self, flavour: Flavour) -> PathBuf {
        self.dir.join(flavour.target.name)
    }

    fn static_library(&self, flavour: Flavour) -> PathBuf {
        self.layout(flavour).join("lib").join(flavour.library_names().0)
    }

    fn import_library(&self, flavour: Flavour) -> PathBuf {
        self.layout(flavour).join("lib").join(flavour.library_names().1)
    }

    fn dll(&self, flavour: Flavour) -> PathBuf {
        self.layout(flavour).join("bin/ntpark.dll")
    }

    /// A file of `ffi`.
    fn source(&self, path: &str) -> PathBuf {
        self.workspace().root().join("ffi").join(path)
    }

    fn task(&self, program: &Path) -> Task {
        self.runner.task(program, Duration::from_secs(self.session.options.timeout))
    }

    /// Builds the libraries and looks into them.
    fn libraries(&mut self, gnu: &Toolchain, msvc: &Toolchain) -> Result<()> {
        let mut tally = Tally::new(self.label("libraries"));
        let functions = Header::read(self.workspace())?.functions()?;
        let in_header: BTreeSet<_> = functions.into_iter().map(|function| function.name).collect();
        let symbols = pinned(&self.source("symbols.txt"))?;
        let imports = pinned(&self.source("imports.txt"))?;
        tally.step("functions of the header", || same("ffi/symbols.txt", &symbols, &in_header))?;
        for (flavour, toolchain) in [(self.width.gnu, gnu), (self.width.msvc, msvc)] {
            let name = flavour.target.name;
            let layout = self.layout(flavour);
            tally.step(&format!("{name} builds"), || flavour.build(self.workspace(), toolchain, &layout))?;
            tally.step(&format!("{name} static"), || {
                let library = coff::symbols(&self.static_library(flavour))?;
                same("ffi/symbols.txt", &symbols, &library.defined)?;
                let functions = imports.iter().filter_map(|import| Some(import.split_once(' ')?.1.to_owned()));
                same("the functions in ffi/imports.txt", &functions.collect(), &library.needed)?;
                stands_alone(&library.all)
            })?;
            tally.step(&format!("{name} DLL"), || {
                let dll = Dll::read(&self.dll(flavour))?;
                same("ffi/symbols.txt", &symbols, &dll.exports)?;
                same("ffi/imports.txt", &imports, &dll.imports)?;
                ensure!(!dll.has_entry, "it has an entry point");
                Ok(())
            })?;
        }
        for import in &imports {
            println!("imports {import}");
        }
        tally.end(self.session);
        Ok(())
    }

    /// Compiles all test programs, for each standard and both ways of linking, and returns those that came
    /// out of it.
    fn compile(&mut self) -> Result<Vec<TestProgram>> {
        let mut tally = Tally::new(self.label("compile"));
        let dir = self.dir.join("programs");
        let generated = self.dir.join("bad_arguments.c");
        fs::create_dir_all(&dir)?;
        fs::write(&generated, bad_arguments(&Header::read(self.workspace())?.functions()?)?)?;

        let gnu = self.width.gnu;
        let mut programs = Vec::new();
        for (way, library) in [("static", self.static_library(gnu)), ("shared", self.import_library(gnu))] {
            let folder = dir.join(way);
            fs::create_dir_all(&folder)?;
            if way == "shared" {
                fs::copy(self.dll(gnu), folder.join("ntpark.dll"))?;
            }
            for (standard, name) in C_STANDARDS
                .iter()
                .flat_map(|&standard| [(standard, "suite"), (standard, "embedder")])
                .chain(CXX_STANDARDS.iter().map(|&standard| (standard, "layer")))
            {
                let (compiler, sources): (_, &[&str]) = match name {
                    "suite" => (self.width.cc, &["suite.c", "test.c", "token.c", "two_phase.c", "host.c", "fixture.c"]),
                    "embedder" => (self.width.cc, &["embedder.c", "test.c", "token.c", "host.c"]),
                    _ => (self.width.cxx.program, &["layer.cpp", "test.c"]),
                };
                let path = folder.join(format!("{name}-{standard}.exe"));
                let mut task = self.compiler(compiler, standard, way == "shared");
                task = task.args(sources.iter().map(|source| self.source("tests").join(source)));
                if name == "suite" {
                    task = task.arg(&generated);
                }
                task = task.arg("-static").arg(&library).args(["-lkernel32", "-o"]).arg(&path);
                programs.push((TestProgram { name, standard, way, path }, task));
            }
        }
        // The static library of Microsoft's kind, with GNU's linker.
        let path = dir.join(format!("static/suite-{REFERENCE}-msvc.exe"));
        let mut task = self.compiler(self.width.cc, REFERENCE, false);
        for source in ["suite.c", "test.c", "token.c", "two_phase.c", "host.c", "fixture.c"] {
            task = task.arg(self.source("tests").join(source));
        }
        task = task.arg(&generated).arg("-static").arg(self.static_library(self.width.msvc)).arg("-o").arg(&path);
        programs.push((TestProgram { name: "suite", standard: REFERENCE, way: "static msvc", path }, task));

        let tasks: Vec<_> = programs.iter().map(|(_, task)| task).collect();
        let results = at_once(&tasks)?;
        let mut compiled = Vec::new();
        for ((program, _), finished) in programs.into_iter().zip(results) {
            if finished.success() {
                compiled.push(program);
            } else {
                tally.step(&program.title(), || finished.check().map(drop))?;
            }
        }
        tally.0.rows[0].counts.passed += compiled.len();
        println!("{} programs compiled", compiled.len());

        // A program that was linked with one DLL gets the other.
        let folder = dir.join("shared-msvc");
        fs::create_dir_all(&folder)?;
        fs::copy(self.dll(self.width.msvc), folder.join("ntpark.dll"))?;
        let reference = compiled
            .iter()
            .find(|program| program.name == "suite" && program.standard == REFERENCE && program.way == "shared");
        if let Some(program) = reference {
            let path = folder.join(format!("suite-{REFERENCE}.exe"));
            fs::copy(&program.path, &path)?;
            compiled.push(TestProgram { name: "suite", standard: REFERENCE, way: "shared msvc", path });
        }
        tally.end(self.session);
        Ok(compiled)
    }

    /// A C compiler, with what all calls have in common.
    fn compiler(&self, program: &str, standard: &str, is_shared: bool) -> Task {
        let task = Task::new(program, BUILD_LIMIT).arg(format!("-std={standard}")).args(WARNINGS).arg("-O2");
        let task = if is_shared { task.arg("-DNTPARK_SHARED") } else { task };
        task.arg("-I").arg(self.layout(self.width.gnu).join("include")).arg("-I").arg(self.source("tests"))
    }

    /// Runs the test programs on each backend.
    fn programs(&mut self, programs: &[TestProgram]) -> Result<()> {
        for backend in self.session.chosen(&Backend::WINDOWS) {
            let mut tally = Tally::new(self.label(backend.name()));
            for program in programs.iter().filter(|program| program.name != "embedder") {
                if ALL_ON.contains(&backend) || program.standard == REFERENCE {
                    let task = self.task(&program.path).env(BACKEND_VARIABLE, backend.name());
                    tally.program(&program.title(), &task.args(&self.session.options.filter))?;
                }
            }
            tally.end(self.session);
        }
        let mut tally = Tally::new(self.label("host"));
        for program in programs.iter().filter(|program| program.name == "embedder") {
            tally.program(&program.title(), &self.task(&program.path).args(&self.session.options.filter))?;
        }
        tally.end(self.session);
        Ok(())
    }

    /// Compiles the examples and runs them.
    fn examples(&mut self) -> Result<()> {
        let mut tally = Tally::new(self.label("examples"));
        let dir = self.dir.join("examples");
        fs::create_dir_all(&dir)?;
        let library = self.static_library(self.width.gnu);
        for (name, standard) in [("handoff", "c99"), ("bounded_queue", "c11"), ("lock", "c11")] {
            let path = dir.join(format!("{name}.exe"));
            let task = self.compiler(self.width.cc, standard, false).arg(self.source(&format!("examples/{name}.c")));
            tally.step(name, || {
                task.arg(&library).args(["-lkernel32", "-o"]).arg(&path).run(Output::Keep)?.check()?;
                says_something(&self.task(&path))
            })?;
        }
        tally.step("dllmain", || {
            let dll = self.compiler(self.width.cc, "c99", false).args(["-shared", "-static"]);
            let dll = dll.arg(self.source("examples/dllmain.c")).arg(&library);
            dll.args(["-lkernel32", "-o"]).arg(dir.join("dllmain.dll")).run(Output::Keep)?.check()?;
            let path = dir.join("dllmain_user.exe");
            let user = self.compiler(self.width.cc, "c99", false).arg(self.source("examples/dllmain_user.c"));
            user.arg("-o").arg(&path).run(Output::Keep)?.check()?;
            says_something(&self.task(&path))
        })?;
        tally.step("no_crt", || {
            let path = dir.join("no_crt.exe");
            let task = self.compiler(self.width.cc, "c99", false).args(["-ffreestanding", "-nostdlib"]);
            let task = task.arg(self.source("examples/no_crt.c")).arg(&library).args(["-lkernel32", "-s", "-o"]);
            task.arg(&path).run(Output::Keep)?.check()?;
            imports_only_kernel32(&path)?;
            says_something(&self.task(&path))
        })?;
        tally.end(self.session);
        Ok(())
    }

    /// Compiles the header as for Microsoft's compiler, and links and runs a program with libraries of
    /// Microsoft's kind.
    fn microsoft(&mut self) -> Result<()> {
        let mut tally = Tally::new(self.label("as for Microsoft's C"));
        let dir = self.dir.join("msvc");
        fs::create_dir_all(&dir)?;
        let clang = |language: &str, standard: &str| {
            let task = Task::new(CLANG.program, BUILD_LIMIT).arg(format!("--target={}", self.width.clang));
            let task = task.args(["-ffreestanding", "-x", language, &format!("-std={standard}")]).args(WARNINGS);
            task.arg("-I").arg(self.layout(self.width.msvc).join("include"))
        };
        let standards = C_STANDARDS.iter().map(|standard| ("c", standard));
        for (language, standard) in standards.chain(CXX_STANDARDS.iter().map(|standard| ("c++", standard))) {
            for way in ["-UNTPARK_SHARED", "-DNTPARK_SHARED"] {
                let task = clang(language, standard).args(["-fsyntax-only", way]).arg(self.source("tests/header.c"));
                tally.step(&format!("header {standard} {way}"), || task.run(Output::Keep)?.check().map(drop))?;
            }
        }

        // An import library of just what is called: the SDK's is not at hand.
        let kernel32 = dir.join("kernel32.lib");
        coff::write_import_library(&kernel32, "kernel32.dll", self.width.msvc.is_64_bit, &KERNEL32)?;
        fs::copy(self.dll(self.width.msvc), dir.join("ntpark.dll"))?;
        for (name, way, library) in [
            ("no_crt-static", "-UNTPARK_SHARED", self.static_library(self.width.msvc)),
            ("no_crt-shared", "-DNTPARK_SHARED", self.import_library(self.width.msvc)),
        ] {
            tally.step(name, || {
                let (object, path) = (dir.join(format!("{name}.obj")), dir.join(format!("{name}.exe")));
                let compile = clang("c", "c99").args(["-O2", "-c", way]).arg(self.source("examples/no_crt.c"));
                compile.arg("-o").arg(&object).run(Output::Keep)?.check()?;
                let link = Task::new(LLD.program, BUILD_LIMIT)
                    .args(["/nologo", "/nodefaultlib", "/subsystem:console"])
                    .arg(&object)
                    .arg(&library);
                link.arg(&kernel32).arg(format!("/out:{}", path.display())).run(Output::Keep)?.check()?;
                says_something(&self.task(&path))
            })?;
        }
        tally.end(self.session);
        Ok(())
    }

    /// A copy of a consumer's project in `outside`, with the program that they have in common.
    fn consumer(&self, outside: &Path, name: &str) -> Result<PathBuf> {
        let (from, project) = (self.source("tests/consumers"), outside.join(name));
        copy_folder(&from.join(name), &project)?;
        fs::copy(from.join("main.c"), project.join("main.c"))?;
        Ok(project)
    }

    /// Builds projects that find the library by CMake and by pkg-config, in a place of their own, and runs
    /// what they make.
    fn consumers(&mut self) -> Result<()> {
        let mut tally = Tally::new(self.label("consumers"));
        // The library is moved out of the tree, and the projects are too.
        let outside = tempfile::tempdir()?;
        let layout = outside.path().join("library");
        copy_folder(&self.layout(self.width.gnu), &layout)?;

        let project = self.consumer(outside.path(), "cmake")?;
        let build = project.join("build");
        tally.step("cmake", || {
            let task = Task::new(CMAKE.program, BUILD_LIMIT).arg("-S").arg(&project).arg("-B").arg(&build);
            let mut task = task.args(["-G", "Unix Makefiles", "-DCMAKE_BUILD_TYPE=Release"]);
            task = task.arg(format!("-DCMAKE_PREFIX_PATH={}", layout.display()));
            if !cfg!(windows) {
                task = task.args(["-DCMAKE_SYSTEM_NAME=Windows", &format!("-DCMAKE_C_COMPILER={}", self.width.cc)]);
                task = task.arg(format!("-DCMAKE_CXX_COMPILER={}", self.width.cxx.program));
            }
            task.run(Output::Keep)?.check()?;
            Task::new(CMAKE.program, BUILD_LIMIT).arg("--build").arg(&build).run(Output::Keep)?.check().map(drop)
        })?;
        for name in ["static", "shared", "layer"] {
            let program = build.join(format!("{name}.exe"));
            tally.step(&format!("cmake {name}"), || self.task(&program).run(Output::Keep)?.check().map(drop))?;
        }
        tally.step("cmake, a later version", || {
            // A version that does not exist yet must not be found.
            let manifest = project.join("CMakeLists.txt");
            let text = fs::read_to_string(&manifest)?;
            let text = text.replace("find_package(ntpark 0.1 ", "find_package(ntpark 99.1 ");
            fs::write(&manifest, text)?;
            let finished = Task::new(CMAKE.program, BUILD_LIMIT).arg(&build).run(Output::Keep)?;
            ensure!(!finished.success(), "it was found");
            // CMake breaks its lines anywhere.
            let words: Vec<_> = finished.output.split_whitespace().collect();
            let refusal = "compatible with requested version \"99.1\"";
            ensure!(words.join(" ").contains(refusal), "{}", finished.output);
            Ok(())
        })?;

        let project = self.consumer(outside.path(), "pkg-config")?;
        fs::copy(layout.join("bin/ntpark.dll"), project.join("ntpark.dll"))?;
        tally.step("pkg-config", || {
            let task = Task::new(MAKE.program, BUILD_LIMIT).dir(&project).arg(format!("CC={}", self.width.cc));
            let path = layout.join("lib/pkgconfig");
            task.arg(format!("PKG_CONFIG_PATH={}", path.display())).run(Output::Keep)?.check().map(drop)
        })?;
        for (name, is_shared) in [("static", false), ("shared", true)] {
            let program = project.join(format!("{name}.exe"));
            tally.step(&format!("pkg-config {name}"), || {
                let imports = Dll::read(&program)?.imports;
                let uses_dll = imports.iter().any(|import| import.starts_with("ntpark.dll "));
                ensure!(uses_dll == is_shared, "it imports {imports:?}");
                says_something(&self.task(&program))
            })?;
        }
        tally.end(self.session);
        Ok(())
    }
}

/// A test program that has been compiled.
struct TestProgram {
    name: &'static str,
    standard: &'static str,
    way: &'static str,
    path: PathBuf,
}

impl TestProgram {
    fn title(&self) -> String {
        format!("{} {} {}", self.name, self.standard, self.way)
    }
}

/// Runs tasks on all processors, and returns how they ended in their order.
fn at_once(tasks: &[&Task]) -> Result<Vec<Finished>> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(tasks.len());
    let mut finished: Vec<(usize, Finished)> = thread::scope(|scope| {
        let work = || {
            let mut finished = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(task) = tasks.get(at) else { return Ok(finished) };
                finished.push((at, task.run(Output::Keep)?));
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let results: Result<Vec<Vec<_>>> =
            workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect();
        results.map(|lists| lists.into_iter().flatten().collect())
    })?;
    finished.sort_by_key(|&(at, _)| at);
    Ok(finished.into_iter().map(|(_, finished)| finished).collect())
}

/// The lines of a committed list.
fn pinned(path: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Whether a list is the committed one: nothing more, nothing less.
fn same(list: &str, pinned: &BTreeSet<String>, is: &BTreeSet<String>) -> Result<()> {
    if pinned == is {
        return Ok(());
    }
    let more: Vec<_> = is.difference(pinned).collect();
    let less: Vec<_> = pinned.difference(is).collect();
    bail!("not what {list} says: more are {more:?}, missing are {less:?}");
}

/// Whether no name tells of panicking or unwinding.
fn stands_alone(names: &BTreeSet<String>) -> Result<()> {
    let of_panics = |name: &&String| ["panic", "unwind", "personality"].iter().any(|word| name.contains(word));
    let found: Vec<_> = names.iter().filter(of_panics).collect();
    ensure!(found.is_empty(), "there is panicking machinery: {found:?}");
    Ok(())
}

/// Whether a program needs nothing but kernel32.
fn imports_only_kernel32(path: &Path) -> Result<()> {
    let imports = Dll::read(path)?.imports;
    ensure!(imports.iter().all(|import| import.starts_with("kernel32.dll ")), "it imports {imports:?}");
    Ok(())
}

/// Runs a program that ends with success after it has printed what it did.
fn says_something(task: &Task) -> Result<()> {
    let finished = task.run(Output::Keep)?.check()?;
    ensure!(!finished.output.trim().is_empty(), "it has printed nothing");
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
