//! The locks: what is visible to whoever gets one, and that nobody is forgotten.
//!
//! What a lock guards is a cell of loom's, which notices if two threads use it and neither comes before the other.

use crate::barrier::{Barrier, BarrierWait};
use crate::condvar::Condvar;
use crate::event::Event;
use crate::mutex::RawMutex;
use crate::once::{Begin, Once};
use crate::patience::coarse_now;
use crate::rwlock::RawRwLock;
use crate::semaphore::Semaphore;
use crate::time::Instant;
use crate::{Platform, nt, on_platforms};
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread::{self, JoinHandle};

/// A deadline, and a time after it.
const DEADLINE: Instant = Instant::from_ticks(50_000);
const LATER: u64 = 60_000;

/// Explores with up to so many preemptions, on what compares and blocks: to a lock, all others are like it.
fn explore(name: &str, preemptions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    on_platforms(name, &[Platform::Host], preemptions, move |_| test());
}

/// As [`explore`], without a clock, where each waiter is handed the lock, and with one that stands still, where none is.
fn explore_patience(name: &str, preemptions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    explore(&format!("{name}, handed over"), preemptions, test);
    explore(name, preemptions, move || {
        nt::advance(LATER);
        test();
    });
}

/// A lock, and what it guards.
struct Guarded<L> {
    lock: L,
    data: UnsafeCell<u32>,
    other: UnsafeCell<u32>,
}

impl<L: Send + 'static> Guarded<L> {
    fn of(lock: L) -> Self {
        Self { lock, data: UnsafeCell::new(0), other: UnsafeCell::new(0) }
    }

    fn new(lock: L) -> Arc<Self> {
        Arc::new(Self::of(lock))
    }

    fn write(&self) {
        // SAFETY: that nobody else uses it is what loom checks; and so below.
        self.data.with_mut(|data| unsafe { *data += 1 });
    }

    fn write_other(&self) {
        // SAFETY: as above.
        self.other.with_mut(|data| unsafe { *data += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: as above.
        self.data.with(|data| unsafe { *data })
    }

    fn read_other(&self) -> u32 {
        // SAFETY: as above.
        self.other.with(|data| unsafe { *data })
    }
}

/// A thread of loom's.
fn spawn<L: Send + 'static, T: 'static>(
    shared: &Arc<Guarded<L>>,
    work: impl FnOnce(&Guarded<L>) -> T + 'static,
) -> JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || work(&shared))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no panic")
}

fn write_locked(mutex: &Guarded<RawMutex>) {
    mutex.lock.lock();
    mutex.write();
    // SAFETY: it is locked; and so below.
    unsafe { mutex.lock.unlock() };
}

#[test]
fn a_mutex_shows_what_was_done_under_it() {
    explore_patience("mutex", 3, || {
        let mutex = Guarded::new(RawMutex::new());
        let other = spawn(&mutex, |mutex| {
            write_locked(mutex);
            write_locked(mutex);
        });
        write_locked(&mutex);
        join(other);
        assert_eq!((mutex.read(), mutex.lock.is_locked()), (3, false));
    });
    explore_patience("mutex, fair", 2, || {
        let mutex = Guarded::new(RawMutex::new());
        let other = spawn(&mutex, write_locked);
        mutex.lock.lock();
        mutex.write();
        // SAFETY: as above.
        unsafe { mutex.lock.unlock_fair() };
        join(other);
        assert_eq!(mutex.read(), 2);
    });
}

#[test]
fn a_mutex_shows_it_to_whoever_runs_out_of_time() {
    explore("mutex, out of time", 4, || {
        let mutex = Guarded::new(RawMutex::new());
        nt::advance(LATER);
        let late = spawn(&mutex, |mutex| {
            if mutex.lock.try_lock_until(DEADLINE) {
                mutex.write();
                // SAFETY: as above.
                unsafe { mutex.lock.unlock() };
            }
        });
        write_locked(&mutex);
        join(late);
        assert!(mutex.read() >= 1);
    });
}

fn write_exclusively(lock: &Guarded<RawRwLock>) {
    lock.lock.lock_exclusive();
    lock.write();
    // SAFETY: as above.
    unsafe { lock.lock.unlock_exclusive() };
}

fn read_shared(lock: &Guarded<RawRwLock>) {
    lock.lock.lock_shared();
    lock.read();
    // SAFETY: as above.
    unsafe { lock.lock.unlock_shared() };
}

#[test]
fn a_writer_sees_what_readers_and_writers_did() {
    explore_patience("reader and writer", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let reader = spawn(&lock, read_shared);
        write_exclusively(&lock);
        join(reader);
    });
    explore_patience("writers", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let writer = spawn(&lock, write_exclusively);
        write_exclusively(&lock);
        join(writer);
        assert_eq!(lock.read(), 2);
    });
    explore_patience("two readers and a writer", 1, || {
        let lock = Guarded::new(RawRwLock::new());
        let readers = [(); 2].map(|()| spawn(&lock, read_shared));
        write_exclusively(&lock);
        readers.into_iter().for_each(join);
    });
}

#[test]
fn tries_see_it_too() {
    explore("fair writer, and tries", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let writer = spawn(&lock, |lock| {
            if lock.lock.try_lock_exclusive() {
                lock.write();
                // SAFETY: as above.
                unsafe { lock.lock.unlock_exclusive_fair() };
            }
        });
        if lock.lock.try_lock_exclusive() {
            lock.write();
            // SAFETY: as above.
            unsafe { lock.lock.unlock_exclusive_fair() };
        }
        join(writer);
    });
    explore("tries to read", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let writer = spawn(&lock, write_exclusively);
        if lock.lock.try_lock_shared() {
            lock.read();
            // SAFETY: as above.
            unsafe { lock.lock.unlock_shared() };
        }
        join(writer);
    });
}

#[test]
fn an_upgrade_sees_what_readers_did() {
    explore_patience("upgrade", 2, || {
        let lock = Guarded::new(RawRwLock::new());
        let reader = spawn(&lock, read_shared);
        lock.lock.lock_upgradable();
        lock.read();
        // SAFETY: it is held so; and so below.
        unsafe { lock.lock.upgrade() };
        lock.write();
        // SAFETY: as above.
        unsafe { lock.lock.unlock_exclusive() };
        join(reader);
    });
    explore("try_upgrade", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let reader = spawn(&lock, read_shared);
        lock.lock.lock_upgradable();
        // SAFETY: as above.
        if unsafe { lock.lock.try_upgrade() } {
            lock.write();
            // SAFETY: as above.
            unsafe { lock.lock.unlock_exclusive() };
        } else {
            // SAFETY: as above.
            unsafe { lock.lock.unlock_upgradable() };
        }
        join(reader);
    });
}

#[test]
fn a_downgrade_shows_what_the_writer_did() {
    explore("downgrade", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        let reader = spawn(&lock, read_shared);
        lock.lock.lock_exclusive();
        lock.write();
        // SAFETY: as above.
        unsafe { lock.lock.downgrade() };
        lock.read();
        // SAFETY: as above.
        unsafe { lock.lock.unlock_shared() };
        join(reader);
    });
}

#[test]
fn a_rwlock_shows_it_to_whoever_runs_out_of_time() {
    explore("reader out of time", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        nt::advance(LATER);
        let late = spawn(&lock, |lock| {
            if lock.lock.try_lock_shared_until(DEADLINE) {
                lock.read();
                // SAFETY: as above.
                unsafe { lock.lock.unlock_shared() };
            }
        });
        write_exclusively(&lock);
        join(late);
    });
    explore("writer out of time", 3, || {
        let lock = Guarded::new(RawRwLock::new());
        nt::advance(LATER);
        let late = spawn(&lock, |lock| {
            if lock.lock.try_lock_exclusive_until(DEADLINE) {
                lock.write();
                // SAFETY: as above.
                unsafe { lock.lock.unlock_exclusive() };
            }
        });
        read_shared(&lock);
        join(late);
    });
}

#[test]
fn whoever_runs_out_of_time_passes_on_what_was_done() {
    explore("handed over by a thread that never had the lock", 2, || {
        // As if a thread had been woken just now, and did not go on: then an unlock wakes nobody, and the thread that
        // runs out of time meets the unlocking one in the word alone. A real one would be a fourth.
        const WAKING: usize = 8;
        const TIME_SHIFT: u32 = 5;
        let lock = Guarded::new(RawRwLock::new());
        nt::advance(LATER);
        // SAFETY: the lock is one word, and nobody else uses it yet.
        let word = unsafe { &*(&raw const lock.lock).cast::<AtomicUsize>() };
        word.store(WAKING | coarse_now() << TIME_SHIFT, Relaxed);
        lock.lock.lock_exclusive();
        let late = spawn(&lock, |lock| {
            if lock.lock.try_lock_shared_until(DEADLINE) {
                // SAFETY: it is held so.
                unsafe { lock.lock.unlock_shared() };
            }
        });
        let writer = spawn(&lock, |lock| {
            lock.write();
            // SAFETY: it is locked, for this thread; and so below.
            unsafe { lock.lock.unlock_exclusive() };
            join(late);
            // What the one that was woken would do: it lets the reader in, if the late one did not.
            lock.lock.lock_exclusive();
            // SAFETY: as above.
            unsafe { lock.lock.unlock_exclusive_fair() };
        });
        read_shared(&lock);
        join(writer);
    });
}

/// A thread that does it, unless it has been done.
fn begin(once: &Guarded<Once>) {
    match once.lock.begin(Instant::MAX) {
        Begin::Run { .. } => {
            once.write();
            // SAFETY: this thread has begun.
            unsafe { once.lock.complete() };
        }
        Begin::Done => assert_eq!(once.read(), 1),
        Begin::TimedOut => unreachable!("there is no deadline"),
    }
}

#[test]
fn what_was_done_once_is_visible() {
    explore("once", 3, || {
        let once = Guarded::new(Once::new());
        let other = spawn(&once, |once| {
            if once.lock.is_completed() {
                assert_eq!(once.read(), 1);
            }
            begin(once);
        });
        begin(&once);
        join(other);
        assert!(once.lock.is_completed());
    });
    explore("once, out of time", 4, || {
        let once = Guarded::new(Once::new());
        nt::advance(LATER);
        let other = spawn(&once, |once| match once.lock.begin(DEADLINE) {
            Begin::Run { .. } => {
                once.write();
                // SAFETY: this thread has begun.
                unsafe { once.lock.complete() };
            }
            Begin::Done => _ = once.read(),
            Begin::TimedOut => {}
        });
        begin(&once);
        join(other);
    });
}

#[test]
fn what_was_given_up_is_visible() {
    explore("abandon", 3, || {
        let once = Guarded::new(Once::new());
        let other = spawn(&once, |once| {
            // Twice, so that what is seen the second time looks as it did.
            for _ in 0..2 {
                if let Begin::Run { .. } = once.lock.begin(Instant::MAX) {
                    once.write_other();
                    // SAFETY: this thread has begun.
                    unsafe { once.lock.abandon() };
                }
            }
        });
        if let Begin::Run { .. } = once.lock.begin(Instant::MAX) {
            once.write_other();
            // SAFETY: this thread has begun.
            unsafe { once.lock.complete() };
        }
        join(other);
    });
}

#[test]
fn permits_show_all_that_was_done_before_they_were_released() {
    explore("releases", 1, || {
        let semaphore = Guarded::new(Semaphore::new(0));
        let one = spawn(&semaphore, |semaphore| {
            semaphore.write();
            semaphore.lock.release(1)
        });
        let two = spawn(&semaphore, |semaphore| {
            semaphore.write_other();
            semaphore.lock.release(1)
        });
        semaphore.lock.acquire(2);
        semaphore.write();
        semaphore.write_other();
        assert_eq!((join(one), join(two)), (Ok(()), Ok(())));
        assert_eq!(semaphore.lock.available_permits(), 0);
    });
    explore("release against time-out", 3, || {
        let semaphore = Guarded::new(Semaphore::new(0));
        nt::advance(LATER);
        let late = spawn(&semaphore, |semaphore| {
            let is_taken = semaphore.lock.try_acquire_until(1, DEADLINE);
            if is_taken {
                semaphore.write();
            }
            is_taken
        });
        semaphore.write();
        assert_eq!(semaphore.lock.release(1), Ok(()));
        let is_taken = join(late);
        assert_eq!(semaphore.lock.try_acquire(1), !is_taken);
    });
}

#[test]
fn an_event_shows_what_was_done_before_it_was_set() {
    explore("event", 3, || {
        let event = Guarded::new(Event::new());
        let setter = spawn(&event, |event| {
            event.write();
            event.lock.set();
        });
        event.lock.wait();
        event.write();
        join(setter);
        assert!(!event.lock.is_set());
    });
    explore("event, out of time", 4, || {
        let event = Guarded::new(Event::new());
        nt::advance(LATER);
        let late = spawn(&event, |event| {
            let is_through = event.lock.wait_until(DEADLINE);
            if is_through {
                event.write();
            }
            is_through
        });
        event.write();
        event.lock.set();
        let is_through = join(late);
        assert_eq!(event.lock.reset(), !is_through);
    });
    explore("asking an event", 3, || {
        let event = Guarded::new(Event::new_manual_reset());
        let asking = spawn(&event, |event| {
            if event.lock.is_set() {
                event.read();
            }
            if event.lock.reset() {
                event.write();
            }
        });
        event.write();
        event.lock.set();
        join(asking);
    });
}

#[test]
fn a_set_shows_its_own_though_the_event_was_set_before() {
    explore("two sets", 3, || {
        let event = Guarded::new(Event::new());
        let has_set = Arc::new(AtomicBool::new(false));
        event.lock.set();
        let is_set = Arc::clone(&has_set);
        let waiter = spawn(&event, move |event| {
            if is_set.load(Relaxed) {
                event.lock.wait();
                event.write();
            }
        });
        event.write();
        event.lock.set();
        has_set.store(true, Relaxed);
        join(waiter);
    });
}

/// What a thread does before all have come, and after.
fn meet(barrier: &Guarded<Barrier>, deadline: Instant, is_first: bool) -> BarrierWait {
    if is_first {
        barrier.write();
    } else {
        barrier.write_other();
    }
    let how = barrier.lock.wait_until(2, deadline);
    if how != BarrierWait::TimedOut {
        assert_eq!((barrier.read(), barrier.read_other()), (1, 1));
    }
    how
}

#[test]
fn a_barrier_shows_what_all_did_before() {
    explore("barrier", 3, || {
        let barrier = Guarded::new(Barrier::new());
        let other = spawn(&barrier, |barrier| meet(barrier, Instant::MAX, false));
        let mine = meet(&barrier, Instant::MAX, true);
        assert_ne!(join(other), mine, "one is the last");
    });
    explore("barrier, out of time", 3, || {
        let barrier = Guarded::new(Barrier::new());
        nt::advance(LATER);
        let other = spawn(&barrier, |barrier| meet(barrier, DEADLINE, false));
        let mine = meet(&barrier, DEADLINE, true);
        assert_eq!(join(other) == BarrierWait::TimedOut, mine == BarrierWait::TimedOut);
    });
}

#[test]
fn a_notify_finds_whoever_has_unlocked_the_mutex() {
    type Pair = (Guarded<RawMutex>, Condvar);
    // In the same memory in all executions: its address decides whether the two share a bucket, and loom goes wrong if
    // that changes.
    let place = Box::leak(Box::<Pair>::new_uninit()).as_mut_ptr().expose_provenance();
    explore("condvar", 2, move || {
        let place = ptr::with_exposed_provenance_mut::<Pair>(place);
        // SAFETY: there is room for it, and the threads of the last execution have ended.
        unsafe { place.write((Guarded::of(RawMutex::new()), Condvar::new())) };
        // SAFETY: it stays as long as the process.
        let (mutex, condvar) = unsafe { &*place };
        let waiter = thread::spawn(move || {
            mutex.lock.lock();
            if mutex.read() == 0 {
                // SAFETY: it is locked; and so below.
                unsafe { condvar.wait_raw(&mutex.lock) };
            }
            assert_eq!(mutex.read(), 1);
            // SAFETY: as above.
            unsafe { mutex.lock.unlock() };
        });
        mutex.lock.lock();
        mutex.write();
        condvar.notify_one();
        // SAFETY: as above.
        unsafe { mutex.lock.unlock() };
        join(waiter);
    });
}

#[test]
fn what_is_given_to_a_waiter_is_visible_to_others_too() {
    explore_patience("overtaking", 2, || {
        let mutex = Guarded::new(RawMutex::new());
        let waiter = spawn(&mutex, write_locked);
        let other = spawn(&mutex, |mutex| {
            if mutex.lock.try_lock() {
                mutex.write();
                // SAFETY: as above.
                unsafe { mutex.lock.unlock() };
            }
        });
        write_locked(&mutex);
        join(waiter);
        join(other);
    });
    explore("a permit left", 1, || {
        let semaphore = Guarded::new(Semaphore::new(0));
        let waiter = spawn(&semaphore, |semaphore| {
            semaphore.lock.acquire(1);
            semaphore.read();
        });
        let other = spawn(&semaphore, |semaphore| {
            if semaphore.lock.try_acquire(1) {
                semaphore.read();
            }
        });
        semaphore.write();
        assert_eq!(semaphore.lock.release(2), Ok(()));
        join(waiter);
        join(other);
    });
    explore("a gate", 1, || {
        let event = Guarded::new(Event::new_manual_reset());
        let waiter = spawn(&event, |event| {
            event.lock.wait();
            event.read();
        });
        let other = spawn(&event, |event| {
            if event.lock.is_set() {
                event.read();
            }
        });
        event.write();
        event.lock.set();
        join(waiter);
        join(other);
    });
}
