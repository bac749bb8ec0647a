//! The C interface: a static library and a DLL, `ntpark.h` made from this source, and nothing else of Rust.
//!
//! Every function takes every argument. A pointer that is null or misaligned, a number that names nothing and
//! a call in the wrong order are answered with a status, and change nothing. What cannot be seen, such as a
//! pointer to memory that is gone, is the caller's promise, written under *Parameters*.
//!
//! The library that C programs get is built with the profile `ffi`, whose panic strategy is "abort": it is
//! `no_std`, and refers to no panicking machinery, no C runtime and nothing else but kernel32. Built
//! otherwise, as for tests and for clippy, it has std in it.

#![cfg_attr(all(panic = "abort", not(test)), no_std)]
#![allow(non_camel_case_types, reason = "types are spelt as in C")]
#![allow(clippy::missing_safety_doc, reason = "C has no unsafe functions: what they demand stands under Parameters")]

pub mod backend;
mod names;
pub mod parker;
mod pointer;
pub mod spin;
pub mod status;
pub mod thread_parker;
pub mod time;
pub mod version;

/// Asked for by the compiler, called by nobody: that this stays so is tested.
#[cfg(all(panic = "abort", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
