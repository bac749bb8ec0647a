//! Points and spans, and every conversion between units.

use crate::sys::kernel32::INFINITE;
use core::ops::{Add, Sub};
use core::time::Duration;

/// Units in a second: a unit is 100 ns, as in NT.
pub(crate) const UNITS_PER_SECOND: u64 = 10_000_000;
/// Nanoseconds in a unit.
const NANOS_PER_UNIT: u32 = 100;
/// Units in a millisecond.
const UNITS_PER_MILLISECOND: u32 = 10_000;
/// The longest relative wait that is asked of NT at once, some 3,600 years: far enough from the end of `i64`
/// for the kernel to add its own time.
const LONGEST_RELATIVE: u64 = 1 << 60;

/// A point in time on the clock of the process's parkers, in units of 100 ns since some fixed point.
///
/// Comparable between all processes of one boot of a machine, if they use the same kind of clock. It is *not* the wall
/// clock, and setting that changes nothing here. Whether it advances while the machine is asleep depends on the system:
/// from Windows 7 on, and on a host that follows [`HostNow`](crate::HostNow), it does not; on XP and Vista it does, and
/// so do timed waits. All arithmetic saturates: [`Instant::MAX`], and whatever would lie after it, is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Instant(u64);

impl Instant {
    /// Always past: a wait until then does not block.
    pub const MIN: Self = Self(0);
    /// Never reached: a wait until then has no time limit.
    pub const MAX: Self = Self(u64::MAX);

    /// The point that lies `ticks` units of 100 ns after [`Instant::MIN`].
    #[must_use]
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// Units of 100 ns since [`Instant::MIN`].
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// The point `span` later, rounded up to a unit; [`Instant::MAX`] if there is none.
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(units_ceil(span)))
    }

    /// The point `span` earlier, rounded to the later unit; [`Instant::MIN`] if there is none.
    #[must_use]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(units_floor(span)))
    }

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        let units = self.0.saturating_sub(earlier.0);
        // The remainder is below 10^9 ns, so `Duration::new` has nothing to carry over.
        let nanos = (units % UNITS_PER_SECOND) as u32 * NANOS_PER_UNIT;
        Duration::new(units / UNITS_PER_SECOND, nanos)
    }
}

/// Saturates, as [`Instant::saturating_add`].
impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        self.saturating_add(span)
    }
}

/// Saturates, as [`Instant::saturating_sub`].
impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        self.saturating_sub(span)
    }
}

/// Saturates, as [`Instant::saturating_duration_since`].
impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// A span in units, rounded up; `u64::MAX` if it is longer than that.
const fn units_ceil(span: Duration) -> u64 {
    units(span.as_secs(), span.subsec_nanos().div_ceil(NANOS_PER_UNIT))
}

/// A span in units, rounded down; `u64::MAX` if it is longer than that.
const fn units_floor(span: Duration) -> u64 {
    units(span.as_secs(), span.subsec_nanos() / NANOS_PER_UNIT)
}

const fn units(seconds: u64, fraction: u32) -> u64 {
    seconds.saturating_mul(UNITS_PER_SECOND).saturating_add(fraction as u64)
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The word may have changed.
    Woken,
    /// The deadline has passed.
    Expired,
}

/// How long a deadline is still away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    /// It has passed.
    Passed,
    /// That many units, at least 1.
    Units(u64),
    /// It never comes.
    Forever,
}

impl Remaining {
    /// From a clock's reading, the earliest time that it can be. [`Instant::MIN`] and [`Instant::MAX`] need no
    /// reading.
    pub(crate) fn until(deadline: Instant, reading: impl FnOnce() -> u64) -> Self {
        match deadline {
            Instant::MIN => Self::Passed,
            Instant::MAX => Self::Forever,
            Instant(deadline) => match deadline.saturating_sub(reading()) {
                0 => Self::Passed,
                units => Self::Units(units),
            },
        }
    }
}

/// A relative timeout as NT's native calls take it: negative, in units; at most [`LONGEST_RELATIVE`], so the
/// caller has to loop.
pub(crate) const fn nt_relative(units: u64) -> i64 {
    -(if units < LONGEST_RELATIVE { units } else { LONGEST_RELATIVE } as i64)
}

/// A timeout in milliseconds as the Win32 layer takes it: rounded up, never `INFINITE`. Long ones may come
/// out shorter, so the caller has to loop.
pub(crate) const fn milliseconds(units: u64) -> u32 {
    if units <= u32::MAX as u64 {
        (units as u32).div_ceil(UNITS_PER_MILLISECOND)
    } else {
        // Beyond seven minutes, about 0.6 of the time: no 64-bit division, which 32-bit MSVC targets do not have
        // without a C runtime.
        let shorter = units >> 14;
        if shorter < INFINITE as u64 { shorter as u32 } else { INFINITE - 1 }
    }
}
