//! The C interface: a static library, a DLL, and `ntpark.h`, which is generated from this source.
//!
//! Arguments are validated. A null or misaligned pointer, a number without a meaning and a call in the wrong order
//! are refused with a status and change nothing. What cannot be checked, such as a pointer to freed memory, is a
//! precondition, documented under *Parameters*.
//!
//! C programs use the library that is built with the profile `ffi`, whose panic strategy is "abort": it is
//! `no_std`, and needs no panic machinery, no C runtime and no other DLL than kernel32. With any other profile, as
//! for tests and clippy, it links std.

#![cfg_attr(all(panic = "abort", not(test)), no_std)]
#![allow(non_camel_case_types, reason = "types have the names that they have in C")]
#![allow(
    clippy::missing_safety_doc,
    reason = "C has no unsafe functions: preconditions are documented under Parameters"
)]

pub mod backend;
pub mod barrier;
pub mod condvar;
pub mod event;
pub mod futex;
pub mod lot;
pub mod mutex;
mod names;
pub mod once;
pub mod parker;
mod pointer;
pub mod rwlock;
pub mod semaphore;
pub mod spin;
pub mod status;
pub mod thread_parker;
pub mod time;
pub mod version;
#[cfg(windows)]
pub mod wait_on_address;

/// Required by the compiler and never called: a test looks for this text in the DLL.
#[cfg(all(panic = "abort", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    static TEXT: [u8; 19] = *b"ntpark has panicked";
    loop {
        core::hint::black_box(&TEXT);
    }
}
