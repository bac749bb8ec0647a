//! Threads that are suspended, as garbage collectors and profilers do: what the documentation of `Parker` says of each
//! backend.
#![cfg(windows)]

mod common;

use common::lot::{Parked, colliding, new_key, queue, unpark_all, unpark_one};
use common::{await_parked, begin};
use ntpark::futex::{self, WaitResult};
use ntpark::lot::{self, ParkResult, ParkToken, UnparkToken};
use ntpark::{Backend, BackendKind, Instant, Parker, ThreadParker, UnparkReason};
use std::ffi::c_void;
use std::os::windows::io::AsRawHandle;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
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
    assert!(try_suspend(thread));
}

/// False if it has ended.
fn try_suspend<T>(thread: &JoinHandle<T>) -> bool {
    // SAFETY: the handle is that of a thread, which holds no lock where the tests suspend it.
    let count = unsafe { SuspendThread(thread.as_raw_handle()) };
    count != FAILED
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

/// A thread that waits is suspended: those that wait for the same key, and for another in the same bucket, are not
/// delayed.
#[test]
fn a_thread_in_a_queue() {
    let _test = begin();
    let key = new_key();
    let other = colliding(key);
    for _ in 0..3 {
        let suspended = Parked::new(key, 1);
        settle();
        suspend(&suspended.0);
        for key in [key, other] {
            let [first, second] = [2, 3].map(|token| Parked::new(key, token));
            let past = Backend::get().deadline(Duration::from_millis(1));
            // SAFETY: the tests' own key; the callbacks call nothing.
            let result = unsafe { lot::park(key, || true, || {}, |_, _| {}, ParkToken(4), past) };
            assert_eq!(result, ParkResult::TimedOut);
            let has_first = queue(key)[0] == 1;
            // Those that are not suspended, in order.
            for (parked, token) in [(first, 2), (second, 3)] {
                let mut is_found = false;
                let filter = |park: ParkToken| match park.0 {
                    _ if is_found => lot::FilterOp::Stop,
                    found if found == token => {
                        is_found = true;
                        lot::FilterOp::Unpark
                    }
                    _ => lot::FilterOp::Skip,
                };
                // SAFETY: as above.
                let result = unsafe { lot::unpark_filter(key, filter, |_| UnparkToken(token)) };
                assert_eq!(result.unparked_threads, 1);
                parked.expect_unparked(token);
            }
            assert_eq!(queue(key).len(), usize::from(has_first));
        }
        resume(&suspended.0);
        assert_eq!(unpark_one(key, 5).unparked_threads, 1);
        suspended.expect_unparked(5);
    }
}

/// A thread has been woken and suspended before it returns: it is out of the queue, and delays nobody.
#[test]
fn a_woken_thread() {
    let _test = begin();
    let key = new_key();
    let (go, may_go) = channel::<()>();
    let woken = Parked::start(move |queued| {
        let before_sleep = || {
            queued();
            may_go.recv().expect("it is sent");
        };
        // SAFETY: as above.
        unsafe { lot::park(key, || true, before_sleep, |_, _| {}, ParkToken(1), Instant::MAX) }
    });
    // Not blocked yet, so that no rendezvous is needed.
    assert_eq!(unpark_one(key, 2).unparked_threads, 1);
    settle();
    suspend(&woken.0);
    for token in 3..6 {
        let next = Parked::new(key, token);
        assert_eq!(queue(key), [token]);
        assert_eq!(unpark_all(key, token), 1);
        next.expect_unparked(token);
    }
    assert!(!woken.0.is_finished());
    resume(&woken.0);
    go.send(()).expect("it is received");
    woken.expect_unparked(2);
}

/// The time of a suspended thread passes: a wake that comes then still counts it, and it returns woken.
#[test]
fn a_thread_whose_time_is_out() {
    let _test = begin();
    static WORD: AtomicU32 = AtomicU32::new(0);
    for _ in 0..5 {
        let waiting = thread::spawn(|| futex::wait_until(&WORD, 0, Backend::get().deadline(Duration::from_millis(60))));
        while futex::requeue(&WORD, &WORD, 0, 1).requeued == 0 && !waiting.is_finished() {
            thread::yield_now();
        }
        settle();
        if !try_suspend(&waiting) {
            // This thread was too slow.
            assert_eq!(waiting.join().expect("a wait does not panic"), WaitResult::TimedOut);
            continue;
        }
        thread::sleep(Duration::from_millis(60));
        let waker = thread::spawn(|| futex::wake_all(&WORD));
        if is_rendezvous() {
            settle();
            resume(&waiting);
        }
        let woken = waker.join().expect("a wake does not panic");
        if !is_rendezvous() {
            resume(&waiting);
        }
        let result = waiting.join().expect("a wait does not panic");
        assert_eq!(result, if woken == 1 { WaitResult::Woken } else { WaitResult::TimedOut });
        assert_eq!(futex::wake_all(&WORD), 0);
    }
}
