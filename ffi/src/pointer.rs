//! Pointers of C's, before they are used.

/// Whether a pointer can be one to a `T`: neither null nor misaligned.
pub(crate) fn is_good<T>(pointer: *const T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}
