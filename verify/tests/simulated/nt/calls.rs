//! NT's functions, as the system of the calling thread carries them out, and where they are found.

use super::kernel::{Call, Kernel};
use ntpark::sys::kernel32::{QueryTime, WaitOnAddress, WakeByAddressSingle};
use ntpark::sys::ntdll::{NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress};
use ntpark::sys::{BOOL, BOOLEAN, FALSE, HANDLE, NTSTATUS, STATUS_SUCCESS};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::Arc;

thread_local! {
    static SYSTEM: RefCell<Option<Arc<Kernel>>> = const { RefCell::new(None) };
}

/// Puts the calling thread into a system, or out of the one it is in.
pub(super) fn enter(kernel: Option<Arc<Kernel>>) {
    SYSTEM.with(|system| *system.borrow_mut() = kernel);
}

/// The system that the calling thread is in.
fn system() -> Arc<Kernel> {
    SYSTEM.with(|system| system.borrow().clone()).expect("this thread has entered a system")
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
    unsafe { system.wait_on_address(address.cast(), expected, milliseconds) }
}

pub(super) unsafe extern "system" fn wake_by_address(address: *const c_void) {
    system().wake_by_address(address.addr());
}

pub(super) unsafe extern "system" fn query_precise(time: *mut u64) {
    let now = system().lock().clock();
    // SAFETY: the caller's to write to.
    unsafe { time.write(now) };
}

pub(super) unsafe extern "system" fn query_ticking(time: *mut u64) {
    let now = system().lock().last_tick();
    // SAFETY: the caller's to write to.
    unsafe { time.write(now) };
}

/// A counter of 10 MHz.
pub(super) unsafe extern "system" fn query_counter(count: *mut u64) {
    // SAFETY: as here.
    unsafe { query_precise(count) };
}

pub(super) unsafe extern "system" fn query_frequency(frequency: *mut u64) {
    // SAFETY: the caller's to write to.
    unsafe { frequency.write(super::SECOND) };
}

/// Never called: it is only looked for.
pub(super) unsafe extern "system" fn precise_wall_clock(_: *mut u64) {}

/// The modules of a process, and what each has.
const MODULES: [(&str, &[&str]); 4] = [
    ("ntdll.dll", &["NtCreateKeyedEvent", "NtWaitForKeyedEvent", "NtReleaseKeyedEvent", "RtlDllShutdownInProgress"]),
    (
        "kernel32.dll",
        &[
            "QueryUnbiasedInterruptTime",
            "QueryPerformanceCounter",
            "QueryPerformanceFrequency",
            "GetSystemTimePreciseAsFileTime",
        ],
    ),
    ("api-ms-win-core-synch-l1-2-0.dll", &["WaitOnAddress", "WakeByAddressSingle"]),
    ("api-ms-win-core-realtime-l1-1-1.dll", &["QueryUnbiasedInterruptTimePrecise"]),
];

/// `GetModuleHandleA`. A module that the system [lacks](super::Nt::lack) is not loaded.
pub(crate) unsafe extern "system" fn module(name: *const c_char) -> HANDLE {
    // SAFETY: the name is a string that ends with 0.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default();
    let found = MODULES.iter().position(|module| module.0 == name && system().lock().has(name));
    found.map_or(ptr::null_mut(), |index| ptr::without_provenance_mut(index + 1))
}

/// `GetProcAddress`, for the modules of [`module`].
pub(crate) unsafe extern "system" fn function(module: HANDLE, name: *const c_char) -> *mut c_void {
    // SAFETY: the name is a string that ends with 0.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default();
    if !MODULES[module.addr() - 1].1.contains(&name) || !system().lock().has(name) {
        return ptr::null_mut();
    }
    address_of(name)
}

/// Where a function lies.
pub(crate) fn address_of(name: &str) -> *mut c_void {
    match name {
        "NtCreateKeyedEvent" => nt_create as NtCreateKeyedEvent as *mut c_void,
        "NtWaitForKeyedEvent" => nt_wait as NtWaitForKeyedEvent as *mut c_void,
        "NtReleaseKeyedEvent" => nt_release as NtReleaseKeyedEvent as *mut c_void,
        "RtlDllShutdownInProgress" => is_ending as RtlDllShutdownInProgress as *mut c_void,
        "WaitOnAddress" => wait_on_address as WaitOnAddress as *mut c_void,
        "WakeByAddressSingle" => wake_by_address as WakeByAddressSingle as *mut c_void,
        "QueryUnbiasedInterruptTimePrecise" => query_precise as QueryTime as *mut c_void,
        "QueryUnbiasedInterruptTime" => query_ticking as QueryTime as *mut c_void,
        "QueryPerformanceCounter" => query_counter as QueryTime as *mut c_void,
        "QueryPerformanceFrequency" => query_frequency as QueryTime as *mut c_void,
        "GetSystemTimePreciseAsFileTime" => precise_wall_clock as QueryTime as *mut c_void,
        _ => ptr::null_mut(),
    }
}

/// `CloseHandle`
pub(crate) unsafe extern "system" fn close_handle(handle: HANDLE) -> BOOL {
    let system = system();
    let was_open = system.close(handle);
    system.lock().insist(was_open, "only an open handle can be closed");
    BOOL::from(was_open)
}

/// `KUSER_SHARED_DATA.NtMajorVersion`
pub(crate) fn major_version() -> u32 {
    system().lock().class().major_version()
}
