//! Hands tokens between threads and counts them: no token may be lost, no wait may end early.
//!
//! `cargo run --release --example handoff -- --help` tells what it can do.

mod common;

use ntpark::{Backend, BackendKind, Parker, UnparkReason};
use std::cell::UnsafeCell;
use std::error::Error;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const HELP: &str = "\
Hands tokens between threads on one backend and counts them.

Usage: handoff [--backend KIND] [--quick] [--json FILE]

  --backend KIND  wait-address, keyed-event, keyed-event-null, host or polling; without it, the best there is
  --quick         a twentieth of everything
  --json FILE     write the figures there as well

Exits with 1 if a token was lost or a wait ended early.
";

/// Nothing here takes that long, so a token that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("handoff: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let Some(arguments) = Arguments::parse()? else {
        print!("{HELP}");
        return Ok(true);
    };
    let chosen = choose(arguments.backend)?;
    let kind = Backend::get().kind();
    println!("{kind} backend ({chosen}) on {}", target());

    let share = if arguments.quick { 20 } else { 1 };
    let handoff = handoff(20_000 / share);
    println!(
        "  {} handoffs between two threads, {} lost; {} ns median, {} ns at the 99th percentile",
        handoff.made, handoff.lost, handoff.p50_ns, handoff.p99_ns
    );
    let ring = ring(8, 2_000 / share);
    println!("  {} laps of a ring of 8 threads, {} lost", ring.laps, ring.lost);
    let timeouts = timeouts(200 / share);
    println!(
        "  {} timed parks ran out, {} early; the latest by {} ns",
        timeouts.made, timeouts.early, timeouts.late_max_ns
    );
    let races = races(10_000 / share);
    println!(
        "  {} timed parks raced an unpark, {} were in time; {} tokens lost or doubled",
        races.rounds, races.in_time, races.lost
    );

    if let Some(file) = arguments.json {
        let figures = serde_json::json!({
            "kind": kind.name(),
            "chosen": chosen,
            "target": target(),
            "handoffs": handoff.made,
            "lost": handoff.lost + ring.lost,
            "ring_laps": ring.laps,
            "timeouts": timeouts.made,
            "early": timeouts.early + races.early,
            "late_max_ns": timeouts.late_max_ns,
            "race_rounds": races.rounds,
            "race_lost": races.lost,
            "p50_ns": handoff.p50_ns,
            "p99_ns": handoff.p99_ns,
        });
        std::fs::write(&file, format!("{figures:#}\n")).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(handoff.lost + ring.lost + timeouts.early + races.early + races.lost == 0)
}

struct Arguments {
    backend: Option<BackendKind>,
    quick: bool,
    json: Option<PathBuf>,
}

impl Arguments {
    /// None: help was asked for.
    fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::*;

        let mut arguments = Self { backend: None, quick: false, json: None };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("backend") => {
                    let name = parser.value()?.string()?;
                    let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
                    arguments.backend = Some(kind.ok_or_else(|| format!("there is no backend '{name}'; see --help"))?);
                }
                Long("quick") => arguments.quick = true,
                Long("json") => arguments.json = Some(parser.value()?.into()),
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(Some(arguments))
    }
}

/// Settles the process's backend, and says how.
fn choose(backend: Option<BackendKind>) -> Result<&'static str, Box<dyn Error>> {
    match backend {
        Some(kind) if kind != BackendKind::Host => {
            Backend::force(kind)?;
            Ok("forced")
        }
        _ => {
            common::setup();
            match (Backend::get().kind(), backend) {
                (BackendKind::Host, _) => Ok("installed"),
                (_, None) => Ok("the best there is"),
                (kind, Some(_)) => Err(format!("there is no host here, only {kind}").into()),
            }
        }
    }
}

fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// Progress on standard error: a line that changes on a terminal, a line now and then elsewhere.
struct Progress {
    what: &'static str,
    total: usize,
}

impl Progress {
    fn at(&self, done: usize) {
        let terminal = std::io::stderr().is_terminal();
        let parts = if terminal { 50 } else { 4 };
        if done != self.total && done % self.total.div_ceil(parts) != 0 {
            return;
        }
        let line = format!("  {}: {done} of {}", self.what, self.total);
        if !terminal {
            eprintln!("{line}");
        } else if done < self.total {
            eprint!("\r{line}\x1b[K");
        } else {
            eprint!("\r\x1b[K");
        }
    }
}

/// Takes a token that has to come.
fn take(parker: &Parker) -> bool {
    parker.park_timeout(PATIENCE) == UnparkReason::Unparked
}

/// A parker and a value that is passed along with its token: plain memory, so only the token's ordering makes
/// it visible.
#[derive(Default)]
struct Mailbox {
    parker: Parker,
    value: UnsafeCell<usize>,
}

// SAFETY: the value belongs to whoever has the token, see `send` and `receive`.
unsafe impl Sync for Mailbox {}

impl Mailbox {
    /// Leaves a value and the token. To be called only when the last value has been received.
    fn send(&self, value: usize) {
        // SAFETY: the receiver has no token, so it does not look.
        unsafe { *self.value.get() = value };
        self.parker.unpark();
    }

    /// Takes the token and the value; None if the token is lost.
    fn receive(&self) -> Option<usize> {
        // SAFETY: with the token, the value is ours until we send something back.
        take(&self.parker).then(|| unsafe { *self.value.get() })
    }
}

struct Handoff {
    made: usize,
    lost: usize,
    p50_ns: u128,
    p99_ns: u128,
}

/// Two threads hand a token to each other and back, so many times in all. A handoff takes half as long as
/// there and back.
fn handoff(count: usize) -> Handoff {
    let rounds = count / 2;
    let progress = Progress { what: "handoff", total: rounds };
    let [there, back] = [Mailbox::default(), Mailbox::default()];
    let mut lost = 0;
    let mut times = Vec::with_capacity(rounds);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let Some(value) = there.receive() else { return };
                back.send(value + 1);
            }
        });
        for round in 0..rounds {
            let start = Instant::now();
            there.send(round);
            match back.receive() {
                Some(value) if value == round + 1 => times.push(start.elapsed().as_nanos() / 2),
                Some(_) => lost += 1,
                None => {
                    lost += 1;
                    break;
                }
            }
            progress.at(round + 1);
        }
    });
    times.sort_unstable();
    let percentile = |percent| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    Handoff { made: times.len() * 2, lost, p50_ns: percentile(50), p99_ns: percentile(99) }
}

struct Ring {
    laps: usize,
    lost: usize,
}

/// Each thread hands a number on to the next, which adds one.
fn ring(threads: usize, laps: usize) -> Ring {
    let progress = Progress { what: "ring", total: laps };
    let seats: Vec<Mailbox> = (0..threads).map(|_| Mailbox::default()).collect();
    let done = AtomicUsize::new(0);
    let lost = AtomicUsize::new(0);
    thread::scope(|scope| {
        for (place, seat) in seats.iter().enumerate() {
            let (next, done, lost, progress) = (&seats[(place + 1) % threads], &done, &lost, &progress);
            scope.spawn(move || {
                for lap in 0..laps {
                    match seat.receive() {
                        Some(value) if value == lap * threads + place => {}
                        Some(_) => {
                            lost.fetch_add(1, Relaxed);
                        }
                        None => {
                            lost.fetch_add(1, Relaxed);
                            return;
                        }
                    }
                    if place + 1 == threads {
                        done.store(lap + 1, Relaxed);
                        progress.at(lap + 1);
                    }
                    // The last one does not hand on: nobody would take it.
                    if (lap + 1, place + 1) != (laps, threads) {
                        next.send(lap * threads + place + 1);
                    }
                }
            });
        }
        seats[0].send(0);
    });
    Ring { laps: done.into_inner(), lost: lost.into_inner() }
}

struct Timeouts {
    made: usize,
    early: usize,
    late_max_ns: u128,
}

/// Parks that nobody ends: 0 to 5 ms long, of all sorts of fractions.
fn timeouts(count: usize) -> Timeouts {
    let progress = Progress { what: "timeouts", total: count };
    let parker = Parker::new();
    let mut result = Timeouts { made: 0, early: 0, late_max_ns: 0 };
    for round in 0..count {
        let timeout = Duration::from_nanos(round as u64 * 1_234_567 % 5_000_000);
        let start = Instant::now();
        let reason = parker.park_timeout(timeout);
        let elapsed = start.elapsed();
        if reason == UnparkReason::TimedOut && elapsed >= timeout {
            result.made += 1;
            result.late_max_ns = result.late_max_ns.max((elapsed - timeout).as_nanos());
        } else {
            result.early += 1;
        }
        progress.at(round + 1);
    }
    result
}

struct Races {
    rounds: usize,
    in_time: usize,
    early: usize,
    lost: usize,
}

/// Timed parks that are ended at about the moment when they run out. Each round leaves exactly one token,
/// which has to be found exactly once, by the park that raced or by the one after it.
fn races(count: usize) -> Races {
    let progress = Progress { what: "races", total: count };
    let [start, racer] = [Parker::new(), Parker::new()];
    // How long the other thread waits before it unparks: as long as makes it a close race, which is found out as
    // we go.
    let delay_ns = AtomicUsize::new(10_000);
    let mut result = Races { rounds: 0, in_time: 0, early: 0, lost: 0 };
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..count {
                if !take(&start) {
                    return;
                }
                let begin = Instant::now();
                while begin.elapsed().as_nanos() < delay_ns.load(Relaxed) as u128 {
                    std::hint::spin_loop();
                }
                racer.unpark();
            }
        });
        for round in 0..count {
            let timeout = Duration::from_nanos(20_000 + round as u64 % 64 * 500);
            let begin = Instant::now();
            start.unpark();
            if racer.park_timeout(timeout) == UnparkReason::Unparked {
                result.in_time += 1;
                delay_ns.fetch_add(200, Relaxed);
            } else {
                result.early += usize::from(begin.elapsed() < timeout);
                if !take(&racer) {
                    result.lost += 1;
                    break;
                }
                delay_ns.store(delay_ns.load(Relaxed).saturating_sub(200), Relaxed);
            }
            // Now the token is gone; a second one would be one too many.
            result.lost += usize::from(racer.park_timeout(Duration::ZERO) != UnparkReason::TimedOut);
            result.rounds += 1;
            progress.at(round + 1);
        }
    });
    result
}
