//! What it costs to build a program that uses each peer.

use serde_json::{Value, json};

use crate::prelude::*;

/// How often each program is built.
const ROUNDS: usize = 7;

/// A program: its name, the dependency of it, and a use of that. `PATH` stands for the checkout, `COPY` for one without
/// the compile-time model.
const PEERS: [(&str, &str, &str); 7] = [
    ("ntpark", "ntpark = { path = 'PATH' }", "ntpark::Parker::new().unpark()"),
    ("ntpark-without-model", "ntpark = { path = 'COPY' }", "ntpark::Parker::new().unpark()"),
    ("std", "", "std::thread::current().unpark()"),
    ("crossbeam-utils", "crossbeam-utils = '0.8'", "crossbeam_utils::sync::Parker::new().unparker().unpark()"),
    ("parking", "parking = '2'", "parking::pair().1.unpark()"),
    ("parking_lot_core", "parking_lot_core = '0.10'", "drop(parking_lot_core::SpinWait::new())"),
    ("atomic-wait", "atomic-wait = '1'", "atomic_wait::wake_one(&std::sync::atomic::AtomicU32::new(0))"),
];

/// Builds each program several times from clean, in turns. For each, the medians of the whole, and of what is built
/// anew if only the crate itself changes.
pub(crate) fn measure(workspace: &Workspace) -> Result<Vec<Value>> {
    let home = tempfile::tempdir()?;
    let copy = home.path().join("copy");
    workspace.copy_to(&copy)?;
    let lib = fs::read_to_string(copy.join("src/lib.rs"))?;
    let (before, after) = lib.split_once("mod model;\n").context("src/lib.rs has no model")?;
    fs::write(copy.join("src/lib.rs"), format!("{before}{after}"))?;
    for (name, dependency, source) in PEERS {
        let dependency = dependency.replace("PATH", &workspace.root.to_string_lossy());
        let dependency = dependency.replace("COPY", &copy.to_string_lossy());
        let dir = home.path().join(name);
        fs::create_dir_all(dir.join("src"))?;
        let package = format!("package = {{ name = 'with-{name}', edition = '2024' }}\nworkspace = {{}}\n");
        fs::write(dir.join("Cargo.toml"), format!("{package}[dependencies]\n{dependency}\n"))?;
        fs::write(dir.join("src/main.rs"), format!("fn main() {{ {source}; }}\n"))?;
        fs::copy(workspace.root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
        cargo(workspace, &dir, "fetch").run(Output::Keep)?.check()?;
    }
    let mut times = vec![(Vec::new(), Vec::new()); PEERS.len()];
    for round in 1..=ROUNDS {
        for ((name, dependency, _), (whole, alone)) in PEERS.iter().zip(&mut times) {
            eprintln!("building {name}, {round} of {ROUNDS}");
            let dir = home.path().join(name);
            let build = || {
                let finished = cargo(workspace, &dir, "build").arg("--offline").run(Output::Keep)?.check()?;
                Ok::<_, anyhow::Error>(finished.elapsed.as_secs_f64())
            };
            whole.push(build()?);
            if let Some((package, _)) = dependency.split_once(' ') {
                let clean = cargo(workspace, &dir, "clean").args(["--offline", "--package", package]);
                clean.run(Output::Keep)?.check()?;
                alone.push(build()?);
            }
            fs::remove_dir_all(dir.join("target"))?;
        }
    }
    println!("\n{:<22} {:>10} {:>18}", "program on", "from clean", "the crate alone");
    let costs = PEERS.iter().zip(times).map(|((name, ..), (whole, alone))| {
        let (whole, alone) = (median(whole), median(alone));
        println!("{name:<22} {:>8.2} s {:>16.2} s", whole.unwrap_or(0.0), alone.unwrap_or(0.0));
        json!({ "subject": name, "seconds": whole, "alone": alone, "builds": ROUNDS })
    });
    Ok(costs.collect())
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

fn cargo(workspace: &Workspace, dir: &Path, verb: &str) -> Task {
    let task = Task::new(Toolchain::host(workspace).program).args([verb, "--quiet"]).dir(dir);
    task.env("CARGO_TARGET_DIR", dir.join("target"))
}
