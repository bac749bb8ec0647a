//! [`Barrier`]: threads that wait for each other.
//!
//! # The word
//! | bits | name | meaning |
//! |---|---|---|
//! | 0…15 | arrived | how many threads of the round have arrived |
//! | 16…31 | round | how many rounds are over, modulo 65,536 |

use crate::key::{Kind, key};
use crate::sync::atomic::AtomicU32;
use crate::sync::lot::{self, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken};
use crate::sync::{Instant, Looks, const_constructor};
use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// One round; below, how many have arrived.
const ROUND: u32 = 1 << 16;

/// A barrier for up to 65,535 threads: one 32-bit word, all zero when new. How many meet there, each says when it
/// arrives.
///
/// Take it for threads that do a step together and begin the next one together. Further rounds need no preparation; and
/// with more threads than meet in a round, some meet in the next one.
///
/// - **Time-outs** are never early; a thread that gives up has not arrived.
/// - **Freeing.** It may be freed once each thread that has arrived has returned, except the last to arrive: that does
///   not touch it after the others could return.
/// - **Suspended threads** that wait delay nobody, once they have arrived.
/// - **The end of the process.** Nobody else arrives any more: waits with a deadline last until then, and those without
///   end the process.
#[repr(transparent)]
pub struct Barrier {
    state: AtomicU32,
}

/// How a wait at a [`Barrier`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BarrierWait {
    /// All have arrived, and this thread was the last one: one of each round.
    Last,
    /// All have arrived.
    Met,
    /// The deadline passed, and this thread has not arrived.
    TimedOut,
}

impl Barrier {
    const_constructor! {
        /// Nobody has arrived.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicU32::new(0) }
        }
    }

    /// Arrives, and waits until `threads` have, this one included; 0 is as 1. True for one thread of them: the last
    /// one. All threads of a round must name the same number.
    #[inline]
    pub fn wait(&self, threads: u16) -> bool {
        self.wait_until(threads, Instant::MAX) == BarrierWait::Last
    }

    /// As [`wait`](Self::wait), and waits no longer than until `deadline`.
    pub fn wait_until(&self, threads: u16, deadline: Instant) -> BarrierWait {
        let mut state = self.state.load(Relaxed);
        loop {
            let is_last = state % ROUND + 1 >= u32::from(threads);
            let next = if is_last { (state - state % ROUND).wrapping_add(ROUND) } else { state + 1 };
            // AcqRel: meets all that have arrived before, and all that arrive later.
            match self.state.compare_exchange_weak(state, next, AcqRel, Relaxed) {
                Ok(_) if is_last => {
                    Self::release(self, state / ROUND);
                    return BarrierWait::Last;
                }
                Ok(_) => return self.await_others(state / ROUND, deadline),
                Err(found) => state = found,
            }
        }
    }

    /// Wakes those that wait for the end of this round. The barrier may be gone.
    fn release(barrier: *const Self, round: u32) {
        let filter = move |token: ParkToken| {
            if token.0 == round as usize { FilterOp::Unpark } else { FilterOp::Skip }
        };
        // SAFETY: nothing is called. Who parks in this space knows that tokens are rounds, and looks at the word again.
        unsafe { lot::unpark_filter(key(Kind::Barrier, barrier), filter, |_| DEFAULT_UNPARK_TOKEN) };
    }

    /// Waits for the end of the round in which this thread has arrived.
    fn await_others(&self, round: u32, deadline: Instant) -> BarrierWait {
        let mut looks = Looks::new();
        // Acquire: meets the last to arrive, and thereby all.
        while self.state.load(Acquire) / ROUND == round {
            if !looks.spin() && self.park(round, deadline) == ParkResult::TimedOut {
                return self.give_up(round);
            }
        }
        BarrierWait::Met
    }

    fn park(&self, round: u32, deadline: Instant) -> ParkResult {
        let validate = move || self.state.load(Relaxed) / ROUND == round;
        let token = ParkToken(round as usize);
        // SAFETY: the callbacks call nothing. Who parks in this space knows these tokens.
        unsafe { lot::park(key(Kind::Barrier, self), validate, || {}, |_, _| {}, token, deadline) }
    }

    /// Takes back that this thread has arrived, unless all have.
    fn give_up(&self, round: u32) -> BarrierWait {
        let mut state = self.state.load(Acquire);
        while state / ROUND == round {
            match self.state.compare_exchange_weak(state, state - 1, Relaxed, Acquire) {
                Ok(_) => return BarrierWait::TimedOut,
                Err(found) => state = found,
            }
        }
        BarrierWait::Met
    }
}

impl Default for Barrier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        write!(f, "Barrier({} arrived, round {})", state % ROUND, state / ROUND)
    }
}
