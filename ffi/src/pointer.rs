//! Checks of pointers that C passes.

use crate::status::{NTPARK_INVALID, NTPARK_OK, ntpark_status};

/// Whether a pointer to a `T` is neither null nor misaligned.
pub(crate) fn is_good<T>(pointer: *const T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}

/// A type of C's that stands for one of Rust's, of the same size and alignment, of which any value is valid.
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
