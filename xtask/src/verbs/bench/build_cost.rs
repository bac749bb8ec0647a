//! What it costs to build a program that uses each peer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::process::{Output, Task};
use crate::workspace::Workspace;

/// A small program and a handful of dependencies.
const BUILD_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The Windows target whose dependencies are counted.
const TARGET: &str = "x86_64-pc-windows-gnu";

/// A peer, the dependency that brings it, and a use of it.
struct Peer {
    name: &'static str,
    dependency: &'static str,
    source: &'static str,
}

/// `PATH` stands for the checkout.
const PEERS: [Peer; 6] = [
    Peer {
        name: "ntpark",
        dependency: "ntpark = { path = \"PATH\" }",
        source: "fn main() { let parker = ntpark::Parker::new(); parker.unpark(); let _ = parker.park(); }",
    },
    Peer { name: "std", dependency: "", source: "fn main() { std::thread::current().unpark(); std::thread::park(); }" },
    Peer {
        name: "crossbeam-utils",
        dependency: "crossbeam-utils = \"0.8\"",
        source: "fn main() { let parker = crossbeam_utils::sync::Parker::new(); parker.unparker().unpark(); parker.park(); }",
    },
    Peer {
        name: "parking",
        dependency: "parking = \"2\"",
        source: "fn main() { let (parker, unparker) = parking::pair(); unparker.unpark(); parker.park(); }",
    },
    Peer {
        name: "parking_lot_core",
        dependency: "parking_lot_core = \"0.9\"",
        source: "fn main() { unsafe { parking_lot_core::unpark_one(2, |_| parking_lot_core::DEFAULT_UNPARK_TOKEN) }; }",
    },
    Peer {
        name: "atomic-wait",
        dependency: "atomic-wait = \"1\"",
        source: "fn main() { atomic_wait::wake_one(&std::sync::atomic::AtomicU32::new(0)); }",
    },
];

/// What one program costs.
#[derive(Serialize)]
pub(super) struct Cost {
    subject: &'static str,
    /// Crates beside the program itself, on Windows.
    crates: usize,
    /// The time that `cargo build` takes with nothing built yet, for this machine: the median.
    seconds: f64,
    builds: usize,
}

/// Builds each program several times from clean, in turns.
pub(super) fn measure(workspace: &Workspace, quick: bool) -> Result<Vec<Cost>> {
    let home = tempfile::tempdir()?;
    let rounds = if quick { 1 } else { 5 };
    let mut times = vec![Vec::new(); PEERS.len()];
    for peer in &PEERS {
        prepare(workspace, &home.path().join(peer.name), peer)?;
    }
    for round in 0..rounds {
        for (peer, times) in PEERS.iter().zip(&mut times) {
            eprintln!("building {}, {} of {rounds}", peer.name, round + 1);
            let target = tempfile::tempdir_in(&home)?;
            let task = cargo("build").args(["--quiet", "--offline"]).dir(home.path().join(peer.name));
            let finished = task.env("CARGO_TARGET_DIR", target.path()).run(Output::Keep)?.check()?;
            times.push(finished.elapsed.as_secs_f64());
        }
    }
    let mut costs = Vec::new();
    println!("\n{:<18} {:>7} {:>9}", "program on", "crates", "built in");
    for (peer, mut times) in PEERS.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let seconds = times[times.len() / 2];
        let crates = crates(&home.path().join(peer.name), peer)?;
        println!("{:<18} {crates:>7} {seconds:>7.2} s", peer.name);
        costs.push(Cost { subject: peer.name, crates, seconds, builds: times.len() });
    }
    Ok(costs)
}

/// Writes the program, with the versions that the workspace has locked, and fetches what it depends on.
fn prepare(workspace: &Workspace, dir: &Path, peer: &Peer) -> Result<()> {
    let path = workspace.root().display().to_string().replace('\\', "/");
    let dependency = peer.dependency.replace("PATH", &path);
    let name = peer.name.replace('_', "-");
    fs::create_dir_all(dir.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"with-{name}\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{dependency}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest)?;
    fs::write(dir.join("src/main.rs"), peer.source)?;
    fs::copy(workspace.root().join("Cargo.lock"), dir.join("Cargo.lock"))?;
    cargo("fetch").arg("--quiet").dir(dir).run(Output::Keep)?.check().context("cannot fetch the dependencies")?;
    Ok(())
}

fn crates(dir: &Path, peer: &Peer) -> Result<usize> {
    let task = cargo("tree").args(["--offline", "--prefix", "none", "--edges", "normal,build", "--target", TARGET]);
    let finished = task.dir(dir).run(Output::KeepStdout)?.check().context(peer.name)?;
    // A line for each use of a crate; repeated ones end with an asterisk.
    let lines: BTreeSet<&str> = finished
        .output
        .lines()
        .map(|line| line.trim_end_matches(" (*)").trim())
        .filter(|line| !line.is_empty())
        .collect();
    Ok(lines.len().saturating_sub(1))
}

fn cargo(verb: &str) -> Task {
    Task::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), BUILD_LIMIT).arg(verb)
}
