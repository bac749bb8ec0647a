//! What there is to be done, and the goals that ntpark has at it.

mod addresses;
mod bursts;
mod conditions;
mod contention;
mod crowd;
pub(crate) mod first_park;
mod handoff;
mod nap;
mod ring;
mod token;
mod uncontended;

pub(crate) use contention::MUTEX_THREADS;

use crate::measure::{Case, Plan, Sample};
use crate::report::{Figures, Outcome};

/// A work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    run: fn(&Plan) -> Vec<Outcome>,
}

impl Work {
    pub(crate) fn run(&self, plan: &Plan) -> Vec<Outcome> {
        (self.run)(plan)
    }
}

/// All of them.
pub(crate) fn all() -> [Work; 20] {
    [
        Work { name: "token", run: token::unpark_park },
        Work { name: "unpark-nobody", run: token::unpark_nobody },
        Work { name: "unpark-token", run: token::unpark_token },
        Work { name: "handoff", run: handoff::running },
        Work { name: "handoff-blocking", run: handoff::blocking },
        Work { name: "wake-nobody", run: addresses::wake_nobody },
        Work { name: "keys", run: addresses::keys },
        Work { name: "ring", run: ring::ring },
        Work { name: "bursts", run: bursts::bursts },
        Work { name: "parked", run: nap::nap },
        Work { name: "crowd", run: crowd::crowd },
        Work { name: "first-park", run: first_park::first_park },
        Work { name: "uncontended", run: uncontended::uncontended },
        Work { name: "mutex", run: contention::mutex },
        Work { name: "oversubscribed", run: contention::oversubscribed },
        Work { name: "hog", run: contention::hog },
        Work { name: "readers", run: contention::readers },
        Work { name: "condvar", run: conditions::condvar },
        Work { name: "signals", run: conditions::signals },
        Work { name: "barrier", run: conditions::barrier },
    ]
}

/// Makes a [`Case`] of a function that measures any subject.
macro_rules! case_maker {
    ($name:ident, $measure:ident) => {
        struct $name(Plan);
        impl Measure for $name {
            type Output = Case;
            fn measure<S: Subject>(&self) -> Case {
                let plan = self.0;
                Case::new(S::NAME, move |operations| $measure::<S>(operations, &plan))
            }
        }
    };
}
use case_maker;

/// The figures of a case.
fn figures(case: &Case, of: impl Fn(&Sample) -> f64) -> Figures {
    let nanos = case.samples.iter().map(of).collect();
    let latencies = case.samples.iter().flat_map(|sample| sample.latencies.iter().copied()).collect();
    Figures { subject: case.subject, nanos, latencies, baseline: None }
}
