//! A mutex.

use crate::pointer::{act_if, attempt, init, object, wait_timeout, wait_until};
use crate::status::ntpark_status;
use crate::time::NTPARK_FOREVER;
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

/// Initialises memory that no thread uses as a mutex. It is free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_init(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(mutex, RawMutex::new()) }
}

/// Locks; waits as long as another thread has the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(mutex, NTPARK_FOREVER, RawMutex::try_lock_until) }
}

/// Locks, or returns NTPARK_BUSY if another thread has the lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_try_lock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(mutex, RawMutex::try_lock) }
}

/// As ntpark_mutex_lock, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock_timeout(mutex: *mut ntpark_mutex, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(mutex, nanoseconds, RawMutex::try_lock_until) }
}

/// As ntpark_mutex_lock, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_lock_until(mutex: *mut ntpark_mutex, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(mutex, deadline, RawMutex::try_lock_until) }
}

/// Unlocks, on any thread; NTPARK_BUSY if it is not locked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_unlock(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(mutex, RawMutex::is_locked, RawMutex::unlock) }
}

/// As ntpark_mutex_unlock, and hands the lock over to the thread that has waited longest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_unlock_fair(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(mutex, RawMutex::is_locked, RawMutex::unlock_fair) }
}

/// Lets the thread that has waited longest have the lock, if any waits, and takes it again; NTPARK_BUSY if it is not
/// locked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_mutex_bump(mutex: *mut ntpark_mutex) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(mutex, RawMutex::is_locked, RawMutex::bump) }
}
