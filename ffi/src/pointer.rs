//! Checks of pointers that C passes, and the calls that many types have in common.

use crate::status::{NTPARK_BUSY, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use crate::time::ntpark_deadline;
use ntpark_core::Instant;

/// Whether a pointer to a `T` is neither null nor misaligned.
pub(crate) fn is_good<T>(pointer: *const T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}

/// A type of C's that stands for one of Rust's, of the same size and alignment, of which any value is valid that C
/// programs are told of.
pub(crate) trait Object {
    type Of;
}

/// The object at a good pointer.
///
/// # Safety
/// A good pointer points to an object that lives as long as the result is used.
pub(crate) unsafe fn get<'a, T: Object>(object: *const T) -> Option<&'a T::Of> {
    // SAFETY: live as the caller promises, and what an `Object` stands for.
    is_good(object).then(|| unsafe { &*object.cast::<T::Of>() })
}

/// Makes an object anew, if the pointer is a good one.
///
/// # Safety
/// A good pointer points to memory that may be written.
pub(crate) unsafe fn init<T: Object>(object: *mut T, new: T::Of) -> ntpark_status {
    if !is_good(object) {
        return NTPARK_INVALID;
    }
    // SAFETY: good, writable as the caller promises, and what an `Object` stands for.
    unsafe { object.cast::<T::Of>().write(new) };
    NTPARK_OK
}

/// Writes what the caller may want to know.
///
/// # Safety
/// A pointer that is not null is good, and points to memory that may be written.
pub(crate) unsafe fn tell<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: as the caller promises.
        unsafe { place.write(value) };
    }
}

/// Whether a pointer is null, or a good one.
pub(crate) fn is_optional<T>(pointer: *const T) -> bool {
    pointer.is_aligned()
}

// The calls below are not inlined: a C function then is a jump to one of them, without a frame, and the DLL smaller.

/// Does something with an object.
///
/// # Safety
/// As for [`get`].
#[inline(never)]
pub(crate) unsafe fn act<T: Object>(object: *const T, action: fn(&T::Of)) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let Some(object) = (unsafe { get(object) }) else {
        return NTPARK_INVALID;
    };
    action(object);
    NTPARK_OK
}

/// Does something with an object that may fail.
///
/// # Safety
/// As for [`get`].
#[inline(never)]
pub(crate) unsafe fn attempt<T: Object>(object: *const T, action: fn(&T::Of) -> bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(object) } {
        Some(object) if action(object) => NTPARK_OK,
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Does something with an object that is in the state for it.
///
/// # Safety
/// As for [`get`]. The state is all that `action` asks for.
#[inline(never)]
pub(crate) unsafe fn act_if<T: Object>(
    object: *const T,
    is_so: fn(&T::Of) -> bool,
    action: unsafe fn(&T::Of),
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(object) } {
        Some(object) if is_so(object) => {
            // SAFETY: it is in that state.
            unsafe { action(object) };
            NTPARK_OK
        }
        Some(_) => NTPARK_BUSY,
        None => NTPARK_INVALID,
    }
}

/// Waits for something of an object's, until a deadline.
///
/// # Safety
/// As for [`get`].
#[inline(never)]
pub(crate) unsafe fn wait_until<T: Object>(
    object: *const T,
    deadline: u64,
    wait: fn(&T::Of, Instant) -> bool,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(object) } {
        Some(object) if wait(object, Instant::from_ticks(deadline)) => NTPARK_OK,
        Some(_) => NTPARK_TIMEOUT,
        None => NTPARK_INVALID,
    }
}

/// Waits for something of an object's, for so many nanoseconds.
///
/// # Safety
/// As for [`get`].
#[inline(never)]
pub(crate) unsafe fn wait_timeout<T: Object>(
    object: *const T,
    nanoseconds: u64,
    wait: fn(&T::Of, Instant) -> bool,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { wait_until(object, ntpark_deadline(nanoseconds), wait) }
}

/// Says that a type of C's stands for one of Rust's.
macro_rules! object {
    ($c:ty, $rust:ty) => {
        impl crate::pointer::Object for $c {
            type Of = $rust;
        }
        static_assertions::assert_eq_size!($c, $rust);
        static_assertions::assert_eq_align!($c, $rust);
    };
}
pub(crate) use object;
