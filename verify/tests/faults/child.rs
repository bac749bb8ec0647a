//! Child processes, each with a limit.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether a child has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How a child ended.
pub(crate) enum Ended {
    Successfully,
    WithAnError,
    OutOfTime,
}

/// Runs a command for no longer than `limit`, and returns how it ended and what it has said, which is in `output`
/// meanwhile. If it takes longer, it is ended together with its own children.
pub(crate) fn run(mut command: Command, output: &Path, limit: Duration) -> Result<(Ended, String), String> {
    let told = format!("{command:?}");
    let tell = |error: std::io::Error| format!("{told}: {error}");
    let file = File::create(output).map_err(tell)?;
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(tell)?).stderr(file);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(tell)?;
    let start = Instant::now();
    let ended = loop {
        match child.try_wait().map_err(tell)? {
            Some(status) if status.success() => break Ended::Successfully,
            Some(_) => break Ended::WithAnError,
            None if start.elapsed() >= limit => {
                end(&mut child).map_err(tell)?;
                break Ended::OutOfTime;
            }
            None => std::thread::sleep(LOOK),
        }
    };
    let said = fs::read(output).map_err(tell)?;
    Ok((ended, String::from_utf8_lossy(&said).into_owned()))
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
