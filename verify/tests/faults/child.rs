//! Child processes, each with a limit.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use wait_timeout::ChildExt as _;

/// Runs a command for no longer than `limit`, and returns how it ended, `None` at the limit, and its output, which is
/// in the file `output` meanwhile. If it takes longer, it is ended together with its own children.
pub(crate) fn run(mut command: Command, output: &Path, limit: Duration) -> Result<(Option<ExitStatus>, String)> {
    let file = File::create(output)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let status = child.wait_timeout(limit)?;
    if status.is_none() {
        end(&mut child)?;
    }
    Ok((status, String::from_utf8_lossy(&fs::read(output)?).into_owned()))
}

/// Ends a child and its children.
fn end(child: &mut Child) -> std::io::Result<()> {
    #[cfg(unix)]
    // SAFETY: takes numbers. The child has not been waited for, so its number, which is its group's too, is not anyone
    // else's.
    unsafe {
        libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL)
    };
    #[cfg(not(unix))]
    child.kill()?;
    child.wait().map(|_| ())
}
