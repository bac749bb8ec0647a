//! Two threads pass a box, by a condition variable; the lock of their allocator blocks.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;
use ntpark_locks::{Condvar, Mutex};

/// Hands out memory piece by piece, and takes nothing back.
struct Heap {
    used: Mutex<usize>,
    memory: UnsafeCell<[usize; 512]>,
}

// SAFETY: no two pieces overlap.
unsafe impl Sync for Heap {}

// SAFETY: each piece is of the size and the alignment that is asked for, and lies in memory of its own.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut used = self.used.lock();
        let start = *used;
        match start.checked_add(layout.size()).and_then(|end| end.checked_next_multiple_of(align_of::<usize>())) {
            Some(end) if end <= size_of_val(&self.memory) && layout.align() <= align_of::<usize>() => {
                *used = end;
                self.memory.get().cast::<u8>().wrapping_add(start)
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Heap = Heap { used: Mutex::new(0), memory: UnsafeCell::new([0; 512]) };
static PASSED: Mutex<Option<Box<u64>>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(answer, || {
        let mut guard = PASSED.lock();
        while guard.take().is_none() {
            CHANGED.wait(&mut guard);
        }
    })
}

unsafe extern "system" fn answer(_: *mut c_void) -> u32 {
    *PASSED.lock() = Some(Box::new(1));
    CHANGED.notify_one();
    0
}
