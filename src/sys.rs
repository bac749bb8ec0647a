//! Windows as it declares itself: types, statuses and function signatures, written by hand.
//!
//! Nothing here decides anything. Names and spelling are the SDK's, so that a reader can look them up.
//!
//! Hidden from the documentation and outside the semver promise: public for this project's own `probe`,
//! benchmarks and tests, which call the system beside the crate.

#![allow(non_snake_case, reason = "parameters are spelt as in the SDK")]

pub mod kernel32;
pub(crate) mod last_error;
pub(crate) mod loader;
pub mod ntdll;
pub(crate) mod thread;
pub(crate) mod types;

pub use types::*;
