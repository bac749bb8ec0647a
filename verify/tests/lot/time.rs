//! Time as the simulated parker has it, and a clock that tests set.

use std::cell::Cell;

thread_local! {
    /// Shuttle runs all threads of an execution on one thread of the system.
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// As a deadline, how often a thread looks before it is out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u64::MAX);

    pub(crate) const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    pub(crate) const fn ticks(self) -> u64 {
        self.0
    }

    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }
}

pub(crate) fn set_now(ticks: u64) {
    NOW.set(ticks);
}
