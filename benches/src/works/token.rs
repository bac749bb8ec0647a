//! Tokens that nobody waits for.

use std::hint::black_box;
use std::time::Instant;

use super::{case_maker, figures};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{BareSwaps, Measure, Ntpark, Std, Subject, peers};
use crate::sys::{nanos_per_tick, ticks};

case_maker!(UnparkPark, measure_unpark_park);
case_maker!(UnparkNobody, measure_unpark_nobody);
case_maker!(UnparkToken, measure_unpark_token);

/// An unpark and the park that takes its token, on one thread.
pub(super) fn unpark_park(plan: &Plan) -> Vec<Outcome> {
    let goals = vec![("ntpark", Goal::Limit(1.15)), ("ntpark", Goal::Subject("std", 0.6))];
    one("token", "unpark, then park, on one thread", &UnparkPark(*plan), goals, plan, |_| true)
}

/// Unparks that find nobody and no token.
pub(super) fn unpark_nobody(plan: &Plan) -> Vec<Outcome> {
    // A thread has one token of std's, so there are not many parkers to go through.
    let has_many = |subject: &str| subject != Std::NAME;
    let goals = vec![("ntpark", Goal::Limit(1.1))];
    one("unpark-nobody", "unpark with nobody there", &UnparkNobody(*plan), goals, plan, has_many)
}

/// Unparks that find a token.
pub(super) fn unpark_token(plan: &Plan) -> Vec<Outcome> {
    let goals = vec![("ntpark", Goal::Limit(1.1))];
    one("unpark-token", "unpark with a token there", &UnparkToken(*plan), goals, plan, |_| true)
}

fn one<M: Measure<Output = Case>>(
    work: &'static str,
    description: &'static str,
    measure: &M,
    goals: Vec<(&'static str, Goal)>,
    plan: &Plan,
    takes_part: impl Fn(&str) -> bool,
) -> Vec<Outcome> {
    let mut cases = vec![measure.measure::<BareSwaps>(), measure.measure::<Ntpark>()];
    cases.extend(peers(measure));
    // On keyed events std is no peer, but nothing blocks here, and there is a goal against it.
    if cases.iter().all(|case| case.subject != Std::NAME) {
        cases.push(measure.measure::<Std>());
    }
    cases.retain(|case| takes_part(case.subject));
    rounds(work, &mut cases, plan);
    let figures = cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect();
    vec![Outcome { work: work.into(), description, limit: Some(BareSwaps::NAME), figures, goals }]
}

pub(super) fn measure_unpark_park<S: Subject>(operations: u64, _plan: &Plan) -> Sample {
    let (parker, unparker) = S::pair();
    let start = Instant::now();
    for _ in 0..operations {
        S::unpark(black_box(&unparker));
        S::park(black_box(&parker));
    }
    Sample::new(start.elapsed(), operations)
}

fn measure_unpark_token<S: Subject>(operations: u64, _plan: &Plan) -> Sample {
    let (parker, unparker) = S::pair();
    let start = Instant::now();
    for _ in 0..operations {
        S::unpark(black_box(&unparker));
    }
    let sample = Sample::new(start.elapsed(), operations);
    S::park(&parker);
    sample
}

/// Goes through many parkers, so that each is without a token when its turn comes. Taking the tokens back is
/// not timed.
fn measure_unpark_nobody<S: Subject>(operations: u64, _plan: &Plan) -> Sample {
    /// As many as fit the first level of the cache, a pair of cache lines each.
    const PARKERS: usize = 128;
    let pairs: Vec<_> = (0..PARKERS).map(|_| S::pair()).collect();
    let laps = operations.div_ceil(PARKERS as u64);
    let mut elapsed = 0;
    for _ in 0..laps {
        let start = ticks();
        for (_, unparker) in &pairs {
            S::unpark(black_box(unparker));
        }
        elapsed += ticks() - start;
        for (parker, _) in &pairs {
            S::park(parker);
        }
    }
    let nanos = elapsed as f64 * nanos_per_tick() / (laps * PARKERS as u64) as f64;
    Sample { nanos, ..Sample::default() }
}
