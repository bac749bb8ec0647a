//! `cargo xtask mutants`: faults that have to be noticed.
//!
//! Two sorts. The *seeded* ones are written down in `src/state/mutant.rs`, each a plausible slip in the
//! protocol. The compile-time model has to reject each while the crate is compiled, but for those in memory
//! order, with which the loom tests have to fail. The others are made by cargo-mutants from the sources, and
//! the crate's tests have to fail with each, or the model to stop the build.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cargo::{Build, LOOM, What};
use crate::libtest::Counts;
use crate::process::{Finished, Output, Task};
use crate::setup::{self, SetupOptions};
use crate::toolchain::{Target, Toolchain};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// Where the seeded faults are listed.
const SEEDED: &str = "src/state/mutant.rs";
/// What the model's messages begin with.
const MODEL: &str = "ntpark model: ";
/// What the names of the faults in memory order end with.
const UNORDERED: &str = "-unordered";
/// The loom tests with a fault.
const LOOM_LIMIT: Duration = Duration::from_secs(10 * 60);
/// Fewer seeded faults than this mean that the list has been misread.
const FEWEST_SEEDED: usize = 12;

/// The release of cargo-mutants that the list of accepted mutants is for.
const CARGO_MUTANTS: &str = "27.1.0";
/// Compiling cargo-mutants.
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Several hundred builds and runs of the tests.
const MUTANTS_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Questions that a program answers at once.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// The sources that are mutated. Spinning is not among them: it changes times alone, which benchmarks judge.
const SOURCES: [&str; 7] = [
    "src/state.rs",
    "src/state/rendezvous.rs",
    "src/backend.rs",
    "src/backend/*.rs",
    "src/time.rs",
    "src/parker.rs",
    "src/thread_parker.rs",
];
/// The tests that have to notice, beside the library's own: those of everything that can be run on this
/// machine, but for the slow ones.
const TESTS: [&str; 9] =
    ["bad_handle", "hostile_host", "layout", "properties", "selection", "simulated_nt", "time", "token", "two_phase"];
/// Those on Windows, beside the library's own, for what is only compiled there.
const WINDOWS_TESTS: [&str; 5] = ["bad_handle", "last_error", "selection", "time", "token"];
/// The surviving mutants that change nothing that can be seen, each with the reason.
const ACCEPTED: &str = "xtask/accepted-mutants.json";

/// Seed faults and see whether they are noticed
///
/// First the faults that are written down in src/state/mutant.rs: the compile-time model has to reject each
/// (about a second each), or, if they are in memory order, loom. Then those that cargo-mutants makes: the
/// crate's tests have to notice each, on this machine or, of what is only compiled there, on Windows; but for
/// those listed in xtask/accepted-mutants.json with the reason why nobody could. That takes an hour and a half.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the faults that are written down
    #[arg(long)]
    seeded_only: bool,
    /// Only the mutants whose description matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX", conflicts_with = "seeded_only")]
    only: Vec<String>,
    #[command(flatten)]
    setup: SetupOptions,
}

/// Runs both sorts, and fails if a fault goes unnoticed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.only.is_empty() {
        let counts = seeded(workspace)?;
        if counts.failed > 0 {
            bail!("{} seeded faults go unnoticed", counts.failed);
        }
    }
    if options.seeded_only {
        return Ok(());
    }
    generated(workspace, options)
}

/// Seeds each of the faults that are written down, and prints a line for each: what has noticed it.
pub(crate) fn seeded(workspace: &Workspace) -> Result<Counts> {
    let source = fs::read_to_string(workspace.root().join(SEEDED)).context(SEEDED)?;
    let names = seeded_names(&source);
    if names.len() < FEWEST_SEEDED {
        bail!("only {} faults found in {SEEDED}", names.len());
    }
    let start = Instant::now();
    // Without a fault it has to compile; else it would prove nothing that it does not with one.
    check(workspace, None)?.check()?;
    let mut counts = Counts::default();
    for (index, name) in names.iter().enumerate() {
        let place = format!("{:>2}/{}", index + 1, names.len());
        let (finished, noticed) =
            if name.ends_with(UNORDERED) { under_loom(workspace, name)? } else { at_compile_time(workspace, name)? };
        match noticed {
            Some(noticed) => {
                counts.passed += 1;
                println!("{place} rejected {name:<28} {noticed}");
            }
            None => {
                counts.failed += 1;
                println!("{place} NOT REJECTED: {name}\n{}\n{}", finished.output.trim_end(), finished.how());
            }
        }
    }
    println!("{} of {} seeded faults rejected in {:.0} s", counts.passed, names.len(), start.elapsed().as_secs_f64());
    Ok(counts)
}

/// Compiles the library with a fault. The rule by which the model has rejected it, if it has.
fn at_compile_time(workspace: &Workspace, fault: &str) -> Result<(Finished, Option<String>)> {
    let finished = check(workspace, Some(fault))?;
    let rule = finished.output.lines().find_map(|line| line.split_once(MODEL)).map(|(_, rule)| rule.to_owned());
    let rule = rule.filter(|_| !finished.success());
    Ok((finished, rule))
}

/// Runs the loom tests, but for the longest, with a fault. What loom has said, if it has stopped one.
fn under_loom(workspace: &Workspace, fault: &str) -> Result<(Finished, Option<String>)> {
    let fault = format!("ntpark_mutant=\"{fault}\"");
    let cfgs = ["ntpark_mutant", &fault];
    let build = Build { rustflags: LOOM, cfgs: &cfgs, ..Build::new("ntpark", What::LibraryTests) };
    let programs = build.run(workspace, &Toolchain::host(workspace))?;
    let program = programs.first().context("no test program was built")?;
    let task = Task::new(&program.path, LOOM_LIMIT).args(["loom_tests", "--skip", "a_second_thread"]);
    let finished = task.run(Output::Keep)?;
    let violation = finished.output.lines().find(|line| line.contains("Causality violation")).map(str::to_owned);
    let violation = violation.filter(|_| !finished.success());
    Ok((finished, violation))
}

/// The names in the list, which has one of them a line: `"name" => "fault",`.
fn seeded_names(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| {
            let (name, fault) = line.trim().split_once(" => ")?;
            fault.starts_with('"').then_some(name.strip_prefix('"')?.strip_suffix('"')?)
        })
        .collect()
}

/// Checks the library, with one seeded fault or with none.
fn check(workspace: &Workspace, fault: Option<&str>) -> Result<Finished> {
    let mut task = Toolchain::host(workspace)
        .cargo(workspace, "rustc")
        .args(["--quiet", "--package", "ntpark", "--lib", "--profile", "check"])
        // A directory of its own, so that nothing else is built anew for it.
        .env("CARGO_TARGET_DIR", workspace.target().join("mutants"));
    if let Some(fault) = fault {
        task = task.args(["--", "--cfg", "ntpark_mutant", "--cfg", &format!("ntpark_mutant=\"{fault}\"")]);
    }
    task.run(Output::Keep)
}

/// What cargo-mutants tells of its run.
#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: Summary,
    log_path: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Mutant),
}

#[derive(Deserialize)]
struct Mutant {
    /// File, line, column and what was changed.
    name: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
enum Summary {
    Success,
    CaughtMutant,
    MissedMutant,
    Unviable,
    Failure,
    Timeout,
}

/// A surviving mutant that is right to survive.
#[derive(Deserialize)]
struct Accepted {
    /// As cargo-mutants describes it, without line and column.
    mutant: String,
    /// Why nobody can notice it.
    reason: String,
}

/// Lets cargo-mutants make mutants, and compares the survivors with the accepted ones.
fn generated(workspace: &Workspace, options: &Options) -> Result<()> {
    install(options)?;
    let accepted = fs::read_to_string(workspace.root().join(ACCEPTED)).context(ACCEPTED)?;
    let accepted: Vec<Accepted> = serde_json::from_str(&accepted).context(ACCEPTED)?;
    if let Some(unfounded) = accepted.iter().find(|accepted| accepted.reason.trim().is_empty()) {
        bail!("{ACCEPTED} gives no reason for \"{}\"", unfounded.mutant);
    }

    let target = Target::X86_64;
    let toolchain = setup::for_windows_programs(workspace, &options.setup, target)?;

    let tests = TESTS.iter().flat_map(|test| ["--test", test]);
    let task = cargo_mutants(workspace, "host", &options.only).args(["--", "--lib"]).args(tests);
    let mut fates = run_mutants(workspace, "host", task)?;

    // What is only compiled for Windows has no test here that could notice.
    let balance = balance(&fates, &accepted);
    let survivors = fates.iter().filter(|&(name, &fate)| fate == Fate::Survives && balance[&without_place(name)] > 0);
    let survivors: Vec<String> = survivors.map(|(name, _)| format!("^{}$", escaped(name))).collect();
    if !survivors.is_empty() {
        let mut task = toolchain.with_environment(cargo_mutants(workspace, "windows", &survivors));
        if let Some(triple) = toolchain.triple() {
            task = Runner::windows(workspace, target)?.as_cargo_runner(task, triple);
        }
        task = task.args(toolchain.arguments().iter().map(|argument| format!("--cargo-arg={argument}")));
        let tests = WINDOWS_TESTS.iter().flat_map(|test| ["--test", test]);
        let on_windows = run_mutants(workspace, "windows", task.args(["--", "--lib"]).args(tests))?;
        fates.extend(on_windows.into_iter().filter(|&(_, fate)| fate == Fate::Caught || fate == Fate::Rejected));
    }
    judge(&fates, &accepted, options.only.is_empty())
}

/// cargo-mutants over the core's sources; its results go to a directory of this name. Only the mutants that
/// match one of the expressions, if there are any.
fn cargo_mutants(workspace: &Workspace, name: &str, only: &[String]) -> Task {
    let mut task = Task::new("cargo", MUTANTS_LIMIT)
        .dir(workspace.root())
        .args(["mutants", "--package", "ntpark", "--no-shuffle", "--colors", "never", "--minimum-test-timeout", "30"])
        .arg("--output")
        .arg(output(workspace, name))
        // Nobody debugs them, and they link faster.
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    for source in SOURCES {
        task = task.args(["--file", source]);
    }
    task = task.args(["--exclude", "**/tests.rs"]);
    for only in only {
        task = task.args(["--re", only]);
    }
    task
}

fn output(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target().join("cargo-mutants").join(name)
}

/// What became of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// A test failed or hung.
    Caught,
    /// The compile-time model stopped the build.
    Rejected,
    DoesNotCompile,
    Survives,
}

/// What became of each mutant, by cargo-mutants' description.
type Fates = BTreeMap<String, Fate>;

/// Lets cargo-mutants run, and reads its results.
fn run_mutants(workspace: &Workspace, name: &str, task: Task) -> Result<Fates> {
    fs::create_dir_all(output(workspace, name))?;
    println!("{task}");
    // It exits with an error if a mutant survives, which the list decides about.
    task.run(Output::Show)?;
    read(&output(workspace, name).join("mutants.out"))
}

/// A text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let escape = |character: char| {
        // These two would get a meaning by it.
        let has_meaning = character.is_ascii_punctuation() && !"<>".contains(character);
        has_meaning.then_some('\\').into_iter().chain([character])
    };
    text.chars().flat_map(escape).collect()
}

/// Installs cargo-mutants, unless this release of it is there.
fn install(options: &Options) -> Result<()> {
    let version = Task::new("cargo", QUESTION_LIMIT).args(["mutants", "--version"]).run(Output::Keep)?;
    if version.success() && version.output.contains(CARGO_MUTANTS) {
        return Ok(());
    }
    if options.setup.no_install {
        bail!("cargo-mutants {CARGO_MUTANTS} is missing, and nothing was installed (--no-install)");
    }
    eprintln!("Installing with cargo: cargo-mutants {CARGO_MUTANTS}");
    let task =
        Task::new("cargo", INSTALL_LIMIT).args(["install", "--locked", "cargo-mutants", "--version", CARGO_MUTANTS]);
    task.run(Output::Keep)?.check()?;
    Ok(())
}

/// What cargo-mutants has written into its directory.
fn read(directory: &Path) -> Result<Fates> {
    let file = directory.join("outcomes.json");
    let outcomes = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let outcomes: Outcomes = serde_json::from_str(&outcomes).context("cargo-mutants' outcomes can't be read")?;
    let mut fates = Fates::new();
    for outcome in outcomes.outcomes {
        let fate = match outcome.summary {
            Summary::CaughtMutant | Summary::Timeout => Fate::Caught,
            Summary::MissedMutant | Summary::Success => Fate::Survives,
            Summary::Unviable | Summary::Failure => {
                let log = fs::read_to_string(directory.join(&outcome.log_path)).unwrap_or_default();
                if log.contains(MODEL) { Fate::Rejected } else { Fate::DoesNotCompile }
            }
        };
        match outcome.scenario {
            Scenario::Mutant(mutant) => drop(fates.insert(mutant.name, fate)),
            Scenario::Baseline if outcome.summary == Summary::Success => {}
            Scenario::Baseline => bail!("without a mutation, the tests end with {:?}", outcome.summary),
        }
    }
    Ok(fates)
}

/// How often each description survives, less how often it may: several places can have the same.
fn balance(fates: &Fates, accepted: &[Accepted]) -> BTreeMap<String, i32> {
    let mut balance = BTreeMap::<String, i32>::new();
    for (name, _) in fates.iter().filter(|&(_, &fate)| fate == Fate::Survives) {
        *balance.entry(without_place(name)).or_default() += 1;
    }
    for accepted in accepted {
        *balance.entry(accepted.mutant.clone()).or_default() -= 1;
    }
    balance
}

/// Sums up. Fails with a survivor that is not accepted, and with an accepted one that does not survive any more.
fn judge(fates: &Fates, accepted: &[Accepted], is_complete: bool) -> Result<()> {
    let count = |wanted| fates.values().filter(|&&fate| fate == wanted).count();
    let noticed = count(Fate::Caught) + count(Fate::Rejected);
    println!(
        "{} caught by the tests, {} rejected by the model, {} survive, {} do not compile",
        count(Fate::Caught),
        count(Fate::Rejected),
        count(Fate::Survives),
        count(Fate::DoesNotCompile)
    );
    let mut differs = false;
    for (mutant, surplus) in balance(fates, accepted) {
        if surplus > 0 {
            differs = true;
            println!("survives and is not accepted: {mutant}");
        } else if surplus < 0 && is_complete {
            differs = true;
            println!("accepted, but does not survive: {mutant}");
        }
    }
    if noticed == 0 {
        bail!("no mutant was caught");
    }
    if differs {
        bail!("the survivors are not those in {ACCEPTED}");
    }
    Ok(())
}

/// A mutant's description without line and column, which change with every edit: `src/a.rs:1:2: what` becomes
/// `src/a.rs: what`.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => format!("{file}:{what}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_in_their_list() {
        let source = "//! \"not\" => this\nfaults! {\n    \"one-two\" => \"an unpark\",\n    \"three\" => \"=> \",\n}\nmatch x {\n    \"four\" => five,\n}";
        assert_eq!(seeded_names(source), ["one-two", "three"]);
    }

    #[test]
    fn expressions_match_their_text_alone() {
        assert_eq!(
            escaped("a.rs:1:2: replace <T>::f_1 -> u32 with ()"),
            r"a\.rs\:1\:2\: replace <T>\:\:f\_1 \-> u32 with \(\)"
        );
    }

    #[test]
    fn places_are_left_out() {
        let name = "src/time.rs:12:5: replace a::b -> u32 with 0";
        assert_eq!(without_place(name), "src/time.rs: replace a::b -> u32 with 0");
        assert_eq!(without_place("odd"), "odd");
    }
}
