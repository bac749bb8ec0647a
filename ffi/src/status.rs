//! What functions return.

use crate::names::Names;
use core::ffi::c_char;
use ntpark_core::{SelectError, UnparkReason};

/// What became of a call. The numbers are fixed for ever; those of retired statuses will not be used again.
///
/// From NTPARK_BUSY on, the call was refused and has changed nothing: see NTPARK_IS_REFUSED.
pub type ntpark_status = i32;

/// Done. For a park: unparked.
pub const NTPARK_OK: ntpark_status = 0;
/// The time ran out, and nothing came.
pub const NTPARK_TIMEOUT: ntpark_status = 1;
/// Refused: another thread is parked there, or the calls came in the wrong order.
pub const NTPARK_BUSY: ntpark_status = 2;
/// Refused: a pointer is NULL or misaligned, or a value has no meaning.
pub const NTPARK_INVALID: ntpark_status = 3;
/// Refused: the process parks on a backend already, and keeps it.
pub const NTPARK_IN_USE: ntpark_status = 4;
/// Refused: this system does not have that backend, or no host was installed.
pub const NTPARK_UNAVAILABLE: ntpark_status = 5;

/// The name of a status.
///
/// Parameters: any number.
///
/// Returns: the name as it stands here, such as "NTPARK_OK"; "unknown" for a number that is none of them.
/// Never NULL, never to be freed.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_status_name(status: ntpark_status) -> *const c_char {
    /// Indexed by status.
    static NAMES: Names<19, 6> = Names::new([
        "NTPARK_OK",
        "NTPARK_TIMEOUT",
        "NTPARK_BUSY",
        "NTPARK_INVALID",
        "NTPARK_IN_USE",
        "NTPARK_UNAVAILABLE",
    ]);
    NAMES.of(status)
}

/// How a park ended.
pub(crate) fn of_park(reason: UnparkReason) -> ntpark_status {
    match reason {
        UnparkReason::Unparked => NTPARK_OK,
        UnparkReason::TimedOut => NTPARK_TIMEOUT,
        UnparkReason::Busy => NTPARK_BUSY,
    }
}

/// Whether the process's backend could be set.
pub(crate) fn of_selection(result: Result<(), SelectError>) -> ntpark_status {
    match result {
        Ok(()) => NTPARK_OK,
        Err(SelectError::Unavailable(_)) => NTPARK_UNAVAILABLE,
        Err(_) => NTPARK_IN_USE,
    }
}
