//! A reader-writer lock.

use crate::pointer::{get, init, object};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, ntpark_status, of_try, of_wait};
use crate::time::after;
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

/// Initialises a lock. It is free.
///
/// Parameters:
/// - rwlock: memory that no thread uses as a lock.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_init(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(rwlock, RawRwLock::new()) }
}

/// Locks shared; waits as long as a writer has or claims the lock.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, a writer has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_try(rwlock.try_lock_shared()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is
/// no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_until(rwlock: *mut ntpark_rwlock, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared, for a thread that may have the lock shared already: it is let in even if a writer
/// waits for readers to leave. Used by other threads, it delays that writer.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_recursive_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared_recursive, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, a writer has it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_shared_recursive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_try(rwlock.try_lock_shared_recursive()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared_recursive, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer has it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_recursive_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_shared_recursive, but waits no longer than until a deadline of ntpark_now's clock;
/// NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer has it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_shared_recursive_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_shared_recursive_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Unlocks, after a shared lock.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_shared() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_shared() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Unlocks after a shared lock; the last reader hands over to those that have waited longest.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_shared_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_shared() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_shared_fair() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Lets those that have waited longest have the lock, and then takes it again, shared. Does nothing if nobody waits.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_shared(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_shared() => {
            // SAFETY: as asked for.
            unsafe { rwlock.bump_shared() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Locks exclusively; waits as long as others have the lock.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_exclusive_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_exclusive, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, others have it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_try(rwlock.try_lock_exclusive()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_exclusive, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, others have it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_exclusive_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_exclusive, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER
/// is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, others have it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_exclusive_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_exclusive_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Unlocks, after an exclusive lock.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_exclusive() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_exclusive() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Unlocks after an exclusive lock, and hands over to those that have waited longest.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_exclusive_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_exclusive() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_exclusive_fair() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Lets those that have waited longest have the lock, and then takes it again, exclusively. Does nothing if nobody
/// waits.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_exclusive(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_exclusive() => {
            // SAFETY: as asked for.
            unsafe { rwlock.bump_exclusive() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Locks upgradably: a reader beside others, which can become the writer. Waits as long as a writer or another
/// upgradable reader has or claims the lock.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_upgradable_until(Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_upgradable, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, a writer or an upgradable reader has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_lock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_try(rwlock.try_lock_upgradable()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_upgradable, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer or an upgradable reader has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable_timeout(
    rwlock: *mut ntpark_rwlock,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_upgradable_until(after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_lock_upgradable, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER
/// is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, a writer or an upgradable reader has or claims it; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_lock_upgradable_until(
    rwlock: *mut ntpark_rwlock,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) => of_wait(rwlock.try_lock_upgradable_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Unlocks, after an upgradable lock.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_upgradable() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Unlocks after an upgradable lock, and hands over to those that have waited longest.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_unlock_upgradable_fair(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            unsafe { rwlock.unlock_upgradable_fair() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Lets those that have waited longest have the lock, and then takes it again, upgradably. Does nothing if nobody
/// waits.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_bump_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            unsafe { rwlock.bump_upgradable() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Makes an upgradable lock exclusive: keeps readers out, and waits for those that are in. No other writer comes in
/// between.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it was not upgradable; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        // SAFETY: as asked for.
        Some(rwlock) if rwlock.is_locked_upgradable() => of_wait(unsafe { rwlock.try_upgrade_until(Instant::MAX) }),
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_upgrade, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, there are other readers, or it was not upgradable; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_try_upgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        // SAFETY: as asked for.
        Some(rwlock) if rwlock.is_locked_upgradable() => of_try(unsafe { rwlock.try_upgrade() }),
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_upgrade, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, there are other readers, and it is still upgradable; NTPARK_BUSY, it was not;
/// NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade_timeout(rwlock: *mut ntpark_rwlock, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            of_wait(unsafe { rwlock.try_upgrade_until(after(nanoseconds)) })
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// As ntpark_rwlock_upgrade, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no
/// limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, there are other readers, and it is still upgradable; NTPARK_BUSY, it was not;
/// NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_upgrade_until(rwlock: *mut ntpark_rwlock, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            of_wait(unsafe { rwlock.try_upgrade_until(Instant::from_ticks(deadline)) })
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Makes an exclusive lock shared, and lets other readers in.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_exclusive() => {
            // SAFETY: as asked for.
            unsafe { rwlock.downgrade() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Makes an exclusive lock upgradable, and lets readers in.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade_to_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_exclusive() => {
            // SAFETY: as asked for.
            unsafe { rwlock.downgrade_to_upgradable() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Makes an upgradable lock shared, and lets others claim it.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, it is not locked so; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_rwlock_downgrade_upgradable(rwlock: *mut ntpark_rwlock) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(rwlock) } {
        Some(rwlock) if rwlock.is_locked_upgradable() => {
            // SAFETY: as asked for.
            unsafe { rwlock.downgrade_upgradable() };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}
