//! What it costs to be parked for a while.

use std::sync::Barrier;
use std::thread;

use super::handoff::Exchange;
use super::{case_maker, figures};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{Measure, Ntpark, Subject, peers, raw_name};
use crate::sys::cpu_time;

/// So many threads at once: Wine tells processor time in steps of 10 ms.
const THREADS: usize = 64;

case_maker!(Nap, measure);

/// The processor time of one thread that parks, is parked for a second, and is woken.
pub(super) fn nap(plan: &Plan) -> Vec<Outcome> {
    let nap = Nap(*plan);
    let mut cases = vec![nap.measure::<Ntpark>()];
    cases.extend(peers(&nap));
    let plan = Plan { slice: std::time::Duration::ZERO, ..*plan };
    rounds("parked", &mut cases, &plan);
    vec![Outcome {
        work: "parked-cpu".into(),
        description: "processor time of a thread parked for a second",
        limit: Some(raw_name()),
        figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        goals: vec![("ntpark", Goal::Nanos(1e6))],
    }]
}

fn measure<S: Subject>(_operations: u64, plan: &Plan) -> Sample {
    let exchanges: Vec<Exchange<S::Unparker>> = (0..THREADS).map(|_| Exchange::new()).collect();
    let (ready, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for exchange in &exchanges {
            let (ready, done) = (&ready, &done);
            scope.spawn(move || {
                let (parker, unparker) = S::pair();
                exchange.give(unparker);
                ready.wait();
                S::park(&parker);
                done.wait();
            });
        }
        let unparkers: Vec<S::Unparker> = exchanges.iter().map(Exchange::take).collect();
        let before = cpu_time();
        ready.wait();
        thread::sleep(plan.nap);
        unparkers.iter().for_each(S::unpark);
        done.wait();
        let nanos = (cpu_time() - before).as_secs_f64() * 1e9 / THREADS as f64;
        Sample { nanos, ..Sample::default() }
    })
}
