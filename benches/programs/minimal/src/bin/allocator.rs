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

/// Hands out a piece of memory from its end on, and takes nothing back.
struct Heap {
    left: Mutex<usize>,
    memory: UnsafeCell<[usize; 512]>,
}

// SAFETY: no two pieces that are handed out overlap.
unsafe impl Sync for Heap {}

// SAFETY: a piece is as large and as aligned as it should be: the array is as aligned as any type here.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut left = self.left.lock();
        match left.checked_sub(layout.size()) {
            Some(rest) if layout.align() <= align_of::<usize>() => {
                *left = rest & !(align_of::<usize>() - 1);
                self.memory.get().cast::<u8>().wrapping_add(*left)
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Heap = Heap { left: Mutex::new(512 * size_of::<usize>()), memory: UnsafeCell::new([0; 512]) };
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
