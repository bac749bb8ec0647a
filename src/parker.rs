//! [`Parker`]: the token protocol, and what both protocols do once a thread waits.

use crate::backend::Backend;
use crate::spin::spin;
use crate::state::{EMPTY, NOTIFIED, Take, Unpark, Word};
use crate::sync::{assert_words, const_constructor};
use crate::time::{Instant, Waited};
use core::task::{RawWaker, RawWakerVTable, Waker};
use core::time::Duration;
use core::{fmt, ptr};

/// Blocks a thread until another thread leaves it a token.
///
/// **The token.** A parker holds at most one token, and starts without. [`unpark`](Self::unpark) leaves a token.
/// [`park`](Self::park) takes it, or waits until there is one. So an unpark before the park is not lost: the park
/// returns immediately. Two unparks with no park in between leave one token.
///
/// Everything before an unpark is visible after the park that takes its token, for each of several unparks whose tokens
/// were merged.
///
/// **Threads.** Any thread may call any method at any time. One thread at a time can be parked: meanwhile another that
/// parks gets [`UnparkReason::Busy`] immediately, and nothing else happens. Tokens belong to the parker, not to a
/// thread.
///
/// **Lifetime.** An unpark does not touch the parker once the thread that it wakes can know of it. So the parker may
/// live on the stack of the thread that parks, and be freed when `park` has returned. (Two exceptions: an unpark that
/// finds 2^27 or more uncollected tokens; and before Windows Vista the parked thread itself waits for the last access.)
///
/// **One address in one process.** A parker in memory that two processes share, or that is mapped at two addresses, is
/// two parkers to the system: an unpark through one address does not wake a park at the other, and on keyed events
/// neither returns.
///
/// **Suspended threads.** On [`KeyedEvent`](crate::BackendKind::KeyedEvent)s, waiter and waker meet: an unpark lasts as
/// long as its waiter is suspended between announcing itself and blocking, and a timed park that an unpark has met
/// lasts, beyond its deadline, as long as the thread that unparks is suspended. On the other backends a suspended
/// thread delays nobody.
///
/// **Layout.** One word, all zero when new, the same as C's `ntpark_parker`. A copy of its bytes is a parker
/// only while nobody uses the original.
///
/// Fairness does not arise: there is one waiter. How late a timed park returns is up to the scheduler; it never returns
/// early.
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

assert_words!(Parker, 1);
static_assertions::assert_impl_all!(Parker: Send, Sync);

/// Why a park returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnparkReason {
    /// A token was taken.
    Unparked,
    /// The deadline passed without a token.
    TimedOut,
    /// Another thread is parked here. The call returned immediately and **took no token**: code that ignores this goes
    /// on without the event that it wants to wait for.
    Busy,
}

impl Parker {
    const_constructor! {
        /// A parker without a token.
        #[must_use]
        pub fn new() -> Self {
            Self { word: Word::new() }
        }
    }

    /// Takes the token; if there is none, blocks until there is.
    ///
    /// Returns [`UnparkReason::Unparked`], or [`UnparkReason::Busy`] if another thread is already parked here. There
    /// are no spurious wakeups. While the process is ending, when nobody is left to unpark, it ends the process
    /// ([`Backend::is_process_ending`]).
    #[inline]
    pub fn park(&self) -> UnparkReason {
        park_until(&self.word, Instant::MAX, SpinPolicy::Spin)
    }

    /// Takes the token; if there is none, blocks until there is, but no longer than `timeout`.
    ///
    /// Never times out early, not by a nanosecond; see [`Instant`] for time in which the machine is asleep. A timeout
    /// of zero does not wait. One that is longer than the clock can count, some 58,000 years, never ends.
    #[inline]
    #[must_use = "only `Unparked` means that a token was taken"]
    pub fn park_timeout(&self, timeout: Duration) -> UnparkReason {
        park_timeout(&self.word, timeout, SpinPolicy::Spin)
    }

    /// Takes the token; if there is none, blocks until there is, or until `deadline`.
    ///
    /// A past deadline does not wait, [`Instant::MIN`] without reading the clock. [`Instant::MAX`] is never reached.
    #[inline]
    #[must_use = "only `Unparked` means that a token was taken"]
    pub fn park_until(&self, deadline: Instant) -> UnparkReason {
        park_until(&self.word, deadline, SpinPolicy::Spin)
    }

    /// A view of this parker that never spins.
    ///
    /// On several processors, a thread that parks first looks for the token for some microseconds, which saves blocking
    /// if it comes soon, and stops doing so on parkers where that does not help. Through this view a thread blocks
    /// immediately: if nothing is expected soon, to save power, or to leave the processor to others.
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

    /// Leaves a token, and wakes the parked thread, if there is one. True if there was; false if the token was left for
    /// the next park.
    ///
    /// Does not block, except on keyed events, where it waits until the parked thread has arrived in the system.
    #[inline]
    pub fn unpark(&self) -> bool {
        unpark(&self.word) && {
            wake(ptr::from_ref(&self.word));
            true
        }
    }

    /// A [`Waker`] that unparks this parker, for executors: without allocation, and cloned for free.
    ///
    /// ```
    /// use core::task::{Context, Poll};
    /// use ntpark::Parker;
    ///
    /// static PARKER: Parker = Parker::new();
    ///
    /// fn block_on<F: Future>(future: F) -> F::Output {
    ///     let mut future = core::pin::pin!(future);
    ///     let waker = PARKER.waker();
    ///     let mut context = Context::from_waker(&waker);
    ///     loop {
    ///         match future.as_mut().poll(&mut context) {
    ///             Poll::Ready(output) => return output,
    ///             Poll::Pending => _ = PARKER.park(),
    ///         }
    ///     }
    /// }
    ///
    /// assert_eq!(block_on(async { 7 }), 7);
    /// ```
    #[must_use]
    pub fn waker(&'static self) -> Waker {
        // SAFETY: the functions keep the contract of `RawWaker`: the data is a parker that lives for ever and may be
        // used by any thread, and there is nothing to drop.
        unsafe { Waker::from_raw(raw_waker(ptr::from_ref(self).cast())) }
    }
}

fn raw_waker(parker: *const ()) -> RawWaker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(raw_waker, raw_wake, raw_wake, |_| ());

    fn raw_wake(parker: *const ()) {
        // SAFETY: it comes from `Parker::waker`, which was given a reference for ever.
        let parker = unsafe { &*parker.cast::<Parker>() };
        parker.unpark();
    }

    RawWaker::new(parker, &VTABLE)
}

/// How a park begins: the token is there, or the rest is done out of line.
#[inline(always)]
fn park_until(word: &Word, deadline: Instant, policy: SpinPolicy) -> UnparkReason {
    match word.try_take(NOTIFIED) {
        Take::Taken => UnparkReason::Unparked,
        _ => park_until_slow(word, deadline, policy),
    }
}

/// As [`park_until`]; the deadline is made where it is needed.
#[inline(always)]
fn park_timeout(word: &Word, timeout: Duration, policy: SpinPolicy) -> UnparkReason {
    match word.try_take(NOTIFIED) {
        Take::Taken => UnparkReason::Unparked,
        _ => park_timeout_slow(word, timeout, policy),
    }
}

#[cold]
fn park_timeout_slow(word: &Word, timeout: Duration, policy: SpinPolicy) -> UnparkReason {
    match take(word) {
        Some(reason) => reason,
        None if timeout.is_zero() => UnparkReason::TimedOut,
        None => park_until_slow(word, Backend::with(|backend| backend.deadline(timeout)), policy),
    }
}

#[cold]
fn park_until_slow(word: &Word, deadline: Instant, policy: SpinPolicy) -> UnparkReason {
    match take(word) {
        Some(reason) => reason,
        None if deadline == Instant::MIN => UnparkReason::TimedOut,
        None if policy == SpinPolicy::Spin => Backend::block(word, deadline, |word, backend, deadline| {
            // After the deadline, a thread does not spin.
            if !backend.has_passed(deadline) {
                spin(word, backend, deadline);
            }
            park_on(word, backend, deadline)
        }),
        None => Backend::block(word, deadline, park_on),
    }
}

/// Takes the token. None if there is none.
fn take(word: &Word) -> Option<UnparkReason> {
    let mut seen = NOTIFIED;
    loop {
        match word.try_take(seen) {
            Take::Taken => return Some(UnparkReason::Unparked),
            Take::Busy => return Some(UnparkReason::Busy),
            Take::Empty => return None,
            Take::Again { seen: found } => seen = found,
        }
    }
}

/// A park that has found no token and may wait for one.
#[inline(never)]
fn park_on(word: &Word, backend: &Backend, deadline: Instant) -> UnparkReason {
    loop {
        if let Some(reason) = take(word) {
            return reason;
        }
        // A thread that does not wait must not be in another's way, not even for a moment.
        if backend.has_passed(deadline) {
            return UnparkReason::TimedOut;
        }
        // A failed compare-exchange starts over: that is rare.
        if word.begin_wait() {
            return wait(word, backend, deadline, EMPTY);
        }
    }
}

/// Both protocols from PARKED on: blocks until a token has come, and takes it along; or until `deadline`, and then
/// leaves the word at `otherwise`.
#[inline(always)]
pub(crate) fn wait(word: &Word, backend: &Backend, deadline: Instant, otherwise: usize) -> UnparkReason {
    loop {
        match backend.wait(word, deadline) {
            Waited::Woken if word.is_waiting() => {}
            Waited::Woken => break,
            Waited::Expired if word.cancel_wait(otherwise) => return UnparkReason::TimedOut,
            Waited::Expired => {
                // An unpark came first, and its wake is on the way.
                backend.receive_wake(word);
                break;
            }
        }
    }
    word.finish_wait();
    UnparkReason::Unparked
}

/// The first half of an unpark, of either protocol. True if the second is due: to [`wake`] the waiter.
#[inline(always)]
pub(crate) fn unpark(word: &Word) -> bool {
    // From the addition on, the word may be gone.
    let address = ptr::from_ref(word);
    match word.unpark() {
        Unpark::Done => false,
        Unpark::Wake => true,
        Unpark::Saturate { seen } => {
            saturate(address, seen);
            false
        }
    }
}

/// Whether a thread spins before it blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpinPolicy {
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
        park_until(&self.parker.word, Instant::MAX, SpinPolicy::Block)
    }

    /// [`Parker::park_timeout`], without spinning.
    #[inline]
    #[must_use = "only `Unparked` means that a token was taken"]
    pub fn park_timeout(self, timeout: Duration) -> UnparkReason {
        park_timeout(&self.parker.word, timeout, SpinPolicy::Block)
    }

    /// [`Parker::park_until`], without spinning.
    #[inline]
    #[must_use = "only `Unparked` means that a token was taken"]
    pub fn park_until(self, deadline: Instant) -> UnparkReason {
        park_until(&self.parker.word, deadline, SpinPolicy::Block)
    }
}

/// Wakes the waiter of a word that may be gone by now.
#[cold]
fn wake(word: *const Word) {
    Backend::with(|backend| backend.wake(word));
}

/// Makes one of the many tokens that are there. There is nobody to wake.
#[cold]
#[inline(never)]
fn saturate(word: *const Word, seen: usize) {
    // SAFETY: so many tokens are uncollected that this parker lives on; see "Lifetime".
    let word = unsafe { &*word };
    let mut seen = Some(seen);
    while let Some(tokens) = seen {
        seen = word.saturate(tokens);
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parker").field(&self.word).finish()
    }
}
