//! What the locks are made of. `verify/` compiles the other modules with a `sync` of its own: over a simulated parker,
//! and of loom's atomics, which have no `const` constructors.

pub(crate) use core::cell::UnsafeCell;
pub(crate) use core::sync::atomic;
pub(crate) use ntpark::{Backend, Instant, lot};

/// Declares the constructor of a type that contains atomics: a `const fn`.
macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use const_constructor;

/// Looks again before a thread blocks for a lock: ten times, 1 to 2 µs. The pauses in between leave the cache line to
/// whoever has the lock (2 threads with 10 steps inside and outside: 0.6 × the time of looking after each pause). It
/// never yields as [`SpinWait`](ntpark::SpinWait) does: on a busy machine, who yields comes back after milliseconds,
/// too late again, and the lock is handed over late (the benchmark `hog`: 28 ms instead of 1.5).
pub(crate) struct Looks(u32);

impl Looks {
    const LIMIT: u32 = 10;
    const PAUSES: u32 = 4;

    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) const fn reset(&mut self) {
        self.0 = 0;
    }

    /// Pauses. False if it is time to block.
    pub(crate) fn spin(&mut self) -> bool {
        self.0 += 1;
        for _ in 0..Self::PAUSES {
            core::hint::spin_loop();
        }
        self.0 <= Self::LIMIT
    }
}
