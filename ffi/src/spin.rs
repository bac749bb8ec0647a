//! Spinning and yielding.

use crate::pointer::{init, is_good, object};
use crate::status::{NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use ntpark_core::SpinWait;

/// A spin loop with exponential backoff, for authors of locks: spin while ntpark_spin_wait_spin returns NTPARK_OK,
/// then park.
///
/// Belongs to one thread. All zero when new (NTPARK_SPIN_WAIT_INIT).
#[repr(C)]
pub struct ntpark_spin_wait {
    /// The number of rounds so far. Any value is valid.
    pub round: u32,
}

object!(ntpark_spin_wait, SpinWait);

/// Yields to another thread that is ready to run, on any processor: Sleep(0) on Windows, the host's function on a
/// host. Chooses no backend. On Windows XP only threads of the same priority get to run.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_yield() -> ntpark_status {
    ntpark_core::thread_yield();
    NTPARK_OK
}

/// Resets it to its initial value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_spin_wait_reset(spin: *mut ntpark_spin_wait) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(spin, SpinWait::new()) }
}

/// Waits for a moment: in the first three rounds with pause instructions, then by yielding. After ten rounds it does
/// not, and returns NTPARK_TIMEOUT: park instead.
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

/// Waits for a moment with at most 1,024 pause instructions and never yields. For loops that end after a few
/// instructions on another processor.
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
/// A good pointer points to memory of this thread that lives as long as the result is used.
unsafe fn spin_wait<'a>(spin: *mut ntpark_spin_wait) -> Option<&'a mut SpinWait> {
    if !is_good(spin) {
        return None;
    }
    // SAFETY: good, and owned by the caller; both types are one u32 of any value.
    Some(unsafe { &mut *spin.cast::<SpinWait>() })
}
