//! Giving the processor away.

/// Gives way to a ready thread. `Sleep(0)`, not `SwitchToThread`: the thread that is waited for may be ready
/// on another processor.
pub(crate) fn thread_yield() {
    sleep(0);
}

/// Sleeps for about a millisecond, or for a clock tick if that is longer.
pub(crate) fn nap() {
    sleep(1);
}

#[cfg(windows)]
fn sleep(milliseconds: u32) {
    // SAFETY: takes a number, keeps the last error, and returns.
    unsafe { super::kernel32::Sleep(milliseconds) };
}

/// Without a kernel, a thread can only pause.
#[cfg(not(windows))]
fn sleep(_milliseconds: u32) {
    core::hint::spin_loop();
}
