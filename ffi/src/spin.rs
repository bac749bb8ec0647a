//! Spinning and yielding.

use crate::pointer::is_good;
use crate::status::{NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use ntpark_core::SpinWait;
use static_assertions::{assert_eq_align, assert_eq_size};

/// A wait that begins with a few instructions and doubles, for those who build locks: spin while it says
/// NTPARK_OK, then park.
///
/// A variable of one thread. All zero when new (NTPARK_SPIN_WAIT_INIT).
#[repr(C)]
pub struct ntpark_spin_wait {
    /// How far it is. Any value is good.
    pub round: u32,
}

assert_eq_size!(ntpark_spin_wait, SpinWait);
assert_eq_align!(ntpark_spin_wait, SpinWait);

/// Gives way to another thread that is ready to run, of any processor: Sleep(0) on Windows, the host's own
/// way elsewhere.
///
/// Returns: NTPARK_OK.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_yield() -> ntpark_status {
    ntpark_core::thread_yield();
    NTPARK_OK
}

/// Starts anew.
///
/// Parameters:
/// - spin: a variable of this thread.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: the one whose variable it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_spin_wait_reset(spin: *mut ntpark_spin_wait) -> ntpark_status {
    if !is_good(spin) {
        return NTPARK_INVALID;
    }
    // SAFETY: writable, as the caller promises.
    unsafe { spin.write(ntpark_spin_wait { round: 0 }) };
    NTPARK_OK
}

/// Waits for a moment: the first three times on the spot, then by giving way.
///
/// Parameters:
/// - spin: a variable of this thread.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, without a wait, once it has been ten times: park instead;
/// NTPARK_INVALID.
///
/// Threads: the one whose variable it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_spin_wait_spin(spin: *mut ntpark_spin_wait) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { spin_wait(spin) } {
        Some(spin) => {
            if spin.spin() {
                NTPARK_OK
            } else {
                NTPARK_TIMEOUT
            }
        }
        None => NTPARK_INVALID,
    }
}

/// Waits for a moment on the spot, at most 1,024 pauses, without ever giving way. For loops whose end is a
/// matter of instructions on another processor.
///
/// Parameters:
/// - spin: a variable of this thread.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: the one whose variable it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_spin_wait_spin_no_yield(spin: *mut ntpark_spin_wait) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let Some(spin) = (unsafe { spin_wait(spin) }) else {
        return NTPARK_INVALID;
    };
    spin.spin_no_yield();
    NTPARK_OK
}

/// # Safety
/// If it is good, it points to a variable of this thread's that lives while the result is used.
unsafe fn spin_wait<'a>(spin: *mut ntpark_spin_wait) -> Option<&'a mut SpinWait> {
    if !is_good(spin) {
        return None;
    }
    // SAFETY: good, and the caller's own; both types are one u32, of any value.
    Some(unsafe { &mut *spin.cast::<SpinWait>() })
}
