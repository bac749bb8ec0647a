//! Reading the closing lines of Rust's test harness.

use std::ops::AddAssign;

/// Tests that passed, failed and were left out.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Tests that failed, and test programs that ended without a verdict.
    pub(crate) failed: usize,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// Sums all closing lines (`test result: ok. 3 passed; 0 failed; …`) in the output of a test program, or of a
/// cargo that ran several. `None` if there is no such line: the program died before its end, or is no test
/// program.
pub(crate) fn counts(output: &str) -> Option<Counts> {
    let mut sum = None;
    for line in output.lines() {
        // A test that prints without a line break leaves its text before the verdict.
        let Some((_, verdict)) = line.split_once("test result: ") else {
            continue;
        };
        let number_of =
            |what: &str| verdict.split([';', '.']).find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok());
        if let (Some(passed), Some(failed), Some(ignored)) =
            (number_of("passed"), number_of("failed"), number_of("ignored"))
        {
            *sum.get_or_insert_with(Counts::default) += Counts { passed, failed, ignored };
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program() {
        let output = "\nrunning 3 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; \
                      4 filtered out; finished in 0.01s\n\n";
        let expected = Counts { passed: 2, failed: 0, ignored: 1 };
        assert_eq!(counts(output), Some(expected));
    }

    #[test]
    fn several_programs_and_windows_line_ends() {
        let output = "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\r\n\
                      text test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s\r\n";
        let expected = Counts { passed: 11, failed: 2, ignored: 3 };
        assert_eq!(counts(output), Some(expected));
    }

    #[test]
    fn no_verdict() {
        assert_eq!(counts("running 3 tests\ntest a ... "), None);
        assert_eq!(counts("test result: what?"), None);
        assert_eq!(counts(""), None);
    }
}
