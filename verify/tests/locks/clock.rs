//! How time passes for the patience of locks.

use crate::time::{Instant, set_now};
use std::cell::Cell;

/// When the clock starts, if there is one: later than the bits of a lock can say.
const START: u64 = ((1 << 14) + 100) << 9;
/// How far the clock advances with each change of a lock: a few, and a waiter is overdue.
const PACE: u64 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Each waiter is overdue.
    No,
    /// None is.
    Standing,
    /// Some are, as the schedule will have it.
    Running,
}

thread_local! {
    /// Shuttle runs all threads of an execution on one thread of the system.
    static CLOCK: Cell<Clock> = const { Cell::new(Clock::No) };
}

impl Clock {
    pub(crate) const ALL: [Self; 3] = [Self::No, Self::Standing, Self::Running];

    pub(crate) fn start(self) {
        CLOCK.set(self);
        set_now(if self == Self::No { 0 } else { START });
    }
}

/// Lets time pass.
pub(crate) fn advance(ticks: u64) {
    set_now(Instant::now().ticks() + ticks);
}

/// A lock is about to be changed.
pub(crate) fn tick() {
    if CLOCK.get() == Clock::Running {
        advance(PACE);
    }
}
