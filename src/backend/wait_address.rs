//! `WaitOnAddress`: compare and block. Since Windows 8.

use super::Waited;
use super::last_error::LastError;
use super::polling::thread_yield;
use crate::state::{PARKED, Word};
use crate::sys::kernel32::{INFINITE, WaitOnAddress, WakeByAddressSingle};
use crate::time::{Clock, Instant, Remaining, milliseconds};

/// The functions of `WaitOnAddress`, and the clock that says when a wait is over.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct WaitAddress {
    wait: WaitOnAddress,
    wake: WakeByAddressSingle,
    pub(super) clock: Clock,
}

impl WaitAddress {
    /// A backend of these functions.
    ///
    /// # Safety
    /// They keep what their types' documentation says, may be called by any thread at any time, never unwind,
    /// and wake each other's waiters. `wait` looks at memory only while it runs, `wake` never.
    #[must_use]
    pub const unsafe fn new(wait: WaitOnAddress, wake: WakeByAddressSingle, clock: Clock) -> Self {
        Self { wait, wake, clock }
    }

    pub(super) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        let timeout = match self.clock.remaining(deadline) {
            Remaining::Passed => return Waited::Expired,
            Remaining::Units(units) => milliseconds(units),
            Remaining::Forever => INFINITE,
        };
        let parked = PARKED;
        let _last_error = LastError::keep();
        // SAFETY: the function is what `new` was promised; both addresses are those of live words of that size, and
        // stay so while it runs.
        let woken =
            unsafe { (self.wait)(word.address().cast(), (&raw const parked).cast(), size_of::<usize>(), timeout) };
        // True may mean nothing and false need not mean the end of the time: the word and the clock decide. But
        // should the call ever fail outright, this turns an empty loop into polling.
        if woken == 0 {
            thread_yield();
        }
        Waited::Woken
    }

    pub(super) fn wake(&self, word: *const Word) {
        // SAFETY: the function is what `new` was promised; it does not read the address, so that may be gone.
        unsafe { (self.wake)(word.cast()) };
    }
}
