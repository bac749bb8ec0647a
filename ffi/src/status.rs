//! Status codes.

use crate::names::Names;
use core::ffi::c_char;
use ntpark_core::{SelectError, UnparkReason};

/// The result of a call. The numbers never change, and those of retired statuses are not reused.
///
/// NTPARK_BUSY and greater ones mean that the call was refused and has changed nothing: see NTPARK_IS_REFUSED.
pub type ntpark_status = i32;

/// Success. For a park: the thread was unparked.
pub const NTPARK_OK: ntpark_status = 0;
/// The timeout or deadline has passed.
pub const NTPARK_TIMEOUT: ntpark_status = 1;
/// Refused: another thread is parked on this parker or has this lock, or the calls came in the wrong order. Nothing
/// was taken.
pub const NTPARK_BUSY: ntpark_status = 2;
/// Refused: a pointer is NULL or misaligned, or a value is not valid.
pub const NTPARK_INVALID: ntpark_status = 3;
/// Refused: a backend is already in use.
pub const NTPARK_IN_USE: ntpark_status = 4;
/// Refused: this system lacks that backend, or no host was installed.
pub const NTPARK_UNAVAILABLE: ntpark_status = 5;
/// Refused: the value at an address is not the expected one.
pub const NTPARK_CHANGED: ntpark_status = 6;

/// Returns the name of a status, such as "NTPARK_OK", or "unknown". Never NULL; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_status_name(status: ntpark_status) -> *const c_char {
    /// Indexed by status.
    static NAMES: Names<19, 7> = Names::new([
        "NTPARK_OK",
        "NTPARK_TIMEOUT",
        "NTPARK_BUSY",
        "NTPARK_INVALID",
        "NTPARK_IN_USE",
        "NTPARK_UNAVAILABLE",
        "NTPARK_CHANGED",
    ]);
    NAMES.of(status)
}

/// The status of a park.
pub(crate) fn of_park(reason: UnparkReason) -> ntpark_status {
    match reason {
        UnparkReason::Unparked => NTPARK_OK,
        UnparkReason::TimedOut => NTPARK_TIMEOUT,
        UnparkReason::Busy => NTPARK_BUSY,
    }
}

/// The status of choosing a backend.
pub(crate) fn of_selection(result: Result<(), SelectError>) -> ntpark_status {
    match result {
        Ok(()) => NTPARK_OK,
        Err(SelectError::Unavailable(_)) => NTPARK_UNAVAILABLE,
        Err(_) => NTPARK_IN_USE,
    }
}
