//! Atomics, cells, and how constructors and statics are declared.
//!
//! Everything that a tool for concurrency has to replace is here: `verify/` compiles the other modules with a
//! `sync` of its own, made of loom's atomics, which have no `const` constructors and cannot lie in a `static`.

pub(crate) use core::cell::Cell;
pub(crate) use core::sync::atomic;

/// The buckets of the lot, as a power of two: a table of 16 KiB, all zero, which only a program that uses it has. 2 KiB on
/// small bare machines.
pub(crate) const TABLE_BITS: u32 = if cfg!(all(target_os = "none", target_pointer_width = "32")) { 5 } else { 8 };

/// How often a thread looks at a bucket's lock again before it blocks: with pauses that double, 510 in all, about as long
/// as to block and be woken. A lock is held for the change of a queue, some 50 ns, unless its thread is interrupted.
pub(crate) const LOOKS: u32 = 8;

/// How many threads an unpark tells under one hold of a bucket's lock.
pub(crate) const BATCH: usize = 8;

/// `core::cell::UnsafeCell`, with loom's interface.
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    /// Calls `read` with the address of the value, which nobody may write meanwhile.
    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// Calls `write` with the address of the value, which nobody else may use meanwhile.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Declares the constructor of a type that contains atomics: a `const fn`.
macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use const_constructor;

/// Declares a static that contains atomics, one for the whole process.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])* static $name: $type = $value;
    };
}
pub(crate) use process_static;

/// An array of what a constructor makes.
macro_rules! array {
    ($new:expr; $length:expr) => {
        [const { $new }; $length]
    };
}
pub(crate) use array;

/// Asserts the size and alignment of a type that contains atomics.
macro_rules! assert_words {
    ($type:ty, $words:expr) => {
        static_assertions::const_assert!(size_of::<$type>() == $words * size_of::<usize>());
        static_assertions::assert_eq_align!($type, usize);
    };
}
pub(crate) use assert_words;
