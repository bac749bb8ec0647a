//! [`Condvar`]: waiting until another thread says that something has changed.
//!
//! # The word
//! Null if nobody waits; the address of the mutex that all waiters have unlocked; or [`MIXED`], if they have several,
//! or one that is no [`RawMutex`]. It changes under the bucket's lock alone. As long as it names a mutex, a thread is
//! in the queue that will lock that mutex, which is alive therefore.

use crate::key::{Kind, key};
use crate::mutex::{COMPETE, HANDED_OVER, RawMutex};
use crate::patience::coarse_now;
use crate::sync::atomic::AtomicPtr;
use crate::sync::lot::{self, DEFAULT_PARK_TOKEN, Key, ParkResult, RequeueOp, UnparkResult, UnparkToken};
use crate::sync::{Backend, Instant, const_constructor};
use core::fmt;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

/// Waiters of several mutexes, or of one that is not ours. No mutex lies at an odd address.
const MIXED: *mut RawMutex = ptr::without_provenance_mut(1);
static_assertions::const_assert!(align_of::<RawMutex>() > 1);

/// The thread has been notified, and has yet to lock its mutex.
const NOTIFIED: UnparkToken = UnparkToken(0);
static_assertions::const_assert!(NOTIFIED.0 != COMPETE.0 && NOTIFIED.0 != HANDED_OVER.0);

/// A condition variable: one word, all zero when nobody waits.
///
/// Take it to wait for anything that a mutex guards: lock; while it is not as you want it, [`wait`](Self::wait). Who
/// changes it, [notifies](Self::notify_one). For one flag, an [`Event`](crate::Event) is less; for an atomic, a
/// [futex](ntpark::futex).
///
/// - **Wakeups** are never spurious, and counts are exact: each thread that a notify counts returns as notified, even
///   if its deadline passes meanwhile, and no other does. First come, first served.
/// - **Costs.** Notifying nobody is one load. Threads that wait with one [`Mutex`](crate::Mutex) or [`RawMutex`] are
///   moved to its queue while it is locked, instead of being woken only to find it locked.
/// - **Mutexes.** Any other that [`lock_api`] knows works as well, by [`wait_with`](Self::wait_with); it is locked
///   again by its own code. Threads may wait with several mutexes at once.
/// - **Time-outs** are never early. To lock the mutex again has no limit.
/// - **Freeing.** It may be freed once no thread will call it and all that wait have returned or have been notified: a
///   notify does not touch it after the last thread that it notifies could return. A thread whose deadline passes
///   touches it until it returns.
/// - **Suspended threads** that wait delay nobody as long as others lock and unlock the mutex, as there.
/// - **The end of the process.** Notifies find nobody; a wait with a deadline lasts until then, and one without ends
///   the process.
#[repr(transparent)]
pub struct Condvar {
    mutex: AtomicPtr<RawMutex>,
}

impl Condvar {
    const_constructor! {
        /// A condition variable that nobody waits for.
        #[must_use]
        pub fn new() -> Self {
            Self { mutex: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Unlocks the mutex, waits until notified, and locks it again.
    ///
    /// # Safety
    /// The mutex is locked, by the caller or on its behalf.
    #[inline]
    pub unsafe fn wait_raw(&self, mutex: &RawMutex) {
        // SAFETY: as the caller promises.
        unsafe { self.wait_raw_until(mutex, Instant::MAX) };
    }

    /// As [`wait_raw`](Self::wait_raw), and waits no longer than until `deadline`. True if notified.
    ///
    /// # Safety
    /// The mutex is locked, by the caller or on its behalf.
    pub unsafe fn wait_raw_until(&self, mutex: &RawMutex, deadline: Instant) -> bool {
        let own_key = self.key();
        let mut was_moved = false;
        let timed_out = |key, was_last| {
            was_moved = key != own_key;
            if was_moved {
                mutex.left(was_last);
            } else {
                self.left(was_last);
            }
        };
        // SAFETY: as the caller promises.
        let unlock = || unsafe { mutex.unlock() };
        match self.park(ptr::from_ref(mutex).cast_mut(), unlock, timed_out, deadline) {
            ParkResult::Unparked(HANDED_OVER) => true,
            ParkResult::Unparked(COMPETE) => {
                mutex.lock_woken();
                true
            }
            result => {
                mutex.lock();
                // Who has been moved has been notified.
                result.is_unparked() || was_moved
            }
        }
    }

    /// Waits with any mutex: `unlock` unlocks it, once the thread cannot miss a notify any more, and the caller locks
    /// it again when this has returned. True if notified. If `unlock` unwinds, the thread does not wait.
    ///
    /// # Safety
    /// `unlock` does not wait for anything of this crate's, or of the [lot](ntpark::lot).
    pub unsafe fn wait_unlocked_until(&self, unlock: impl FnOnce(), deadline: Instant) -> bool {
        self.park(MIXED, unlock, |_, was_last| self.left(was_last), deadline).is_unparked()
    }

    /// Queues the thread, unlocks its mutex, and blocks. `mutex` is its address, or [`MIXED`].
    fn park(
        &self,
        mutex: *mut RawMutex,
        unlock: impl FnOnce(),
        timed_out: impl FnOnce(Key, bool),
        deadline: Instant,
    ) -> ParkResult {
        let validate = move || {
            let others = self.mutex.load(Relaxed);
            self.mutex.store(if others.is_null() || others == mutex { mutex } else { MIXED }, Relaxed);
            true
        };
        // SAFETY: the callbacks under the lock change words and call nothing; `unlock` does not park, or is the mutex's
        // that the user has chosen. Who parks in this space knows these tokens.
        unsafe { lot::park(self.key(), validate, unlock, timed_out, DEFAULT_PARK_TOKEN, deadline) }
    }

    fn key(&self) -> Key {
        key(Kind::Condvar, self)
    }

    /// A waiter has left the queue, or is about to. Called under the bucket's lock.
    fn left(&self, was_last: bool) {
        if was_last {
            self.mutex.store(ptr::null_mut(), Relaxed);
        }
    }

    /// Notifies the thread that has waited longest. True if there was one.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.notify(1) == 1
    }

    /// Notifies all threads that wait, and returns how many.
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.notify(usize::MAX)
    }

    /// Notifies the `count` threads that have waited longest, or as many as there are, and returns how many.
    #[inline]
    pub fn notify(&self, count: usize) -> usize {
        // A thread that has to be found has unlocked its mutex before the caller locked it.
        if self.mutex.load(Relaxed).is_null() || count == 0 { 0 } else { self.notify_slow(count) }
    }

    #[cold]
    fn notify_slow(&self, count: usize) -> usize {
        loop {
            let mutex = self.mutex.load(Relaxed);
            // While the process ends, the waiters are dead, and their mutex may be gone.
            if mutex.is_null() || Backend::get().is_process_ending() {
                return 0;
            }
            if let Some(notified) = self.notify_waiters(mutex, count) {
                return notified;
            }
        }
    }

    /// Moves waiters to the queue of their mutex, and wakes the first one instead if it is free; if they have several,
    /// wakes them. None if not all waiters have this mutex any more.
    fn notify_waiters(&self, mutex: *const RawMutex, count: usize) -> Option<usize> {
        let now = coarse_now();
        let to = if ptr::eq(mutex, MIXED) { self.key() } else { key(Kind::Mutex, mutex) };
        let mut is_current = false;
        let validate = || {
            is_current = ptr::eq(self.mutex.load(Relaxed), mutex);
            if is_current && ptr::eq(mutex, MIXED) {
                return RequeueOp::Count { unpark: count, requeue: 0 };
            }
            // SAFETY: if it is the current one, a thread is in the queue that will lock it.
            match is_current.then(|| unsafe { &*mutex }.mark_parked(0, false, now)) {
                None => RequeueOp::Abort,
                Some(true) => RequeueOp::Count { unpark: 0, requeue: count },
                Some(false) => RequeueOp::Count { unpark: 1, requeue: count - 1 },
            }
        };
        let callback = move |_, result: UnparkResult| {
            if result.unparked_threads > 0 && result.requeued_threads > 0 {
                // The thread that is woken wakes those that are moved, when it unlocks. SAFETY: as above.
                unsafe { &*mutex }.mark_parked(0, true, now);
            }
            self.left(!result.have_more_threads);
            NOTIFIED
        };
        // SAFETY: the callbacks change words and call nothing. Who parks in these spaces knows these tokens.
        let result = unsafe { lot::unpark_requeue(self.key(), to, validate, callback) };
        is_current.then_some(result.unparked_threads + result.requeued_threads)
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = !self.mutex.load(Relaxed).is_null();
        crate::debug::flags(f, "Condvar", "nobody waits", [(waits, "threads wait")])
    }
}
