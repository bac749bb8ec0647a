//! Two threads hand a token to and fro, by a mutex and a condition variable.
#![no_std]
#![no_main]

use core::ffi::c_void;
use ntpark_locks::{Condvar, Mutex};

static TURN: Mutex<u32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(answer, || {
        pass(0);
        wait(2);
    })
}

unsafe extern "system" fn answer(_: *mut c_void) -> u32 {
    wait(1);
    pass(1);
    0
}

fn pass(turn: u32) {
    *TURN.lock() = turn + 1;
    CHANGED.notify_one();
}

fn wait(turn: u32) {
    let mut guard = TURN.lock();
    while *guard != turn {
        CHANGED.wait(&mut guard);
    }
}
