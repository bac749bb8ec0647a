//! [`Semaphore`]: permits that threads take and give back.
//!
//! # The word
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | PARKED | threads are in the queue; then the word changes under the bucket's lock alone |
//! | 1… | permits | how many there are |

use crate::key::{Kind, key};
use crate::sync::atomic::AtomicU32;
use crate::sync::lot::{self, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken, UnparkResult};
use crate::sync::{Instant, Looks, const_constructor};
use crate::word::Word as _;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const PARKED: u32 = 1;
/// One permit.
const PERMIT: u32 = 2;

/// A counting semaphore: one 32-bit word; zero, when new, is no permits.
///
/// Take it to bound how many threads do something at once, or to count what others produce. A release may come from any
/// thread.
///
/// - **Costs.** To acquire and to release are one atomic operation each if nobody waits.
/// - **Fairness.** First come, first served: nobody overtakes, so a thread that needs many permits gets them, and those
///   behind it wait until then. This costs throughput where permits change hands faster than threads are switched.
/// - **Time-outs** are never early; those behind a thread that gives up get what is there.
/// - **Freeing.** It may be freed once no thread waits for it or will call it: a release does not touch it after
///   another thread could have its permits.
/// - **Suspended threads** that wait keep what has been given to them, and those behind them are served.
/// - **The end of the process.** Permits that killed threads had are lost: calls that would wait end the process, and
///   those with a deadline last until then.
#[repr(transparent)]
pub struct Semaphore {
    state: AtomicU32,
}

/// There would be more permits than [`Semaphore::MAX_PERMITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooManyPermits;

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a semaphore has no room for so many permits")
    }
}

impl core::error::Error for TooManyPermits {}

impl Semaphore {
    /// How many permits there can be: 2^31 - 1.
    pub const MAX_PERMITS: u32 = u32::MAX / PERMIT;

    const_constructor! {
        /// With so many permits.
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[must_use]
        // So that a number that is right leaves no panic, also where each module is compiled by itself.
        #[inline]
        pub fn new(permits: u32) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "a semaphore has no room for so many permits");
            Self { state: AtomicU32::new(permits * PERMIT) }
        }
    }

    /// Takes so many permits, and waits until it is served. For more than [`MAX_PERMITS`](Self::MAX_PERMITS), for ever.
    #[inline]
    pub fn acquire(&self, permits: u32) {
        if !self.try_acquire(permits) {
            self.acquire_slow(permits, Instant::MAX);
        }
    }

    /// Takes so many permits if they are there and nobody waits. True if it did.
    #[inline]
    #[must_use = "false means that there are no permits"]
    pub fn try_acquire(&self, permits: u32) -> bool {
        // Acquire: meets the Release of `release`.
        self.state.change(Acquire, |state| taken(state, permits))
    }

    /// Takes so many permits, and waits no longer than until `deadline`. True if it has them.
    #[inline]
    #[must_use = "false means that there are no permits"]
    pub fn try_acquire_until(&self, permits: u32, deadline: Instant) -> bool {
        self.try_acquire(permits) || self.acquire_slow(permits, deadline)
    }

    #[cold]
    fn acquire_slow(&self, permits: u32, deadline: Instant) -> bool {
        if deadline == Instant::MIN {
            return false;
        }
        let mut looks = Looks::new();
        loop {
            if self.try_acquire(permits) {
                return true;
            }
            // Nobody overtakes those in the queue.
            if self.state.load(Relaxed) & PARKED == 0 && looks.spin() {
                continue;
            }
            match self.park(permits, deadline) {
                ParkResult::Invalid => {}
                ParkResult::Unparked(_) => return true,
                ParkResult::TimedOut => {
                    // Those behind this one may need less.
                    self.serve(0);
                    return self.try_acquire(permits);
                }
            }
        }
    }

    fn park(&self, permits: u32, deadline: Instant) -> ParkResult {
        // =>PARKED, as long as the permits are not there.
        let validate =
            move || self.state.change(Relaxed, |state| taken(state, permits).is_none().then_some(state | PARKED));
        let timed_out = |_, was_last| {
            if was_last {
                self.state.fetch_and(!PARKED, Relaxed);
            }
        };
        let token = ParkToken(permits as usize);
        // SAFETY: the callbacks change the word and call nothing. Who parks in this space knows these tokens.
        unsafe { lot::park(key(Kind::Semaphore, self), validate, || {}, timed_out, token, deadline) }
    }

    /// Gives so many permits: to those that wait, and the rest to whoever comes.
    ///
    /// # Errors
    /// [`TooManyPermits`] if there is no room for them; then nothing has changed.
    #[inline]
    pub fn release(&self, permits: u32) -> Result<(), TooManyPermits> {
        let next = |state| if state & PARKED == 0 { given(state, permits) } else { None };
        // Release: meets the Acquire of whoever takes these permits, though others are released after them.
        if self.state.change(Release, next) || self.serve(permits) { Ok(()) } else { Err(TooManyPermits) }
    }

    /// Gives permits where somebody may wait; all in the callback, since it may be gone afterwards. False if there is
    /// no room for them.
    #[cold]
    fn serve(&self, permits: u32) -> bool {
        let spent = Cell::new(0_usize);
        let mut has_room = false;
        let filter = |token: ParkToken| {
            // Somebody waits, so nobody else changes it.
            let available = given(self.state.load(Relaxed), permits).unwrap_or(0) / PERMIT;
            // Saturating: what one thread wants may be all that a word holds.
            match spent.get().saturating_add(token.0) {
                needed if needed <= available as usize => {
                    spent.set(needed);
                    FilterOp::Unpark
                }
                _ => FilterOp::Stop,
            }
        };
        let callback = |result: UnparkResult| {
            let parked = if result.have_more_threads { PARKED } else { 0 };
            // Release: as in `release`. Acquire: who is served with permits of earlier releases meets them here.
            has_room = self.state.change(AcqRel, |state| {
                given(state & !PARKED, permits).map(|next| (next - spent.get() as u32 * PERMIT) | parked)
            });
            DEFAULT_UNPARK_TOKEN
        };
        // SAFETY: the callbacks change the word and call nothing. Who parks in this space knows these tokens.
        unsafe { lot::unpark_filter(key(Kind::Semaphore, self), filter, callback) };
        has_room
    }

    /// How many permits there are now.
    #[must_use]
    pub fn available_permits(&self) -> u32 {
        self.state.load(Relaxed) / PERMIT
    }
}

/// The word without these permits, if they are there and nobody waits.
const fn taken(state: u32, permits: u32) -> Option<u32> {
    if state & PARKED == 0 && state / PERMIT >= permits { Some(state - permits * PERMIT) } else { None }
}

/// The word with these permits, if there is room.
const fn given(state: u32, permits: u32) -> Option<u32> {
    if Semaphore::MAX_PERMITS - state / PERMIT >= permits { Some(state + permits * PERMIT) } else { None }
}

impl Default for Semaphore {
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        let more = if state & PARKED == 0 { "" } else { " + threads wait" };
        write!(f, "Semaphore({} permits{more})", state / PERMIT)
    }
}
