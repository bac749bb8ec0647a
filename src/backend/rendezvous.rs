//! When a waiter may leave a rendezvous. The calls are `keyed_event`'s, where the reasons stand too; the rules are
//! apart, so that the compile-time model follows the same ones.

use crate::state::{PARKED, RELEASED};

/// Where a waiter is in its rendezvous.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for a release that may come, until the deadline.
    Wait,
    /// Waits without limit for a release that is on its way, or has been hidden by a timeout.
    Receive,
    /// Waits until the waker no longer uses the word.
    Acknowledge,
    /// Leaves: nobody releases any more, and only other unparkers use the word.
    Leave,
}

impl Phase {
    /// What comes next. `met`: the call has received a release. `word`: read after the call. `guarded`: the
    /// kernel is of the XP class, and may hide a release behind a timeout.
    pub(crate) const fn next(self, met: bool, word: usize, guarded: bool) -> Self {
        match self {
            // However the calls ended: the release has met one of them.
            _ if guarded && word & RELEASED != 0 => Self::Leave,
            Self::Wait | Self::Receive if met && guarded => Self::Acknowledge,
            Self::Wait | Self::Receive if met => Self::Leave,
            // Out of time, or for no reason; and an unpark came first.
            Self::Wait if word != PARKED => Self::Receive,
            phase => phase,
        }
    }
}
