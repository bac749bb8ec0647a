//! How long a lock lets others overtake who waits for it.

use crate::sync::Instant;

/// In units of [`coarse`]: 0.5 ms.
const PATIENCE: usize = 10;

/// A unit of the clock, of 100 ns, times two to the power of this: 51.2 µs.
const COARSE: u32 = 9;

/// The time, in units of 51.2 µs. Only differences count, in as many bits as a lock keeps.
pub(crate) fn coarse_now() -> usize {
    (Instant::now().ticks() >> COARSE) as usize
}

/// Whether who waits since `since` has been overtaken for long enough at `now`; `bits` of either count. Always, where
/// there is no clock, which reads as 0.
pub(crate) const fn is_due(since: usize, now: usize, bits: u32) -> bool {
    now == 0 || now.wrapping_sub(since) & ((1 << bits) - 1) >= PATIENCE
}
