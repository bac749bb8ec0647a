//! Locks that many threads want.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::figures;
use crate::locks::{Mutex, RwLock, peers};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Figures, Goal, Outcome};
use crate::subjects::is_keyed;
use crate::sys::cpu_time;

const OURS: &str = "ntpark-locks";

/// How many threads lock a mutex.
pub(crate) const MUTEX_THREADS: [usize; 4] = [2, 4, 16, 64];

/// How many threads there are, and how long each computes inside and outside of the lock, in steps of about 1 ns.
#[derive(Clone, Copy)]
struct Load {
    threads: usize,
    inside: u32,
    outside: u32,
}

/// A mutex, under each load.
pub(super) fn mutex(plan: &Plan) -> Vec<Outcome> {
    let threads = MUTEX_THREADS.into_iter().filter(|&threads| threads <= plan.threads);
    let loads = threads.flat_map(|threads| {
        [(10, 10), (200, 200), (10, 1000)].map(|(inside, outside)| Load { threads, inside, outside })
    });
    let mut outcomes = Vec::new();
    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for load in loads {
        let work = format!("mutex-{}-{}-{}", load.threads, load.inside, load.outside);
        let mut cases = peers!(mutex contended(load, plan.slice));
        rounds(&work, &mut cases, plan);
        let [time, cpu_time] = time_and_cpu(&cases);
        times.push(time.clone());
        if load.threads == 16 {
            cpu.push(cpu_time.clone());
            outcomes.push(share(format!("{work}-slowest"), &cases));
        }
        outcomes.push(outcome(format!("{work}-cpu"), "processor time of such an operation", cpu_time, None));
        outcomes.push(outcome(work, "threads lock a mutex, with steps inside and outside", time, Some(1.11)));
    }
    outcomes.push(outcome("mutex-mean".into(), "geometric mean of these times", mean(&times), Some(1.0)));
    let mut cpu = outcome(
        "mutex-16-cpu-mean".into(),
        "geometric mean of the processor times with 16 threads",
        mean(&cpu),
        Some(0.7),
    );
    cpu.goals.retain(|(_, goal)| matches!(goal, Goal::Mean("parking_lot" | "parking_lot-0.13", _)));
    outcomes.push(cpu);
    outcomes
}

/// Threads that have much else to do, and are far more than there are processors.
pub(super) fn oversubscribed(plan: &Plan) -> Vec<Outcome> {
    let load = Load { threads: plan.threads, inside: 200, outside: 10_000 };
    let mut cases = peers!(mutex contended(load, plan.slice));
    rounds("oversubscribed", &mut cases, plan);
    let [time, _] = time_and_cpu(&cases);
    vec![outcome("oversubscribed".into(), "many threads that also compute lock a mutex", time, Some(1.11))]
}

/// A reader-writer lock, with more and fewer readers among the operations.
pub(super) fn readers(plan: &Plan) -> Vec<Outcome> {
    let load = Load { threads: 16, inside: 200, outside: 200 };
    let mut outcomes = Vec::new();
    let mut times = Vec::new();
    for percent in [100, 90, 50] {
        let work = format!("readers-{percent}");
        let mut cases = peers!(rwlock shared(load, percent, plan.slice));
        rounds(&work, &mut cases, plan);
        let [time, cpu] = time_and_cpu(&cases);
        times.push(time.clone());
        outcomes.push(outcome(format!("{work}-cpu"), "processor time of such an operation", cpu, None));
        outcomes.push(outcome(work, "16 threads lock, so many percent of them for reading", time, Some(1.11)));
    }
    outcomes.push(outcome("readers-mean".into(), "geometric mean of these times", mean(&times), Some(1.0)));
    outcomes
}

/// With the goal, if there is one, to take at most so many times what each peer takes; that informs only where peers
/// block in another way.
fn outcome(work: String, description: &'static str, figures: Vec<Figures>, most: Option<f64>) -> Outcome {
    let peers = figures.iter().map(|figures| figures.subject).filter(|&subject| subject != OURS);
    let goals = most.filter(|_| !is_keyed()).into_iter();
    let goals = goals.flat_map(|most| peers.clone().map(move |peer| (OURS, Goal::Mean(peer, most)))).collect();
    Outcome { work, description, limit: None, figures, goals }
}

fn time_and_cpu(cases: &[Case]) -> [Vec<Figures>; 2] {
    [
        cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        cases.iter().map(|case| figures(case, |sample| sample.cpu_nanos.unwrap_or(f64::NAN))).collect(),
    ]
}

/// The geometric mean of several works, in each round.
fn mean(works: &[Vec<Figures>]) -> Vec<Figures> {
    let subjects = works.first().into_iter().flatten().enumerate();
    subjects
        .map(|(index, first)| {
            let round = |round: usize| {
                let logs = works.iter().map(|work| work[index].nanos[round].ln());
                (logs.sum::<f64>() / works.len() as f64).exp()
            };
            Figures { nanos: (0..first.nanos.len()).map(round).collect(), ..Figures::new(first.subject) }
        })
        .collect()
}

/// What the slowest thread takes, beside what threads take on average.
fn share(work: String, cases: &[Case]) -> Outcome {
    let figures = cases.iter().map(|case| {
        let mut slowest = figures(case, |sample| sample.slowest_nanos.unwrap_or(f64::NAN));
        slowest.baseline = Some(case.samples.iter().map(|sample| sample.nanos).collect());
        slowest
    });
    Outcome {
        work,
        description: "time of an operation of the slowest thread, over the number of threads; its limit is the mean",
        limit: None,
        figures: figures.collect(),
        goals: vec![(OURS, Goal::Limit(10.0))],
    }
}

fn contended<M: Mutex>(load: Load, slice: Duration) -> Case {
    Case::new(M::NAME, move |_| {
        let mutex = M::default();
        compete(load.threads, slice, |_| {
            mutex.with(|| compute(load.inside));
            compute(load.outside);
        })
    })
}

fn shared<L: RwLock>(load: Load, percent: u8, slice: Duration) -> Case {
    Case::new(L::NAME, move |_| {
        let lock = L::default();
        compete(load.threads, slice, |random| {
            if random.u8(..100) < percent {
                lock.read(|| compute(load.inside));
            } else {
                lock.write(|| compute(load.inside));
            }
            compute(load.outside);
        })
    })
}

/// So many steps, each of which needs the result of the one before. The same code for all subjects: inlined, one loop
/// may take twice as long as another.
#[inline(never)]
fn compute(steps: u32) {
    let number = (0..steps).fold(1_u64, |number, step| (number ^ u64::from(step)).rotate_left(7));
    black_box(number);
}

/// Lets threads do that again and again, for about as long as a slice.
fn compete(threads: usize, slice: Duration, operation: impl Fn(&mut fastrand::Rng) + Sync) -> Sample {
    let (begin, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let (operation, begin, stop) = (&operation, &begin, &stop);
    thread::scope(|scope| {
        let run = || {
            let mut random = fastrand::Rng::new();
            begin.wait();
            let mut count = 0_u64;
            while !stop.load(Relaxed) {
                operation(&mut random);
                count += 1;
            }
            count
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        begin.wait();
        let (start, cpu) = (Instant::now(), cpu_time());
        thread::sleep(slice);
        let (elapsed, cpu) = (start.elapsed(), cpu_time() - cpu);
        stop.store(true, Relaxed);
        let counts: Vec<u64> =
            running.into_iter().map(|thread| thread.join().expect("it only locks and computes")).collect();
        let (sum, least) = (counts.iter().sum::<u64>(), counts.into_iter().min().unwrap_or_default().max(1));
        Sample {
            cpu_nanos: Some(cpu.as_secs_f64() * 1e9 / sum as f64),
            slowest_nanos: Some(elapsed.as_secs_f64() * 1e9 / (least * threads as u64) as f64),
            ..Sample::new(elapsed, sum)
        }
    })
}

/// The longest wait of a thread, beside another that holds the lock for 200 µs and takes it again at once.
pub(super) fn hog(plan: &Plan) -> Vec<Outcome> {
    let mut cases = peers!(mutex beside_hog(2 * plan.slice));
    rounds("hog", &mut cases, plan);
    let [time, _] = time_and_cpu(&cases);
    let mut outcome =
        outcome("hog".into(), "the longest wait beside a thread that takes the lock again at once", time, None);
    outcome.goals.push((OURS, Goal::Nanos(6e6)));
    vec![outcome]
}

fn beside_hog<M: Mutex>(slice: Duration) -> Case {
    Case::new(M::NAME, move |_| {
        let (mutex, stop) = (M::default(), AtomicBool::new(false));
        let until = |end: Instant| {
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        };
        let longest = thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    mutex.with(|| until(Instant::now() + Duration::from_micros(200)));
                }
            });
            let victim = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !stop.load(Relaxed) {
                    let start = Instant::now();
                    mutex.with(|| longest = longest.max(start.elapsed()));
                    until(Instant::now() + Duration::from_micros(20));
                }
                longest
            });
            thread::sleep(slice);
            stop.store(true, Relaxed);
            victim.join().expect("it only locks")
        });
        Sample::new(longest, 1)
    })
}
