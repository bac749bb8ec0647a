//! What was checked: a line for each program or check as it runs, and a summary.

use std::io::Write as _;

use crate::prelude::*;

/// Tests that passed, failed and were left out.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

/// A line of the summary.
struct Row {
    label: String,
    counts: Counts,
    elapsed: Duration,
}

/// What was checked so far, in groups.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// Reads the verdict of a program.
pub(crate) type Judge = fn(&Finished) -> Counts;

impl Counts {
    /// The verdict of a program that passes by ending with success.
    pub(crate) fn of_program(finished: &Finished) -> Self {
        Self::one(finished.success())
    }

    fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed), ignored: 0 }
    }

    /// The verdict of a program of tests. It fails if it ends without one, or with one that its exit code
    /// contradicts.
    pub(crate) fn of_tests(finished: &Finished) -> Self {
        Self::checked(Self::read(&finished.output), finished)
    }

    /// The same of a verdict that has been read.
    pub(crate) fn checked(verdict: Option<Self>, finished: &Finished) -> Self {
        let counts = verdict.unwrap_or_default();
        let is_consistent = verdict.is_some() && finished.success() == (counts.failed == 0);
        Self { failed: if is_consistent { counts.failed } else { counts.failed.max(1) }, ..counts }
    }

    /// Sums the closing lines of test programs: of Rust's harness (`test result: ok. 3 passed; 0 failed; …`), and
    /// of those that count by themselves (`3 passed, 0 failed`). `None` if there is no such line.
    fn read(output: &str) -> Option<Self> {
        let mut sum = None;
        for line in output.lines() {
            // A test that prints without a line break leaves its text before the verdict.
            let verdict = line.split_once("test result: ").map_or(line, |(_, verdict)| verdict);
            let number_of = |what: &str| {
                verdict.split([';', ',', '.']).find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
            };
            if let (Some(passed), Some(failed)) = (number_of("passed"), number_of("failed")) {
                let ignored = number_of("ignored").unwrap_or(0);
                sum.get_or_insert_with(Self::default).add(Self { passed, failed, ignored });
            }
        }
        sum
    }

    fn add(&mut self, Self { passed, failed, ignored }: Self) {
        self.passed += passed;
        self.failed += failed;
        self.ignored += ignored;
    }

    fn in_words(self) -> String {
        let ignored = if self.ignored > 0 { format!(", {} ignored", self.ignored) } else { String::new() };
        format!("{} passed, {} failed{ignored}", self.passed, self.failed)
    }
}

impl Report {
    /// Begins a group, which becomes a line of the summary.
    pub(crate) fn group(&mut self, label: impl Into<String>) {
        let label = label.into();
        println!("== {label}");
        self.rows.push(Row { label, counts: Counts::default(), elapsed: Duration::ZERO });
    }

    /// Carries a check out, as a part of the current group. What comes of it; without that, [`Self::summary`] fails.
    pub(crate) fn step<T>(&mut self, name: &str, check: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        let start = announce(name)?;
        let done = check();
        self.add(if done.is_ok() { "ok" } else { "FAILED" }, start, Counts::one(done.is_ok()));
        Ok(done.inspect_err(|error| println!("{error:#}")).ok())
    }

    /// Runs a task as a part of the current group, and shows its output if it fails.
    pub(crate) fn program(&mut self, name: &str, task: &Task, judge: Judge) -> Result<()> {
        let start = announce(name)?;
        let finished = task.run(Output::Keep)?;
        let counts = judge(&finished);
        self.add(&counts.in_words(), start, counts);
        if counts.failed > 0 {
            println!("{}\n{name}: {}", finished.output.trim_end(), finished.how());
        }
        Ok(())
    }

    fn add(&mut self, verdict: &str, start: Instant, counts: Counts) {
        println!("{verdict} in {:.1} s", start.elapsed().as_secs_f64());
        if let Some(row) = self.rows.last_mut() {
            row.counts.add(counts);
            row.elapsed += start.elapsed();
        }
    }

    /// Prints a line for each group. Fails if something has failed, or nothing was checked.
    pub(crate) fn summary(&self) -> Result<()> {
        println!();
        let mut sum = Counts::default();
        for Row { label, counts, elapsed } in &self.rows {
            println!("{label:<36} {} in {:.1} s", counts.in_words(), elapsed.as_secs_f64());
            sum.add(*counts);
        }
        println!("\n{} passed, {} failed", sum.passed, sum.failed);
        ensure!(sum.failed == 0, "not all has passed");
        ensure!(sum.passed > 0, "nothing was checked");
        Ok(())
    }
}

/// Begins the line of something that may take its time.
fn announce(name: &str) -> Result<Instant> {
    print!("{name:<44} ");
    std::io::stdout().flush()?;
    Ok(Instant::now())
}

#[test]
fn closing_lines_are_summed() {
    let output = "test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; finished in 1.5s\r\n\
                  text test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured\n20 passed, 3 failed\n";
    assert_eq!(Counts::read(output), Some(Counts { passed: 31, failed: 5, ignored: 4 }));
    assert_eq!(Counts::read("running 3 tests\ntest a ... \ntest result: what?"), None);
}
