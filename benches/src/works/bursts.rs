//! Parks that block, with tokens taken in between: what spinning costs where it does not help.

use std::time::Duration;

use ntpark::Parker;

use super::figures;
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{Ntpark, NtparkNoSpin, Subject};
use crate::sys::cpu_time;

/// How long a park blocks.
const TIMEOUT: Duration = Duration::from_micros(50);
/// As many as share ntpark's table of what has been learnt, and more.
const PARKERS: usize = 96;

/// A park, with or without spinning.
type Park = fn(&Parker, Duration);

fn spins(parker: &Parker, timeout: Duration) {
    let _ = parker.park_timeout(timeout);
}

fn never_spins(parker: &Parker, timeout: Duration) {
    let _ = parker.no_spin().park_timeout(timeout);
}

/// The processor time of a park that blocks, on one parker and on many, after none to three unparks whose one token is
/// taken in between.
pub(super) fn bursts(plan: &Plan) -> Vec<Outcome> {
    let plan = Plan { slice: Duration::ZERO, ..*plan };
    [(1, 0), (1, 1), (1, 2), (1, 3), (PARKERS, 0), (PARKERS, 3)]
        .into_iter()
        .map(|(parkers, tokens)| {
            let work = format!("bursts-{parkers}x{tokens}");
            let case = |name, park: Park| Case::new(name, move |_| measure(park, parkers, tokens, plan.bursts));
            let mut cases = vec![case(Ntpark::NAME, spins), case(NtparkNoSpin::NAME, never_spins)];
            rounds(&work, &mut cases, &plan);
            Outcome {
                work,
                description: "processor time of a park that blocks, with tokens taken in between (parkers x tokens)",
                limit: Some(NtparkNoSpin::NAME),
                figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
                goals: vec![(Ntpark::NAME, Goal::Limit(1.3))],
            }
        })
        .collect()
}

fn measure(park: Park, parkers: usize, tokens: u32, parks: u32) -> Sample {
    let parkers: Vec<Parker> = (0..parkers).map(|_| Parker::new()).collect();
    let before = cpu_time();
    for parker in parkers.iter().cycle().take(parks as usize) {
        for _ in 0..tokens {
            parker.unpark();
        }
        if tokens > 0 {
            park(parker, TIMEOUT);
        }
        park(parker, TIMEOUT);
    }
    Sample { nanos: (cpu_time() - before).as_secs_f64() * 1e9 / f64::from(parks), ..Sample::default() }
}
