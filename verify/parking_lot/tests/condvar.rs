//! `Condvar`.

use crate::random::Random;
use crate::{SHORT, begin, lasts};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// A notifier that does not take the mutex may come while the waiter is queued and has not yet unlocked it. The waiter
/// is then moved to the mutex, and unlocking it wakes the waiter itself, which is not asleep yet. A wake that waits for
/// its waiter would never end.
#[test]
fn a_waiter_that_is_moved_to_the_mutex_that_it_unlocks_wakes_itself() {
    const ROUNDS: u64 = 2_000;
    let _watchdog = begin();
    let mutex = Mutex::new(0);
    let notified = Condvar::new();
    let is_over = AtomicBool::new(false);
    let woken = thread::scope(|scope| {
        let notifier = scope.spawn(|| {
            let mut woken = 0;
            while !is_over.load(Relaxed) {
                woken += u64::from(notified.notify_one());
            }
            woken
        });
        for _ in 0..ROUNDS {
            let mut guard = mutex.lock();
            notified.wait(&mut guard);
            *guard += 1;
        }
        is_over.store(true, Relaxed);
        notifier.join().expect("it notifies")
    });
    assert_eq!((woken, mutex.into_inner()), (ROUNDS, ROUNDS), "each wait ends with one notification");
}

/// Many waiters, which are moved to the mutex if it is locked, are all woken, and counted.
fn wakes_all(is_locked: bool) {
    const WAITERS: usize = 64;
    const ROUNDS: u64 = 10;
    let _watchdog = begin();
    // Who waits, and the round.
    let mutex = Mutex::new((0, 0));
    let (arrived, next) = (Condvar::new(), Condvar::new());
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let mut guard = mutex.lock();
                    guard.0 += 1;
                    if guard.0 == WAITERS {
                        arrived.notify_one();
                    }
                    next.wait_while(&mut guard, |state| state.1 == round);
                }
            });
        }
        for _ in 0..ROUNDS {
            let mut guard = mutex.lock();
            arrived.wait_while(&mut guard, |state| state.0 < WAITERS);
            guard.0 = 0;
            guard.1 += 1;
            if is_locked {
                assert_eq!(next.notify_all(), WAITERS);
                drop(guard);
            } else {
                drop(guard);
                assert_eq!(next.notify_all(), WAITERS);
            }
        }
    });
}

#[test]
fn all_are_woken_while_the_mutex_is_locked() {
    wakes_all(true);
}

#[test]
fn all_are_woken_while_the_mutex_is_free() {
    wakes_all(false);
}

/// Threads put numbers into a small buffer, others take them out, at times with a timeout.
#[test]
fn a_buffer_keeps_all() {
    const CAPACITY: usize = 2;
    const EACH: u64 = 1_000;

    let _watchdog = begin();
    let buffer = Mutex::new(VecDeque::new());
    let (not_full, not_empty) = (Condvar::new(), Condvar::new());
    let wait = |random: &mut Random, condvar: &Condvar, guard: &mut _| {
        if random.below(2) == 0 {
            condvar.wait(guard);
        } else {
            condvar.wait_for(guard, Duration::from_micros(random.below(100)));
        }
    };
    let put = |seed| {
        let mut random = Random::new(seed);
        for number in 1..=EACH {
            let mut guard = buffer.lock();
            while guard.len() == CAPACITY {
                wait(&mut random, &not_full, &mut guard);
            }
            guard.push_back(number);
            if random.below(2) == 0 {
                drop(guard);
            }
            not_empty.notify_one();
        }
    };
    let take = |seed| {
        let mut random = Random::new(seed);
        let mut sum = 0;
        for _ in 0..EACH {
            let mut guard = buffer.lock();
            sum += loop {
                match guard.pop_front() {
                    Some(number) => break number,
                    None => wait(&mut random, &not_empty, &mut guard),
                }
            };
            if random.below(2) == 0 {
                drop(guard);
            }
            not_full.notify_one();
        }
        sum
    };
    let sum: u64 = thread::scope(|scope| {
        for seed in [1, 2] {
            scope.spawn(move || put(seed));
        }
        let takers = [3, 4].map(|seed| scope.spawn(move || take(seed)));
        takers.map(|taker| taker.join().expect("it takes")).iter().sum()
    });
    assert_eq!(sum, EACH * (EACH + 1), "each number was taken once");
}

#[test]
fn a_wait_times_out_with_the_mutex_locked() {
    let _watchdog = begin();
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut guard = mutex.lock();
    assert!(lasts(SHORT, || condvar.wait_for(&mut guard, SHORT)).timed_out());
    assert!(condvar.wait_until(&mut guard, Instant::now()).timed_out(), "a deadline that has passed");
    assert!(mutex.is_locked());
    drop(guard);
    assert!(!condvar.notify_one(), "nobody waits any more");
    assert_eq!(condvar.notify_all(), 0);
}

/// A waiter whose time ends after it has been moved to the mutex has been notified.
#[test]
fn a_wait_that_times_out_on_the_mutex_was_notified() {
    let _watchdog = begin();
    let (mutex, condvar) = (Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut guard = mutex.lock();
            *guard = true;
            let start = Instant::now();
            (condvar.wait_for(&mut guard, 5 * SHORT).timed_out(), start.elapsed())
        });
        let guard = loop {
            let guard = mutex.lock();
            if *guard {
                break guard;
            }
            drop(guard);
            thread::yield_now();
        };
        // If this thread was late, the wait is over already, and nothing has been shown.
        let is_notified = condvar.notify_one();
        thread::sleep(10 * SHORT);
        drop(guard);
        let (timed_out, elapsed) = waiter.join().expect("it waits");
        assert_eq!(timed_out, !is_notified);
        assert!(elapsed >= 5 * SHORT, "it had to wait for the mutex");
    });
}
