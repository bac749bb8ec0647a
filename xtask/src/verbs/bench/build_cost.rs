//! What it costs to build a program that uses each peer, and what ntpark's compile-time model takes of that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::{Output, Task};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// A small program and a handful of dependencies.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// The Windows target whose dependencies are counted.
const TARGET: &str = "x86_64-pc-windows-gnu";

/// A program: its name, the dependency of it, and a use of that. `PATH` stands for the checkout, `COPY` for a copy
/// without the model.
const PEERS: [(&str, &str, &str); 7] = [
    (
        "ntpark",
        "ntpark = { path = \"PATH\" }",
        "let parker = ntpark::Parker::new(); parker.unpark(); let _ = parker.park();",
    ),
    ("ntpark-without-model", "ntpark = { path = \"COPY\" }", "ntpark::Parker::new().unpark();"),
    ("std", "", "std::thread::current().unpark(); std::thread::park();"),
    ("crossbeam-utils", "crossbeam-utils = \"0.8\"", "crossbeam_utils::sync::Parker::new().unparker().unpark();"),
    ("parking", "parking = \"2\"", "parking::pair().1.unpark();"),
    (
        "parking_lot_core",
        "parking_lot_core = \"0.10\"",
        "unsafe { parking_lot_core::unpark_one(2, |_| parking_lot_core::DEFAULT_UNPARK_TOKEN) };",
    ),
    ("atomic-wait", "atomic-wait = \"1\"", "atomic_wait::wake_one(&std::sync::atomic::AtomicU32::new(0));"),
];
/// The lines of the sources by which the model is a part of the crate.
const MODEL: [(&str, &str); 1] = [("src/lib.rs", "mod model;")];

/// Builds each program several times from clean, in turns. For each, the medians: of the whole, and of the crate
/// that it depends on alone.
pub(super) fn measure(workspace: &Workspace, quick: bool) -> Result<Vec<Value>> {
    let home = tempfile::tempdir()?;
    let rounds = if quick { 1 } else { 7 };
    let copy = home.path().join("copy");
    copy_without_model(workspace, &copy)?;
    for (name, dependency, source) in PEERS {
        let path = |path: &Path| path.display().to_string().replace('\\', "/");
        let dependency = dependency.replace("PATH", &path(workspace.root())).replace("COPY", &path(&copy));
        let dir = home.path().join(name);
        fs::create_dir_all(dir.join("src"))?;
        let package = format!("[package]\nname = \"with-{name}\"\nedition = \"2024\"\n\n[workspace]\n");
        fs::write(dir.join("Cargo.toml"), format!("{package}\n[dependencies]\n{dependency}\n"))?;
        fs::write(dir.join("src/main.rs"), format!("fn main() {{ {source} }}\n"))?;
        fs::copy(workspace.root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
        cargo(workspace, &dir, "fetch").arg("--quiet").run(Output::Keep)?.check()?;
    }
    let mut times = vec![(Vec::new(), Vec::new()); PEERS.len()];
    for round in 1..=rounds {
        for ((name, dependency, _), (whole, alone)) in PEERS.iter().zip(&mut times) {
            eprintln!("building {name}, {round} of {rounds}");
            let build = || {
                let task = cargo(workspace, &home.path().join(name), "build").args(["--quiet", "--offline"]);
                Ok::<_, anyhow::Error>(task.run(Output::Keep)?.check()?.elapsed.as_secs_f64())
            };
            whole.push(build()?);
            if let Some((package, _)) = dependency.split_once(' ') {
                // With its dependencies standing: what the crate itself and the program take.
                let clean = cargo(workspace, &home.path().join(name), "clean").args(["--quiet", "--offline"]);
                clean.args(["--package", package]).run(Output::Keep)?.check()?;
                alone.push(build()?);
            }
            fs::remove_dir_all(home.path().join(name).join("target"))?;
        }
    }
    let mut costs = Vec::new();
    println!("\n{:<22} {:>7} {:>10} {:>15}", "program on", "crates", "built in", "the crate alone");
    for ((name, ..), (whole, alone)) in PEERS.iter().zip(times) {
        let (whole, alone) = (median(whole), median(alone));
        let crates = crates(workspace, &home.path().join(name))?;
        println!("{name:<22} {crates:>7} {:>8.2} s {:>13.2} s", whole.unwrap_or(0.0), alone.unwrap_or(0.0));
        costs.push(json!({ "subject": name, "crates": crates, "seconds": whole, "alone": alone, "builds": rounds }));
    }
    Ok(costs)
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

fn copy_without_model(workspace: &Workspace, to: &Path) -> Result<()> {
    let files = Task::new("git", LIMIT).dir(workspace.root()).args(["ls-files", "Cargo.toml", "build.rs", "src"]);
    for file in files.run(Output::KeepStdout)?.check()?.output.lines() {
        let path = to.join(file);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::copy(workspace.root().join(file), path)?;
    }
    for (file, line) in MODEL {
        let text = fs::read_to_string(to.join(file))?;
        ensure!(text.lines().any(|it| it == line), "{file} has no line `{line}` any more");
        fs::write(to.join(file), text.replace(line, ""))?;
    }
    // It lies apart from the workspace's other members.
    let manifest = fs::read_to_string(to.join("Cargo.toml"))?;
    let members = manifest.lines().find(|line| line.starts_with("members = ")).context("no members")?;
    Ok(fs::write(to.join("Cargo.toml"), manifest.replace(members, ""))?)
}

/// How many crates a program builds beside itself, on Windows.
fn crates(workspace: &Workspace, dir: &Path) -> Result<usize> {
    let tree = ["--offline", "--prefix", "none", "--edges", "normal,build", "--target", TARGET];
    let output = cargo(workspace, dir, "tree").args(tree).run(Output::KeepStdout)?.check()?.output;
    // A line for each use of a crate; repeated ones end with an asterisk.
    let lines = output.lines().map(|line| line.trim_end_matches(" (*)").trim());
    Ok(lines.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len().saturating_sub(1))
}

fn cargo(workspace: &Workspace, dir: &Path, verb: &str) -> Task {
    let task = Task::new(Toolchain::host(workspace).program(), LIMIT).arg(verb).dir(dir);
    task.env("CARGO_TARGET_DIR", dir.join("target"))
}
