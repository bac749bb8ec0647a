//! Two threads that hand a token to and fro.

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::{case_maker, figures};
use crate::measure::Case;
use crate::measure::{Plan, Sample, median, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{BareSpin, Measure, Ntpark, NtparkFutex, NtparkNoSpin, Primitive, Raw, Subject, peers, raw_name};
use crate::sys::{nanos_per_tick, pin, ticks};

case_maker!(Handoff, measure);

/// Round trips before it counts.
const WARM_UP: u64 = 200;
/// Round trips that are timed together. The figure of a round is the median of its batches: the question is
/// what a handoff takes while both threads run, not how often something else takes a processor from one of
/// them. How single handoffs are distributed is kept beside it.
const BATCH: u64 = 32;

/// Both threads are running: each waits for the other as it likes.
pub(super) fn running(plan: &Plan) -> Vec<Outcome> {
    let handoff = Handoff(*plan);
    let mut cases = vec![handoff.measure::<BareSpin>(), handoff.measure::<Ntpark>()];
    cases.extend(peers(&handoff));
    rounds("handoff", &mut cases, plan);
    vec![Outcome {
        work: "handoff".into(),
        description: "handoff between two running threads",
        limit: Some(BareSpin::NAME),
        figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        goals: vec![("ntpark", Goal::BestPeer(0.5)), ("ntpark", Goal::Limit(1.25))],
    }]
}

/// Every wait blocks in the system.
pub(super) fn blocking(plan: &Plan) -> Vec<Outcome> {
    let handoff = Handoff(*plan);
    let mut cases = vec![handoff.measure::<NtparkNoSpin>(), handoff.measure::<Raw<NtparkFutex>>()];
    cases.extend(peers(&handoff));
    rounds("handoff-blocking", &mut cases, &plan.times(9));
    vec![Outcome {
        work: "handoff-blocking".into(),
        description: "handoff that blocks",
        limit: Some(raw_name()),
        figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        goals: vec![
            (NtparkNoSpin::NAME, Goal::Limit(1.05)),
            (NtparkFutex::NAME, Goal::Mean(raw_name(), 1.1)),
            (NtparkFutex::NAME, Goal::Mean("parking_lot_core-0.10", 1.0)),
        ],
    }]
}

/// Where two threads swap what they have. No parking here: std's parker may be the subject, and must not find
/// a token that was not for it.
pub(super) struct Exchange<T>(Mutex<Option<T>>);

impl<T> Exchange<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn give(&self, value: T) {
        *self.0.lock().expect("nobody panics") = Some(value);
    }

    pub(super) fn take(&self) -> T {
        loop {
            if let Some(value) = self.0.lock().expect("nobody panics").take() {
                return value;
            }
            thread::yield_now();
        }
    }
}

/// A handoff is half a round trip. The threads are kept on a processor each: left to itself, a scheduler may
/// put both on one, where no spinning helps and waking is cheap.
pub(super) fn measure<S: Subject>(operations: u64, plan: &Plan) -> Sample {
    let batches = operations.div_ceil(2 * BATCH);
    let (ours, theirs) = (Exchange::new(), Exchange::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            let (parker, unparker) = S::pair();
            theirs.give(unparker);
            let other = ours.take();
            for _ in 0..WARM_UP + batches * BATCH + plan.timed {
                S::park(&parker);
                S::unpark(&other);
            }
        });
        let first = scope.spawn(|| {
            pin(0);
            let (parker, unparker) = S::pair();
            ours.give(unparker);
            let other = theirs.take();
            let round_trip = || {
                S::unpark(&other);
                S::park(&parker);
            };
            (0..WARM_UP).for_each(|_| round_trip());
            let batches: Vec<f64> = (0..batches)
                .map(|_| {
                    let start = Instant::now();
                    (0..BATCH).for_each(|_| round_trip());
                    Sample::new(start.elapsed(), 2 * BATCH).nanos
                })
                .collect();
            let mut sample = Sample { nanos: median(&batches), ..Sample::default() };
            let scale = nanos_per_tick() / 2.0;
            sample.latencies.extend((0..plan.timed).map(|_| {
                let start = ticks();
                round_trip();
                (ticks() - start) as f64 * scale
            }));
            sample
        });
        first.join().expect("it only hands over")
    })
}
