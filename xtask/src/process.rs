//! Child processes, each with a limit on its time.
//!
//! Everything that xtask starts goes through [`Task`]. A child leads a process group (on Unix): if it fails or exceeds
//! its limit, the whole group is killed, and so are all groups when xtask is interrupted.

use std::ffi::OsString;
use std::io::{Read as _, Seek as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wait_timeout::ChildExt as _;

use crate::prelude::*;

/// A program's limit, unless it has another. In that time, a slow machine fetches a package or compiles std.
const LIMIT: Duration = Duration::from_secs(30 * 60);

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
    command: Command,
    /// `None` if it was stopped at its limit.
    status: Option<ExitStatus>,
    /// What was kept of its output.
    pub(crate) output: String,
    pub(crate) elapsed: Duration,
}

impl Task {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), dir: None, limit: LIMIT }
    }

    pub(crate) fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable of the child; the last call for a variable counts.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    pub(crate) fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    pub(crate) fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Runs the task to its end or to its limit, without input. That the program fails is no error here: see
    /// [`Finished::check`].
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
        let outer = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|beginning| name.to_string_lossy().starts_with(beginning))
        });
        for (name, value) in outer.map(|name| (name, None)).chain(self.env.iter().cloned()) {
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
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", line_of(&command)))?;
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
        let output = String::from_utf8_lossy(&text).into_owned();
        Ok(Finished { command, status, output, elapsed: start.elapsed() })
    }
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.code() == Some(0)
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// How the program ended, for a person.
    pub(crate) fn how(&self) -> String {
        self.status.map_or_else(|| format!("stopped after {} s", self.elapsed.as_secs()), |status| status.to_string())
    }

    /// Makes an error of a failure, with the command, how it ended and what was kept of its output.
    pub(crate) fn check(self) -> Result<Self> {
        ensure!(self.success(), "`{}`: {}\n{}", line_of(&self.command), self.how(), self.output.trim_end());
        Ok(self)
    }
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The children that run now.
fn running() -> MutexGuard<'static, Vec<u32>> {
    static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes an interrupt of xtask end its children too: in groups of their own, they do not get it from the terminal.
pub(crate) fn end_children_on_interrupt() -> Result<()> {
    Ok(ctrlc::set_handler(|| {
        running().iter().copied().for_each(kill_group);
        std::process::exit(130);
    })?)
}

/// Kills a process and its children, if there are any left.
#[cfg(unix)]
fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
}

#[cfg(windows)]
fn kill_group(leader: u32) {
    let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &leader.to_string()]).output();
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn output_status_and_environment_are_those_of_the_child() {
        let script = "echo $A $B $CARGO_MANIFEST_DIR; echo err >&2; exit 3";
        let task = Task::new("sh").args(["-c", script]).env("A", "1").env("A", "2");
        let task = task.env("B", "3").env_remove("B").env("CARGO_MANIFEST_DIR", "4");
        let message = task.run(Output::Keep).expect("sh starts").check().err().expect("3 is a failure").to_string();
        assert!(message.contains("exit status: 3") && message.ends_with("\n2 4\nerr"), "{message}");
    }

    #[test]
    fn children_end_with_a_task_that_exceeds_its_limit_or_fails() {
        for (script, limit, how) in [
            ("sleep 60 & echo $!; wait", Duration::from_millis(300), "stopped"),
            ("sleep 60 & echo $!; exit 1", Duration::from_secs(30), "exit status: 1"),
        ] {
            let finished = Task::new("sh").limit(limit).args(["-c", script]).run(Output::Keep).expect("sh starts");
            assert!(finished.how().starts_with(how), "{}", finished.how());
            let stat = format!("/proc/{}/stat", finished.output.trim());
            let start = Instant::now();
            // A zombie (Z) has ended; whoever adopted it has yet to ask.
            while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                assert!(start.elapsed() < Duration::from_secs(30), "the child still runs");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
