use super::*;
use crate::state::{EMPTY, FOLD};
use crate::watchdog::Watchdog;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::SeqCst;
use std::thread;

/// A parker on which so many unparks have piled up: to make them one by one would take a while.
fn piled_up(unparks: usize) -> Parker {
    // SAFETY: a parker is one atomic word, which counts unparks from its low end.
    unsafe { core::mem::transmute::<AtomicUsize, Parker>(AtomicUsize::new(unparks)) }
}

fn state(parker: &Parker) -> usize {
    // SAFETY: as above.
    let word = unsafe { &*core::ptr::from_ref(parker).cast::<AtomicUsize>() };
    word.load(SeqCst)
}

#[test]
fn unparks_that_pile_up_are_one_token() {
    let _watchdog = Watchdog::new();
    for unparks in [1, 2, 3, FOLD - 1, FOLD, FOLD + 1] {
        let parker = piled_up(unparks);
        assert_eq!(parker.park(), UnparkReason::Unparked, "{unparks}");
        assert_eq!(state(&parker), EMPTY, "{unparks}");
    }
}

#[test]
fn very_many_unparks_are_folded_into_one() {
    let _watchdog = Watchdog::new();
    let parker = piled_up(FOLD - 2);
    for expected in [FOLD - 1, FOLD, NOTIFIED, 2, 3] {
        assert!(!parker.unpark());
        assert_eq!(state(&parker), expected);
    }
    assert_eq!(parker.park(), UnparkReason::Unparked);
    assert_eq!(state(&parker), EMPTY);
}

#[test]
fn threads_that_fold_at_once_lose_nothing() {
    let _watchdog = Watchdog::new();
    for _ in 0..50 {
        let parker = piled_up(FOLD - 100);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert!(!parker.unpark());
                    }
                });
            }
        });
        let tokens = state(&parker);
        assert!(tokens > 0 && tokens < 400, "{tokens:#x} left");
        assert_eq!(parker.park(), UnparkReason::Unparked);
        assert_eq!(state(&parker), EMPTY);
    }
}
