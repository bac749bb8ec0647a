//! The clock of NT.
//!
//! The first of these that the system has:
//!
//! | clock | system | granule | while the machine sleeps |
//! |---|---|---|---|
//! | `QueryPerformanceCounter` less the time asleep | Windows 8 and later, Wine | one count, 100 ns to 0.4 µs | stands still, like timed waits |
//! | `KUSER_SHARED_DATA.InterruptTime` less the time asleep | Windows 7 | a clock tick, up to 15.625 ms | stands still; timed waits do not |
//! | `KUSER_SHARED_DATA.InterruptTime` | XP, Vista | a clock tick | advances, like timed waits |
//!
//! The first is what `QueryUnbiasedInterruptTimePrecise` (Windows 10) tells, the second what
//! `QueryUnbiasedInterruptTime` does. The precise function itself is not used: where it is a stand-in for the ticking
//! clock, as in Wine 10, nothing tells. The counter has only counted through sleep since Windows 8 and may differ
//! between processors on XP, so older systems tell time in ticks, and timed waits end up to a tick later there.
//! `GetTickCount` starts again after 49.7 days.

use crate::sys::kernel32::QueryTime;
use crate::sys::loader::{KERNEL32, Module, Nt, SYNCH, WINDOWS_7};
use crate::time::instant::{Instant, Remaining, UNITS_PER_SECOND};
use core::ffi::{CStr, c_void};
use core::mem::transmute;

/// The longest clock tick (15.625 ms), with a little to spare.
const TICK: u32 = 160_000;
/// A scale of one unit a count.
const ONE: u64 = 1 << 32;

/// A clock of NT.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Clock {
    nt: Nt,
    /// None: the interrupt time.
    query: Option<QueryTime>,
    /// Units in a count of `query`, times 2^32, rounded down: so the clock is never fast.
    scale: u64,
    /// How many units the clock may be behind.
    granule: u32,
    /// Whether the time asleep is to be subtracted.
    is_biased: bool,
}

// SAFETY: `query` may be called on any thread (see `counter`).
unsafe impl Send for Clock {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Clock {}

impl Clock {
    /// In place of a clock, as long as that has not been looked for.
    pub(crate) const fn unknown(nt: Nt) -> Self {
        Self { nt, query: None, scale: 0, granule: 0, is_biased: false }
    }

    /// The best clock of this system.
    pub(crate) fn find(nt: Nt) -> Self {
        Self::find_counter(nt).unwrap_or_else(|| Self::ticking(nt))
    }

    /// The interrupt time, which every NT has.
    pub(crate) fn ticking(nt: Nt) -> Self {
        Self { nt, query: None, scale: ONE, granule: TICK, is_biased: nt.version() >= WINDOWS_7 }
    }

    /// The counter, where it counts through sleep: from Windows 8 on, which brought `WaitOnAddress`. (Wine may call
    /// itself by an older version, so the version does not tell.)
    fn find_counter(nt: Nt) -> Option<Self> {
        if nt.module(SYNCH)?.function(c"WaitOnAddress").is_null() {
            return None;
        }
        let kernel32 = nt.module(KERNEL32)?;
        let query = query_time(kernel32, c"QueryPerformanceCounter")?;
        let query_frequency = query_time(kernel32, c"QueryPerformanceFrequency")?;
        let mut frequency = 0;
        // SAFETY: the address is that of a live u64.
        unsafe { query_frequency(&raw mut frequency) };
        // SAFETY: the system's own function, which does what is documented where it is declared.
        unsafe { Self::counter(nt, query, frequency) }
    }

    /// A counter that counts `frequency` times a second, also while the machine is asleep, less that time. None if the
    /// frequency is 0.
    ///
    /// # Safety
    /// `query` writes counts to the address that it is given, may be called by any thread at any time and never
    /// unwinds.
    pub(crate) unsafe fn counter(nt: Nt, query: QueryTime, frequency: u64) -> Option<Self> {
        let scale = divide(UNITS_PER_SECOND << 32, frequency)?;
        // The count that has begun; and the unit that has begun, where counts are not whole units.
        let granule = if scale % ONE == 0 { scale >> 32 } else { (scale >> 32) + 2 };
        Some(Self { nt, query: Some(query), scale, granule: granule as u32, is_biased: true })
    }

    /// The latest time that it can be now.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_ticks(self.reading().saturating_add(u64::from(self.granule)))
    }

    /// How long the deadline is away, at the most.
    pub(crate) fn remaining(&self, deadline: Instant) -> Remaining {
        Remaining::until(deadline, || self.reading())
    }

    /// How many units it may be behind.
    pub(crate) const fn granule(&self) -> u32 {
        self.granule
    }

    /// The earliest time that it can be now, in units.
    fn reading(&self) -> u64 {
        loop {
            let bias = self.bias();
            let units = self.units();
            // If the machine slept in between, the two do not belong together.
            if self.bias() == bias {
                return units.saturating_sub(bias);
            }
        }
    }

    fn units(&self) -> u64 {
        let Some(query) = self.query else {
            return self.nt.interrupt_time();
        };
        let mut counts = 0;
        // SAFETY: promised to `counter`; the address is that of a live u64.
        unsafe { query(&raw mut counts) };
        let units = (u128::from(counts) * u128::from(self.scale)) >> 32;
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    fn bias(&self) -> u64 {
        if self.is_biased { self.nt.interrupt_time_bias() } else { 0 }
    }
}

fn query_time(kernel32: Module, function: &CStr) -> Option<QueryTime> {
    let function = kernel32.function(function);
    // SAFETY: null or what the system exports under a name that `QueryTime` lists: it has this type.
    unsafe { transmute::<*mut c_void, Option<QueryTime>>(function) }
}

/// `u64::checked_div`, for dividends below 2^63.
const fn divide(dividend: u64, divisor: u64) -> Option<u64> {
    if cfg!(target_pointer_width = "64") { dividend.checked_div(divisor) } else { divide_bit_by_bit(dividend, divisor) }
}

/// 32-bit MSVC targets have no other division of 64 bits without a C runtime. Tested on every target.
pub(crate) const fn divide_bit_by_bit(dividend: u64, divisor: u64) -> Option<u64> {
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
