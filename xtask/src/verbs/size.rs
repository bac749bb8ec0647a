//! `cargo xtask size`: how large ntpark makes a program, and what else it takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::json;

use crate::cargo;
use crate::image::Image;
use crate::process::{Output, Task};
use crate::setup::{self, Setup};
use crate::toolchain::{Target, Toolchain};
use crate::verbs::dist::Flavour;
use crate::wine::Runner;
use crate::workspace::Workspace;

/// Programs that hand a token to and fro, once.
const RUN_LIMIT: Duration = Duration::from_secs(60);
const STRIP_LIMIT: Duration = Duration::from_secs(60);

/// Measure how large ntpark makes a program, what it imports, and how much stack it takes
///
/// Builds the programs under `benches/programs` for 64-bit Windows, optimised for size, and the C library, runs
/// the programs, and reads the files. Exits with an error if a goal is missed.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the items to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave out the programs on std and parking_lot, for which std has to be built
    #[arg(long)]
    no_peers: bool,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Something that was measured.
#[derive(Serialize)]
pub(crate) struct Item {
    name: &'static str,
    target: &'static str,
    value: u64,
    unit: &'static str,
    goal: Option<&'static str>,
    /// Whether the goal is met; of no meaning without one.
    pub(crate) met: Option<bool>,
    /// What the value is made of.
    detail: String,
}

impl Item {
    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let goal = match (self.goal, self.met) {
            (Some(goal), Some(true)) => format!("{goal}: met"),
            (Some(goal), _) => format!("{goal}: MISSED"),
            _ => String::new(),
        };
        format!("{:<34} {:>8} {:<10} {:<26} {}", self.name, self.value, self.unit, goal, self.detail)
            .trim_end()
            .to_owned()
    }
}

/// Measures, prints, and fails if a goal is missed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut items = core(workspace, &options.setup)?;
    if !options.no_peers {
        items.extend(peers(workspace, &options.setup)?);
    }
    for item in &items {
        println!("{}", item.line());
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "items": items }))?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    let missed: Vec<&str> = items.iter().filter(|item| item.met == Some(false)).map(|item| item.name).collect();
    if missed.is_empty() {
        return Ok(());
    }
    bail!("missed: {}", missed.join("; "));
}

/// What ntpark itself takes: the items with goals.
///
/// # Errors
/// When the programs can't be built, read or run.
pub(crate) fn core(workspace: &Workspace, setup: &setup::SetupOptions) -> Result<Vec<Item>> {
    const TARGET: Target = Target::X86_64_BARE;
    let (toolchain, runner) = set_up(workspace, setup, TARGET)?;
    let programs = build(workspace, &toolchain, "minimal")?;
    let find = |name: &str| {
        let program = programs.iter().find(|program| program.name == name);
        program.with_context(|| format!("cargo built no program {name}"))
    };
    let (park, spin) = (&find("park")?.path, &find("spin")?.path);
    let dir = tempfile::tempdir()?;
    let (stripped, stripped_spin) = (dir.path().join("park.exe"), dir.path().join("spin.exe"));
    strip(park, &stripped)?;
    strip(spin, &stripped_spin)?;
    for program in [&stripped, &stripped_spin] {
        runner.task(program, RUN_LIMIT).run(Output::Keep)?.check()?;
    }

    let mut items = Vec::new();
    let mut add = |name, value, unit, goal: Option<(&'static str, bool)>, detail: String| {
        let (goal, met) = goal.unzip();
        items.push(Item { name, target: TARGET.name, value, unit, goal, met, detail });
    };
    let at_most = |goal, most: u64, value| Some((goal, value <= most));

    let size = fs::metadata(&stripped)?.len();
    add("program without std and CRT", size, "bytes", at_most("≤ 4096", 4096, size), "the whole file".into());

    let (image, without) = (Image::read(&stripped)?, Image::read(&stripped_spin)?);
    let (with, without) = (image.bytes_before_imports()?, without.bytes_before_imports()?);
    let added = with - without;
    add("code and constants added", added, "bytes", at_most("≤ 3072", 3072, added), format!("{with} less {without}"));

    let imports = image.imports()?;
    let count = imports.values().map(|functions| functions.len() as u64).sum();
    let is_met = count <= 10 && imports.keys().all(|library| library == "kernel32.dll");
    let detail = imports.iter().map(|(library, functions)| format!("{library}: {}", functions.join(", ")));
    let detail = detail.collect::<Vec<_>>().join("; ");
    add("imported functions", count, "", Some(("kernel32 only, ≤ 10", is_met)), detail);

    let functions = Image::read(park)?.functions()?;
    let mut stack = |name, is_left_out: fn(&str) -> bool, is_goal: bool| -> Result<()> {
        let (stack, chain) = functions.stack("ntpark::parker::Parker::park", is_left_out)?;
        add(name, stack, "bytes", at_most("≤ 256", 256, stack).filter(|_| is_goal), chain.join(" > "));
        Ok(())
    };
    stack("stack of park", |name| name.contains("choose"), true)?;
    stack("stack of a process's first park", |name| name.contains("block::choose_and"), true)?;
    stack("the same while another thread chooses", |_| false, false)?;

    let dll = dll(workspace, &toolchain, dir.path())?;
    add("DLL", dll, "bytes", at_most("≤ 10240", 10_240, dll), "the whole file".into());

    let words = |bytes: usize| (bytes / size_of::<usize>()) as u64;
    let parker = words(size_of::<ntpark::Parker>());
    add("Parker", parker, "words", Some(("1", parker == 1)), String::new());
    let thread_parker = words(size_of::<ntpark::ThreadParker>());
    add("ThreadParker", thread_parker, "words", at_most("≤ 2", 2, thread_parker), String::new());
    Ok(items)
}

/// The size of the C library's DLL, which is laid out in `dir`.
fn dll(workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<u64> {
    let dir = dir.join("c-library");
    Flavour::X86_64_GNU.build(workspace, toolchain, &dir)?;
    Ok(fs::metadata(dir.join("bin/ntpark.dll"))?.len())
}

/// The same program on others, with std.
fn peers(workspace: &Workspace, setup: &setup::SetupOptions) -> Result<Vec<Item>> {
    const TARGET: Target = Target::X86_64_ABORT;
    let (toolchain, runner) = set_up(workspace, setup, TARGET)?;
    let mut items = Vec::new();
    for (package, name) in [("with-std", "program on std"), ("with-parking-lot", "program on parking_lot")] {
        let program = build(workspace, &toolchain, package)?.pop();
        let program = program.with_context(|| format!("cargo built no program {package}"))?;
        let dir = tempfile::tempdir()?;
        let stripped = dir.path().join("stripped.exe");
        strip(&program.path, &stripped)?;
        runner.task(&stripped, RUN_LIMIT).run(Output::Keep)?.check()?;
        let value = fs::metadata(&stripped)?.len();
        let target = toolchain.triple().unwrap_or(TARGET.name);
        items.push(Item { name, target, value, unit: "bytes", goal: None, met: None, detail: "the whole file".into() });
    }
    Ok(items)
}

fn set_up(workspace: &Workspace, options: &setup::SetupOptions, target: Target) -> Result<(Toolchain, Runner)> {
    let mut setup = Setup::new(workspace, options);
    setup.needs_linker(target);
    setup.needs_wine(Target::X86_64);
    let toolchain = setup.needs_target(target)?;
    setup.carry_out()?;
    Ok((toolchain, Runner::windows(workspace, Target::X86_64)?))
}

fn build(workspace: &Workspace, toolchain: &Toolchain, package: &str) -> Result<Vec<cargo::Program>> {
    let manifest = workspace.root().join("benches/programs/Cargo.toml");
    let task = toolchain.cargo(workspace, "build").args(["--release", "--message-format=json-render-diagnostics"]);
    let finished =
        task.args(["--package", package, "--manifest-path"]).arg(manifest).run(Output::KeepStdout)?.check()?;
    cargo::programs(&finished.output, false)
}

/// Copies a program without its symbols.
fn strip(program: &Path, to: &Path) -> Result<()> {
    let tool = match Target::X86_64.gcc {
        Some(gcc) if !cfg!(windows) => gcc.program.replace("gcc", "strip"),
        _ => "strip".to_owned(),
    };
    Task::new(tool, STRIP_LIMIT).arg("--strip-all").arg("-o").arg(to).arg(program).run(Output::Keep)?.check()?;
    ensure!(to.is_file(), "{} was not written", to.display());
    Ok(())
}
