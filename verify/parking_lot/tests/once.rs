//! `Once`.

use crate::begin;
use parking_lot::Once;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

const THREADS: usize = 8;
const ROUNDS: usize = 50;

/// Of many threads one runs the closure, for long enough that the others block, and all see what it did.
#[test]
fn runs_once() {
    let _watchdog = begin();
    for _ in 0..ROUNDS {
        let (once, runs) = (Once::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    once.call_once(|| {
                        thread::sleep(Duration::from_millis(1));
                        runs.fetch_add(1, Relaxed);
                    });
                    assert_eq!(runs.load(Relaxed), 1);
                });
            }
        });
    }
}

/// If the closure panics, the threads that wait for it are woken, and one of them runs its own.
#[test]
fn a_panic_wakes_those_that_wait() {
    let _watchdog = begin();
    let (once, runs, poisoned) = (Once::new(), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // The first one unwinds.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    once.call_once_force(|state| {
                        poisoned.fetch_add(usize::from(state.poisoned()), Relaxed);
                        thread::sleep(Duration::from_millis(20));
                        if runs.fetch_add(1, Relaxed) == 0 {
                            std::panic::resume_unwind(Box::new(()));
                        }
                    });
                }));
            });
        }
    });
    assert_eq!((runs.into_inner(), poisoned.into_inner()), (2, 1));
}
