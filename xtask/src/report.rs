//! Checks, carried out one after the other, with a line about each.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, bail};

/// What was checked, and what did not pass.
#[derive(Default)]
pub(crate) struct Report {
    steps: usize,
    failed: Vec<String>,
}

impl Report {
    /// Carries a check out, and prints a line about it. That it fails is told by [`Report::verdict`], at the
    /// end.
    ///
    /// # Errors
    /// When nothing can be printed.
    pub(crate) fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
        print!("{name:<32} ");
        std::io::stdout().flush()?;
        let start = Instant::now();
        let result = check();
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("{verdict} in {:.1} s", start.elapsed().as_secs_f64());
        self.steps += 1;
        if let Err(error) = result {
            println!("{error:#}");
            self.failed.push(name.to_owned());
        }
        Ok(())
    }

    /// # Errors
    /// When a check has failed.
    pub(crate) fn verdict(self) -> Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        bail!("{} of {} checks failed: {}", self.failed.len(), self.steps, self.failed.join("; "));
    }
}
