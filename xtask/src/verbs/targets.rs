//! `cargo xtask targets`: the crate and a whole program for every Windows target, compiled, linked and run as
//! far as this machine can.
//!
//! The program is the example `no_crt`: without std and a C runtime it takes a linker, and nothing else that
//! comes with a target. What a toolchain has no compiled `core` for is built from the source of Debian's.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cargo;
use crate::process::{Output, Task};
use crate::setup::{self, Setup, Tool};
use crate::toolchain::{self, Target, Toolchain};
use crate::tools::ZIG;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// The program takes a fraction of a second.
const RUN_LIMIT: Duration = Duration::from_secs(60);

const CLANG: Tool =
    Tool { program: "clang-19", package: "clang-19", purpose: "clang, to link for the gnullvm targets" };
const LLD: Tool = Tool { program: "lld-link-19", package: "lld-19", purpose: "lld, to link for the msvc targets" };

/// Build for every Windows target, and run what can be run
///
/// Takes about two minutes for each target whose core has to be built first. Tells what was compiled, linked
/// and run, and fails if a target could not be compiled.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the table to docs/targets.md
    #[arg(long)]
    write: bool,
    /// Only this target; may be given several times
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// How programs for a target are linked here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linker {
    /// GNU's, of mingw-w64.
    Gcc,
    /// clang with lld, on the libraries of mingw-w64.
    Clang,
    /// lld in the place of Microsoft's linker.
    Lld,
    /// zig, which brings mingw-w64 for ARM64.
    Zig,
}

impl Linker {
    fn name(self) -> &'static str {
        match self {
            Self::Gcc => "GCC, mingw-w64",
            Self::Clang => "clang and lld 19",
            Self::Lld => "lld-link 19",
            Self::Zig => "zig",
        }
    }
}

/// How programs for a target are run here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    X86_64,
    I686,
    /// By `cargo xtask arm64`.
    Elsewhere,
}

const TARGETS: [(&str, Linker, Run); 12] = [
    ("x86_64-pc-windows-msvc", Linker::Lld, Run::X86_64),
    ("x86_64-pc-windows-gnu", Linker::Gcc, Run::X86_64),
    ("x86_64-pc-windows-gnullvm", Linker::Clang, Run::X86_64),
    ("x86_64-win7-windows-msvc", Linker::Lld, Run::X86_64),
    ("x86_64-win7-windows-gnu", Linker::Gcc, Run::X86_64),
    ("i686-pc-windows-msvc", Linker::Lld, Run::I686),
    ("i686-pc-windows-gnu", Linker::Gcc, Run::I686),
    ("i686-pc-windows-gnullvm", Linker::Clang, Run::I686),
    ("i686-win7-windows-msvc", Linker::Lld, Run::I686),
    ("i686-win7-windows-gnu", Linker::Gcc, Run::I686),
    ("aarch64-pc-windows-msvc", Linker::Lld, Run::Elsewhere),
    ("aarch64-pc-windows-gnullvm", Linker::Zig, Run::Elsewhere),
];

/// What came of one target.
struct Row {
    triple: &'static str,
    linker: Linker,
    compiled: Result<()>,
    linked: Result<PathBuf>,
    /// None: not tried.
    run: Option<Result<()>>,
}

/// Builds for all targets.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if cfg!(windows) {
        bail!("this verb knows how to link for all targets on Debian; on Windows, use the toolchain of each");
    }
    let mut setup = Setup::new(workspace, &options.setup);
    for target in [Target::X86_64, Target::I686] {
        setup.needs_wine(target);
    }
    let wanted: Vec<&str> = match options.target.as_slice() {
        [] => TARGETS.iter().map(|&(triple, ..)| triple).collect(),
        wanted => wanted.iter().map(String::as_str).collect(),
    };
    let programs: Result<Vec<NoCrt>> =
        wanted.into_iter().map(|triple| NoCrt::new(workspace, &mut setup, triple)).collect();
    let programs = programs?;
    setup.carry_out()?;
    if programs.iter().any(|program| program.linker == Linker::Zig) {
        make_zig_linker(workspace, !options.setup.no_install)?;
    }

    let mut rows = Vec::new();
    for program in &programs {
        eprintln!("== {}", program.triple);
        let run = TARGETS.into_iter().find(|&(triple, ..)| triple == program.triple).map_or(Run::Elsewhere, |it| it.2);
        let row = one(workspace, program, run);
        for error in [row.compiled.as_ref().err(), row.linked.as_ref().err()].into_iter().flatten() {
            eprintln!("{error:#}");
        }
        if let Some(Err(error)) = &row.run {
            eprintln!("{error:#}");
        }
        rows.push(row);
    }
    let table = table(&rows);
    print!("{table}");
    if options.write {
        fs::write(workspace.root().join("docs/targets.md"), page(&table))?;
    }
    match rows.iter().filter(|row| row.compiled.is_err()).count() {
        0 => Ok(()),
        failed => bail!("{failed} targets could not be compiled"),
    }
}

fn one(workspace: &Workspace, program: &NoCrt, run: Run) -> Row {
    let compiled = program.cargo(workspace).args(["--package", "ntpark"]).run(Output::Keep);
    let compiled = compiled.and_then(|finished| finished.check().map(drop));
    let linked = program.build(workspace);
    let target = match run {
        Run::X86_64 => Some(Target::X86_64),
        Run::I686 => Some(Target::I686),
        Run::Elsewhere => None,
    };
    let run = linked.as_ref().ok().zip(target).map(|(program, target)| {
        Runner::windows(workspace, target)?.task(program, RUN_LIMIT).run(Output::Keep)?.check().map(drop)
    });
    Row { triple: program.triple, linker: program.linker, compiled, linked, run }
}

/// The example `no_crt`, for one target.
pub(crate) struct NoCrt {
    triple: &'static str,
    toolchain: Toolchain,
    linker: Linker,
}

impl NoCrt {
    /// Settles how it is built for `triple`, one of the targets above, and asks for what that takes.
    ///
    /// rustup's toolchain builds it if it has the target, else Debian's. rustup is not asked to fetch any,
    /// since of some targets it has nothing.
    ///
    /// # Errors
    /// When it is no such target.
    pub(crate) fn new(workspace: &Workspace, setup: &mut Setup<'_>, triple: &str) -> Result<Self> {
        let Some((triple, linker, _)) = TARGETS.into_iter().find(|&(name, ..)| name == triple) else {
            bail!("there is no {triple} among the targets: {}", TARGETS.map(|(triple, ..)| triple).join(", "));
        };
        match linker {
            Linker::Gcc => [Target::X86_64, Target::I686].into_iter().for_each(|target| setup.needs_linker(target)),
            // clang finds the libraries of mingw-w64 where its GCC is.
            Linker::Clang => {
                [Target::X86_64, Target::I686].into_iter().for_each(|target| setup.needs_linker(target));
                setup.needs_tool(CLANG);
                setup.needs_tool(LLD);
            }
            Linker::Lld => setup.needs_tool(LLD),
            Linker::Zig => {}
        }
        let target = Target::bare(triple);
        let own = toolchain::own_has(target);
        let toolchain = if own { Toolchain::own(workspace, target) } else { setup.needs_debian(target) };
        Ok(Self { triple, toolchain, linker })
    }

    /// Builds it.
    ///
    /// # Errors
    /// When cargo fails.
    pub(crate) fn build(&self, workspace: &Workspace) -> Result<PathBuf> {
        let finished = self.cargo(workspace).run(Output::KeepStdout)?.check()?;
        match cargo::programs(&finished.output, false)?.pop() {
            Some(program) => Ok(program.path),
            None => bail!("cargo built no program"),
        }
    }

    fn cargo(&self, workspace: &Workspace) -> Task {
        let task = self.toolchain.cargo(workspace, "build").arg("--manifest-path");
        let task = task.arg(workspace.root().join("examples/no_crt/Cargo.toml"));
        let task = task.args(["--release", "--message-format=json-render-diagnostics"]);
        // A folder of its own, since flags differ from those of other builds.
        let task = task.env("CARGO_TARGET_DIR", workspace.target().join("targets"));
        let variable = linker_variable(self.triple);
        match self.linker {
            Linker::Gcc => task,
            Linker::Lld => task.env(variable, LLD.program),
            Linker::Zig => task.env(variable, zig_linker(workspace)),
            Linker::Clang => {
                let arch = self.triple.split('-').next().unwrap_or_default();
                let flags = format!("-Clink-arg=--target={arch}-w64-windows-gnu -Clink-arg=-fuse-ld=lld-19");
                task.env(variable, CLANG.program).env("RUSTFLAGS", flags)
            }
        }
    }
}

fn linker_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"))
}

fn zig_linker(workspace: &Workspace) -> PathBuf {
    workspace.target().join("xtask/zig-linker")
}

/// A linker for rustc. zig wants to be told that it is one, and for which target. It tells import libraries
/// from others by their names, which are not always as it expects, so it may choose by itself; and the
/// libraries of a C runtime, which rustc asks for, are not needed.
const ZIG_LINKER: &str = r#"#!/bin/sh
for argument do
    shift
    case $argument in
    -Wl,-Bdynamic | -Wl,-Bstatic | -lmingw32 | -lmingwex | -lmsvcrt) ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec "$ZIG" cc -target aarch64-windows-gnu "$@"
"#;

fn make_zig_linker(workspace: &Workspace, may_install: bool) -> Result<()> {
    let zig = ZIG.get(workspace, may_install)?;
    let path = zig_linker(workspace);
    fs::write(&path, ZIG_LINKER.replace("$ZIG", &zig.display().to_string()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from("| target | compiled | linked | run |\n|---|---|---|---|\n");
    let yes = |result: Result<(), ()>| if result.is_ok() { "yes" } else { "no" };
    for Row { triple, linker, compiled, linked, run } in rows {
        let compiled = yes(compiled.as_ref().map(drop).map_err(drop));
        let linked = match linked {
            Ok(_) => format!("{}: {}", yes(Ok(())), linker.name()),
            Err(_) => format!("{}: {}", yes(Err(())), linker.name()),
        };
        let run = match run {
            Some(result) => yes(result.as_ref().map(drop).map_err(drop)),
            None => "not here",
        };
        // A String takes all that is written to it.
        let _ = writeln!(table, "| `{triple}` | {compiled} | {linked} | {run} |");
    }
    table
}

fn page(table: &str) -> String {
    format!(
        "# Targets

What `cargo xtask targets --write` found: for each Windows target, whether the crate compiles, and whether the example
[no_crt](../examples/no_crt/src/main.rs), a whole program with threads and neither std nor a C runtime, links and runs.

{table}
- **Run** means under Wine 8 on Debian 12, x86_64: the program ended with the exit code that says that all went well. None of this was run on real Windows.
- The `msvc` targets are linked with lld, without Microsoft's SDK; with std they are checked by clippy (`cargo xtask lint`), not linked here.
- With std and all tests, `x86_64-pc-windows-gnu` and `i686-pc-windows-gnu` run (`cargo xtask test`), or `x86_64-win7-windows-gnu` and `i686-win7-windows-gnu`
  where rustup cannot provide the former.
- ARM64 programs run by `cargo xtask arm64`: under Wine, under emulation. That shows that code and calling conventions are right, and nothing about weak memory.
- The workflow in `.github/workflows/ci.yml` runs the tests on Windows for x86_64, i686 and ARM64; whoever hosts this repository sees what came of it.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_was_and_was_not_done() {
        let row = Row {
            triple: "aarch64-pc-windows-msvc",
            linker: Linker::Lld,
            compiled: Ok(()),
            linked: Err(anyhow::anyhow!("no")),
            run: None,
        };
        assert!(table(&[row]).ends_with("| `aarch64-pc-windows-msvc` | yes | no: lld-link 19 | not here |\n"));
    }

    #[test]
    fn cargo_is_told_the_linker() {
        assert_eq!(linker_variable("x86_64-pc-windows-gnu"), "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER");
    }
}
