//! Periodic polling: always available, slow.

use crate::backend::process::Process;
use crate::state::{PARKED, Word};
use crate::sys::thread::{nap, thread_yield};
use crate::time::{Instant, Remaining, Waited};

/// Looks between which the thread only gives way, before it sleeps.
const LOOKS: u32 = 64;

/// The backend that polls the word: always available, slow.
///
/// Without NT there is no clock, so only timeouts of zero ever end.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Polling {
    pub(crate) process: Option<Process>,
}

impl Polling {
    pub(crate) fn remaining(&self, deadline: Instant) -> Remaining {
        match &self.process {
            Some(process) => process.remaining(deadline),
            None => Remaining::until(deadline, || 0),
        }
    }

    /// Looks a while, then sleeps for a clock tick at most, if the word is still PARKED.
    pub(crate) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        if self.remaining(deadline) == Remaining::Passed {
            return Waited::Expired;
        }
        for _ in 0..LOOKS {
            if word.peek() != PARKED {
                return Waited::Woken;
            }
            thread_yield();
        }
        nap();
        Waited::Woken
    }
}
