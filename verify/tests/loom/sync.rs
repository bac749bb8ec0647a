//! What the product's `sync` declares, made of loom's atomics and cells, which have no `const` constructors.

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::sync::atomic;

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

/// loom's types have other sizes.
macro_rules! assert_words {
    ($type:ty, $words:expr) => {};
}
pub(crate) use assert_words;
