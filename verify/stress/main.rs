//! Stress: threads that park and unpark each other in every way that the crate offers, with every token
//! and every thread that a wake counts counted.
//!
//! `cargo xtask stress` runs this on every backend. By itself, as on this machine:
//!
//! ```text
//! cargo run -p ntpark-verify --release --example stress -- --seconds 10
//! ```
//!
//! Each round of a scenario has a seed, from which all its random numbers come: how many threads, who waits
//! how long and in which way, who dawdles where. The system's scheduling is not in it, so a seed repeats what
//! the threads *try*; how they meet differs from run to run. A failure prints the seed and the command that
//! starts with that very round.
//!
//! The process ends with 0 if nothing was lost, doubled or early; with 1 at the first thing that was, at a panic, or
//! when nothing has moved for half a minute; with 2 if it was called wrongly.

#[path = "../../examples/common/mod.rs"]
mod common;
mod crowd;
mod locks;
mod lot;
mod monitor;
mod pairs;
mod reuse;
mod ring;
mod stopped;
mod storm;
mod watch;
mod worker;

use ntpark::{Backend, BackendKind};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use watch::Watch;
use worker::{Counts, Round};

/// A way of making threads wait for each other.
struct Scenario {
    name: &'static str,
    run: fn(&Round<'_>) -> Counts,
}

/// All of them; a cycle is a round of each.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "ring", run: ring::run },
    Scenario { name: "pairs", run: pairs::run },
    Scenario { name: "storm", run: storm::run },
    Scenario { name: "reuse", run: reuse::run },
    Scenario { name: "crowd", run: crowd::run },
    Scenario { name: "monitor", run: monitor::run },
    Scenario { name: "mix", run: lot::mix },
    Scenario { name: "bucket", run: lot::bucket },
    Scenario { name: "stride", run: lot::stride },
    Scenario { name: "many", run: lot::many },
    Scenario { name: "freed", run: lot::freed },
    Scenario { name: "locks", run: locks::mixed },
    Scenario { name: "last", run: locks::freed },
    #[cfg(windows)]
    Scenario { name: "stopped", run: stopped::run },
    #[cfg(windows)]
    Scenario { name: "lstopped", run: locks::stopped },
];

const USAGE: &str = "\
usage: stress [--backend NAME] [--seconds N] [--seed N] [--scenario NAME]...
  --backend    wait-address, keyed-event, keyed-event-null, polling or host [default: the process's own choice]
  --seconds    stop after the cycle in which so many seconds are over [default: 10]
  --seed       seed of the first round; each further one counts up [default: random]
  --scenario   ring, pairs, storm, reuse, crowd or monitor; of the lot: mix, bucket, stride, many, freed or,
               on Windows, stopped; of the locks: locks, last or, on Windows, lstopped;
               may be given several times [default: all]";

struct Options {
    backend: Option<BackendKind>,
    duration: Duration,
    seed: u64,
    scenarios: Vec<&'static Scenario>,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::ValueExt as _;

        let mut options =
            Self { backend: None, duration: Duration::from_secs(10), seed: fastrand::u64(..), scenarios: Vec::new() };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                lexopt::Arg::Long("backend") => {
                    let name = parser.value()?.string()?;
                    let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
                    options.backend = Some(kind.ok_or_else(|| format!("there is no backend \"{name}\""))?);
                }
                lexopt::Arg::Long("seconds") => options.duration = Duration::from_secs(parser.value()?.parse()?),
                lexopt::Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                lexopt::Arg::Long("scenario") => {
                    let name = parser.value()?.string()?;
                    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
                    options.scenarios.push(scenario.ok_or_else(|| format!("there is no scenario \"{name}\""))?);
                }
                _ => return Err(argument.unexpected()),
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios.extend(SCENARIOS);
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match options.backend {
        None | Some(BackendKind::Host) => common::setup(),
        Some(kind) => {
            if let Err(error) = Backend::force(kind) {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        }
    }
    let backend = Backend::get().kind();
    if options.backend.is_some_and(|wanted| wanted != backend) {
        eprintln!("there is no such backend here");
        return ExitCode::from(2);
    }
    println!("{backend}: seed {}, {} s", options.seed, options.duration.as_secs());
    run(&options, backend);
    ExitCode::SUCCESS
}

fn run(options: &Options, backend: BackendKind) {
    let watch = Watch::start(backend);
    let mut totals = vec![(0_u64, Counts::default()); options.scenarios.len()];
    let start = Instant::now();
    let mut seed = options.seed;
    while start.elapsed() < options.duration {
        for (scenario, (rounds, counts)) in options.scenarios.iter().zip(&mut totals) {
            watch.begin(scenario.name, seed);
            let round = Round::new(seed, backend, watch);
            let found = (scenario.run)(&round);
            if let Some(wrong) = found.wrong() {
                watch.fail(&format!("{wrong}: {found:?}"));
            }
            *rounds += 1;
            *counts += found;
            seed = seed.wrapping_add(1);
        }
    }

    let line = |name: &str, rounds: u64, counts: &Counts| {
        println!(
            "{name:<8} {rounds:>7} {:>10} {:>10} {:>5} {:>8} {:>10} {:>6} {:>9} {:>8}",
            counts.sent,
            counts.taken,
            counts.lost(),
            counts.doubled,
            counts.timeouts,
            counts.early,
            counts.wakes,
            counts.busy
        );
    };
    println!("scenario  rounds       sent      taken  lost  doubled   timeouts  early     wakes     busy");
    let mut all = (0, Counts::default());
    for (scenario, (rounds, counts)) in options.scenarios.iter().zip(&totals) {
        line(scenario.name, *rounds, counts);
        all.0 += rounds;
        all.1 += *counts;
    }
    line("all", all.0, &all.1);
}
