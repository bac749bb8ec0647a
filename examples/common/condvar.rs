//! The standard library as a host, for Miri: a mutex and a condition variable for all words.

use ntpark::{Host, HostFunctions};
use std::ffi::c_void;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The host.
pub(crate) static HOST: Host = host(4);

/// A host on which a parker looks at its word so many times before it blocks. It needs no context.
pub(crate) const fn host(spin: u32) -> Host {
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: the functions below do what their types ask for, on any thread, and do not unwind.
    unsafe { Host::new(ptr::null_mut(), functions, NonZeroU32::MIN) }.with_spin_limit(spin)
}

static LOCK: Mutex<()> = Mutex::new(());
/// Notified of every wake, since it does not know who waits for which word.
static WOKEN: Condvar = Condvar::new();

unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the word of a thread that waits is alive, and all who use it do so atomically.
    let found = unsafe { AtomicUsize::from_ptr(word.cast_mut()) }.load(Relaxed);
    if found == expected {
        // An hour at the most, which a host may cut a timeout to. All ways to return are good: the parker looks again.
        drop(WOKEN.wait_timeout(guard, Duration::from_nanos(timeout.min(36_000_000_000) * 100)));
    }
}

unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {
    // A thread that has compared holds the lock until it sleeps.
    drop(LOCK.lock());
    WOKEN.notify_all();
}

unsafe extern "C" fn now(_: *mut c_void) -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Time began a second before it was first asked for, so that there is a past.
    START.elapsed().as_nanos() as u64 / 100 + 10_000_000
}

unsafe extern "C" fn thread_yield(_: *mut c_void) {
    thread::yield_now();
}

unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| ptr::from_ref(here).addr())
}
