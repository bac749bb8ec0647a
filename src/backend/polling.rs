//! Polling: looking at the word now and then. The last resort, which every system has.

use super::Waited;
use crate::state::Word;
use crate::time::{Clock, Instant, Remaining};

/// Looks between which the thread only gives way, before it sleeps.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 64 };

/// Looks a while, then sleeps for a clock tick at most, if the word is still PARKED.
pub(super) fn wait(clock: &Clock, word: &Word, deadline: Instant) -> Waited {
    if clock.remaining(deadline) == Remaining::Passed {
        return Waited::Expired;
    }
    for _ in 0..LOOKS {
        if !word.is_parked() {
            return Waited::Woken;
        }
        thread_yield();
    }
    pause();
    Waited::Woken
}

/// Gives way to a ready thread. `Sleep(0)`, not `SwitchToThread`: the thread that is waited for may be
/// another processor's.
pub(super) fn thread_yield() {
    sleep(0);
}

/// Sleeps for about a millisecond, or a clock tick if that is longer.
pub(super) fn pause() {
    sleep(1);
}

#[cfg(windows)]
fn sleep(milliseconds: u32) {
    // SAFETY: takes a number, keeps the last error, and returns.
    unsafe { crate::sys::kernel32::Sleep(milliseconds) };
}

/// Without a kernel to ask, a thread can only be idle on the spot. Under loom, giving way is what lets the
/// others run.
#[cfg(not(windows))]
fn sleep(_milliseconds: u32) {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    core::hint::spin_loop();
}
