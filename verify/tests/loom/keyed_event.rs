//! Both sides of a rendezvous, where the other does not come, or is late.

use crate::backend::Backend;
use crate::freed::word_in;
use crate::state::{NOTIFIED, PARKED, RELEASED};
use crate::sys::thread;
use crate::{Platform, nt, on_platforms};
use core::ptr;
use loom::sync::Arc;

const PLATFORMS: [Platform; 3] = [Platform::KeyedEvent, Platform::KeyedEventNull, Platform::XpClass];
/// The product's own constants: failures before a side gives up, and yields before a waiter sleeps.
const PATIENCE: u32 = 64;
const YIELDS: u32 = 16;

#[test]
fn both_sides_stop_when_the_process_is_ending() {
    on_platforms("end of the process", &PLATFORMS, 0, |_| {
        let word = word_in(PARKED + NOTIFIED);
        nt::end();
        Backend::with(|backend| {
            backend.receive_wake(&word);
            backend.wake(&word);
        });
        assert_eq!(word.peek(), PARKED + NOTIFIED, "a waker does not touch a word that may be gone");
    });
}

#[test]
fn both_sides_give_up_when_all_calls_fail() {
    on_platforms("failures", &PLATFORMS, 0, |platform| {
        let word = word_in(PARKED + NOTIFIED);
        nt::break_keyed_events();
        let is_guarded = platform == Platform::XpClass;
        Backend::with(|backend| {
            thread::reset_counts();
            backend.wake(&word);
            assert_eq!(nt::failures(), PATIENCE);
            assert_eq!(thread::naps(), PATIENCE - 1);
            // There, the waiter leaves when it sees that the waker has left.
            assert_eq!(word.peek(), PARKED + NOTIFIED + if is_guarded { RELEASED } else { 0 });
            thread::reset_counts();
            backend.receive_wake(&word);
            assert_eq!(nt::failures(), if is_guarded { PATIENCE } else { 2 * PATIENCE });
            assert_eq!(thread::naps(), if is_guarded { 0 } else { PATIENCE });
        });
    });
}

#[test]
fn a_guarded_waiter_whose_calls_fail_waits_for_its_waker() {
    on_platforms("failures on a guarded kernel", &[Platform::XpClass], 0, |_| {
        let word = Arc::new(word_in(PARKED + NOTIFIED));
        nt::break_keyed_events();
        let waker = loom::thread::spawn({
            let word = Arc::clone(&word);
            move || {
                while nt::failures() <= PATIENCE {
                    loom::thread::yield_now();
                }
                word.release();
            }
        });
        Backend::with(|backend| backend.receive_wake(&word));
        assert_eq!(word.peek(), PARKED + NOTIFIED + RELEASED);
        waker.join().expect("no panic");
    });
}

#[test]
fn a_waiter_yields_and_then_sleeps_until_it_is_acknowledged() {
    on_platforms("acknowledgement", &[Platform::XpClass], 1, |_| {
        let word = Arc::new(word_in(PARKED + NOTIFIED));
        thread::reset_counts();
        let waker = loom::thread::spawn({
            let word = Arc::clone(&word);
            move || {
                nt::release(ptr::from_ref(&*word));
                while thread::naps() == 0 {
                    loom::thread::yield_now();
                }
                word.release();
            }
        });
        Backend::with(|backend| backend.receive_wake(&word));
        assert_eq!(thread::yields(), YIELDS);
        assert_eq!(word.peek(), PARKED + NOTIFIED + RELEASED);
        waker.join().expect("no panic");
    });
}
