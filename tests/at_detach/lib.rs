//! A DLL whose `DllMain` calls a function when the DLL is detached: because the process ends, or because it
//! is unloaded. For the tests of how processes end.

#![cfg(windows)]

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

const DLL_PROCESS_DETACH: u32 = 0;
const TRUE: i32 = 1;

/// What to call; null is nothing.
static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Says what to call at the end.
#[unsafe(no_mangle)]
pub extern "system" fn at_detach(function: extern "system" fn()) {
    FUNCTION.store(function as *mut c_void, Relaxed);
}

/// Called by the system, which holds the lock of its loader.
///
/// # Safety
/// For the system alone.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DllMain(_module: *mut c_void, reason: u32, _reserved: *mut c_void) -> i32 {
    let function = FUNCTION.load(Relaxed);
    if reason == DLL_PROCESS_DETACH && !function.is_null() {
        // SAFETY: what is not null was given to `at_detach`, and has this type.
        let function = unsafe { std::mem::transmute::<*mut c_void, extern "system" fn()>(function) };
        function();
    }
    TRUE
}
