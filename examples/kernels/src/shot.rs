//! One shot of a timer, whose interrupt handler unparks.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Release};
use ntpark::Parker;

/// What the handler unparks.
pub(crate) static TARGET: Parker = Parker::new();
static FIRED: AtomicU32 = AtomicU32::new(0);

/// How many shots have come.
pub(crate) fn count() -> u32 {
    FIRED.load(Acquire)
}

/// Waits, without blocking, until `count` shots have come.
pub(crate) fn wait_for(count: u32) {
    while self::count() != count {
        core::hint::spin_loop();
    }
}

/// The interrupt handler's part.
pub(crate) fn fired() {
    #[cfg(target_arch = "arm")]
    crate::sweep::record(crate::machine::interrupted());
    TARGET.unpark();
    // One handler at a time counts. Release: the token is there when the count can be seen.
    FIRED.store(count() + 1, Release);
}
