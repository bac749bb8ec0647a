use super::*;
use crate::fake_nt::{Class, MILLISECOND, Nt, SECOND};
use crate::sys::kernel32::INFINITE;
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Numbers near every power of two, and those between.
fn numbers() -> impl Iterator<Item = u64> {
    (0..64).flat_map(|bit| {
        let power = 1_u64 << bit;
        [power - 1, power, power + 1, power | power >> 1, power.wrapping_mul(10_000), power ^ 0x5555_5555_5555_5555]
    })
}

#[test]
fn relative_timeouts_are_negative_and_not_longer() {
    for units in numbers().filter(|&units| units > 0).chain([u64::MAX]) {
        let timeout = nt_relative(units);
        assert!(timeout < 0, "{units}: 0 polls, and positive is absolute");
        assert!(timeout.unsigned_abs() <= units, "{units}: the caller would wake too late");
        assert!(timeout.unsigned_abs() == units || units > LONGEST_RELATIVE, "{units}: cut short for no reason");
    }
}

#[test]
fn milliseconds_are_rounded_up_and_never_infinite() {
    for units in numbers().filter(|&units| units > 0).chain([u64::MAX]) {
        let timeout = milliseconds(units);
        assert!(timeout > 0 && timeout < INFINITE, "{units}: {timeout}");
        let lasts = u64::from(timeout) * MILLISECOND;
        assert!(lasts < units.saturating_add(MILLISECOND), "{units}: a millisecond late or more");
        if units <= u64::from(u32::MAX) {
            assert!(lasts >= units, "{units}: it would be asked for twice");
        } else {
            // Each turn of the loop brings it nearer by half, until it is longer than can be asked for.
            assert!(lasts >= units / 2 || timeout == INFINITE - 1, "{units}: {timeout}");
        }
    }
    assert_eq!([1, 9_999, 10_000, 10_001].map(milliseconds), [1, 1, 1, 2]);
}

#[test]
fn what_remains_until_a_deadline() {
    for (deadline, reading, remaining) in [
        (0, 0, Remaining::Passed),
        (0, u64::MAX, Remaining::Passed),
        (1, 0, Remaining::Units(1)),
        (1, 1, Remaining::Passed),
        (1, 2, Remaining::Passed),
        (u64::MAX - 1, 0, Remaining::Units(u64::MAX - 1)),
        (u64::MAX - 1, u64::MAX - 2, Remaining::Units(1)),
        (u64::MAX - 1, u64::MAX - 1, Remaining::Passed),
        (u64::MAX - 1, u64::MAX, Remaining::Passed),
        (u64::MAX, 0, Remaining::Forever),
        (u64::MAX, u64::MAX, Remaining::Forever),
    ] {
        assert_eq!(Remaining::until(Instant(deadline), || reading), remaining, "{deadline} at {reading}");
    }
}

#[test]
fn spans_in_units() {
    for (span, floor, ceil) in [
        (Duration::ZERO, 0, 0),
        (Duration::from_nanos(1), 0, 1),
        (Duration::from_nanos(99), 0, 1),
        (Duration::from_nanos(100), 1, 1),
        (Duration::from_nanos(101), 1, 2),
        (Duration::new(1, 999_999_999), 19_999_999, 20_000_000),
        (Duration::from_secs(u64::MAX), u64::MAX, u64::MAX),
        (Duration::MAX, u64::MAX, u64::MAX),
    ] {
        assert_eq!((units_floor(span), units_ceil(span)), (floor, ceil), "{span:?}");
    }
}

#[test]
fn the_clocks_ask_what_they_are_made_of() {
    let nt = Nt::boot(Class::Vista);
    nt.advance(12_345_678);
    let now = nt.now().ticks();
    for (clock, granule) in [(Nt::clock(), 1), (Nt::ticking_clock(), TICK)] {
        let reading = clock.reading();
        assert!(reading <= now, "the earliest that it can be");
        assert_eq!(clock.now().ticks(), reading + u64::from(granule));
        assert!(clock.now().ticks() > now, "later than it can be");
        assert_eq!(clock.remaining(Instant::MIN), Remaining::Passed);
        assert_eq!(clock.remaining(Instant::MAX), Remaining::Forever);
        assert_eq!(clock.remaining(Instant(reading)), Remaining::Passed);
        assert_eq!(clock.remaining(Instant(reading + 1)), Remaining::Units(1));
    }
    assert_eq!(Nt::clock().reading(), now);
}

#[test]
fn a_tick_is_not_longer_than_the_longest() {
    let nt = Nt::boot(Class::Vista);
    for step in [1, 99_999, 156_249, 156_250, 156_251] {
        nt.advance(step);
        let (clock, now) = (Nt::ticking_clock(), nt.now());
        assert!(Instant(clock.reading()) <= now && now <= clock.now());
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

/// What a counter says. One test's.
static COUNTS: AtomicU64 = AtomicU64::new(0);

unsafe extern "system" fn query_counts(counts: *mut u64) {
    // SAFETY: the caller's to write to.
    unsafe { counts.write(COUNTS.load(SeqCst)) };
}

#[test]
fn a_counter_is_scaled_down_and_less_the_time_asleep() {
    for frequency in [1, 3, 1_193_182, 3_579_545, 10_000_000, 24_000_000, 3_000_000_000] {
        for seconds in [0, 1, 59, 86_400, 3_650 * 86_400] {
            for asleep in [0, 1, 17 * SECOND] {
                let scale = Clock::scale(frequency).expect("it counts");
                // SAFETY: the function writes a number to where it is told; the bias outlives the clock.
                let clock = unsafe { Clock::counter(query_counts, scale, &raw const asleep) };
                COUNTS.store(seconds * frequency, SeqCst);
                let exact = (seconds * SECOND).saturating_sub(asleep);
                let reading = clock.reading();
                assert!(reading <= exact, "{frequency} Hz: a clock that is fast ends waits early");
                // A part in 2^32 of a count's units is lost, however many there are.
                let lost = seconds * frequency / (1 << 32) + 1;
                assert!(exact - reading <= lost, "{frequency} Hz after {seconds} s: {reading} instead of {exact}");
            }
        }
    }
}

#[test]
fn the_shared_page_is_a_clock() {
    let clock = Clock::SHARED_PAGE;
    let first = clock.reading();
    assert_eq!(clock.now().ticks(), first + u64::from(TICK));
    if cfg!(windows) {
        assert!(first > 0);
        std::thread::sleep(Duration::from_millis(100));
        let passed = clock.reading() - first;
        assert!(passed > 500_000, "{passed} units in 100 ms");
    } else {
        assert_eq!(first, 0);
    }
}
