//! Checks of pointers that C passes.

/// Whether a pointer to a `T` is neither null nor misaligned.
pub(crate) fn is_good<T>(pointer: *const T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}
