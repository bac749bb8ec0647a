//! No spin: to loom, a look that finds nothing is one more interleaving of the same. How often a park would have spun
//! is counted.

use crate::backend::Backend;
use crate::state::Word;
use crate::time::Instant;
use std::cell::Cell;

thread_local! {
    /// loom runs all threads of an execution on one thread of the system.
    static SPINS: Cell<u32> = const { Cell::new(0) };
}

/// For locks; that of a bucket looks without this, see `LOOKS`.
pub(crate) struct SpinWait;

impl SpinWait {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn spin(&mut self) -> bool {
        false
    }

    pub(crate) fn spin_no_yield(&mut self) {
        loom::thread::yield_now();
    }

    pub(crate) fn reset(&mut self) {}
}

pub(crate) fn spin(_: &Word, _: &Backend, _: Instant) {
    SPINS.set(SPINS.get() + 1);
}

/// How often since this was last asked.
pub(crate) fn spins() -> u32 {
    SPINS.replace(0)
}
