//! What the test programs share. They run on the backend that `NTPARK_BACKEND` names, else on the best there is.

#![allow(dead_code, reason = "each test program uses a part of this")]

#[path = "../../examples/common/mod.rs"]
pub(crate) mod host;
mod watchdog;

use ntpark::lot::{self, DEFAULT_UNPARK_TOKEN, FilterOp, Key};
use ntpark_locks::Instant;
use proptest::test_runner::Config as ProptestConfig;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{self, Duration};
use watchdog::Watchdog;

/// Begins a test on the process's backend. Lasts as long as what it returns.
#[track_caller]
pub(crate) fn begin() -> Watchdog {
    host::setup();
    Watchdog::new()
}

/// How often a test does what it repeats: less often under Miri, which takes some thousand times as long.
pub(crate) const fn rounds(natively: usize) -> usize {
    if !cfg!(miri) {
        natively
    } else if natively >= 500 {
        10
    } else {
        3
    }
}

/// No files: a case that fails is printed. Fewer cases under Miri.
pub(crate) fn proptest_config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: if cfg!(miri) { 3 } else { cases }, ..ProptestConfig::default() }
}

/// A deadline after so many milliseconds.
pub(crate) fn after(millis: u64) -> Instant {
    ntpark::Backend::get().deadline(Duration::from_millis(millis))
}

/// Returns some milliseconds after now, by the clock of the locks, and not by less than one of its ticks.
pub(crate) fn pass(millis: u64) {
    let deadline = after(millis);
    while Instant::now() <= deadline {
        thread::yield_now();
    }
}

/// Calls something that has to give up, and not early.
#[track_caller]
pub(crate) fn expect_timeout<R: PartialEq + std::fmt::Debug>(gives_up: R, call: impl FnOnce(Instant) -> R) {
    let timeout = Duration::from_millis(5);
    let start = time::Instant::now();
    let result = call(ntpark::Backend::get().deadline(timeout));
    // On Windows, the clocks may run apart, by 50 parts in a million at the most.
    let drift = if cfg!(windows) { timeout / 20_000 } else { Duration::ZERO };
    assert!(start.elapsed() + drift >= timeout, "early: {:?}", start.elapsed());
    assert_eq!(result, gives_up);
}

/// What the threads of a lock wait for: the spaces of their keys, which are the locks' own affair. Nothing else tells
/// how many threads are queued.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(crate) enum Queue {
    Mutex = 0xFF00,
    RwLock,
    Readers,
    Condvar,
    Once,
    Semaphore,
    Barrier,
    Event,
}

impl Queue {
    /// How many threads are in this queue of a lock.
    pub(crate) fn len<T>(self, lock: &T) -> usize {
        let mut len = 0;
        let count = |_| {
            len += 1;
            FilterOp::Skip
        };
        let key = Key::in_space(self as u16, ptr::from_ref(lock).addr());
        // SAFETY: nobody is unparked; the callbacks call nothing.
        unsafe { lot::unpark_filter(key, count, |_| DEFAULT_UNPARK_TOKEN) };
        len
    }

    /// Returns once so many threads are in this queue of a lock.
    pub(crate) fn await_len<T>(self, lock: &T, len: usize) {
        while self.len(lock) != len {
            thread::yield_now();
        }
    }
}

/// Data without any protection of its own: if a lock does not order what is done to it, ThreadSanitizer and Miri say
/// so, and the numbers in it are wrong.
#[derive(Default)]
pub(crate) struct Bare<T>(UnsafeCell<T>);

// SAFETY: `with` and `get` ask for order.
unsafe impl<T: Send> Sync for Bare<T> {}

impl<T> Bare<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    /// No other thread uses it at the same time.
    pub(crate) unsafe fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: as the caller promises.
        work(unsafe { &mut *self.0.get() })
    }
}

impl<T: Copy> Bare<T> {
    /// # Safety
    /// No other thread changes it at the same time.
    pub(crate) unsafe fn get(&self) -> T {
        // SAFETY: as the caller promises.
        unsafe { *self.0.get() }
    }
}

/// In each round, two threads use a new lock once, and the one whose function returns true frees it at once, while the
/// other one may still be on its way out.
pub(crate) fn freed_at_once<T: Send + Sync>(
    make: impl Fn() -> T,
    first: impl Fn(&T) -> bool + Sync,
    second: impl Fn(&T) -> bool + Sync,
) {
    let slots = [const { AtomicPtr::<T>::new(ptr::null_mut()) }; 2];
    let user = |slot: &AtomicPtr<T>, is_last: &dyn Fn(&T) -> bool| {
        for _ in 0..rounds(500) {
            let mut lock: *mut T = ptr::null_mut();
            while lock.is_null() {
                lock = slot.swap(ptr::null_mut(), Acquire);
                thread::yield_now();
            }
            // SAFETY: alive until one of the two returns true.
            if is_last(unsafe { &*lock }) {
                // SAFETY: from a box, and nobody uses it any more.
                drop(unsafe { Box::from_raw(lock) });
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| user(&slots[0], &first));
        scope.spawn(|| user(&slots[1], &second));
        for _ in 0..rounds(500) {
            let lock = Box::into_raw(Box::new(make()));
            for slot in &slots {
                while slot.compare_exchange(ptr::null_mut(), lock, Release, Acquire).is_err() {
                    thread::yield_now();
                }
            }
        }
    });
}
