//! Ends the machine when nothing goes on any more: that is what a lost wake looks like.

use crate::machine::{self, WATCHDOG_TICKS};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

/// All went well.
pub(crate) const SUCCESS: i32 = 0;
/// A count is not what it has to be.
pub(crate) const WRONG_COUNT: i32 = 1;
/// The program stands still.
pub(crate) const STANDSTILL: i32 = 3;
/// A panic, or an exception of the processor.
pub(crate) const PANIC: i32 = 101;

static LEFT: AtomicU32 = AtomicU32::new(WATCHDOG_TICKS);

/// Something has gone on.
pub(crate) fn feed() {
    LEFT.store(WATCHDOG_TICKS, Relaxed);
}

/// Called by every processor's tick.
pub(crate) fn tick() {
    if LEFT.fetch_sub(1, Relaxed) == 0 {
        semihosting::println!("watchdog: a wake is lost, nothing has gone on for {WATCHDOG_TICKS} ticks");
        machine::exit(STANDSTILL);
    }
}
