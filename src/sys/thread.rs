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

/// Without a kernel to ask, a thread can only idle on the spot.
#[cfg(not(windows))]
fn sleep(_milliseconds: u32) {
    core::hint::spin_loop();
}

/// Whether all threads of this process run on one processor.
#[cfg(windows)]
pub(crate) fn is_single_processor() -> bool {
    let (mut process, mut system) = (0_usize, 0_usize);
    let this_process = core::ptr::without_provenance_mut(usize::MAX);
    // SAFETY: -1 is the handle of the calling process; both masks are live. Left 0 on failure.
    unsafe { super::kernel32::GetProcessAffinityMask(this_process, &raw mut process, &raw mut system) };
    // No bit is set for a process that spans several processor groups.
    process.is_power_of_two()
}

#[cfg(not(windows))]
pub(crate) fn is_single_processor() -> bool {
    false
}
