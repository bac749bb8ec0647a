//! A barrier.

use crate::pointer::{get, init, is_optional, object, tell};
use crate::status::{NTPARK_INVALID, ntpark_status, of_wait};
use crate::time::after;
use ntpark_core::Instant;
use ntpark_locks::{Barrier, BarrierWait};

/// A barrier: threads that wait for each other. How many they are, each says when it arrives.
///
/// All zero when new (NTPARK_BARRIER_INIT), and never destroyed. Further rounds need no preparation. It may be freed
/// once each thread that has arrived has returned, except the last to arrive.
///
/// End of the process: nobody arrives any more, and waits without a limit end the process.
///
/// Threads: any, at any time; in DllMain and before main too.
#[repr(C)]
pub struct ntpark_barrier {
    /// Private.
    pub state: u32,
}

object!(ntpark_barrier, Barrier);

/// Initialises a barrier. Nobody has arrived.
///
/// Parameters:
/// - barrier: memory that no thread uses as a barrier.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_init(barrier: *mut ntpark_barrier) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(barrier, Barrier::new()) }
}

/// Arrives, and waits until so many threads have, this one included.
///
/// Parameters:
/// - threads: how many meet; the same number for all.
/// - is_last: receives whether this thread was the last, one of each round; unless it is NULL.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait(
    barrier: *mut ntpark_barrier,
    threads: u16,
    is_last: *mut bool,
) -> ntpark_status {
    if threads == 0 || !is_optional(is_last) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(barrier) } {
        Some(barrier) => {
            let how = barrier.wait_until(threads, Instant::MAX);
            // SAFETY: null, or good and writable, as the caller promises.
            unsafe { tell(is_last, how == BarrierWait::Last) };
            of_wait(how != BarrierWait::TimedOut)
        }
        None => NTPARK_INVALID,
    }
}

/// As ntpark_barrier_wait, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit. A thread whose
/// time runs out has not arrived.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, not all have arrived; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait_timeout(
    barrier: *mut ntpark_barrier,
    threads: u16,
    nanoseconds: u64,
    is_last: *mut bool,
) -> ntpark_status {
    if threads == 0 || !is_optional(is_last) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(barrier) } {
        Some(barrier) => {
            let how = barrier.wait_until(threads, after(nanoseconds));
            // SAFETY: null, or good and writable, as the caller promises.
            unsafe { tell(is_last, how == BarrierWait::Last) };
            of_wait(how != BarrierWait::TimedOut)
        }
        None => NTPARK_INVALID,
    }
}

/// As ntpark_barrier_wait, but waits no longer than until a deadline of ntpark_now's clock; NTPARK_FOREVER is no
/// limit. A thread whose time runs out has not arrived.
///
/// Returns: NTPARK_OK; NTPARK_TIMEOUT, not all have arrived; NTPARK_INVALID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait_until(
    barrier: *mut ntpark_barrier,
    threads: u16,
    deadline: u64,
    is_last: *mut bool,
) -> ntpark_status {
    if threads == 0 || !is_optional(is_last) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    match unsafe { get(barrier) } {
        Some(barrier) => {
            let how = barrier.wait_until(threads, Instant::from_ticks(deadline));
            // SAFETY: null, or good and writable, as the caller promises.
            unsafe { tell(is_last, how == BarrierWait::Last) };
            of_wait(how != BarrierWait::TimedOut)
        }
        None => NTPARK_INVALID,
    }
}
