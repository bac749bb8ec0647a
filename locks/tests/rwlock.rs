//! [`RawRwLock`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, pass, rounds};
use ntpark_locks::{Instant, RawRwLock};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

assert_impl_all!(RawRwLock: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(RawRwLock, usize);
assert_eq_align!(RawRwLock, usize);

/// What a reader adds to the word.
const READER: usize = 1 << 19;
/// As many as the documentation promises room for, on 32 bits.
const MOST_READERS: usize = usize::MAX / READER - 1;
#[cfg(target_pointer_width = "32")]
const _: () = assert!(MOST_READERS == 8_190);

/// The word of a lock.
fn word(lock: &RawRwLock) -> &AtomicUsize {
    // SAFETY: promised by the documentation: one word, which all use atomically.
    unsafe { &*(&raw const *lock).cast::<AtomicUsize>() }
}

fn bits(lock: &RawRwLock) -> usize {
    word(lock).load(SeqCst)
}

/// A way to have the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Shared,
    Recursive,
    Upgradable,
    Exclusive,
}
use Access::{Exclusive, Recursive, Shared, Upgradable};

impl Access {
    const ALL: [Self; 4] = [Shared, Recursive, Upgradable, Exclusive];

    fn lock(self, lock: &RawRwLock) {
        match self {
            Shared => lock.lock_shared(),
            Recursive => lock.lock_shared_recursive(),
            Upgradable => lock.lock_upgradable(),
            Exclusive => lock.lock_exclusive(),
        }
    }

    fn try_lock(self, lock: &RawRwLock) -> bool {
        match self {
            Shared => lock.try_lock_shared(),
            Recursive => lock.try_lock_shared_recursive(),
            Upgradable => lock.try_lock_upgradable(),
            Exclusive => lock.try_lock_exclusive(),
        }
    }

    fn try_lock_until(self, lock: &RawRwLock, deadline: Instant) -> bool {
        match self {
            Shared => lock.try_lock_shared_until(deadline),
            Recursive => lock.try_lock_shared_recursive_until(deadline),
            Upgradable => lock.try_lock_upgradable_until(deadline),
            Exclusive => lock.try_lock_exclusive_until(deadline),
        }
    }

    /// The calling thread has the lock so.
    fn unlock(self, lock: &RawRwLock) {
        match self {
            // SAFETY: as the caller knows; likewise below.
            Shared | Recursive => unsafe { lock.unlock_shared() },
            // SAFETY: see above.
            Upgradable => unsafe { lock.unlock_upgradable() },
            // SAFETY: see above.
            Exclusive => unsafe { lock.unlock_exclusive() },
        }
    }

    /// The calling thread has the lock so.
    fn unlock_fair(self, lock: &RawRwLock) {
        match self {
            // SAFETY: as the caller knows; likewise below.
            Shared | Recursive => unsafe { lock.unlock_shared_fair() },
            // SAFETY: see above.
            Upgradable => unsafe { lock.unlock_upgradable_fair() },
            // SAFETY: see above.
            Exclusive => unsafe { lock.unlock_exclusive_fair() },
        }
    }

    /// The calling thread has the lock so.
    fn bump(self, lock: &RawRwLock) {
        match self {
            // SAFETY: as the caller knows; likewise below.
            Shared | Recursive => unsafe { lock.bump_shared() },
            // SAFETY: see above.
            Upgradable => unsafe { lock.bump_upgradable() },
            // SAFETY: see above.
            Exclusive => unsafe { lock.bump_exclusive() },
        }
    }

    fn goes_with(self, other: Self) -> bool {
        match (self, other) {
            (Exclusive, _) | (_, Exclusive) | (Upgradable, Upgradable) => false,
            (Shared | Recursive | Upgradable, Shared | Recursive | Upgradable) => true,
        }
    }
}

/// Expects that these and no others can be had, whether now or with a deadline.
#[track_caller]
fn expect_free_for(lock: &RawRwLock, free_for: &[Access]) {
    let before = bits(lock);
    for access in Access::ALL {
        let is_free = free_for.contains(&access);
        assert_eq!(access.try_lock(lock), is_free, "{access:?} in {lock:?}");
        if is_free {
            access.unlock(lock);
        }
        assert_eq!(access.try_lock_until(lock, Instant::MIN), is_free, "{access:?} in {lock:?}");
        if is_free {
            access.unlock(lock);
        }
        assert_eq!(bits(lock), before, "{access:?}");
    }
}

#[test]
fn new_is_zero_and_free() {
    static LOCK: RawRwLock = RawRwLock::new();
    let _test = begin();
    // SAFETY: promised by the documentation: all zero when free.
    let zero: RawRwLock = unsafe { std::mem::zeroed() };
    for lock in [&LOCK, &zero, &RawRwLock::default()] {
        for access in Access::ALL {
            assert_eq!((bits(lock), lock.is_locked(), lock.is_locked_exclusive()), (0, false, false));
            access.lock(lock);
            assert_eq!((lock.is_locked(), lock.is_locked_exclusive()), (true, access == Exclusive));
            access.unlock(lock);
            access.lock(lock);
            // Nobody waits.
            access.bump(lock);
            access.unlock_fair(lock);
        }
        assert_eq!(bits(lock), 0);
    }
}

#[test]
fn who_goes_with_whom() {
    let _test = begin();
    let lock = RawRwLock::new();
    expect_free_for(&lock, &Access::ALL);
    for held in Access::ALL {
        held.lock(&lock);
        let others: Vec<_> = Access::ALL.into_iter().filter(|other| held.goes_with(*other)).collect();
        expect_free_for(&lock, &others);
        let locked = bits(&lock);
        for other in Access::ALL.into_iter().filter(|other| !held.goes_with(*other)) {
            expect_timeout(false, |deadline| other.try_lock_until(&lock, deadline));
            assert_eq!(bits(&lock), locked, "a waiter that has left leaves nothing");
        }
        held.unlock(&lock);
    }
    assert_eq!(bits(&lock), 0);
}

#[test]
fn readers_and_writers_exclude_each_other() {
    let _test = begin();
    let lock = RawRwLock::new();
    // Equal, except while a writer is at them.
    let pair = Bare::<[u64; 2]>::default();
    let read = || {
        // SAFETY: with the lock held.
        let [a, b] = unsafe { pair.get() };
        assert_eq!(a, b);
    };
    let write = || {
        // SAFETY: with the lock held exclusively.
        unsafe { pair.with(|[a, b]| (*a, *b) = (*a + 1, *b + 1)) };
    };
    let work = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut writes = 0;
        for _ in 0..rounds(3_000) {
            let access = Access::ALL[random.usize(..4)];
            let deadline = Instant::now() + Duration::from_micros(random.u64(..200));
            let has_it = match random.u8(..4) {
                0 => access.try_lock(&lock),
                1 => access.try_lock_until(&lock, deadline),
                _ => {
                    access.lock(&lock);
                    true
                }
            };
            if !has_it {
                continue;
            }
            let mut held = access;
            match access {
                Exclusive => {
                    write();
                    writes += 1;
                    match random.u8(..4) {
                        0 => {
                            // SAFETY: held exclusively.
                            unsafe { lock.downgrade() };
                            held = Shared;
                        }
                        1 => {
                            // SAFETY: held exclusively.
                            unsafe { lock.downgrade_to_upgradable() };
                            held = Upgradable;
                        }
                        _ => {}
                    }
                }
                Upgradable => {
                    read();
                    // SAFETY: see each.
                    let is_upgraded = match random.u8(..4) {
                        // SAFETY: held upgradably.
                        0 => unsafe { lock.try_upgrade() },
                        // SAFETY: held upgradably.
                        1 => unsafe { lock.try_upgrade_until(deadline) },
                        2 => {
                            // SAFETY: held upgradably.
                            unsafe { lock.upgrade() };
                            true
                        }
                        _ => {
                            // SAFETY: held upgradably.
                            unsafe { lock.downgrade_upgradable() };
                            held = Shared;
                            false
                        }
                    };
                    if is_upgraded {
                        held = Exclusive;
                        write();
                        writes += 1;
                    }
                }
                Shared | Recursive => read(),
            }
            if held != Exclusive {
                read();
            }
            match random.u8(..6) {
                0 => held.unlock_fair(&lock),
                1 => {
                    held.bump(&lock);
                    held.unlock(&lock);
                }
                _ => held.unlock(&lock),
            }
        }
        writes
    };
    let writes: u64 = thread::scope(|scope| {
        let threads = [1, 2, 3, 4].map(|seed| scope.spawn(move || work(seed)));
        threads.map(|thread| thread.join().expect("it counts")).iter().sum()
    });
    // SAFETY: all threads have ended.
    assert_eq!(unsafe { pair.get() }, [writes; 2]);
    assert_eq!(bits(&lock), 0);
}

#[test]
fn upgrade_and_downgrade() {
    let _test = begin();
    let lock = RawRwLock::new();
    lock.lock_upgradable();
    lock.lock_shared();
    // SAFETY: held upgradably; likewise below.
    assert!(!unsafe { lock.try_upgrade() });
    let before = bits(&lock);
    // SAFETY: see above.
    expect_timeout(false, |deadline| unsafe { lock.try_upgrade_until(deadline) });
    // SAFETY: see above.
    assert!(!unsafe { lock.try_upgrade_until(Instant::MIN) });
    assert_eq!(bits(&lock), before, "it is still upgradable");
    expect_free_for(&lock, &[Shared, Recursive]);
    Shared.unlock(&lock);

    // SAFETY: see above.
    assert!(unsafe { lock.try_upgrade() });
    expect_free_for(&lock, &[]);
    // SAFETY: held exclusively.
    unsafe { lock.downgrade_to_upgradable() };
    expect_free_for(&lock, &[Shared, Recursive]);
    // SAFETY: held upgradably.
    assert!(unsafe { lock.try_upgrade_until(Instant::MIN) });
    assert!(lock.is_locked_exclusive());
    // SAFETY: held exclusively.
    unsafe { lock.downgrade() };
    expect_free_for(&lock, &[Shared, Recursive, Upgradable]);
    Shared.unlock(&lock);
    assert_eq!(bits(&lock), 0);

    lock.lock_upgradable();
    // SAFETY: held upgradably.
    unsafe { lock.upgrade() };
    assert!(lock.is_locked_exclusive());
    // SAFETY: held exclusively.
    unsafe { lock.downgrade_to_upgradable() };
    // SAFETY: held upgradably.
    unsafe { lock.downgrade_upgradable() };
    expect_free_for(&lock, &[Shared, Recursive, Upgradable]);
    Shared.unlock(&lock);
    assert_eq!(bits(&lock), 0);
}

/// A thread that locks so, unlocks at once, and says that it has.
struct Waiter<'a> {
    lock: &'a RawRwLock,
    turns: AtomicUsize,
}

impl Waiter<'_> {
    fn run(&self, access: Access) {
        access.lock(self.lock);
        self.turns.fetch_add(1, SeqCst);
        access.unlock(self.lock);
    }
}

/// A downgrade lets those in who wait and can.
#[test]
fn a_downgrade_wakes_readers() {
    let _test = begin();
    for to_upgradable in [false, true] {
        let lock = RawRwLock::new();
        let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
        lock.lock_exclusive();
        thread::scope(|scope| {
            let writer = scope.spawn(|| waiter.run(Exclusive));
            Queue::RwLock.await_len(&lock, 1);
            let held = if to_upgradable {
                // SAFETY: held exclusively.
                unsafe { lock.downgrade_to_upgradable() };
                Upgradable
            } else {
                // SAFETY: held exclusively.
                unsafe { lock.downgrade() };
                Shared
            };
            thread::yield_now();
            assert!(!writer.is_finished());
            held.unlock(&lock);
        });
        assert_eq!((waiter.turns.into_inner(), bits(&lock)), (1, 0));

        let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
        lock.lock_exclusive();
        thread::scope(|scope| {
            let readers = [(); 2].map(|()| scope.spawn(|| waiter.run(Shared)));
            Queue::RwLock.await_len(&lock, 2);
            let held = if to_upgradable {
                // SAFETY: held exclusively.
                unsafe { lock.downgrade_to_upgradable() };
                Upgradable
            } else {
                // SAFETY: held exclusively.
                unsafe { lock.downgrade() };
                Shared
            };
            // They get through while it is held still.
            for reader in readers {
                reader.join().expect("it does not panic");
            }
            held.unlock(&lock);
        });
        assert_eq!((waiter.turns.into_inner(), bits(&lock)), (2, 0));
    }
}

/// A writer that waits for readers keeps further ones out, but not those that are in already; and lets them in when its
/// time is up.
#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    let _test = begin();
    for is_upgrade in [false, true] {
        let lock = RawRwLock::new();
        let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
        lock.lock_shared();
        thread::scope(|scope| {
            let (lock, waiter) = (&lock, &waiter);
            let writer = scope.spawn(move || {
                if is_upgrade {
                    lock.lock_upgradable();
                    // SAFETY: held upgradably.
                    let is_upgraded = unsafe { lock.try_upgrade_until(after(200)) };
                    Upgradable.unlock(lock);
                    is_upgraded
                } else {
                    lock.try_lock_exclusive_until(after(200))
                }
            });
            while bits(lock) & 1 == 0 && !writer.is_finished() {
                thread::yield_now();
            }
            let is_claimed = !lock.try_lock_shared();
            // A thread that was too slow to see it has nothing to see.
            assert!(is_claimed || writer.is_finished());
            if is_claimed {
                assert!(!lock.is_locked_exclusive());
                if lock.try_lock_shared_recursive() {
                    Recursive.unlock(lock);
                }
            } else {
                Shared.unlock(lock);
            }
            let readers = [(); 2].map(|()| scope.spawn(|| waiter.run(Shared)));
            // They get through, though the reader for which the writer waits stays.
            for reader in readers {
                reader.join().expect("it does not panic");
            }
            assert!(!writer.join().expect("it does not panic"), "it has not got it");
        });
        assert_eq!(waiter.turns.into_inner(), 2);
        assert!(lock.is_locked());
        Shared.unlock(&lock);
        assert_eq!(bits(&lock), 0);
    }
}

#[test]
fn a_writer_waits_for_readers_and_comes_first() {
    let _test = begin();
    for is_upgrade in [false, true] {
        let lock = RawRwLock::new();
        let order = Bare::<Vec<Access>>::default();
        let note = |access| {
            // SAFETY: only with the lock held exclusively, or by the one reader after it.
            unsafe { order.with(|order| order.push(access)) };
        };
        lock.lock_shared();
        thread::scope(|scope| {
            let (lock, note) = (&lock, &note);
            scope.spawn(move || {
                if is_upgrade {
                    lock.lock_upgradable();
                    // SAFETY: held upgradably.
                    unsafe { lock.upgrade() };
                } else {
                    lock.lock_exclusive();
                }
                note(Exclusive);
                Exclusive.unlock(lock);
            });
            Queue::Readers.await_len(lock, 1);
            scope.spawn(move || {
                lock.lock_shared();
                note(Shared);
                Shared.unlock(lock);
            });
            Queue::RwLock.await_len(lock, 1);
            // The reader that is in may come in again; it must, where it does not know that it is in.
            lock.lock_shared_recursive();
            assert!(lock.try_lock_shared_recursive() && lock.try_lock_shared_recursive_until(Instant::MIN));
            (0..4).for_each(|_| Shared.unlock(lock));
        });
        // SAFETY: all threads have ended.
        unsafe { order.with(|order| assert_eq!(*order, [Exclusive, Shared])) };
        assert_eq!(bits(&lock), 0);
    }
}

/// Those who wait for a lock that is held exclusively, in this order, and then for `may_leave`.
fn with_waiters(waiters: &[Access], work: impl FnOnce(&RawRwLock)) {
    let lock = RawRwLock::new();
    let may_leave = AtomicBool::new(false);
    lock.lock_exclusive();
    thread::scope(|scope| {
        for (index, access) in waiters.iter().enumerate() {
            let (lock, may_leave) = (&lock, &may_leave);
            scope.spawn(move || {
                access.lock(lock);
                while !may_leave.load(SeqCst) {
                    thread::yield_now();
                }
                access.unlock(lock);
            });
            Queue::RwLock.await_len(lock, index + 1);
        }
        work(&lock);
        may_leave.store(true, SeqCst);
    });
    assert_eq!(bits(&lock), 0);
}

/// All readers up to the first writer get in, and that writer claims the lock. No gap is left.
#[test]
fn a_fair_unlock_hands_over_to_the_head_of_the_queue() {
    let _test = begin();
    for (waiters, state) in [
        (&[Shared][..], "shared"),
        (&[Shared, Shared, Exclusive, Shared], "shared + claimed by a writer + threads wait"),
        (&[Shared, Upgradable, Shared, Upgradable], "shared + upgradable + threads wait"),
        (&[Shared, Upgradable, Shared, Exclusive], "shared + upgradable + threads wait"),
        (&[Upgradable], "upgradable"),
        (&[Exclusive], "exclusive"),
        (&[Exclusive, Shared], "exclusive + threads wait"),
    ] {
        with_waiters(waiters, |lock| {
            Exclusive.unlock_fair(lock);
            assert_eq!(format!("{lock:?}"), format!("RawRwLock({state})"), "{waiters:?}");
        });
    }
}

/// Once nobody who waits has got in for some time, a release hands over.
#[test]
fn starvation_is_bounded() {
    let _test = begin();
    for (waiters, state) in
        [(&[Shared, Shared][..], "shared"), (&[Upgradable], "upgradable"), (&[Exclusive], "exclusive")]
    {
        with_waiters(waiters, |lock| {
            pass(2);
            Exclusive.unlock(lock);
            assert_eq!(format!("{lock:?}"), format!("RawRwLock({state})"), "{waiters:?}");
        });
        with_waiters(&[Exclusive], |lock| {
            pass(2);
            // SAFETY: held exclusively.
            unsafe { lock.downgrade() };
            assert_eq!(format!("{lock:?}"), "RawRwLock(shared + claimed by a writer)");
            Shared.unlock(lock);
        });
    }
}

#[test]
fn a_bump_lets_those_who_wait_go_first() {
    let _test = begin();
    for (held, waiting) in
        [(Exclusive, Shared), (Exclusive, Exclusive), (Exclusive, Upgradable), (Upgradable, Exclusive)]
    {
        let lock = RawRwLock::new();
        let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
        held.lock(&lock);
        thread::scope(|scope| {
            scope.spawn(|| waiter.run(waiting));
            Queue::RwLock.await_len(&lock, 1);
            held.bump(&lock);
            assert_eq!(waiter.turns.load(SeqCst), 1, "{held:?}, {waiting:?}");
            held.unlock(&lock);
        });
        assert_eq!(bits(&lock), 0);
    }
    // A reader, while a writer waits for it.
    let lock = RawRwLock::new();
    let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
    lock.lock_shared();
    thread::scope(|scope| {
        scope.spawn(|| waiter.run(Exclusive));
        Queue::Readers.await_len(&lock, 1);
        Shared.bump(&lock);
        assert_eq!(waiter.turns.load(SeqCst), 1);
        Shared.unlock(&lock);
    });
    assert_eq!(bits(&lock), 0);
}

/// A lock that has as many readers as there is room for makes further ones wait; it neither panics nor overflows.
#[test]
fn too_many_readers_wait() {
    let _test = begin();
    let lock = RawRwLock::new();
    lock.lock_upgradable();
    word(&lock).fetch_add((MOST_READERS - 1) * READER, SeqCst);
    lock.lock_shared();
    let full = bits(&lock);
    expect_free_for(&lock, &[]);
    for access in Access::ALL {
        expect_timeout(false, |deadline| access.try_lock_until(&lock, deadline));
    }
    assert_eq!(bits(&lock), full);
    for fair in [false, true] {
        let waiter = Waiter { lock: &lock, turns: AtomicUsize::new(0) };
        thread::scope(|scope| {
            for access in [Shared, Recursive] {
                let waiter = &waiter;
                scope.spawn(move || waiter.run(access));
            }
            Queue::RwLock.await_len(&lock, 2);
            // One leaves, and makes room for one after the other.
            if fair { Shared.unlock_fair(&lock) } else { Shared.unlock(&lock) }
        });
        assert_eq!(waiter.turns.into_inner(), 2);
        lock.lock_shared();
        assert_eq!(bits(&lock), full);
    }
    // There is room for the upgradable one to become a reader.
    // SAFETY: held upgradably.
    unsafe { lock.downgrade_upgradable() };
    assert_eq!(format!("{lock:?}"), "RawRwLock(shared)");
    expect_free_for(&lock, &[]);
    word(&lock).fetch_sub((MOST_READERS + 1) * READER, SeqCst);
    assert_eq!(bits(&lock), 0);
}

#[test]
fn the_state_is_named() {
    let _test = begin();
    let lock = RawRwLock::new();
    assert_eq!(format!("{lock:?}"), "RawRwLock(free)");
    for (access, name) in [(Shared, "shared"), (Upgradable, "upgradable"), (Exclusive, "exclusive")] {
        access.lock(&lock);
        assert_eq!(format!("{lock:?}"), format!("RawRwLock({name})"));
        access.unlock(&lock);
    }
}

#[test]
fn it_may_go_when_the_last_user_unlocks() {
    let _test = begin();
    let leave = |access: Access, (lock, users): &(RawRwLock, AtomicUsize)| {
        access.lock(lock);
        let left = users.fetch_add(1, SeqCst) + 1;
        (0..fastrand::u32(..500)).for_each(|_| std::hint::spin_loop());
        if fastrand::bool() {
            access.unlock(lock)
        } else {
            access.unlock_fair(lock)
        }
        left
    };
    // A writer frees it that has come after a reader, an upgradable one or another writer.
    for first in [Shared, Upgradable, Exclusive] {
        freed_at_once(
            || (RawRwLock::new(), AtomicUsize::new(0)),
            |lock| {
                leave(first, lock);
                false
            },
            |lock| {
                while lock.1.load(SeqCst) == 0 {
                    std::hint::spin_loop();
                }
                leave(Exclusive, lock) == 2
            },
        );
    }
}
