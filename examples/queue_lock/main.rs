//! A lock of your own on the two-phase protocol: a fair queue with timeouts, in `queue_lock.rs`. Here it is
//! put to use.

#[path = "../common/mod.rs"]
mod common;
mod queue_lock;

use lock_api::{Mutex, MutexGuard};
use queue_lock::QueueLock;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 4;
const ROUNDS: usize = 2_000;
const IMPATIENT_ROUNDS: usize = 500;
const TIMEOUT: Duration = Duration::from_millis(20);

type Shared<T> = Mutex<QueueLock, T>;

fn main() {
    common::setup();
    exclusion();
    order();
    timeout();
    timeouts_under_contention();
}

/// Nobody else is in there.
fn exclusion() {
    let counter: Shared<usize> = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    *counter.lock() += 1;
                }
            });
        }
    });
    assert_eq!(counter.into_inner(), THREADS * ROUNDS);
    println!("{THREADS} threads counted to {}", THREADS * ROUNDS);
}

/// Threads get the lock in the order in which they came.
fn order() {
    let arrivals: Shared<Vec<usize>> = Mutex::new(Vec::new());
    let held = arrivals.lock();
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn({
                let arrivals = &arrivals;
                move || arrivals.lock().push(number)
            });
            while waiters(&held) <= number {
                thread::yield_now();
            }
        }
        drop(held);
    });
    assert_eq!(arrivals.into_inner(), (0..THREADS).collect::<Vec<_>>());
    println!("{THREADS} threads were served in the order in which they came");
}

/// A thread that gives up leaves the queue, and not too early.
fn timeout() {
    let lock: Shared<()> = Mutex::new(());
    let held = lock.lock();
    let start = Instant::now();
    assert!(lock.try_lock_for(TIMEOUT).is_none());
    let waited = start.elapsed();
    assert!(waited >= TIMEOUT, "gave up after {waited:?}");
    assert_eq!(waiters(&held), 0);
    drop(held);
    assert!(lock.try_lock_for(Duration::ZERO).is_some());
    println!("who wanted to wait for {TIMEOUT:?} gave up after {waited:?}");
}

/// Threads that give up and threads that are served, all at once: the lock stays whole, and nobody waits for
/// ever.
fn timeouts_under_contention() {
    let taken: Shared<usize> = Mutex::new(0);
    let gave_up: usize = thread::scope(|scope| {
        let threads = [0, 50, 100, 1_000].map(|microseconds| {
            let (taken, timeout) = (&taken, Duration::from_micros(microseconds));
            scope.spawn(move || (0..IMPATIENT_ROUNDS).filter(|_| !take(taken, timeout)).count())
        });
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    let taken = taken.into_inner();
    assert_eq!(taken + gave_up, THREADS * IMPATIENT_ROUNDS);
    println!("in a crowd of the impatient, the lock was taken {taken} times and given up {gave_up} times");
}

/// Has the lock for a while, if it comes in time.
fn take(taken: &Shared<usize>, timeout: Duration) -> bool {
    let Some(mut taken) = taken.try_lock_for(timeout) else {
        return false;
    };
    *taken += 1;
    thread::yield_now();
    true
}

/// How many threads wait for a lock that is held.
fn waiters<T>(held: &MutexGuard<'_, QueueLock, T>) -> usize {
    // SAFETY: the raw lock is only asked, neither locked nor unlocked.
    unsafe { MutexGuard::mutex(held).raw() }.waiters()
}
