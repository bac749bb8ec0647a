//! Checks what ntpark expects of this system: which functions it has and how they behave. Fails if an expectation does
//! not hold.
//!
//! Worth running on a system that nobody has tried yet: it needs no rights, changes nothing and takes a few
//! seconds. Elsewhere than on Windows only ntpark itself is asked.

#[path = "../common/mod.rs"]
mod common;
mod report;
#[cfg(windows)]
mod system;

use ntpark::{Backend, BackendKind, BackendKinds, Instant as Deadline, Parker, UnparkReason};
use report::Report;
use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Asks this system about all that ntpark expects of it. Fails if something does not hold.

Usage: probe [--json] [--backend KIND]

  --json          write JSON to standard output, and nothing else
  --backend KIND  try this one instead of the best: wait-address, keyed-event, keyed-event-null or polling
";

/// Timed waits of each kind that are looked at.
const WAITS: u32 = 50;
/// Handoffs there and back.
const ROUNDS: u32 = 500;
/// A token that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut json = false;
    let mut wanted = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("json") => json = true,
            Long("backend") => {
                let name = parser.value()?.string()?;
                let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
                wanted = Some(kind.ok_or_else(|| format!("there is no backend '{name}'"))?);
            }
            Short('h') | Long("help") => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }

    let mut report = Report::default();
    #[cfg(windows)]
    system::ask(&mut report);
    if let Some(kind) = wanted {
        Backend::force(kind)?;
    }
    ask_ntpark(&mut report);
    if json {
        println!("{:#}", report.to_json());
    } else {
        print!("{report}");
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What ntpark makes of it.
fn ask_ntpark(report: &mut Report) {
    #[cfg(windows)]
    let handles = system::handles();
    common::setup();
    let backend = Backend::get();
    let available = Backend::available();
    let names = BackendKind::ALL
        .into_iter()
        .filter(|&kind| available.contains(BackendKinds::from(kind)))
        .map(BackendKind::name);
    report.fact("ntpark", "backends available", names.collect::<Vec<_>>().join(", "));
    report.fact("ntpark", "backend in use", backend.kind());
    if let Backend::KeyedEvent(keyed_event) = &backend {
        let guard = if keyed_event.is_guarded() { "on" } else { "off" };
        report.fact("ntpark", "guard for kernels of the XP class", guard);
    }
    report.expect("ntpark knows that the process is not ending", !backend.is_process_ending(), backend.kind());
    report.expect(
        "threads have numbers",
        backend.current_thread().is_some(),
        format!("{:?}", backend.current_thread()),
    );
    report.expect("there is a backend that blocks", !(available - BackendKinds::POLLING).is_empty(), backend.kind());
    clock(report, &backend);
    token(report);
    never_early(report);
    handoffs(report);
    #[cfg(windows)]
    {
        system::ask_last_error(report);
        let more = system::handles().saturating_sub(handles);
        report.expect("no more than one handle stays open", more <= 1, format!("{more} more than before"));
    }
}

/// The clock of the parkers: its steps, and that it goes forward.
fn clock(report: &mut Report, backend: &Backend) {
    let mut steps = Vec::new();
    let (mut backwards, mut repeated) = (0, 0);
    let start = Instant::now();
    let mut last = backend.now();
    while steps.len() < 1_000 && start.elapsed() < Duration::from_millis(500) {
        let now = backend.now();
        if now < last {
            backwards += 1;
        } else if now > last {
            steps.push(now - last);
        } else {
            repeated += 1;
        }
        last = now;
    }
    report.expect(
        "the clock goes, and never backwards",
        backwards == 0 && !steps.is_empty(),
        format!("{} steps forward, {backwards} back", steps.len()),
    );
    // A delay between two readings makes a step look longer, so the shortest of many is the clock's; unless readings
    // never repeat, in which case the clock is finer than can be seen.
    if let Some(least) = steps.iter().min() {
        let granule = Duration::from_nanos(100 * u64::from(backend.clock_granule()));
        report.expect(
            "the clock's step is no coarser than its granule",
            repeated == 0 || *least <= granule,
            format!("steps of {least:?}, {repeated} readings repeated, a granule of {granule:?}"),
        );
    }
}

/// The token protocol in one thread.
fn token(report: &mut Report) {
    let parker = Parker::new();
    let woke_nobody = !parker.unpark() && !parker.unpark();
    let taken = parker.park();
    let empty = parker.park_timeout(Duration::ZERO);
    let past = parker.park_until(Deadline::MIN);
    let holds =
        woke_nobody && (taken, empty, past) == (UnparkReason::Unparked, UnparkReason::TimedOut, UnparkReason::TimedOut);
    report.expect("a token waits for the park, and two are one", holds, format!("{taken:?}, then {empty:?}"));
}

/// Timed waits, each measured by the standard library's clock as well.
fn never_early(report: &mut Report) {
    let parker = Parker::new();
    let mut earliest = Duration::ZERO;
    let mut latest = Duration::ZERO;
    let mut others = 0;
    for number in 0..WAITS {
        let timeout = Duration::from_micros(300) * (1 + number % 30);
        let start = Instant::now();
        if parker.park_timeout(timeout) != UnparkReason::TimedOut {
            others += 1;
        }
        let waited = start.elapsed();
        earliest = earliest.max(timeout.saturating_sub(waited));
        latest = latest.max(waited.saturating_sub(timeout));
    }
    // Two clocks of one system may run apart by some parts in a million.
    let holds = others == 0 && earliest <= Duration::from_micros(1);
    report.expect(
        "a timed park never ends early",
        holds,
        format!("{WAITS} parks, up to {earliest:?} early and {latest:?} late, {others} for other reasons"),
    );
}

/// Tokens that two threads hand to each other.
fn handoffs(report: &mut Report) {
    let [there, back] = [Parker::new(), Parker::new()];
    let take = |parker: &Parker| parker.park_timeout(PATIENCE) == UnparkReason::Unparked;
    let start = Instant::now();
    let lost = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                if !take(&there) {
                    return;
                }
                back.unpark();
            }
        });
        (0..ROUNDS).find(|_| {
            there.unpark();
            !take(&back)
        })
    });
    let found = match lost {
        None => format!("{} in {:?}", 2 * ROUNDS, start.elapsed()),
        Some(round) => format!("lost in round {round}"),
    };
    report.expect("tokens handed between threads arrive", lost.is_none(), found);
}
