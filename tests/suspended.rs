//! Threads that are suspended, as garbage collectors and profilers do: what the documentation of `Parker` says of each
//! backend.
#![cfg(windows)]

mod common;

use common::{await_parked, begin};
use ntpark::{Backend, BackendKind, Parker, ThreadParker, UnparkReason};
use std::ffi::c_void;
use std::os::windows::io::AsRawHandle;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn SuspendThread(thread: *mut c_void) -> u32;
    fn ResumeThread(thread: *mut c_void) -> u32;
}

const FAILED: u32 = u32::MAX;

fn suspend<T>(thread: &JoinHandle<T>) {
    // SAFETY: the handle is that of a live thread, which holds no lock where the tests suspend it.
    let count = unsafe { SuspendThread(thread.as_raw_handle()) };
    assert_ne!(count, FAILED);
}

fn resume<T>(thread: &JoinHandle<T>) {
    // SAFETY: the handle is that of a live thread.
    let count = unsafe { ResumeThread(thread.as_raw_handle()) };
    assert_ne!(count, FAILED);
}

fn is_rendezvous() -> bool {
    matches!(Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull)
}

/// Long enough for a thread to come to rest in the system.
fn settle() {
    thread::sleep(Duration::from_millis(30));
}

#[test]
fn the_parked_thread() {
    let _test = begin();
    static PARKER: Parker = Parker::new();
    for _ in 0..5 {
        let parked = thread::spawn(|| PARKER.park());
        await_parked(&PARKER);
        settle();
        suspend(&parked);
        let unparker = thread::spawn(|| PARKER.unpark());
        if !is_rendezvous() {
            // Returns although the thread is suspended.
            assert!(unparker.join().expect("an unpark does not panic"));
            assert!(!parked.is_finished());
            resume(&parked);
        } else {
            resume(&parked);
            assert!(unparker.join().expect("an unpark does not panic"));
        }
        assert_eq!(parked.join().expect("a park does not panic"), UnparkReason::Unparked);
    }
}

#[test]
fn the_thread_that_unparks() {
    let _test = begin();
    static PARKER: ThreadParker = ThreadParker::new();
    static HAS_RETURNED: AtomicBool = AtomicBool::new(false);
    for _ in 0..5 {
        HAS_RETURNED.store(false, SeqCst);
        PARKER.prepare_park();
        let (send, receive) = channel();
        let (go, wait) = channel::<()>();
        let parked = thread::spawn(|| {
            let deadline = Backend::get().deadline(Duration::from_millis(100));
            let is_unparked = PARKER.park_until(deadline) || !PARKER.timed_out();
            HAS_RETURNED.store(true, SeqCst);
            is_unparked
        });
        settle();
        let unparker = thread::spawn(move || {
            let handle = PARKER.unpark_lock();
            send.send(()).expect("it is received");
            wait.recv().expect("it is sent");
            handle.unpark()
        });
        receive.recv().expect("it is sent");
        settle();
        // Between the two halves of its unpark.
        suspend(&unparker);
        thread::sleep(Duration::from_millis(200));
        // Its time is over by now. Only a rendezvous needs the other thread, if that found it parked.
        assert!(is_rendezvous() || HAS_RETURNED.load(SeqCst), "it is delayed");
        resume(&unparker);
        go.send(()).expect("it is received");
        let has_woken = unparker.join().expect("an unpark does not panic");
        let is_unparked = parked.join().expect("a park does not panic");
        assert!(is_unparked || !has_woken);
    }
}
