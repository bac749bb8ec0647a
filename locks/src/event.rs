//! [`Event`]: something has happened, as Windows' events say it, without a handle.
//!
//! # The byte
//! | bit | name | meaning |
//! |---|---|---|
//! | 0 | SET | it has happened |
//! | 1 | PARKED | threads are in the queue; changed under the bucket's lock |
//! | 2 | MANUAL | stays set until it is reset; never changes |

use crate::key::{Kind, key};
use crate::sync::atomic::AtomicU8;
use crate::sync::lot::{self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken, UnparkResult};
use crate::sync::{Instant, Looks, const_constructor};
use crate::word::Word as _;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const SET: u8 = 1;
const PARKED: u8 = 2;
const MANUAL: u8 = 4;

/// An event: one byte; zero, when new, is unset and automatic.
///
/// An *automatic* event lets one thread through each time it is set, and is unset again thereby: a wake-up for one. One
/// that is reset *manually* lets all threads through as long as it is set: a gate. Take it for what Windows'
/// `CreateEvent` is taken for, without a handle or a system call if nobody waits; if one thread alone waits,
/// [`Parker`](ntpark::Parker) is less.
///
/// - **Costs.** To set is one atomic operation if nobody waits.
/// - **Fairness.** First come, first served. A set that finds a waiter lets that one through.
/// - **Counts.** An automatic event that is set already does not count a further set.
/// - **Time-outs** are never early, and never spend a set.
/// - **Freeing.** It may be freed once no thread waits for it or will call it: a set does not touch it after a thread
///   could get through.
/// - **Suspended threads** that wait delay nobody.
/// - **The end of the process.** Waits that nobody is left to end: those with a deadline last until then, and those
///   without end the process.
#[repr(transparent)]
pub struct Event {
    state: AtomicU8,
}

impl Event {
    const_constructor! {
        /// Unset, and automatic: lets one thread through each time it is set.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicU8::new(0) }
        }
    }

    const_constructor! {
        /// Unset, and manual: lets all threads through until it is reset.
        #[must_use]
        pub fn new_manual_reset() -> Self {
            Self { state: AtomicU8::new(MANUAL) }
        }
    }

    /// Sets it. All before this is visible to whoever it lets through.
    #[inline]
    pub fn set(&self) {
        // =>SET, also if it was: Release meets the Acquire of whoever gets through, also with an older set.
        if !self.state.change(Release, |state| (state & PARKED == 0).then_some(state | SET)) {
            self.set_slow();
        }
    }

    /// Sets it where somebody may wait; all in the callback, since it may be gone afterwards.
    #[cold]
    fn set_slow(&self) {
        let mut is_through = false;
        let filter = |_: ParkToken| {
            // Somebody waits.
            if is_through && self.state.load(Relaxed) & MANUAL == 0 {
                return FilterOp::Stop;
            }
            is_through = true;
            FilterOp::Unpark
        };
        let callback = |result: UnparkResult| {
            let parked = if result.have_more_threads { PARKED } else { 0 };
            // Release: as in `set`.
            self.state.change(Release, |state| {
                let is_spent = result.unparked_threads > 0 && state & MANUAL == 0;
                let set = if is_spent { state & SET } else { SET };
                Some(state & MANUAL | parked | set)
            });
            DEFAULT_UNPARK_TOKEN
        };
        // SAFETY: the callbacks change the byte and call nothing. Tokens mean nothing in this space.
        unsafe { lot::unpark_filter(key(Kind::Event, self), filter, callback) };
    }

    /// Unsets it. True if it was set; then all before that is visible.
    #[inline]
    pub fn reset(&self) -> bool {
        // Acquire: meets the Release of `set`.
        self.state.fetch_and(!SET, Acquire) & SET != 0
    }

    /// Whether it is set now. Then all before that is visible.
    #[inline]
    #[must_use]
    pub fn is_set(&self) -> bool {
        // Acquire: meets the Release of `set`.
        self.state.load(Acquire) & SET != 0
    }

    /// Gets through, and waits until it is set.
    #[inline]
    pub fn wait(&self) {
        if !self.try_wait() {
            self.wait_slow(Instant::MAX);
        }
    }

    /// Gets through if it is set. True if it did.
    #[inline]
    #[must_use = "false means that it is not set"]
    pub fn try_wait(&self) -> bool {
        // Acquire: meets the Release of `set`.
        self.state.change(Acquire, |state| {
            let next = if state & MANUAL == 0 { state & !SET } else { state };
            (state & SET != 0).then_some(next)
        })
    }

    /// Gets through, and waits no longer than until `deadline`. True if it did.
    #[inline]
    #[must_use = "false means that it is not set"]
    pub fn wait_until(&self, deadline: Instant) -> bool {
        self.try_wait() || self.wait_slow(deadline)
    }

    #[cold]
    fn wait_slow(&self, deadline: Instant) -> bool {
        if deadline == Instant::MIN {
            return false;
        }
        let mut looks = Looks::new();
        loop {
            if self.try_wait() {
                return true;
            }
            // Those in the queue go first.
            if self.state.load(Relaxed) & PARKED == 0 && looks.spin() {
                continue;
            }
            match self.park(deadline) {
                ParkResult::Invalid => {}
                ParkResult::Unparked(_) => return true,
                ParkResult::TimedOut => return self.try_wait(),
            }
        }
    }

    fn park(&self, deadline: Instant) -> ParkResult {
        // =>PARKED, as long as it is not set.
        let validate = || self.state.change(Relaxed, |state| (state & SET == 0).then_some(state | PARKED));
        let timed_out = |_, was_last| {
            if was_last {
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        // SAFETY: the callbacks change the byte and call nothing. Tokens mean nothing in this space.
        unsafe { lot::park(key(Kind::Event, self), validate, || {}, timed_out, DEFAULT_PARK_TOKEN, deadline) }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        let names = [(SET, "set"), (MANUAL, "manual"), (PARKED, "threads wait")];
        crate::debug::flags(f, "Event", "unset", names.map(|(flag, name)| (state & flag != 0, name)))
    }
}
