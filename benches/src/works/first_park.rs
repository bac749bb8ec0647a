//! What the first park of a process costs, the choice of a backend included. Each measurement takes a process
//! of its own.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::measure::{Plan, median};
use crate::report::{Figures, Goal, Outcome};
use crate::subjects::is_keyed;
use crate::sys;

/// Parks without a token and without time to wait for one: all that is done for the first time is done, but
/// nothing blocks. Beside it the backend's own call, the first in its process as well, that does not block
/// either.
pub(super) fn first_park(plan: &Plan) -> Vec<Outcome> {
    let mut subjects = vec!["ntpark", RAW];
    if !is_keyed() {
        subjects.extend(["std", "parking_lot_core"]);
    }
    let backend = ntpark::Backend::get().kind().name();
    let mut figures: Vec<Figures> = subjects.iter().map(|subject| Figures::new(subject)).collect();
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    for round in 0..plan.rounds {
        eprint!("\rfirst-park: round {} of {}", round + 1, plan.rounds);
        fastrand::shuffle(&mut order);
        for &index in &order {
            // The processes of a round come in one after the other: their median evens out what the last one left in
            // the caches.
            let nanos: Vec<f64> = (0..3).filter_map(|_| run(subjects[index], backend)).collect();
            figures[index].nanos.push(median(&nanos));
        }
    }
    eprintln!("\rfirst-park: {} subjects, {} rounds", subjects.len(), plan.rounds);
    vec![Outcome {
        work: "first-park".into(),
        description: "the first park of a process",
        limit: Some(RAW),
        figures,
        goals: vec![("ntpark", Goal::Over(RAW, 20_000.0))],
    }]
}

const RAW: &str = "raw-call";

fn run(subject: &str, backend: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args(["--first-park", subject, "--backend", backend]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// The process that parks once.
pub(crate) fn child(subject: &str, backend: Option<&str>) -> ExitCode {
    let elapsed = match subject {
        "ntpark" => {
            // Chosen by ntpark itself where that is what it would choose.
            let forced = backend.filter(|&name| name != "wait-address");
            static PARKER: ntpark::Parker = ntpark::Parker::new();
            time(|| {
                let chosen = forced.is_none() || sys::choose_backend(forced, None).is_ok();
                chosen && PARKER.park_timeout(Duration::ZERO) == ntpark::UnparkReason::TimedOut
            })
        }
        RAW => {
            if sys::choose_backend(backend, None).is_err() {
                return ExitCode::FAILURE;
            }
            sys::prepare_raw_call();
            time(|| {
                sys::raw_call();
                true
            })
        }
        "std" => time(|| {
            std::thread::park_timeout(Duration::ZERO);
            true
        }),
        "parking_lot_core" => time(|| {
            let token = parking_lot_core::DEFAULT_PARK_TOKEN;
            let key = std::ptr::from_ref(&subject).addr();
            // SAFETY: the key is an address of our own, and the closures neither panic nor call into parking_lot.
            let result = unsafe { parking_lot_core::park(key, || true, || {}, |_, _| {}, token, Some(Instant::now())) };
            result == parking_lot_core::ParkResult::TimedOut
        }),
        _ => None,
    };
    match elapsed {
        Some(elapsed) => {
            println!("{}", elapsed.as_nanos());
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

/// How long it takes, if it succeeds.
fn time(what: impl FnOnce() -> bool) -> Option<Duration> {
    // The clock's own first use is not the question.
    let _ = Instant::now().elapsed();
    let start = Instant::now();
    let succeeded = what();
    let elapsed = start.elapsed();
    succeeded.then_some(elapsed)
}
