//! The clock of NT.
//!
//! The first of these that the system has:
//!
//! | clock | system | granule | while the machine sleeps |
//! |---|---|---|---|
//! | `QueryPerformanceCounter` less `KUSER_SHARED_DATA.InterruptTimeBias` | Windows 8 and later, Wine | one count, 100 ns to 0.4 µs | stands still, like timed waits |
//! | `QueryUnbiasedInterruptTime` | Windows 7 | a clock tick, up to 15.625 ms | stands still; timed waits do not |
//! | `KUSER_SHARED_DATA.InterruptTime`, read in place | XP, Vista | a clock tick | advances, like timed waits |
//!
//! The counter is what `QueryUnbiasedInterruptTimePrecise` (Windows 10) reads too. That function itself is not
//! used: where it is a stand-in for the ticking clock, as in Wine 10, nothing tells. The counter has only counted
//! through sleep since Windows 8 and may differ between processors on XP, so older systems tell time in ticks, and
//! timed waits end up to a tick later there. `GetTickCount` starts again after 49.7 days.

use super::{Instant, Remaining, UNITS_PER_SECOND};
use crate::sys::kernel32::QueryTime;
use crate::sys::loader::{KERNEL32, Nt, SYNCH};
use crate::sys::ntdll::{KUSER_INTERRUPT_TIME, KUSER_INTERRUPT_TIME_BIAS};
use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr;

/// The longest clock tick (15.625 ms), with a little to spare.
const TICK: u32 = 160_000;
/// A scale of one unit a count.
const ONE: u64 = 1 << 32;

/// A clock of NT.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Clock {
    /// None: `KUSER_SHARED_DATA.InterruptTime`.
    query: Option<QueryTime>,
    /// Where the units stand that do not count; null if there are none.
    bias: *const u64,
    /// Units in a count of `query`, times 2^32, rounded down: so the clock is never fast.
    scale: u64,
    /// How many units the clock may be behind.
    granule: u32,
}

// SAFETY: `query` may be called on any thread, and `bias` may be read on any (see the constructors).
unsafe impl Send for Clock {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Clock {}

impl Clock {
    /// `KUSER_SHARED_DATA.InterruptTime`, which every NT has. On other systems it stands still at 0.
    pub(crate) const SHARED_PAGE: Self = Self { query: None, bias: ptr::null(), scale: ONE, granule: TICK };

    /// A clock that advances once a clock tick, as `QueryUnbiasedInterruptTime`.
    ///
    /// # Safety
    /// `query` writes the time in units of 100 ns to the address that it is given, may be called by any
    /// thread at any time and never unwinds.
    pub(crate) const unsafe fn ticking(query: QueryTime) -> Self {
        Self { query: Some(query), bias: ptr::null(), scale: ONE, granule: TICK }
    }

    /// A counter that counts `frequency` times a second, as `QueryPerformanceCounter`, less the units at `bias`,
    /// if that is not null. None if the frequency is 0.
    ///
    /// # Safety
    /// As for [`Clock::ticking`], but `query` writes counts. `bias` is null, or may be read on any thread for as
    /// long as the clock is used.
    pub(crate) const unsafe fn counter(query: QueryTime, frequency: u64, bias: *const u64) -> Option<Self> {
        let Some(scale) = divide(UNITS_PER_SECOND << 32, frequency) else {
            return None;
        };
        // The count that has begun; and the unit that has begun, where counts are not whole units.
        let granule = if scale % ONE == 0 { scale >> 32 } else { (scale >> 32) + 2 };
        Some(Self { query: Some(query), bias, scale, granule: granule as u32 })
    }

    /// The best clock of this system.
    pub(crate) fn find(nt: Nt) -> Self {
        Self::find_counter(nt).unwrap_or_else(|| match query_time(nt, c"QueryUnbiasedInterruptTime") {
            // SAFETY: the system's own function, which does what is documented where it is declared.
            Some(query) => unsafe { Self::ticking(query) },
            None => Self::SHARED_PAGE,
        })
    }

    /// The counter, where it counts through sleep: from Windows 8 on, which brought `WaitOnAddress`. (Wine may call
    /// itself by an older version, so the version does not tell.)
    fn find_counter(nt: Nt) -> Option<Self> {
        if nt.find(SYNCH, c"WaitOnAddress").is_null() {
            return None;
        }
        let query = query_time(nt, c"QueryPerformanceCounter")?;
        let query_frequency = query_time(nt, c"QueryPerformanceFrequency")?;
        let mut frequency = 0;
        // SAFETY: the address is that of a live u64.
        unsafe { query_frequency(&raw mut frequency) };
        // SAFETY: the system's own function, which does what is documented where it is declared; the bias lies there in
        // every process of a system that has this clock.
        unsafe { Self::counter(query, frequency, ptr::with_exposed_provenance(KUSER_INTERRUPT_TIME_BIAS)) }
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

fn query_time(nt: Nt, function: &CStr) -> Option<QueryTime> {
    let function = nt.find(KERNEL32, function);
    // SAFETY: null or what the system exports under a name that `QueryTime` lists: it has this type.
    unsafe { transmute::<*mut c_void, Option<QueryTime>>(function) }
}

/// `u64::checked_div`, for dividends below 2^63, bit by bit: 32-bit MSVC targets have no division of 64 bits
/// without a C runtime, and it is done once in a process.
const fn divide(dividend: u64, divisor: u64) -> Option<u64> {
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

/// `KUSER_SHARED_DATA.InterruptTime`; 0 where there is no NT.
fn shared_page_time() -> u64 {
    if !cfg!(windows) {
        return 0;
    }
    let time = ptr::with_exposed_provenance::<u64>(KUSER_INTERRUPT_TIME);
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

/// What three words say that are written in the order 2, 0, 1: the low half, and the high half before and after
/// it. Equal high halves mean that the three belong together.
pub(crate) fn three_words(read: impl Fn(usize) -> u32) -> u64 {
    loop {
        let high = read(1);
        let low = read(0);
        if read(2) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
        core::hint::spin_loop();
    }
}
