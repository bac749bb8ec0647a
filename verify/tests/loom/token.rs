//! The token protocol.

use crate::backend::Backend;
use crate::freed::{Freed, word_in};
use crate::nt::{self, System};
use crate::parker::{self, Parker, UnparkReason};
use crate::spin::spins;
use crate::state::{MANY, NOTIFIED, PARKED, RELEASED, TOKENS};
use crate::time::Instant;
use crate::{Platform, explore, on_every_platform, on_platforms};
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread;

/// A parker, and what happened before the unpark.
struct Shared {
    parker: Freed<Parker>,
    data: UnsafeCell<u32>,
}

/// Lies after the start, and before [`LATER`].
const DEADLINE: Instant = Instant::from_ticks(50_000);
const LATER: u64 = 60_000;

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { parker: Freed::new(Parker::new()), data: UnsafeCell::new(0) })
    }

    /// Another thread that unparks once. It returns whether that woke a thread.
    fn unparked_later(shared: &Arc<Self>) -> thread::JoinHandle<bool> {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // SAFETY: nobody reads before the unpark; loom checks.
            shared.data.with_mut(|data| unsafe { *data = 7 });
            shared.parker.unpark()
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
    on_every_platform("one token", 5, |_| {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        assert_eq!(shared.parker.park(), UnparkReason::Unparked);
        shared.unparked();
        unparker.join().expect("no panic");
    });
}

#[test]
fn an_unpark_tells_whether_it_has_woken_a_thread() {
    on_every_platform("woken", 3, |_| {
        let shared = Shared::new();
        let parked = thread::spawn({
            let shared = Arc::clone(&shared);
            move || assert_eq!(shared.parker.park(), UnparkReason::Unparked)
        });
        let is_blocked = nt::is_blocked_at(ptr::from_ref::<Parker>(&shared.parker));
        let has_woken = shared.parker.unpark();
        assert!(has_woken || !is_blocked);
        parked.join().expect("no panic");
        assert!(!shared.parker.unpark(), "nobody is parked");
    });
}

#[test]
fn a_deadline_that_has_passed_is_in_nobodys_way() {
    on_every_platform("past deadline", 3, |_| {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        nt::advance(LATER);
        let late = thread::spawn({
            let shared = Arc::clone(&shared);
            move || match shared.parker.park_until(DEADLINE) {
                // Hands it on.
                UnparkReason::Unparked => _ = shared.parker.unpark(),
                UnparkReason::TimedOut | UnparkReason::Busy => {}
            }
        });
        assert_eq!(shared.parker.park(), UnparkReason::Unparked, "the other never waits");
        unparker.join().expect("no panic");
        late.join().expect("no panic");
    });
}

#[test]
fn a_park_spins_unless_it_is_asked_not_to_or_has_no_time() {
    let park: [fn(&Parker) -> UnparkReason; 4] = [
        |parker| parker.park_until(DEADLINE),
        |parker| parker.park_timeout(Duration::from_millis(1)),
        |parker| parker.no_spin().park_until(DEADLINE),
        |parker| parker.no_spin().park_timeout(Duration::from_millis(1)),
    ];
    for (park, spun) in park.into_iter().zip([1, 1, 0, 0]) {
        explore(System::None, 0, move || {
            Platform::Host.choose();
            let parker = Arc::new(Parker::new());
            let clock = thread::spawn(|| nt::advance(LATER));
            spins();
            assert_eq!(park(&parker), UnparkReason::TimedOut);
            assert_eq!(spins(), spun);
            clock.join().expect("no panic");
            assert_eq!(parker.park_until(DEADLINE), UnparkReason::TimedOut);
            assert_eq!(spins(), 0, "its time is over");
        });
    }
}

#[test]
fn a_park_of_no_time_takes_what_is_there_and_chooses_nothing() {
    let park: [fn(&Parker) -> UnparkReason; 2] =
        [|parker| parker.park_until(Instant::MIN), |parker| parker.park_timeout(Duration::ZERO)];
    for park in park {
        explore(System::Windows10, 0, move || {
            let parker = Parker::new();
            parker.unpark();
            parker.unpark();
            assert_eq!(park(&parker), UnparkReason::Unparked);
            assert_eq!(park(&parker), UnparkReason::TimedOut);
            assert!(Backend::chosen().is_none());
        });
    }
}

#[test]
fn a_timeout_loses_no_token() {
    on_every_platform("timeout", 3, |_| {
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
    on_every_platform("two unparks", 2, |_| {
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
    on_every_platform("two parkers", 2, |_| {
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
    on_platforms("stray wake", &[Platform::WaitAddress, Platform::Host], 3, |_| {
        let shared = Shared::new();
        let unparker = Shared::unparked_later(&shared);
        let stray = thread::spawn({
            let word = ptr::from_ref::<Parker>(&shared.parker).addr();
            move || nt::wake_at(ptr::without_provenance(word))
        });
        assert_eq!(shared.parker.park(), UnparkReason::Unparked);
        shared.unparked();
        unparker.join().expect("no panic");
        stray.join().expect("no panic");
    });
}

#[test]
fn an_unpark_that_finds_too_many_tokens_leaves_fewer() {
    let executions = explore(System::None, 3, || {
        let word = Arc::new(word_in(PARKED + MANY));
        // Both change the word while the unpark looks at it.
        let released = thread::spawn({
            let word = Arc::clone(&word);
            move || word.release()
        });
        let unparked = thread::spawn({
            let word = Arc::clone(&word);
            move || {
                assert!(!parker::unpark(&word), "there is nobody to wake");
                assert!(word.peek() & TOKENS < MANY);
            }
        });
        assert!(!parker::unpark(&word), "there is nobody to wake");
        released.join().expect("no panic");
        unparked.join().expect("no panic");
        assert_eq!(word.peek() & !TOKENS, PARKED + RELEASED, "flags stay");
        assert!(
            (NOTIFIED..=2 * NOTIFIED).contains(&(word.peek() & TOKENS)),
            "one, and perhaps another that came after"
        );
    });
    println!("too many tokens: {executions} executions");
}
