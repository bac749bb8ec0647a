//! Whether it matters how many other threads are parked.

use std::io;
use std::thread::{Builder, JoinHandle};

use super::handoff;
use crate::measure::Plan;
use crate::report::{Figures, Goal, Outcome};
use crate::subjects::{Measure, NtparkFutex, NtparkNoSpin, Raw, Subject, peers};
use crate::sys::spread_futexes;

/// Threads that are parked beside the two that hand over. The first is what the others are compared with.
const SIZES: [usize; 6] = [0, 16, 64, 256, 1024, 4096];
/// Handoffs that are measured at each size, about, for each that is timed by itself elsewhere.
const HANDOFFS: u64 = 3;

/// Handoffs that block, with more and more other threads parked on the same subject.
pub(super) fn crowd(plan: &Plan) -> Vec<Outcome> {
    // The question is what the subjects do with a crowd, not what the machine's kernel does.
    spread_futexes(plan.crowd);
    let sizes: Vec<usize> = SIZES.into_iter().filter(|&size| size <= plan.crowd).collect();
    let crowd = Crowd { plan: *plan, sizes: sizes.clone() };
    let mut subjects = vec![crowd.measure::<NtparkNoSpin>(), crowd.measure::<Raw<NtparkFutex>>()];
    subjects.extend(peers(&crowd));
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    for round in 0..plan.rounds {
        fastrand::shuffle(&mut order);
        for &index in &order {
            let subject = &mut subjects[index];
            eprint!("\rcrowd: round {} of {}, {:<24}", round + 1, plan.rounds, subject.name);
            (subject.run)(&mut subject.nanos);
        }
    }
    eprintln!("\rcrowd: {} subjects, {} rounds {:<24}", subjects.len(), plan.rounds, "");
    let outcome = |(index, size): (usize, &usize)| {
        let figures =
            subjects.iter().filter(|subject| subject.nanos[index].len() == plan.rounds).map(|subject| Figures {
                subject: subject.name,
                nanos: subject.nanos[index].clone(),
                latencies: Vec::new(),
                baseline: Some(subject.nanos[0].clone()),
            });
        Outcome {
            work: format!("crowd-{size}"),
            description: "handoff that blocks, with so many other threads parked; its limit is the same with none",
            limit: None,
            figures: figures.collect(),
            goals: if *size == 4096 { vec![(NtparkNoSpin::NAME, Goal::Limit(1.25))] } else { Vec::new() },
        }
    };
    sizes.iter().enumerate().map(outcome).collect()
}

struct Crowd {
    plan: Plan,
    sizes: Vec<usize>,
}

/// Grows a crowd and lets it go, and adds a figure for each size.
type Run = dyn Fn(&mut [Vec<f64>]);

/// A subject, and what it took at each size.
struct InCrowds {
    name: &'static str,
    nanos: Vec<Vec<f64>>,
    run: Box<Run>,
}

impl Measure for Crowd {
    type Output = InCrowds;

    fn measure<S: Subject>(&self) -> InCrowds {
        let (plan, sizes) = (self.plan, self.sizes.clone());
        let nanos = vec![Vec::new(); sizes.len()];
        let run = move |nanos: &mut [Vec<f64>]| {
            let mut parked = Vec::new();
            for (&size, nanos) in sizes.iter().zip(nanos) {
                if let Err(error) = grow::<S>(&mut parked, size) {
                    eprintln!("\rcrowd: {} threads of {size}: {error}", parked.len());
                    break;
                }
                // Let the last of them go to sleep.
                std::thread::sleep(plan.nap / 2);
                nanos.push(handoff::measure::<S>(HANDOFFS * plan.timed, &Plan { timed: 0, ..plan }).nanos);
            }
            for (unparker, _) in &parked {
                S::unpark(unparker);
            }
            for (_, thread) in parked {
                thread.join().expect("it only parks");
            }
        };
        InCrowds { name: S::NAME, nanos, run: Box::new(run) }
    }
}

/// Parks threads until there are so many.
fn grow<S: Subject>(parked: &mut Vec<(S::Unparker, JoinHandle<()>)>, size: usize) -> io::Result<()> {
    while parked.len() < size {
        let exchange = std::sync::Arc::new(handoff::Exchange::new());
        let theirs = std::sync::Arc::clone(&exchange);
        let thread = Builder::new().stack_size(64 << 10).spawn(move || {
            let (parker, unparker) = S::pair();
            theirs.give(unparker);
            S::park(&parker);
        })?;
        parked.push((exchange.take(), thread));
    }
    Ok(())
}
