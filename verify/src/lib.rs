//! Proof that needs more than ntpark's public API: see `README.md`.
//!
//! This library holds what the test programs share: the seam through which they compile the product's own modules.

/// Compiles the product's modules into a test program, next to the program's own replacements for the others.
///
/// To be called at the root of a program that lies in `verify/tests/NAME/main.rs`. The product's modules refer to each
/// other through the crate's root, so the program has to have there whatever it does not take from the product:
///
/// - `sync`: atomics and cells (the product's, or loom's);
/// - `spin`: how long to look before blocking;
/// - `sys`: `pub(crate) use crate::product::sys::*;` and, beside it, modules that take the place of `loader`, `thread`
///   or `last_error`. What is declared there itself comes before what the glob brings.
///
/// The modules that are named in the call are the product's too.
#[macro_export]
macro_rules! product {
    ($($module:ident),*) => {
        #[path = "../../../src"]
        #[allow(
            clippy::all,
            dead_code,
            unreachable_pub,
            reason = "a program uses a part of what the product offers to others; the product's own build is linted"
        )]
        mod product {
            pub(crate) mod backend;
            pub(crate) mod parker;
            pub(crate) mod selection;
            pub(crate) mod state;
            pub(crate) mod sys;
            pub(crate) mod thread_parker;
            pub(crate) mod time;
            $(pub(crate) mod $module;)*
        }
        #[allow(unused_imports, reason = "the product's modules refer to each other through here")]
        use product::{backend, parker, selection, state, thread_parker, time $(, $module)*};
    };
}
