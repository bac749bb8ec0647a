//! A condition variable.

use crate::mutex::ntpark_mutex;
use crate::pointer::{get, init, is_optional, object, tell};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::{NTPARK_FOREVER, ntpark_deadline};
use core::ffi::c_void;
use ntpark_core::Instant;
use ntpark_locks::Condvar;

/// A condition variable: waits for what a mutex guards.
///
/// All zero when new (NTPARK_CONDVAR_INIT), and never destroyed. It may be freed once no thread will call it and all
/// that wait have returned or have been notified; a thread whose time runs out touches it until it returns.
///
/// Wakeups are never spurious, counts are exact, first come, first served. Threads that wait with the same mutex are
/// moved to its queue while it is locked; each thread may come with another mutex.
///
/// End of the process: a notify finds nobody; a wait without a limit ends the process.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_condvar {
    /// Private.
    pub state: *mut c_void,
}

object!(ntpark_condvar, Condvar);

/// Initialises memory that no thread uses as a condition variable. Nobody waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_init(condvar: *mut ntpark_condvar) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(condvar, Condvar::new()) }
}

/// Unlocks the mutex, waits until notified, and locks it again; NTPARK_BUSY if it is not locked. Never returns
/// spuriously.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_wait(condvar: *mut ntpark_condvar, mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(condvar, mutex, NTPARK_FOREVER) }
}

/// As ntpark_condvar_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT, not notified. To lock again has no
/// limit.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_wait_timeout(
    condvar: *mut ntpark_condvar,
    mutex: *mut ntpark_mutex,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(condvar, mutex, ntpark_deadline(nanoseconds)) }
}

/// As ntpark_condvar_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, not notified.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_wait_until(
    condvar: *mut ntpark_condvar,
    mutex: *mut ntpark_mutex,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(condvar, mutex, deadline) }
}

/// Waits with any lock until notified; the caller locks again afterwards. There are no spurious returns.
///
/// Parameters:
/// - unlock: unlocks, once the thread cannot miss a notify any more. It must not wait for anything of this library's,
///   nor throw. Not NULL.
/// - context: passed to it.
/// - deadline: a time of ntpark_now's clock; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK, notified; NTPARK_TIMEOUT, not notified; NTPARK_INVALID, and nothing was called.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_wait_unlocked_until(
    condvar: *mut ntpark_condvar,
    unlock: Option<unsafe extern "C" fn(context: *mut c_void)>,
    context: *mut c_void,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(condvar), Some(unlock)) = (unsafe { get(condvar) }, unlock) else {
        return NTPARK_INVALID;
    };
    // SAFETY: the caller's callback, with the caller's context.
    let unlock = || unsafe { unlock(context) };
    // SAFETY: it does not wait, as the caller promises.
    let is_notified = unsafe { condvar.wait_unlocked_until(unlock, Instant::from_ticks(deadline)) };
    if is_notified { NTPARK_OK } else { NTPARK_TIMEOUT }
}

/// Notifies the `count` threads that have waited longest, and writes to `notified` how many, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_notify(
    condvar: *mut ntpark_condvar,
    count: usize,
    notified: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { notify(condvar, count, notified) }
}

/// As ntpark_condvar_notify, for one thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_notify_one(
    condvar: *mut ntpark_condvar,
    notified: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { notify(condvar, 1, notified) }
}

/// As ntpark_condvar_notify, for all threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_condvar_notify_all(
    condvar: *mut ntpark_condvar,
    notified: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { notify(condvar, usize::MAX, notified) }
}

/// # Safety
/// As for [`get`].
#[inline(never)]
unsafe fn wait_until(condvar: *const ntpark_condvar, mutex: *const ntpark_mutex, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(condvar), Some(mutex)) = (unsafe { get(condvar) }, unsafe { get(mutex) }) else {
        return NTPARK_INVALID;
    };
    if !mutex.is_locked() {
        return NTPARK_BUSY;
    }
    // SAFETY: it is locked.
    let is_notified = unsafe { condvar.wait_raw_until(mutex, Instant::from_ticks(deadline)) };
    if is_notified { NTPARK_OK } else { NTPARK_TIMEOUT }
}

/// # Safety
/// As for [`get`] and [`tell`].
#[inline(never)]
unsafe fn notify(condvar: *const ntpark_condvar, count: usize, notified: *mut usize) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(condvar) } {
        Some(condvar) if is_optional(notified) => {
            // SAFETY: null, or good and writable, as the caller promises.
            unsafe { tell(notified, condvar.notify(count)) };
            NTPARK_OK
        }
        _ => NTPARK_INVALID,
    }
}
