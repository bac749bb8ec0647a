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
/// - `sync`: atomics and cells, for loom;
/// - `spin`: how long to look before blocking;
/// - `sys`: `pub(crate) use crate::product::sys::*;` and, beside it, modules that take the place of `loader`, `thread`
///   or `last_error`. What is declared comes before what a glob brings, there and here.
#[macro_export]
macro_rules! product {
    () => {
        #[path = "../../../src"]
        #[allow(
            clippy::all,
            dead_code,
            unreachable_pub,
            unused_imports,
            unused_macros,
            reason = "a program replaces some, and uses a part of the rest; the product's own build is linted"
        )]
        mod product {
            pub(crate) mod backend;
            pub(crate) mod model;
            pub(crate) mod parker;
            pub(crate) mod selection;
            pub(crate) mod spin;
            pub(crate) mod state;
            pub(crate) mod sync;
            pub(crate) mod sys;
            pub(crate) mod thread_parker;
            pub(crate) mod time;
        }
        use product::*;
    };
}
