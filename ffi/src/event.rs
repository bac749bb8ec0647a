//! An event.

use crate::pointer::{get, init, object};
use crate::status::{NTPARK_INVALID, NTPARK_OK, ntpark_status, of_try, of_wait};
use crate::time::after;
use ntpark_core::Instant;
use ntpark_locks::Event;

/// An event, as CreateEvent makes them, without a handle. An automatic one lets one thread through each time it is
/// set; one that is reset manually lets all through as long as it is set.
///
/// All zero when new, which is automatic and unset; NTPARK_EVENT_MANUAL_RESET_INIT is the other kind. Never
/// destroyed; it may be freed once no thread waits for it or will call it. A set does not touch it after a thread
/// could get through.
///
/// End of the process: waits without a limit end the process, if nobody is left to set it.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_event {
    /// Private.
    pub state: u8,
}

object!(ntpark_event, Event);

/// Initialises an event. It is not set.
///
/// Parameters:
/// - event: memory that no thread uses as an event.
/// - manual_reset: whether it stays set until it is reset, or lets one thread through each time it is set.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_init(event: *mut ntpark_event, manual_reset: bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(event, if manual_reset { Event::new_manual_reset() } else { Event::new() }) }
}

/// Sets it. What happened before is visible to whoever it lets through.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_set(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => {
            event.set();
            NTPARK_OK
        }
        None => NTPARK_INVALID,
    }
}

/// Unsets it.
///
/// Returns: NTPARK_OK, it was set; NTPARK_BUSY, it was not; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_reset(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => of_try(event.reset()),
        None => NTPARK_INVALID,
    }
}

/// Gets through; waits until it is set.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => of_wait(event.wait_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_event_wait, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not set; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_try_wait(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => of_try(event.try_wait()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_event_wait, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, it is not set; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait_timeout(event: *mut ntpark_event, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => of_wait(event.wait_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_event_wait, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no
/// limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, it is not set; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait_until(event: *mut ntpark_event, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(event) } {
        Some(event) => of_wait(event.wait_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}
