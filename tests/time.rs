//! [`Instant`], [`Clock`] and what they do at their ends.

mod common;

use common::begin;
use ntpark::{Backend, Clock, Instant, Parker, SpinWait, UnparkReason, thread_yield};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

const UNIT: Duration = Duration::from_nanos(100);
const NANO: Duration = Duration::from_nanos(1);

fn at(ticks: u64) -> Instant {
    Instant::from_ticks(ticks)
}

#[test]
fn adding_rounds_up_and_saturates() {
    for (from, span, to) in [
        (0, Duration::ZERO, 0),
        (7, Duration::ZERO, 7),
        (0, NANO, 1),
        (0, UNIT - NANO, 1),
        (0, UNIT, 1),
        (0, UNIT + NANO, 2),
        (5, Duration::from_secs(1), 10_000_005),
        (0, Duration::new(1, 999_999_999), 20_000_000),
        (0, Duration::from_secs(u64::MAX / 10_000_000), u64::MAX / 10_000_000 * 10_000_000),
        (0, Duration::new(u64::MAX / 10_000_000, 955_161_500), u64::MAX),
        (0, Duration::new(u64::MAX / 10_000_000, 955_161_400), u64::MAX - 1),
        (0, Duration::from_secs(u64::MAX / 10_000_000 + 1), u64::MAX),
        (0, Duration::MAX, u64::MAX),
        (1, Duration::MAX, u64::MAX),
        (u64::MAX - 1, UNIT, u64::MAX),
        (u64::MAX - 1, UNIT + NANO, u64::MAX),
        (u64::MAX, UNIT, u64::MAX),
        (u64::MAX, Duration::ZERO, u64::MAX),
    ] {
        assert_eq!(at(from) + span, at(to), "{from} + {span:?}");
        assert_eq!(at(from).saturating_add(span), at(to));
    }
}

#[test]
fn subtracting_rounds_to_the_later_and_saturates() {
    for (from, span, to) in [
        (0, Duration::ZERO, 0),
        (0, NANO, 0),
        (0, Duration::MAX, 0),
        (7, NANO, 7),
        (7, UNIT - NANO, 7),
        (7, UNIT, 6),
        (7, UNIT * 2 - NANO, 6),
        (7, UNIT * 7, 0),
        (7, UNIT * 8, 0),
        (u64::MAX, UNIT, u64::MAX - 1),
        (u64::MAX, Duration::MAX, 0),
        (u64::MAX, Duration::new(u64::MAX / 10_000_000, 955_161_400), 1),
    ] {
        assert_eq!(at(from) - span, at(to), "{from} - {span:?}");
        assert_eq!(at(from).saturating_sub(span), at(to));
    }
}

#[test]
fn spans_between_instants_are_exact() {
    for (later, earlier, span) in [
        (0, 0, Duration::ZERO),
        (1, 0, UNIT),
        (0, 1, Duration::ZERO),
        (0, u64::MAX, Duration::ZERO),
        (10_000_000, 0, Duration::from_secs(1)),
        (10_000_001, 0, Duration::from_secs(1) + UNIT),
        (19_999_999, 0, Duration::new(1, 999_999_900)),
        (u64::MAX, 0, Duration::new(1_844_674_407_370, 955_161_500)),
        (u64::MAX, u64::MAX - 1, UNIT),
    ] {
        assert_eq!(at(later) - at(earlier), span, "{later} - {earlier}");
        assert_eq!(at(later).saturating_duration_since(at(earlier)), span);
        assert_eq!(at(earlier) + span, at(later.max(earlier)));
    }
}

#[test]
fn instants_are_in_order() {
    assert_eq!((Instant::MIN.ticks(), Instant::MAX.ticks()), (0, u64::MAX));
    assert!(Instant::MIN < at(1) && at(1) < at(1 << 63) && at(1 << 63) < Instant::MAX);
    assert!(at(i64::MAX as u64) < at(i64::MIN as u64), "nothing is signed");
}

#[test]
fn the_scale_of_a_counter_is_exact_and_rounded_down() {
    assert_eq!(Clock::scale(0), None);
    for frequency in
        [1, 2, 3, 32_768, 1_193_182, 3_579_545, 10_000_000, 24_000_000, 2_611_199_987, 1 << 32, u64::MAX / 2, u64::MAX]
    {
        assert_eq!(Clock::scale(frequency), Some((10_000_000 << 32) / frequency), "{frequency}");
    }
}

#[test]
fn deadlines_of_a_backend() {
    let _test = begin();
    let backend = Backend::get();
    assert_eq!(backend.deadline(Duration::ZERO), Instant::MIN);
    assert_eq!(backend.deadline(Duration::MAX), Instant::MAX);
    let before = backend.now();
    let deadline = backend.deadline(NANO);
    assert!(before < deadline && deadline <= backend.now() + UNIT);
    assert!(before > Instant::MIN && before < Instant::MAX);
}

#[test]
fn the_clock_never_goes_backwards() {
    let _test = begin();
    let backend = Backend::get();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = Instant::MIN;
                for _ in 0..20_000 {
                    let now = backend.now();
                    assert!(now >= last, "{now:?} after {last:?}");
                    last = now;
                }
            });
        }
    });
}

#[test]
fn the_clock_is_one_for_all_threads() {
    let _test = begin();
    let backend = Backend::get();
    let (here, there) = (Parker::new(), Parker::new());
    thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel();
        scope.spawn({
            let there = &there;
            let here = &here;
            move || {
                for _ in 0..200 {
                    assert_eq!(there.park(), UnparkReason::Unparked);
                    send.send(backend.now()).expect("it is received");
                    here.unpark();
                }
            }
        });
        for _ in 0..200 {
            let before = backend.now();
            there.unpark();
            assert_eq!(here.park(), UnparkReason::Unparked);
            let between = receive.recv().expect("it was sent");
            let after = backend.now();
            assert!(before <= between && between <= after, "{before:?} {between:?} {after:?}");
        }
    });
}

#[test]
fn the_clock_goes_as_fast_as_time() {
    let _test = begin();
    let backend = Backend::get();
    let outer = StdInstant::now();
    let begun = backend.now();
    thread::sleep(Duration::from_millis(300));
    let lasted = backend.now() - begun;
    let outer = outer.elapsed();
    // A clock tick is forgiven, and what two clocks may run apart. A wrong unit or scale is not.
    let tick = Duration::from_millis(16);
    assert!(lasted >= Duration::from_millis(280), "{lasted:?}");
    assert!(common::is_at_least(outer + tick, lasted), "{lasted:?} in {outer:?}");
}

#[test]
fn spinning_gives_up_after_ten_rounds() {
    let _test = begin();
    let mut spin = SpinWait::new();
    for _ in 0..3 {
        assert_eq!((0..20).filter(|_| spin.spin()).count(), 10);
        assert!(!spin.spin());
        spin.reset();
        assert_eq!(spin, SpinWait::default());
    }
    for _ in 0..100 {
        spin.spin_no_yield();
    }
    assert!(!spin.spin(), "they count for the same");
    for _ in 0..100 {
        thread_yield();
    }
}
