//! Spinning: looking again for a while instead of blocking, where that is likely to be shorter.

use crate::backend::Backend;
use core::hint::spin_loop;

/// How often a parker looks at its word before it blocks, where there are several processors.
const LOOKS: u32 = 100;

/// Gives way to another thread that is ready to run, of any processor: `Sleep(0)` on Windows, the [host](crate::Host)'s own way elsewhere.
///
/// On Windows XP only threads of the same priority get their turn.
pub fn thread_yield() {
    Backend::get().thread_yield();
}

/// A wait that begins with a few instructions and doubles, for those who build locks: spin while it says so, then park.
///
/// ```
/// # use ntpark::SpinWait;
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # let locked = AtomicBool::new(false);
/// let mut spin = SpinWait::new();
/// while locked.swap(true, Ordering::Acquire) {
///     if !spin.spin() {
///         // Long enough: park here, and start anew afterwards.
///         spin.reset();
///     }
/// }
/// ```
///
/// **Layout.** One `u32`, zero when new, the same as C's `ntpark_spin_wait`; any other value is one that is further on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SpinWait {
    round: u32,
}

impl SpinWait {
    /// Rounds in which the processor is kept: 2, 4 and 8 pauses.
    const BUSY_ROUNDS: u32 = 3;
    /// Rounds in all: in the rest, other threads are given way to.
    const ROUNDS: u32 = 10;

    /// At the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { round: 0 }
    }

    /// Starts anew.
    pub const fn reset(&mut self) {
        self.round = 0;
    }

    /// Waits for a moment; the first three times on the spot, then by giving way. False, and no wait, once it has been ten times: park instead.
    pub fn spin(&mut self) -> bool {
        if self.round >= Self::ROUNDS {
            return false;
        }
        self.round += 1;
        if self.round <= Self::BUSY_ROUNDS {
            pauses(1 << self.round);
        } else {
            thread_yield();
        }
        true
    }

    /// Waits for a moment on the spot, at most 1,024 pauses, without ever giving way. For loops whose end is a matter of instructions on another processor.
    pub fn spin_no_yield(&mut self) {
        self.round = if self.round < Self::ROUNDS { self.round + 1 } else { Self::ROUNDS };
        pauses(1 << self.round);
    }
}

/// How often a parker looks at its word before it blocks.
pub(crate) fn looks() -> u32 {
    if let Some(Backend::Host(host)) = Backend::chosen() {
        host.spin()
    } else if is_single_processor() {
        0
    } else {
        LOOKS
    }
}

/// Whether this process's threads all run on one processor, so that what is spun for cannot happen meanwhile. Asked once.
#[cfg(windows)]
fn is_single_processor() -> bool {
    use crate::sys::kernel32::GetProcessAffinityMask;
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// The number of processors, counted up to 2; 0 is not asked yet.
    static PROCESSORS: AtomicU8 = AtomicU8::new(0);

    if PROCESSORS.load(Relaxed) == 0 {
        let (mut process, mut system) = (0_usize, 0_usize);
        let this_process = core::ptr::without_provenance_mut(usize::MAX);
        // SAFETY: -1 is the handle of the calling process; both masks are live. Left 0 on failure.
        unsafe { GetProcessAffinityMask(this_process, &raw mut process, &raw mut system) };
        // A mask without a bit is that of a process on several processor groups.
        PROCESSORS.store(if process.count_ones() == 1 { 1 } else { 2 }, Relaxed);
    }
    PROCESSORS.load(Relaxed) == 1
}

#[cfg(not(windows))]
fn is_single_processor() -> bool {
    false
}

fn pauses(count: u32) {
    for _ in 0..count {
        spin_loop();
    }
}
