//! `WaitOnAddress`: compare and block. Since Windows 8.

use crate::backend::process::Process;
use crate::state::{PARKED, Word};
use crate::sys::kernel32::{ERROR_TIMEOUT, INFINITE, WaitOnAddress, WakeByAddressSingle};
use crate::sys::last_error::LastError;
use crate::sys::loader::{Nt, SYNCH};
use crate::sys::thread::nap;
use crate::time::{Instant, Remaining, Waited, milliseconds};
use core::ffi::c_void;
use core::mem::transmute;

/// The backend on `WaitOnAddress`, since Windows 8.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct WaitAddress {
    pub(crate) process: Process,
    functions: WaitAddressFunctions,
}

/// Functions that keep what their types' documentation says, may be called by any thread at any time, never unwind,
/// and wake each other's waiters.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct WaitAddressFunctions {
    pub(crate) wait: WaitOnAddress,
    pub(crate) wake: WakeByAddressSingle,
}

impl WaitAddressFunctions {
    /// The system's. None if it lacks one.
    #[inline(always)]
    pub(crate) fn find(nt: Nt) -> Option<Self> {
        let synch = nt.module(SYNCH)?;
        let wait = synch.function(c"WaitOnAddress");
        // SAFETY: null or what the system exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<WaitOnAddress>>(wait) }?;
        let wake = synch.function(c"WakeByAddressSingle");
        // SAFETY: as above.
        let wake = unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(wake) }?;
        Some(Self { wait, wake })
    }
}

impl WaitAddress {
    /// A backend of these functions.
    ///
    /// # Safety
    /// They are what [`WaitAddressFunctions`] says. `wait` looks at memory only while it runs, `wake` never.
    pub(crate) const unsafe fn new(process: Process, functions: WaitAddressFunctions) -> Self {
        Self { process, functions }
    }

    pub(crate) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        let timeout = match self.process.remaining(deadline) {
            Remaining::Passed => return Waited::Expired,
            Remaining::Units(units) => milliseconds(units),
            Remaining::Forever => INFINITE,
        };
        let parked = PARKED;
        let last_error = LastError::keep();
        // SAFETY: the function is what `new` was promised; both addresses are those of live words of that size, and
        // stay so while it runs.
        let woken = unsafe {
            (self.functions.wait)(word.address().cast(), (&raw const parked).cast(), size_of::<usize>(), timeout)
        };
        // True may mean nothing and false need not mean the end of the time: the word and the clock decide. But
        // should the call fail outright, this turns an empty loop into polling.
        if woken == 0 && last_error.now() != ERROR_TIMEOUT {
            nap();
        }
        Waited::Woken
    }

    pub(crate) fn wake(&self, word: *const Word) {
        if !self.process.is_ending() {
            // SAFETY: the function is what `new` was promised; it does not read the address, so that may be gone.
            unsafe { (self.functions.wake)(word.cast()) };
        }
    }
}
