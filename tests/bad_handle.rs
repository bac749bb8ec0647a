//! Keyed events with a handle that is none, on the system's real calls: as when someone in the process has
//! closed ours. Parking goes on, by looking at the word now and then.

#![cfg(windows)]

mod common;

use common::{begin, is_at_least};
use ntpark::sys::ntdll::{NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress};
use ntpark::sys::{BOOL, HANDLE, STATUS_SUCCESS};
use ntpark::{Backend, Clock, Instant, KeyedEvent, ThreadParker, UnparkReason};
use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::ptr;
use std::thread;
use std::time::{self, Duration};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetModuleHandleA(name: *const c_char) -> HANDLE;
    fn GetProcAddress(module: HANDLE, name: *const c_char) -> *mut c_void;
    fn CreateEventA(attributes: *const c_void, manual: BOOL, set: BOOL, name: *const c_char) -> HANDLE;
    fn CloseHandle(handle: HANDLE) -> BOOL;
}

fn ntdll(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends with 0.
    let module = unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr()) };
    // SAFETY: ntdll is loaded, the name ends with 0.
    let function = unsafe { GetProcAddress(module, name.as_ptr()) };
    assert!(!function.is_null(), "{name:?} is missing");
    function
}

fn create(access: u32) -> HANDLE {
    // SAFETY: the function of this name has this type.
    let create = unsafe { transmute::<*mut c_void, NtCreateKeyedEvent>(ntdll(c"NtCreateKeyedEvent")) };
    let mut handle = ptr::null_mut();
    // SAFETY: the address is that of a live handle; no attributes, no flags.
    let status = unsafe { create(&raw mut handle, access, ptr::null(), 0) };
    assert_eq!(status, STATUS_SUCCESS);
    handle
}

fn close(handle: HANDLE) -> HANDLE {
    // SAFETY: the handle is open, and the test's own.
    assert_ne!(unsafe { CloseHandle(handle) }, 0);
    handle
}

/// A backend on the real calls, with this handle and guard.
fn backend(handle: HANDLE, guarded: bool) -> &'static Backend {
    // SAFETY: the function of this name has this type.
    let wait = unsafe { transmute::<*mut c_void, NtWaitForKeyedEvent>(ntdll(c"NtWaitForKeyedEvent")) };
    // SAFETY: as above.
    let release = unsafe { transmute::<*mut c_void, NtReleaseKeyedEvent>(ntdll(c"NtReleaseKeyedEvent")) };
    // SAFETY: as above.
    let is_ending = unsafe { transmute::<*mut c_void, RtlDllShutdownInProgress>(ntdll(c"RtlDllShutdownInProgress")) };
    // SAFETY: the functions are the system's own. The handle is not what it should be; the calls fail with it,
    // and do nothing else.
    let keyed_event = unsafe { KeyedEvent::new(handle, wait, release, is_ending, Clock::SHARED_PAGE, guarded) };
    Box::leak(Box::new(Backend::KeyedEvent(keyed_event)))
}

/// A thread is unparked while it waits, and another waits until its time is over, often enough to meet in
/// every way.
fn park_on(backend: &'static Backend) {
    for round in 0..8 {
        let parker = ThreadParker::with_backend(backend);
        parker.prepare_park();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| parker.try_park_until(Instant::MAX));
            thread::sleep(Duration::from_millis(round));
            parker.unpark_lock().unpark();
            assert_eq!(waiter.join().expect("a park does not panic"), UnparkReason::Unparked);
        });
        parker.prepare_park();
        let start = time::Instant::now();
        let timeout = Duration::from_millis(round);
        assert!(!parker.park_until(backend.deadline(timeout)));
        assert!(is_at_least(start.elapsed(), timeout));
        assert!(parker.timed_out());
    }
}

#[test]
fn the_handle_was_closed() {
    let _watchdog = begin();
    for guarded in [false, true] {
        // No other test of this process makes a handle, so nobody gets the same one.
        park_on(backend(close(create(3)), guarded));
    }
}

#[test]
fn the_handle_is_that_of_something_else() {
    let _watchdog = begin();
    // SAFETY: no attributes, no name.
    let event = unsafe { CreateEventA(ptr::null(), 0, 0, ptr::null()) };
    assert!(!event.is_null());
    for guarded in [false, true] {
        park_on(backend(event, guarded));
    }
}

#[test]
fn the_handle_is_good() {
    let _watchdog = begin();
    for guarded in [false, true] {
        park_on(backend(create(3), guarded));
    }
}
