//! An event.

use crate::pointer::{act, attempt, init, object, wait_timeout, wait_until};
use crate::status::ntpark_status;
use crate::time::NTPARK_FOREVER;
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

/// Initialises memory that no thread uses as an event. It is not set, and automatic or reset manually.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_init(event: *mut ntpark_event, manual_reset: bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(event, if manual_reset { Event::new_manual_reset() } else { Event::new() }) }
}

/// Sets it. What happened before is visible to whoever it lets through.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_set(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act(event, Event::set) }
}

/// Unsets it; NTPARK_BUSY if it was not set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_reset(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(event, Event::reset) }
}

/// Gets through; waits until it is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(event, NTPARK_FOREVER, Event::wait_until) }
}

/// Gets through, or returns NTPARK_BUSY if it is not set.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_try_wait(event: *mut ntpark_event) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(event, Event::try_wait) }
}

/// As ntpark_event_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait_timeout(event: *mut ntpark_event, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(event, nanoseconds, Event::wait_until) }
}

/// As ntpark_event_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_event_wait_until(event: *mut ntpark_event, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(event, deadline, Event::wait_until) }
}
