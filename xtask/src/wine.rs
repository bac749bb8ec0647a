//! Running Windows programs: under Wine in a prefix of the project's own, on Windows directly.
//!
//! The prefix lies under cargo's target directory; the user's own (`~/.wine`) is never touched. Every Wine process that is started here gets
//! its settings through its environment.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process::{Output, Task};
use crate::workspace::Workspace;

/// Making a prefix takes 10 s, on a slow disk a minute.
const PREFIX_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Compiling a stand-in DLL.
const COMPILE_LIMIT: Duration = Duration::from_secs(60);
/// How long the Wine server stays after its last program, in seconds: from one program of a run to the next.
const SERVER_STAYS: &str = "-p60";

/// A way to run Windows programs, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    /// `None` on Windows.
    prefix: Option<PathBuf>,
}

impl Runner {
    /// Makes the prefix if there is none, and wakes its server.
    ///
    /// # Errors
    /// When Wine fails.
    pub(crate) fn windows(workspace: &Workspace) -> Result<Self> {
        if cfg!(windows) {
            return Ok(Self { prefix: None });
        }
        let home = workspace.target().join("wine");
        let prefix = home.join("prefix");
        if !prefix.is_dir() {
            make_prefix(&home, &prefix)?;
        }
        let system32 = prefix.join("drive_c/windows/system32");
        let dll = system32.join("bcryptprimitives.dll");
        if !dll.exists() {
            let source = workspace.root().join("xtask/wine/bcryptprimitives.c");
            compile_dll("x86_64-w64-mingw32-gcc", &dll, &[source.as_os_str(), "-ladvapi32".as_ref()])?;
        }
        wake(&prefix)?;
        Ok(Self { prefix: Some(prefix) })
    }

    /// For programs of this machine.
    pub(crate) fn native() -> Self {
        Self { prefix: None }
    }

    /// A task that runs `program`, which gets no input and is stopped after `limit`.
    pub(crate) fn task(&self, program: &Path, limit: Duration) -> Task {
        match &self.prefix {
            Some(prefix) => wine_env(Task::new("wine", limit), prefix).arg(program),
            None => Task::new(program, limit),
        }
    }

    /// Lets cargo run programs of the target `triple` this way: doctests have no other.
    pub(crate) fn as_cargo_runner(&self, task: Task, triple: &str) -> Task {
        match &self.prefix {
            Some(prefix) => {
                let name = format!("CARGO_TARGET_{}_RUNNER", triple.to_uppercase().replace('-', "_"));
                wine_env(task, prefix).env(name, "wine")
            }
            None => task,
        }
    }
}

/// Makes the prefix beside its place and moves it there when it is complete: a run that is interrupted leaves no half of it behind, and
/// of two runs at once one wins.
fn make_prefix(home: &Path, prefix: &Path) -> Result<()> {
    eprintln!("Making a Wine prefix in {}", prefix.display());
    fs::create_dir_all(home)?;
    let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(home)?;
    wake(unfinished.path())?;
    let stop = wine_env(Task::new("wineserver", PREFIX_LIMIT), unfinished.path());
    stop.clone().arg("-k").run(Output::Keep)?.check()?;
    stop.arg("-w").run(Output::Keep)?.check()?;
    let path = unfinished.keep();
    if let Err(error) = fs::rename(&path, prefix) {
        fs::remove_dir_all(&path)?;
        if !prefix.is_dir() {
            return Err(error).with_context(|| format!("cannot make {}", prefix.display()));
        }
    }
    Ok(())
}

/// Starts the prefix's server and services, if they don't run. The first Wine process hands its own output to the services that it
/// starts, and who reads that pipe then waits for them: here it is a file that nobody waits for.
fn wake(prefix: &Path) -> Result<()> {
    let server = wine_env(Task::new("wineserver", PREFIX_LIMIT), prefix).arg(SERVER_STAYS);
    // Says no when a server runs already.
    server.run(Output::Keep)?;
    let boot = wine_env(Task::new("wine", PREFIX_LIMIT), prefix).args(["wineboot", "--init"]);
    boot.run(Output::Keep)?.check().context("Wine can't be started")?;
    Ok(())
}

fn wine_env(task: Task, prefix: &Path) -> Task {
    task.env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        // No menu entries in the user's desktop, no questions about Mono and Gecko, no debugger that waits for a person.
        .env("WINEDLLOVERRIDES", "winemenubuilder.exe,mscoree,mshtml,winedbg.exe=")
        .env_remove("WINEARCH")
}

/// Compiles a stand-in DLL and puts it into its place.
fn compile_dll(gcc: &str, dll: &Path, input: &[&OsStr]) -> Result<()> {
    let task = Task::new(gcc, COMPILE_LIMIT).args(["-shared", "-O2", "-s", "-Wall", "-Wextra", "-o"]).arg(dll);
    task.args(input).run(Output::Keep)?.check()?;
    Ok(())
}
