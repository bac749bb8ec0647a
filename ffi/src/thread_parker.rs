//! The two-phase protocol.

use crate::backend::{self, ntpark_backend};
use crate::pointer::{get, init, object};
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status, of_park};
use crate::time::{NTPARK_FOREVER, duration};
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr;
use ntpark_core::{Backend, Instant, ThreadParker, UnparkHandle};
use static_assertions::{assert_eq_align, assert_eq_size};

/// Blocks one thread that waits in a queue of the caller's, in two phases: for authors of locks. A lock protects the
/// queue.
///
/// The waiting thread, in this order:
///
/// 1. calls ntpark_thread_parker_prepare_park, then puts itself in the queue, with the lock held;
/// 2. does anything, including what makes another thread, or itself, unpark it;
/// 3. calls ntpark_thread_parker_park or ntpark_thread_parker_park_until, without the lock;
/// 4. after NTPARK_TIMEOUT, locks the queue and calls ntpark_thread_parker_timed_out. NTPARK_TIMEOUT: it is still in
///    the queue, and removes itself. NTPARK_OK: it was unparked after all.
///
/// The waking thread removes it from the queue and calls ntpark_thread_parker_unpark_lock, with the lock held; unlocks;
/// and calls ntpark_unpark_handle_unpark, which may be slow.
///
/// What happened before ntpark_thread_parker_unpark_lock is visible after the park; the queue's lock is not needed
/// for that.
///
/// All zero when new (NTPARK_THREAD_PARKER_INIT), for the process's backend. It may be freed once the park has returned
/// NTPARK_OK, or ntpark_thread_parker_timed_out has. What ntpark_parker says about its address, about suspended threads
/// and about the end of the process holds here too.
#[repr(C)]
pub struct ntpark_thread_parker {
    /// Private.
    pub state: usize,
    /// Private.
    pub backend: *const c_void,
}

object!(ntpark_thread_parker, ThreadParker);

/// The second half of an unpark, for after the queue's lock is released: wakes the thread, if it blocks. Pass it to
/// ntpark_unpark_handle_unpark once, or that thread may never wake.
///
/// All zero means that there is nothing to do.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ntpark_unpark_handle {
    /// The address of a parker, which may be freed already, or NULL for none.
    pub parker: *const c_void,
    /// Private.
    pub backend: *const c_void,
}

assert_eq_size!(ntpark_unpark_handle, UnparkHandle);
assert_eq_align!(ntpark_unpark_handle, UnparkHandle);

impl ntpark_unpark_handle {
    /// The handle of a bad parker. Its odd backend distinguishes it from the empty handle.
    const INVALID: Self = Self { parker: ptr::null(), backend: ptr::without_provenance(1) };
}

/// Initialises memory that no thread uses as a parker, for the process's backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_init(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(parker, ThreadParker::new()) }
}

/// As ntpark_thread_parker_init, for a backend of its own. Its deadlines are times of that backend's clock: see
/// ntpark_backend_now.
///
/// Parameters:
/// - backend: from ntpark_backend_from_host, else NTPARK_INVALID. It must live, at the same address, as long as
///   parkers of it, or their handles, are used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_init_with(
    parker: *mut ntpark_thread_parker,
    backend: *const ntpark_backend,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { backend::get(backend) } {
        // SAFETY: passed on from the caller.
        Some(backend) => unsafe { init(parker, ThreadParker::with_backend(backend)) },
        None => NTPARK_INVALID,
    }
}

/// Announces a wait. Call it before the thread is put in the queue.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, another thread is parked here.
///
/// Threads: the waiting thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_prepare_park(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if parker.try_prepare_park() => NTPARK_OK,
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Blocks until unparked. Returns at once if that has happened since ntpark_thread_parker_prepare_park. There are no
/// spurious returns.
///
/// Returns: NTPARK_OK, unparked; NTPARK_BUSY, another thread is parked here, or ntpark_thread_parker_prepare_park was
/// not called before.
///
/// Threads: the waiting thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_park(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { ntpark_thread_parker_park_until(parker, Instant::MAX.ticks()) }
}

/// Blocks until unparked, or until a deadline. Returns at once if unparked since ntpark_thread_parker_prepare_park.
///
/// Parameters:
/// - deadline: a time of its backend's clock, in units of 100 ns: see ntpark_deadline. A past one does not wait;
///   NTPARK_FOREVER never passes.
///
/// Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, never early: ntpark_thread_parker_timed_out decides now; NTPARK_BUSY,
/// another thread is parked here, or ntpark_thread_parker_prepare_park was not called before.
///
/// Threads: the waiting thread.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_park_until(
    parker: *mut ntpark_thread_parker,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) => of_park(parker.try_park_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_thread_parker_park_until, for so many nanoseconds at most.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_park_timeout(
    parker: *mut ntpark_thread_parker,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if nanoseconds == NTPARK_FOREVER => of_park(parker.try_park_until(Instant::MAX)),
        Some(parker) => of_park(parker.try_park_until(parker.backend().deadline(duration(nanoseconds)))),
        None => NTPARK_INVALID,
    }
}

/// Tells whether a park that timed out has not been unparked since. Call it with the queue's lock held.
///
/// Returns: NTPARK_TIMEOUT, not unparked, so the thread is still in the queue; NTPARK_OK, unparked, or no park has
/// timed out.
///
/// Threads: the waiting thread.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_timed_out(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if parker.timed_out() => NTPARK_TIMEOUT,
        Some(_) => NTPARK_OK,
        None => NTPARK_INVALID,
    }
}

/// The first half of an unpark, for under the queue's lock: one atomic operation. From then on the waiting thread may
/// return and free the parker; the handle stays valid.
///
/// Returns: a handle for ntpark_unpark_handle_unpark, after unlocking. For a bad pointer, one for which that returns
/// NTPARK_INVALID.
///
/// Threads: one that holds the queue's lock; once for each ntpark_thread_parker_prepare_park.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_unpark_lock(parker: *mut ntpark_thread_parker) -> ntpark_unpark_handle {
    // SAFETY: passed on from the caller.
    let Some(parker) = (unsafe { get(parker) }) else {
        return ntpark_unpark_handle::INVALID;
    };
    // SAFETY: both are the same two words.
    unsafe { transmute::<UnparkHandle, ntpark_unpark_handle>(parker.unpark_lock()) }
}

/// The second half of an unpark: wakes the thread, if it blocks.
///
/// Parameters:
/// - handle: from ntpark_thread_parker_unpark_lock, not used before. All zero does nothing.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, the handle of a bad parker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_unpark_handle_unpark(handle: ntpark_unpark_handle) -> ntpark_status {
    if !handle.parker.cast::<ntpark_thread_parker>().is_aligned() || !handle.backend.cast::<Backend>().is_aligned() {
        return NTPARK_INVALID;
    }
    // SAFETY: both are the same two words. The second is null or, as it is one of `unpark_lock`'s, a live
    // backend.
    let handle = unsafe { transmute::<ntpark_unpark_handle, UnparkHandle>(handle) };
    handle.unpark();
    NTPARK_OK
}
