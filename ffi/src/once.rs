//! Something that is done once.

use crate::pointer::{act_if, attempt, get, init, is_good, object, wait_timeout, wait_until};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::{NTPARK_FOREVER, ntpark_deadline};
use ntpark_core::Instant;
use ntpark_locks::{Begin, Once};

/// What ntpark_once_begin found. The numbers never change.
pub type ntpark_once_state = i32;

/// It has been done.
pub const NTPARK_ONCE_DONE: ntpark_once_state = 0;
/// It is the caller's to do.
pub const NTPARK_ONCE_RUN: ntpark_once_state = 1;
/// It is the caller's to do, after an attempt that was given up.
pub const NTPARK_ONCE_RUN_AGAIN: ntpark_once_state = 2;
/// Another thread is at it.
pub const NTPARK_ONCE_BUSY: ntpark_once_state = 3;

/// Something that is done once, by the first thread that comes, while the others wait.
///
/// All zero when new (NTPARK_ONCE_INIT), and never destroyed. It may be freed once no thread will call it and all
/// calls have returned, or those of the thread that completes it, once another can see that it is done.
///
/// To begin twice in one thread waits for ever. End of the process: if a killed thread was at it, waits without a
/// limit end the process.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_once {
    /// Private.
    pub state: u8,
}

object!(ntpark_once, Once);

/// Initialises memory that no thread uses as a once. Nothing has been done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_init(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(once, Once::new()) }
}

/// Begins, or waits while another thread is at it. After NTPARK_ONCE_RUN and NTPARK_ONCE_RUN_AGAIN, the caller does
/// what is to be done, and then calls ntpark_once_complete or ntpark_once_abandon.
///
/// Parameters:
/// - what: receives NTPARK_ONCE_DONE, or what the caller is to do.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin(once: *mut ntpark_once, what: *mut ntpark_once_state) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { begin(once, NTPARK_FOREVER, what) }
}

/// As ntpark_once_begin, or returns NTPARK_BUSY, and writes NTPARK_ONCE_BUSY, if another thread is at it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_try_begin(once: *mut ntpark_once, what: *mut ntpark_once_state) -> ntpark_status {
    // SAFETY: passed on from the caller. A deadline of 0 has passed.
    match unsafe { begin(once, 0, what) } {
        NTPARK_TIMEOUT => NTPARK_BUSY,
        status => status,
    }
}

/// As ntpark_once_begin, for so many nanoseconds at most; else NTPARK_TIMEOUT, and writes NTPARK_ONCE_BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin_timeout(
    once: *mut ntpark_once,
    nanoseconds: u64,
    what: *mut ntpark_once_state,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { begin(once, ntpark_deadline(nanoseconds), what) }
}

/// As ntpark_once_begin, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and writes NTPARK_ONCE_BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin_until(
    once: *mut ntpark_once,
    deadline: u64,
    what: *mut ntpark_once_state,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { begin(once, deadline, what) }
}

/// It has been done, says the thread that has begun: all that wait go on, and later calls do not wait. NTPARK_BUSY if
/// nobody has begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_complete(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(once, Once::is_running, Once::complete) }
}

/// Gives up, says the thread that has begun: another one may begin, and is told so. NTPARK_BUSY if nobody has begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_abandon(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(once, Once::is_running, Once::abandon) }
}

/// Waits until another thread has done it, which need not have begun. Attempts that were given up do not count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(once, NTPARK_FOREVER, Once::wait_until) }
}

/// As ntpark_once_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait_timeout(once: *mut ntpark_once, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(once, nanoseconds, Once::wait_until) }
}

/// As ntpark_once_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait_until(once: *mut ntpark_once, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(once, deadline, Once::wait_until) }
}

/// NTPARK_OK if it has been done, and then all that was done is visible; else NTPARK_BUSY. One load and a branch.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_is_done(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(once, Once::is_completed) }
}

/// # Safety
/// As for [`get`]. If `what` is good, it is writable.
#[inline(never)]
unsafe fn begin(once: *const ntpark_once, deadline: u64, what: *mut ntpark_once_state) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(once), true) = (unsafe { get(once) }, is_good(what)) else {
        return NTPARK_INVALID;
    };
    let (status, found) = match once.begin(Instant::from_ticks(deadline)) {
        Begin::Done => (NTPARK_OK, NTPARK_ONCE_DONE),
        Begin::Run { poisoned: false } => (NTPARK_OK, NTPARK_ONCE_RUN),
        Begin::Run { poisoned: true } => (NTPARK_OK, NTPARK_ONCE_RUN_AGAIN),
        Begin::TimedOut => (NTPARK_TIMEOUT, NTPARK_ONCE_BUSY),
    };
    // SAFETY: good, and writable, as the caller promises.
    unsafe { what.write(found) };
    status
}
