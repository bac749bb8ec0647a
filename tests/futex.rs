//! Futexes, on the backend under test.

mod common;

use common::begin;
use ntpark::futex::{self, WaitResult};
use ntpark::{Backend, Instant};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

#[test]
fn smoke() {
    let _test = begin();
    let word = AtomicU32::new(0);
    assert_eq!(futex::wait(&word, 1), WaitResult::Changed);
    assert_eq!(futex::wait_until(&word, 0, Instant::MIN), WaitResult::TimedOut);
    assert_eq!(futex::wait_until(&word, 0, Backend::get().deadline(Duration::from_millis(5))), WaitResult::TimedOut);
    assert_eq!(futex::wake_all(&word), 0);
    let done = AtomicU8::new(0);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                assert_eq!(futex::wait(&word, 0), WaitResult::Woken);
                done.fetch_add(1, SeqCst);
            });
        }
        let mut woken = 0;
        while woken < 20 {
            woken += futex::wake(&word, 3);
            thread::yield_now();
        }
    });
    assert_eq!(done.into_inner(), 20);
}
