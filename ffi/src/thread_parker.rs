//! The two-phase protocol.

use crate::backend::{self, ntpark_backend};
use crate::pointer::is_good;
use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status, of_park};
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr;
use ntpark_core::{Backend, Instant, ThreadParker, UnparkHandle};
use static_assertions::{assert_eq_align, assert_eq_size};

/// Blocks one thread in a queue of somebody's own, in two phases: for those who build locks. The queue has a
/// lock of its own.
///
/// The thread that waits does, in this order:
///
/// 1. ntpark_thread_parker_prepare_park, then puts itself in the queue, under the lock;
/// 2. anything, also what makes another thread, or itself, unpark it;
/// 3. ntpark_thread_parker_park or ntpark_thread_parker_park_until, without the lock;
/// 4. after NTPARK_TIMEOUT: locks the queue and asks ntpark_thread_parker_timed_out. NTPARK_TIMEOUT: it is
///    still in the queue and takes itself out. NTPARK_OK: it has been unparked meanwhile after all.
///
/// The thread that wakes it takes it out of the queue and calls ntpark_thread_parker_unpark_lock, under the
/// lock; unlocks; and calls ntpark_unpark_handle_unpark, which may be slow.
///
/// What happened before ntpark_thread_parker_unpark_lock is visible after the park; the queue's lock is not
/// relied on for it.
///
/// All zero when new (NTPARK_THREAD_PARKER_INIT): it parks on the process's backend then.
#[repr(C)]
pub struct ntpark_thread_parker {
    /// The library's own.
    pub state: usize,
    /// The library's own.
    pub backend: *const c_void,
}

assert_eq_size!(ntpark_thread_parker, ThreadParker);
assert_eq_align!(ntpark_thread_parker, ThreadParker);

/// What is left to do of an unpark, once the queue's lock is released: wake the thread, if it blocks. To be
/// given to ntpark_unpark_handle_unpark, once; else that thread may never wake.
///
/// All zero when there is nothing to do.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ntpark_unpark_handle {
    /// Whom to wake: the address of a parker that may be gone; NULL is nobody.
    pub parker: *const c_void,
    /// The library's own.
    pub backend: *const c_void,
}

assert_eq_size!(ntpark_unpark_handle, UnparkHandle);
assert_eq_align!(ntpark_unpark_handle, UnparkHandle);

impl ntpark_unpark_handle {
    /// What a bad parker gives: it stands for no parker, and is told from the empty one by its backend, which
    /// is odd.
    const INVALID: Self = Self { parker: ptr::null(), backend: ptr::without_provenance(1) };
}

/// Makes a parker of any memory. It parks on the process's backend.
///
/// Parameters:
/// - parker: memory for one, that nobody uses as a parker.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: one, before others use the parker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_init(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { put(parker, ThreadParker::new()) }
}

/// Makes a parker of any memory. It parks on a backend of its own, whose clock its deadlines are of: see
/// ntpark_backend_now.
///
/// Parameters:
/// - parker: memory for one, that nobody uses as a parker.
/// - backend: from ntpark_backend_from_host; has to stay where it is for as long as parkers of it, or handles
///   of theirs, are used.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that was not made.
///
/// Threads: one, before others use the parker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_init_with(
    parker: *mut ntpark_thread_parker,
    backend: *const ntpark_backend,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { backend::get(backend) } {
        // SAFETY: passed on from the caller.
        Some(backend) => unsafe { put(parker, ThreadParker::with_backend(backend)) },
        None => NTPARK_INVALID,
    }
}

/// Gets ready to wait: before this thread is put in the queue.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: NTPARK_OK; NTPARK_BUSY, another thread is parked there; NTPARK_INVALID.
///
/// Threads: the one that waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_prepare_park(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if parker.try_prepare_park() => NTPARK_OK,
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Blocks until unparked. Returns at once if that has happened since ntpark_thread_parker_prepare_park.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: NTPARK_OK, unparked; NTPARK_BUSY, another thread is parked there or
/// ntpark_thread_parker_prepare_park has not come first; NTPARK_INVALID.
///
/// Threads: the one that waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_park(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { ntpark_thread_parker_park_until(parker, Instant::MAX.ticks()) }
}

/// Blocks until unparked, or until a deadline. Returns at once if it has been unparked since
/// ntpark_thread_parker_prepare_park.
///
/// Parameters:
/// - parker: a parker.
/// - deadline: a time of its backend's clock, in units of 100 ns: see ntpark_deadline. A past one does not
///   block; NTPARK_FOREVER never comes.
///
/// Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, never early: now ntpark_thread_parker_timed_out decides;
/// NTPARK_BUSY, another thread is parked there or ntpark_thread_parker_prepare_park has not come first;
/// NTPARK_INVALID.
///
/// Threads: the one that waits.
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

/// Whether a park that ran out of time has not been unparked since. To be asked with the queue's lock held.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: NTPARK_TIMEOUT, it has not, and the thread is still in the queue; NTPARK_OK, it has, or there was
/// no such park; NTPARK_INVALID.
///
/// Threads: the one that waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_timed_out(parker: *mut ntpark_thread_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if parker.timed_out() => NTPARK_TIMEOUT,
        Some(_) => NTPARK_OK,
        None => NTPARK_INVALID,
    }
}

/// Marks the thread that waits as unparked, quickly, with the queue's lock held. From here on that thread may
/// return and free the parker; the handle does not mind.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: a handle, to be given to ntpark_unpark_handle_unpark after unlocking. Of a bad pointer, one for
/// which that returns NTPARK_INVALID.
///
/// Threads: any that holds the queue's lock; once for each ntpark_thread_parker_prepare_park.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_thread_parker_unpark_lock(parker: *mut ntpark_thread_parker) -> ntpark_unpark_handle {
    // SAFETY: passed on from the caller.
    let Some(parker) = (unsafe { get(parker) }) else {
        return ntpark_unpark_handle::INVALID;
    };
    // SAFETY: both are the same two words.
    unsafe { transmute::<UnparkHandle, ntpark_unpark_handle>(parker.unpark_lock()) }
}

/// Wakes the thread, if it blocks.
///
/// Parameters:
/// - handle: from ntpark_thread_parker_unpark_lock, not used before. One that is all zero does nothing.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, it was a bad parker's.
///
/// Threads: any, at any time.
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

/// # Safety
/// If it is good, it points to a parker that lives while the result is used.
unsafe fn get<'a>(parker: *mut ntpark_thread_parker) -> Option<&'a ThreadParker> {
    if !is_good(parker) {
        return None;
    }
    // SAFETY: good, and a live parker, as the caller promises; of both types, the first word may be anything
    // and the second is null or points to a backend.
    Some(unsafe { &*parker.cast::<ThreadParker>() })
}

/// # Safety
/// If it is good, it points to memory for a parker that nobody else uses.
unsafe fn put(parker: *mut ntpark_thread_parker, new: ThreadParker) -> ntpark_status {
    if !is_good(parker) {
        return NTPARK_INVALID;
    }
    // SAFETY: writable, and nobody else's, as the caller promises; a `ThreadParker` fits.
    unsafe { parker.cast::<ThreadParker>().write(new) };
    NTPARK_OK
}
