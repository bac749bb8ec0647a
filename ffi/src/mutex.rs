//! A mutex.

use crate::pointer::{get, init, object};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, ntpark_status, of_try, of_wait};
use crate::time::after;
use ntpark_core::Instant;
use ntpark_locks::RawMutex;

/// A mutex: one thread at a time.
///
/// All zero when new (NTPARK_MUTEX_INIT), and never destroyed. It may be freed once no thread has it, waits for it
/// or will call it; an unlock does not touch it after another thread could lock it.
///
/// A thread that arrives may take the lock before one that waits; but once no waiter has got it for 0.5 ms (or a
/// tick of the clock), the next unlock hands it over to the one that has waited longest. Not recursive: to lock
/// twice waits for ever.
///
/// End of the process: a lock whose holder was killed stays locked. Tries and timed calls fail; others end the
/// process, as waiting for a critical section does.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_mutex {
    /// Private.
    pub state: u32,
}

object!(ntpark_mutex, RawMutex);

/// Initialises a mutex. It is free.
///
/// Parameters:
/// - mutex: memory that no thread uses as a mutex.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_init(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(mutex, RawMutex::new()) }
}

/// Locks; waits as long as another thread has the lock.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) => of_wait(mutex.try_lock_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_mutex_lock, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, another thread has the lock; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_try_lock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) => of_try(mutex.try_lock()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_mutex_lock, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, another thread has the lock; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock_timeout(mutex: *mut ntpark_mutex, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) => of_wait(mutex.try_lock_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_mutex_lock, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no
/// limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, another thread has the lock; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock_until(mutex: *mut ntpark_mutex, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) => of_wait(mutex.try_lock_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Unlocks. Any thread may, on behalf of the one that has the lock.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_unlock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) if mutex.is_locked() => {
            // SAFETY: as asked for.
            unsafe { mutex.unlock() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Unlocks, and hands the lock over to the thread that has waited longest, if there is one.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_unlock_fair(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) if mutex.is_locked() => {
            // SAFETY: as asked for.
            unsafe { mutex.unlock_fair() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Lets the thread that has waited longest have the lock, and then takes it again. Does nothing if nobody waits.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_bump(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(mutex) } {
        Some(mutex) if mutex.is_locked() => {
            // SAFETY: as asked for.
            unsafe { mutex.bump() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}
