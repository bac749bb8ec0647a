//! Child processes, each with a limit on its time.
//!
//! Everything that xtask starts goes through [`Task`]: no child may hang a run for ever, and one that takes
//! too long is ended together with its own children, by name in the message.

use std::ffi::OsString;
use std::fmt;
use std::io::{Read as _, Seek as _};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

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
    /// A task that runs `program` in the current directory, with the caller's environment and `limit` as its
    /// time.
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

    /// Sets an environment variable of the child; the last word on a variable counts.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Takes an environment variable away from the child.
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
        let command = self.to_string();
        // A file, not a pipe: a grandchild that outlives the child can't keep us reading.
        let mut kept = match output {
            Output::Show => None,
            Output::KeepStdout | Output::Keep => Some(tempfile::tempfile()?),
        };
        let mut expression = duct::cmd(&self.program, &self.args).stdin_null().unchecked();
        if let Some(file) = &kept {
            expression = expression.stdout_file(file.try_clone()?);
            if output == Output::Keep {
                expression = expression.stderr_file(file.try_clone()?);
            }
        }
        // duct obeys the first word on a variable, a `Task` the last.
        for (name, value) in self.env.iter().rev() {
            expression = match value {
                Some(value) => expression.env(name, value),
                None => expression.env_remove(name),
            };
        }
        for name in env_of_outer_cargo() {
            expression = expression.env_remove(name);
        }
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }

        let start = Instant::now();
        let handle = expression.start().with_context(|| format!("cannot start `{command}`"))?;
        let status = handle.wait_timeout(self.limit)?.map(|ended| ended.status);
        if status.is_none() {
            end_children_of(&handle.pids());
            handle.kill()?;
            // Not for ever: what hangs in the kernel stays there.
            handle.wait_timeout(Duration::from_secs(5))?;
        }
        let mut text = Vec::new();
        if let Some(file) = &mut kept {
            file.rewind()?;
            file.read_to_end(&mut text)?;
        }
        Ok(Finished {
            command,
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
        for arg in &self.args {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}

impl Finished {
    /// Whether the program ended by itself and reported success.
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How the program ended, for a person: "exit status: 1", "stopped after 60 s".
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
        let output = self.output.trim_end();
        let separator = if output.is_empty() { "" } else { "\n" };
        bail!("`{}`: {}{separator}{output}", self.command, self.how());
    }
}

/// What the cargo that runs xtask says about xtask. A cargo or a test that xtask runs must not take it for
/// its own.
fn env_of_outer_cargo() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    })
}

/// Finds a program in the directories of `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(&name)).find(|path| path.is_file())
}

/// Ends the children of the given processes, and theirs. Ending cargo alone would leave the test that hangs
/// below it behind.
fn end_children_of(pids: &[u32]) {
    let limit = Duration::from_secs(10);
    if cfg!(windows) {
        for pid in pids {
            let task = Task::new("taskkill", limit).args(["/T", "/F", "/PID", &pid.to_string()]);
            // Best effort: it may have ended meanwhile.
            let _ = task.run(Output::Keep);
        }
        return;
    }
    let mut family = pids.to_vec();
    let mut doomed = Vec::new();
    while let Some(parent) = family.pop() {
        let children = children_of(parent);
        family.extend(&children);
        doomed.extend(children.iter().map(u32::to_string));
    }
    if !doomed.is_empty() {
        let script = format!("kill -9 {}", doomed.join(" "));
        // Best effort, as above.
        let _ = Task::new("sh", limit).args(["-c", &script]).run(Output::Keep);
    }
}

/// The children of a process, as Linux tells them; none on systems without `/proc`.
fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            (parent_in_stat(&stat)? == parent).then_some(pid)
        })
        .collect()
}

/// The parent's process id in a line of `/proc/PID/stat`: the second field after the name, which is in
/// parentheses and may itself hold any character.
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_found_behind_any_name() {
        assert_eq!(parent_in_stat("7 (cargo) S 42 7 7 0 -1"), Some(42));
        assert_eq!(parent_in_stat("7 (a) b (c)) R 43 7"), Some(43));
        assert_eq!(parent_in_stat("7 (cargo"), None);
    }

    #[test]
    #[cfg(unix)]
    fn output_and_status_are_kept() {
        let task = Task::new("sh", Duration::from_secs(30)).args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = task.run(Output::Keep).expect("sh starts");
        assert_eq!(finished.output, "out\nerr\n");
        assert!(!finished.success());
        let message = finished.check().err().expect("3 is a failure").to_string();
        assert!(message.contains("exit status: 3") && message.contains("out\nerr"), "{message}");
    }

    #[test]
    #[cfg(unix)]
    fn the_last_word_on_a_variable_counts() {
        let task = Task::new("sh", Duration::from_secs(30)).args(["-c", "echo $A $B $CARGO_MANIFEST_DIR"]);
        let task = task.env("A", "1").env("A", "2").env("B", "3").env_remove("B").env("CARGO_MANIFEST_DIR", "4");
        assert_eq!(task.run(Output::Keep).expect("sh starts").output, "2 4\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_task_is_stopped_at_its_limit_with_its_children() {
        let start = Instant::now();
        let task = Task::new("sh", Duration::from_millis(300)).args(["-c", "echo begun; sleep 20 & wait"]);
        let finished = task.run(Output::Keep).expect("sh starts");
        assert!(finished.how().starts_with("stopped"), "{}", finished.how());
        assert_eq!(finished.output, "begun\n");
        assert!(start.elapsed() < Duration::from_secs(15), "the sleeping child was waited for");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let task = Task::new("there-is-no-such-program", Duration::from_secs(1)).arg("x");
        let message = task.run(Output::Show).err().expect("cannot start").to_string();
        assert!(message.contains("there-is-no-such-program x"), "{message}");
    }
}
