use object::{File, Object as _};

use crate::prelude::*;
use crate::verbs::dist;
use crate::verbs::stress;
use crate::verbs::targets::{self, NO_CRT};
use crate::workspace;

const ZIP: Tool = Tool { program: "zip", package: "zip", purpose: "zip, to pack the kit" };

/// Folders, what is for them, and flags for the part that runs on Windows XP, whose processors may lack SSE2.
const WIDTHS: [(&str, Target, Target, &str); 2] = [
    ("x86", Target::I686_BARE, Target::I686, "-Ctarget-cpu=pentium3"),
    ("x64", Target::X86_64_BARE, Target::X86_64, ""),
];
/// C programs for Windows XP and later, and what GCC makes them of in `ffi`.
const C_PROGRAMS: [(&str, &str); 4] = [
    ("run", "../xtask/kit/run.c"),
    ("suite", "tests/suite.c tests/test.c tests/token.c tests/two_phase.c tests/host.c tests/bad_arguments.c"),
    ("handoff", "examples/handoff.c"),
    ("no_crt", "-nostdlib examples/no_crt.c"),
];
const C_FLAGS: &str = "-O1 -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -static -s -D_WIN32_WINNT=0x0501 \
                       -Wl,--subsystem,console:5.01 -Iinclude -Itests";
/// Programs with std, for Windows 7 and later, and their folders.
const PROGRAMS: [(Build<'_>, &str); 4] = [
    (Build::release("ntpark", &["test"]), "deps"),
    (Build::release("ntpark", &["build", "--example=probe"]), ""),
    (stress::PROGRAM, ""),
    (Build::release("ntpark-bench", &["build", "--bins", "--no-default-features"]), ""),
];
/// What every Windows has.
const DLLS: [&str; 6] = ["advapi32.dll", "kernel32.dll", "msvcrt.dll", "ntdll.dll", "userenv.dll", "ws2_32.dll"];

/// Make a zip of programs to try ntpark with on a real Windows, from XP on
///
/// Tests, `probe`, a short stress and the benchmarks, for x64 and x86; for ARM64, a single program without std. They
/// need nothing installed: `run.cmd` runs them on each backend that the Windows has, and writes a report.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Then run the kit's short round, under Wine
    #[arg(long)]
    run: bool,
    /// Run it under this Wine, as `cargo xtask test --wine` does
    #[arg(long, value_name = "VERSION", requires = "run", value_parser = clap::value_parser!(u32).range(10..=10))]
    wine: Option<u32>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "the kit is made on Debian or Ubuntu");
    let mut setup = Setup::new(workspace);
    setup.needs_tool(ZIP);
    let arm64 = targets::toolchain(workspace, &mut setup, "aarch64-pc-windows-gnullvm")?;
    let mut widths = Vec::new();
    for (name, bare, target, flags) in WIDTHS {
        setup.needs_linker(target);
        let mut library = if flags.is_empty() { setup.needs_target(bare)? } else { setup.needs_source(bare) };
        library.rustflags += flags;
        widths.push((name, target, library, setup.needs_source(target.since_windows_7())));
    }
    setup.carry_out()?;

    let home = workspace.target.join("kit");
    let kit = home.join("ntpark-kit");
    workspace::clear(&home, &["ntpark-kit/arm64"])?;
    for (name, target, library, with_std) in widths {
        let dir = kit.join(name);
        workspace::clear(&dir, &["deps", "examples"])?;
        dist::build(workspace, &library, &home.join("ffi"))?;
        let gcc = target.linker().context("there is a linker for it")?.program;
        for (program, sources) in C_PROGRAMS {
            let built = home.join(program).with_extension("exe");
            let task = Task::new(gcc).dir(workspace.root.join("ffi")).args(C_FLAGS.split_whitespace());
            let task = task.args(sources.split(' ')).arg(home.join("ffi/lib/libntpark.a")).arg("-lkernel32");
            task.arg("-o").arg(&built).run(Output::Keep)?.check()?;
            add(&built, &dir)?;
        }
        for (build, folder) in PROGRAMS {
            // All but the test of the checkout's own texts.
            for program in build.run(workspace, &with_std)?.iter().filter(|program| program.name != "links") {
                add(&program.path, &dir.join(folder).join(&program.name).with_extension("exe"))?;
            }
        }
        add(&with_std.artifacts("release").join("examples/at_detach.dll"), &dir.join("examples"))?;
    }
    targets::make_libraries(workspace)?;
    add(&NO_CRT.one(workspace, &arm64)?.path, &kit.join("arm64"))?;
    let script = fs::read_to_string(workspace.root.join("xtask/kit/run.cmd"))?;
    fs::write(kit.join("run.cmd"), script.replace('\n', "\r\n"))?;
    let zip = Task::new(ZIP.program).args(["-qr", "ntpark-kit.zip", "ntpark-kit"]).dir(&home);
    zip.run(Output::Keep)?.check()?;
    println!("{}", home.join("ntpark-kit.zip").display());

    if options.run {
        // The Wine in a Debian of its own runs no 32-bit programs: the kit says "not here" of them.
        let target = if options.wine.is_some() { Target::X86_64 } else { Target::I686 };
        let runner = Place::windows(workspace, target, options.wine)?.runner()?;
        let task = runner.task(Path::new("cmd")).args(["/c", "run.cmd", "quick"]).dir(&kit);
        let ended = task.run(Output::Show)?;
        println!("{}", fs::read_to_string(kit.join("report.txt"))?);
        ended.check()?;
    }
    Ok(())
}

/// Copies a program into a folder or to a name, if it needs no DLL that a Windows may lack.
fn add(program: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    for import in File::parse(&*bytes)?.imports()? {
        let dll = String::from_utf8_lossy(import.library()).to_lowercase();
        ensure!(DLLS.contains(&dll.as_str()), "{} needs {dll}", program.display());
    }
    let to = if to.is_dir() { to.join(program.file_name().context("a program has a name")?) } else { to.to_owned() };
    Ok(fs::write(to, bytes)?)
}
