//! Locks, threads and the memory that a waiter looks at: loom's under loom.

#[cfg(loom)]
pub(super) use loom::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::yield_now,
    thread_local,
};
#[cfg(not(loom))]
pub(super) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::yield_now,
    thread_local,
};

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Reads the word that a thread wants to wait on.
///
/// # Safety
/// It is an `AtomicUsize`, and alive.
pub(super) unsafe fn load(address: *const usize) -> usize {
    // SAFETY: promised by the caller.
    let word = unsafe { &*address.cast::<AtomicUsize>() };
    word.load(Ordering::SeqCst)
}
