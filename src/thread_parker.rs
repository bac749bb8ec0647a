//! [`ThreadParker`] and [`UnparkHandle`]: the two-phase protocol, for those who build locks.

use crate::backend::Backend;
use crate::parker::UnparkReason;
use crate::state::{EMPTY, Event, Outcome, Step, Word};
use crate::sync::const_unless_loom;
use crate::time::Instant;
use core::{fmt, ptr};
use static_assertions::const_assert;

/// Blocks one thread in a queue of somebody's own, in two phases.
///
/// The queue has a lock. The thread that waits does, in this order:
///
/// 1. [`prepare_park`](Self::prepare_park), then put itself in the queue, under the lock;
/// 2. anything, also what makes another thread, or itself, unpark it;
/// 3. [`park`](Self::park) or [`park_until`](Self::park_until), without the lock;
/// 4. if `park_until` returned false: lock the queue and ask [`timed_out`](Self::timed_out). True: it is
///    still in the queue and takes itself out. False: it has been unparked meanwhile after all.
///
/// The thread that wakes it takes it out of the queue and calls [`unpark_lock`](Self::unpark_lock), under the
/// lock; unlocks; and then calls [`UnparkHandle::unpark`], which may be slow.
///
/// An unpark that meets a thread between 1 and 3 is one atomic operation, and that thread's park returns at
/// once: no system call, on any backend. That thread may be the one that unparks: it happens when a condition
/// variable moves a waiter over to a mutex which that waiter is about to unlock.
///
/// **Ordering.** What happened before `unpark_lock` is visible once `park` has returned, `park_until` has
/// returned true, or `timed_out` has returned false. The queue's lock is not relied on for it.
///
/// **Who may call.** One thread at a time waits: `prepare_park`, `park`, `park_until` and `timed_out` are
/// that thread's. `unpark_lock` is called once for each `prepare_park` at the most. Other orders are
/// safe, but then a thread may block for ever.
///
/// **Layout.** Two words, all zero when new: the state, and which backend. Zero is the process's.
#[repr(C)]
pub struct ThreadParker {
    word: Word,
    backend: Option<&'static Backend>,
}

const_assert!(cfg!(loom) || size_of::<ThreadParker>() == 2 * size_of::<usize>());
#[cfg(not(loom))]
static_assertions::assert_eq_align!(ThreadParker, usize);
#[cfg(not(loom))]
static_assertions::assert_impl_all!(ThreadParker: Send, Sync, core::panic::RefUnwindSafe);

impl ThreadParker {
    const_unless_loom! {
        /// A parker of the process's backend, which is only looked at when a thread really has to block or be woken.
        #[must_use]
        pub fn new() -> Self {
            Self { word: Word::new(), backend: None }
        }
    }

    const_unless_loom! {
        /// A parker of a backend of its own. Deadlines are those of its clock, see [`Backend::now`].
        #[must_use]
        pub fn with_backend(backend: &'static Backend) -> Self {
            Self { word: Word::new(), backend: Some(backend) }
        }
    }

    /// The backend it parks on. Chooses the process's, if it has none of its own and this is the first use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend.copied().unwrap_or_else(Backend::get)
    }

    /// Gets ready to wait: before this thread is put in the queue.
    #[inline]
    pub fn prepare_park(&self) {
        self.word.apply(Event::Arm);
    }

    /// As [`prepare_park`](Self::prepare_park), for callers who are not known to keep the order: false, and
    /// nothing is changed, while a thread is parked here.
    #[must_use]
    pub fn try_prepare_park(&self) -> bool {
        let mut step = self.word.apply(Event::Claim { seen: EMPTY });
        while let Step::Do(event) = step {
            step = self.word.apply(event);
        }
        step == Step::Return(Outcome::Done)
    }

    /// Blocks until unparked. Returns at once if that has happened since `prepare_park`.
    ///
    /// Without a `prepare_park` before it, it returns at once and has waited for nothing.
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

    /// As [`park_until`](Self::park_until), but tells calls in the wrong order apart: [`UnparkReason::Busy`],
    /// at once, if another thread is parked here or `prepare_park` has not come first.
    #[inline]
    pub fn try_park_until(&self, deadline: Instant) -> UnparkReason {
        match self.word.apply(Event::Block) {
            Step::Return(outcome) => outcome.into(),
            _ => self.park_slow(deadline).into(),
        }
    }

    /// Whether a park that ran out of time has not been unparked since. Called with the queue's lock held.
    #[inline]
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.word.apply(Event::Query) == Step::Return(Outcome::TimedOut)
    }

    /// Marks the thread as unparked, quickly, with the queue's lock held. The handle does what is left to do,
    /// after unlocking.
    ///
    /// From here on the thread may return and free the parker; the handle does not mind.
    #[inline]
    pub fn unpark_lock(&self) -> UnparkHandle {
        // Before the store that may be the parker's last moment, the handle takes along what it needs.
        let word = ptr::from_ref(&self.word);
        let backend = self.backend;
        match self.word.apply(Event::Notify) {
            Step::Wake => UnparkHandle { word, backend },
            _ => UnparkHandle::EMPTY,
        }
    }

    #[cold]
    fn park_slow(&self, deadline: Instant) -> Outcome {
        match self.backend {
            Some(backend) => backend.await_notice_here(&self.word, deadline),
            None => Backend::await_notice(&self.word, deadline),
        }
    }
}

impl Default for ThreadParker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ThreadParker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadParker").finish_non_exhaustive()
    }
}

/// What is left to do of an unpark, once the queue's lock is released: wake the thread, if it blocks.
///
/// An address and the backend, never a reference: the parker may be gone.
///
/// **It has to be used.** If it is dropped instead, the thread that blocks may never wake. On keyed events,
/// that thread can then not time out either.
///
/// Two words, all zero when there is nothing to do.
#[derive(Debug)]
#[must_use = "without `unpark`, the thread may never wake"]
#[repr(C)]
pub struct UnparkHandle {
    word: *const Word,
    backend: Option<&'static Backend>,
}

const_assert!(size_of::<UnparkHandle>() == 2 * size_of::<usize>());

// SAFETY: the word is an address; waking it may be done by any thread.
unsafe impl Send for UnparkHandle {}

impl UnparkHandle {
    const EMPTY: Self = Self { word: ptr::null(), backend: None };

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
