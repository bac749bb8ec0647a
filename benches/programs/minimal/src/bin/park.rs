#![no_std]
#![no_main]
use core::ffi::c_void;
use ntpark::Parker;

windows_targets::link!("kernel32.dll" "system" fn CreateThread(attributes: *const c_void, stack: usize, start: extern "system" fn(*mut c_void) -> u32, parameter: *mut c_void, flags: u32, id: *mut u32) -> *mut c_void);
windows_targets::link!("kernel32.dll" "system" fn ExitProcess(code: u32) -> !);

static THERE: Parker = Parker::new();
static BACK: Parker = Parker::new();

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    unsafe { CreateThread(core::ptr::null(), 0, answer, core::ptr::null_mut(), 0, core::ptr::null_mut()) };
    THERE.unpark();
    let _ = BACK.park();
    unsafe { ExitProcess(0) }
}

extern "system" fn answer(_: *mut c_void) -> u32 {
    let _ = THERE.park();
    BACK.unpark();
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
