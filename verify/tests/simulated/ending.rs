//! The end of the process: all other threads are gone.

use crate::Watchdog;
use crate::backend::{Backend, BackendKind};
use crate::futex::{self, WaitResult};
use crate::lot::table::{Guard, bucket};
use crate::lot::{self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, Key, ParkResult, RequeueOp, UnparkResult};
use crate::nt::{Call, Class, Nt, ProcessEnded, SECOND};
use crate::parker::{Parker, UnparkReason};
use crate::platform::{boot, on_all, on_keyed_events, wait_for_ever_while, wait_while};
use crate::sys::STATUS_TIMEOUT;
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

/// Runs a test on every kind, polling too.
fn on_every_kind(test: impl Fn(&Nt)) {
    on_all(|nt, _, _| test(nt));
    test(&boot(Class::Vista, BackendKind::Polling));
}

fn wakes(nt: &Nt) -> usize {
    nt.requests(Call::Release).len() + nt.requests(Call::WakeByAddress).len()
}

#[test]
fn a_release_for_a_killed_waiter_ends_with_the_process() {
    let _watchdog = Watchdog::new();
    for kind in [BackendKind::KeyedEventNull, BackendKind::KeyedEvent] {
        let nt = boot(Class::Vista, kind);
        wait_for_ever_while(&nt, nt.chosen(), |parker| {
            nt.await_blocked(Call::Wait, 1);
            nt.kill(Call::Wait);
            thread::scope(|scope| {
                nt.spawn(scope, || parker.unpark_lock().unpark());
                for slices in 1..4 {
                    nt.await_calls(Call::Release, slices);
                    nt.await_blocked(Call::Release, 1);
                    nt.advance(SECOND);
                }
                nt.await_calls(Call::Release, 4);
                nt.await_blocked(Call::Release, 1);
                nt.end_process();
                nt.advance(SECOND);
            });
            assert_eq!(nt.requests(Call::Release).len(), 4);
            // The killed thread is only let go for the test to end. It finds the process ending too.
            nt.bury();
        });
    }
}

#[test]
fn no_release_is_made_once_the_process_is_ending() {
    let _watchdog = Watchdog::new();
    on_keyed_events(|nt, backend| {
        wait_for_ever_while(nt, backend, |parker| {
            nt.await_blocked(Call::Wait, 1);
            nt.end_process();
            assert!(parker.unpark_lock().unpark());
            assert_eq!(nt.requests(Call::Release), []);
            // A waiter that lives on nevertheless, as this one, does not wait for that release.
            nt.interrupt(Call::Wait, STATUS_TIMEOUT);
        });
        assert_eq!(nt.requests(Call::Wait).len(), 1);
    });
}

#[test]
fn a_wait_for_a_killed_waker_ends_with_the_process() {
    let _watchdog = Watchdog::new();
    on_keyed_events(|nt, backend| {
        let deadline = backend.now() + Duration::from_millis(10);
        let unparked = wait_while(nt, backend, deadline, |parker| {
            nt.await_blocked(Call::Wait, 1);
            // Its thread is killed with this in its hands.
            let _ = parker.unpark_lock();
            nt.advance(SECOND);
            for slices in 2..5 {
                nt.await_calls(Call::Wait, slices);
                nt.await_blocked(Call::Wait, 1);
                nt.advance(SECOND);
            }
            nt.await_calls(Call::Wait, 5);
            nt.await_blocked(Call::Wait, 1);
            nt.end_process();
            nt.advance(SECOND);
        });
        assert!(unparked);
        assert_eq!(nt.requests(Call::Wait).len(), 5);
    });
}

#[test]
fn every_backend_knows() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        assert!(!Backend::get().is_process_ending());
        nt.end_process();
        assert!(Backend::get().is_process_ending());
    });
}

#[test]
fn an_unpark_wakes_nobody() {
    let _watchdog = Watchdog::new();
    on_all(|nt, _, wait| {
        let (parker, two_phase) = (Parker::new(), ThreadParker::new());
        two_phase.prepare_park();
        thread::scope(|scope| {
            nt.spawn(scope, || parker.park());
            nt.spawn(scope, || two_phase.park());
            nt.await_blocked(wait, 2);
            nt.kill(wait);
            nt.end_process();
            assert!(parker.unpark());
            assert!(two_phase.unpark_lock().unpark());
            assert_eq!(wakes(nt), 0, "the system would look for them on stacks that are gone");
            // For the test to end: they find their tokens.
            nt.bury();
        });
    });
}

#[test]
fn a_wait_with_a_deadline_lasts_until_then() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        nt.end_process();
        let span = Duration::from_millis(10);
        let park = |park: &(dyn Fn() + Sync)| {
            let begun = nt.now();
            thread::scope(|scope| {
                let waiter = nt.spawn(scope, park);
                while !waiter.is_finished() {
                    nt.advance(SECOND / 1_000);
                    thread::yield_now();
                }
                waiter.join().expect("a park does not panic");
            });
            assert!(nt.now() - begun >= span);
        };
        park(&|| assert_eq!(Parker::new().park_timeout(span), UnparkReason::TimedOut));
        park(&|| {
            let parker = ThreadParker::new();
            parker.prepare_park();
            assert!(!parker.park_until(parker.backend().deadline(span)));
            assert!(parker.timed_out());
        });
        assert_eq!(nt.ended(), 0);
    });
}

#[test]
fn a_wait_without_a_deadline_ends_the_process() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        nt.end_process();
        let parks: [fn(); 3] = [
            || _ = Parker::new().park(),
            || _ = Parker::new().no_spin().park_timeout(Duration::MAX),
            || {
                let parker = ThreadParker::new();
                parker.prepare_park();
                parker.park();
            },
        ];
        for (index, park) in parks.into_iter().enumerate() {
            let ended = thread::scope(|scope| nt.spawn(scope, park).join());
            let reason = ended.expect_err("it does not return");
            assert!(reason.is::<ProcessEnded>(), "it panicked");
            assert_eq!(nt.ended(), index + 1);
        }
    });
}

#[test]
fn a_token_that_is_there_is_taken() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        nt.end_process();
        let parker = Parker::new();
        assert!(!parker.unpark());
        assert_eq!(parker.park(), UnparkReason::Unparked);
        let parker = ThreadParker::new();
        parker.prepare_park();
        assert!(!parker.unpark_lock().unpark());
        parker.park();
        assert_eq!(nt.ended(), 0);
    });
}

/// A key of the lot's.
const KEY: usize = 0x1000;

/// Unparks and requeues that find nobody, whoever seems to be there; their callbacks are called.
fn assert_nobody_is_found() {
    let found = UnparkResult::default();
    let calls = Cell::new(0);
    let call = || calls.set(calls.get() + 1);
    let callback = |result| {
        assert_eq!(result, found);
        call();
        DEFAULT_UNPARK_TOKEN
    };
    // SAFETY: the callbacks call nothing of the lot's, and the key is the test's; and so below.
    assert_eq!(unsafe { lot::unpark_one(KEY, callback) }, found);
    let filter = |_| -> FilterOp { panic!("there is nobody to ask about") };
    // SAFETY: as above.
    assert_eq!(unsafe { lot::unpark_filter(KEY, filter, callback) }, found);
    let validate = || {
        call();
        RequeueOp::UnparkOneRequeueRest
    };
    // SAFETY: as above.
    assert_eq!(unsafe { lot::unpark_requeue(KEY, KEY + 1, validate, |_, result| callback(result)) }, found);
    assert_eq!(calls.get(), 4);
    let aborted = |_, _| panic!("it was aborted");
    // SAFETY: as above.
    assert_eq!(unsafe { lot::unpark_requeue(KEY, KEY + 1, || RequeueOp::Abort, aborted) }, found);
    // SAFETY: as above.
    assert_eq!(unsafe { lot::unpark_all(KEY, DEFAULT_UNPARK_TOKEN) }, 0);
}

/// Lets the killed go, for the end of a test, even if that fails.
struct Burial<'a>(&'a Nt);

impl Drop for Burial<'_> {
    fn drop(&mut self) {
        self.0.bury();
    }
}

#[test]
fn a_lots_unparks_find_nobody_whoever_has_died_there() {
    let _watchdog = Watchdog::new();
    on_all(|nt, _, wait| {
        thread::scope(|scope| {
            let killed = nt.spawn(scope, || {
                // SAFETY: as above.
                unsafe { lot::park(KEY, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) }
            });
            nt.await_blocked(wait, 1);
            nt.kill(wait);
            let burial = Burial(nt);
            nt.end_process();
            assert_nobody_is_found();
            // Another one has died in the midst of a change.
            let lock = Guard::lock(bucket(Key::from(KEY)));
            assert_nobody_is_found();
            assert_eq!(wakes(nt), 0);
            drop(lock);
            drop(burial);
            assert!(killed.join().expect_err("its wait ends the process").is::<ProcessEnded>(), "it panicked");
        });
    });
}

/// Parks on a thread of its own, until its deadline, and tells which callbacks were called.
fn park_in_the_end(nt: &Nt, is_valid: bool, deadline: Instant) -> thread::Result<(ParkResult, Vec<&'static str>)> {
    thread::scope(|scope| {
        let parked = nt.spawn(scope, || {
            let calls = Cell::new(Vec::new());
            let call = |name| calls.set([calls.take(), vec![name]].concat());
            let validate = || {
                call("validate");
                is_valid
            };
            let timed_out = |key, was_last| {
                assert_eq!((key, was_last), (Key::from(KEY), true));
                call("timed_out");
            };
            let before_sleep = || call("before_sleep");
            // SAFETY: as above.
            let result = unsafe { lot::park(KEY, validate, before_sleep, timed_out, DEFAULT_PARK_TOKEN, deadline) };
            (result, calls.take())
        });
        while !parked.is_finished() {
            nt.advance(SECOND / 1_000);
            thread::yield_now();
        }
        parked.join()
    })
}

#[test]
fn a_lots_park_takes_no_lock_of_the_dead() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        let lock = Guard::lock(bucket(Key::from(KEY)));
        nt.end_process();
        let (result, calls) = park_in_the_end(nt, false, Instant::MAX).expect("it returns");
        assert_eq!((result, &*calls), (ParkResult::Invalid, &["validate"][..]));
        let ended = park_in_the_end(nt, true, Instant::MAX).expect_err("it does not return");
        assert!(ended.is::<ProcessEnded>(), "it panicked");
        assert_eq!(nt.ended(), 1);
        let deadline = nt.now() + Duration::from_millis(10);
        let (result, calls) = park_in_the_end(nt, true, deadline).expect("it returns");
        assert_eq!((result, &*calls), (ParkResult::TimedOut, &["validate", "before_sleep", "timed_out"][..]));
        assert!(nt.now() >= deadline);
        drop(lock);
    });
}

#[test]
fn a_futex_compares_and_wakes_nobody() {
    let _watchdog = Watchdog::new();
    on_every_kind(|nt| {
        let words = [AtomicU32::new(0), AtomicU32::new(0)];
        let [word, other] = &words;
        let lock = Guard::lock(bucket(Key::futex(word.as_ptr().addr())));
        nt.end_process();
        assert_eq!(futex::wake_all(word), 0);
        assert_eq!(futex::requeue(word, other, 1, 1), futex::Requeued::default());
        assert_eq!(futex::requeue_if(word, 0, other, 1, 1), Ok(futex::Requeued::default()));
        assert_eq!(futex::requeue_if(word, 1, other, 1, 1), Err(futex::Changed));
        assert_eq!(futex::wait(word, 1), WaitResult::Changed);
        assert_eq!(futex::wait_until(word, 0, Instant::MIN), WaitResult::TimedOut);
        let ended = thread::scope(|scope| nt.spawn(scope, || futex::wait(word, 0)).join());
        assert!(ended.expect_err("it does not return").is::<ProcessEnded>(), "it panicked");
        drop(lock);
    });
}
