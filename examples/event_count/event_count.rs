//! An event count: lets threads wait for any condition of a structure without locks, in one word. No std, no
//! allocation; `const` to make.

use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicUsize, fence};
use ntpark::Instant;
use ntpark::futex::{self, WaitResult};

/// A thread listens; whoever notifies has to count on, and wake.
const LISTENED_TO: usize = 1;
/// One notification.
const NOTIFIED: usize = 2;

/// Threads wait for a condition; who may have made it true notifies. While nobody waits, that writes nothing.
#[derive(Default)]
pub(crate) struct EventCount {
    /// How many notifications somebody has listened to, and whether somebody does.
    word: AtomicUsize,
}

impl EventCount {
    pub(crate) const fn new() -> Self {
        Self { word: AtomicUsize::new(0) }
    }

    /// Waits until `condition` holds, and returns what it returns; none if it does not hold by the deadline.
    pub(crate) fn wait_until<T>(&self, deadline: Instant, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(value) = condition() {
                return Some(value);
            }
            let word = self.word.fetch_or(LISTENED_TO, Relaxed) | LISTENED_TO;
            // Meets the fence of `notify`: either that sees this thread listen, or the condition what came before it.
            fence(SeqCst);
            if let Some(value) = condition() {
                return Some(value);
            }
            if futex::wait_until(&self.word, word, deadline) == WaitResult::TimedOut {
                return condition();
            }
        }
    }

    /// Has all who wait look at their condition. Returns how many were blocked.
    pub(crate) fn notify(&self) -> usize {
        fence(SeqCst);
        let mut word = self.word.load(Relaxed);
        while word & LISTENED_TO != 0 {
            let next = (word & !LISTENED_TO).wrapping_add(NOTIFIED);
            match self.word.compare_exchange_weak(word, next, Release, Relaxed) {
                Ok(_) => return futex::wake_all(&self.word),
                Err(found) => word = found,
            }
        }
        0
    }
}
