//! The token protocol.

use super::{Freed, Platform, nt, on_every_platform, on_platforms};
use crate::{Instant, Parker, UnparkReason};
use core::sync::atomic::Ordering::Relaxed;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread;

/// A parker, and what happened before the unpark.
struct Shared {
    parker: Freed<Parker>,
    data: UnsafeCell<u32>,
}

/// Stands for ever after the start, and before [`LATER`].
const DEADLINE: Instant = Instant::from_ticks(50_000);
const LATER: u64 = 60_000;

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { parker: Freed::new(Parker::new()), data: UnsafeCell::new(0) })
    }

    /// Another thread that unparks once.
    fn unparked_later(shared: &Arc<Self>) -> thread::JoinHandle<()> {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // SAFETY: nobody reads before the unpark; loom checks.
            shared.data.with_mut(|data| unsafe { *data = 7 });
            shared.parker.unpark();
        })
    }

    /// After a park that took the one token: its data is there, and the parker may go.
    fn unparked(&self) {
        // SAFETY: written before the unpark; loom checks.
        assert_eq!(self.data.with(|data| unsafe { *data }), 7);
        self.parker.free();
    }
}

#[test]
fn a_token_arrives_with_its_data_and_the_parker_may_go() {
    on_every_platform("one token", 5, || {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        assert_eq!(shared.parker.park(), UnparkReason::Unparked);
        shared.unparked();
        unparker.join().expect("no panic");
    });
}

#[test]
fn a_timeout_loses_no_token() {
    on_every_platform("timeout", 3, || {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        let clock = thread::spawn(|| nt::advance(LATER));
        if shared.parker.park_until(DEADLINE) == UnparkReason::TimedOut {
            assert_eq!(shared.parker.park(), UnparkReason::Unparked);
        }
        shared.unparked();
        unparker.join().expect("no panic");
        clock.join().expect("no panic");
    });
}

#[test]
fn two_unparks_leave_one_token_or_two_and_all_that_happened_before() {
    on_every_platform("two unparks", 2, || {
        let parker = Arc::new(Parker::new());
        let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let unparkers = [0, 1].map(|index: usize| {
            let (parker, flags) = (Arc::clone(&parker), Arc::clone(&flags));
            thread::spawn(move || {
                flags[index].store(true, Relaxed);
                parker.unpark();
            })
        });
        assert_eq!(parker.park(), UnparkReason::Unparked);
        let seen = [0, 1].map(|index: usize| flags[index].load(Relaxed));
        assert_ne!(seen, [false, false]);
        for unparker in unparkers {
            unparker.join().expect("no panic");
        }
        // If the other token is not there any more, it was in the first, and so was what happened before it.
        if parker.park_until(Instant::MIN) == UnparkReason::TimedOut {
            assert_eq!(seen, [true, true]);
        }
        assert_eq!(parker.park_until(Instant::MIN), UnparkReason::TimedOut);
    });
}

#[test]
fn a_second_thread_is_refused_and_disturbs_nothing() {
    on_every_platform("two parkers", 2, || {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        let clock = thread::spawn(|| nt::advance(LATER));
        let second = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.parker.park_until(DEADLINE)
        });
        let first = shared.parker.park_until(DEADLINE);
        let second = second.join().expect("no panic");
        unparker.join().expect("no panic");
        clock.join().expect("no panic");
        let left = shared.parker.park_until(Instant::MIN);
        let taken = [first, second, left].into_iter().filter(|&reason| reason == UnparkReason::Unparked).count();
        assert_eq!(taken, 1, "{first:?}, {second:?}, {left:?}");
    });
}

#[test]
fn a_wake_for_nothing_is_slept_over() {
    on_platforms("stray wake", &[Platform::WaitAddress, Platform::Host], 3, || {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        let stray = thread::spawn({
            let word = core::ptr::from_ref::<Parker>(&shared.parker).addr();
            move || nt::wake_at(core::ptr::without_provenance(word))
        });
        assert_eq!(shared.parker.park(), UnparkReason::Unparked);
        shared.unparked();
        unparker.join().expect("no panic");
        stray.join().expect("no panic");
    });
}
