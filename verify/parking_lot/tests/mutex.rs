//! `Mutex`, `FairMutex` and `ReentrantMutex`.

use crate::random::{Random, dawdle};
use crate::{SHORT, begin, lasts};
use parking_lot::lock_api::{self, RawMutexFair, RawMutexTimed};
use parking_lot::{RawFairMutex, RawMutex, ReentrantMutex};
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: u64 = 4;
const ROUNDS: u64 = 1_000;

/// Threads count under the lock, half of the time with a timeout, and release it in every way that there is.
fn count<R: RawMutexFair + RawMutexTimed<Duration = Duration, Instant = Instant> + Send + Sync>() {
    let _watchdog = begin();
    let mutex = lock_api::Mutex::<R, u64>::new(0);
    let counter = |seed| {
        let mut random = Random::new(seed);
        let mut taken = 0;
        for _ in 0..ROUNDS {
            let guard = match random.below(2) {
                0 => Some(mutex.lock()),
                _ => mutex.try_lock_for(Duration::from_micros(random.below(100))),
            };
            let Some(mut guard) = guard else { continue };
            taken += 1;
            let before = *guard;
            dawdle(random.below(200));
            // At times for longer than others spin.
            if random.below(50) == 0 {
                thread::sleep(Duration::from_micros(50));
            }
            *guard = before + 1;
            match random.below(3) {
                0 => drop(guard),
                1 => lock_api::MutexGuard::unlock_fair(guard),
                _ => lock_api::MutexGuard::bump(&mut guard),
            }
        }
        taken
    };
    let taken: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || counter(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    });
    assert_eq!(*mutex.lock(), taken, "each that took the lock counted alone");
    assert!(taken >= THREADS * ROUNDS / 3, "without a timeout, the lock is always taken");
}

#[test]
fn mutex_counts() {
    count::<RawMutex>();
}

#[test]
fn fair_mutex_counts() {
    count::<RawFairMutex>();
}

/// A thread that gives up takes no wake with it: the one behind it gets the lock.
fn times_out<R: RawMutexFair + RawMutexTimed<Duration = Duration, Instant = Instant> + Send + Sync>() {
    let _watchdog = begin();
    let mutex = lock_api::Mutex::<R, ()>::new(());
    thread::scope(|scope| {
        let guard = mutex.lock();
        let gives_up = scope.spawn(|| lasts(SHORT, || mutex.try_lock_for(SHORT)).is_none());
        let waits = scope.spawn(|| drop(mutex.lock()));
        assert!(gives_up.join().expect("it waits"));
        assert!(mutex.try_lock_until(Instant::now()).is_none(), "a deadline that has passed");
        drop(guard);
        waits.join().expect("it gets the lock");
    });
    assert!(mutex.try_lock().is_some());
}

#[test]
fn mutex_times_out() {
    times_out::<RawMutex>();
}

#[test]
fn fair_mutex_times_out() {
    times_out::<RawFairMutex>();
}

#[test]
fn reentrant_mutex_counts_and_times_out() {
    let _watchdog = begin();
    let mutex = ReentrantMutex::new(Cell::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let outer = mutex.lock();
                    let before = outer.get();
                    let inner = mutex.try_lock_for(Duration::ZERO).expect("it is this thread's already");
                    dawdle(100);
                    inner.set(before + 1);
                }
            });
        }
    });
    let guard = mutex.lock();
    assert_eq!(guard.get(), THREADS * ROUNDS);
    thread::scope(|scope| {
        scope.spawn(|| lasts(SHORT, || assert!(mutex.try_lock_for(SHORT).is_none())));
    });
}
