//! [`RawRwLock`]: readers together, writers alone, and nobody is forgotten.

use crate::clock::{self, Clock};
use crate::rwlock::RawRwLock;
use crate::time::Instant;
use crate::{Place, SOON, explore, explore_on, join, place, sample, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, JoinHandle};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// How long a waiter is patient, in units of 100 ns.
const PATIENCE: u64 = 10 << 9;

/// How a thread has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Shared,
    Upgradable,
    Exclusive,
}
use Held::{Exclusive, Shared, Upgradable};

/// A lock, and who has it.
#[repr(C)]
struct Guarded {
    lock: RawRwLock,
    readers: Cell<usize>,
    upgradables: Cell<usize>,
    writers: Cell<usize>,
    /// How many have yet to have it.
    users: Cell<usize>,
}

fn guarded(users: usize) -> Place<Guarded> {
    place(
        0,
        Guarded {
            lock: RawRwLock::new(),
            readers: Cell::new(0),
            upgradables: Cell::new(0),
            writers: Cell::new(0),
            users: Cell::new(users),
        },
    )
}

fn add(count: &Cell<usize>, number: isize) {
    count.set(count.get().checked_add_signed(number).expect("as many end as have begun"));
}

impl Place<Guarded> {
    fn count(&self, held: Held) -> &Cell<usize> {
        match held {
            Shared => &self.readers,
            Upgradable => &self.upgradables,
            Exclusive => &self.writers,
        }
    }

    /// The lock is held so from here on.
    fn begin(&self, held: Held) {
        add(self.count(held), 1);
        self.judge();
        step();
        self.judge();
    }

    /// The lock is about to be held so no more.
    fn end(&self, held: Held) {
        self.judge();
        add(self.count(held), -1);
    }

    fn judge(&self) {
        let (readers, upgradables, writers) = (self.readers.get(), self.upgradables.get(), self.writers.get());
        assert!(upgradables + writers <= 1, "{upgradables} upgradable readers, {writers} writers");
        assert!(writers == 0 || readers == 0, "{readers} readers beside a writer");
    }

    /// Tries to have the lock so until a deadline. Whether it has it.
    fn acquire(&self, held: Held, deadline: Instant) -> bool {
        let is_held = match (held, deadline) {
            (Shared, Instant::MAX) => {
                self.lock.lock_shared();
                true
            }
            (Upgradable, Instant::MAX) => {
                self.lock.lock_upgradable();
                true
            }
            (Exclusive, Instant::MAX) => {
                self.lock.lock_exclusive();
                true
            }
            (Shared, Instant::MIN) => self.lock.try_lock_shared(),
            (Upgradable, Instant::MIN) => self.lock.try_lock_upgradable(),
            (Exclusive, Instant::MIN) => self.lock.try_lock_exclusive(),
            (Shared, _) => self.lock.try_lock_shared_until(deadline),
            (Upgradable, _) => self.lock.try_lock_upgradable_until(deadline),
            (Exclusive, _) => self.lock.try_lock_exclusive_until(deadline),
        };
        if is_held {
            self.begin(held);
        } else if held != Exclusive {
            // Nobody else has run since this thread has tried for the last time.
            assert!(self.lock.is_locked(), "it fails though the lock is free");
        }
        is_held
    }

    fn release(&self, held: Held, is_fair: bool) {
        self.end(held);
        let unlock: unsafe fn(&RawRwLock) = match (held, is_fair) {
            (Shared, false) => RawRwLock::unlock_shared,
            (Shared, true) => RawRwLock::unlock_shared_fair,
            (Upgradable, false) => RawRwLock::unlock_upgradable,
            (Upgradable, true) => RawRwLock::unlock_upgradable_fair,
            (Exclusive, false) => RawRwLock::unlock_exclusive,
            (Exclusive, true) => RawRwLock::unlock_exclusive_fair,
        };
        // SAFETY: it is held so.
        unsafe { unlock(&self.lock) };
    }

    /// Has the lock so, for the last time.
    fn have(&self, held: Held) {
        self.acquire(held, Instant::MAX);
        add(&self.users, -1);
        self.release(held, false);
    }

    /// Has it so no more, but in another way.
    fn downgrade(&self, from: Held, to: Held) {
        self.end(from);
        let downgrade: unsafe fn(&RawRwLock) = match (from, to) {
            (Exclusive, Shared) => RawRwLock::downgrade,
            (Exclusive, Upgradable) => RawRwLock::downgrade_to_upgradable,
            (Upgradable, Shared) => RawRwLock::downgrade_upgradable,
            _ => unreachable!("there are three"),
        };
        // SAFETY: it is held so.
        unsafe { downgrade(&self.lock) };
        self.begin(to);
    }

    /// Makes an upgradable lock exclusive until a deadline. How it is held then.
    fn upgrade(&self, deadline: Instant) -> Held {
        // As long as it waits, it is upgradable to others.
        let is_upgraded = match deadline {
            // SAFETY: it is held so; and so below.
            Instant::MIN => unsafe { self.lock.try_upgrade() },
            Instant::MAX => {
                // SAFETY: as above.
                unsafe { self.lock.upgrade() };
                true
            }
            // SAFETY: as above.
            _ => unsafe { self.lock.try_upgrade_until(deadline) },
        };
        let held = if is_upgraded { Exclusive } else { Upgradable };
        self.end(Upgradable);
        self.begin(held);
        held
    }

    /// Lets those that wait have it.
    fn bump(&self, held: Held) {
        self.end(held);
        let bump: unsafe fn(&RawRwLock) = match held {
            Shared => RawRwLock::bump_shared,
            Upgradable => RawRwLock::bump_upgradable,
            Exclusive => RawRwLock::bump_exclusive,
        };
        // SAFETY: it is held so.
        unsafe { bump(&self.lock) };
        self.begin(held);
    }

    fn is_awaited(&self) -> bool {
        format!("{:?}", self.lock).contains("threads wait")
    }

    fn is_claimed(&self) -> bool {
        format!("{:?}", self.lock).contains("claimed")
    }

    /// Nobody has it, or will have it again; and it is gone.
    fn free_unused(self) {
        assert_eq!(self.word::<usize>(), 0, "nobody uses it");
        self.free();
    }
}

/// Threads that have the lock once each, and the last one, which frees it.
fn have_and_free<const N: usize>(all: [Held; N], last: fn(&Place<Guarded>)) {
    let lock = guarded(N);
    let threads = all.map(|held| spawn(move || lock.have(held)));
    // Each has it, or has had it, and does not wait.
    until(|| lock.users.get() == 0);
    last(&lock);
    lock.free_unused();
    join(threads);
}

fn exclusively(lock: &Place<Guarded>) {
    lock.acquire(Exclusive, Instant::MAX);
    lock.release(Exclusive, false);
}

fn upgraded(lock: &Place<Guarded>) {
    lock.acquire(Upgradable, Instant::MAX);
    lock.upgrade(Instant::MAX);
    lock.release(Exclusive, true);
}

#[test]
fn readers_do_not_touch_what_they_have_left() {
    explore("two readers and a writer", 1, || have_and_free([Shared, Shared], exclusively));
    explore("a reader and an upgrade", 2, || have_and_free([Shared], upgraded));
    explore("readers and an upgrade", 0, || have_and_free([Shared, Shared], upgraded));
}

#[test]
fn writers_do_not_touch_what_they_have_left() {
    explore("a writer and a writer", 3, || have_and_free([Exclusive], exclusively));
    explore("two writers and a writer", 1, || have_and_free([Exclusive, Exclusive], exclusively));
    explore("a reader, a writer and an upgrade", 1, || have_and_free([Shared, Exclusive], upgraded));
}

#[test]
fn upgradable_readers_do_not_touch_what_they_have_left() {
    explore("two upgradable readers and a writer", 1, || have_and_free([Upgradable, Upgradable], exclusively));
    explore("an upgradable reader, a reader and an upgrade", 1, || have_and_free([Upgradable, Shared], upgraded));
}

#[test]
fn the_last_reader_does_not_touch_what_others_leave() {
    explore("a reader that leaves beside an upgradable one", 2, || {
        let lock = guarded(0);
        lock.acquire(Upgradable, Instant::MAX);
        lock.acquire(Shared, Instant::MAX);
        let last = spawn(move || {
            upgraded(&lock);
            lock.free_unused();
        });
        until(|| lock.is_awaited());
        let reader = spawn(move || lock.release(Shared, false));
        step();
        lock.release(Upgradable, false);
        join([last, reader]);
    });
}

#[test]
fn a_writer_waits_for_readers_and_readers_for_it() {
    explore("claims", 2, || {
        let lock = guarded(2);
        lock.acquire(Shared, Instant::MAX);
        let writer = spawn(move || lock.have(Exclusive));
        until(|| lock.is_claimed());
        assert!(!lock.acquire(Shared, Instant::MIN), "a writer has claimed the lock");
        assert!(lock.lock.try_lock_shared_recursive(), "this thread is one of those it waits for");
        lock.begin(Shared);
        lock.release(Shared, false);
        let reader = spawn(move || lock.have(Shared));
        lock.release(Shared, false);
        join([writer, reader]);
        lock.acquire(Exclusive, Instant::MAX);
        assert!(!lock.lock.try_lock_shared_recursive(), "a writer has the lock");
        lock.release(Exclusive, false);
        lock.free_unused();
    });
}

/// A thread whose time-out lets in the reader that waits behind it, while this thread keeps the lock.
fn lets_in(mine: Held, waiter: fn(&Place<Guarded>)) {
    let lock = guarded(1);
    lock.acquire(mine, Instant::MAX);
    let waiter = spawn(move || waiter(&lock));
    let reader = spawn(move || lock.have(Shared));
    join([reader]);
    lock.release(mine, false);
    join([waiter]);
    lock.free_unused();
}

#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    explore("a claim's time-out", 2, || {
        lets_in(Shared, |lock| {
            if lock.acquire(Exclusive, SOON) {
                lock.release(Exclusive, false);
            }
        });
    });
}

#[test]
fn an_upgrade_that_gives_up_lets_readers_in() {
    explore("an upgrade's time-out", 2, || {
        lets_in(Shared, |lock| {
            lock.acquire(Upgradable, Instant::MAX);
            let held = lock.upgrade(SOON);
            lock.release(held, false);
        });
    });
}

/// Starts threads which then wait for the lock in this order.
fn queue<T: Send + 'static, const N: usize>(
    lock: Place<Guarded>,
    waiters: [fn(&Place<Guarded>) -> T; N],
) -> [JoinHandle<T>; N] {
    waiters.map(|wait| {
        let is_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&is_begun);
        let thread = spawn(move || {
            begun.store(true, Relaxed);
            wait(&lock)
        });
        // Without preemptions, it runs on until it waits.
        until(|| is_begun.load(Relaxed));
        thread
    })
}

/// Waits for a time-out, but not in vain, and tells whether there was one.
fn try_for(lock: &Place<Guarded>, held: Held) -> bool {
    let is_late = !lock.acquire(held, Instant::from_ticks(3));
    if !is_late {
        lock.release(held, false);
    }
    is_late
}

#[test]
fn a_waiter_that_gives_up_lets_in_those_behind_it() {
    for wait in [|lock: &_| try_for(lock, Exclusive), |lock: &_| try_for(lock, Upgradable)] {
        explore_on(Clock::Standing, "a time-out in front of a reader", 0, move || {
            let lock = guarded(1);
            lock.acquire(Exclusive, Instant::MAX);
            let [late, reader] = queue(
                lock,
                [wait, |lock| {
                    lock.have(Shared);
                    false
                }],
            );
            lock.release(Exclusive, false);
            // It is woken, and comes too late, or has already given up.
            lock.acquire(Upgradable, Instant::MAX);
            join([reader]);
            lock.release(Upgradable, false);
            join([late]);
            lock.free_unused();
        });
    }
}

#[test]
fn a_time_out_leaves_the_others_in_the_queue() {
    explore("flags of a lock after a time-out", 0, || {
        let lock = guarded(1);
        lock.acquire(Exclusive, Instant::MAX);
        let late = || [spawn(move || lock.acquire(Shared, SOON))];
        assert_eq!(join(late()), [false]);
        assert_eq!(format!("{:?}", lock.lock), "RawRwLock(exclusive)");
        let writer = queue(lock, [|lock| lock.have(Exclusive)]);
        assert_eq!(join(late()), [false]);
        assert_eq!(format!("{:?}", lock.lock), "RawRwLock(exclusive + threads wait)");
        lock.release(Exclusive, false);
        join(writer);
        lock.free_unused();
    });
}

#[test]
fn a_hand_over_lets_in_all_up_to_the_first_writer() {
    explore("the head of the queue", 0, || {
        let lock = guarded(4);
        lock.acquire(Exclusive, Instant::MAX);
        let read: fn(&Place<Guarded>) = |lock| {
            lock.acquire(Shared, Instant::MAX);
            add(&lock.users, -1);
            until(|| lock.users.get() <= 2);
            lock.release(Shared, false);
        };
        let write: fn(&Place<Guarded>) = |lock| {
            lock.acquire(Exclusive, Instant::MAX);
            assert_eq!(lock.users.get(), 2, "readers in front come first, those behind it later");
            add(&lock.users, -1);
            lock.release(Exclusive, false);
        };
        let threads = queue(lock, [read, read, write, |lock| lock.have(Shared)]);
        lock.release(Exclusive, true);
        assert!(!lock.acquire(Shared, Instant::MIN), "the writer has claimed it");
        join(threads);
        lock.free_unused();
    });
}

#[test]
fn an_overdue_waiter_is_handed_the_lock() {
    explore_on(Clock::Standing, "patience of a writer", 0, || {
        let lock = guarded(1);
        lock.acquire(Exclusive, Instant::MAX);
        let threads = queue(lock, [|lock| lock.have(Exclusive)]);
        clock::advance(PATIENCE - (1 << 9));
        lock.release(Exclusive, false);
        assert!(lock.acquire(Exclusive, Instant::MIN), "it has not waited for long enough");
        // It comes too late, and waits again.
        until(|| lock.is_awaited());
        clock::advance(1 << 9);
        lock.release(Exclusive, false);
        assert!(!lock.acquire(Shared, Instant::MIN), "it has");
        join(threads);
        lock.free_unused();
    });
}

#[test]
fn a_writer_that_comes_too_late_waits_in_front() {
    explore_on(Clock::Standing, "order of writers", 0, || {
        let lock = guarded(2);
        lock.acquire(Exclusive, Instant::MAX);
        let first: fn(&Place<Guarded>) = |lock| {
            lock.acquire(Exclusive, Instant::MAX);
            assert_eq!(lock.users.get(), 2, "it is the first");
            add(&lock.users, -1);
            lock.release(Exclusive, false);
        };
        let threads = queue(lock, [first, |lock| lock.have(Exclusive)]);
        lock.release(Exclusive, false);
        assert!(lock.acquire(Exclusive, Instant::MIN), "the lock is free");
        assert!(format!("{:?}", lock.lock).contains("some are on their way"));
        until(|| !format!("{:?}", lock.lock).contains("some are on their way"));
        lock.release(Exclusive, true);
        join(threads);
        lock.free_unused();
    });
}

#[test]
fn a_downgrade_lets_readers_in() {
    explore("downgrade", 1, || {
        let lock = guarded(2);
        lock.acquire(Exclusive, Instant::MAX);
        let readers = [(); 2].map(|()| spawn(move || lock.have(Shared)));
        thread::yield_now();
        lock.downgrade(Exclusive, Shared);
        join(readers);
        lock.release(Shared, false);
        lock.free_unused();
    });
}

#[test]
fn a_bump_lets_in_who_waits() {
    for held in [Shared, Upgradable, Exclusive] {
        explore_on(Clock::Standing, "bump", 0, move || {
            let lock = guarded(1);
            lock.acquire(held, Instant::MAX);
            lock.bump(held);
            let threads = queue(lock, [|lock| lock.have(Exclusive)]);
            lock.bump(held);
            assert_eq!(lock.users.get(), 0, "it was let in");
            lock.release(held, false);
            join(threads);
            lock.free_unused();
        });
    }
}

#[test]
fn a_reader_hands_over_what_others_still_read() {
    explore_on(Clock::Standing, "patience behind an upgradable reader", 0, || {
        let lock = guarded(2);
        lock.acquire(Exclusive, Instant::MAX);
        let [writer, reader] = queue(lock, [|lock| lock.have(Exclusive), |lock| lock.have(Shared)]);
        lock.downgrade(Exclusive, Upgradable);
        join([reader]);
        assert!(lock.is_awaited());
        // Another reader, which leaves, finds nobody that could get in.
        lock.acquire(Shared, Instant::MAX);
        clock::advance(PATIENCE);
        lock.release(Shared, false);
        assert!(lock.acquire(Shared, Instant::MIN), "no writer has claimed it");
        lock.downgrade(Upgradable, Shared);
        lock.release(Shared, false);
        until(|| lock.is_claimed());
        lock.release(Shared, false);
        join([writer]);
        lock.free_unused();
    });
}

/// A lock with room for one reader, and its word.
fn almost_full() -> (Place<Guarded>, usize) {
    let lock = guarded(0);
    lock.lock.lock_shared();
    let one = lock.word::<usize>();
    let word = (usize::MAX / one - 2) * one;
    lock.set_word(word);
    (lock, word)
}

#[test]
fn a_full_lock_lets_in_who_waits_as_soon_as_there_is_room() {
    explore("full of readers", 1, || {
        let (lock, word) = almost_full();
        join([(); 3].map(|()| {
            spawn(move || {
                lock.acquire(Shared, Instant::MAX);
                assert_eq!(lock.readers.get(), 1, "there is room for one");
                lock.release(Shared, false);
            })
        }));
        assert_eq!(lock.word::<usize>(), word, "nobody waits");
    });
    explore_on(Clock::Standing, "room that is handed over", 0, || {
        let (lock, word) = almost_full();
        lock.acquire(Shared, Instant::MAX);
        assert!(!lock.acquire(Shared, Instant::MIN) && !lock.acquire(Upgradable, Instant::MIN), "it is full");
        let threads = queue(
            lock,
            [|lock| {
                lock.acquire(Shared, Instant::MAX);
                lock.release(Shared, false);
            }],
        );
        clock::advance(PATIENCE);
        lock.release(Shared, false);
        assert!(!lock.acquire(Shared, Instant::MIN), "handed over");
        join(threads);
        assert_eq!(lock.word::<usize>(), word);
    });
}

/// One thing that a thread may do.
fn step_of(lock: &Place<Guarded>) {
    let mut random = thread_rng();
    let deadlines = [Instant::MIN, SOON, Instant::from_ticks(5), Instant::MAX];
    let deadline = || deadlines[thread_rng().gen_range(0..deadlines.len())];
    let mut held = [Shared, Upgradable, Exclusive][random.gen_range(0..3)];
    if !lock.acquire(held, deadline()) {
        return;
    }
    for _ in 0..random.gen_range(0..3) {
        match (held, random.gen_range(0..4)) {
            (_, 0) => lock.bump(held),
            (Shared, 1) => {
                lock.lock.lock_shared_recursive();
                lock.begin(Shared);
                lock.release(Shared, random.r#gen());
            }
            (Shared, _) => {
                if lock.lock.try_lock_shared_recursive_until(deadline()) {
                    lock.begin(Shared);
                    lock.release(Shared, random.r#gen());
                }
            }
            (Upgradable, 1) => {
                lock.downgrade(Upgradable, Shared);
                held = Shared;
            }
            (Upgradable, _) => held = lock.upgrade(deadline()),
            (Exclusive, 1) => {
                lock.downgrade(Exclusive, Shared);
                held = Shared;
            }
            (Exclusive, _) => {
                lock.downgrade(Exclusive, Upgradable);
                held = Upgradable;
            }
        }
    }
    lock.release(held, random.r#gen());
}

#[test]
fn any_threads_may_do_anything() {
    sample(300, || {
        let lock = guarded(0);
        join([(); 4].map(|()| {
            spawn(move || {
                for _ in 0..3 {
                    step_of(&lock);
                }
            })
        }));
        lock.free_unused();
    });
}
