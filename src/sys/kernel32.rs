//! kernel32: the few functions that are linked, and the types of those that newer systems have and older ones
//! lack.

use crate::sys::types::BOOL;
use core::ffi::c_void;

/// Blocks while the memory at `Address` equals that at `CompareAddress`. Since Windows 8, in kernelbase;
/// **not** in kernel32: it is reached through the API set `api-ms-win-core-synch-l1-2-0.dll`.
///
/// - `AddressSize`: 1, 2, 4 or 8 bytes.
/// - `dwMilliseconds`: [`INFINITE`] means for ever.
///
/// Returns true when woken, or for no reason at all; false with last error [`ERROR_TIMEOUT`] when the time
/// ran out. Neither proves anything about the memory.
pub type WaitOnAddress = unsafe extern "system" fn(
    Address: *const c_void,
    CompareAddress: *const c_void,
    AddressSize: usize,
    dwMilliseconds: u32,
) -> BOOL;

/// Wakes one thread that waits on the address, which is never read. Since Windows 8.
pub type WakeByAddressSingle = unsafe extern "system" fn(Address: *const c_void);

/// Reads a clock or a counter. Several functions have this shape:
///
/// - `QueryPerformanceCounter` (kernel32, always): counts from some point, since Windows 8 also while the
///   machine is asleep.
/// - `QueryPerformanceFrequency` (kernel32, always): its counts in a second, the same as long as the system
///   runs.
///
/// Where they return a `BOOL`, it is false for a bad pointer only (on XP and later), and is not looked at.
pub type QueryTime = unsafe extern "system" fn(Time: *mut u64);

/// The timeout that never comes.
pub const INFINITE: u32 = u32::MAX;
/// The last error after [`WaitOnAddress`] ran out of time.
pub const ERROR_TIMEOUT: u32 = 1460;

#[cfg(windows)]
mod linked {
    use crate::sys::types::{BOOL, HANDLE};
    use core::ffi::{c_char, c_void};

    // The handle of a module that is loaded already, or null; loads nothing. Takes API set names since Windows 7.
    windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleA(lpModuleName: *const c_char) -> HANDLE);
    // The address of an exported function, or null. Runs nothing.
    windows_targets::link!("kernel32.dll" "system" fn GetProcAddress(hModule: HANDLE, lpProcName: *const c_char) -> *mut c_void);
    // Closes a handle; false if it names nothing.
    windows_targets::link!("kernel32.dll" "system" fn CloseHandle(hObject: HANDLE) -> BOOL);
    // This thread's error code of the Win32 layer.
    windows_targets::link!("kernel32.dll" "system" fn GetLastError() -> u32);
    // Sets this thread's error code of the Win32 layer.
    windows_targets::link!("kernel32.dll" "system" fn SetLastError(dwErrCode: u32));
    // Sleeps for about that many milliseconds; 0 gives way to a ready thread of any processor, on XP to one of
    // equal priority only.
    windows_targets::link!("kernel32.dll" "system" fn Sleep(dwMilliseconds: u32));
    // Ends a process and all its threads, without any DllMain; does not return if it is the caller's.
    windows_targets::link!("kernel32.dll" "system" fn TerminateProcess(hProcess: HANDLE, uExitCode: u32) -> BOOL);
    // The number of the calling thread: unique among those that live, never 0.
    windows_targets::link!("kernel32.dll" "system" fn GetCurrentThreadId() -> u32);
}
#[cfg(windows)]
pub(crate) use linked::*;
