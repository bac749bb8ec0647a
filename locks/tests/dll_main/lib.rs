//! A DLL whose `DllMain` calls a function of the program that has loaded it, under the lock of the system's loader:
//! when a thread begins or ends, when the DLL is unloaded, and when the process ends.

#![cfg(windows)]

use std::ffi::c_void;
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

const TRUE: i32 = 1;

/// What to call, with the reason; null is nothing.
static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Says what to call.
#[unsafe(no_mangle)]
pub extern "system" fn set_function(function: extern "system" fn(u32)) {
    FUNCTION.store(function as *mut c_void, Relaxed);
}

/// Called by the system, which holds the lock of its loader.
///
/// # Safety
/// For the system alone.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DllMain(_module: *mut c_void, reason: u32, _reserved: *mut c_void) -> i32 {
    let function = FUNCTION.load(Relaxed);
    if !function.is_null() {
        // SAFETY: what is not null was given to `set_function`, and has this type.
        let function = unsafe { transmute::<*mut c_void, extern "system" fn(u32)>(function) };
        function(reason);
    }
    TRUE
}
