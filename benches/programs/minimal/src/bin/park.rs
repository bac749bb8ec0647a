//! Parks and unparks on two threads, on ntpark.
#![no_std]
#![no_main]

use core::ffi::c_void;
use ntpark::Parker;

static THERE: Parker = Parker::new();
static BACK: Parker = Parker::new();

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(answer, || {
        THERE.unpark();
        let _ = BACK.park();
    })
}

unsafe extern "system" fn answer(_: *mut c_void) -> u32 {
    let _ = THERE.park();
    BACK.unpark();
    0
}
