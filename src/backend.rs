//! What a parker blocks on: the contract, and the dispatch to the backend that meets it.
//!
//! # The contract
//! A thread that has brought a word to PARKED calls [`wait`](Backend::wait); the one thread whose unpark found
//! PARKED without a token then calls [`wake`](Backend::wake), once, and for no other transition. Backends only ever
//! look at the word; the exception is the acknowledgement that kernels of the XP class need. There are two kinds:
//!
//! - **Compare and block** ([`WaitAddress`], [`Host`], [`Polling`]): `wait` blocks only while the word is PARKED,
//!   and may return at any time. A late wake, when the waiter is long gone, does no harm and reads no memory. There
//!   is no wake to receive.
//! - **Rendezvous** ([`KeyedEvent`]): `wait` knows nothing of the word; `wake` blocks until the waiter is
//!   there. Each wake must be met by exactly one wait, so a waiter that is out of time and finds itself notified
//!   has to [`receive_wake`](Backend::receive_wake).
//!
//! `wait` returns `Woken` if the word may have changed (a rendezvous: if it has, and the wake has been
//! received), or `Expired` once the deadline has passed, never before. All calls keep the thread's last
//! error.

pub(crate) mod host;
pub(crate) mod keyed_event;
pub(crate) mod polling;
pub(crate) mod process;
pub(crate) mod rendezvous;
pub(crate) mod wait_address;

use crate::state::Word;
use crate::sys::thread;
use crate::time::{Instant, Remaining, Waited};
use bitflags::bitflags;
use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use host::Host;
use keyed_event::KeyedEvent;
use polling::Polling;
use process::Process;
use wait_address::WaitAddress;

/// What a parker blocks on.
///
/// A process chooses once, at the first use, the best that is available: the [host](Host) that was
/// [installed](Backend::install); [`WaitAddress`]; [`KeyedEvent`], with the null handle if the kernel knows it, else
/// with a handle of its own; [`Polling`], which always is. So parking never fails. Before the first use, the choice can
/// be [forced](Backend::force).
///
/// **The first use** is whichever comes first: a park that does not find a token and may wait; an unpark that has to
/// wake a thread; a call of the [lot](crate::lot) or a [futex](crate::futex) that does not find it idle; asking for the
/// time or a deadline; [`Backend::get`]. Creating parkers, leaving and taking tokens
/// without waiting, [`thread_yield`](crate::thread_yield), [`SpinWait`](crate::SpinWait) and
/// [`Backend::available`] choose nothing.
///
/// **On a kernel that is not NT**, install a host before the first use. Nothing checks that at compile time. Without a
/// host, parkers poll, and as there is no clock, only timeouts of zero ever end; [`Backend::kind`] then says
/// [`BackendKind::Polling`].
///
/// **Two copies of this library in one process** each choose for themselves. They make the same choice if nothing was
/// forced or installed in either; then, from Windows Vista on, they may share parkers.
///
/// A [`ThreadParker`](crate::ThreadParker) may have a backend of its own, see
/// [`with_backend`](crate::ThreadParker::with_backend).
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Backend {
    /// `WaitOnAddress`, since Windows 8.
    WaitAddress(WaitAddress),
    /// Keyed events, since Windows XP.
    KeyedEvent(KeyedEvent),
    /// The embedder's functions.
    Host(&'static Host),
    /// Periodic polling: always available, slow.
    Polling(Polling),
}

/// The kind of a [`Backend`]. The numbers are fixed; they are those of the C interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum BackendKind {
    /// `WaitOnAddress`, since Windows 8.
    WaitAddress = 1,
    /// Keyed events with a handle of our own, since Windows XP.
    KeyedEvent = 2,
    /// Keyed events with the null handle, which names an event that the system keeps for all processes. Since
    /// Windows Vista.
    KeyedEventNull = 3,
    /// The embedder's functions.
    Host = 4,
    /// Periodic polling: always available, slow.
    Polling = 5,
}

impl BackendKind {
    /// All kinds, in the order of their numbers.
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

    /// The kind's name: lower case, words joined by hyphens.
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

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

bitflags! {
    /// A set of [`BackendKind`]s.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BackendKinds: u8 {
        /// [`BackendKind::WaitAddress`]
        const WAIT_ADDRESS = 1 << BackendKind::WaitAddress as u8;
        /// [`BackendKind::KeyedEvent`]
        const KEYED_EVENT = 1 << BackendKind::KeyedEvent as u8;
        /// [`BackendKind::KeyedEventNull`]
        const KEYED_EVENT_NULL = 1 << BackendKind::KeyedEventNull as u8;
        /// [`BackendKind::Host`]
        const HOST = 1 << BackendKind::Host as u8;
        /// [`BackendKind::Polling`]
        const POLLING = 1 << BackendKind::Polling as u8;
    }
}

impl From<BackendKind> for BackendKinds {
    fn from(kind: BackendKind) -> Self {
        Self::from_bits_truncate(1 << kind as u8)
    }
}

/// Why the process's backend could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SelectError {
    /// A backend of this kind is already in use.
    InUse(BackendKind),
    /// This system lacks the kind that was asked for, or it is [`BackendKind::Host`], which is installed and not
    /// forced. Nothing has been chosen.
    Unavailable(BackendKind),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(kind) => write!(f, "the process already parks on the {kind} backend"),
            Self::Unavailable(kind) => write!(f, "the {kind} backend is not available here"),
        }
    }
}

impl core::error::Error for SelectError {}

impl Backend {
    /// The kind of this backend.
    #[must_use]
    pub fn kind(&self) -> BackendKind {
        match self {
            Self::WaitAddress(_) => BackendKind::WaitAddress,
            Self::KeyedEvent(backend) if backend.has_own_handle() => BackendKind::KeyedEvent,
            Self::KeyedEvent(_) => BackendKind::KeyedEventNull,
            Self::Host(_) => BackendKind::Host,
            Self::Polling(_) => BackendKind::Polling,
        }
    }

    /// The time on this backend's clock, rounded up: the latest that it can be. Deadlines of waits on this
    /// backend are made from it.
    #[must_use]
    pub fn now(&self) -> Instant {
        match (self, self.process()) {
            (_, Some(process)) => process.clock.now(),
            (Self::Host(backend), _) => backend.now(),
            _ => Instant::MIN,
        }
    }

    /// The step of this backend's clock in units of 100 ns, rounded up: how far [`now`](Self::now) may be ahead of the
    /// real time. 0 if there is no clock.
    #[must_use]
    pub fn clock_granule(&self) -> u32 {
        match (self, self.process()) {
            (_, Some(process)) => process.clock.granule(),
            (Self::Host(backend), _) => backend.granule(),
            _ => 0,
        }
    }

    /// The deadline of a wait that may last `timeout`: [`Instant::MIN`] for zero, [`Instant::MAX`] for more
    /// than the clock can count.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Instant {
        if timeout.is_zero() { Instant::MIN } else { self.now() + timeout }
    }

    /// A number that identifies the calling thread: unique among live threads, the same as long as the thread lives.
    /// None if there is neither NT nor a host.
    #[must_use]
    pub fn current_thread(&self) -> Option<NonZeroUsize> {
        match (self, self.process()) {
            (_, Some(process)) => NonZeroUsize::new(process.nt().current_thread()),
            (Self::Host(backend), _) => backend.current_thread(),
            _ => None,
        }
    }

    /// Yields to another thread that is ready to run, on any processor.
    pub fn thread_yield(&self) {
        match self {
            Self::Host(backend) => backend.thread_yield(),
            Self::WaitAddress(_) | Self::KeyedEvent(_) | Self::Polling(_) => thread::thread_yield(),
        }
    }

    /// Whether the process is ending: all its other threads have been killed, and only the `DllMain`s and what they
    /// call still run. Then an unpark wakes nobody, and a park without a deadline ends the process, unless it finds
    /// a token. On a host, always false.
    #[must_use]
    pub fn is_process_ending(&self) -> bool {
        self.process().is_some_and(Process::is_ending)
    }

    /// What it knows of its process, on NT.
    fn process(&self) -> Option<&Process> {
        match self {
            Self::WaitAddress(backend) => Some(&backend.process),
            Self::KeyedEvent(backend) => Some(&backend.process),
            Self::Host(_) => None,
            Self::Polling(backend) => backend.process.as_ref(),
        }
    }

    /// As [`process`](Self::process).
    pub(crate) fn process_mut(&mut self) -> Option<&mut Process> {
        match self {
            Self::WaitAddress(backend) => Some(&mut backend.process),
            Self::KeyedEvent(backend) => Some(&mut backend.process),
            Self::Host(_) => None,
            Self::Polling(backend) => backend.process.as_mut(),
        }
    }

    /// How often a thread may look at its word before it blocks, if the backend knows.
    pub(crate) fn spin_limit(&self) -> Option<u32> {
        match (self, self.process()) {
            (Self::Host(host), _) => Some(host.spin_limit()),
            (_, Some(process)) if process.nt().is_single_processor() => Some(0),
            _ => None,
        }
    }

    /// Whether a deadline has passed. [`Instant::MIN`] and [`Instant::MAX`] need no reading of the clock.
    #[inline]
    pub(crate) fn has_passed(&self, deadline: Instant) -> bool {
        deadline != Instant::MAX && self.remaining(deadline) == Remaining::Passed
    }

    /// How long a deadline is away, at the most.
    fn remaining(&self, deadline: Instant) -> Remaining {
        match (self, self.process()) {
            (_, Some(process)) => process.clock.remaining(deadline),
            (Self::Host(backend), _) => backend.remaining(deadline),
            _ => Remaining::until(deadline, || 0),
        }
    }

    /// Blocks the thread that has brought the word to PARKED.
    pub(crate) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        match self {
            Self::KeyedEvent(backend) => backend.wait(word, deadline),
            _ => self.compare_and_block(word, deadline),
        }
    }

    /// [`wait`](Self::wait) where that compares. Apart, so that none of their frames stands on another's.
    #[inline(never)]
    fn compare_and_block(&self, word: &Word, deadline: Instant) -> Waited {
        match self {
            Self::WaitAddress(backend) => backend.wait(word, deadline),
            Self::Host(backend) => backend.wait(word, deadline),
            Self::Polling(backend) => backend.wait(word, deadline),
            Self::KeyedEvent(_) => Waited::Woken,
        }
    }

    /// Receives the wake that is on its way to a waiter whose wait has ended without it.
    #[inline(never)]
    pub(crate) fn receive_wake(&self, word: &Word) {
        match self {
            Self::KeyedEvent(backend) => backend.receive_wake(word),
            Self::WaitAddress(_) | Self::Host(_) | Self::Polling(_) => {}
        }
    }

    /// Wakes the waiter. The word may be gone already; a backend that touches it says why it cannot be.
    pub(crate) fn wake(&self, word: *const Word) {
        match self {
            Self::WaitAddress(backend) => backend.wake(word),
            Self::KeyedEvent(backend) => backend.wake(word),
            Self::Host(backend) => backend.wake(word),
            Self::Polling(_) => {}
        }
    }
}
