//! Waiting on values in memory.

use crate::pointer::{is_optional, tell};
use crate::status::{NTPARK_CHANGED, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::after;
use core::ffi::c_void;
use core::num::NonZeroU32;
use ntpark_core::Instant;
use ntpark_core::futex::{self, Raw, Requeued, Size, WaitResult};

/// The mask of a futex's waiter that takes every wake, and of a wake that is for every waiter.
pub const NTPARK_FUTEX_ALL: u32 = u32::MAX;

/// Waits while a value in memory is the expected one, until woken. There are no spurious returns.
///
/// A futex is any 1, 2, 4 or 8 bytes that are aligned to their size. Whoever changes the value writes it by an atomic
/// operation, and then calls ntpark_futex_wake. The threads that wait at an address are woken first come, first served.
/// Threads of two copies of the library do not meet.
///
/// Parameters:
/// - address: the value. It must be readable as long as the call lasts.
/// - bytes: its size.
/// - expected: what it is; as many bits count as it has.
///
/// Returns: NTPARK_OK, woken: what happened before that is visible; NTPARK_CHANGED, it has another value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_wait(address: *const c_void, bytes: usize, expected: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait(address, bytes, expected, NTPARK_FUTEX_ALL, Instant::MAX) }
}

/// As ntpark_futex_wait, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
///
/// Parameters:
/// - mask: not 0. Only wakes whose mask shares a bit with it are for this thread.
///
/// Returns: as ntpark_futex_wait; NTPARK_TIMEOUT, not woken in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_wait_timeout(
    address: *const c_void,
    bytes: usize,
    expected: u64,
    mask: u32,
    nanoseconds: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait(address, bytes, expected, mask, after(nanoseconds)) }
}

/// As ntpark_futex_wait_timeout, but waits no longer than until a deadline of ntpark_now's clock.
///
/// Returns: as ntpark_futex_wait; NTPARK_TIMEOUT, not woken in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_wait_until(
    address: *const c_void,
    bytes: usize,
    expected: u64,
    mask: u32,
    deadline: u64,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait(address, bytes, expected, mask, Instant::from_ticks(deadline)) }
}

/// Wakes threads that wait at an address, those that came first. It does not touch the memory, which may be gone.
///
/// Parameters:
/// - address: any.
/// - count: how many at most.
/// - mask: not 0. Only threads whose mask shares a bit with it are woken.
/// - woken: receives how many were woken, exactly, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_wake(
    address: *const c_void,
    count: usize,
    mask: u32,
    woken: *mut usize,
) -> ntpark_status {
    let (Some(mask), true) = (NonZeroU32::new(mask), is_optional(woken)) else {
        return NTPARK_INVALID;
    };
    let number = futex::wake_masked(address, count, mask);
    // SAFETY: null, or good and writable, as the caller promises.
    unsafe { tell(woken, number) };
    NTPARK_OK
}

/// Wakes the first threads that wait at an address, and has the next ones wait at another, behind those that do so
/// already. It touches neither memory.
///
/// Parameters:
/// - from, to: any addresses.
/// - wake: how many to wake at most.
/// - requeue: how many more to move at most.
/// - woken, requeued: receive how many were, exactly, unless they are NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_requeue(
    from: *const c_void,
    to: *const c_void,
    wake: usize,
    requeue: usize,
    woken: *mut usize,
    requeued: *mut usize,
) -> ntpark_status {
    if !is_optional(woken) || !is_optional(requeued) {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    unsafe { tell_requeued(futex::requeue(from, to, wake, requeue), woken, requeued) }
}

/// As ntpark_futex_requeue, if the value at the first address is the expected one; compared and done in one step.
///
/// Parameters:
/// - from: the value. It must be readable as long as the call lasts.
/// - bytes: its size.
/// - expected: what it is; as many bits count as it has.
///
/// Returns: NTPARK_OK; NTPARK_CHANGED, it has another value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_futex_requeue_if(
    from: *const c_void,
    bytes: usize,
    expected: u64,
    to: *const c_void,
    wake: usize,
    requeue: usize,
    woken: *mut usize,
    requeued: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(value), true, true) = (unsafe { get(from, bytes) }, is_optional(woken), is_optional(requeued)) else {
        return NTPARK_INVALID;
    };
    match futex::requeue_if(&value, expected, to, wake, requeue) {
        // SAFETY: passed on from the caller.
        Ok(done) => unsafe { tell_requeued(done, woken, requeued) },
        Err(_) => NTPARK_CHANGED,
    }
}

/// # Safety
/// As for [`get`].
pub(crate) unsafe fn wait(
    address: *const c_void,
    bytes: usize,
    expected: u64,
    mask: u32,
    deadline: Instant,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(value), Some(mask)) = (unsafe { get(address, bytes) }, NonZeroU32::new(mask)) else {
        return NTPARK_INVALID;
    };
    match futex::wait_masked(&value, expected, mask, deadline) {
        WaitResult::Woken => NTPARK_OK,
        WaitResult::Changed => NTPARK_CHANGED,
        WaitResult::TimedOut => NTPARK_TIMEOUT,
    }
}

/// The value at an address, if that is aligned and not null, and there are values of that size.
///
/// # Safety
/// It can be read, and is written by atomic operations, as long as the result is used.
unsafe fn get(address: *const c_void, bytes: usize) -> Option<Raw> {
    let size = Size::from_bytes(bytes)?;
    let is_good = !address.is_null() && address.addr() & (bytes - 1) == 0;
    // SAFETY: aligned, and an atomic as the caller promises.
    is_good.then(|| unsafe { Raw::new(address.cast(), size) })
}

/// # Safety
/// Pointers that are not null are good, and writable.
unsafe fn tell_requeued(done: Requeued, woken: *mut usize, requeued: *mut usize) -> ntpark_status {
    // SAFETY: as the caller promises.
    unsafe { tell(woken, done.woken) };
    // SAFETY: as the caller promises.
    unsafe { tell(requeued, done.requeued) };
    NTPARK_OK
}
