//! What the locks are made of. `verify/` compiles the other modules with a `sync` of its own: over a simulated parker, and
//! of loom's atomics, which have no `const` constructors.

pub(crate) use core::cell::UnsafeCell;
pub(crate) use core::sync::atomic;
pub(crate) use ntpark::{Backend, Instant, SpinWait, lot};

/// Declares the constructor of a type that contains atomics: a `const fn`.
macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use const_constructor;
