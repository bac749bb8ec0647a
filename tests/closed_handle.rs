//! Keyed events whose handle has been closed, as by a bug elsewhere in the process. Parking goes on, by periodic
//! polling.

#![cfg(windows)]

mod common;

use common::child::in_own_process;
use common::{Watchdog, await_parked, handles, is_at_least};
use ntpark::{Backend, BackendKind, Instant, Parker, ThreadParker, UnparkReason};
use std::ffi::c_void;
use std::ptr;
use std::thread;
use std::time::{self, Duration};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateEventA(attributes: *const c_void, manual: i32, set: i32, name: *const u8) -> *mut c_void;
    fn CloseHandle(handle: *mut c_void) -> i32;
}

/// Makes the process park on a keyed event of its own, and closes its handle.
fn close_the_handle() -> *mut c_void {
    let before = handles::open();
    assert_eq!(Backend::force(BackendKind::KeyedEvent), Ok(()));
    assert_eq!(Backend::get().kind(), BackendKind::KeyedEvent);
    let new: Vec<_> = handles::open().into_iter().filter(|handle| !before.contains(handle)).collect();
    let [handle] = *new else {
        panic!("the choice has opened {new:?}");
    };
    let handle = ptr::without_provenance_mut(handle);
    // SAFETY: the handle is open. That ntpark still uses it is what the test is about.
    assert_ne!(unsafe { CloseHandle(handle) }, 0);
    handle
}

/// A thread is unparked while it waits, and another waits until its time is over, often enough to meet in
/// every way.
fn park() {
    let (parker, two_phase) = (Parker::new(), ThreadParker::new());
    for round in 0..8 {
        two_phase.prepare_park();
        thread::scope(|scope| {
            let parked = scope.spawn(|| parker.park());
            let waiter = scope.spawn(|| two_phase.try_park_until(Instant::MAX));
            await_parked(&parker);
            thread::sleep(Duration::from_millis(round));
            assert!(parker.unpark());
            two_phase.unpark_lock().unpark();
            assert_eq!(parked.join().expect("a park does not panic"), UnparkReason::Unparked);
            assert_eq!(waiter.join().expect("a park does not panic"), UnparkReason::Unparked);
        });
        let timeout = Duration::from_millis(round);
        let start = time::Instant::now();
        assert_eq!(parker.park_timeout(timeout), UnparkReason::TimedOut);
        assert!(is_at_least(start.elapsed(), timeout));
    }
}

#[test]
fn the_handle_was_closed() {
    in_own_process("the_handle_was_closed", || {
        let _watchdog = Watchdog::new();
        close_the_handle();
        park();
    });
}

#[test]
fn the_handle_was_closed_and_names_something_else() {
    in_own_process("the_handle_was_closed_and_names_something_else", || {
        let _watchdog = Watchdog::new();
        let closed = close_the_handle();
        // Numbers are used again, sooner or later.
        let is_used_again = (0..1_000).any(|_| {
            // SAFETY: no attributes, no name.
            unsafe { CreateEventA(ptr::null(), 0, 0, ptr::null()) == closed }
        });
        assert!(is_used_again, "the handle still names nothing");
        park();
    });
}
