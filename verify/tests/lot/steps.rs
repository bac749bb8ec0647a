//! What a wake costs, counted: how often it uses the atomics and cells of the lot.

use crate::lot::queue::Waiter;
use crate::lot::table::bucket;
use crate::lot::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, Key, unpark_one};
use crate::watchdog::Watchdog;
use crate::{A, B, memory};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, MaxSteps, Runner};

/// Queues waiters without threads.
fn queue(key: Key, count: usize) -> Vec<Waiter> {
    let bucket = bucket(key);
    let waiters: Vec<_> = (0..count).map(|_| Waiter::new(key, DEFAULT_PARK_TOKEN, bucket)).collect();
    for waiter in &waiters {
        waiter.parker.prepare_park();
        // SAFETY: there is one thread, and the waiters stay where they are until all have been woken.
        unsafe { bucket.add(waiter, false) };
    }
    waiters
}

fn wake(key: usize) -> usize {
    // SAFETY: the callback does nothing, and the keys are the test's own.
    memory::uses(|| assert_eq!(unsafe { unpark_one(key, |_| DEFAULT_UNPARK_TOKEN) }.unparked_threads, 1))
}

#[test]
fn a_wake_takes_no_longer_beside_4096_waiters_for_another_key() {
    let _watchdog = Watchdog::new();
    let mut config = Config::new();
    config.max_steps = MaxSteps::None;
    Runner::new(RandomScheduler::new(1), config).run(|| {
        let alone = {
            let _waiter = queue(B.into(), 1);
            wake(B)
        };
        let crowd = queue(A.into(), 4096);
        let beside = {
            let _waiter = queue(B.into(), 1);
            wake(B)
        };
        // The crowd is one key, of which the pointer to it changes.
        assert!(beside <= alone + 2, "{beside} steps, and {alone} alone");
        // And the crowd's own: two waiters are looked at.
        let first = wake(A);
        assert!(first <= 3 * alone, "{first} steps");
        for _ in 1..crowd.len() {
            wake(A);
        }
    });
}
