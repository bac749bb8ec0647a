//! Windows as it declares itself: types, statuses and function signatures, written by hand.
//!
//! Nothing here decides anything. Names and spelling are the SDK's, so that a reader can look them up.
//!
//! Hidden from the documentation and outside the semver promise: public for this project's own `probe`,
//! benchmarks and tests, which call the system beside the crate.

#![allow(non_snake_case, reason = "parameters are spelt as in the SDK")]

pub mod kernel32;
pub(crate) mod last_error;
pub(crate) mod loader;
pub mod ntdll;
pub(crate) mod thread;

use core::ffi::c_void;

/// A kernel object's name within this process. `NULL` is a value of its own: see each function for what it
/// means there.
pub type HANDLE = *mut c_void;
/// The result of a native call: 0 and other non-negative values are successes of some kind, negative ones
/// failures.
pub type NTSTATUS = i32;
/// A truth value of the Win32 layer: 0 is false, anything else is true.
pub type BOOL = i32;
/// A truth value of the native layer, one byte: 0 is false, anything else is true.
pub type BOOLEAN = u8;

/// [`BOOL`] and [`BOOLEAN`] false.
pub const FALSE: BOOLEAN = 0;
/// The call did what it was asked.
pub const STATUS_SUCCESS: NTSTATUS = 0;
/// An alertable wait was ended by an alert. Our waits are not alertable.
pub const STATUS_ALERTED: NTSTATUS = 0x101;
/// An alertable wait was ended by a user APC. Our waits are not alertable.
pub const STATUS_USER_APC: NTSTATUS = 0xC0;
/// The time that was given ran out.
pub const STATUS_TIMEOUT: NTSTATUS = 0x102;
/// The handle names nothing.
pub const STATUS_INVALID_HANDLE: NTSTATUS = 0xC000_0008_u32 as i32;
/// The handle lacks the access that the call needs.
pub const STATUS_ACCESS_DENIED: NTSTATUS = 0xC000_0022_u32 as i32;
/// The handle names an object of another type.
pub const STATUS_OBJECT_TYPE_MISMATCH: NTSTATUS = 0xC000_0024_u32 as i32;
/// The process's exit code after a wait that could never end, at its end.
pub const STATUS_THREAD_IS_TERMINATING: NTSTATUS = 0xC000_004B_u32 as i32;
/// A keyed event was given an odd key.
pub const STATUS_INVALID_PARAMETER_1: NTSTATUS = 0xC000_00EF_u32 as i32;

/// Whether a status is a failure: its two top bits, the severity, are both set.
#[must_use]
pub const fn is_error(status: NTSTATUS) -> bool {
    (status as u32) >> 30 == 3
}

/// What three words say that are written in the order 2, 0, 1: the low half, and the high half before and after
/// it. Equal high halves mean that the three belong together.
#[cfg_attr(not(windows), allow(dead_code, reason = "only Windows has such words; tested everywhere"))]
pub(crate) fn three_words(read: impl Fn(usize) -> u32) -> u64 {
    loop {
        let high = read(1);
        let low = read(0);
        if read(2) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
        core::hint::spin_loop();
    }
}
