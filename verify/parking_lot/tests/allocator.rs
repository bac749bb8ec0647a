//! A lock of parking_lot in the global allocator: nothing below it allocates.

use crate::begin;
use parking_lot::Mutex;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Allocator =
    Allocator { lock: Mutex::new(()), is_on: AtomicBool::new(false), calls: AtomicU64::new(0) };

/// The system's, under a lock once the test has begun.
struct Allocator {
    lock: Mutex<()>,
    is_on: AtomicBool,
    calls: AtomicU64,
}

impl Allocator {
    fn locked<T>(&self, work: impl FnOnce() -> T) -> T {
        let guard = self.is_on.load(Relaxed).then(|| self.lock.lock());
        // At times for so long that others block.
        if guard.is_some() && self.calls.fetch_add(1, Relaxed) & 63 == 0 {
            thread::sleep(Duration::from_micros(100));
        }
        work()
    }
}

// SAFETY: it is the system's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        self.locked(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        self.locked(|| unsafe { System.dealloc(memory, layout) });
    }
}

#[test]
fn an_allocator_may_block_on_it() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 1_000;
    let _watchdog = begin();
    ALLOCATOR.is_on.store(true, Relaxed);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let number = Box::new(thread * ROUNDS + round);
                    assert_eq!(*std::hint::black_box(number), thread * ROUNDS + round);
                }
            });
        }
    });
    ALLOCATOR.is_on.store(false, Relaxed);
    assert!(ALLOCATOR.calls.load(Relaxed) >= 2 * THREADS * ROUNDS);
}
