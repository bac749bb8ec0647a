//! Proof that needs more than ntpark's public API: see `README.md`.
//!
//! This library holds what is shared: the seam through which test programs compile the product's own modules, and the
//! seeded faults, which `cargo xtask test --suite faults` tries.

pub mod catalogue;

/// Compiles the product's modules into a test program that lies in `verify/tests/NAME/main.rs`. To be called at its
/// root, through which the modules refer to each other.
///
/// A module that the program declares there itself takes the product's place, which is then compiled and not used:
///
/// - `sync`: atomics and cells, for loom and Shuttle;
/// - `spin`: how long to look before blocking;
/// - `sys`: `pub(crate) use crate::product::sys::*;` and, beside it, modules that take the place of `loader`, `thread`
///   or `last_error`. What is declared comes before what a glob brings, there and here.
///
/// With a list, only those modules are compiled, and the program has all that they need. With `locks:` before the list,
/// they are those of the crate `ntpark-locks`.
#[macro_export]
macro_rules! product {
    () => {
        $crate::product!(
            backend, futex, lot, model, parker, selection, spin, state, sync, sys, thread_parker, time
        );
    };
    (locks: $($module:ident),+) => {
        $crate::product!("../../../locks/src" locks $($module)+);
    };
    ($($module:ident),+) => {
        $crate::product!("../../../src" product $($module)+);
    };
    ($folder:literal $name:ident $($module:ident)+) => {
        #[path = $folder]
        #[allow(
            clippy::all,
            dead_code,
            unreachable_pub,
            unused_imports,
            unused_macros,
            reason = "a program replaces some, and uses a part of the rest; the product's own build is linted"
        )]
        mod $name {
            $(pub(crate) mod $module;)+
        }
        use $name::*;
    };
}
