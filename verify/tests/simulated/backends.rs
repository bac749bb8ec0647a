//! The NT backends, through the two-phase protocol: every status of every call, kernels of the XP class, time that goes
//! its own ways.

use crate::Watchdog;
use crate::backend::{Backend, BackendKind};
use crate::load;
use crate::nt::{Call, Class, Limit, MILLISECOND, NULL, Nt, Point, SECOND};
use crate::platform::{
    boot, is_guarded, on_all, on_keyed_events, wait_for_ever_while, wait_from_timeout_to_timeout, wait_while,
};
use crate::sys::ntdll::KeyedEventAccess;
use crate::sys::{
    HANDLE, NTSTATUS, STATUS_ACCESS_DENIED, STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER_1,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC, is_error,
};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// What a call can end with that has met nobody, and that may well go better the next time.
const HARMLESS: [NTSTATUS; 3] = [STATUS_TIMEOUT, STATUS_ALERTED, STATUS_USER_APC];
/// What a call can end with that has failed.
const FAILURES: [NTSTATUS; 4] =
    [STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED, STATUS_OBJECT_TYPE_MISMATCH, STATUS_INVALID_PARAMETER_1];

fn statuses() -> impl Iterator<Item = NTSTATUS> {
    HARMLESS.into_iter().chain(FAILURES).step_by(if cfg!(miri) { 4 } else { 1 })
}

#[test]
fn unparked_while_it_blocks() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        wait_for_ever_while(nt, backend, |parker| {
            nt.await_blocked(wait, 1);
            assert!(parker.unpark_lock().unpark());
        });
        assert_eq!(nt.requests(wait), [Limit::Forever]);
    });
}

#[test]
fn unparked_before_it_has_come_to_the_kernel() {
    let _watchdog = Watchdog::new();
    on_keyed_events(|nt, backend| {
        nt.hold(Point::Waiting);
        wait_for_ever_while(nt, backend, |parker| {
            nt.await_held(Point::Waiting, 1);
            thread::scope(|scope| {
                let unparker = nt.spawn(scope, || parker.unpark_lock().unpark());
                nt.await_blocked(Call::Release, 1);
                nt.let_go(Point::Waiting);
                assert!(unparker.join().expect("it does not panic"));
            });
        });
    });
    let nt = boot(Class::Vista, BackendKind::WaitAddress);
    nt.hold(Point::Waiting);
    wait_for_ever_while(&nt, nt.chosen(), |parker| {
        nt.await_held(Point::Waiting, 1);
        assert!(parker.unpark_lock().unpark());
        nt.let_go(Point::Waiting);
    });
    assert_eq!(nt.requests(Call::WaitOnAddress).len(), 1);
}

#[test]
fn no_call_is_made_where_none_is_needed() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let parker = ThreadParker::with_backend(backend);
        parker.prepare_park();
        assert!(!parker.unpark_lock().unpark());
        parker.park();
        parker.prepare_park();
        assert!(!parker.park_until(Instant::MIN));
        assert!(parker.timed_out());
        assert!(!parker.unpark_lock().unpark());
        assert!(!parker.timed_out());
        let past = Instant::from_ticks(nt.now().ticks());
        parker.prepare_park();
        assert!(!parker.park_until(past));
        for call in [wait, Call::Release, Call::WakeByAddress] {
            assert_eq!(nt.requests(call), [], "{call:?}");
        }
    });
}

#[test]
fn a_wait_that_ends_with_any_status_goes_on() {
    let _watchdog = Watchdog::new();
    for status in statuses() {
        on_keyed_events(|nt, backend| {
            nt.fail_next(Call::Wait, status);
            wait_for_ever_while(nt, backend, |parker| {
                nt.await_calls(Call::Wait, 2);
                nt.await_blocked(Call::Wait, 1);
                nt.interrupt(Call::Wait, status);
                nt.await_calls(Call::Wait, 3);
                assert!(parker.unpark_lock().unpark());
            });
            assert_eq!(nt.requests(Call::Wait).len(), 3, "{status:#x}");
        });
    }
}

/// A slice that runs out is no failure, or it would use up the waker's patience.
#[test]
fn only_failures_are_errors() {
    const INFORMATION: NTSTATUS = 0x4000_0000;
    const WARNING: NTSTATUS = 0x8000_0005_u32 as NTSTATUS;
    for status in [STATUS_SUCCESS, STATUS_ALERTED, STATUS_USER_APC, STATUS_TIMEOUT, INFORMATION, WARNING] {
        assert!(!is_error(status), "{status:#x}");
    }
    for status in [STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED, STATUS_OBJECT_TYPE_MISMATCH] {
        assert!(is_error(status), "{status:#x}");
    }
}

#[test]
fn a_timed_wait_that_ends_with_any_status_is_not_early() {
    let _watchdog = Watchdog::new();
    for status in statuses() {
        on_keyed_events(|nt, backend| {
            nt.fail_next(Call::Wait, status);
            let deadline = backend.now() + Duration::from_secs(1);
            let unparked = wait_while(nt, backend, deadline, |_| {
                nt.await_calls(Call::Wait, 2);
                nt.await_blocked(Call::Wait, 1);
                nt.advance(SECOND / 2);
                nt.interrupt(Call::Wait, status);
                nt.await_calls(Call::Wait, 3);
                nt.await_blocked(Call::Wait, 1);
                assert!(nt.advance_to_next_timeout());
            });
            assert!(!unparked);
            assert_eq!(nt.now(), deadline, "{status:#x}");
        });
    }
}

#[test]
fn a_wait_that_ends_with_any_status_beside_an_unpark_receives_the_release() {
    let _watchdog = Watchdog::new();
    for status in statuses() {
        on_keyed_events(|nt, backend| {
            wait_for_ever_while(nt, backend, |parker| {
                nt.await_blocked(Call::Wait, 1);
                let handle = parker.unpark_lock();
                nt.interrupt(Call::Wait, status);
                nt.await_calls(Call::Wait, 2);
                nt.await_blocked(Call::Wait, 1);
                assert!(handle.unpark());
            });
            assert_eq!(nt.requests(Call::Release).len(), 1, "{status:#x}");
        });
    }
}

#[test]
fn a_second_wait_that_ends_with_any_status_goes_on() {
    let _watchdog = Watchdog::new();
    for status in statuses() {
        on_keyed_events(|nt, backend| {
            nt.fail_after(Call::Wait, 1, status);
            let deadline = backend.now() + Duration::from_millis(10);
            let unparked = wait_while(nt, backend, deadline, |parker| {
                nt.await_blocked(Call::Wait, 1);
                let handle = parker.unpark_lock();
                nt.advance(SECOND);
                nt.await_calls(Call::Wait, 3);
                assert!(handle.unpark());
            });
            assert!(unparked);
            assert_eq!(nt.requests(Call::Wait).len(), 3, "{status:#x}");
        });
    }
}

#[test]
fn a_release_that_ends_with_any_status_is_made_again() {
    let _watchdog = Watchdog::new();
    for status in statuses() {
        on_keyed_events(|nt, backend| {
            nt.fail_next(Call::Release, status);
            wait_for_ever_while(nt, backend, |parker| {
                nt.await_blocked(Call::Wait, 1);
                assert!(parker.unpark_lock().unpark());
            });
            assert_eq!(nt.requests(Call::Release).len(), 2, "{status:#x}");
        });
    }
}

/// A thread waits on a backend whose calls all fail, and is unparked; then another, whose time runs out; then
/// one whose time runs out beside an unpark.
fn park_although_all_calls_fail(nt: &Nt, backend: &'static Backend) {
    let waits = || nt.requests(Call::Wait).len();
    wait_for_ever_while(nt, backend, |parker| {
        nt.await_calls(Call::Wait, waits() + 3);
        assert!(parker.unpark_lock().unpark());
    });
    let deadline = backend.now() + Duration::from_millis(10);
    let unparked = wait_while(nt, backend, deadline, |_| {
        nt.await_calls(Call::Wait, waits() + 3);
        nt.advance(SECOND);
    });
    assert!(!unparked);
    let deadline = backend.now() + Duration::from_millis(10);
    let unparked = wait_while(nt, backend, deadline, |parker| {
        nt.await_calls(Call::Wait, waits() + 3);
        let handle = parker.unpark_lock();
        nt.advance(SECOND);
        assert!(handle.unpark());
    });
    assert!(unparked);
    assert_eq!(nt.blocked(Call::Wait), 0);
}

#[test]
#[cfg_attr(miri, ignore = "threads that are busy until another comes, which takes minutes")]
fn parking_works_although_all_calls_fail() {
    let _watchdog = Watchdog::new();
    for status in FAILURES {
        on_keyed_events(|nt, backend| {
            nt.fail_always(Call::Wait, status);
            nt.fail_always(Call::Release, status);
            park_although_all_calls_fail(nt, backend);
        });
    }
}

#[test]
#[cfg_attr(miri, ignore = "as the test before, for other reasons")]
fn parking_works_with_a_bad_handle() {
    let _watchdog = Watchdog::new();
    /// Opens what is no good, or lets go of what was.
    type Bad = fn(&Nt) -> HANDLE;
    let closed: Bad = |nt| {
        let handle = nt.open(KeyedEventAccess::all());
        nt.close(handle);
        handle
    };
    let without_access: Bad = |nt| nt.open(KeyedEventAccess::empty());
    for (class, bad) in [
        (Class::Xp, (|_| NULL) as Bad),
        (Class::Vista, closed),
        (Class::Vista, without_access),
        (Class::Vista, Nt::open_other),
    ] {
        for guarded in [false, true] {
            let nt = Nt::boot(class);
            park_although_all_calls_fail(&nt, nt.keyed_event(bad(&nt), guarded));
        }
    }
}

/// A thread's time runs out; before it has left its queue, a release meets it, which the kernel does not tell
/// it. The rest is up to `then`.
fn hide_a_release(nt: &Nt, guarded: bool, then: impl FnOnce()) {
    let backend = nt.keyed_event(nt.open(KeyedEventAccess::all()), guarded);
    nt.hold(Point::Expired);
    let deadline = backend.now() + Duration::from_millis(10);
    let unparked = wait_while(nt, backend, deadline, |parker| {
        nt.await_blocked(Call::Wait, 1);
        nt.advance(SECOND);
        nt.await_held(Point::Expired, 1);
        assert!(parker.unpark_lock().unpark());
        assert_eq!(nt.requests(Call::Release).len(), 1, "the release has been met");
        nt.let_go(Point::Expired);
        then();
    });
    assert!(unparked);
}

#[test]
fn the_guard_sees_a_release_that_a_timeout_hides() {
    let _watchdog = Watchdog::new();
    for class in [Class::Xp, Class::ReactOs] {
        let nt = Nt::boot(class);
        hide_a_release(&nt, true, || {});
        assert_eq!(nt.requests(Call::Wait).len(), 1, "it did not wait for what was over");
    }
}

#[test]
fn without_the_guard_a_release_that_a_timeout_hides_is_waited_for_in_vain() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot(Class::Xp);
    hide_a_release(&nt, false, || {
        for waits in 2..10 {
            nt.await_calls(Call::Wait, waits);
            nt.await_blocked(Call::Wait, 1);
            nt.advance(SECOND);
        }
        nt.await_calls(Call::Wait, 10);
        nt.await_blocked(Call::Wait, 1);
        nt.rescue();
    });
}

#[test]
fn with_the_guard_a_release_has_no_time_limit() {
    let _watchdog = Watchdog::new();
    on_keyed_events(|nt, backend| {
        wait_for_ever_while(nt, backend, |parker| {
            nt.await_blocked(Call::Wait, 1);
            assert!(parker.unpark_lock().unpark());
        });
        let limit = if is_guarded(backend) { Limit::Forever } else { Limit::Units(-(SECOND as i64)) };
        assert_eq!(nt.requests(Call::Release), [limit]);
    });
}

/// A waker is stopped in the kernel after it has met its waiter. The rest is up to `then`, which is told
/// whether the waiter has left.
fn hold_a_waker(guarded: bool, then: impl FnOnce(&AtomicBool)) {
    let nt = Nt::boot(Class::Xp);
    let backend = nt.keyed_event(nt.open(KeyedEventAccess::all()), guarded);
    nt.hold(Point::Released);
    let parker = ThreadParker::with_backend(backend);
    parker.prepare_park();
    let has_left = AtomicBool::new(false);
    thread::scope(|scope| {
        nt.spawn(scope, || {
            parker.park();
            has_left.store(true, SeqCst);
        });
        nt.await_blocked(Call::Wait, 1);
        nt.spawn(scope, || parker.unpark_lock().unpark());
        nt.await_held(Point::Released, 1);
        then(&has_left);
        nt.let_go(Point::Released);
    });
    assert!(has_left.load(SeqCst));
}

#[test]
fn with_the_guard_the_waiter_stays_until_its_waker_is_done() {
    let _watchdog = Watchdog::new();
    hold_a_waker(true, |has_left| {
        for _ in 0..if cfg!(miri) { 20 } else { 1_000 } {
            assert!(!has_left.load(SeqCst), "its waker still needs the word");
            thread::yield_now();
        }
    });
}

#[test]
fn without_the_guard_the_waiter_does_not_wait_for_its_waker() {
    let _watchdog = Watchdog::new();
    hold_a_waker(false, |has_left| {
        while !has_left.load(SeqCst) {
            thread::yield_now();
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "nothing but arithmetic, over and over")]
fn waits_of_all_lengths_end_in_time_and_never_early() {
    let _watchdog = Watchdog::new();
    let days_49_7 = u64::from(u32::MAX) * MILLISECOND;
    let spans = [1, 2, 9_999, 10_000, 10_001, SECOND, u64::from(u32::MAX) - 1, u64::from(u32::MAX)];
    let long = [days_49_7 - MILLISECOND, days_49_7, days_49_7 + 1, days_49_7 + MILLISECOND, 1_000 * 86_400 * SECOND];
    let longest = [(1 << 60) - 1, 1 << 60, (1 << 60) + 1, i64::MAX as u64, 1 << 63, u64::MAX - (1 << 41)];
    on_all(|nt, backend, wait| {
        let keyed: &[u64] = if wait == Call::Wait { &longest } else { &[] };
        for &span in spans.iter().chain(&long).chain(keyed) {
            let begun = nt.requests(wait).len();
            // The clock starts anew for each, as these spans are not far from all that it can count.
            nt.reset_clock();
            let deadline = Instant::from_ticks(nt.now().ticks() + span);
            assert!(!wait_from_timeout_to_timeout(nt, backend, deadline));
            let late = nt.now().ticks().checked_sub(deadline.ticks()).expect("never early");
            assert!(late < MILLISECOND, "{span}: {late} late");
            for limit in &nt.requests(wait)[begun..] {
                match *limit {
                    Limit::Units(units) => assert!((-(1 << 60)..0).contains(&units), "{span}: {units}"),
                    Limit::Milliseconds(milliseconds) => assert!(milliseconds > 0, "{span}"),
                    Limit::Forever => panic!("{span} is not for ever"),
                }
            }
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "nothing but arithmetic, over and over")]
fn the_longest_waits_last_and_can_be_unparked() {
    let _watchdog = Watchdog::new();
    for deadline in [1 << 60, 1 << 63, i64::MAX as u64, u64::MAX - 1].map(Instant::from_ticks) {
        on_all(|nt, backend, wait| {
            let unparked = wait_while(nt, backend, deadline, |parker| {
                // All that keyed events can last, but for a slice; on `WaitOnAddress`, thirteen years.
                for waits in 1..100 {
                    nt.await_calls(wait, waits);
                    nt.await_blocked(wait, 1);
                    if wait == Call::Wait && deadline.ticks() - nt.now().ticks() <= 1 << 60 {
                        break;
                    }
                    assert!(nt.advance_to_next_timeout());
                }
                assert!(parker.unpark_lock().unpark());
            });
            assert!(unparked);
            assert!(!nt.requests(wait).contains(&Limit::Forever));
        });
    }
}

#[test]
fn waits_that_the_kernel_ends_too_early_go_on() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        nt.end_early(2 * MILLISECOND);
        let deadline = backend.now() + Duration::from_millis(20);
        let unparked = wait_while(nt, backend, deadline, |_| {
            nt.await_blocked(wait, 1);
            assert!(nt.advance_to_next_timeout());
            assert!(nt.now() < deadline, "the first ends early");
            // What is left is less than what the kernel cuts off, so these end at once.
            nt.await_calls(wait, 10);
            nt.advance(2 * MILLISECOND);
        });
        assert!(!unparked);
        assert!(nt.now() >= deadline);
    });
}

#[test]
fn a_clock_that_stands_still_ends_nothing() {
    const WAITS: usize = if cfg!(miri) { 3 } else { 50 };
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let deadline = backend.now() + Duration::from_millis(10);
        let unparked = wait_while(nt, backend, deadline, |_| {
            for waits in 1..WAITS {
                nt.await_calls(wait, waits);
                nt.await_blocked(wait, 1);
                nt.advance_but_the_clock(SECOND);
            }
            nt.await_calls(wait, WAITS);
            nt.await_blocked(wait, 1);
            nt.advance(SECOND);
        });
        assert!(!unparked);
        assert_eq!(nt.requests(wait).len(), WAITS);
    });
}

#[test]
fn wait_on_address_may_return_for_no_reason() {
    const WAITS: usize = if cfg!(miri) { 5 } else { 100 };
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, BackendKind::WaitAddress);
    let backend = nt.chosen();
    wait_for_ever_while(&nt, backend, |parker| {
        for waits in 1..WAITS {
            nt.await_calls(Call::WaitOnAddress, waits);
            nt.await_blocked(Call::WaitOnAddress, 1);
            nt.interrupt(Call::WaitOnAddress, i32::from(waits % 2 == 0));
        }
        nt.await_calls(Call::WaitOnAddress, WAITS);
        assert!(parker.unpark_lock().unpark());
    });
    let deadline = backend.now() + Duration::from_secs(1);
    let unparked = wait_while(&nt, backend, deadline, |_| {
        for waits in WAITS + 1..2 * WAITS {
            nt.await_calls(Call::WaitOnAddress, waits);
            nt.await_blocked(Call::WaitOnAddress, 1);
            nt.interrupt(Call::WaitOnAddress, i32::from(waits % 2 == 0));
        }
        nt.await_calls(Call::WaitOnAddress, 2 * WAITS);
        nt.await_blocked(Call::WaitOnAddress, 1);
        nt.advance(2 * SECOND);
    });
    assert!(!unparked);
}

#[test]
#[cfg_attr(miri, ignore = "threads that are busy until another comes, which takes minutes")]
fn parking_works_although_wait_on_address_always_fails() {
    let _watchdog = Watchdog::new();
    for result in [0, 1] {
        let nt = boot(Class::Vista, BackendKind::WaitAddress);
        let backend = nt.chosen();
        nt.fail_always(Call::WaitOnAddress, result);
        wait_for_ever_while(&nt, backend, |parker| {
            nt.await_calls(Call::WaitOnAddress, 10);
            assert!(parker.unpark_lock().unpark());
        });
        let deadline = backend.now() + Duration::from_secs(1);
        let calls = nt.requests(Call::WaitOnAddress).len();
        let unparked = wait_while(&nt, backend, deadline, |_| {
            nt.await_calls(Call::WaitOnAddress, calls + 10);
            nt.advance(2 * SECOND);
        });
        assert!(!unparked);
    }
}

#[test]
fn only_a_wait_on_address_that_fails_outright_gives_its_time_slice_away() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, BackendKind::WaitAddress);
    let backend = nt.chosen();
    for _ in 0..3 {
        assert!(!wait_from_timeout_to_timeout(&nt, backend, backend.now() + Duration::from_millis(5)));
    }
    wait_for_ever_while(&nt, backend, |parker| {
        nt.await_blocked(Call::WaitOnAddress, 1);
        assert!(parker.unpark_lock().unpark());
    });
    assert_eq!((nt.yields(), nt.naps()), (0, 0));
    nt.fail_next(Call::WaitOnAddress, 0);
    assert!(!wait_from_timeout_to_timeout(&nt, backend, backend.now() + Duration::from_millis(5)));
    assert_eq!((nt.yields(), nt.naps()), (0, 1), "else a call that always fails keeps its processor busy");
}

#[test]
fn wait_on_address_lets_the_waiter_go_before_the_handle_is_used() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, BackendKind::WaitAddress);
    let mut handle = None;
    wait_for_ever_while(&nt, nt.chosen(), |parker| {
        nt.await_blocked(Call::WaitOnAddress, 1);
        handle = Some(parker.unpark_lock());
        nt.interrupt(Call::WaitOnAddress, 1);
    });
    // The parker is gone. So is its thread, so this wakes nobody.
    assert!(handle.is_some_and(|handle| handle.unpark()));
    assert_eq!(nt.requests(Call::WakeByAddress).len(), 1);
}

#[test]
fn backends_of_several_kinds_serve_one_process() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot(Class::Vista);
    let backends = [nt.keyed_event(NULL, false), nt.keyed_event(nt.open(KeyedEventAccess::all()), true), nt.chosen()];
    assert_eq!(
        backends.map(Backend::kind),
        [BackendKind::KeyedEventNull, BackendKind::KeyedEvent, BackendKind::WaitAddress]
    );
    let parkers = backends.map(ThreadParker::with_backend);
    thread::scope(|scope| {
        for parker in &parkers {
            parker.prepare_park();
            nt.spawn(scope, || parker.park());
        }
        nt.await_blocked(Call::Wait, 2);
        nt.await_blocked(Call::WaitOnAddress, 1);
        for parker in &parkers {
            assert!(parker.unpark_lock().unpark());
        }
    });
}

#[test]
fn a_queue_lock_under_load_while_time_goes_by() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, _| load::run(nt, backend));
}
