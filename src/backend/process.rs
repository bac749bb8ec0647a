//! What every NT backend knows of its process: the time, and whether the process is ending.
//!
//! # The end of the process
//! `ExitProcess` kills all other threads and then runs each `DllMain`. From then on no other thread can unpark, and
//! to wake one that is gone is useless at best: ntdll keeps its wait blocks on the stacks of the threads that wait.
//! So a wake does nothing; a wait with a deadline lasts until then; and a wait without one, which could never end,
//! ends the process, as those of slim reader/writer locks and critical sections do.

use crate::sys::FALSE;
use crate::sys::loader::{Module, Nt};
use crate::sys::ntdll::RtlDllShutdownInProgress;
use crate::time::clock::Clock;
use crate::time::{Instant, Remaining};
use core::ffi::c_void;
use core::mem::transmute;

/// The clock, and the question whether the process is ending.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Process {
    nt: Nt,
    is_ending: RtlDllShutdownInProgress,
    pub(crate) clock: Clock,
}

// SAFETY: the function may be called on any thread (see `new`).
unsafe impl Send for Process {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Process {}

impl Process {
    /// A process of this function, and of a clock that [`find_clock`](Self::find_clock) puts in.
    ///
    /// # Safety
    /// The function keeps what its type's documentation says, and may be called by any thread at any time.
    pub(crate) const unsafe fn new(nt: Nt, is_ending: RtlDllShutdownInProgress) -> Self {
        Self { nt, is_ending, clock: Clock::unknown(nt) }
    }

    /// This process's function, which every ntdll since Windows 2000 has.
    pub(crate) fn find(ntdll: Module) -> Option<RtlDllShutdownInProgress> {
        let is_ending = ntdll.function(c"RtlDllShutdownInProgress");
        // SAFETY: null or what ntdll exports under this name, which has this type.
        unsafe { transmute::<*mut c_void, Option<RtlDllShutdownInProgress>>(is_ending) }
    }

    /// Puts in the best clock of this system.
    // Apart, so that its frame does not stand beside that of what finds the backend.
    #[inline(never)]
    pub(crate) fn find_clock(&mut self) {
        self.clock = Clock::find(self.nt);
    }

    /// Whether all other threads of the process have been killed.
    pub(crate) fn is_ending(&self) -> bool {
        // SAFETY: the function is what `new` was promised, and takes nothing.
        unsafe { (self.is_ending)() != FALSE }
    }

    /// How long a wait may still last. Ends the process if that is for ever and the process is ending: nobody is
    /// left to unpark the caller.
    #[inline(always)]
    pub(crate) fn remaining(&self, deadline: Instant) -> Remaining {
        let remaining = self.clock.remaining(deadline);
        if remaining == Remaining::Forever && self.is_ending() {
            self.nt.end_process();
        }
        remaining
    }

    pub(crate) fn nt(&self) -> Nt {
        self.nt
    }
}
