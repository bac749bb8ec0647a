//! What the product's `sync` and that of the locks declare, made of loom's atomics and cells, which have no `const` constructors.

pub(crate) use crate::backend::Backend;
pub(crate) use crate::lot;
pub(crate) use crate::spin::SpinWait as Looks;
pub(crate) use crate::time::Instant;
pub(crate) use loom::cell::{Cell, UnsafeCell};
pub(crate) use loom::sync::atomic;

/// Two buckets, of which either has several keys.
pub(crate) const TABLE_BITS: u32 = 1;
/// To loom, a look that finds nothing is one more interleaving of the same.
pub(crate) const LOOKS: u32 = 0;
pub(crate) const BATCH: usize = 1;

macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility fn $($rest)*
    };
}
pub(crate) use const_constructor;

/// A static of loom's begins anew with each execution.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        loom::lazy_static! { $(#[$attribute])* static ref $name: $type = $value; }
    };
}
pub(crate) use process_static;

macro_rules! array {
    ($new:expr; $length:expr) => {
        std::array::from_fn::<_, { $length }, _>(|_| $new)
    };
}
pub(crate) use array;

/// loom's types have other sizes.
macro_rules! assert_words {
    ($type:ty, $words:expr) => {};
}
pub(crate) use assert_words;
