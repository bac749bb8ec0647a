//! What the programs share: two threads that hand a token to and fro, once, and how they do that is for each
//! program to say.
#![no_std]

use core::ffi::c_void;
use core::panic::PanicInfo;
use core::ptr;

type ThreadStart = unsafe extern "system" fn(*mut c_void) -> u32;

mod kernel32 {
    use super::{ThreadStart, c_void};

    windows_targets::link!("kernel32.dll" "system" fn CreateThread(attributes: *const c_void, stack_size: usize, start: ThreadStart, parameter: *mut c_void, flags: u32, id: *mut u32) -> *mut c_void);
    windows_targets::link!("kernel32.dll" "system" fn ExitProcess(code: u32) -> !);
}
use kernel32::{CreateThread, ExitProcess};

/// Runs `there` on a thread of its own and `here` on this one, and ends the program once `here` is through.
#[inline(always)]
pub fn run(there: ThreadStart, here: impl FnOnce()) -> ! {
    // SAFETY: the function takes no parameter; all else is default.
    unsafe { CreateThread(ptr::null(), 0, there, ptr::null_mut(), 0, ptr::null_mut()) };
    here();
    // SAFETY: takes a number.
    unsafe { ExitProcess(0) }
}

/// Nothing here panics: the optimiser removes it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: takes a number.
    unsafe { ExitProcess(101) }
}
