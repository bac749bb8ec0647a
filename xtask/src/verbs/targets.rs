//! `cargo xtask targets`: the crate and a whole program for every Windows target, compiled, linked and run as
//! far as this machine can.
//!
//! The program is the example `no_crt`: without std and a C runtime it takes a linker, and nothing else that
//! comes with a target. What a toolchain has no compiled `core` for is built from the source of Debian's.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cargo::{Build, What};
use crate::process::Output;
use crate::report::Report;
use crate::setup::{Setup, Tool};
use crate::toolchain::{self, Target, Toolchain};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// The program takes a fraction of a second.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// The example.
pub(crate) const NO_CRT: Build<'_> =
    Build { manifest: Some("examples/no_crt/Cargo.toml"), ..Build::release("no_crt", What::Programs) };

/// Libraries of mingw-w64 that the program does without.
const NOT_NEEDED: [&str; 5] = ["kernel32", "mingw32", "mingwex", "msvcrt", "user32"];

const PAGE: &str = "docs/targets.md";
/// The heading of the page's table; the table ends at the next empty line.
const HEADING: &str = "| target | compiled | linked | run |\n|---|---|---|---|\n";

const CLANG: Tool =
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to link for the gnullvm targets" };
const LLD: Tool = Tool { program: "lld-link-19", package: "lld-19", purpose: "lld, to link for the msvc targets" };

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
    #[arg(long, value_name = "TRIPLE", conflicts_with = "write")]
    target: Vec<String>,
}

/// How programs for a target are linked here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linker {
    /// GNU's, of mingw-w64.
    Gcc,
    /// clang with lld, without the libraries of mingw-w64.
    Clang,
    /// lld in the place of Microsoft's linker.
    Lld,
}

impl Linker {
    fn name(self) -> &'static str {
        match self {
            Self::Gcc => "GCC, mingw-w64",
            Self::Clang => "clang and lld 19",
            Self::Lld => "lld-link 19",
        }
    }
}

/// Each with its linker, and how its programs are run here; those without run by `cargo xtask arm64`.
const TARGETS: [(&str, Linker, Option<Target>); 12] = [
    ("x86_64-pc-windows-msvc", Linker::Lld, Some(Target::X86_64)),
    ("x86_64-pc-windows-gnu", Linker::Gcc, Some(Target::X86_64)),
    ("x86_64-pc-windows-gnullvm", Linker::Clang, Some(Target::X86_64)),
    ("x86_64-win7-windows-msvc", Linker::Lld, Some(Target::X86_64)),
    ("x86_64-win7-windows-gnu", Linker::Gcc, Some(Target::X86_64)),
    ("i686-pc-windows-msvc", Linker::Lld, Some(Target::I686)),
    ("i686-pc-windows-gnu", Linker::Gcc, Some(Target::I686)),
    ("i686-pc-windows-gnullvm", Linker::Clang, Some(Target::I686)),
    ("i686-win7-windows-msvc", Linker::Lld, Some(Target::I686)),
    ("i686-win7-windows-gnu", Linker::Gcc, Some(Target::I686)),
    ("aarch64-pc-windows-msvc", Linker::Lld, None),
    ("aarch64-pc-windows-gnullvm", Linker::Clang, None),
];

/// Builds for all targets.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if cfg!(windows) {
        bail!("this verb knows how to link for all targets on Debian; on Windows, use the toolchain of each");
    }
    let mut setup = Setup::new(workspace);
    let mut programs = Vec::new();
    for (triple, linker, runs) in TARGETS {
        if options.target.is_empty() || options.target.iter().any(|target| target == triple) {
            runs.into_iter().for_each(|target| setup.needs_wine(target));
            programs.push((triple, linker, runs, toolchain(workspace, &mut setup, triple)?));
        }
    }
    setup.carry_out()?;

    let mut report = Report::default();
    let mut table = HEADING.to_owned();
    for (triple, linker, runs, toolchain) in programs {
        report.group(triple);
        let compile = toolchain.cargo(workspace, "build").args(["--release", "--package", "ntpark"]);
        let compiled = report.step("compiled", || compile.run(Output::Keep)?.check().map(drop))?;
        let mut program = None;
        let linked = report.step("linked", || {
            program = Some(NO_CRT.one(workspace, &toolchain)?);
            Ok(())
        })?;
        let ran = match program.zip(runs) {
            None => "not here",
            Some((program, target)) => yes(report.step("run", || {
                Runner::windows(workspace, target)?.task(&program.path, RUN_LIMIT).run(Output::Keep)?.check().map(drop)
            })?),
        };
        let (compiled, linked) = (yes(compiled), yes(linked));
        table += &format!("| `{triple}` | {compiled} | {linked}: {} | {ran} |\n", linker.name());
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

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// The toolchain that builds the example for `triple`, one of the targets above; what it takes goes to `setup`.
///
/// rustup's toolchain builds it if it has the target, else Debian's. rustup is not asked to fetch any, since of some
/// targets it has nothing.
pub(crate) fn toolchain(workspace: &Workspace, setup: &mut Setup<'_>, triple: &str) -> Result<Toolchain> {
    let target = TARGETS.into_iter().find(|&(name, ..)| name == triple);
    let (triple, linker, runs) = target.with_context(|| format!("there is no target {triple}"))?;
    let target = Target::bare(triple);
    let own = toolchain::own_has(target);
    let toolchain = if own { Toolchain::own(workspace, target) } else { setup.needs_debian(target) };
    let variable = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
    match linker {
        Linker::Gcc => {
            runs.into_iter().for_each(|target| setup.needs_linker(target));
            Ok(toolchain)
        }
        Linker::Lld => {
            setup.needs_tool(LLD);
            Ok(toolchain.with_env(variable, LLD.program))
        }
        Linker::Clang => {
            setup.needs_tool(CLANG);
            setup.needs_tool(LLD);
            // rustc asks for the libraries of a C runtime, from which the program takes nothing: empty ones do.
            let dir = workspace.target().join("empty-libraries");
            fs::create_dir_all(&dir)?;
            for library in NOT_NEEDED {
                fs::write(dir.join(format!("lib{library}.a")), "!<arch>\n")?;
            }
            let arch = triple.split('-').next().unwrap_or_default();
            let flags = [
                format!("-Clink-arg=--target={arch}-w64-windows-gnu -Clink-arg=-fuse-ld=lld-19"),
                format!("-Clink-arg=-L{}", dir.display()),
            ];
            Ok(toolchain.with_env(variable, CLANG.program).with_env("RUSTFLAGS", flags.join(" ")))
        }
    }
}
