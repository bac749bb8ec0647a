//! A barrier.

use crate::pointer::{get, init, object, tell};
use crate::status::{NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::{NTPARK_FOREVER, ntpark_deadline};
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

/// Initialises memory that no thread uses as a barrier. Nobody has arrived.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_init(barrier: *mut ntpark_barrier) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(barrier, Barrier::new()) }
}

/// Arrives, and waits until so many threads have, this one included.
///
/// Parameters:
/// - threads: how many meet; the same number for all. Not 0.
/// - is_last: receives whether this thread was the last, one of each round; unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait(
    barrier: *mut ntpark_barrier,
    threads: u16,
    is_last: *mut bool,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { arrive(barrier, threads, NTPARK_FOREVER, is_last) }
}

/// As ntpark_barrier_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT, and this thread has not arrived.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait_timeout(
    barrier: *mut ntpark_barrier,
    threads: u16,
    nanoseconds: u64,
    is_last: *mut bool,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { arrive(barrier, threads, ntpark_deadline(nanoseconds), is_last) }
}

/// As ntpark_barrier_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and this thread has not
/// arrived.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_barrier_wait_until(
    barrier: *mut ntpark_barrier,
    threads: u16,
    deadline: u64,
    is_last: *mut bool,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { arrive(barrier, threads, deadline, is_last) }
}

/// # Safety
/// As for [`get`] and [`tell`].
#[inline(never)]
unsafe fn arrive(barrier: *const ntpark_barrier, threads: u16, deadline: u64, is_last: *mut bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(barrier) } {
        Some(barrier) if threads != 0 => {
            let how = barrier.wait_until(threads, Instant::from_ticks(deadline));
            // SAFETY: null, or writable, as the caller promises; a byte is aligned.
            unsafe { tell(is_last, how == BarrierWait::Last) };
            if how == BarrierWait::TimedOut { NTPARK_TIMEOUT } else { NTPARK_OK }
        }
        _ => NTPARK_INVALID,
    }
}
