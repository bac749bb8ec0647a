//! `WaitOnAddress` and its two siblings, for programs that run on systems without them.

#![allow(non_snake_case, reason = "functions and parameters are spelt as in the SDK")]

use crate::futex;
use crate::status::{NTPARK_INVALID, NTPARK_TIMEOUT};
use crate::time::after;
use core::ffi::{CStr, c_char, c_void};
use core::mem::transmute;
use core::num::NonZeroU32;
use core::ptr;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use ntpark_core::sys::kernel32::{ERROR_TIMEOUT, INFINITE, WaitOnAddress, WakeByAddressSingle};
use ntpark_core::sys::{BOOL, HANDLE};
use ntpark_core::{Backend, BackendKind, Instant};

/// What this takes of kernel32, which every process has.
mod kernel32 {
    use super::{HANDLE, c_char, c_void};
    windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleA(lpModuleName: *const c_char) -> HANDLE);
    windows_targets::link!("kernel32.dll" "system" fn GetProcAddress(hModule: HANDLE, lpProcName: *const c_char) -> *mut c_void);
    windows_targets::link!("kernel32.dll" "system" fn SetLastError(dwErrCode: u32));
}
use kernel32::{GetModuleHandleA, GetProcAddress, SetLastError};

/// The last error after a bad argument.
const ERROR_INVALID_PARAMETER: u32 = 87;

const TRUE: BOOL = 1;
const FALSE: BOOL = 0;

/// Windows' WaitOnAddress, on every system from Windows XP on: waits while a value in memory is the given one.
///
/// Where the system has all three functions and the process's backend uses them, they are called, and waiters meet
/// those of other code. Elsewhere, only waiters and wakes through these functions of this copy of the library meet.
///
/// Parameters:
/// - Address: the value, aligned to its size.
/// - CompareAddress: what it is while there is something to wait for.
/// - AddressSize: 1, 2, 4 or 8 bytes.
/// - dwMilliseconds: 0xFFFFFFFF means for ever.
///
/// Returns: TRUE when woken, or if the value is another one, or for no reason; else FALSE, and the last error is
/// ERROR_TIMEOUT or, for a bad size or address, ERROR_INVALID_PARAMETER.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ntpark_WaitOnAddress(
    Address: *const c_void,
    CompareAddress: *const c_void,
    AddressSize: usize,
    dwMilliseconds: u32,
) -> BOOL {
    if let Some(system) = System::get() {
        // SAFETY: the system's own function, with the caller's arguments.
        return unsafe { (system.wait)(Address, CompareAddress, AddressSize, dwMilliseconds) };
    }
    // SAFETY: so many bytes can be read, as the caller promises.
    let status = match unsafe { read(CompareAddress, AddressSize) } {
        Some(expected) => {
            let deadline = match dwMilliseconds {
                INFINITE => Instant::MAX,
                milliseconds => after(u64::from(milliseconds) * 1_000_000),
            };
            // SAFETY: passed on from the caller.
            unsafe { futex::wait(Address, AddressSize, expected, futex::NTPARK_FUTEX_ALL, deadline) }
        }
        None => NTPARK_INVALID,
    };
    let error = match status {
        NTPARK_TIMEOUT => ERROR_TIMEOUT,
        NTPARK_INVALID => ERROR_INVALID_PARAMETER,
        _ => return TRUE,
    };
    // SAFETY: writes a field of this thread.
    unsafe { SetLastError(error) };
    FALSE
}

/// Windows' WakeByAddressSingle: wakes the thread that has waited longest at an address. The memory is not touched.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ntpark_WakeByAddressSingle(Address: *const c_void) {
    match System::get() {
        // SAFETY: the system's own function, with the caller's argument.
        Some(system) => unsafe { (system.wake_single)(Address) },
        None => wake(Address, 1),
    }
}

/// Windows' WakeByAddressAll: wakes all threads that wait at an address. The memory is not touched.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ntpark_WakeByAddressAll(Address: *const c_void) {
    match System::get() {
        // SAFETY: the system's own function, with the caller's argument.
        Some(system) => unsafe { (system.wake_all)(Address) },
        None => wake(Address, usize::MAX),
    }
}

/// The value of so many bytes at an address, which need not be aligned. None if it is null or there is no such size.
///
/// # Safety
/// If it is not null, so many bytes can be read there.
unsafe fn read(address: *const c_void, bytes: usize) -> Option<u64> {
    if address.is_null() {
        return None;
    }
    // Not by a copy of so many bytes, for which a C runtime is needed.
    match bytes {
        // SAFETY: as the caller promises.
        1 => Some(u64::from(unsafe { address.cast::<u8>().read() })),
        // SAFETY: as the caller promises.
        2 => Some(u64::from(unsafe { address.cast::<u16>().read_unaligned() })),
        // SAFETY: as the caller promises.
        4 => Some(u64::from(unsafe { address.cast::<u32>().read_unaligned() })),
        // SAFETY: as the caller promises.
        8 => Some(unsafe { address.cast::<u64>().read_unaligned() }),
        _ => None,
    }
}

fn wake(address: *const c_void, count: usize) {
    ntpark_core::futex::wake_masked(address, count, NonZeroU32::MAX);
}

/// The system's own functions, from one module.
struct System {
    wait: WaitOnAddress,
    wake_single: WakeByAddressSingle,
    wake_all: WakeByAddressSingle,
}

/// Where they are, in that order; the last one is written last. Null until they have been looked up.
static FOUND: [AtomicPtr<c_void>; 3] = [const { AtomicPtr::new(ptr::null_mut()) }; 3];

impl System {
    /// None if the process's backend is another one, as where the system has no such functions. The answer is the same
    /// for the whole process at all times, or waiters would not be found.
    fn get() -> Option<Self> {
        if Backend::get().kind() != BackendKind::WaitAddress {
            return None;
        }
        // Acquire: meets the Release below.
        if FOUND[2].load(Acquire).is_null() {
            // SAFETY: a string that ends with 0.
            let module = unsafe { GetModuleHandleA(c"api-ms-win-core-synch-l1-2-0.dll".as_ptr()) };
            let names: [&CStr; 3] = [c"WaitOnAddress", c"WakeByAddressSingle", c"WakeByAddressAll"];
            for (place, name) in FOUND.iter().zip(names) {
                // SAFETY: the module is loaded, since the backend has functions of it; the name ends with 0.
                place.store(unsafe { GetProcAddress(module, name.as_ptr()) }, Release);
            }
        }
        // SAFETY: null, or what the system exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<WaitOnAddress>>(FOUND[0].load(Relaxed)) }?;
        // SAFETY: as above.
        let wake_single = unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(FOUND[1].load(Relaxed)) }?;
        // SAFETY: as above; the type is the same.
        let wake_all = unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(FOUND[2].load(Relaxed)) }?;
        Some(Self { wait, wake_single, wake_all })
    }
}
