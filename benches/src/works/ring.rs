//! A token that goes round a ring of threads, more than there are processors.

use std::thread;
use std::time::Instant;

use super::handoff::Exchange;
use super::{case_maker, figures};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{Measure, Ntpark, NtparkNoSpin, Subject, peers, raw_name};
use crate::sys::cpu_time;

/// The threads of the ring.
const THREADS: usize = 16;
/// Laps before it counts.
const WARM_UP: u64 = 20;

case_maker!(Ring, measure);

/// Time and processor time of a handoff in the ring.
pub(super) fn ring(plan: &Plan) -> Vec<Outcome> {
    let ring = Ring(*plan);
    // Wine tells processor time in steps of 10 ms: a step must not matter.
    let plan = Plan { slice: plan.slice * 3, ..plan.times(3) };
    let mut cases = vec![ring.measure::<Ntpark>(), ring.measure::<NtparkNoSpin>()];
    cases.extend(peers(&ring));
    rounds("ring", &mut cases, &plan);
    let cpu = cases.iter().map(|case| figures(case, |sample| sample.cpu_nanos.unwrap_or(f64::NAN))).collect();
    let time = cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect();
    let outcome = |work: &str, description, figures| Outcome {
        work: work.into(),
        description,
        limit: Some(raw_name()),
        figures,
        goals: vec![("ntpark", Goal::BestPeer(1.05))],
    };
    vec![
        outcome("ring-16", "handoff in a ring of 16 threads", time),
        outcome("ring-16-cpu", "processor time of such a handoff", cpu),
    ]
}

fn measure<S: Subject>(operations: u64, _plan: &Plan) -> Sample {
    let laps = operations.div_ceil(THREADS as u64);
    let exchanges: Vec<Exchange<S::Unparker>> = (0..THREADS).map(|_| Exchange::new()).collect();
    thread::scope(|scope| {
        for index in 1..THREADS {
            let exchanges = &exchanges;
            scope.spawn(move || {
                let (parker, unparker) = S::pair();
                exchanges[index].give(unparker);
                let next = exchanges[(index + 1) % THREADS].take();
                for _ in 0..WARM_UP + laps {
                    S::park(&parker);
                    S::unpark(&next);
                }
            });
        }
        let (parker, unparker) = S::pair();
        exchanges[0].give(unparker);
        let next = exchanges[1].take();
        let lap = || {
            S::unpark(&next);
            S::park(&parker);
        };
        (0..WARM_UP).for_each(|_| lap());
        let (start, cpu) = (Instant::now(), cpu_time());
        (0..laps).for_each(|_| lap());
        let handoffs = laps * THREADS as u64;
        let mut sample = Sample::new(start.elapsed(), handoffs);
        sample.cpu_nanos = Some((cpu_time() - cpu).as_secs_f64() * 1e9 / handoffs as f64);
        sample
    })
}
