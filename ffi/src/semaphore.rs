//! A semaphore.

use crate::pointer::{get, init, is_good, object};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::{NTPARK_FOREVER, ntpark_deadline};
use ntpark_core::Instant;
use ntpark_locks::Semaphore;

/// A counting semaphore: permits that threads take and give. First come, first served: nobody overtakes.
///
/// All zero when new, which is no permits; NTPARK_SEMAPHORE_INIT(permits) has some. Never destroyed; it may be freed
/// once no thread waits for it or will call it. A release does not touch it after another thread could have its
/// permits.
///
/// End of the process: permits that killed threads had are lost. Waits without a limit end the process then.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_semaphore {
    /// Private.
    pub state: u32,
}

object!(ntpark_semaphore, Semaphore);

/// Initialises memory that no thread uses as a semaphore, with so many permits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_init(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    let new = Semaphore::new(0);
    if new.release(permits).is_err() {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    unsafe { init(semaphore, new) }
}

/// Takes permits, 2^31 - 1 at most; waits until they are there and those that came before are served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { acquire_until(semaphore, permits, NTPARK_FOREVER) }
}

/// Takes permits, or returns NTPARK_BUSY if there are not so many or others wait.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_try_acquire(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    // SAFETY: passed on from the caller. A deadline of 0 has passed.
    match unsafe { acquire_until(semaphore, permits, 0) } {
        NTPARK_TIMEOUT => NTPARK_BUSY,
        status => status,
    }
}

/// As ntpark_semaphore_acquire, for so many nanoseconds at most; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire_timeout(
    semaphore: *mut ntpark_semaphore,
    permits: u32,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { acquire_until(semaphore, permits, ntpark_deadline(nanoseconds)) }
}

/// As ntpark_semaphore_acquire, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire_until(
    semaphore: *mut ntpark_semaphore,
    permits: u32,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { acquire_until(semaphore, permits, deadline) }
}

/// Gives permits: to those that wait, and the rest to whoever comes. NTPARK_INVALID if there would be
/// more than 2^31 - 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_release(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) if semaphore.release(permits).is_ok() => NTPARK_OK,
        _ => NTPARK_INVALID,
    }
}

/// Writes to `available` how many permits there are now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_permits(
    semaphore: *mut ntpark_semaphore,
    available: *mut u32,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) if is_good(available) => {
            // SAFETY: good, and writable, as the caller promises.
            unsafe { available.write(semaphore.available_permits()) };
            NTPARK_OK
        }
        _ => NTPARK_INVALID,
    }
}

/// # Safety
/// As for [`get`].
#[inline(never)]
unsafe fn acquire_until(semaphore: *const ntpark_semaphore, permits: u32, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) if permits <= Semaphore::MAX_PERMITS => {
            let has_them = semaphore.try_acquire_until(permits, Instant::from_ticks(deadline));
            if has_them { NTPARK_OK } else { NTPARK_TIMEOUT }
        }
        _ => NTPARK_INVALID,
    }
}
