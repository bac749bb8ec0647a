//! [`Condvar`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, pass, rounds};
use ntpark_locks::{CheckedMutex, Condvar, Instant, Mutex, MutexGuard, RawMutex};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all};
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

assert_impl_all!(Condvar: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(Condvar, usize);
assert_eq_align!(Condvar, usize);

/// The word of a condition variable.
fn bits(condvar: &Condvar) -> usize {
    // SAFETY: promised by the documentation: one word, which all use atomically.
    unsafe { &*(&raw const *condvar).cast::<AtomicUsize>() }.load(SeqCst)
}

/// Starts a thread that waits until notified, or until the deadline, and returns once it is queued. The mutex must not
/// be locked.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    condvar: &'scope Condvar,
    mutex: &'scope Mutex<Vec<usize>>,
    number: usize,
    deadline: Instant,
) -> ScopedJoinHandle<'scope, bool> {
    let (is_there, may_go) = std::sync::mpsc::channel();
    let thread = scope.spawn(move || {
        let mut guard = mutex.lock();
        is_there.send(()).expect("it is received");
        let is_notified = condvar.wait_until(&mut guard, deadline);
        guard.push(number);
        MutexGuard::unlock_fair(guard);
        is_notified
    });
    may_go.recv().expect("it is sent");
    // It unlocks the mutex once it is queued.
    drop(mutex.lock());
    thread
}

#[test]
fn nobody_waits() {
    static CONDVAR: Condvar = Condvar::new();
    let _test = begin();
    // SAFETY: promised by the documentation: all zero when nobody waits.
    let zero: Condvar = unsafe { std::mem::zeroed() };
    for condvar in [&CONDVAR, &zero, &Condvar::default()] {
        assert!(!condvar.notify_one());
        assert_eq!((condvar.notify_all(), condvar.notify(3), condvar.notify(0), bits(condvar)), (0, 0, 0, 0));
        assert_eq!(format!("{condvar:?}"), "Condvar(nobody waits)");
    }
}

#[test]
fn counts_are_exact() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), Mutex::new(Vec::new()));
    for is_locked in [false, true] {
        thread::scope(|scope| {
            let waiters = [0, 1, 2, 3, 4].map(|number| start(scope, &condvar, &mutex, number, Instant::MAX));
            assert_eq!(format!("{condvar:?}"), "Condvar(threads wait)");
            assert_eq!(Queue::Condvar.len(&condvar), 5);
            let guard = is_locked.then(|| mutex.lock());
            assert_eq!(condvar.notify(0), 0);
            assert!(condvar.notify_one());
            assert_eq!(Queue::Condvar.len(&condvar), 4);
            assert_eq!(condvar.notify(2), 2);
            assert_eq!(condvar.notify(7), 2);
            assert_eq!((condvar.notify_all(), bits(&condvar)), (0, 0));
            drop(guard);
            for waiter in waiters {
                assert!(waiter.join().expect("a wait does not panic"));
            }
        });
        assert_eq!(format!("{:?}", mutex_state(&mutex)), "RawMutex(free)");
    }
}

fn mutex_state<T>(mutex: &Mutex<T>) -> &RawMutex {
    // SAFETY: it is only looked at.
    unsafe { mutex.raw() }
}

/// With the mutex locked, those who are notified move to its queue, in order.
#[test]
fn waiters_are_moved_in_order() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..5 {
            start(scope, &condvar, &mutex, number, Instant::MAX);
        }
        let guard = mutex.lock();
        // One who waits for the mutex is before them.
        let first = scope.spawn(|| {
            let mut guard = mutex.lock();
            guard.push(9);
            MutexGuard::unlock_fair(guard);
        });
        Queue::Mutex.await_len(mutex_state(&mutex), 1);
        assert_eq!(condvar.notify(2), 2);
        assert_eq!(condvar.notify_all(), 3);
        assert_eq!((Queue::Condvar.len(&condvar), Queue::Mutex.len(mutex_state(&mutex))), (0, 6));
        assert!(!first.is_finished());
        MutexGuard::unlock_fair(guard);
    });
    assert_eq!(mutex.into_inner(), [9, 0, 1, 2, 3, 4]);
}

#[test]
fn time_runs_out() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), Mutex::new(0));
    let mut guard = mutex.lock();
    expect_timeout(false, |deadline| condvar.wait_until(&mut guard, deadline));
    expect_timeout(false, |deadline| condvar.wait_while_until(&mut guard, |_| true, deadline));
    assert!(!condvar.wait_until(&mut guard, Instant::MIN));
    assert!(condvar.wait_while_until(&mut guard, |_| false, Instant::MIN));
    assert!(mutex.is_locked(), "it is locked again");
    assert_eq!(bits(&condvar), 0);
    // The condition is looked at once more.
    let mut looks = 0;
    let is_to_wait = |_: &mut i32| {
        looks += 1;
        looks == 1
    };
    assert!(condvar.wait_while_until(&mut guard, is_to_wait, after(1)));
    assert_eq!(looks, 2);
    drop(guard);
    // One of several leaves: the others stay.
    let mutex = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let first = start(scope, &condvar, &mutex, 0, Instant::MAX);
        let timed = start(scope, &condvar, &mutex, 1, after(10));
        let last = start(scope, &condvar, &mutex, 2, Instant::MAX);
        assert!(!timed.join().expect("a wait does not panic"));
        assert_eq!(condvar.notify_all(), 2);
        assert!(first.join().expect("a wait does not panic") && last.join().expect("a wait does not panic"));
    });
}

/// A thread that has been counted returns as notified, though its time is up before it gets the mutex.
#[test]
fn time_runs_out_after_the_notify() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let waiters = [0, 1, 2].map(|number| start(scope, &condvar, &mutex, number, after(100)));
        let guard = mutex.lock();
        // On a busy machine they may be late.
        let notified = condvar.notify_all();
        pass(150);
        drop(guard);
        let returned = waiters.map(|waiter| waiter.join().expect("a wait does not panic"));
        assert_eq!(returned.iter().filter(|is_notified| **is_notified).count(), notified);
    });
    assert_eq!(format!("{:?}", mutex_state(&mutex)), "RawMutex(free)");
}

/// Two mutexes of ours, and one of another kind.
#[test]
fn any_mutex_and_several_at_once() {
    let _test = begin();
    let condvar = Condvar::new();
    let (mutex, other) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let checked = CheckedMutex::new(0);
    thread::scope(|scope| {
        let first = start(scope, &condvar, &mutex, 0, Instant::MAX);
        let second = start(scope, &condvar, &other, 1, Instant::MAX);
        let third = scope.spawn(|| {
            let mut guard = checked.lock();
            let is_notified = condvar.wait_with(&mut guard, Instant::MAX);
            *guard += 1;
            is_notified
        });
        Queue::Condvar.await_len(&condvar, 3);
        let guards = (mutex.lock(), other.lock(), checked.lock());
        assert!(condvar.notify_one());
        assert_eq!(condvar.notify(5), 2);
        assert_eq!(bits(&condvar), 0);
        drop(guards);
        for waiter in [first, second, third] {
            assert!(waiter.join().expect("a wait does not panic"));
        }
    });
    assert_eq!((mutex.into_inner(), other.into_inner(), checked.into_inner()), (vec![0], vec![1], 1));
    let checked = CheckedMutex::new(());
    let mut guard = checked.lock();
    expect_timeout(false, |deadline| condvar.wait_with(&mut guard, deadline));
    assert!(checked.is_locked());
    assert_eq!(bits(&condvar), 0);
}

#[test]
fn the_raw_calls() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), RawMutex::new());
    mutex.lock();
    // SAFETY: locked.
    assert!(!unsafe { condvar.wait_raw_until(&mutex, Instant::MIN) });
    thread::scope(|scope| {
        scope.spawn(|| {
            mutex.lock();
            assert!(condvar.notify_one());
            // SAFETY: locked.
            unsafe { mutex.unlock() };
        });
        // SAFETY: locked.
        unsafe { condvar.wait_raw(&mutex) };
    });
    assert!(mutex.is_locked());
}

/// A mutex whose unlock unwinds: the thread does not wait, and is not in the queue.
#[test]
fn an_unlock_unwinds() {
    struct Unwinding(RawMutex);

    // SAFETY: it is the mutex inside.
    unsafe impl ntpark_locks::lock_api::RawMutex for Unwinding {
        #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new lock")]
        const INIT: Self = Self(RawMutex::new());
        type GuardMarker = ntpark_locks::lock_api::GuardSend;

        fn lock(&self) {
            self.0.lock();
        }

        fn try_lock(&self) -> bool {
            self.0.try_lock()
        }

        unsafe fn unlock(&self) {
            // SAFETY: as the caller promises.
            unsafe { self.0.unlock() };
            if !thread::panicking() {
                std::panic::resume_unwind(Box::new(()));
            }
        }
    }

    let _test = begin();
    let condvar = Condvar::new();
    let mutex = ntpark_locks::lock_api::Mutex::<Unwinding, ()>::new(());
    let mut guard = mutex.lock();
    let wait = std::panic::AssertUnwindSafe(|| condvar.wait_with(&mut guard, Instant::MAX));
    assert!(std::panic::catch_unwind(wait).is_err());
    assert!(mutex.is_locked(), "it is locked again");
    std::mem::forget(guard);
    assert_eq!((condvar.notify_all(), Queue::Condvar.len(&condvar)), (0, 0));
}

/// Two threads put numbers into a small buffer, two take them out, all on one condition variable.
#[test]
fn a_buffer() {
    const CAPACITY: usize = 2;

    #[derive(Default)]
    struct Buffer {
        items: VecDeque<usize>,
        taken: usize,
        sum: usize,
    }

    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), Mutex::new(Buffer::default()));
    let each = rounds(2_000);
    let change = |random: &mut fastrand::Rng, is_ready: &dyn Fn(&Buffer) -> bool, then: &dyn Fn(&mut Buffer)| {
        let mut guard = mutex.lock();
        while !is_ready(&guard) {
            let timeout = Duration::from_micros(random.u64(..300));
            let deadline = if random.u8(..4) == 0 { Instant::now() + timeout } else { Instant::MAX };
            condvar.wait_until(&mut guard, deadline);
        }
        then(&mut guard);
        // With the lock held, and without.
        let guard = random.bool().then_some(guard);
        condvar.notify_all();
        drop(guard);
    };
    thread::scope(|scope| {
        let change = &change;
        for seed in [1, 2] {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for number in 1..=each {
                    let is_ready = |buffer: &Buffer| buffer.items.len() < CAPACITY;
                    change(&mut random, &is_ready, &|buffer| buffer.items.push_back(number));
                }
            });
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + 2);
                for _ in 0..each {
                    change(&mut random, &|buffer| !buffer.items.is_empty(), &|buffer| {
                        buffer.sum += buffer.items.pop_front().unwrap_or_default();
                        buffer.taken += 1;
                    });
                }
            });
        }
    });
    let buffer = mutex.into_inner();
    assert_eq!((buffer.taken, buffer.sum, buffer.items.len()), (2 * each, each * (each + 1), 0), "each once");
    assert_eq!(bits(&condvar), 0);
}

/// Each notify that counted a thread made one return as notified, and no other.
#[test]
fn notifies_and_time_outs() {
    let _test = begin();
    let (condvar, mutex) = (Condvar::new(), RawMutex::new());
    let returned = Bare::<usize>::default();
    let is_over = AtomicBool::new(false);
    let notified: usize = thread::scope(|scope| {
        let (condvar, mutex, returned, is_over) = (&condvar, &mutex, &returned, &is_over);
        let waiters = [1, 2, 3].map(|seed| {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..rounds(1_500) {
                    mutex.lock();
                    let deadline = Instant::now() + Duration::from_micros(random.u64(..200));
                    // SAFETY: locked.
                    let is_notified = unsafe { condvar.wait_raw_until(mutex, deadline) };
                    // SAFETY: with the mutex locked.
                    unsafe { returned.with(|returned| *returned += usize::from(is_notified)) };
                    // SAFETY: locked.
                    unsafe { mutex.unlock() };
                }
            })
        });
        let notifier = scope.spawn(move || {
            let mut random = fastrand::Rng::with_seed(4);
            let mut notified = 0;
            while !is_over.load(SeqCst) {
                let is_locked = random.bool();
                if is_locked {
                    mutex.lock();
                }
                notified += condvar.notify(random.usize(..4));
                if is_locked {
                    // SAFETY: locked.
                    unsafe { mutex.unlock() };
                }
                thread::yield_now();
            }
            notified
        });
        for waiter in waiters {
            waiter.join().expect("a wait does not panic");
        }
        is_over.store(true, SeqCst);
        notifier.join().expect("a notify does not panic")
    });
    // SAFETY: all threads have ended.
    assert_eq!(unsafe { returned.get() }, notified);
    assert_eq!(bits(&condvar), 0);
    assert_eq!(format!("{mutex:?}"), "RawMutex(free)");
}

/// A notify does not touch it after the thread that it notifies could return.
#[test]
fn it_may_go_when_the_last_waiter_returns() {
    let _test = begin();
    for is_mixed in [false, true] {
        freed_at_once(
            || (Condvar::new(), Mutex::new(0_u32)),
            |(condvar, mutex)| {
                let mut guard = mutex.lock();
                *guard = 1;
                if is_mixed {
                    condvar.wait_with(&mut guard, Instant::MAX);
                } else {
                    condvar.wait(&mut guard);
                }
                true
            },
            |(condvar, mutex)| {
                // Queued, since the mutex has been unlocked.
                while *mutex.lock() == 0 {
                    thread::yield_now();
                }
                condvar.notify_one();
                false
            },
        );
    }
}
