//! What a parker blocks on: the contract, and the dispatch to whoever meets it.
//!
//! # The contract
//! A thread that has brought a word to PARKED calls [`wait`](Backend::wait); the one thread that has taken it
//! from PARKED to NOTIFIED then calls [`wake`](Backend::wake), once, and for no other transition. Backends
//! only ever look at the word, but for the acknowledgement that kernels of the XP class need. There are two
//! kinds:
//!
//! - **Compare and block** ([`WaitAddress`], [`Host`], polling): `wait` blocks only while the word is PARKED,
//!   and may return at any time. A wake that comes late, when the waiter has long gone, does no harm and
//!   reads no memory. There is nothing to settle.
//! - **Rendezvous** ([`KeyedEvent`]): `wait` knows nothing of the word; `wake` blocks until the waiter is
//!   there. Each wake must be met by exactly one wait, so a waiter whose time is over but who finds itself
//!   notified has to [`settle`](Backend::settle).
//!
//! `wait` returns `Woken` if the word may have changed (a rendezvous: if it has, and the wake has been
//! received), or `Expired` once the deadline has passed, never before. All calls keep the thread's last
//! error.

pub(crate) mod host;
pub(crate) mod keyed_event;
pub(crate) mod last_error;
pub(crate) mod polling;
pub(crate) mod selection;
#[cfg(all(test, not(loom)))]
mod tests;
pub(crate) mod wait_address;

use crate::state::{Event, Outcome, Step, Word};
use crate::sync::atomic::AtomicU32;
use crate::time::{Clock, Instant};
use bitflags::bitflags;
use core::fmt;
use core::mem::MaybeUninit;
use core::time::Duration;
use host::Host;
use keyed_event::KeyedEvent;
use selection::SELECTION;
use wait_address::WaitAddress;

/// What a parker blocks on.
///
/// A process chooses once, at the first use of a parker: the [host](Host) that was
/// [installed](Backend::install), else [`WaitAddress`], else [`KeyedEvent`], with a handle of its own or with
/// the system's, else polling. So parking never fails. The choice can be [forced](Backend::force) before.
///
/// **On a kernel that is not NT**, install a host before the first use. That one is missing can't be told at
/// compile time, as any part of a program may install it. Without a host a parker polls, by a clock that
/// stands still, so that only waits of zero ever time out; [`Backend::kind`] then says [`Kind::Polling`].
///
/// A [`ThreadParker`](crate::ThreadParker) may have a backend of its own, see
/// [`with_backend`](crate::ThreadParker::with_backend).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Backend {
    /// `WaitOnAddress`, since Windows 8.
    WaitAddress(WaitAddress),
    /// Keyed events, since Windows XP.
    KeyedEvent(KeyedEvent),
    /// Functions of the embedder.
    Host(Host),
    /// Looking at the word now and then: everywhere, slowly.
    Polling(Clock),
}

/// Which backend it is. The numbers are fixed; they are those of the C interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// `WaitOnAddress`, since Windows 8.
    WaitAddress = 1,
    /// Keyed events with a handle of our own, since Windows XP.
    KeyedEvent = 2,
    /// Keyed events with the null handle, which names an event that the system keeps for everyone. Since
    /// Windows Vista.
    KeyedEventNull = 3,
    /// Functions of the embedder.
    Host = 4,
    /// Looking at the word now and then.
    Polling = 5,
}

impl Kind {
    /// All there are, in the order of preference, but for the host, which comes first where there is one.
    pub const ALL: [Self; 5] = [Self::WaitAddress, Self::KeyedEvent, Self::KeyedEventNull, Self::Host, Self::Polling];

    /// The kind of this number.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::WaitAddress),
            2 => Some(Self::KeyedEvent),
            3 => Some(Self::KeyedEventNull),
            4 => Some(Self::Host),
            5 => Some(Self::Polling),
            _ => None,
        }
    }

    /// Its name: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WaitAddress => "wait-address",
            Self::KeyedEvent => "keyed-event",
            Self::KeyedEventNull => "keyed-event-null",
            Self::Host => "host",
            Self::Polling => "polling",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

bitflags! {
    /// A set of [`Kind`]s.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Kinds: u8 {
        /// [`Kind::WaitAddress`]
        const WAIT_ADDRESS = 1 << Kind::WaitAddress as u8;
        /// [`Kind::KeyedEvent`]
        const KEYED_EVENT = 1 << Kind::KeyedEvent as u8;
        /// [`Kind::KeyedEventNull`]
        const KEYED_EVENT_NULL = 1 << Kind::KeyedEventNull as u8;
        /// [`Kind::Host`]
        const HOST = 1 << Kind::Host as u8;
        /// [`Kind::Polling`]
        const POLLING = 1 << Kind::Polling as u8;
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self::from_bits_truncate(1 << kind as u8)
    }
}

/// Why the process's backend could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SelectError {
    /// It has been chosen already and stays: this one.
    InUse(Kind),
    /// This system does not have the one that was asked for, or no host was installed. Nothing has been
    /// chosen.
    Unavailable(Kind),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(kind) => write!(f, "the process parks on the {kind} backend already"),
            Self::Unavailable(kind) => write!(f, "the {kind} backend is not available here"),
        }
    }
}

impl core::error::Error for SelectError {}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Look at the word.
    Woken,
    /// The deadline has passed.
    Expired,
}

impl Backend {
    /// The process's backend; chooses it if this is the first use.
    ///
    /// Lock-free: threads that come here at once all work out the choice, and one of them publishes it for
    /// all. Loads nothing, allocates nothing, cannot fail.
    #[must_use]
    #[inline(never)]
    pub fn get() -> Self {
        Self::with(|backend| *backend)
    }

    /// Does something with the process's backend; chooses it if this is the first use.
    #[inline(always)]
    pub(crate) fn with<R>(work: impl FnOnce(&Self) -> R) -> R {
        work(SELECTION.get_in(&mut MaybeUninit::uninit()))
    }

    /// How often a parker may look at its word before it blocks on the process's backend.
    pub(crate) fn looks() -> &'static AtomicU32 {
        SELECTION.looks()
    }

    /// In place of [`looks`](Self::looks): nobody has asked yet whether looking helps.
    pub(crate) const UNASKED: u32 = u32::MAX;

    /// How often a parker may look at its word before it blocks on this backend, as far as that is known when
    /// the backend is chosen.
    fn first_looks(&self) -> u32 {
        match self {
            Self::Host(host) => host.spin(),
            Self::WaitAddress(_) | Self::KeyedEvent(_) | Self::Polling(_) => Self::UNASKED,
        }
    }

    /// Makes this kind the process's backend. [`Kind::Host`] asks for one that is being
    /// [installed](Backend::install).
    ///
    /// # Errors
    /// [`SelectError::InUse`] with the kind in use, even if it is the same, once the choice has been made;
    /// [`SelectError::Unavailable`] if this system lacks that kind.
    pub fn force(kind: Kind) -> Result<(), SelectError> {
        SELECTION.force(kind)
    }

    /// Makes the embedder's functions the process's backend.
    ///
    /// # Errors
    /// [`SelectError::InUse`] with the kind in use once the choice has been made.
    pub fn install(host: &'static Host) -> Result<(), SelectError> {
        SELECTION.install(host)
    }

    /// The kinds that this process could use, asked anew each time; chooses nothing.
    #[must_use]
    pub fn available() -> Kinds {
        SELECTION.available()
    }

    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::WaitAddress(_) => Kind::WaitAddress,
            Self::KeyedEvent(keyed_event) if keyed_event.has_own_handle() => Kind::KeyedEvent,
            Self::KeyedEvent(_) => Kind::KeyedEventNull,
            Self::Host(_) => Kind::Host,
            Self::Polling(_) => Kind::Polling,
        }
    }

    /// The time on this backend's clock, rounded up: the latest that it can be. Deadlines of waits on this
    /// backend are made from it.
    #[must_use]
    pub fn now(&self) -> Instant {
        let clock = match self {
            Self::Host(backend) => return backend.now(),
            Self::WaitAddress(backend) => &backend.clock,
            Self::KeyedEvent(backend) => &backend.clock,
            Self::Polling(clock) => clock,
        };
        clock.now()
    }

    /// Its clock, unless a host has that.
    fn clock_mut(&mut self) -> Option<&mut Clock> {
        match self {
            Self::Host(_) => None,
            Self::WaitAddress(backend) => Some(&mut backend.clock),
            Self::KeyedEvent(backend) => Some(&mut backend.clock),
            Self::Polling(clock) => Some(clock),
        }
    }

    /// The deadline of a wait that may last `timeout`: [`Instant::MIN`] for zero, [`Instant::MAX`] for more
    /// than the clock can count.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Instant {
        if timeout.is_zero() { Instant::MIN } else { self.now() + timeout }
    }

    /// Gives way to another thread that is ready to run, of any processor.
    pub fn thread_yield(&self) {
        match self {
            Self::Host(backend) => backend.thread_yield(),
            Self::WaitAddress(_) | Self::KeyedEvent(_) | Self::Polling(_) => polling::thread_yield(),
        }
    }

    /// As [`with`](Self::with), for what blocks: it has a place for a backend on its stack only where that is
    /// needed.
    #[inline(always)]
    fn block(work: impl FnOnce(&Self) -> Outcome) -> Outcome {
        #[cold]
        #[inline(never)]
        fn choose_and(work: impl FnOnce(&Backend) -> Outcome) -> Outcome {
            work(SELECTION.choose(&mut MaybeUninit::uninit()))
        }
        match SELECTION.get() {
            Some(backend) => work(backend),
            None => choose_and(work),
        }
    }

    /// Takes the token of a [`Parker`](crate::Parker), blocking until there is one or the time is over; on
    /// the process's backend.
    pub(crate) fn take_token(word: &Word, deadline: Instant) -> Outcome {
        Self::block(|backend| backend.take_token_here(word, deadline))
    }

    /// [`await_notice_here`](Self::await_notice_here) on the process's backend.
    pub(crate) fn await_notice(word: &Word, deadline: Instant) -> Outcome {
        Self::block(|backend| backend.await_notice_here(word, deadline))
    }

    /// The token protocol. Each event is spelt out where it happens, so that the compiler makes one
    /// instruction of it; `state` asserts that they are those which the steps name.
    #[inline(never)]
    fn take_token_here(&self, word: &Word, deadline: Instant) -> Outcome {
        // A Take or a Commit that was too late says what it found. It would do to go on from there, but that is rare,
        // and looking again is less code.
        loop {
            let step = match word.apply(Event::Look) {
                Step::Do(Event::Take { seen }) => word.apply(Event::Take { seen }),
                // A thread that only looks must not be in another's way, not even for a moment.
                Step::Do(_) if deadline == Instant::MIN => return Outcome::TimedOut,
                Step::Do(_) => match word.apply(Event::Commit) {
                    Step::Wait { .. } => return self.await_token(word, deadline),
                    step => step,
                },
                step => step,
            };
            if let Step::Return(outcome) = step {
                return outcome;
            }
        }
    }

    /// The token protocol, from PARKED on.
    fn await_token(&self, word: &Word, deadline: Instant) -> Outcome {
        loop {
            let step = match self.wait(word, deadline) {
                Waited::Woken => word.apply(Event::Check),
                Waited::Expired => word.apply(Event::GiveUp),
            };
            match step {
                Step::Wait { .. } => continue,
                Step::Return(outcome) => return outcome,
                Step::Settle { .. } => self.settle(word),
                Step::Do(_) | Step::Wake => {}
            }
            word.apply(Event::Leave);
            return Outcome::Unparked;
        }
    }

    /// The two-phase protocol, from PARKED on.
    pub(crate) fn await_notice_here(&self, word: &Word, deadline: Instant) -> Outcome {
        loop {
            let mut step = match self.wait(word, deadline) {
                Waited::Woken => word.apply(Event::Recheck),
                Waited::Expired => word.apply(Event::Abandon),
            };
            if let Step::Settle { .. } = step {
                self.settle(word);
                step = word.apply(Event::Recheck);
            }
            if let Step::Return(outcome) = step {
                return outcome;
            }
        }
    }

    /// Blocks the thread that has brought the word to PARKED.
    #[inline(never)]
    fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        match self {
            Self::WaitAddress(backend) => backend.wait(word, deadline),
            Self::KeyedEvent(backend) => backend.wait(word, deadline),
            Self::Host(backend) => backend.wait(word, deadline),
            Self::Polling(clock) => polling::wait(clock, word, deadline),
        }
    }

    /// Receives the wake that is on its way to a waiter whose wait has ended without it.
    #[inline(never)]
    fn settle(&self, word: &Word) {
        match self {
            Self::KeyedEvent(backend) => backend.settle(word),
            Self::WaitAddress(_) | Self::Host(_) | Self::Polling(_) => {}
        }
    }

    /// Lets the waiter go. The word may be gone already; a backend that touches it says why it cannot be.
    pub(crate) fn wake(&self, word: *const Word) {
        match self {
            Self::WaitAddress(backend) => backend.wake(word),
            Self::KeyedEvent(backend) => backend.wake(word),
            Self::Host(backend) => backend.wake(word),
            Self::Polling(_) => {}
        }
    }
}
