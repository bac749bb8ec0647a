//! [`ThreadParker`] and [`UnparkHandle`]: the two-phase protocol, for authors of locks.

use crate::backend::Backend;
use crate::parker::{self, UnparkReason};
use crate::state::{Begin, EMPTY, Prepare, TIMED_OUT, Word};
use crate::sync::{UnsafeCell, assert_words, const_constructor};
use crate::time::Instant;
use core::panic::RefUnwindSafe;
use core::{fmt, ptr};

/// Blocks one thread that waits in the queue of a lock, in two phases.
///
/// The queue is the user's, and has a lock. The thread that waits does, in this order:
///
/// 1. [`prepare_park`](Self::prepare_park), then put itself in the queue, under the lock;
/// 2. anything; an unpark may come from here on, from this thread too;
/// 3. [`park`](Self::park) or [`park_until`](Self::park_until), without the lock;
/// 4. if `park_until` returned false: lock the queue and ask [`timed_out`](Self::timed_out). True: it is
///    still in the queue and takes itself out. False: it has been unparked after all, and what the unpark handed over
///    is its own.
///
/// The thread that wakes it takes it out of the queue and calls [`unpark_lock`](Self::unpark_lock), under the
/// same hold of the lock; unlocks; and then calls [`UnparkHandle::unpark`], which may be slow.
///
/// There is no way to wait on after a time-out: a waiter that finds itself out of the queue has been unparked, and one
/// that is still in it may [prepare](Self::prepare_park) again, under the lock.
///
/// An unpark between 1 and 3 is one atomic operation, and the park then returns immediately: no system call, on any
/// backend. The thread may unpark itself there: that happens when a condition variable moves a waiter to a mutex which
/// that waiter is about to unlock.
///
/// **Ordering.** Everything before `unpark_lock` is visible once `park` has returned, `park_until` has
/// returned true, or `timed_out` has returned false. The queue's lock is not needed for it.
///
/// **Threads.** One thread at a time waits: it calls `prepare_park`, `park`, `park_until` and `timed_out`. While it is
/// parked, and until it has left, another thread that prepares or parks is refused and changes nothing. `unpark_lock`
/// is called at most once for each `prepare_park`. Any other order of calls is safe, but may leave a thread waiting for
/// ever.
///
/// **Lifetime.** Once `park` has returned, `park_until` has returned true or `timed_out` has returned false, the parker
/// may be freed, even if `unpark_lock` has not returned or its handle has not been used. It belongs to one address in
/// one process, and suspended threads delay others on keyed events, as with a [`Parker`](crate::Parker).
///
/// **Layout.** Two words, all zero when new: the state, and which backend. Zero is the process's.
#[repr(C)]
pub struct ThreadParker {
    word: Word,
    backend: OwnBackend,
}

assert_words!(ThreadParker, 2);

/// The backend of a parker's own; it never changes.
///
/// A cell, since the thread that waits may free the parker while another is inside `unpark_lock(&self)`: what a
/// reference points to must stay until the function returns, except what lies in a cell.
#[repr(transparent)]
struct OwnBackend(UnsafeCell<Option<&'static Backend>>);

// SAFETY: it is only read.
unsafe impl Sync for OwnBackend {}
impl RefUnwindSafe for OwnBackend {}

impl OwnBackend {
    const_constructor! {
        fn new(backend: Option<&'static Backend>) -> Self {
            Self(UnsafeCell::new(backend))
        }
    }

    fn get(&self) -> Option<&'static Backend> {
        // SAFETY: nobody writes it.
        self.0.with(|backend| unsafe { *backend })
    }
}

impl ThreadParker {
    const_constructor! {
        /// A parker on the process's backend, which is chosen when a thread first has to block or be woken.
        #[must_use]
        pub fn new() -> Self {
            Self { word: Word::new(), backend: OwnBackend::new(None) }
        }
    }

    const_constructor! {
        /// A parker on a backend of its own. Deadlines are on that backend's clock: see [`Backend::now`].
        #[must_use]
        pub fn with_backend(backend: &'static Backend) -> Self {
            Self { word: Word::new(), backend: OwnBackend::new(Some(backend)) }
        }
    }

    /// The backend that this parker uses. Chooses the process's, if it has none of its own and this is the first use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend.get().copied().unwrap_or_else(Backend::get)
    }

    /// Gets ready to wait: before this thread is put in the queue. Changes nothing while a thread is parked here; see
    /// [`try_prepare_park`](Self::try_prepare_park).
    #[inline]
    pub fn prepare_park(&self) {
        let _ = self.try_prepare_park();
    }

    /// As [`prepare_park`](Self::prepare_park), but detects an occupied parker: false, without a change, from when a
    /// thread parks here until it has left.
    #[must_use]
    #[inline]
    pub fn try_prepare_park(&self) -> bool {
        let mut seen = EMPTY;
        loop {
            match self.word.prepare(seen) {
                Prepare::Prepared => return true,
                Prepare::Busy => return false,
                Prepare::Again { seen: found } => seen = found,
            }
        }
    }

    /// Blocks until unparked. Returns immediately if that has happened since `prepare_park`.
    ///
    /// Without a `prepare_park` before it, it returns immediately. While the process is ending, when nobody is left to
    /// unpark, it ends the process ([`Backend::is_process_ending`]).
    #[inline]
    pub fn park(&self) {
        let _ = self.try_park_until(Instant::MAX);
    }

    /// Blocks until unparked, or until `deadline`. True if unparked. After false,
    /// [`timed_out`](Self::timed_out) has to be asked under the queue's lock.
    ///
    /// False only after the deadline, never before. A past deadline does not block.
    #[inline]
    #[must_use = "after false, `timed_out` decides under the queue's lock"]
    pub fn park_until(&self, deadline: Instant) -> bool {
        self.try_park_until(deadline) != UnparkReason::TimedOut
    }

    /// As [`park_until`](Self::park_until), but detects calls in the wrong order: [`UnparkReason::Busy`],
    /// immediately, if another thread is parked here or `prepare_park` has not come first.
    #[inline]
    #[must_use = "only `Unparked` means that the thread was unparked"]
    pub fn try_park_until(&self, deadline: Instant) -> UnparkReason {
        match self.word.begin_prepared() {
            Begin::Unparked => UnparkReason::Unparked,
            Begin::Busy => UnparkReason::Busy,
            Begin::Wait => self.park_slow(deadline),
        }
    }

    /// Whether a park that ran out of time has not been unparked since. Called with the queue's lock held.
    #[inline]
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.word.is_timed_out()
    }

    /// The first half of an unpark: marks the thread as unparked, quickly, with the queue's lock held. The handle is
    /// for the second half, after unlocking.
    ///
    /// From here on the waiting thread may return and free the parker; the handle stays valid.
    #[inline]
    pub fn unpark_lock(&self) -> UnparkHandle {
        // Before the addition that may be the parker's last moment, the handle takes along what it needs.
        let word = ptr::from_ref(&self.word);
        let backend = self.backend.get();
        if parker::unpark(&self.word) { UnparkHandle { word, backend } } else { UnparkHandle::EMPTY }
    }

    #[cold]
    fn park_slow(&self, deadline: Instant) -> UnparkReason {
        match self.backend.get() {
            Some(backend) => wait(&self.word, backend, deadline),
            None => Backend::block(&self.word, deadline, wait),
        }
    }
}

/// Waits; out of time, the word is TIMED_OUT.
#[inline(never)]
fn wait(word: &Word, backend: &Backend, deadline: Instant) -> UnparkReason {
    parker::wait(word, backend, deadline, TIMED_OUT)
}

impl Default for ThreadParker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ThreadParker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadParker").field(&self.word).finish()
    }
}

/// The second half of an unpark, once the queue's lock is released: wakes the thread, if it blocks.
///
/// An address and the backend, never a reference: the parker may be gone.
///
/// **It has to be used.** If it is dropped instead, the thread that blocks may never wake. On keyed events,
/// that thread can then not time out either.
///
/// **Layout.** Two words, all zero when there is nothing to do.
#[derive(Debug)]
#[must_use = "without `unpark`, the thread may never wake"]
#[repr(C)]
pub struct UnparkHandle {
    word: *const Word,
    backend: Option<&'static Backend>,
}

assert_words!(UnparkHandle, 2);

// SAFETY: the word is an address; waking it may be done by any thread.
unsafe impl Send for UnparkHandle {}

impl UnparkHandle {
    /// Nobody to wake.
    pub(crate) const EMPTY: Self = Self { word: ptr::null(), backend: None };

    /// Wakes the thread, if it blocks. True if it did.
    #[inline]
    pub fn unpark(self) -> bool {
        if self.word.is_null() {
            return false;
        }
        wake(self.word, self.backend);
        true
    }
}

#[cold]
fn wake(word: *const Word, own: Option<&'static Backend>) {
    match own {
        Some(backend) => backend.wake(word),
        None => Backend::with(|backend| backend.wake(word)),
    }
}
