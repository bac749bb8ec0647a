//! A DLL with a copy of ntpark. Its `DllMain` calls a function when the DLL is detached: because the process ends, or
//! because it is unloaded. For the tests of how processes end, and of what unloading leaves behind.

#![cfg(windows)]

use ntpark::{Backend, BackendKind, Parker, UnparkReason, futex, lot};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::time::Duration;

const DLL_PROCESS_DETACH: u32 = 0;
const TRUE: i32 = 1;

/// What to call; null is nothing.
static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Says what to call at the end.
#[unsafe(no_mangle)]
pub extern "system" fn at_detach(function: extern "system" fn()) {
    FUNCTION.store(function as *mut c_void, Relaxed);
}

/// Parks until a short time has passed, on the kind of this number, or on the one that is chosen if it is 0. Returns
/// the kind's number.
#[unsafe(no_mangle)]
pub extern "system" fn park(kind: u8) -> u8 {
    if let Some(kind) = BackendKind::ALL.into_iter().find(|&known| known as u8 == kind) {
        assert_eq!(Backend::force(kind), Ok(()));
    }
    assert_eq!(Parker::new().park_timeout(Duration::from_micros(1)), UnparkReason::TimedOut);
    Backend::get().kind() as u8
}

/// Wakes whoever waits at an address, on a futex or in the lot, and returns how many.
#[unsafe(no_mangle)]
pub extern "system" fn wake_all(address: usize) -> usize {
    // SAFETY: no thread parks there that knows of this copy's lot.
    let unparked = unsafe { lot::unpark_all(address, lot::DEFAULT_UNPARK_TOKEN) };
    unparked + futex::wake_all(ptr::without_provenance::<u8>(address))
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
