//! The token protocol on each kind of backend.

use crate::Watchdog;
use crate::backend::host::{Host, HostFunctions};
use crate::backend::{Backend, BackendKind};
use crate::nt::{Call, Class, Limit, MILLISECOND, Nt, Point, SECOND};
use crate::parker::{Parker, UnparkReason};
use crate::platform::{boot, hold_a_wake, on_all, on_keyed_events};
use crate::state::{EMPTY, MANY, NOTIFIED};
use crate::sys::{STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_TIMEOUT};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use std::ffi::c_void;
use std::mem::transmute;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Lets a thread park until `deadline` while something else goes on.
fn park_while(nt: &Nt, parker: &Parker, deadline: Instant, meanwhile: impl FnOnce()) -> UnparkReason {
    thread::scope(|scope| {
        let parked = nt.spawn(scope, || parker.park_until(deadline));
        meanwhile();
        parked.join().expect("a park does not panic")
    })
}

fn is_empty(parker: &Parker) -> bool {
    parker.park_timeout(Duration::ZERO) == UnparkReason::TimedOut
}

#[test]
fn the_first_unpark_wakes_and_the_others_call_nobody() {
    let _watchdog = Watchdog::new();
    on_all(|nt, _, wait| {
        let parker = Parker::new();
        let reason = park_while(nt, &parker, Instant::MAX, || {
            nt.await_blocked(wait, 1);
            assert_eq!(parker.park(), UnparkReason::Busy);
            hold_a_wake(
                nt,
                || parker.unpark(),
                || {
                    assert_eq!(parker.park(), UnparkReason::Busy, "the thread that waits has not left");
                    assert!(!parker.unpark(), "one wake is enough");
                },
            );
        });
        assert_eq!(reason, UnparkReason::Unparked);
        assert_eq!(nt.requests(wait), [Limit::Forever]);
        assert!(is_empty(&parker), "both unparks were one token");
        assert!(!parker.unpark());
        assert!(!parker.unpark());
        assert_eq!(parker.park(), UnparkReason::Unparked);
        assert!(is_empty(&parker));
        assert_eq!(nt.requests(wait).len(), 1);
        assert_eq!(nt.requests(Call::Release).len() + nt.requests(Call::WakeByAddress).len(), 1);
    });
}

#[test]
fn a_timeout_that_crosses_an_unpark_takes_the_token() {
    let _watchdog = Watchdog::new();
    for status in
        [STATUS_TIMEOUT, STATUS_ALERTED, STATUS_INVALID_HANDLE].into_iter().take(if cfg!(miri) { 1 } else { 3 })
    {
        on_all(|nt, backend, wait| {
            let parker = Parker::new();
            let deadline = backend.now() + Duration::from_millis(10);
            let reason = park_while(nt, &parker, deadline, || {
                nt.await_blocked(wait, 1);
                hold_a_wake(
                    nt,
                    || parker.unpark(),
                    || {
                        if wait == Call::Wait {
                            nt.fail_next(wait, status);
                        }
                        nt.advance(SECOND);
                        if wait == Call::Wait {
                            nt.await_calls(wait, 3);
                            nt.await_blocked(wait, 1);
                            // It has not left, so nobody else can take its token.
                            assert_eq!(parker.park_until(Instant::MIN), UnparkReason::Busy);
                        }
                    },
                );
            });
            assert_eq!(reason, UnparkReason::Unparked);
            assert!(is_empty(&parker));
        });
    }
}

#[test]
fn a_release_that_a_timeout_hides_is_seen_by_the_guard() {
    let _watchdog = Watchdog::new();
    for class in [Class::Xp, Class::ReactOs] {
        let nt = boot(class, BackendKind::KeyedEvent);
        let parker = Parker::new();
        nt.hold(Point::Expired);
        let deadline = Instant::now() + Duration::from_millis(10);
        let reason = park_while(&nt, &parker, deadline, || {
            nt.await_blocked(Call::Wait, 1);
            nt.advance(SECOND);
            nt.await_held(Point::Expired, 1);
            assert!(parker.unpark());
            nt.let_go(Point::Expired);
        });
        assert_eq!(reason, UnparkReason::Unparked);
        assert_eq!(nt.requests(Call::Wait).len(), 1);
        assert!(is_empty(&parker), "nothing of it is left");
    }
}

/// Lets a deadline pass before the thread that parks has made a call, and an unpark come just before it sees that; it
/// reads the clock so often before it is PARKED.
fn cross(nt: &Nt, readings: usize, park: impl FnOnce(Instant) -> bool + Send, unpark: impl FnOnce() -> bool + Send) {
    nt.forget_requests();
    let deadline = nt.now() + Duration::from_millis(10);
    let stops = nt.stops(Point::Reading);
    nt.hold(Point::Reading);
    thread::scope(|scope| {
        let parked = nt.spawn(scope, || park(deadline));
        for reading in 1..=readings {
            nt.await_stops(Point::Reading, stops + reading);
            nt.let_one_go(Point::Reading);
        }
        nt.await_stops(Point::Reading, stops + readings + 1);
        let waker = nt.spawn(scope, unpark);
        nt.await_blocked(Call::Release, 1);
        nt.advance(20 * MILLISECOND);
        nt.let_go(Point::Reading);
        assert!(parked.join().expect("a park does not panic"), "it has been unparked");
        assert!(waker.join().expect("a wake does not panic"));
    });
    assert_eq!((nt.requests(Call::Wait).len(), nt.requests(Call::Release).len()), (1, 1));
}

#[test]
fn a_wake_that_the_deadline_crosses_is_received() {
    let _watchdog = Watchdog::new();
    on_keyed_events(|nt, _| {
        let parker = Parker::new();
        // Before it would spin, and before it waits.
        let park = |deadline| parker.park_until(deadline) == UnparkReason::Unparked;
        cross(nt, 2, park, || parker.unpark());
        let parker = ThreadParker::new();
        parker.prepare_park();
        cross(nt, 0, |deadline| parker.park_until(deadline), || parker.unpark_lock().unpark());
    });
}

#[test]
fn a_past_deadline_neither_waits_nor_marks_the_word() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let parker = Parker::new();
        let past = nt.now();
        nt.advance(1);
        for (deadline, readings) in [(past, 2), (Instant::from_ticks(1), 2), (Instant::MIN, 0)] {
            // Stopped where it asks for the time, before it would spin and before it would wait.
            let (stops, mut results) = (nt.stops(Point::Reading), Vec::new());
            nt.hold(Point::Reading);
            let reason = park_while(nt, &parker, deadline, || {
                for reading in 1..=readings {
                    nt.await_stops(Point::Reading, stops + reading);
                    results.push((parker.park_timeout(Duration::ZERO), parker.unpark(), parker.park()));
                    nt.let_one_go(Point::Reading);
                }
            });
            nt.let_go(Point::Reading);
            assert_eq!(reason, UnparkReason::TimedOut);
            // It is in nobody's way, and needs no wake.
            let undisturbed = (UnparkReason::TimedOut, false, UnparkReason::Unparked);
            assert_eq!(results, vec![undisturbed; readings]);
        }
        assert!(backend.now() > past);
        assert_eq!(nt.requests(wait), []);
        assert_eq!((nt.yields(), nt.naps()), (0, 0));
    });
}

#[test]
fn timeouts_run_out_and_leave_nothing_behind() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let parker = Parker::new();
        for _ in 0..3 {
            let deadline = backend.now() + Duration::from_millis(10);
            let reason = park_while(nt, &parker, deadline, || {
                nt.await_blocked(wait, 1);
                nt.advance(SECOND);
            });
            assert_eq!(reason, UnparkReason::TimedOut);
            assert!(!parker.unpark(), "there is nobody to wake");
            assert_eq!(parker.park_until(Instant::MIN), UnparkReason::Unparked);
        }
    });
}

#[test]
fn a_token_is_not_lost_however_time_goes_by() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, _| {
        let parker = Parker::new();
        let (left, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_over = AtomicBool::new(false);
        let tokens = if cfg!(miri) { 4 } else { 300 };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(SeqCst) {
                    nt.advance(MILLISECOND / 8);
                    thread::yield_now();
                }
            });
            nt.spawn(scope, || {
                let mut timeout = 0;
                while taken.load(SeqCst) < tokens {
                    timeout = (timeout + 3) % 20;
                    let deadline = backend.now() + Duration::from_micros(50 * timeout);
                    if parker.park_until(deadline) == UnparkReason::Unparked {
                        assert!(taken.fetch_add(1, SeqCst) < left.load(SeqCst), "doubled");
                    }
                }
            });
            for number in 1..=tokens {
                left.store(number, SeqCst);
                parker.unpark();
                while taken.load(SeqCst) < number {
                    thread::yield_now();
                }
            }
            is_over.store(true, SeqCst);
        });
        assert!(is_empty(&parker));
    });
}

#[test]
fn polling_needs_a_clock_alone() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, BackendKind::Polling);
    let parker = Parker::new();
    let await_parked = || {
        while is_empty(&parker) {
            thread::yield_now();
        }
    };
    let reason = park_while(&nt, &parker, Instant::MAX, || {
        await_parked();
        nt.await_naps(2);
        assert!(parker.unpark());
    });
    assert_eq!(reason, UnparkReason::Unparked);
    let deadline = Instant::now() + Duration::from_secs(1);
    let reason = park_while(&nt, &parker, deadline, || {
        await_parked();
        nt.advance(2 * SECOND);
    });
    assert_eq!(reason, UnparkReason::TimedOut);
    assert!(nt.now() >= deadline);
    assert_eq!(nt.requests(Call::Wait).len() + nt.requests(Call::WaitOnAddress).len(), 0);
}

#[test]
fn a_host_is_asked_for_what_is_needed_and_no_more() {
    static YIELDS: AtomicU64 = AtomicU64::new(0);
    static READINGS: AtomicU64 = AtomicU64::new(0);
    static PARKER: Parker = Parker::new();
    /// Blocks until the word is unparked, which it is at once.
    unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, _: usize, timeout: u64) {
        assert_eq!((timeout, word.addr()), (u64::MAX, (&raw const PARKER).addr()));
        assert!(PARKER.unpark());
    }
    unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}
    unsafe extern "C" fn now(_: *mut c_void) -> u64 {
        READINGS.fetch_add(1, SeqCst)
    }
    unsafe extern "C" fn thread_yield(_: *mut c_void) {
        YIELDS.fetch_add(1, SeqCst);
    }
    unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
        77
    }
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    let granule = NonZeroU32::new(3).expect("it is not 0");
    // SAFETY: they may return at any time, and the clock does not go backwards.
    let host = unsafe { Host::new(std::ptr::null_mut(), functions, granule) }.with_spin_limit(7);
    let _nt = Nt::boot(Class::Vista);
    assert_eq!(Backend::install(Box::leak(Box::new(host))), Ok(()));
    let backend = Backend::get();
    assert!(!backend.is_process_ending());
    assert_eq!(backend.current_thread().map(usize::from), Some(77));
    backend.thread_yield();
    assert_eq!(YIELDS.load(SeqCst), 1);
    // What has no limit needs no clock.
    assert_eq!(PARKER.park(), UnparkReason::Unparked);
    assert_eq!(READINGS.load(SeqCst), 0);
    assert_eq!((backend.now(), backend.clock_granule()), (Instant::from_ticks(3), 3), "the latest that it can be");
}

/// A parker on which so many unparks have piled up: to make them one by one would take a while.
fn piled_up(unparks: usize) -> Parker {
    // SAFETY: a parker is one atomic word, which counts unparks from its low end.
    unsafe { transmute::<AtomicUsize, Parker>(AtomicUsize::new(unparks)) }
}

fn state(parker: &Parker) -> usize {
    // SAFETY: as above.
    let word = unsafe { &*std::ptr::from_ref(parker).cast::<AtomicUsize>() };
    word.load(SeqCst)
}

#[test]
fn unparks_that_pile_up_are_one_token() {
    let _watchdog = Watchdog::new();
    for unparks in [1, 2, 3, MANY - 1, MANY, MANY + 1] {
        let parker = piled_up(unparks);
        assert_eq!(parker.park(), UnparkReason::Unparked, "{unparks}");
        assert_eq!(state(&parker), EMPTY, "{unparks}");
    }
}

#[test]
fn very_many_unparks_are_made_one() {
    let _watchdog = Watchdog::new();
    let parker = piled_up(MANY - 2);
    for expected in [MANY - 1, MANY, NOTIFIED, 2, 3] {
        assert!(!parker.unpark());
        assert_eq!(state(&parker), expected);
    }
    assert_eq!(parker.park(), UnparkReason::Unparked);
    assert_eq!(state(&parker), EMPTY);
}

#[test]
fn threads_that_saturate_at_once_lose_nothing() {
    let _watchdog = Watchdog::new();
    let (rounds, unparks) = if cfg!(miri) { (5, 5) } else { (50, 100) };
    for _ in 0..rounds {
        let parker = piled_up(MANY - unparks);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..unparks).for_each(|_| assert!(!parker.unpark())));
            }
        });
        let tokens = state(&parker);
        assert!(tokens > 0 && tokens < 4 * unparks, "{tokens:#x} left");
        assert_eq!(parker.park(), UnparkReason::Unparked);
        assert_eq!(state(&parker), EMPTY);
    }
}
