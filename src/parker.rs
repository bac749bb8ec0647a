//! [`Parker`]: the token protocol.

use crate::backend::Backend;
use crate::spin::spin;
use crate::state::{Event, NOTIFIED, Outcome, Step, Word};
use crate::sync::const_unless_loom;
use crate::time::Instant;
use core::time::Duration;
use core::{fmt, ptr};
use static_assertions::{assert_eq_align, assert_eq_size};

/// The way a park begins: hoping for the one token.
const TAKE: Event = Event::Take { seen: NOTIFIED };

/// Blocks a thread until another leaves it a token.
///
/// **The token.** A parker holds at most one, and starts without. [`unpark`](Self::unpark) leaves one, if
/// none is there. [`park`](Self::park) takes it, or waits until there is one to take. So an unpark before the
/// park is not lost: the park returns at once. Two unparks with no park in between leave one token.
///
/// What happened before an unpark is visible after the park that its token ends, also for each of several
/// unparks whose tokens became one.
///
/// **Who may call.** Any thread, anything, at any time. One thread at a time can be parked: while one is,
/// another that parks gets [`UnparkReason::Busy`] at once, and nothing else happens. Tokens belong to the
/// parker, not to a thread: whoever parks takes them.
///
/// **Lifetime.** An unpark does not touch the parker any more once the thread that it lets go can know of it,
/// so the parker may live on the stack of the thread that parks and go when `park` has returned. (Two
/// exceptions: an unpark that finds 2^27 tokens or more still uncollected; and on kernels of the XP class the
/// parked thread itself waits for the last access.)
///
/// **Layout.** One word, all zero when new, the same as C's `ntpark_parker`. A copy of its bytes is a parker
/// only while nobody uses the original.
///
/// Nothing is promised about fairness, as there is nobody to be fair among, nor about how soon after its
/// deadline a timed wait returns; never before.
///
/// ```
/// use ntpark::{Parker, UnparkReason};
///
/// static PARKER: Parker = Parker::new();
///
/// std::thread::spawn(|| {
///     PARKER.unpark();
/// });
/// assert_eq!(PARKER.park(), UnparkReason::Unparked);
/// ```
#[repr(transparent)]
pub struct Parker {
    word: Word,
}

assert_eq_size!(Parker, usize);
assert_eq_align!(Parker, usize);
#[cfg(not(loom))]
static_assertions::assert_impl_all!(Parker: Send, Sync, core::panic::RefUnwindSafe);

/// Why a park returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "only `Unparked` means that a token was taken"]
pub enum UnparkReason {
    /// A token was there, or came; it has been taken.
    Unparked,
    /// The time ran out and there was no token.
    TimedOut,
    /// Another thread is parked there. Nothing was waited for, nothing taken.
    Busy,
}

impl From<Outcome> for UnparkReason {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Busy => Self::Busy,
            Outcome::Unparked | Outcome::Done => Self::Unparked,
        }
    }
}

impl Parker {
    const_unless_loom! {
        /// A parker without a token.
        #[must_use]
        pub fn new() -> Self {
            Self { word: Word::new() }
        }
    }

    /// Takes the token; if there is none, blocks until there is.
    ///
    /// Returns [`UnparkReason::Unparked`], or [`UnparkReason::Busy`] if another thread is parked here
    /// already; never for no reason.
    #[inline]
    pub fn park(&self) -> UnparkReason {
        self.park_until(Instant::MAX)
    }

    /// Takes the token; if there is none, blocks until there is, but no longer than `timeout`.
    ///
    /// Not shorter either, not by a nanosecond. The time that the machine is asleep does not count. Zero only
    /// looks; what is longer than the clock can count, some 58,000 years, is for ever.
    #[inline]
    pub fn park_timeout(&self, timeout: Duration) -> UnparkReason {
        self.park_timeout_in(timeout, Manner::Spin)
    }

    /// Takes the token; if there is none, blocks until there is, or until `deadline`.
    ///
    /// [`Instant::MIN`] only looks, and any other past deadline does not wait either; [`Instant::MAX`] never
    /// comes.
    #[inline]
    pub fn park_until(&self, deadline: Instant) -> UnparkReason {
        self.park_until_in(deadline, Manner::Spin)
    }

    /// The same parker for a thread that does not want to spin.
    ///
    /// Where there are several processors, a thread that parks first looks for the token a few times, which
    /// saves blocking if it comes within microseconds, and stops doing so where it does not help. Through
    /// this view a thread blocks at once: for those who know that nothing comes soon, save power, or must not
    /// keep a processor from others.
    ///
    /// ```
    /// use ntpark::{Parker, UnparkReason};
    ///
    /// static PARKER: Parker = Parker::new();
    ///
    /// std::thread::spawn(|| PARKER.unpark());
    /// assert_eq!(PARKER.no_spin().park(), UnparkReason::Unparked);
    /// ```
    #[inline]
    #[must_use]
    pub const fn no_spin(&self) -> NoSpin<'_> {
        NoSpin { parker: self }
    }

    /// Leaves a token, and wakes the thread that is parked, if one is. True if it did wake one; false if the
    /// token was left for the next park, or one was there already.
    ///
    /// Does not block, but for the moment until the parked thread has arrived in the system where that is a
    /// rendezvous ([`Kind::KeyedEvent`](crate::Kind::KeyedEvent)).
    #[inline]
    pub fn unpark(&self) -> bool {
        // From the addition on, the parker may be gone.
        let word = ptr::from_ref(&self.word);
        match self.word.apply(Event::Unpark) {
            Step::Wake => wake(word),
            Step::Do(Event::Fold { seen }) => fold(word, seen),
            _ => false,
        }
    }

    #[inline(always)]
    fn park_timeout_in(&self, timeout: Duration, manner: Manner) -> UnparkReason {
        match self.word.apply(TAKE) {
            Step::Return(Outcome::Unparked) => UnparkReason::Unparked,
            _ => self.park_timeout_slow(timeout, manner),
        }
    }

    #[inline(always)]
    fn park_until_in(&self, deadline: Instant, manner: Manner) -> UnparkReason {
        match self.word.apply(TAKE) {
            Step::Return(Outcome::Unparked) => UnparkReason::Unparked,
            _ => self.park_slow(deadline, manner),
        }
    }

    #[cold]
    fn park_timeout_slow(&self, timeout: Duration, manner: Manner) -> UnparkReason {
        self.park_slow(Backend::with(|backend| backend.deadline(timeout)), manner)
    }

    #[cold]
    fn park_slow(&self, deadline: Instant, manner: Manner) -> UnparkReason {
        if manner == Manner::Spin && deadline != Instant::MIN {
            spin(&self.word);
        }
        Backend::take_token(&self.word, deadline).into()
    }
}

/// What a thread does before it blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Spin,
    Block,
}

/// A [`Parker`] on which threads block at once, without spinning; see [`Parker::no_spin`].
#[derive(Clone, Copy, Debug)]
pub struct NoSpin<'a> {
    parker: &'a Parker,
}

impl NoSpin<'_> {
    /// [`Parker::park`], without spinning.
    #[inline]
    pub fn park(self) -> UnparkReason {
        self.park_until(Instant::MAX)
    }

    /// [`Parker::park_timeout`], without spinning.
    #[inline]
    pub fn park_timeout(self, timeout: Duration) -> UnparkReason {
        self.parker.park_timeout_in(timeout, Manner::Block)
    }

    /// [`Parker::park_until`], without spinning.
    #[inline]
    pub fn park_until(self, deadline: Instant) -> UnparkReason {
        self.parker.park_until_in(deadline, Manner::Block)
    }
}

/// Wakes the waiter of a word that may be gone by now.
#[cold]
fn wake(word: *const Word) -> bool {
    Backend::with(|backend| backend.wake(word));
    true
}

/// Makes one of the many tokens that are there.
#[cold]
#[inline(never)]
fn fold(word: *const Word, seen: usize) -> bool {
    // SAFETY: so many tokens are uncollected that this parker lives on; see "Lifetime".
    let word = unsafe { &*word };
    word.apply(Event::Fold { seen });
    false
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
