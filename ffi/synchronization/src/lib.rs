//! `WaitOnAddress` and its two siblings under Windows' own names, for programs that are linked with ntpark's static
//! library. They stand in for `synchronization.lib`: a call reaches ntpark, directly or through an import's pointer.

#![cfg_attr(panic = "abort", no_std)]
#![cfg(windows)]
#![allow(non_snake_case, reason = "functions and parameters are spelt as in the SDK")]

use core::ffi::c_void;

type Wait = unsafe extern "system" fn(*const c_void, *const c_void, usize, u32) -> i32;
type Wake = unsafe extern "system" fn(*const c_void);

unsafe extern "system" {
    fn ntpark_WaitOnAddress(
        Address: *const c_void,
        CompareAddress: *const c_void,
        AddressSize: usize,
        dwMilliseconds: u32,
    ) -> i32;
    fn ntpark_WakeByAddressSingle(Address: *const c_void);
    fn ntpark_WakeByAddressAll(Address: *const c_void);
}

#[unsafe(no_mangle)]
unsafe extern "system" fn WaitOnAddress(
    Address: *const c_void,
    CompareAddress: *const c_void,
    AddressSize: usize,
    dwMilliseconds: u32,
) -> i32 {
    // SAFETY: passed on from the caller.
    unsafe { ntpark_WaitOnAddress(Address, CompareAddress, AddressSize, dwMilliseconds) }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn WakeByAddressSingle(Address: *const c_void) {
    // SAFETY: passed on from the caller.
    unsafe { ntpark_WakeByAddressSingle(Address) }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn WakeByAddressAll(Address: *const c_void) {
    // SAFETY: passed on from the caller.
    unsafe { ntpark_WakeByAddressAll(Address) }
}

// What code that is compiled for a DLL's functions calls through. On x86 the compiler adds one underscore more.

#[cfg_attr(target_arch = "x86", unsafe(export_name = "_imp__WaitOnAddress@16"))]
#[cfg_attr(not(target_arch = "x86"), unsafe(export_name = "__imp_WaitOnAddress"))]
static WAIT_ON_ADDRESS: Wait = WaitOnAddress;

#[cfg_attr(target_arch = "x86", unsafe(export_name = "_imp__WakeByAddressSingle@4"))]
#[cfg_attr(not(target_arch = "x86"), unsafe(export_name = "__imp_WakeByAddressSingle"))]
static WAKE_BY_ADDRESS_SINGLE: Wake = WakeByAddressSingle;

#[cfg_attr(target_arch = "x86", unsafe(export_name = "_imp__WakeByAddressAll@4"))]
#[cfg_attr(not(target_arch = "x86"), unsafe(export_name = "__imp_WakeByAddressAll"))]
static WAKE_BY_ADDRESS_ALL: Wake = WakeByAddressAll;

/// Required by the compiler and never called.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
