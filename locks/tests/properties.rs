//! Random sequences of calls against the simplest model of what they promise, on the process's backend.
//!
//! Threads that would block are started beside, and are queued before the next call is made, so that every answer is
//! known beforehand.

mod common;

use common::{Queue, begin, proptest_config};
use ntpark_locks::{Begin, Condvar, Event, Instant, Mutex, Once, RawMutex, RawRwLock, Semaphore, TooManyPermits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::thread;

/// A call to a reader-writer lock that does not wait.
#[derive(Clone, Copy, Debug)]
enum Call {
    Shared,
    Recursive,
    Upgradable,
    Exclusive,
    Unlock,
    UnlockFair,
    Upgrade,
    Downgrade,
    DowngradeToUpgradable,
    Bump,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    use Call::*;
    let locks = prop::sample::select(vec![Shared, Recursive, Upgradable, Exclusive]);
    let others = prop::sample::select(vec![Unlock, UnlockFair, Upgrade, Downgrade, DowngradeToUpgradable, Bump]);
    vec(prop_oneof![locks, others], 1..60)
}

proptest! {
    // As cases start threads, fewer than usual.
    #![proptest_config(proptest_config(64))]

    /// The model is who has the lock: how many readers, and whether an upgradable one or a writer.
    #[test]
    fn a_rwlock(calls in calls()) {
        let _test = begin();
        let lock = RawRwLock::new();
        let (mut readers, mut upgradable, mut writer) = (0, false, false);
        for call in calls {
            match call {
                Call::Shared | Call::Recursive => {
                    let has_it =
                        if let Call::Shared = call { lock.try_lock_shared() } else { lock.try_lock_shared_recursive() };
                    assert_eq!(has_it, !writer);
                    readers += u32::from(has_it);
                }
                Call::Upgradable => {
                    let has_it = lock.try_lock_upgradable_until(Instant::MIN);
                    assert_eq!(has_it, !writer && !upgradable);
                    upgradable |= has_it;
                }
                Call::Exclusive => {
                    let has_it = lock.try_lock_exclusive();
                    assert_eq!(has_it, !writer && !upgradable && readers == 0);
                    writer |= has_it;
                }
                // SAFETY: as the model says, which holds for all of these.
                Call::Unlock if writer => unsafe { lock.unlock_exclusive() },
                // SAFETY: see above.
                Call::Unlock if readers > 0 => unsafe { lock.unlock_shared() },
                // SAFETY: see above.
                Call::Unlock if upgradable => unsafe { lock.unlock_upgradable() },
                // SAFETY: see above.
                Call::UnlockFair if writer => unsafe { lock.unlock_exclusive_fair() },
                // SAFETY: see above.
                Call::UnlockFair if readers > 0 => unsafe { lock.unlock_shared_fair() },
                // SAFETY: see above.
                Call::UnlockFair if upgradable => unsafe { lock.unlock_upgradable_fair() },
                Call::Upgrade if upgradable => {
                    // SAFETY: see above.
                    let has_it = unsafe { lock.try_upgrade() };
                    assert_eq!(has_it, readers == 0);
                    (upgradable, writer) = (!has_it, has_it);
                }
                Call::Downgrade if writer => {
                    // SAFETY: see above.
                    unsafe { lock.downgrade() };
                    (readers, writer) = (1, false);
                }
                Call::Downgrade if upgradable => {
                    // SAFETY: see above.
                    unsafe { lock.downgrade_upgradable() };
                    (readers, upgradable) = (readers + 1, false);
                }
                Call::DowngradeToUpgradable if writer => {
                    // SAFETY: see above.
                    unsafe { lock.downgrade_to_upgradable() };
                    (upgradable, writer) = (true, false);
                }
                // Nobody waits: nothing changes. SAFETY: see above.
                Call::Bump if writer => unsafe { lock.bump_exclusive() },
                // SAFETY: see above.
                Call::Bump if readers > 0 => unsafe { lock.bump_shared() },
                // SAFETY: see above.
                Call::Bump if upgradable => unsafe { lock.bump_upgradable() },
                _ => {}
            }
            if let Call::Unlock | Call::UnlockFair = call {
                match () {
                    () if writer => writer = false,
                    () if readers > 0 => readers -= 1,
                    () => upgradable = false,
                }
            }
            assert_eq!(lock.is_locked(), writer || upgradable || readers > 0);
            assert_eq!(lock.is_locked_exclusive(), writer);
        }
    }

    /// The model is the number of permits and what those want who wait, in order.
    #[test]
    fn a_semaphore(start in 0..4_u32, calls in vec((0..3_u8, 0..5_u32), 1..24)) {
        let _test = begin();
        let semaphore = Semaphore::new(start);
        let mut permits = start;
        thread::scope(|scope| {
            let mut waiting = VecDeque::new();
            for (call, count) in calls {
                let is_served = waiting.is_empty() && permits >= count;
                match call {
                    0 => {
                        assert_eq!(semaphore.try_acquire(count), is_served);
                        permits -= if is_served { count } else { 0 };
                    }
                    1 if is_served => {
                        semaphore.acquire(count);
                        permits -= count;
                    }
                    1 if waiting.len() < 4 => {
                        let semaphore = &semaphore;
                        waiting.push_back((count, scope.spawn(move || semaphore.acquire(count))));
                        Queue::Semaphore.await_len(semaphore, waiting.len());
                    }
                    _ => {
                        assert_eq!(semaphore.release(count), Ok(()));
                        permits += count;
                        while let Some((wanted, thread)) = waiting.pop_front() {
                            if wanted > permits {
                                waiting.push_front((wanted, thread));
                                break;
                            }
                            permits -= wanted;
                            thread.join().expect("it does not panic");
                        }
                    }
                }
                assert_eq!((semaphore.available_permits(), Queue::Semaphore.len(&semaphore)), (permits, waiting.len()));
            }
            // Enough for all who wait.
            let wanted: u32 = waiting.iter().map(|(wanted, _)| wanted).sum();
            assert_eq!(semaphore.release(wanted), Ok(()));
        });
        assert_eq!(semaphore.available_permits(), permits);
    }

    /// The model is whether it is set, and how many wait.
    #[test]
    fn an_event(is_manual: bool, calls in vec(0..4_u8, 1..24)) {
        let _test = begin();
        let event = if is_manual { Event::new_manual_reset() } else { Event::new() };
        thread::scope(|scope| {
            let (mut is_set, mut waiting) = (false, VecDeque::new());
            for call in calls {
                match call {
                    0 => {
                        event.set();
                        let through = if is_manual { waiting.len() } else { waiting.len().min(1) };
                        is_set = is_manual || is_set || through == 0;
                        for thread in waiting.drain(..through) {
                            let thread: thread::ScopedJoinHandle<'_, ()> = thread;
                            thread.join().expect("it does not panic");
                        }
                    }
                    1 => {
                        assert_eq!(event.reset(), is_set);
                        is_set = false;
                    }
                    2 => {
                        assert_eq!(event.try_wait(), is_set);
                        is_set &= is_manual;
                    }
                    _ if is_set => {
                        event.wait();
                        is_set = is_manual;
                    }
                    _ => {
                        let event = &event;
                        waiting.push_back(scope.spawn(move || event.wait()));
                        Queue::Event.await_len(event, waiting.len());
                    }
                }
                assert_eq!((event.is_set(), Queue::Event.len(&event)), (is_set, waiting.len()));
            }
            (0..waiting.len()).for_each(|_| event.set());
        });
    }

    /// The model is what has become of it.
    #[test]
    fn a_once(calls in vec(0..4_u8, 1..16)) {
        let _test = begin();
        let once = Once::new();
        let (mut is_done, mut is_running, mut is_poisoned) = (false, false, false);
        for call in calls {
            match call {
                0 => {
                    let expected = match () {
                        () if is_done => Begin::Done,
                        () if is_running => Begin::TimedOut,
                        () => Begin::Run { poisoned: is_poisoned },
                    };
                    assert_eq!(once.begin(Instant::MIN), expected);
                    if let Begin::Run { .. } = expected {
                        (is_running, is_poisoned) = (true, false);
                    }
                }
                1 if is_running => {
                    // SAFETY: begun, as the model says.
                    unsafe { once.complete() };
                    (is_done, is_running) = (true, false);
                }
                2 if is_running => {
                    // SAFETY: begun, as the model says.
                    unsafe { once.abandon() };
                    (is_poisoned, is_running) = (true, false);
                }
                _ => assert_eq!(once.wait_until(Instant::MIN), is_done),
            }
            assert_eq!((once.is_completed(), once.is_poisoned()), (is_done, is_poisoned));
        }
    }

    /// The model is who waits in which queue, in order: notifies under the lock move the first ones to the mutex's.
    #[test]
    fn a_condvar(waiters in 0..5_usize, notifies in vec(0..4_usize, 0..5)) {
        let _test = begin();
        let (condvar, mutex) = (Condvar::new(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for number in 0..waiters {
                let (condvar, mutex) = (&condvar, &mutex);
                scope.spawn(move || {
                    let mut guard = mutex.lock();
                    condvar.wait(&mut guard);
                    guard.push(number);
                    ntpark_locks::MutexGuard::unlock_fair(guard);
                });
                Queue::Condvar.await_len(condvar, number + 1);
            }
            let guard = mutex.lock();
            // SAFETY: it is only looked at.
            let raw: &RawMutex = unsafe { mutex.raw() };
            let mut left = waiters;
            for count in notifies {
                assert_eq!(condvar.notify(count), count.min(left));
                left -= count.min(left);
                assert_eq!((Queue::Condvar.len(&condvar), Queue::Mutex.len(raw)), (left, waiters - left));
            }
            assert_eq!(condvar.notify_all(), left);
            drop(guard);
        });
        let order = mutex.into_inner();
        assert_eq!(order.len(), waiters);
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[test]
fn too_many_permits_change_nothing() {
    let _test = begin();
    proptest!(proptest_config(256), |(permits in 0..=Semaphore::MAX_PERMITS, more: u32)| {
        let semaphore = Semaphore::new(permits);
        let sum = permits.checked_add(more).filter(|&sum| sum <= Semaphore::MAX_PERMITS);
        assert_eq!(semaphore.release(more), sum.map(|_| ()).ok_or(TooManyPermits));
        assert_eq!(semaphore.available_permits(), sum.unwrap_or(permits));
    });
}
