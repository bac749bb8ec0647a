//! Time, in C's units.

use core::time::Duration;
use ntpark_core::{Backend, Instant};
use static_assertions::const_assert;

/// The timeout, or the deadline, that never comes.
pub const NTPARK_FOREVER: u64 = u64::MAX;

/// The time on the clock of the process's parkers. Chooses the process's backend, if this is its first use.
///
/// Returns: units of 100 ns since some fixed point, not counting the time that the machine was asleep. It
/// never goes backwards, and setting the wall clock does not change it.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_now() -> u64 {
    Backend::get().now().ticks()
}

/// The deadline of a wait that may last so long from now.
///
/// Parameters:
/// - nanoseconds: any number; NTPARK_FOREVER is for ever.
///
/// Returns: a deadline for the functions that take one; 0, which is always past, for a timeout of 0;
/// NTPARK_FOREVER for that. Rounded up to a unit of 100 ns.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_deadline(nanoseconds: u64) -> u64 {
    match nanoseconds {
        0 => Instant::MIN.ticks(),
        NTPARK_FOREVER => Instant::MAX.ticks(),
        _ => Backend::get().deadline(duration(nanoseconds)).ticks(),
    }
}

/// Nanoseconds as a `Duration`, without the division of 64 bits that 32-bit MSVC targets do not have without
/// a C runtime.
#[inline(never)]
pub(crate) const fn duration(nanoseconds: u64) -> Duration {
    const NANOS_PER_SECOND: u32 = 1_000_000_000;
    /// A second is 2^9 * 5^9 ns.
    const FIVES: u128 = 1_953_125;
    /// 2^75 / 5^9, rounded up.
    const RECIPROCAL: u128 = (1 << 75) / FIVES + 1;
    // Multiplied by what is left of the largest number, the error of the rounding is still too small to reach
    // the next whole quotient.
    const_assert!((RECIPROCAL * FIVES - (1 << 75)) * ((u64::MAX >> 9) as u128) < 1 << 75);

    let seconds = (((nanoseconds >> 9) as u128 * RECIPROCAL) >> 75) as u64;
    let rest = nanoseconds.wrapping_sub(seconds.wrapping_mul(NANOS_PER_SECOND as u64)) as u32;
    // The rest is less than a second already; the remainder tells the compiler, which then needs no carry,
    // nor a panic for it.
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
