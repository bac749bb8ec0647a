//! Time, in the units of the C interface.

use core::time::Duration;
use ntpark_core::{Backend, Instant};
use static_assertions::const_assert;

/// A timeout or deadline that never passes.
///
/// Timeouts and deadlines are unsigned. A negative span that is cast to uint64_t is a wait of centuries: check its
/// sign first.
pub const NTPARK_FOREVER: u64 = u64::MAX;

/// Returns the time on the clock of the process's backend. Chooses the backend if this is its first use.
///
/// Returns: units of 100 ns since some fixed point, rounded up to the clock's next step. It never goes backwards, and
/// setting the wall clock does not change it. On Windows 7 and later, and on a host, it stands still while the machine
/// is asleep; on Windows XP and Vista it does not, and neither do timed waits.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_now() -> u64 {
    Backend::get().now().ticks()
}

/// Returns the deadline of a wait that starts now and lasts this long.
///
/// Parameters:
/// - nanoseconds: any number; NTPARK_FOREVER means no end.
///
/// Returns: a deadline, rounded up to a unit of 100 ns. 0, which has always passed, for 0; NTPARK_FOREVER for
/// NTPARK_FOREVER.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_deadline(nanoseconds: u64) -> u64 {
    match nanoseconds {
        0 => Instant::MIN.ticks(),
        NTPARK_FOREVER => Instant::MAX.ticks(),
        _ => Backend::get().deadline(duration(nanoseconds)).ticks(),
    }
}

/// The deadline of a wait that starts now and lasts this long.
pub(crate) fn after(nanoseconds: u64) -> Instant {
    Instant::from_ticks(ntpark_deadline(nanoseconds))
}

/// Nanoseconds as a `Duration`, without a 64-bit division, for which 32-bit MSVC targets need a C runtime.
#[inline(never)]
pub(crate) const fn duration(nanoseconds: u64) -> Duration {
    const NANOS_PER_SECOND: u32 = 1_000_000_000;
    /// A second is 2^9 * 5^9 ns.
    const FIVES: u128 = 1_953_125;
    /// 2^75 / 5^9, rounded up.
    const RECIPROCAL: u128 = (1 << 75) / FIVES + 1;
    // Even for the largest number, the rounding error is too small to reach the next whole quotient.
    const_assert!((RECIPROCAL * FIVES - (1 << 75)) * ((u64::MAX >> 9) as u128) < 1 << 75);

    let seconds = (((nanoseconds >> 9) as u128 * RECIPROCAL) >> 75) as u64;
    let rest = nanoseconds.wrapping_sub(seconds.wrapping_mul(NANOS_PER_SECOND as u64)) as u32;
    // The rest is less than a second; the remainder operation tells the compiler so, which then emits neither a
    // carry nor a panic.
    Duration::new(seconds, rest % NANOS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_divided_exactly() {
        let check = |nanoseconds: u64| {
            assert_eq!(duration(nanoseconds), Duration::from_nanos(nanoseconds), "{nanoseconds} ns");
        };
        // The quotient can only be wrong beside a whole number of seconds, and worst at the largest.
        let seconds = u64::MAX / 1_000_000_000;
        for second in (0..1000).chain(seconds - 1000..=seconds).chain((0..64).map(|bit| seconds >> bit)) {
            for offset in [0, 1, 511, 512, 513, 999_999_999] {
                check((second * 1_000_000_000).saturating_add(offset));
            }
            check((second * 1_000_000_000).saturating_sub(1));
        }
        // A multiplicative generator, so that numbers of all magnitudes come up.
        let mut random = 1_u64;
        for _ in 0..1_000_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            check(random);
            check(random >> (random & 63));
        }
    }
}
