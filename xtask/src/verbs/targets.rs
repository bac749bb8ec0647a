//! `cargo xtask targets`: the crate and a whole program for every Windows target, compiled, linked and run as
//! far as this machine can.
//!
//! The program is the example `no_crt`: without std and a C runtime it takes a linker, and nothing else that
//! comes with a target. What a toolchain has no compiled `core` for is built from the source of Debian's.

use crate::debian::{MMDEBSTRAP, QEMU, Root};
use crate::prelude::*;
use crate::verbs::dist::LLD;

/// The program takes a fraction of a second; emulated, a few seconds.
const LIMIT: Duration = Duration::from_secs(2 * 60);

/// The example.
pub(crate) const NO_CRT: Build<'_> =
    Build { manifest: Some("examples/no_crt/Cargo.toml"), ..Build::release("no_crt", &["build", "--bins"]) };

/// Where the table stands, up to an empty line.
const PAGE: &str = "docs/targets.md";
const HEADING: &str = "| target | compiled | linked | run |\n|---|---|---|---|\n";

const CLANG: Tool =
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to link for the gnullvm targets" };
/// Libraries of mingw-w64 that rustc asks for, and from which the program takes nothing.
const EMPTY: [&str; 5] = ["kernel32", "mingw32", "mingwex", "msvcrt", "user32"];

/// Build for every Windows target, and run what can be run
///
/// Takes about two minutes for each target whose core has to be built first. Fails if a target could not be compiled
/// or linked, or its program does not run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the table to docs/targets.md
    #[arg(long)]
    write: bool,
    /// Only this target; may be given several times
    #[arg(long, value_name = "TRIPLE", conflicts_with = "write", value_parser = TARGETS)]
    target: Vec<String>,
    /// Run the programs for ARM64 too, under Wine for ARM64 under QEMU
    ///
    /// Takes root, Linux 6.7 or later, 0.5 GB and, the first time, a few minutes. It shows that the code, the calling
    /// convention and the structures are right; about memory ordering it shows nothing, since the emulator orders as
    /// its host does.
    #[arg(long)]
    emulate: bool,
}

const TARGETS: [&str; 12] = [
    "x86_64-pc-windows-msvc",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-gnullvm",
    "x86_64-win7-windows-msvc",
    "x86_64-win7-windows-gnu",
    "i686-pc-windows-msvc",
    "i686-pc-windows-gnu",
    "i686-pc-windows-gnullvm",
    "i686-win7-windows-msvc",
    "i686-win7-windows-gnu",
    "aarch64-pc-windows-msvc",
    "aarch64-pc-windows-gnullvm",
];

/// Builds for all targets.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "this links for all targets on Debian; on Windows, use the toolchain of each");
    let mut setup = Setup::new(workspace);
    let mut builds = Vec::new();
    for triple in TARGETS {
        if options.target.is_empty() || options.target.iter().any(|target| target == triple) {
            let (arch, _) = triple.split_once('-').context("a triple has parts")?;
            // For what this machine's Wine runs its programs; others take an emulator.
            let runs_as = Target::windows(arch).ok();
            runs_as.into_iter().for_each(|target| setup.needs_wine(target));
            builds.push((triple, runs_as, toolchain(workspace, &mut setup, triple, arch)?));
        }
    }
    [QEMU, MMDEBSTRAP].into_iter().filter(|_| options.emulate).for_each(|tool| setup.needs_tool(tool));
    setup.needs_tool(LLD);
    setup.carry_out()?;

    make_libraries(workspace)?;

    let mut report = Report::default();
    let mut table = HEADING.to_owned();
    for (triple, runs_as, toolchain) in builds {
        report.group(triple);
        let compile = toolchain.cargo(workspace, "build").args(["--release", "--package", "ntpark"]);
        let compiled = report.step("compiled", || compile.run(Output::Keep)?.check().map(drop))?;
        let mut program = None;
        let linked = report.step("linked", || {
            program = Some(NO_CRT.one(workspace, &toolchain)?);
            Ok(())
        })?;
        let ran = match (program, runs_as) {
            (Some(program), _) if runs_as.is_some() || options.emulate => yes(report.step("run", || {
                let runner = match runs_as {
                    Some(target) => Runner::windows(workspace, target)?,
                    None => Runner::in_root(workspace, Root::get(workspace, "bookworm", true)?, "arm64")?,
                };
                runner.task(&program.path, LIMIT).run(Output::Keep)?.check().map(drop)
            })?),
            _ => "not here",
        };
        table += &format!("| `{triple}` | {} | {} | {ran} |\n", yes(compiled), yes(linked));
    }
    println!("\n{table}");
    if options.write {
        let page = fs::read_to_string(workspace.root().join(PAGE))?;
        let (before, rest) = page.split_once(HEADING).with_context(|| format!("{PAGE} has no table"))?;
        let (_, after) = rest.split_once("\n\n").with_context(|| format!("{PAGE} ends with the table"))?;
        fs::write(workspace.root().join(PAGE), format!("{before}{table}\n{after}"))?;
    }
    report.summary()
}

/// Makes what clang links with: empty libraries, and one of ntdll for ARM64, for which mingw-w64 is no package.
fn make_libraries(workspace: &Workspace) -> Result<()> {
    let folder = |arch| workspace.target().join("libraries").join(arch);
    for arch in ["x86_64", "i686", "aarch64"] {
        fs::create_dir_all(folder(arch))?;
        for library in EMPTY {
            fs::write(folder(arch).join(format!("lib{library}.a")), "!<arch>\n")?;
        }
    }
    let definition = "LIBRARY ntdll.dll\nEXPORTS\nmemcmp\nmemcpy\nmemmove\nmemset\nstrlen\n";
    fs::write(folder("aarch64").join("ntdll.def"), definition)?;
    let make = ["/lib", "/machine:arm64", "/def:ntdll.def", "/out:libntdll.a"];
    Task::new(LLD.program, LIMIT).args(make).dir(folder("aarch64")).run(Output::Keep)?.check().map(drop)
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// The toolchain that builds the example for a target; what it takes goes to `setup`.
fn toolchain(workspace: &Workspace, setup: &mut Setup<'_>, triple: &'static str, arch: &str) -> Result<Toolchain> {
    let toolchain = setup.needs_target(Target::bare(triple))?;
    if triple.ends_with("-gnu") {
        setup.needs_linker(Target::windows(arch)?);
        return Ok(toolchain);
    }
    setup.needs_tool(LLD);
    if triple.ends_with("-msvc") {
        return Ok(toolchain.with_linker(LLD));
    }
    setup.needs_tool(CLANG);
    let dir = workspace.target().join("libraries").join(arch);
    let flags = format!("--target={arch}-w64-windows-gnu -Clink-arg=-fuse-ld=lld-19 -Clink-arg=-L{}", dir.display());
    Ok(toolchain.with_linker(CLANG).with_env("RUSTFLAGS", format!("-Clink-arg={flags}")))
}
