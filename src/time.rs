//! Time: the one place where units are converted and clocks are read.
//!
//! # Never early
//! A wait must not end before its deadline, although every layer below may be early: kernels end timed waits
//! up to a clock tick too soon, and most clocks say what time it was at the last tick. So the two questions
//! that are asked of a clock get different answers:
//!
//! - *What time is it?* ([`Clock::now`], from which deadlines are made) is answered with the **latest** time
//!   that it can be: the reading plus the clock's granule.
//! - *Is it past the deadline?* ([`Clock::remaining`]) is answered by the reading itself, the **earliest**
//!   time that it can be.
//!
//! Between a deadline's making and its passing, at least the asked-for time has then really gone by, and all
//! waiting is a loop around the second question. All arithmetic saturates, and the largest [`Instant`] is
//! never reached: a far deadline becomes "for ever", never "now".
//!
//! # Which clock
//! Since Windows 8 a timed wait does not count the time that the machine is asleep, so neither may the clock.
//! The first of these that the system has:
//!
//! | clock | system | granule |
//! |---|---|---|
//! | `QueryUnbiasedInterruptTimePrecise` | Windows 10 and later | 1 unit |
//! | `QueryPerformanceCounter` less `KUSER_SHARED_DATA.InterruptTimeBias`, the time asleep | Windows 8, Wine | 1 unit |
//! | `QueryUnbiasedInterruptTime` | Windows 7 | a clock tick, up to 15.625 ms |
//! | `KUSER_SHARED_DATA.InterruptTime`, read in place | XP, Vista | a clock tick |
//!
//! The performance counter has only counted through sleep since Windows 8, and may differ between processors
//! on XP, so older systems tell time in ticks; there a timed wait ends up to a tick later. `GetTickCount`
//! starts again after 49.7 days.

use crate::sys;
use crate::sys::kernel32::QueryTime;
use core::ops::{Add, Sub};
use core::ptr;
use core::time::Duration;

/// Units in a second: a unit is 100 ns, as in NT.
const UNITS_PER_SECOND: u64 = 10_000_000;
/// Nanoseconds in a unit.
const NANOS_PER_UNIT: u32 = 100;
/// Units in a millisecond.
const UNITS_PER_MILLISECOND: u32 = 10_000;
/// The longest clock tick (15.625 ms), with a little to spare.
const TICK: u32 = 160_000;
/// The longest relative wait that is asked of NT at once, some 3,600 years: far enough from the end of `i64`
/// for the kernel to add its own time.
const LONGEST_RELATIVE: u64 = 1 << 60;

/// A point in time on the clock of the parkers: units of 100 ns since some fixed point, not counting the time
/// that the machine was asleep.
///
/// Comparable within one boot of one machine and between its processes. It is *not* the wall clock, and
/// setting that changes nothing here. All arithmetic saturates: [`Instant::MAX`], or anything that would lie
/// after it, is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Instant(u64);

impl Instant {
    /// Always past: a wait until then looks once and does not block.
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
    /// From a clock's reading, the earliest time that it can be. [`Instant::MIN`] and [`Instant::MAX`] cost no
    /// look at the clock.
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
        if shorter < sys::kernel32::INFINITE as u64 { shorter as u32 } else { sys::kernel32::INFINITE - 1 }
    }
}

/// A clock of NT.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Clock {
    /// Null: `KUSER_SHARED_DATA.InterruptTime`.
    query: Option<QueryTime>,
    /// Where the units stand that are not to count; null if there is no such thing.
    bias: *const u64,
    /// Units in a count of `query`, times 2^32, rounded down: so the clock is never fast.
    scale: u64,
    /// How many units the clock may be behind.
    granule: u32,
}

// SAFETY: `query` may be called on any thread and `bias` be read on any (see the constructors).
unsafe impl Send for Clock {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Clock {}

/// A scale of one unit a count.
const ONE: u64 = 1 << 32;

impl Clock {
    /// `KUSER_SHARED_DATA.InterruptTime`, which every NT has. On other systems it stands still at 0.
    pub const SHARED_PAGE: Self = Self { query: None, bias: ptr::null(), scale: ONE, granule: TICK };

    /// A clock that advances once a clock tick, as `QueryUnbiasedInterruptTime`.
    ///
    /// # Safety
    /// `query` writes the time in units of 100 ns to the address that it is given, may be called by any
    /// thread at any time and never unwinds.
    #[must_use]
    pub const unsafe fn ticking(query: QueryTime) -> Self {
        Self { query: Some(query), bias: ptr::null(), scale: ONE, granule: TICK }
    }

    /// A clock that is exact to its unit, as `QueryUnbiasedInterruptTimePrecise`.
    ///
    /// # Safety
    /// As for [`Clock::ticking`].
    #[must_use]
    pub const unsafe fn precise(query: QueryTime) -> Self {
        Self { query: Some(query), bias: ptr::null(), scale: ONE, granule: 1 }
    }

    /// A counter of `scale / 2^32` units a count, as `QueryPerformanceCounter` (see [`Clock::scale`]), less
    /// the units at `bias`, if that is not null.
    ///
    /// # Safety
    /// As for [`Clock::ticking`], but that `query` writes counts. `bias` is null, or may be read on any
    /// thread for as long as the clock is used.
    #[must_use]
    pub const unsafe fn counter(query: QueryTime, scale: u64, bias: *const u64) -> Self {
        Self { query: Some(query), bias, scale, granule: 1 }
    }

    /// The scale of a counter that counts `frequency` times a second: units a count, times 2^32, rounded
    /// down. None for 0.
    #[must_use]
    pub const fn scale(frequency: u64) -> Option<u64> {
        let dividend = UNITS_PER_SECOND << 32;
        if cfg!(target_pointer_width = "64") {
            dividend.checked_div(frequency)
        } else {
            divide_bit_by_bit(dividend, frequency)
        }
    }

    /// The latest time that it can be now.
    pub(crate) fn now(&self) -> Instant {
        Instant(self.reading().saturating_add(u64::from(self.granule)))
    }

    /// How long the deadline is away, at the most.
    pub(crate) fn remaining(&self, deadline: Instant) -> Remaining {
        Remaining::until(deadline, || self.reading())
    }

    /// The earliest time that it can be now, in units.
    fn reading(&self) -> u64 {
        let Some(query) = self.query else {
            return shared_page_time();
        };
        loop {
            let bias = self.bias();
            let mut counts = 0;
            // SAFETY: promised to whoever made this clock (see `ticking`); the address is that of a live u64.
            unsafe { query(&raw mut counts) };
            // If the machine slept in between, the two do not belong together.
            if self.bias() == bias {
                let units = (u128::from(counts) * u128::from(self.scale)) >> 32;
                return u64::try_from(units).unwrap_or(u64::MAX).saturating_sub(bias);
            }
        }
    }

    /// The units that do not count.
    fn bias(&self) -> u64 {
        if self.bias.is_null() {
            return 0;
        }
        // SAFETY: promised to `counter`; the kernel writes it meanwhile, hence volatile.
        unsafe { self.bias.read_volatile() }
    }
}

/// `u64::checked_div`, for dividends below 2^63: 32-bit MSVC targets have no other for 64 bits without a C
/// runtime.
const fn divide_bit_by_bit(dividend: u64, divisor: u64) -> Option<u64> {
    if divisor == 0 {
        return None;
    }
    let (mut quotient, mut rest, mut bit) = (0, 0, u64::BITS);
    while bit > 0 {
        bit -= 1;
        rest = rest << 1 | dividend >> bit & 1;
        if rest >= divisor {
            rest -= divisor;
            quotient |= 1 << bit;
        }
    }
    Some(quotient)
}

/// What three words say that are written in the order 2, 0, 1: the low half, and the high half before and after
/// it. Equal high halves mean that the three belong together.
#[cfg(any(windows, all(test, not(loom))))]
fn three_words(read: impl Fn(usize) -> u32) -> u64 {
    loop {
        let high = read(1);
        let low = read(0);
        if read(2) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
        core::hint::spin_loop();
    }
}

#[cfg(windows)]
fn shared_page_time() -> u64 {
    let time = ptr::with_exposed_provenance::<u64>(sys::ntdll::KUSER_INTERRUPT_TIME);
    if cfg!(target_pointer_width = "64") {
        // SAFETY: readable in every process and aligned (see `KUSER_INTERRUPT_TIME`); the kernel writes it meanwhile,
        // hence volatile, in one piece.
        return unsafe { time.read_volatile() };
    }
    // x86 keeps loads in order.
    three_words(|index| {
        // SAFETY: three readable words lie there in every process, so the offset stays in bounds.
        let word = unsafe { time.cast::<u32>().add(index) };
        // SAFETY: readable, as above, and aligned; the kernel writes it meanwhile, hence volatile.
        unsafe { word.read_volatile() }
    })
}

#[cfg(not(windows))]
fn shared_page_time() -> u64 {
    0
}

#[cfg(all(test, not(loom)))]
mod properties;
#[cfg(all(test, not(loom)))]
mod tests;
