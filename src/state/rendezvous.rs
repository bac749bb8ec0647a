//! The rules of a rendezvous: what waiter and waker do next, given how a call has ended and what the word
//! says.
//!
//! The calls are the [`keyed_event`](crate::backend::keyed_event) module's, where the reasons stand too. The
//! rules are apart from them so that the compile-time model goes by the same ones. "Guarded" is a kernel of
//! the XP class.

#[cfg(ntpark_mutant)]
use super::mutant;
use super::{Event, PARKED, RELEASED};

/// What a waiter does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Wait for a release that may come, until the deadline.
    Wait,
    /// Wait for a release that is on its way, or is over and hidden, for as long as it takes.
    Settle,
    /// Give way until the waker is done with the word.
    Acknowledge,
    /// Leave: nobody releases, and nobody but other unparkers will touch the word.
    Leave,
}

impl Turn {
    /// What comes after this one. `met`: its call has received a release. `found`: the word, read after the
    /// call.
    pub(crate) const fn next(self, met: bool, found: usize, guarded: bool) -> Self {
        #[cfg(ntpark_mutant)]
        if let Some(turn) = mutant::turn(self, met, found, guarded) {
            return turn;
        }
        let is_released = found & RELEASED != 0;
        match self {
            // However the waits ended: the release has met one of them.
            _ if guarded && is_released => Self::Leave,
            Self::Wait | Self::Settle if met => {
                if guarded {
                    Self::Acknowledge
                } else {
                    Self::Leave
                }
            }
            // Out of time, or for no good reason, and an unpark came first.
            Self::Wait if found != PARKED => Self::Settle,
            turn => turn,
        }
    }
}

/// What a waker does with the word once its release is over.
pub(crate) const fn after_release(guarded: bool) -> Option<Event> {
    #[cfg(ntpark_mutant)]
    if mutant::is_unacknowledged() {
        return None;
    }
    if guarded { Some(Event::Release) } else { None }
}
