//! The product's declarations of NT, on the simulated one.

pub(crate) use crate::product::sys::*;

/// The simulated loader.
pub(crate) mod loader {
    pub(crate) use crate::nt::Nt;
    pub(crate) use crate::product::sys::loader::{KERNEL32, NTDLL, SYNCH};
}

/// Whoever yields or sleeps lets the others run.
pub(crate) mod thread {
    pub(crate) use loom::thread::yield_now as nap;
    pub(crate) use loom::thread::yield_now as thread_yield;
}
