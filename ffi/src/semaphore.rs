//! A semaphore.

use crate::pointer::{get, init, is_good, object};
use crate::status::{NTPARK_INVALID, NTPARK_OK, ntpark_status, of_try, of_wait};
use crate::time::after;
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

/// No more than there can be.
fn new(permits: u32) -> Semaphore {
    let semaphore = Semaphore::new(0);
    // There is room.
    let _ = semaphore.release(permits);
    semaphore
}

/// Initialises a semaphore with so many permits.
///
/// Parameters:
/// - semaphore: memory that no thread uses as a semaphore.
/// - permits: how many; 2^31 - 1 at most.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_init(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    if permits > Semaphore::MAX_PERMITS {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    unsafe { init(semaphore, new(permits)) }
}

/// Takes permits; waits until they are there, and those that came before are served.
///
/// Parameters:
/// - permits: how many; 2^31 - 1 at most.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    if permits > Semaphore::MAX_PERMITS {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => of_wait(semaphore.try_acquire_until(permits, Instant::MAX)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_semaphore_acquire, but does not wait.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, there are not so many, or others wait; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_try_acquire(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    if permits > Semaphore::MAX_PERMITS {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => of_try(semaphore.try_acquire(permits)),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_semaphore_acquire, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, there are not so many, or others wait; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire_timeout(
    semaphore: *mut ntpark_semaphore,
    permits: u32,
    nanoseconds: u64,
) -> ntpark_status {
    if permits > Semaphore::MAX_PERMITS {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => of_wait(semaphore.try_acquire_until(permits, after(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_semaphore_acquire, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is
/// no limit.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, there are not so many, or others wait; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_acquire_until(
    semaphore: *mut ntpark_semaphore,
    permits: u32,
    deadline: u64,
) -> ntpark_status {
    if permits > Semaphore::MAX_PERMITS {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => of_wait(semaphore.try_acquire_until(permits, Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Gives permits: to those that wait, and the rest to whoever comes.
///
/// Parameters:
/// - permits: how many; 2^31 - 1 at most.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, also if there would be more than 2^31 - 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_release(semaphore: *mut ntpark_semaphore, permits: u32) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => match semaphore.release(permits) {
            Ok(()) => NTPARK_OK,
            Err(_) => NTPARK_INVALID,
        },
        None => NTPARK_INVALID,
    }
}

/// Tells how many permits there are now.
///
/// Parameters:
/// - available: receives the number.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_semaphore_permits(
    semaphore: *mut ntpark_semaphore,
    available: *mut u32,
) -> ntpark_status {
    if !is_good(available) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(semaphore) } {
        Some(semaphore) => {
            // SAFETY: good, and writable, as the caller promises.
            unsafe { available.write(semaphore.available_permits()) };
            NTPARK_OK
        }
        None => NTPARK_INVALID,
    }
}
