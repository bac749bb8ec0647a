use crate::debian::{MMDEBSTRAP, QEMU, Root};
use crate::prelude::*;
use crate::toolchain::LLD;

/// The program takes a fraction of a second; emulated, a few seconds.
const LIMIT: Duration = Duration::from_secs(2 * 60);

/// A program for Windows: without std and a C runtime it takes a linker, and nothing else that comes with a target.
pub(crate) const NO_CRT: Build<'_> =
    Build { manifest: Some("examples/no_crt/Cargo.toml"), ..Build::release("no_crt", &["build", "--bins"]) };

/// Where the table stands, up to an empty line.
const PAGE: &str = "docs/targets.md";
const HEADING: &str = "| target | compiled | linked | run |\n|---|---|---|---|\n";

/// Libraries of mingw-w64 that rustc asks for, and from which the program takes nothing.
const EMPTY: [&str; 5] = ["kernel32", "mingw32", "mingwex", "msvcrt", "user32"];

/// Build for every kind of target, and run what can be run
///
/// Takes about two minutes for each target whose core has to be built first. Fails if a target could not be compiled
/// or linked, or its program does not run; or if one that cannot work is not refused by name of another.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the table to docs/targets.md
    #[arg(long)]
    write: bool,
    /// Fail unless docs/targets.md has this table
    #[arg(long, conflicts_with_all = ["write", "emulate"])]
    check: bool,
    /// Only this target; may be given several times
    #[arg(long, value_name = "TRIPLE", conflicts_with_all = ["write", "check"])]
    target: Vec<String>,
    /// Run the programs for ARM64 too, under Wine for ARM64 under QEMU
    ///
    /// Takes root, Linux 6.7 or later, 0.5 GB and, the first time, a few minutes. It shows that the code, the calling
    /// convention and the structures are right; about memory ordering it shows nothing, since the emulator orders as
    /// its host does.
    #[arg(long)]
    emulate: bool,
}

/// Targets of the program, some with flags for rustc behind a space: `pentium3` is a processor without SSE2, as some of
/// Windows XP's are.
const PROGRAMS: &str = "x86_64-pc-windows-msvc, x86_64-pc-windows-gnu, x86_64-pc-windows-gnullvm, \
    x86_64-win7-windows-msvc, x86_64-win7-windows-gnu, i686-pc-windows-msvc, i686-pc-windows-gnu, \
    i686-pc-windows-gnullvm, i686-win7-windows-msvc, i686-win7-windows-gnu, \
    i686-win7-windows-gnu -Ctarget-cpu=pentium3, aarch64-pc-windows-msvc, aarch64-pc-windows-gnullvm";
/// Targets of the crate alone: other kernels, or those for which only Microsoft's SDK links. Behind a colon, the way out
/// that the refusal of a build has to name.
const LIBRARIES: &str = "arm64ec-pc-windows-msvc, thumbv7a-pc-windows-msvc, x86_64-pc-cygwin, x86_64-unknown-uefi, \
    x86_64-unknown-none, aarch64-unknown-none, aarch64-unknown-none-softfloat, riscv64gc-unknown-none-elf, \
    riscv32imac-unknown-none-elf, riscv32imc-unknown-none-elf: riscv32imac, thumbv7m-none-eabi, \
    thumbv6m-none-eabi: thumbv7m, wasm32-unknown-unknown, x86_64-unknown-linux-gnu";
/// Parts of the names of targets for which no toolchain has a compiled `core`.
const NOT_COMPILED: [&str; 3] = ["-win7-", "thumbv7a-", "-cygwin"];

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this links for all targets on Debian; on Windows, use the toolchain of each");
    let mut setup = Setup::new(workspace);
    let mut builds = Vec::new();
    let libraries = LIBRARIES.split(", ").map(|row| (row, false));
    for (row, is_program) in PROGRAMS.split(", ").map(|row| (row, true)).chain(libraries) {
        let (name, way_out) = row.split_once(": ").map_or((row, None), |(name, way_out)| (name, Some(way_out)));
        if options.target.is_empty() || options.target.iter().any(|target| target == name) {
            let (triple, flags) = name.split_once(' ').unwrap_or((name, ""));
            // For what this machine's Wine runs its programs; others take an emulator.
            let runs_as = triple.split('-').find_map(|arch| Target::windows(arch).ok()).filter(|_| is_program);
            runs_as.into_iter().for_each(|target| setup.needs_wine(target));
            let mut toolchain = toolchain(workspace, &mut setup, triple)?;
            toolchain.rustflags += flags;
            builds.push((name, is_program, way_out, runs_as, toolchain));
        }
    }
    [QEMU, MMDEBSTRAP].into_iter().filter(|_| options.emulate).for_each(|tool| setup.needs_tool(tool));
    setup.needs_tool(LLD);
    setup.carry_out()?;

    make_libraries(workspace)?;

    let mut report = Report::default();
    let mut table = HEADING.to_owned();
    for (name, is_program, way_out, runs_as, toolchain) in builds {
        report.group(name);
        if !is_program {
            let task = toolchain.cargo(workspace, "build").args(["--release", "--package", "ntpark"]);
            report.step(if way_out.is_some() { "refused" } else { "compiled" }, || {
                let finished = task.run(Output::Keep)?;
                let Some(way_out) = way_out else { return finished.check().map(drop) };
                let is_refused = !finished.success() && finished.output.contains(&format!("use {way_out}"));
                ensure!(is_refused, "not refused with a way out:\n{}", finished.output);
                Ok(())
            })?;
            let cell = way_out.map_or("yes".to_owned(), |way_out| format!("refused: use {way_out}"));
            table += &format!("| `{name}` | {cell} | | |\n");
            continue;
        }
        let program = report.step("compiled and linked", || NO_CRT.one(workspace, &toolchain))?;
        let is_run = runs_as.is_some() || options.emulate;
        if let Some(program) = program.filter(|_| is_run) {
            report.step("run", || {
                let runner = match runs_as {
                    Some(target) => Runner::windows(workspace, target)?,
                    None => Runner::in_root(workspace, Root::get(workspace, "bookworm", true)?, "arm64")?,
                };
                runner.task(&program.path).limit(LIMIT).run(Output::Keep)?.check().map(drop)
            })?;
        }
        table += &format!("| `{name}` | yes | yes | {} |\n", if is_run { "yes" } else { "not here" });
    }
    report.summary()?;
    println!("\n{table}");
    if options.write || options.check {
        let page = fs::read_to_string(workspace.root.join(PAGE))?;
        let (before, rest) = page.split_once(HEADING).with_context(|| format!("{PAGE} has no table"))?;
        let (_, after) = rest.split_once("\n\n").with_context(|| format!("{PAGE} ends with the table"))?;
        let new = format!("{before}{table}\n{after}");
        ensure!(options.write || page == new, "{PAGE} has another table: cargo xtask targets --write");
        fs::write(workspace.root.join(PAGE), new)?;
    }
    Ok(())
}

/// Makes what clang links with: empty libraries, and one of ntdll for ARM64, for which mingw-w64 is no package.
pub(crate) fn make_libraries(workspace: &Workspace) -> Result<()> {
    let folder = |arch| workspace.target.join("libraries").join(arch);
    for arch in ["x86_64", "i686", "aarch64"] {
        fs::create_dir_all(folder(arch))?;
        for library in EMPTY {
            fs::write(folder(arch).join(format!("lib{library}.a")), "!<arch>\n")?;
        }
    }
    let definition = "LIBRARY ntdll.dll\nEXPORTS\nmemcmp\nmemcpy\nmemmove\nmemset\nstrlen\n";
    fs::write(folder("aarch64").join("ntdll.def"), definition)?;
    let make = ["/lib", "/machine:arm64", "/def:ntdll.def", "/out:libntdll.a"];
    Task::new(LLD.program).args(make).dir(folder("aarch64")).run(Output::Keep)?.check().map(drop)
}

/// The toolchain that builds the example for a target; what it takes goes to `setup`.
pub(crate) fn toolchain(workspace: &Workspace, setup: &mut Setup<'_>, triple: &'static str) -> Result<Toolchain> {
    let target = Target::bare(triple);
    setup.needs_linker(target);
    let mut toolchain = match NOT_COMPILED.iter().any(|part| triple.contains(part)) {
        true => setup.needs_source(target),
        false => setup.needs_target(target)?,
    };
    let Some((arch, "pc-windows-gnullvm")) = triple.split_once('-') else { return Ok(toolchain) };
    setup.needs_tool(LLD);
    let dir = workspace.target.join("libraries").join(arch);
    let flags = [&format!("--target={arch}-w64-windows-gnu"), "-fuse-ld=lld-19", &format!("-L{}", dir.display())];
    toolchain.rustflags = flags.map(|flag| format!("-Clink-arg={flag}")).join(" ");
    Ok(toolchain)
}
