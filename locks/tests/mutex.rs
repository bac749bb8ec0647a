//! [`RawMutex`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, pass, rounds};
use ntpark_locks::{Instant, RawMutex};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;

assert_impl_all!(RawMutex: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(RawMutex, u32);
assert_eq_align!(RawMutex, u32);

/// The word of a mutex.
fn bits(mutex: &RawMutex) -> u32 {
    // SAFETY: promised by the documentation: one 32-bit word, which all use atomically.
    unsafe { &*(&raw const *mutex).cast::<AtomicU32>() }.load(SeqCst)
}

/// The calling thread has the mutex locked.
fn unlock(mutex: &RawMutex) {
    // SAFETY: as the caller knows.
    unsafe { mutex.unlock() };
}

/// The calling thread has the mutex locked.
fn unlock_fair(mutex: &RawMutex) {
    // SAFETY: as the caller knows.
    unsafe { mutex.unlock_fair() };
}

#[test]
fn new_is_zero_and_free() {
    static MUTEX: RawMutex = RawMutex::new();
    let _test = begin();
    // SAFETY: promised by the documentation: all zero when free.
    let zero: RawMutex = unsafe { std::mem::zeroed() };
    for mutex in [&MUTEX, &zero, &RawMutex::default()] {
        assert_eq!((bits(mutex), mutex.is_locked()), (0, false));
        mutex.lock();
        assert!(mutex.is_locked());
        unlock(mutex);
        assert!(mutex.try_lock());
        unlock_fair(mutex);
        assert_eq!(bits(mutex), 0);
    }
}

#[test]
fn a_locked_one_cannot_be_locked() {
    let _test = begin();
    let mutex = RawMutex::new();
    mutex.lock();
    assert!(!mutex.try_lock());
    assert!(!mutex.try_lock_until(Instant::MIN));
    let locked = bits(&mutex);
    expect_timeout(false, |deadline| mutex.try_lock_until(deadline));
    assert_eq!(bits(&mutex), locked, "a waiter that has left leaves nothing");
    unlock(&mutex);
    // Free, it is locked whatever the deadline.
    for deadline in [Instant::MIN, after(1), Instant::MAX] {
        assert!(mutex.try_lock_until(deadline));
        unlock(&mutex);
    }
    assert_eq!(bits(&mutex), 0);
}

/// Locks in every way, and counts under the lock.
#[test]
fn one_thread_at_a_time() {
    let _test = begin();
    let mutex = RawMutex::new();
    let counter = Bare::default();
    let work = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut locked = 0;
        for _ in 0..rounds(5_000) {
            let has_it = match random.u8(..4) {
                0 => mutex.try_lock(),
                1 => mutex.try_lock_until(Instant::now() + std::time::Duration::from_micros(random.u64(..100))),
                _ => {
                    mutex.lock();
                    true
                }
            };
            if has_it {
                locked += 1;
                // SAFETY: with the mutex locked.
                unsafe { counter.with(|counter: &mut u64| *counter += 1) };
                match random.u8(..8) {
                    0 => unlock_fair(&mutex),
                    1 => {
                        // SAFETY: this thread has it locked.
                        unsafe { mutex.bump() };
                        unlock(&mutex);
                    }
                    _ => unlock(&mutex),
                }
            }
        }
        locked
    };
    let locked: u64 = thread::scope(|scope| {
        let threads = [1, 2, 3, 4].map(|seed| scope.spawn(move || work(seed)));
        threads.map(|thread| thread.join().expect("it counts")).iter().sum()
    });
    // SAFETY: all threads have ended.
    assert_eq!(unsafe { counter.get() }, locked);
    assert_eq!(bits(&mutex), 0);
}

#[test]
fn a_fair_unlock_hands_over_in_order() {
    let _test = begin();
    let mutex = RawMutex::new();
    let order = Bare::<Vec<usize>>::default();
    mutex.lock();
    thread::scope(|scope| {
        for index in 0..4 {
            let (mutex, order) = (&mutex, &order);
            scope.spawn(move || {
                mutex.lock();
                // SAFETY: with the mutex locked.
                unsafe { order.with(|order| order.push(index)) };
                unlock_fair(mutex);
            });
            Queue::Mutex.await_len(mutex, index + 1);
        }
        unlock_fair(&mutex);
        // At the back of the queue, or after the last.
        mutex.lock();
    });
    // SAFETY: all threads have ended.
    unsafe { order.with(|order| assert_eq!(*order, [0, 1, 2, 3])) };
    unlock(&mutex);
    assert_eq!(bits(&mutex), 0);
}

/// A thread that waits, and then has the mutex until it is told to unlock.
fn with_a_waiter(work: impl FnOnce(&RawMutex)) {
    let mutex = RawMutex::new();
    let may_unlock = AtomicBool::new(false);
    mutex.lock();
    thread::scope(|scope| {
        scope.spawn(|| {
            mutex.lock();
            while !may_unlock.load(SeqCst) {
                thread::yield_now();
            }
            unlock(&mutex);
        });
        Queue::Mutex.await_len(&mutex, 1);
        work(&mutex);
        // It has been handed over: nobody else can have it, whether its thread runs or not.
        assert!(mutex.is_locked());
        assert!(!mutex.try_lock());
        may_unlock.store(true, SeqCst);
    });
    assert_eq!(bits(&mutex), 0);
}

#[test]
fn a_fair_unlock_leaves_no_gap() {
    let _test = begin();
    with_a_waiter(unlock_fair);
}

#[test]
fn starvation_is_bounded() {
    let _test = begin();
    with_a_waiter(|mutex| {
        // Longer than a waiter's patience. The clock is the locks' own, so this does not depend on how fast anything
        // runs.
        pass(2);
        unlock(mutex);
    });
}

#[test]
fn a_bump_lets_the_waiter_go_first() {
    let _test = begin();
    let mutex = RawMutex::new();
    let has_been = Bare::<bool>::default();
    mutex.lock();
    let alone = bits(&mutex);
    // SAFETY: locked.
    unsafe { mutex.bump() };
    assert_eq!(bits(&mutex), alone, "nobody waits");
    thread::scope(|scope| {
        scope.spawn(|| {
            mutex.lock();
            // SAFETY: with the mutex locked.
            unsafe { has_been.with(|has_been| *has_been = true) };
            unlock(&mutex);
        });
        Queue::Mutex.await_len(&mutex, 1);
        // SAFETY: locked.
        unsafe { mutex.bump() };
        // SAFETY: with the mutex locked.
        assert!(unsafe { has_been.get() });
        unlock(&mutex);
    });
    assert_eq!(bits(&mutex), 0);
}

#[test]
fn the_state_is_named() {
    let _test = begin();
    let mutex = RawMutex::new();
    assert_eq!(format!("{mutex:?}"), "RawMutex(free)");
    mutex.lock();
    assert_eq!(format!("{mutex:?}"), "RawMutex(locked)");
    thread::scope(|scope| {
        scope.spawn(|| {
            mutex.lock();
            unlock(&mutex);
        });
        Queue::Mutex.await_len(&mutex, 1);
        assert_eq!(format!("{mutex:?}"), "RawMutex(locked + threads wait)");
        unlock(&mutex);
    });
}

/// The classic: a count under the lock says who is the last, and that thread frees what the lock is part of.
#[test]
fn it_may_go_when_the_last_user_unlocks() {
    let _test = begin();
    let leave = |(mutex, users): &(RawMutex, Bare<u32>)| {
        mutex.lock();
        // SAFETY: with the mutex locked.
        let left = unsafe {
            users.with(|users| {
                *users += 1;
                *users
            })
        };
        unlock(mutex);
        left == 2
    };
    freed_at_once(|| (RawMutex::new(), Bare::default()), leave, leave);
    let leave_fairly = |(mutex, users): &(RawMutex, Bare<u32>)| {
        mutex.lock();
        // SAFETY: with the mutex locked.
        let left = unsafe {
            users.with(|users| {
                *users += 1;
                *users
            })
        };
        // Long enough for the other one to queue, now and then.
        (0..fastrand::u32(..2_000)).for_each(|_| std::hint::spin_loop());
        unlock_fair(mutex);
        left == 2
    };
    freed_at_once(|| (RawMutex::new(), Bare::default()), leave_fairly, leave_fairly);
}
