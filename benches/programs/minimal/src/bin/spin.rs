//! The same as `park`, but that it spins: what is left of the program without ntpark.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::hint::spin_loop;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Release};

static THERE: AtomicUsize = AtomicUsize::new(0);
static BACK: AtomicUsize = AtomicUsize::new(0);

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(answer, || {
        THERE.swap(1, Release);
        wait(&BACK);
    })
}

unsafe extern "system" fn answer(_: *mut c_void) -> u32 {
    wait(&THERE);
    BACK.swap(1, Release);
    0
}

fn wait(word: &AtomicUsize) {
    while word.swap(0, Acquire) == 0 {
        spin_loop();
    }
}
