//! The caller's last error, which no call may change. Only Windows has one.
#![cfg(windows)]

mod common;

use common::child::in_own_process;
use common::lot::{Parked, new_key, unpark_all, unpark_one};
use common::{Watchdog, await_parked, begin, wanted};
use ntpark::futex::{self, WaitResult};
use ntpark::{Backend, BackendKind, Instant, Parker, SelectError, SpinWait, ThreadParker, UnparkReason, thread_yield};
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetLastError() -> u32;
    fn SetLastError(code: u32);
}

/// A code of nobody's.
const MINE: u32 = 0x2BAD_CAFE;

/// Carries out a call, after which the last error must be what it was before.
#[track_caller]
fn keeps<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: writes a field of this thread.
    unsafe { SetLastError(MINE) };
    let result = call();
    // SAFETY: reads a field of this thread.
    let code = unsafe { GetLastError() };
    assert_eq!(code, MINE, "the call has set the last error");
    result
}

#[test]
fn of_a_token_parker() {
    let _test = begin();
    let parker = Parker::new();
    let short = Duration::from_millis(2);
    assert_eq!(keeps(|| parker.park_timeout(Duration::ZERO)), UnparkReason::TimedOut);
    assert_eq!(keeps(|| parker.park_timeout(short)), UnparkReason::TimedOut);
    let deadline = keeps(|| Backend::get().deadline(short));
    assert_eq!(keeps(|| parker.park_until(deadline)), UnparkReason::TimedOut);
    assert!(!keeps(|| parker.unpark()));
    assert_eq!(keeps(|| parker.park()), UnparkReason::Unparked);
    for limit in [Duration::from_secs(3_600), Duration::MAX] {
        thread::scope(|scope| {
            let parked = scope.spawn(|| keeps(|| parker.park_timeout(limit)));
            await_parked(&parker);
            assert_eq!(keeps(|| parker.park()), UnparkReason::Busy);
            // Long enough for it to block in the system.
            thread::sleep(Duration::from_millis(20));
            assert!(keeps(|| parker.unpark()));
            assert_eq!(parked.join().expect("its last error is kept"), UnparkReason::Unparked);
        });
    }
}

#[test]
fn of_a_two_phase_parker() {
    let _test = begin();
    let parker = ThreadParker::new();
    keeps(|| parker.prepare_park());
    let deadline = keeps(|| parker.backend().deadline(Duration::from_millis(2)));
    assert!(!keeps(|| parker.park_until(deadline)));
    assert!(keeps(|| parker.timed_out()));
    keeps(|| parker.prepare_park());
    thread::scope(|scope| {
        let parked = scope.spawn(|| keeps(|| parker.try_park_until(Instant::MAX)));
        thread::sleep(Duration::from_millis(20));
        let handle = keeps(|| parker.unpark_lock());
        keeps(|| handle.unpark());
        assert_eq!(parked.join().expect("its last error is kept"), UnparkReason::Unparked);
    });
}

#[test]
fn of_the_lot_and_futexes() {
    let _test = begin();
    let word = AtomicU32::new(0);
    let deadline = Backend::get().deadline(Duration::from_millis(2));
    for (expected, deadline, result) in [
        (1, Instant::MAX, WaitResult::Changed),
        (0, Instant::MIN, WaitResult::TimedOut),
        (0, deadline, WaitResult::TimedOut),
    ] {
        assert_eq!(keeps(|| futex::wait_until(&word, expected, deadline)), result);
    }
    assert_eq!(keeps(|| futex::wake_all(&word)), 0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| keeps(|| futex::wait(&word, 0)));
        thread::sleep(Duration::from_millis(20));
        while keeps(|| futex::requeue(&word, &word, 0, 1)).requeued == 0 {
            thread::yield_now();
        }
        assert_eq!(keeps(|| futex::wake(&word, 1)), 1);
        assert_eq!(waiting.join().expect("its last error is kept"), WaitResult::Woken);
    });
    let key = new_key();
    let parked: Vec<_> = (0..20).map(|token| Parked::new(key, token)).collect();
    assert!(keeps(|| unpark_one(key, 0)).have_more_threads);
    assert_eq!(keeps(|| unpark_all(key, 0)), 19);
    parked.into_iter().for_each(|parked| parked.expect_unparked(0));
}

#[test]
fn of_the_rest() {
    let _test = begin();
    keeps(Backend::get);
    keeps(Backend::available);
    for kind in BackendKind::ALL {
        let in_use = Backend::get().kind();
        assert_eq!(keeps(|| Backend::force(kind)), Err(SelectError::InUse(in_use)));
    }
    keeps(thread_yield);
    let mut spin = SpinWait::new();
    keeps(|| while spin.spin() {});
    keeps(|| Backend::get().now());
}

#[test]
fn of_the_first_use() {
    in_own_process("of_the_first_use", || {
        let _watchdog = Watchdog::new();
        keeps(Backend::available);
        assert_eq!(keeps(|| Backend::force(BackendKind::Host)), Err(SelectError::Unavailable(BackendKind::Host)));
        match wanted() {
            Some(kind) => assert_eq!(keeps(|| Backend::force(kind)), Ok(())),
            None => drop(keeps(|| Parker::new().park_timeout(Duration::from_millis(2)))),
        }
        keeps(Backend::get);
    });
}

#[test]
fn of_the_first_use_when_it_is_not_asked_for() {
    in_own_process("of_the_first_use_when_it_is_not_asked_for", || {
        let _watchdog = Watchdog::new();
        assert_eq!(keeps(|| Parker::new().park_timeout(Duration::from_millis(2))), UnparkReason::TimedOut);
    });
}
