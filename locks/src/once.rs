//! [`Once`]: what the first thread that comes does, while the others wait.
//!
//! # The byte
//! | bit | name | meaning |
//! |---|---|---|
//! | 0 | DONE | it has been done; the only bit then |
//! | 1 | POISONED | the last attempt was given up |
//! | 2 | RUNNING | a thread is at it |
//! | 3 | PARKED | threads wait; changed under the bucket's lock, or with DONE |

use crate::key::{Kind, key};
use crate::sync::atomic::AtomicU8;
use crate::sync::lot::{self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult};
use crate::sync::{Instant, Looks, const_constructor};
use crate::word::Word as _;
use core::fmt;
use core::mem;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const DONE: u8 = 1;
const POISONED: u8 = 2;
const RUNNING: u8 = 4;
const PARKED: u8 = 8;

/// Something that is done once: one byte, all zero when new.
///
/// Take it for initialisation that several threads may need first; [`OnceLock`](crate::OnceLock) and
/// [`LazyLock`](crate::LazyLock) hold a value as well.
///
/// - **Costs.** Once done, to ask is one load and a branch.
/// - **Poisoning.** If the initialiser unwinds, later calls panic, until [`call_once_force`](Self::call_once_force) has
///   succeeded.
/// - **Recursion.** A call in its own initialiser never returns.
/// - **Freeing.** It may be freed once no thread will call it and all calls have returned; of the thread that completes
///   it, once another can see that it is done.
/// - **Suspended threads** that wait delay nobody; one that is at it, all.
/// - **The end of the process.** If a killed thread was at it, calls that would wait end the process, and those with a
///   deadline last until then.
#[repr(transparent)]
pub struct Once {
    state: AtomicU8,
}

/// What [`Once::begin`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begin {
    /// It is the caller's to do, who then calls [`Once::complete`] or [`Once::abandon`].
    Run {
        /// Whether the last attempt was given up.
        poisoned: bool,
    },
    /// It has been done.
    Done,
    /// The deadline passed while another thread was at it.
    TimedOut,
}

impl Once {
    const_constructor! {
        /// Nothing has been done yet.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicU8::new(0) }
        }
    }

    /// Whether it has been done. Then all that was done is visible.
    #[inline]
    #[must_use]
    pub fn is_completed(&self) -> bool {
        // Acquire: meets the Release of `complete`.
        self.state.load(Acquire) == DONE
    }

    /// Whether a thread is at it.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state.load(Relaxed) & RUNNING != 0
    }

    /// Whether the last attempt was given up.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.state.load(Relaxed) & POISONED != 0
    }

    /// Runs `initialise`, unless that has been done; waits if another thread is at it.
    ///
    /// # Panics
    /// If an earlier initialiser unwound.
    #[inline]
    pub fn call_once(&self, initialise: impl FnOnce()) {
        if !self.is_completed() {
            self.call_slow(false, |_| initialise());
        }
    }

    /// As [`call_once`](Self::call_once), but also after an initialiser that unwound; tells `initialise` whether one
    /// did.
    #[inline]
    pub fn call_once_force(&self, initialise: impl FnOnce(bool)) {
        if !self.is_completed() {
            self.call_slow(true, initialise);
        }
    }

    #[cold]
    fn call_slow(&self, force: bool, initialise: impl FnOnce(bool)) {
        /// Gives up if the initialiser unwinds.
        struct Attempt<'a>(&'a Once);
        impl Drop for Attempt<'_> {
            fn drop(&mut self) {
                // SAFETY: made by the thread that has begun.
                unsafe { self.0.abandon() };
            }
        }
        if let Begin::Run { poisoned } = self.begin(Instant::MAX) {
            let attempt = Attempt(self);
            assert!(force || !poisoned, "an earlier initialiser has panicked");
            initialise(poisoned);
            mem::forget(attempt);
            // SAFETY: this thread has begun.
            unsafe { self.complete() };
        }
    }

    /// Begins; or waits while another thread is at it, but no longer than until `deadline`.
    pub fn begin(&self, deadline: Instant) -> Begin {
        let mut looks = Looks::new();
        let mut is_late = deadline == Instant::MIN;
        loop {
            // Acquire: meets the Release of `complete`.
            let state = self.state.load(Acquire);
            if state == DONE {
                return Begin::Done;
            }
            if state & RUNNING == 0 {
                // =>RUNNING. Acquire: meets the Release of `abandon`.
                let next = state & PARKED | RUNNING;
                if self.state.compare_exchange_weak(state, next, Acquire, Relaxed).is_ok() {
                    return Begin::Run { poisoned: state & POISONED != 0 };
                }
            } else if is_late {
                return Begin::TimedOut;
            } else if state & PARKED != 0 || !looks.spin() {
                is_late = self.park(|state| state & RUNNING != 0, deadline) == ParkResult::TimedOut;
            }
        }
    }

    /// It has been done: all calls return, and later ones do not wait.
    ///
    /// # Safety
    /// The caller has [begun](Self::begin), and has neither completed nor abandoned it since.
    pub unsafe fn complete(&self) {
        self.end(DONE);
    }

    /// Gives up: another thread may begin, and is told so.
    ///
    /// # Safety
    /// The caller has [begun](Self::begin), and has neither completed nor abandoned it since.
    pub unsafe fn abandon(&self) {
        self.end(POISONED);
    }

    fn end(&self, end: u8) {
        // RUNNING=>end. Release: meets the Acquire of whoever comes later.
        if self.state.compare_exchange(RUNNING, end, Release, Relaxed).is_err() {
            // All in the callback, since it may be gone afterwards.
            let callback = move |_| {
                self.state.store(end, Release);
                DEFAULT_UNPARK_TOKEN
            };
            // SAFETY: the callback changes the byte and calls nothing. Tokens mean nothing in this space.
            unsafe { lot::unpark_filter(key(Kind::Once, self), |_| FilterOp::Unpark, callback) };
        }
    }

    /// Waits until it has been done by another thread, which need not have begun; given up attempts do not count.
    pub fn wait(&self) {
        self.wait_until(Instant::MAX);
    }

    /// As [`wait`](Self::wait), and no longer than until `deadline`. True if it has been done.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        while !self.is_completed() {
            if self.park(|state| state != DONE, deadline) == ParkResult::TimedOut {
                return self.is_completed();
            }
        }
        true
    }

    /// Blocks as long as the byte is such.
    fn park(&self, is_to_wait: fn(u8) -> bool, deadline: Instant) -> ParkResult {
        let validate = move || self.state.change(Relaxed, |state| is_to_wait(state).then_some(state | PARKED));
        let timed_out = |_, was_last| {
            if was_last {
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        // SAFETY: the callbacks change the byte and call nothing. Tokens mean nothing in this space.
        unsafe { lot::park(key(Kind::Once, self), validate, || {}, timed_out, DEFAULT_PARK_TOKEN, deadline) }
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        let names = [(DONE, "done"), (POISONED, "poisoned"), (RUNNING, "a thread is at it"), (PARKED, "threads wait")];
        crate::debug::flags(f, "Once", "new", names.map(|(flag, name)| (state & flag != 0, name)))
    }
}
