//! NT's functions, as the system of the calling thread carries them out, and where they are found.

use super::kernel::{Call, Kernel};
use crate::sys::kernel32::{QueryTime, WaitOnAddress, WakeByAddressSingle};
use crate::sys::last_error;
use crate::sys::ntdll::{NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress};
use crate::sys::{BOOL, BOOLEAN, FALSE, HANDLE, NTSTATUS, STATUS_SUCCESS};
use std::cell::RefCell;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

/// What a look-up that finds nothing leaves as the last error.
const ERROR_MOD_NOT_FOUND: u32 = 126;
const ERROR_PROC_NOT_FOUND: u32 = 127;
/// What closing a handle leaves as the last error, if it was not open.
const ERROR_INVALID_HANDLE: u32 = 6;

thread_local! {
    static SYSTEM: RefCell<Option<Arc<Kernel>>> = const { RefCell::new(None) };
}

/// Puts the calling thread into a system, or out of the one it is in.
pub(super) fn enter(kernel: Option<Arc<Kernel>>) {
    SYSTEM.with(|system| *system.borrow_mut() = kernel);
}

/// The system that the calling thread is in, if it is in one.
pub(super) fn try_system() -> Option<Arc<Kernel>> {
    SYSTEM.with(|system| system.borrow().clone())
}

/// The system that the calling thread is in.
pub(super) fn system() -> Arc<Kernel> {
    try_system().expect("this thread has entered a system")
}

pub(super) unsafe extern "system" fn nt_create(
    handle: *mut HANDLE,
    access: u32,
    attributes: *const c_void,
    flags: u32,
) -> NTSTATUS {
    let system = system();
    system.lock().insist(attributes.is_null(), "a keyed event of one's own has no attributes");
    match system.create(access, flags) {
        Ok(new) => {
            // SAFETY: the caller's to write to.
            unsafe { handle.write(new) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

pub(super) unsafe extern "system" fn nt_wait(
    handle: HANDLE,
    key: *const c_void,
    alertable: BOOLEAN,
    timeout: *const i64,
) -> NTSTATUS {
    // SAFETY: promised by the caller, here as there.
    unsafe { meet(Call::Wait, handle, key, alertable, timeout) }
}

pub(super) unsafe extern "system" fn nt_release(
    handle: HANDLE,
    key: *const c_void,
    alertable: BOOLEAN,
    timeout: *const i64,
) -> NTSTATUS {
    // SAFETY: promised by the caller, here as there.
    unsafe { meet(Call::Release, handle, key, alertable, timeout) }
}

/// # Safety
/// The timeout is null, or that of a live number.
unsafe fn meet(call: Call, handle: HANDLE, key: *const c_void, alertable: BOOLEAN, timeout: *const i64) -> NTSTATUS {
    let system = system();
    system.lock().insist(alertable == FALSE, "waits are not alertable");
    // SAFETY: promised by the caller.
    let timeout = unsafe { timeout.as_ref() };
    system.meet(call, handle, key.addr(), timeout.copied())
}

pub(super) unsafe extern "system" fn is_ending() -> BOOLEAN {
    BOOLEAN::from(system().lock().is_ending())
}

pub(super) unsafe extern "system" fn wait_on_address(
    address: *const c_void,
    compare: *const c_void,
    size: usize,
    milliseconds: u32,
) -> BOOL {
    let system = system();
    system.lock().insist(size == size_of::<usize>(), "a parker is one word");
    // SAFETY: the caller's to read.
    let expected = unsafe { compare.cast::<usize>().read() };
    // SAFETY: the address is that of a parker's word, which is an `AtomicUsize` and alive while its thread waits.
    let (woken, error) = unsafe { system.wait_on_address(address.cast(), expected, milliseconds) };
    last_error::set(error);
    woken
}

pub(super) unsafe extern "system" fn wake_by_address(address: *const c_void) {
    system().wake_by_address(address.addr());
}

pub(super) unsafe extern "system" fn query_counter(count: *mut u64) {
    let now = system().read_clock().counts();
    // SAFETY: the caller's to write to.
    unsafe { count.write(now) };
}

pub(super) unsafe extern "system" fn query_frequency(frequency: *mut u64) {
    let it = system().lock().frequency();
    // SAFETY: the caller's to write to.
    unsafe { frequency.write(it) };
}

/// The modules of a process, and what each exports.
const MODULES: [(&str, &[&str]); 3] = [
    ("ntdll.dll", &["NtCreateKeyedEvent", "NtWaitForKeyedEvent", "NtReleaseKeyedEvent", "RtlDllShutdownInProgress"]),
    ("kernel32.dll", &["QueryPerformanceCounter", "QueryPerformanceFrequency"]),
    ("api-ms-win-core-synch-l1-2-0.dll", &["WaitOnAddress", "WakeByAddressSingle"]),
];

/// `GetModuleHandleA`: the number of a module that the system has.
pub(super) fn module(name: &CStr) -> Option<usize> {
    // If it fails. If it does not, the last error means nothing.
    last_error::set(ERROR_MOD_NOT_FOUND);
    let name = name.to_str().unwrap_or_default();
    MODULES.iter().position(|module| module.0 == name && system().lock().has(name))
}

/// `GetProcAddress`, for the modules of [`module`].
pub(super) fn function(module: usize, name: &CStr) -> *mut c_void {
    last_error::set(ERROR_PROC_NOT_FOUND);
    let name = name.to_str().unwrap_or_default();
    if MODULES[module].1.contains(&name) && system().lock().has(name) { address_of(name) } else { ptr::null_mut() }
}

fn address_of(function: &str) -> *mut c_void {
    match function {
        "NtCreateKeyedEvent" => nt_create as NtCreateKeyedEvent as *mut c_void,
        "NtWaitForKeyedEvent" => nt_wait as NtWaitForKeyedEvent as *mut c_void,
        "NtReleaseKeyedEvent" => nt_release as NtReleaseKeyedEvent as *mut c_void,
        "RtlDllShutdownInProgress" => is_ending as RtlDllShutdownInProgress as *mut c_void,
        "WaitOnAddress" => wait_on_address as WaitOnAddress as *mut c_void,
        "WakeByAddressSingle" => wake_by_address as WakeByAddressSingle as *mut c_void,
        "QueryPerformanceCounter" => query_counter as QueryTime as *mut c_void,
        "QueryPerformanceFrequency" => query_frequency as QueryTime as *mut c_void,
        _ => ptr::null_mut(),
    }
}

/// `CloseHandle`
pub(super) fn close(handle: HANDLE) {
    last_error::set(ERROR_INVALID_HANDLE);
    let system = system();
    let was_open = system.close(handle);
    system.lock().insist(was_open, "only an open handle can be closed");
}
