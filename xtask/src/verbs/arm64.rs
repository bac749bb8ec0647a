//! `cargo xtask arm64`: a program for ARM64 Windows, under Wine for ARM64, under QEMU.
//!
//! A small ARM64 Debian with Wine lies under cargo's target directory; it runs in namespaces of its own, so
//! that nothing is mounted or registered on the machine. It shows that the code, the calling convention and
//! the structures are right. About memory ordering it shows nothing: the emulator orders as its host does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{Output, Task, on_path};
use crate::setup::{self, Setup, Tool};
use crate::verbs::targets::NoCrt;
use crate::workspace::Workspace;

const TARGET: &str = "aarch64-pc-windows-msvc";

const MAKE_ROOT_LIMIT: Duration = Duration::from_secs(10 * 60);
const PREFIX_LIMIT: Duration = Duration::from_secs(10 * 60);
/// A start takes a few seconds.
const RUN_LIMIT: Duration = Duration::from_secs(120);

const QEMU: Tool =
    Tool { program: "qemu-aarch64-static", package: "qemu-user-static", purpose: "QEMU, to run ARM64 programs" };
const MMDEBSTRAP: Tool =
    Tool { program: "mmdebstrap", package: "mmdebstrap", purpose: "mmdebstrap, to make a small ARM64 Debian" };
const PYTHON: Tool = Tool { program: "python3", package: "python3", purpose: "Python, to make namespaces" };

/// Run a program for ARM64 Windows, emulated
///
/// Builds the example `no_crt` and runs it under Wine for ARM64 under QEMU, a few times. Takes root, Linux
/// 6.7 or later, 0.5 GB and, the first time, a few minutes. No part of CI.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often to run it
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: u32,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Builds the program, makes the system that it runs on, and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        bail!("this takes Linux; on Windows for ARM64, the tests run as they are");
    }
    let mut setup = Setup::new(workspace, &options.setup);
    for tool in [QEMU, MMDEBSTRAP, PYTHON] {
        setup.needs_tool(tool);
    }
    let program = NoCrt::new(workspace, &mut setup, TARGET)?;
    setup.carry_out()?;
    let program = program.build(workspace)?;
    let system = System::find(workspace)?;
    fs::copy(&program, system.root.join("no_crt.exe"))?;
    for number in 1..=options.runs {
        let script = r#"/usr/lib/wine/wine64 /no_crt.exe; code=$?; $WINESERVER -k; exit $code"#;
        let finished = system.task(script, RUN_LIMIT).run(Output::Keep)?.check()?;
        println!("{number}: {} in {:.1} s", finished.output.trim(), finished.elapsed.as_secs_f64());
    }
    println!("{TARGET}: {} runs, all well", options.runs);
    Ok(())
}

/// An ARM64 Debian with Wine and a prefix.
struct System {
    root: PathBuf,
    namespace: PathBuf,
    script: PathBuf,
}

impl System {
    fn find(workspace: &Workspace) -> Result<Self> {
        let home = workspace.target().join("arm64");
        let scripts = workspace.root().join("xtask/arm64");
        let system =
            Self { root: home.join("root"), namespace: scripts.join("namespace.py"), script: scripts.join("run.sh") };
        if !system.root.is_dir() {
            eprintln!("Making an ARM64 Debian in {}", system.root.display());
            make_root(&home, &system.root)?;
        }
        let done = system.root.join("root/prefix/done");
        if !done.is_file() {
            eprintln!("Making a Wine prefix in it");
            let script = "/usr/lib/wine/wine64 wineboot --init >/dev/null 2>&1; $WINESERVER -k; $WINESERVER -w";
            system.task(script, PREFIX_LIMIT).run(Output::Keep)?.check()?;
            fs::write(done, "").context("Wine has made no prefix")?;
        }
        Ok(system)
    }

    /// A shell script, to be run there.
    fn task(&self, script: &str, limit: Duration) -> Task {
        let task = Task::new("python3", limit).arg(&self.namespace).arg("sh").arg(&self.script).arg(&self.root);
        task.args(["/bin/sh", "-c", script])
    }
}

fn make_root(home: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(home)?;
    let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(home)?;
    let place = unfinished.path().join("root");
    let task = Task::new("mmdebstrap", MAKE_ROOT_LIMIT).args(["--quiet", "--mode=root", "--variant=extract"]);
    let task = task.args(["--architectures=arm64", "--include=wine64,libc-bin,dash", "bookworm"]).arg(&place);
    task.run(Output::Keep)?.check()?;
    for folder in ["proc", "dev", "tmp", "root"] {
        fs::create_dir_all(place.join(folder))?;
    }
    let qemu = on_path(QEMU.program).context("QEMU is gone")?;
    fs::copy(qemu, place.join("usr/bin").join(QEMU.program))?;
    fs::rename(place, root)?;
    Ok(())
}
