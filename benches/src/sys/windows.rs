//! Windows: `WaitOnAddress`, keyed events, auto-reset events.

#![allow(non_snake_case, reason = "parameters are spelt as in the SDK")]

mod locks;

use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use ntpark::sys::kernel32::{INFINITE, WaitOnAddress as WaitFn, WakeByAddressSingle as WakeFn};
use ntpark::sys::ntdll::{NtReleaseKeyedEvent, NtWaitForKeyedEvent};
use ntpark::sys::{BOOL, FALSE, HANDLE};
use ntpark::{Backend, BackendKind};

use crate::subjects::{Primitive, Subject};
pub(crate) use locks::{CriticalSection, SemaphoreHandle, SrwLock};

windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleA(lpModuleName: *const c_char) -> HANDLE);
windows_targets::link!("kernel32.dll" "system" fn GetProcAddress(hModule: HANDLE, lpProcName: *const c_char) -> *mut c_void);
windows_targets::link!("kernel32.dll" "system" fn CreateEventA(lpEventAttributes: *const c_void, bManualReset: BOOL, bInitialState: BOOL, lpName: *const c_char) -> HANDLE);
windows_targets::link!("kernel32.dll" "system" fn SetEvent(hEvent: HANDLE) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn WaitForSingleObject(hHandle: HANDLE, dwMilliseconds: u32) -> u32);
windows_targets::link!("kernel32.dll" "system" fn CloseHandle(hObject: HANDLE) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn GetProcessTimes(hProcess: HANDLE, lpCreationTime: *mut u64, lpExitTime: *mut u64, lpKernelTime: *mut u64, lpUserTime: *mut u64) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn GetCurrentThread() -> HANDLE);
windows_targets::link!("kernel32.dll" "system" fn GetProcessAffinityMask(hProcess: HANDLE, lpProcessAffinityMask: *mut usize, lpSystemAffinityMask: *mut usize) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn SetThreadAffinityMask(hThread: HANDLE, dwThreadAffinityMask: usize) -> usize);

/// Forces the backend of this name, if one is named.
pub(crate) fn choose_backend(name: Option<&str>, spin: Option<u32>) -> Result<(), String> {
    if spin.is_some() {
        return Err("how often to look can only be set on a host".into());
    }
    let Some(name) = name else {
        return Ok(());
    };
    let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
    let kind = kind.ok_or_else(|| format!("there is no backend {name}"))?;
    Backend::force(kind).map_err(|error| error.to_string())
}

fn find(module: &CStr, function: &CStr) -> *mut c_void {
    let address = look_up(module, function);
    assert!(!address.is_null(), "{function:?} of {module:?} is missing");
    address
}

/// The address of a function of a module that is loaded for good; null if there is none.
fn look_up(module: &CStr, function: &CStr) -> *mut c_void {
    // SAFETY: the name is a string that ends with 0.
    let module = unsafe { GetModuleHandleA(module.as_ptr()) };
    // SAFETY: as above; null is the program itself.
    unsafe { GetProcAddress(module, function.as_ptr()) }
}

/// `WaitOnAddress` itself.
pub(crate) struct WaitOnAddress;

fn wait_on_address() -> (WaitFn, WakeFn) {
    static FUNCTIONS: OnceLock<(WaitFn, WakeFn)> = OnceLock::new();
    *FUNCTIONS.get_or_init(|| {
        let module = c"api-ms-win-core-synch-l1-2-0.dll";
        // SAFETY: what the system exports under this name has this type.
        let wait = unsafe { transmute::<*mut c_void, WaitFn>(find(module, c"WaitOnAddress")) };
        // SAFETY: as above.
        let wake = unsafe { transmute::<*mut c_void, WakeFn>(find(module, c"WakeByAddressSingle")) };
        (wait, wake)
    })
}

impl Primitive for WaitOnAddress {
    const NAME: &'static str = "raw-wait-on-address";

    fn wait(word: &AtomicU32, value: u32) {
        let (wait, _) = wait_on_address();
        // SAFETY: both addresses are those of live words of this size.
        unsafe { wait(word.as_ptr().cast(), (&raw const value).cast(), size_of::<u32>(), INFINITE) };
    }

    fn wake(word: &AtomicU32) {
        let (_, wake) = wait_on_address();
        // SAFETY: the address is not read.
        unsafe { wake(word.as_ptr().cast()) };
    }
}

/// Keyed events themselves, on the system's own handle.
pub(crate) struct KeyedEvents;

fn keyed_events() -> (NtWaitForKeyedEvent, NtReleaseKeyedEvent) {
    static FUNCTIONS: OnceLock<(NtWaitForKeyedEvent, NtReleaseKeyedEvent)> = OnceLock::new();
    *FUNCTIONS.get_or_init(|| {
        let module = c"ntdll.dll";
        // SAFETY: what ntdll exports under this name has this type.
        let wait = unsafe { transmute::<*mut c_void, NtWaitForKeyedEvent>(find(module, c"NtWaitForKeyedEvent")) };
        let release = find(module, c"NtReleaseKeyedEvent");
        // SAFETY: as above.
        (wait, unsafe { transmute::<*mut c_void, NtReleaseKeyedEvent>(release) })
    })
}

impl Primitive for KeyedEvents {
    const NAME: &'static str = "raw-keyed-event";

    /// The release comes for certain, so one wait is enough.
    fn wait(word: &AtomicU32, _value: u32) {
        let (wait, _) = keyed_events();
        // SAFETY: the key is the address of a live word of our own.
        unsafe { wait(ptr::null_mut(), word.as_ptr().cast(), FALSE, ptr::null()) };
    }

    fn wake(word: &AtomicU32) {
        let (_, release) = keyed_events();
        // SAFETY: as above.
        unsafe { release(ptr::null_mut(), word.as_ptr().cast(), FALSE, ptr::null()) };
    }
}

/// Prepares for [`raw_call`]: finds the functions.
pub(crate) fn prepare_raw_call() {
    wait_on_address();
    keyed_events();
}

/// One call of the backend's primitive that does not block.
pub(crate) fn raw_call() {
    let (word, other, poll) = (0_u32, 1_u32, 0_i64);
    if crate::subjects::is_keyed() {
        let (wait, _) = keyed_events();
        // SAFETY: the key is an address of our own; a timeout of 0 does not block.
        unsafe { wait(ptr::null_mut(), (&raw const word).cast(), FALSE, &raw const poll) };
    } else {
        let (wait, _) = wait_on_address();
        // SAFETY: both addresses are those of live words of this size.
        unsafe { wait((&raw const word).cast(), (&raw const other).cast(), size_of::<u32>(), INFINITE) };
    }
}

/// A kernel object that holds one token.
pub(crate) struct AutoResetEvent;

/// Its handle.
pub(crate) struct Event(HANDLE);

// SAFETY: a handle is a name that is good on every thread.
unsafe impl Send for Event {}
// SAFETY: as for `Send`.
unsafe impl Sync for Event {}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and nobody uses it any more.
        unsafe { CloseHandle(self.0) };
    }
}

impl Subject for AutoResetEvent {
    const NAME: &'static str = "auto-reset-event";
    type Parker = Arc<Event>;
    type Unparker = Arc<Event>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        // SAFETY: no attributes and no name are allowed.
        let handle = unsafe { CreateEventA(ptr::null(), 0, 0, ptr::null()) };
        assert!(!handle.is_null(), "no event could be made");
        let event = Arc::new(Event(handle));
        (Arc::clone(&event), event)
    }

    fn park(event: &Self::Parker) {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(event.0, INFINITE) };
    }

    fn unpark(event: &Self::Unparker) {
        // SAFETY: the handle is open.
        unsafe { SetEvent(event.0) };
    }
}

/// Keeps the calling thread on one processor, counted modulo those that there are.
pub(crate) fn pin(processor: usize) {
    let (mut allowed, mut system) = (0_usize, 0_usize);
    let this_process = ptr::without_provenance_mut(usize::MAX);
    // SAFETY: -1 is this process; both masks are live.
    unsafe { GetProcessAffinityMask(this_process, &raw mut allowed, &raw mut system) };
    let processors: Vec<usize> = (0..usize::BITS as usize).filter(|index| allowed >> index & 1 != 0).collect();
    if let Some(&index) = processors.get(processor % processors.len().max(1)) {
        // SAFETY: takes nothing.
        let thread = unsafe { GetCurrentThread() };
        // SAFETY: the handle is that of the calling thread.
        unsafe { SetThreadAffinityMask(thread, 1 << index) };
    }
}

/// The processor time that this process has used so far. Wine tells it in steps of 10 ms.
pub(crate) fn cpu_time() -> Duration {
    let (mut created, mut exited, mut kernel, mut user) = (0, 0, 0, 0);
    let this_process = ptr::without_provenance_mut(usize::MAX);
    // SAFETY: -1 is this process; all addresses are those of live u64s, as a FILETIME is.
    unsafe { GetProcessTimes(this_process, &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user) };
    Duration::from_nanos((kernel + user) * 100)
}

/// Linux' `prctl`, where this is Wine on Linux; elsewhere, nothing.
#[cfg(target_arch = "x86_64")]
pub(super) fn prctl(operation: usize, first: usize, second: usize) {
    type WineGetHostVersion = unsafe extern "C" fn(sysname: *mut *const c_char, release: *mut *const c_char);
    const SYS_PRCTL: usize = 157;

    let host_version = look_up(c"ntdll.dll", c"wine_get_host_version");
    // SAFETY: null, or what Wine exports under this name, which has this type.
    let Some(host_version) = (unsafe { transmute::<*mut c_void, Option<WineGetHostVersion>>(host_version) }) else {
        return;
    };
    let mut system = ptr::null();
    // SAFETY: the address is live; null says that the release is not asked for.
    unsafe { host_version(&raw mut system, ptr::null_mut()) };
    // SAFETY: Wine's own string, which is never freed.
    if unsafe { CStr::from_ptr(system) } != c"Linux" {
        return;
    }
    // SAFETY: under Wine, a program is a process of Linux, so this is its system call. It changes the registers
    // that are named, and what it is asked for touches no memory of ours.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") SYS_PRCTL => _,
            in("rdi") operation,
            in("rsi") first,
            in("rdx") second,
            in("r10") 0_usize,
            in("r8") 0_usize,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prctl(_operation: usize, _first: usize, _second: usize) {}
