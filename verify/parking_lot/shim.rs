//! The interface of `parking_lot_core`, whose versions 0.9 and 0.10 agree in what parking_lot uses, on [`ntpark::lot`].

pub use ntpark::SpinWait;
pub use ntpark::lot::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN};
pub use ntpark::lot::{FilterOp, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken};
pub use ntpark::lot::{unpark_all, unpark_filter, unpark_one, unpark_requeue};

use std::time::{Duration, Instant};

/// [`ntpark::lot::park`], with a deadline on std's clock.
///
/// # Safety
/// The conditions of [`ntpark::lot`].
pub unsafe fn park(
    key: usize,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(usize, bool),
    park_token: ParkToken,
    timeout: Option<Instant>,
) -> ParkResult {
    let deadline = timeout.map_or(ntpark::Instant::MAX, deadline);
    let timed_out = |key: ntpark::lot::Key, was_last| timed_out(key.address(), was_last);
    // SAFETY: as the caller promises.
    unsafe { ntpark::lot::park(key, validate, before_sleep, timed_out, park_token, deadline) }
}

/// The same point on ntpark's clock, or a later one: that is read second.
fn deadline(timeout: Instant) -> ntpark::Instant {
    match timeout.saturating_duration_since(Instant::now()) {
        Duration::ZERO => ntpark::Instant::MIN,
        remaining => ntpark::Instant::now() + remaining,
    }
}

#[cfg(feature = "deadlock_detection")]
compile_error!("parking_lot on ntpark cannot detect deadlocks: leave out its feature `deadlock_detection`");

/// What parking_lot tells a detector of deadlocks; there is none here.
pub mod deadlock {
    /// A thread has got a lock.
    ///
    /// # Safety
    /// None is needed; the detector's has conditions.
    #[inline]
    pub unsafe fn acquire_resource(_key: usize) {}

    /// A thread is about to release a lock.
    ///
    /// # Safety
    /// None is needed; the detector's has conditions.
    #[inline]
    pub unsafe fn release_resource(_key: usize) {}
}
