//! Threads that wait for conditions of plain atomics, with an event count, in `event_count.rs`.

#[path = "../common/mod.rs"]
mod common;
mod event_count;

use event_count::EventCount;
use ntpark::{Backend, Instant};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{self, Duration};

const THREADS: u64 = 4;
const ROUNDS: u64 = 5_000;

fn main() {
    common::setup();
    everybody_gets_there();
    a_semaphore();
    a_timeout_is_not_early();
    nobody_waits();
}

/// Each thread waits until the slowest has come as far: nobody is forgotten.
fn everybody_gets_there() {
    let event = EventCount::new();
    let steps = [const { AtomicU64::new(0) }; THREADS as usize];
    thread::scope(|scope| {
        for own in &steps {
            let (event, steps) = (&event, &steps);
            scope.spawn(move || {
                for step in 1..=ROUNDS {
                    own.store(step, Relaxed);
                    event.notify();
                    let all_are_there = || steps.iter().all(|other| other.load(Relaxed) >= step).then_some(());
                    event.wait_until(Instant::MAX, all_are_there).expect("there is no limit");
                }
            });
        }
    });
    println!("{THREADS} threads went {ROUNDS} steps together");
}

/// A semaphore is an atomic number, and an event count for those who have to wait.
fn a_semaphore() {
    let (permits, event) = (AtomicU64::new(0), EventCount::new());
    let acquire = || {
        let take = || permits.fetch_update(Relaxed, Relaxed, |permits| permits.checked_sub(1)).ok();
        event.wait_until(Instant::MAX, take).expect("there is no limit");
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..ROUNDS).for_each(|_| acquire()));
        }
        for _ in 0..THREADS * ROUNDS {
            permits.fetch_add(1, Relaxed);
            event.notify();
        }
    });
    assert_eq!(permits.into_inner(), 0);
    println!("{} permits were given, and as many taken", THREADS * ROUNDS);
}

fn a_timeout_is_not_early() {
    const TIMEOUT: Duration = Duration::from_millis(20);
    let event = EventCount::new();
    let start = time::Instant::now();
    let never = || None::<()>;
    assert_eq!(event.wait_until(Backend::get().deadline(TIMEOUT), never), None);
    let waited = start.elapsed();
    assert!(waited >= TIMEOUT, "gave up after {waited:?}");
    println!("the condition did not hold within {TIMEOUT:?}, which took {waited:?}");
}

fn nobody_waits() {
    let event = EventCount::new();
    assert_eq!(event.notify(), 0);
    // A condition that holds needs no wait, and a deadline that is past no event.
    assert_eq!(event.wait_until(Instant::MIN, || Some(1)), Some(1));
    assert_eq!(event.wait_until(Instant::MIN, || None::<u8>), None);
    assert_eq!(event.notify(), 0);
}
