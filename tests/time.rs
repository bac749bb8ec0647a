//! [`Instant`], its arithmetic, and the clock of the process's backend.

mod common;

use common::begin;
use ntpark::{Backend, Instant, Parker, SpinWait, UnparkReason, thread_yield};
use proptest::prelude::*;
use std::thread;
use std::time::{Duration, Instant as StdInstant};

const UNIT: Duration = Duration::from_nanos(100);
const NANO: Duration = Duration::from_nanos(1);

fn at(ticks: u64) -> Instant {
    Instant::from_ticks(ticks)
}

/// Numbers near every power of two and near the other edges, and those between.
fn numbers() -> impl Strategy<Value = u64> {
    let near = |edge: u64| {
        (0..4_u64, any::<bool>())
            .prop_map(move |(by, up)| if up { edge.saturating_add(by) } else { edge.saturating_sub(by) })
    };
    prop_oneof![
        any::<u64>(),
        // As many short ones as long ones.
        (0..64_u32, any::<u64>()).prop_map(|(bits, number)| number >> bits),
        (0..64_u32).prop_flat_map(move |bits| near(1 << bits)),
        near(u64::MAX),
        near(u64::MAX / 10_000_000),
    ]
}

/// What fits, else the end of the range.
fn saturated(exact: u128) -> u64 {
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// Compares all arithmetic with exact wide integers.
fn check(ticks: u64, other: u64, span: Duration) {
    let (nanos, wide) = (span.as_nanos(), u128::from(ticks));
    let later = at(saturated(wide + nanos.div_ceil(100)));
    assert_eq!(at(ticks) + span, later, "{ticks} + {span:?}");
    assert_eq!(at(ticks).saturating_add(span), later);
    // Rounded to the later, too.
    let earlier = at(saturated(wide.saturating_sub(nanos / 100)));
    assert_eq!(at(ticks) - span, earlier, "{ticks} - {span:?}");
    assert_eq!(at(ticks).saturating_sub(span), earlier);
    let between = wide.saturating_sub(u128::from(other)) * 100;
    assert_eq!((at(ticks) - at(other)).as_nanos(), between, "{ticks} - {other}");
    assert_eq!(at(ticks).saturating_duration_since(at(other)).as_nanos(), between);
    assert_eq!(at(ticks).cmp(&at(other)), ticks.cmp(&other));
}

#[test]
fn arithmetic_is_exact_at_the_edges() {
    const LAST_SECOND: u64 = u64::MAX / 10_000_000;
    let ticks = [0, 1, 5, 7, 10_000_001, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];
    let spans = [
        Duration::ZERO,
        NANO,
        UNIT - NANO,
        UNIT,
        UNIT + NANO,
        UNIT * 2 - NANO,
        UNIT * 7,
        UNIT * 8,
        Duration::from_secs(1),
        Duration::new(1, 999_999_999),
        Duration::from_secs(LAST_SECOND),
        // The last unit that fits, the nanosecond after it, and the first that does not.
        Duration::new(LAST_SECOND, 955_161_500),
        Duration::new(LAST_SECOND, 955_161_501),
        Duration::new(LAST_SECOND, 955_161_600),
        Duration::from_secs(LAST_SECOND + 1),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    for from in ticks {
        for other in ticks {
            spans.iter().for_each(|&span| check(from, other, span));
        }
    }
    assert_eq!((Instant::MIN, Instant::MAX), (at(0), at(u64::MAX)));
}

proptest! {
    #![proptest_config(common::proptest_config())]

    #[test]
    fn arithmetic_is_exact(
        ticks in numbers(),
        other in numbers(),
        seconds in numbers(),
        nanos in 0..1_000_000_000_u32,
    ) {
        check(ticks, other, Duration::new(seconds, nanos));
        check(ticks, other, Duration::from_nanos(seconds));
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
    assert!(backend.clock_granule() > 0);
}

#[test]
fn now_is_the_time_of_the_backend() {
    let _test = begin();
    let backend = Backend::get();
    let before = backend.now();
    let now = Instant::now();
    assert!(before <= now && now <= backend.now());
}

#[test]
fn threads_have_numbers() {
    let _test = begin();
    let backend = Backend::get();
    let here = backend.current_thread();
    assert!(here.is_some());
    let there = thread::scope(|scope| scope.spawn(|| backend.current_thread()).join().expect("it has one"));
    assert!(there.is_some() && there != here);
    assert_eq!(backend.current_thread(), here);
}

#[test]
fn the_process_is_not_ending() {
    let _test = begin();
    assert!(!Backend::get().is_process_ending());
}

#[test]
fn the_clock_never_goes_backwards() {
    let _test = begin();
    let backend = Backend::get();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = Instant::MIN;
                for _ in 0..common::rounds(20_000) {
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
                for _ in 0..common::rounds(200) {
                    assert_eq!(there.park(), UnparkReason::Unparked);
                    send.send(backend.now()).expect("it is received");
                    here.unpark();
                }
            }
        });
        for _ in 0..common::rounds(200) {
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
