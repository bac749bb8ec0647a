//! Something that is done once.

use crate::pointer::{get, init, is_good, object};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status, of_try, of_wait};
use crate::time::after;
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

/// The status, and what was found.
fn of_begin(begin: Begin) -> (ntpark_status, ntpark_once_state) {
    match begin {
        Begin::Done => (NTPARK_OK, NTPARK_ONCE_DONE),
        Begin::Run { poisoned: false } => (NTPARK_OK, NTPARK_ONCE_RUN),
        Begin::Run { poisoned: true } => (NTPARK_OK, NTPARK_ONCE_RUN_AGAIN),
        Begin::TimedOut => (NTPARK_TIMEOUT, NTPARK_ONCE_BUSY),
    }
}

/// Initialises a once. Nothing has been done.
///
/// Parameters:
/// - once: memory that no thread uses as a once.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
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
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin(once: *mut ntpark_once, what: *mut ntpark_once_state) -> ntpark_status {
    if !is_good(what) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => {
            let (status, found) = of_begin(once.begin(Instant::MAX));
            // SAFETY: good, and writable, as the caller promises.
            unsafe { what.write(found) };
            status
        }
        None => NTPARK_INVALID,
    }
}

/// As ntpark_once_begin, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, another thread is at it, and NTPARK_ONCE_BUSY is received; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_try_begin(once: *mut ntpark_once, what: *mut ntpark_once_state) -> ntpark_status {
    if !is_good(what) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => {
            let (status, found) = of_begin(once.begin(Instant::MIN));
            // SAFETY: good, and writable, as the caller promises.
            unsafe { what.write(found) };
            if status == NTPARK_TIMEOUT { NTPARK_BUSY } else { status }
        }
        None => NTPARK_INVALID,
    }
}

/// As ntpark_once_begin, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, another thread is at it, and NTPARK_ONCE_BUSY is received; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin_timeout(
    once: *mut ntpark_once,
    nanoseconds: u64,
    what: *mut ntpark_once_state,
) -> ntpark_status {
    if !is_good(what) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => {
            let (status, found) = of_begin(once.begin(after(nanoseconds)));
            // SAFETY: good, and writable, as the caller promises.
            unsafe { what.write(found) };
            status
        }
        None => NTPARK_INVALID,
    }
}

/// As ntpark_once_begin, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no
/// limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, another thread is at it, and NTPARK_ONCE_BUSY is received; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_begin_until(
    once: *mut ntpark_once,
    deadline: u64,
    what: *mut ntpark_once_state,
) -> ntpark_status {
    if !is_good(what) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => {
            let (status, found) = of_begin(once.begin(Instant::from_ticks(deadline)));
            // SAFETY: good, and writable, as the caller promises.
            unsafe { what.write(found) };
            status
        }
        None => NTPARK_INVALID,
    }
}

/// It has been done: all that wait go on, and later calls do not wait. For the thread that
/// has begun.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, nobody has begun; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_complete(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) if once.is_running() => {
            // SAFETY: as asked for.
            unsafe { once.complete() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Gives up: another thread may begin, and is told so. For the thread that
/// has begun.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, nobody has begun; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_abandon(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) if once.is_running() => {
            // SAFETY: as asked for.
            unsafe { once.abandon() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Waits until another thread has done it, which need not have begun. Given up attempts do not count.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => of_wait(once.wait_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_once_wait, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, it has not been done; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait_timeout(once: *mut ntpark_once, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => of_wait(once.wait_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_once_wait, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, it has not been done; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_wait_until(once: *mut ntpark_once, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => of_wait(once.wait_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Asks whether it has been done; then all that was done is visible. One load and a branch.
///
/// Returns: NTPARK_OK, it has; NTPARK_BUSY, it has not; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_once_is_done(once: *mut ntpark_once) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(once) } {
        Some(once) => of_try(once.is_completed()),
        None => NTPARK_INVALID,
    }
}
