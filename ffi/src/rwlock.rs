//! A reader-writer lock.

use crate::pointer::{act_if, attempt, get, init, object, wait_timeout, wait_until};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::{NTPARK_FOREVER, ntpark_deadline};
use ntpark_core::Instant;
use ntpark_locks::RawRwLock;

/// A reader-writer lock: many readers, or one writer. One of the readers may be upgradable: it can become the writer
/// without letting another in between.
///
/// All zero when new (NTPARK_RWLOCK_INIT), and never destroyed. It may be freed once no thread has it, waits for it
/// or will call it; an unlock does not touch it after another thread could lock it.
///
/// Readers are kept out as soon as a writer waits for others to leave. Once no waiter has got in for 0.5 ms (or a
/// tick of the clock), the next unlock hands over to all readers that wait in front and the writer behind them. With
/// 8,190 readers, on 64 bits 2^45, further ones wait.
///
/// End of the process: as for ntpark_mutex.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_rwlock {
    /// Private.
    pub state: usize,
}

object!(ntpark_rwlock, RawRwLock);

/// Initialises memory that no thread uses as a reader-writer lock. It is free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_init(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(rwlock, RawRwLock::new()) }
}

/// Locks shared, beside other readers; waits as long as a writer has or claims the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, NTPARK_FOREVER, RawRwLock::try_lock_shared_until) }
}

/// Locks shared, or returns NTPARK_BUSY if a writer has or claims the lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(rwlock, RawRwLock::try_lock_shared) }
}

/// As ntpark_rwlock_lock_shared, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(rwlock, nanoseconds, RawRwLock::try_lock_shared_until) }
}

/// As ntpark_rwlock_lock_shared, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_until(rwlock: *mut ntpark_rwlock, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, deadline, RawRwLock::try_lock_shared_until) }
}

/// As ntpark_rwlock_lock_shared, for a thread that may have the lock shared already: it gets in even if a writer waits
/// for readers to leave. Used by other threads, it delays that writer. Unlock by ntpark_rwlock_unlock_shared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, NTPARK_FOREVER, RawRwLock::try_lock_shared_recursive_until) }
}

/// Locks so, or returns NTPARK_BUSY if a writer has the lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_shared_recursive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(rwlock, RawRwLock::try_lock_shared_recursive) }
}

/// As ntpark_rwlock_lock_shared_recursive, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(rwlock, nanoseconds, RawRwLock::try_lock_shared_recursive_until) }
}

/// As ntpark_rwlock_lock_shared_recursive, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, deadline, RawRwLock::try_lock_shared_recursive_until) }
}

/// Unlocks after a lock of this kind; NTPARK_BUSY if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_shared, RawRwLock::unlock_shared) }
}

/// As ntpark_rwlock_unlock_shared; the last reader hands over to those that have waited longest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_shared_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_shared, RawRwLock::unlock_shared_fair) }
}

/// Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_shared, RawRwLock::bump_shared) }
}

/// Locks exclusively; waits as long as others have the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, NTPARK_FOREVER, RawRwLock::try_lock_exclusive_until) }
}

/// Locks exclusively, or returns NTPARK_BUSY if others have the lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(rwlock, RawRwLock::try_lock_exclusive) }
}

/// As ntpark_rwlock_lock_exclusive, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(rwlock, nanoseconds, RawRwLock::try_lock_exclusive_until) }
}

/// As ntpark_rwlock_lock_exclusive, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, deadline, RawRwLock::try_lock_exclusive_until) }
}

/// Unlocks after a lock of this kind; NTPARK_BUSY if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_exclusive, RawRwLock::unlock_exclusive) }
}

/// As ntpark_rwlock_unlock_exclusive, and hands over to those that have waited longest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_exclusive_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_exclusive, RawRwLock::unlock_exclusive_fair) }
}

/// Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_exclusive, RawRwLock::bump_exclusive) }
}

/// Locks upgradably: a reader beside others, which can become the writer. Waits as long as a writer or another
/// upgradable reader has or claims the lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, NTPARK_FOREVER, RawRwLock::try_lock_upgradable_until) }
}

/// Locks upgradably, or returns NTPARK_BUSY if a writer or an upgradable reader has or claims the lock.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { attempt(rwlock, RawRwLock::try_lock_upgradable) }
}

/// As ntpark_rwlock_lock_upgradable, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_timeout(rwlock, nanoseconds, RawRwLock::try_lock_upgradable_until) }
}

/// As ntpark_rwlock_lock_upgradable, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(rwlock, deadline, RawRwLock::try_lock_upgradable_until) }
}

/// Unlocks after a lock of this kind; NTPARK_BUSY if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_upgradable, RawRwLock::unlock_upgradable) }
}

/// As ntpark_rwlock_unlock_upgradable, and hands over to those that have waited longest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_upgradable_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_upgradable, RawRwLock::unlock_upgradable_fair) }
}

/// Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_upgradable, RawRwLock::bump_upgradable) }
}

/// Makes an upgradable lock exclusive: keeps readers out and waits for those that are in. No other writer comes in
/// between. NTPARK_BUSY if it is not upgradable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { upgrade_until(rwlock, NTPARK_FOREVER) }
}

/// As ntpark_rwlock_upgrade, or returns NTPARK_BUSY if there are other readers.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_upgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        // SAFETY: it is upgradable.
        Some(rwlock) if rwlock.is_locked_upgradable() && unsafe { rwlock.try_upgrade() } => NTPARK_OK,
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_upgrade, for so many nanoseconds at most; else NTPARK_TIMEOUT, and it is still upgradable.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade_timeout(rwlock: *mut ntpark_rwlock, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { upgrade_until(rwlock, ntpark_deadline(nanoseconds)) }
}

/// As ntpark_rwlock_upgrade, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and it is still upgradable.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade_until(rwlock: *mut ntpark_rwlock, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { upgrade_until(rwlock, deadline) }
}

/// Makes an exclusive lock shared, and lets other readers in; NTPARK_BUSY if it is not exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_exclusive, RawRwLock::downgrade) }
}

/// Makes an exclusive lock upgradable, and lets readers in; NTPARK_BUSY if it is not exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade_to_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_exclusive, RawRwLock::downgrade_to_upgradable) }
}

/// Makes an upgradable lock shared, so that others can have that; NTPARK_BUSY if it is not upgradable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { act_if(rwlock, RawRwLock::is_locked_upgradable, RawRwLock::downgrade_upgradable) }
}

/// # Safety
/// As for [`get`].
#[inline(never)]
unsafe fn upgrade_until(rwlock: *const ntpark_rwlock, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if !rwlock.is_locked_upgradable() => NTPARK_BUSY,
        // SAFETY: it is upgradable.
        Some(rwlock) if unsafe { rwlock.try_upgrade_until(Instant::from_ticks(deadline)) } => NTPARK_OK,
        Some(_) => NTPARK_TIMEOUT,
        None => NTPARK_INVALID,
    }
}
