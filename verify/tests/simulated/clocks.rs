//! NT's clocks: which one is chosen, that none is ever fast, and the conversions of what remains until a deadline:
//! never early, never zero, never absolute.

use crate::Watchdog;
use crate::backend::{Backend, BackendKind};
use crate::choice::sets_of;
use crate::nt::{Call, Class, Nt, SECOND, here};
use crate::product::sys::loader::three_words;
use crate::sys::STATUS_TIMEOUT;
use crate::sys::kernel32::INFINITE;
use crate::thread_parker::ThreadParker;
use crate::time::clock::{Clock, divide_bit_by_bit};
use crate::time::{Instant, Remaining, milliseconds, nt_relative};
use fastrand::Rng;
use proptest::prelude::*;
use std::cell::Cell;
use std::thread;
use std::time::Duration;

/// The longest clock tick, with a little to spare.
const TICK: u32 = 160_000;

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
        near(u64::MAX / SECOND),
        near(u64::from(u32::MAX) * 10_000),
        near(u64::from(u32::MAX) << 14),
    ]
}

pub(crate) fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if cfg!(miri) { ProptestConfig { cases: 3, ..config } } else { config }
}

/// The earliest time that it can be by a clock.
fn reading(clock: &Clock) -> u64 {
    const LAST: u64 = u64::MAX - 1;
    match clock.remaining(Instant::from_ticks(LAST)) {
        Remaining::Units(units) => LAST - units,
        Remaining::Passed => LAST,
        Remaining::Forever => panic!("it comes"),
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

proptest! {
    #![proptest_config(config())]

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn what_remains(deadline in numbers(), reading in numbers()) {
        match Remaining::until(Instant::from_ticks(deadline), || reading) {
            Remaining::Forever => prop_assert_eq!(deadline, u64::MAX),
            Remaining::Passed => prop_assert!(deadline <= reading && deadline != u64::MAX),
            Remaining::Units(units) => {
                prop_assert_ne!(units, 0);
                prop_assert_ne!(deadline, u64::MAX);
                prop_assert_eq!(u128::from(reading) + u128::from(units), u128::from(deadline));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn division_bit_by_bit_is_division(dividend in numbers(), divisor in numbers()) {
        let dividend = dividend >> 1;
        prop_assert_eq!(divide_bit_by_bit(dividend, divisor), dividend.checked_div(divisor));
    }

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn native_timeouts_are_relative(units in 1..=u64::MAX, bits in 0..64_u32) {
        let units = (units >> bits).max(1);
        let timeout = nt_relative(units);
        // 0 would be a poll, and a positive number a date.
        prop_assert!(timeout < 0);
        // The kernel adds the time since it has started, for which there is room for ages.
        prop_assert_eq!(timeout.unsigned_abs(), units.min(1 << 60));
    }

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn milliseconds_are_rounded_up(units in numbers()) {
        let units = units.max(1);
        let timeout = milliseconds(units);
        prop_assert!(timeout > 0 && timeout != INFINITE);
        let exact = units.div_ceil(10_000);
        if units <= u64::from(u32::MAX) {
            prop_assert_eq!(u64::from(timeout), exact);
        } else {
            // Shorter, so that the caller asks again; but not by so much that it does so often.
            prop_assert!(u64::from(timeout) <= exact);
            prop_assert!(u64::from(timeout) >= (exact / 2).min(u64::from(INFINITE - 1)));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn counters_are_never_fast(counts in numbers(), frequency in numbers(), bias in numbers()) {
        COUNTS.set(counts);
        let nt = Nt::boot(Class::Seven);
        nt.sleep_for(bias);
        // SAFETY: the function writes where it is told.
        let clock = unsafe { Clock::counter(here(), query, frequency) };
        let Some(clock) = clock else {
            prop_assert_eq!(frequency, 0);
            return Ok(());
        };
        let exact = u128::from(counts) * u128::from(SECOND) / u128::from(frequency);
        let exact = u128::from(u64::try_from(exact).unwrap_or(u64::MAX).saturating_sub(bias));
        let reading = reading(&clock);
        prop_assert!(u128::from(reading) <= exact);
        // Nor slow by more than the scale's rounding, which is less than 1/2^32 of a unit a count, and the reading's
        // own.
        prop_assert!(u128::from(reading) + (u128::from(counts) >> 32) + 2 >= exact);
    }

    /// A deadline is made from the latest time that it can be: a clock that has moved on by less than the span has not
    /// reached it, wherever within a count the span began.
    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn counters_of_any_frequency_are_never_early(
        // From a count that takes a second to one that takes a third of a nanosecond; half of them near a unit.
        frequency in prop_oneof![
            (0..31_u32, 1..3_000_000_000_u64).prop_map(|(bits, frequency)| frequency >> bits),
            1_000_000..30_000_000_u64,
        ],
        start in 0..1_000_000 * SECOND,
        span in 1..SECOND,
    ) {
        let frequency = frequency.max(1);
        let _nt = Nt::boot(Class::Seven);
        // SAFETY: the function writes where it is told.
        let clock = unsafe { Clock::counter(here(), query, frequency) }.expect("it counts");
        let set_time = |units: u64| COUNTS.set((u128::from(units) * u128::from(frequency) / u128::from(SECOND)) as u64);
        set_time(start);
        let deadline = clock.now() + Duration::from_nanos(span * 100);
        set_time(start + span - 1);
        prop_assert_ne!(clock.remaining(deadline), Remaining::Passed);
        // And not late by more than a few counts and units.
        set_time(start + span + 2 * SECOND.div_ceil(frequency) + 4);
        prop_assert_eq!(clock.remaining(deadline), Remaining::Passed);
    }

    #[test]
    #[cfg_attr(miri, ignore = "nothing but arithmetic")]
    fn counters_never_go_back(counts in numbers(), more in numbers(), frequency in numbers()) {
        let _nt = Nt::boot(Class::Seven);
        // SAFETY: as above.
        let Some(clock) = (unsafe { Clock::counter(here(), query, frequency) }) else {
            return Ok(());
        };
        COUNTS.set(counts);
        let earlier = reading(&clock);
        COUNTS.set(counts.saturating_add(more));
        prop_assert!(reading(&clock) >= earlier);
    }
}

#[test]
fn the_granule_of_a_counter_is_one_count() {
    let _nt = Nt::boot(Class::Seven);
    for (frequency, granule) in [
        (1, 10_000_000),
        (1_000, 10_000),
        (10_000_000, 1),
        (5_000_000, 2),
        // Counts of 2.8, 8.4 and 0.4 units: and the unit that has begun.
        (3_579_545, 4),
        (1_193_182, 10),
        (24_000_000, 2),
        (3_000_000_000, 2),
    ] {
        // SAFETY: the function writes where it is told.
        let clock = unsafe { Clock::counter(here(), query, frequency) }.expect("it counts");
        assert_eq!(clock.granule(), granule, "{frequency} Hz");
    }
    assert_eq!(Clock::ticking(here()).granule(), TICK);
}

#[test]
fn a_clock_reads_the_earliest_and_tells_the_latest_time() {
    let nt = Nt::boot(Class::Vista);
    for step in [1, 99_999, 156_249, 156_250, 156_251] {
        nt.advance(step);
        for clock in [Nt::clock(), Clock::ticking(here())] {
            let (reading, now) = (reading(&clock), nt.now().ticks());
            assert!(reading <= now, "the earliest that it can be");
            assert_eq!(clock.now().ticks(), reading + u64::from(clock.granule()));
            assert!(clock.now().ticks() > now, "later than it can be");
            assert_eq!(clock.remaining(Instant::MIN), Remaining::Passed);
            assert_eq!(clock.remaining(Instant::MAX), Remaining::Forever);
            assert_eq!(clock.remaining(Instant::from_ticks(reading)), Remaining::Passed);
            assert_eq!(clock.remaining(Instant::from_ticks(reading + 1)), Remaining::Units(1));
        }
    }
}

#[test]
fn words_that_are_being_written_are_read_again() {
    let (before, after) = ([u32::MAX, 7, 7], [0, 8, 8]);
    // The looks before which each word is written, in the kernel's order.
    for third in 0..8 {
        for first in third..8 {
            for second in first..8 {
                let written = [first, second, third];
                let looks = Cell::new(0);
                let time = three_words(|word| {
                    let look = looks.replace(looks.get() + 1);
                    if look < written[word] { before[word] } else { after[word] }
                });
                // Written before the first look, or after the third; or in between.
                let expected = if second == 0 { after } else { before };
                let is_settled = second == 0 || third >= 3;
                assert!(time == 0x7_FFFF_FFFF || time == 0x8_0000_0000, "{time:#x}, {written:?}");
                assert!(!is_settled || time >> 32 == u64::from(expected[1]), "{time:#x}, {written:?}");
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of processes of one thread each")]
fn each_system_has_its_best_clock() {
    let _watchdog = Watchdog::new();
    const FUNCTIONS: [&str; 3] = ["WaitOnAddress", "QueryPerformanceCounter", "QueryPerformanceFrequency"];
    for (lacking, class) in sets_of(&FUNCTIONS).flat_map(|lacking| {
        [Class::Xp, Class::ReactOs, Class::Vista, Class::Seven].map(|class| (lacking.clone(), class))
    }) {
        for kind in [BackendKind::WaitAddress, BackendKind::KeyedEvent, BackendKind::Polling] {
            let nt = Nt::boot_without(class, &lacking);
            // Counts of 2.8 units, and in the middle of a tick.
            nt.set_frequency(3_579_545);
            nt.advance(1_234_567);
            let what = format!("{kind} on {class:?}, without {lacking:?}");
            if Backend::force(kind).is_err() {
                assert!(kind == BackendKind::WaitAddress && lacking.contains(&FUNCTIONS[0]), "{what}");
                continue;
            }
            let backend = Backend::get();
            let ahead = || backend.now().ticks().wrapping_sub(nt.now().ticks()) as i64;
            let (granule, before) = (backend.clock_granule(), ahead());
            nt.sleep_for(SECOND);
            let slept = ahead() - before;
            if lacking.is_empty() {
                assert_eq!((granule, slept), (4, 0), "{what}");
                // The scale loses less than a part in 2^32 of the time since the start.
                assert!((-256..=4).contains(&before), "{what}: {before}");
            } else {
                // Before 7, the time asleep is not told, and waits last through it.
                let counts_sleep = class != Class::Seven;
                assert_eq!((granule, slept), (TICK, if counts_sleep { SECOND as i64 } else { 0 }), "{what}");
                assert!((1..=i64::from(TICK)).contains(&before), "{what}: {before}");
            }
        }
    }
}

#[test]
fn a_counter_that_does_not_count_is_not_used() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot(Class::Vista);
    nt.set_frequency(0);
    assert_eq!(Backend::get().clock_granule(), TICK);
}

#[test]
fn time_asleep_does_not_count() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot(Class::Seven);
    let before = Instant::now();
    nt.sleep_for(1_000 * SECOND);
    assert_eq!(Instant::now(), before);
    nt.advance(SECOND);
    assert_eq!(Instant::now(), before + Duration::from_secs(1));
}

/// On each clock, from anywhere within a tick or a count, while the kernel ends waits for no reason: so the clock
/// decides.
#[test]
#[cfg_attr(miri, ignore = "nothing but arithmetic, over and over")]
fn no_wait_is_early_on_any_clock() {
    let _watchdog = Watchdog::new();
    let clocks = [None, Some(1_000), Some(1_193_182), Some(3_579_545), Some(10_000_000), Some(3_000_000_000)];
    let kinds = [(BackendKind::WaitAddress, Call::WaitOnAddress), (BackendKind::KeyedEventNull, Call::Wait)];
    for (clock, (kind, call)) in clocks.into_iter().flat_map(|clock| kinds.map(|kind| (clock, kind))) {
        let lacking: &[&str] = if clock.is_none() { &["QueryPerformanceCounter"] } else { &[] };
        let nt = Nt::boot_without(Class::Vista, lacking);
        nt.set_frequency(clock.unwrap_or(SECOND));
        assert_eq!(Backend::force(kind), Ok(()));
        let backend = nt.chosen();
        for seed in 0..100 {
            let mut random = Rng::with_seed(seed);
            nt.advance(random.u64(0..200_000));
            let span = random.u64(1..300_000);
            let begun = nt.now();
            let deadline = backend.deadline(Duration::from_nanos(span * 100));
            let parker = ThreadParker::with_backend(backend);
            parker.prepare_park();
            thread::scope(|scope| {
                let waiter = nt.spawn(scope, || parker.park_until(deadline));
                while !waiter.is_finished() {
                    if nt.blocked(call) == 1 {
                        // From here until it blocks again, or has returned, no time goes by.
                        nt.advance(random.u64(1..20_000));
                        nt.interrupt(call, STATUS_TIMEOUT);
                    }
                    thread::yield_now();
                }
                assert!(!waiter.join().expect("a wait does not panic"), "{clock:?} Hz, seed {seed}");
            });
            let lasted = nt.now().ticks() - begun.ticks();
            assert!(lasted >= span, "{clock:?} Hz, {kind}, seed {seed}: {lasted} instead of {span}");
        }
    }
}
