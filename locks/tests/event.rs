//! [`Event`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, rounds};
use ntpark_locks::{Event, Instant};
use static_assertions::{assert_eq_size, assert_impl_all};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

assert_impl_all!(Event: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(Event, u8);

/// The byte of an event.
fn bits(event: &Event) -> u8 {
    // SAFETY: promised by the documentation: one byte, which all use atomically.
    unsafe { &*(&raw const *event).cast::<AtomicU8>() }.load(SeqCst)
}

#[test]
fn an_automatic_one_lets_one_through() {
    static EVENT: Event = Event::new();
    let _test = begin();
    // SAFETY: promised by the documentation: zero is unset and automatic.
    let zero: Event = unsafe { std::mem::zeroed() };
    for event in [&EVENT, &zero, &Event::default()] {
        assert_eq!((bits(event), event.is_set(), event.try_wait(), event.reset()), (0, false, false, false));
        event.set();
        event.set();
        assert!(event.is_set());
        event.wait();
        assert!(!event.try_wait(), "further sets do not count");
        event.set();
        assert!(event.reset() && !event.reset() && !event.try_wait());
        for deadline in [Instant::MIN, after(1), Instant::MAX] {
            event.set();
            assert!(event.wait_until(deadline));
        }
        assert_eq!(bits(event), 0);
    }
}

#[test]
fn a_manual_one_is_a_gate() {
    static EVENT: Event = Event::new_manual_reset();
    let _test = begin();
    let new = bits(&EVENT);
    assert!(!EVENT.is_set() && !EVENT.try_wait());
    EVENT.set();
    EVENT.wait();
    assert!(EVENT.try_wait() && EVENT.wait_until(Instant::MIN) && EVENT.is_set());
    EVENT.set();
    assert!(EVENT.reset() && !EVENT.reset() && !EVENT.try_wait());
    assert_eq!(bits(&EVENT), new);
}

#[test]
fn time_runs_out() {
    let _test = begin();
    for event in [Event::new(), Event::new_manual_reset()] {
        let new = bits(&event);
        expect_timeout(false, |deadline| event.wait_until(deadline));
        assert!(!event.wait_until(Instant::MIN));
        assert_eq!(bits(&event), new, "a waiter that has left leaves nothing");
        event.set();
        assert!(event.try_wait(), "and has not spent a set");
    }
}

#[test]
fn a_set_lets_the_first_one_through() {
    let _test = begin();
    let event = Event::new();
    thread::scope(|scope| {
        let waiters = [1, 2, 3].map(|queued| {
            let waiter = scope.spawn(|| event.wait());
            Queue::Event.await_len(&event, queued);
            waiter
        });
        assert_eq!(format!("{event:?}"), "Event(threads wait)");
        for (index, waiter) in waiters.into_iter().enumerate() {
            event.set();
            // It is that one's alone: nobody who comes gets it.
            assert!(!event.try_wait() && !event.is_set());
            assert_eq!(Queue::Event.len(&event), 2 - index);
            waiter.join().expect("it does not panic");
        }
    });
    assert_eq!(bits(&event), 0);
}

#[test]
fn a_gate_lets_all_through() {
    let _test = begin();
    let event = Event::new_manual_reset();
    let new = bits(&event);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| event.wait());
        }
        Queue::Event.await_len(&event, 4);
        assert_eq!(format!("{event:?}"), "Event(manual + threads wait)");
        event.set();
        // They are through, though it is closed at once.
        assert!(event.reset());
    });
    assert_eq!(bits(&event), new);
}

#[test]
fn the_state_is_named() {
    let (event, gate) = (Event::new(), Event::new_manual_reset());
    assert_eq!((format!("{event:?}"), format!("{gate:?}")), ("Event(unset)".into(), "Event(manual)".into()));
    event.set();
    gate.set();
    assert_eq!((format!("{event:?}"), format!("{gate:?}")), ("Event(set)".into(), "Event(set + manual)".into()));
}

/// No set is lost, none is doubled: the one who sets waits until the last one was taken.
#[test]
fn sets_are_counted() {
    let _test = begin();
    let (event, taken) = (Event::new(), AtomicUsize::new(0));
    let value = Bare::<usize>::default();
    let is_over = AtomicBool::new(false);
    let sets = rounds(5_000);
    thread::scope(|scope| {
        for seed in 0..3 {
            let (event, taken, value, is_over) = (&event, &taken, &value, &is_over);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                while !is_over.load(SeqCst) {
                    let is_through = match random.u8(..4) {
                        0 => event.try_wait(),
                        _ => event.wait_until(Instant::now() + Duration::from_micros(random.u64(..200))),
                    };
                    if is_through {
                        // SAFETY: this thread alone has got through, and the next set comes after this.
                        unsafe { value.with(|value| *value += 1) };
                        taken.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        for set in 1..=sets {
            // SAFETY: nobody is through.
            unsafe { value.with(|value| *value += 1) };
            event.set();
            while taken.load(SeqCst) != set {
                thread::yield_now();
            }
        }
        is_over.store(true, SeqCst);
    });
    // SAFETY: all threads have ended.
    assert_eq!(unsafe { value.get() }, 2 * sets);
    assert_eq!((taken.into_inner(), bits(&event)), (sets, 0));
}

#[test]
fn it_may_go_when_a_thread_is_through() {
    let _test = begin();
    for make in [Event::new, Event::new_manual_reset] {
        freed_at_once(
            make,
            |event| {
                event.wait();
                true
            },
            |event| {
                event.set();
                false
            },
        );
    }
}
