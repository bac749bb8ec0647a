//! Child processes, each with a limit on its time.
//!
//! Everything that xtask starts goes through [`Task`]. On Unix a child leads a process group: if it fails or
//! exceeds its limit, the whole group is killed, and so are all groups when xtask is interrupted.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use wait_timeout::ChildExt as _;

/// Where a child's output goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// To the terminal, as it comes.
    Show,
    /// Standard output is kept, standard error goes to the terminal.
    KeepStdout,
    /// Both are kept, in the order in which they were written.
    Keep,
}

/// A program with its arguments, environment and time limit, ready to run.
#[derive(Clone)]
pub(crate) struct Task {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

/// How a [`Task`] ended.
pub(crate) struct Finished {
    command: String,
    status: Option<ExitStatus>,
    limit: Duration,
    /// What was kept of its output; empty for [`Output::Show`].
    pub(crate) output: String,
    /// How long it ran.
    pub(crate) elapsed: Duration,
}

impl Task {
    /// A task that runs `program` in the current directory, with the caller's environment, for at most `limit`.
    pub(crate) fn new(program: impl Into<OsString>, limit: Duration) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), dir: None, limit }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable of the child; the last call for a variable counts.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes an environment variable of the child.
    pub(crate) fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Runs the child in `dir`.
    pub(crate) fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Runs the task to its end or to its limit. Standard input is empty.
    ///
    /// # Errors
    /// When the program can't be started. A program that fails or is stopped at its limit is no error here:
    /// see [`Finished::check`].
    pub(crate) fn run(&self, output: Output) -> Result<Finished> {
        // A file, not a pipe: a grandchild that outlives the child can't keep us reading.
        let mut kept = tempfile::tempfile()?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if output != Output::Show {
            command.stdout(kept.try_clone()?);
        }
        if output == Output::Keep {
            command.stderr(kept.try_clone()?);
        }
        // What the outer cargo says about xtask is not true of the child.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
                command.env_remove(name);
            }
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);

        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start `{self}`"))?;
        running().push(child.id());
        let status = child.wait_timeout(self.limit)?;
        if !status.is_some_and(|status| status.success()) {
            kill_group(child.id());
            // Not for ever: what hangs in the kernel stays there.
            child.wait_timeout(Duration::from_secs(5))?;
        }
        running().retain(|&id| id != child.id());
        let mut text = Vec::new();
        kept.rewind()?;
        kept.read_to_end(&mut text)?;
        Ok(Finished {
            command: self.to_string(),
            status,
            limit: self.limit,
            output: String::from_utf8_lossy(&text).into_owned(),
            elapsed: start.elapsed(),
        })
    }
}

impl fmt::Display for Task {
    /// The command line, without the environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.to_string_lossy())?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", arg.to_string_lossy()))
    }
}

impl Finished {
    /// Whether the program ended by itself and reported success.
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Its exit code, if it ended by itself.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// How the program ended, for a person.
    pub(crate) fn how(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("stopped, it took longer than {} s", self.limit.as_secs()),
        }
    }

    /// Hands the result back if the program succeeded.
    ///
    /// # Errors
    /// Otherwise, with the command, how it ended and what was kept of its output.
    pub(crate) fn check(self) -> Result<Self> {
        if self.success() {
            return Ok(self);
        }
        bail!("{}", format!("`{}`: {}\n{}", self.command, self.how(), self.output).trim_end());
    }
}

/// Finds a program in the directories of `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(&name)).find(|path| path.is_file())
}

/// The children that run now. Each leads a group of its own, so Ctrl-C does not reach it.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn running() -> std::sync::MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes an interrupt or a termination of xtask end its children too.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn end_children_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        running().iter().copied().for_each(kill_group);
        std::process::exit(130);
    })
    .context("cannot handle interrupts")
}

#[cfg(unix)]
fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // An error means that the group has ended.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Windows knows a process's children as long as it runs.
#[cfg(windows)]
fn kill_group(leader: u32) {
    let args = ["/T", "/F", "/PID", &leader.to_string()];
    // An error means that the process has ended.
    let _ = Command::new("taskkill").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn sh(script: &str, limit: Duration) -> Task {
        Task::new("sh", limit).args(["-c", script])
    }

    #[test]
    fn output_and_status_are_kept() {
        let finished = sh("echo out; echo err >&2; exit 3", LIMIT).run(Output::Keep).expect("sh starts");
        assert_eq!(finished.output, "out\nerr\n");
        let message = finished.check().err().expect("3 is a failure").to_string();
        assert!(message.contains("exit status: 3") && message.contains("out\nerr"), "{message}");
    }

    #[test]
    fn the_last_call_for_a_variable_counts() {
        let task = sh("echo $A $B $CARGO_MANIFEST_DIR", LIMIT).env("A", "1").env("A", "2").env("B", "3");
        let finished = task.env_remove("B").env("CARGO_MANIFEST_DIR", "4").run(Output::Keep).expect("sh starts");
        assert_eq!(finished.output, "2 4\n");
    }

    /// Runs a script that tells the id of a child which would sleep for long, and checks that the child has ended.
    fn child_ends(script: &str, limit: Duration, how: &str) {
        let finished = sh(script, limit).run(Output::Keep).expect("sh starts");
        assert!(finished.how().starts_with(how), "{}", finished.how());
        let stat = format!("/proc/{}/stat", finished.output.trim());
        let start = Instant::now();
        // A zombie (Z) has ended; whoever adopted it has yet to ask.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(start.elapsed() < LIMIT, "the child still runs");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn children_end_with_a_task_that_exceeds_its_limit_or_fails() {
        child_ends("sleep 60 & echo $!; wait", Duration::from_millis(300), "stopped");
        child_ends("sleep 60 & echo $!; exit 1", LIMIT, "exit status: 1");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let task = Task::new("there-is-no-such-program", LIMIT).arg("x");
        let message = task.run(Output::Show).err().expect("cannot start").to_string();
        assert!(message.contains("there-is-no-such-program x"), "{message}");
    }
}
