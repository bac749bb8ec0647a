//! Time arithmetic against exact wide integers, over the whole range, and the conversions that nobody sees
//! from outside: never early, never zero, never absolute.

use super::*;
use core::cell::Cell;
use proptest::prelude::*;
use std::thread_local;

/// Nanoseconds in a unit.
const NANOS: u128 = NANOS_PER_UNIT as u128;

/// Any number, and those where something may turn over more often than chance has it.
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
        near(u64::MAX / UNITS_PER_SECOND),
        near(u64::from(u32::MAX) * u64::from(UNITS_PER_MILLISECOND)),
    ]
}

fn spans() -> impl Strategy<Value = Duration> {
    (numbers(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

/// What fits, else the end of the range.
fn saturated(exact: u128) -> u64 {
    u64::try_from(exact).unwrap_or(u64::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_span_later(ticks in numbers(), span in spans()) {
        let exact = u128::from(ticks) + span.as_nanos().div_ceil(NANOS);
        prop_assert_eq!(Instant(ticks) + span, Instant(saturated(exact)));
    }

    #[test]
    fn a_span_earlier(ticks in numbers(), span in spans()) {
        let exact = u128::from(ticks).saturating_sub(span.as_nanos() / NANOS);
        prop_assert_eq!(Instant(ticks) - span, Instant(saturated(exact)));
    }

    #[test]
    fn the_span_between(one in numbers(), other in numbers()) {
        let exact = u128::from(one).saturating_sub(u128::from(other)) * NANOS;
        prop_assert_eq!((Instant(one) - Instant(other)).as_nanos(), exact);
    }

    #[test]
    fn no_deadline_is_too_near(ticks in numbers(), span in spans()) {
        let deadline = Instant(ticks) + span;
        prop_assert!(deadline >= Instant(ticks));
        prop_assert!(deadline == Instant::MAX || deadline - Instant(ticks) >= span);
    }

    #[test]
    fn what_remains(deadline in numbers(), reading in numbers()) {
        let remaining = Remaining::until(Instant(deadline), || reading);
        match remaining {
            Remaining::Forever => prop_assert_eq!(deadline, u64::MAX),
            Remaining::Passed => prop_assert!(deadline <= reading && deadline != u64::MAX),
            Remaining::Units(units) => {
                prop_assert_ne!(units, 0);
                prop_assert_eq!(u128::from(reading) + u128::from(units), u128::from(deadline));
            }
        }
    }

    #[test]
    fn native_timeouts_are_relative(units in numbers().prop_filter("what remains is at least 1", |&units| units > 0)) {
        let timeout = nt_relative(units);
        // 0 would be a poll, and what is positive a date.
        prop_assert!(timeout < 0);
        prop_assert_eq!(timeout.unsigned_abs(), units.min(LONGEST_RELATIVE));
        // The kernel adds the time since it has started, which ends before the sun does.
        prop_assert!(timeout.checked_sub(i64::MAX / 2).is_some());
    }

    #[test]
    fn milliseconds_are_rounded_up(units in numbers().prop_filter("what remains is at least 1", |&units| units > 0)) {
        let timeout = milliseconds(units);
        prop_assert!(timeout > 0);
        prop_assert_ne!(timeout, sys::kernel32::INFINITE);
        let exact = u128::from(units).div_ceil(u128::from(UNITS_PER_MILLISECOND));
        if units <= u64::from(u32::MAX) {
            prop_assert_eq!(u128::from(timeout), exact);
        } else {
            // Shorter, so that the caller asks again; but not by so much that it does so often.
            prop_assert!(u128::from(timeout) <= exact);
            prop_assert!(u128::from(timeout) >= (exact / 2).min(u128::from(sys::kernel32::INFINITE - 1)));
        }
    }

    #[test]
    fn bit_by_bit_is_as_exact_as_at_once(dividend in numbers(), divisor in numbers()) {
        let dividend = dividend >> 1;
        prop_assert_eq!(divide_bit_by_bit(dividend, divisor), dividend.checked_div(divisor));
    }

    #[test]
    fn scales_are_rounded_down(frequency in numbers()) {
        let exact = (u128::from(UNITS_PER_SECOND) << 32).checked_div(u128::from(frequency));
        prop_assert_eq!(Clock::scale(frequency).map(u128::from), exact);
    }

    #[test]
    fn counters_are_never_fast(counts in numbers(), frequency in numbers(), bias in numbers()) {
        COUNTS.set(counts);
        let Some(scale) = Clock::scale(frequency) else {
            return Ok(());
        };
        // SAFETY: the function writes where it is told, and the bias outlives the clock.
        let clock = unsafe { Clock::counter(query, scale, &raw const bias) };
        let exact = u128::from(counts) * u128::from(UNITS_PER_SECOND) / u128::from(frequency);
        let reading = u128::from(clock.reading());
        prop_assert!(reading <= u128::from(saturated(exact).saturating_sub(bias)));
        // Nor slow by more than the scale's rounding, which is less than 1/2^32 of a unit a count, and the reading's own.
        let slow = (u128::from(counts) >> 32) + 2;
        prop_assert!(reading + slow >= u128::from(saturated(exact).saturating_sub(bias)));
        // The latest that it can be is later than that, unless there is nothing later.
        prop_assert!(clock.now() > Instant(clock.reading()) || clock.now() == Instant::MAX);
        prop_assert_eq!(clock.remaining(clock.now()) == Remaining::Passed, false);
    }

    #[test]
    fn counters_never_go_back(counts in numbers(), more in numbers(), frequency in numbers()) {
        let scale = Clock::scale(frequency).unwrap_or_default();
        // SAFETY: as above; null is no bias.
        let clock = unsafe { Clock::counter(query, scale, ptr::null()) };
        COUNTS.set(counts);
        let earlier = clock.reading();
        COUNTS.set(counts.saturating_add(more));
        prop_assert!(clock.reading() >= earlier);
    }
}

thread_local! {
    /// What the counter says next, on this thread.
    static COUNTS: Cell<u64> = const { Cell::new(0) };
}

unsafe extern "system" fn query(counts: *mut u64) {
    // SAFETY: the caller has given the address of a live u64.
    unsafe { *counts = COUNTS.get() };
}
