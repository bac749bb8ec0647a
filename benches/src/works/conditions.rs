//! Threads that wait for each other by what is made of locks.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::thread;
use std::time::Instant;

use super::figures;
use super::{handoff, token};
use crate::locks::{Monitor, NtparkEvent, NtparkSemaphore, StdSemaphore, peers};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{Subject, is_keyed};
use crate::sys::cpu_time;

/// How many threads wait for one that notifies all.
const WAITERS: u64 = 64;

/// Two threads in turns, and a thread that notifies many.
pub(super) fn condvar(plan: &Plan) -> Vec<Outcome> {
    let mut turns = peers!(monitor ping_pong());
    rounds("condvar-ping-pong", &mut turns, &plan.times(3));
    let mut all = peers!(monitor notify_all());
    // Wine tells processor time in steps of 10 ms: a step must not matter.
    rounds("condvar-notify-all", &mut all, &Plan { slice: plan.slice * 3, ..*plan });
    let goals = |goals: &[(&'static str, f64)]| {
        let goals = goals.iter().filter(|_| !is_keyed());
        goals.map(|&(peer, most)| ("ntpark-locks", Goal::Mean(peer, most))).collect()
    };
    vec![
        Outcome {
            work: "condvar-ping-pong".into(),
            description: "two threads in turns, by a condition variable",
            limit: None,
            figures: turns.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
            goals: goals(&[("std", 1.0), ("parking_lot", 1.0), ("srwlock", 1.0)]),
        },
        Outcome {
            work: "condvar-notify-all".into(),
            description: "64 threads are notified and have locked, for each",
            limit: None,
            figures: all.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
            goals: Vec::new(),
        },
        Outcome {
            work: "condvar-notify-all-cpu".into(),
            description: "processor time of that",
            limit: None,
            figures: all.iter().map(|case| figures(case, |sample| sample.cpu_nanos.unwrap_or(f64::NAN))).collect(),
            goals: goals(&[("std", 0.8), ("srwlock", 0.8)]),
        },
    ]
}

fn ping_pong<M: Monitor>() -> Case {
    Case::new(M::NAME, |operations| {
        let (monitor, laps) = (M::default(), operations.div_ceil(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                for lap in 0..laps {
                    monitor.wait_for(2 * lap + 1);
                    monitor.set_for_one(2 * lap + 2);
                }
            });
            let start = Instant::now();
            for lap in 0..laps {
                monitor.set_for_one(2 * lap + 1);
                monitor.wait_for(2 * lap + 2);
            }
            Sample::new(start.elapsed(), 2 * laps)
        })
    })
}

fn notify_all<M: Monitor>() -> Case {
    Case::new(M::NAME, |operations| {
        let (go, all, arrived, laps) = (M::default(), M::default(), AtomicU64::new(0), operations.div_ceil(WAITERS));
        thread::scope(|scope| {
            for _ in 0..WAITERS {
                scope.spawn(|| {
                    for lap in 1..=laps {
                        go.wait_for(lap);
                        if arrived.fetch_add(1, AcqRel) + 1 == lap * WAITERS {
                            all.set_for_one(lap);
                        }
                    }
                });
            }
            let (start, cpu) = (Instant::now(), cpu_time());
            for lap in 1..=laps {
                go.set_for_all(lap);
                all.wait_for(lap);
            }
            let cpu = (cpu_time() - cpu).as_secs_f64() * 1e9 / arrived.load(Relaxed) as f64;
            Sample { cpu_nanos: Some(cpu), ..Sample::new(start.elapsed(), laps * WAITERS) }
        })
    })
}

/// Semaphores and events, on one thread and between two.
pub(super) fn signals(plan: &Plan) -> Vec<Outcome> {
    [("signal-alone", "signal, then wait, on one thread"), ("signal", "signal between two threads")]
        .map(|(work, description)| {
            let is_alone = work == "signal-alone";
            let mut cases = vec![
                signal::<NtparkEvent>(is_alone, plan),
                signal::<NtparkSemaphore>(is_alone, plan),
                signal::<StdSemaphore>(is_alone, plan),
            ];
            #[cfg(windows)]
            cases.extend([
                signal::<crate::sys::AutoResetEvent>(is_alone, plan),
                signal::<crate::sys::SemaphoreHandle>(is_alone, plan),
            ]);
            rounds(work, &mut cases, plan);
            let pairs = [(NtparkEvent::NAME, "auto-reset-event"), (NtparkSemaphore::NAME, "semaphore-handle")];
            let beside_std = pairs.map(|(ours, _)| (ours, StdSemaphore::NAME));
            Outcome {
                work: work.into(),
                description,
                limit: None,
                figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
                goals: pairs.into_iter().chain(beside_std).map(|(ours, peer)| (ours, Goal::Mean(peer, 1.0))).collect(),
            }
        })
        .into()
}

fn signal<S: Subject>(is_alone: bool, plan: &Plan) -> Case {
    let plan = *plan;
    Case::new(S::NAME, move |operations| {
        if is_alone {
            token::measure_unpark_park::<S>(operations, &plan)
        } else {
            handoff::measure::<S>(operations, &plan)
        }
    })
}

/// How many threads meet at a barrier.
const MEETING: u16 = 8;

/// Threads that meet again and again.
pub(super) fn barrier(plan: &Plan) -> Vec<Outcome> {
    let (ours, std) = (ntpark_locks::Barrier::new(), std::sync::Barrier::new(MEETING as usize));
    let mut cases = vec![
        Case::new("ntpark-locks", move |operations| meet(operations, || _ = ours.wait(MEETING))),
        Case::new("std", move |operations| meet(operations, || _ = std.wait())),
    ];
    rounds("barrier", &mut cases, plan);
    vec![Outcome {
        work: "barrier".into(),
        description: "8 threads meet at a barrier",
        limit: None,
        figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        goals: vec![("ntpark-locks", Goal::Mean("std", 1.0))],
    }]
}

fn meet(operations: u64, wait: impl Fn() + Sync) -> Sample {
    let wait = || (0..operations).for_each(|_| wait());
    thread::scope(|scope| {
        let start = Instant::now();
        (1..MEETING).for_each(|_| drop(scope.spawn(wait)));
        wait();
        Sample::new(start.elapsed(), operations)
    })
}
