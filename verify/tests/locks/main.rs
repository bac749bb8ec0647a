//! The very code of the locks, on the lot and over a simulated parker, under Shuttle: schedules at random, and all with
//! few preemptions.
//!
//! `cargo test -p ntpark-verify --test locks`. Locks lie in [memory] that whoever uses them last frees at once; each is
//! judged by what its users see, and by its word, which is zero once nobody uses it. Those with patience run on three
//! [clocks](clock). Orderings are loom's matter: here, all are `SeqCst`.

#![cfg(not(windows))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "each block makes one of the calls in a match")]

mod backend;
mod barriers;
#[path = "../lot/bounded.rs"]
mod bounded;
mod clock;
mod condvars;
mod events;
mod memory;
mod mutexes;
mod onces;
mod rwlocks;
#[path = "../lot/schedules.rs"]
mod schedules;
mod semaphores;
mod spin;
mod sync;
#[path = "../lot/thread_parker.rs"]
mod thread_parker;
#[path = "../lot/time.rs"]
mod time;
#[path = "../simulated/watchdog.rs"]
mod watchdog;

ntpark_verify::product!(lot);
ntpark_verify::product!(locks: barrier, condvar, debug, event, key, mutex, once, patience, rwlock, semaphore, word);

use clock::Clock;
use memory::{Place, place};
use schedules::{KEYS, spawn, step};
use shuttle::thread::{self, JoinHandle};
use time::Instant;

/// A deadline that may have passed at any time, but not before others have had a chance to run.
const SOON: Instant = Instant::from_ticks(1);

/// Runs all schedules of a test with up to so many preemptions, on each clock.
fn explore(name: &str, preemptions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    for clock in Clock::ALL {
        explore_on(clock, name, preemptions, test);
    }
}

/// Runs all schedules of a test with up to so many preemptions, on this clock.
fn explore_on(clock: Clock, name: &str, preemptions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    schedules::explore(&format!("{name}, {clock:?} clock"), preemptions, move || {
        clock.start();
        test();
    });
}

/// Runs a test under so many random schedules on each clock, and as many again with few preemptions.
fn sample(executions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    for clock in Clock::ALL {
        schedules::sample(executions, move || {
            clock.start();
            test();
        });
    }
}

/// Lets the others run until it is so.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// Waits for the end of threads.
fn join<T: Send + 'static, const N: usize>(threads: [JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("no panic"))
}
