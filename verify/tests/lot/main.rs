//! The very code of the lot and of futexes, over a simulated parker, under Shuttle: schedules at random, and all with
//! few preemptions.
//!
//! `cargo test -p ntpark-verify --test lot`. Each call is compared with a plain [model](queues), under the bucket's
//! lock, where it takes effect. Orderings are loom's matter: here, all are `SeqCst`.

#![cfg(not(windows))]

mod backend;
mod bounded;
mod futexes;
mod memory;
mod queues;
mod races;
mod random;
mod spin;
mod steps;
mod sync;
mod thread_parker;
mod time;
mod unwinding;
#[path = "../simulated/watchdog.rs"]
mod watchdog;

ntpark_verify::product!(futex, lot);

use bounded::Bounded;
use lot::Key;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, MaxSteps, Runner};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use watchdog::Watchdog;

/// Two keys of one bucket, and one of the other; see `queues::keys_are_where_tests_need_them`.
const A: usize = 2;
const B: usize = 4;
const C: usize = 1;
/// Where random schedules begin. `SHUTTLE_RANDOM_SEED` says otherwise.
const SEED: u64 = 15;
/// The most steps that a schedule takes before it counts as one that hangs.
const STEPS: usize = 20_000;

fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    Runner::new(scheduler, config).run(move || {
        memory::reset();
        time::set_now(0);
        test();
        for key in [A, C] {
            assert!(lot::is_idle(Key::from(key)), "nobody waits, and no lock is held");
        }
    });
}

/// Runs all schedules of a test with up to so many preemptions.
fn explore(name: &str, preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let _watchdog = Watchdog::new();
    let executions = Arc::new(AtomicUsize::new(0));
    run(Bounded::new(preemptions, Arc::clone(&executions)), test);
    println!("{name}: {} schedules, up to {preemptions} preemptions", executions.load(Relaxed));
}

/// Runs a test under so many random schedules, and as many again with few preemptions at random places.
fn sample(executions: usize, test: impl Fn() + Clone + Send + Sync + 'static) {
    let _watchdog = Watchdog::new();
    run(RandomScheduler::new_from_seed(SEED, executions), test.clone());
    run(PctScheduler::new_from_seed(SEED, 4, executions), test);
}

/// Other threads may run here.
fn step() {
    thread::sleep(Duration::ZERO);
}

/// Starts a thread.
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(move || {
        let done = work();
        // Time for whoever uses what is gone.
        step();
        memory::end_thread();
        done
    })
}
