//! Waits and wakes on two threads, on ntpark's futexes.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};
use ntpark::futex;

static DONE: AtomicU32 = AtomicU32::new(0);

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(answer, || {
        while DONE.load(Acquire) == 0 {
            let _ = futex::wait(&DONE, 0);
        }
    })
}

unsafe extern "system" fn answer(_: *mut c_void) -> u32 {
    DONE.store(1, Release);
    futex::wake(&DONE, 1);
    0
}
