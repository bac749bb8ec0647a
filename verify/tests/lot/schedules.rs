//! Runs of a test: all schedules with few preemptions, or some at random.

use crate::bounded::Bounded;
use crate::lot::{Key, is_idle};
use crate::watchdog::Watchdog;
use crate::{memory, time};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, MaxSteps, Runner};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A key of either bucket; see `queues::keys_are_where_tests_need_them`.
pub(crate) const KEYS: [usize; 2] = [2, 1];
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
        for key in KEYS {
            assert!(is_idle(Key::from(key)), "nobody waits, and no lock is held");
        }
    });
}

/// Runs all schedules of a test with up to so many preemptions.
pub(crate) fn explore(name: &str, preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let _watchdog = Watchdog::new();
    let executions = Arc::new(AtomicUsize::new(0));
    run(Bounded::new(preemptions, Arc::clone(&executions)), test);
    println!("{name}: {} schedules, up to {preemptions} preemptions", executions.load(Relaxed));
}

/// Runs a test under so many random schedules, and as many again with few preemptions at random places.
pub(crate) fn sample(executions: usize, test: impl Fn() + Clone + Send + Sync + 'static) {
    let _watchdog = Watchdog::new();
    run(RandomScheduler::new_from_seed(SEED, executions), test.clone());
    run(PctScheduler::new_from_seed(SEED, 4, executions), test);
}

/// Other threads may run here.
pub(crate) fn step() {
    thread::sleep(Duration::ZERO);
}

/// Starts a thread.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(move || {
        let done = work();
        // Time for whoever uses what is gone.
        step();
        memory::end_thread();
        done
    })
}
