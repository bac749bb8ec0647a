//! Seeded faults: each is a plausible slip in the product, and one of its nets has to notice it.
//!
//! `cargo test -p ntpark-verify --test faults [-- NAME...]` tries all, or those whose names contain one of the words.
//! The faults are in `verify/faults`, see [`catalogue`]. For each, the text of the product is changed in a copy of the
//! tree, and the cheapest command is run that has to fail; the program that notices the fault has to say what is
//! expected. Before that, [`coverage`] checks that nothing that must have a fault is without one.

mod catalogue;
mod child;
mod copy;
mod coverage;

use catalogue::{Catalogue, Fault, Net};
use child::{Ended, run};
use copy::Copy;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// For what everything else needs: it may have to compile all dependencies.
const LIMIT_OF_FIRST_BUILD: Duration = Duration::from_secs(1200);
/// For a fault. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(180);
/// The name of the check that nothing is without a fault.
const COVERAGE: &str = "coverage";

fn main() -> ExitCode {
    match try_all() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many have failed.
fn try_all() -> Result<usize, String> {
    // Options are the harness's, of which this is none.
    let words: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package lies in the repository")?;
    let catalogue = Catalogue::read(root)?;

    let mut results = Results { passed: 0, failed: 0 };
    if is_wanted(COVERAGE) {
        results.tell(COVERAGE, Instant::now(), coverage::check(root, &catalogue));
    }
    let faults: Vec<_> = catalogue.faults.iter().filter(|fault| is_wanted(&fault.name)).collect();
    if let Some(first) = faults.first() {
        let copy = Copy::of(root)?;
        copy.build_all(&faults)?;
        for fault in &faults {
            let start = Instant::now();
            results.tell(&fault.name, start, notice(&copy, fault));
        }
        // So that whoever looks at the copy sees no fault.
        copy.restore(&first.file)?;
    } else if results.passed + results.failed == 0 {
        return Err(format!("no fault's name contains {}", words.join(" or ")));
    }
    println!("{} passed, {} failed", results.passed, results.failed);
    Ok(results.failed)
}

struct Results {
    passed: usize,
    failed: usize,
}

impl Results {
    fn tell(&mut self, name: &str, start: Instant, result: Result<(), String>) {
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("{name} ... ok ({seconds:.1} s)");
            }
            Err(error) => {
                self.failed += 1;
                println!("{name} ... FAILED ({seconds:.1} s)\n{error}");
            }
        }
        // Whoever waits sees each line when it is there. (If nobody reads them, nothing is lost.)
        let _ = std::io::stdout().flush();
    }
}

/// Whether the fault is noticed by the net that it names, in the words that it names.
fn notice(copy: &Copy, fault: &Fault) -> Result<(), String> {
    copy.seed(fault)?;
    let (ended, output) = run(fault.net.command(copy), &copy.output, LIMIT)?;
    copy.restore(&fault.file)?;
    let wrong = match ended {
        Ended::OutOfTime => format!("no answer within {LIMIT:?}"),
        Ended::Successfully => format!("not noticed: {}", fault.slip),
        Ended::WithAnError if output.contains(&fault.says) => return Ok(()),
        Ended::WithAnError => format!("noticed, but not by saying \"{}\"", fault.says),
    };
    let lines: Vec<_> = output.lines().collect();
    let last = &lines[lines.len().saturating_sub(40)..];
    Err(format!("  {wrong}\n    {}", last.join("\n    ")))
}

impl Net {
    /// What has to fail.
    fn command(&self, copy: &Copy) -> Command {
        match self {
            Self::Build => copy.cargo(["check", "--package", "ntpark"]),
            Self::Test { program, test } => {
                copy.cargo(["test", "--package", "ntpark-verify", "--test", program, "--", "--exact", test])
            }
        }
    }

    /// What compiles all that the command needs.
    fn first_build(&self, copy: &Copy) -> Command {
        match self {
            Self::Build => self.command(copy),
            Self::Test { program, .. } => {
                copy.cargo(["test", "--package", "ntpark-verify", "--test", program, "--no-run"])
            }
        }
    }
}

impl Copy {
    /// Compiles without a fault what the faults' nets need.
    fn build_all(&self, faults: &[&Fault]) -> Result<(), String> {
        let mut commands = Vec::new();
        for fault in faults {
            let command = fault.net.first_build(self);
            if commands.iter().any(|known| format!("{known:?}") == format!("{command:?}")) {
                continue;
            }
            commands.push(command);
        }
        for command in commands {
            let told = format!("{command:?}");
            match run(command, &self.output, LIMIT_OF_FIRST_BUILD)? {
                (Ended::Successfully, _) => {}
                (Ended::WithAnError, output) => return Err(format!("without a fault, {told} fails\n{output}")),
                (Ended::OutOfTime, _) => return Err(format!("{told} takes longer than {LIMIT_OF_FIRST_BUILD:?}")),
            }
        }
        Ok(())
    }
}
