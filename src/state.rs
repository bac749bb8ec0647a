//! The word that a parker is, and every transition that it can make.
//!
//! # The word
//! | state | bits | meaning |
//! |---|---|---|
//! | EMPTY | 0 | no token, nobody waits: zeroed memory is a valid parker |
//! | NOTIFIED | 1, 2, 3, … in the token bits | a token is there; how many unparks left it does not matter |
//! | PARKED | bit 28 | somebody blocks in the system, or is committed to |
//! | PARKED + NOTIFIED | both | the token is there, and the thread that waited has not left yet |
//! | ARMED | bit 29 | prepared and perhaps in somebody's queue, not yet committed to block (two-phase protocol only) |
//! | TIMED_OUT | bit 30 | the waiter gave up (two-phase protocol only) |
//! | RELEASED | bit 31, beside others | the kernel has let the waiter go (XP-class kernels only) |
//!
//! Only the low 32 bits are used, on every target: a kernel that can only compare 32 bits can host a parker
//! (of a 64-bit word, it compares the low half).
//!
//! # Why an unpark adds
//! `unpark` is one atomic addition. It needs, in one operation, to leave a token whatever it finds, to learn
//! exactly what it found (the waker of a rendezvous kernel must be the *first* after PARKED, and only the
//! first), and to keep PARKED standing, so that a thread that comes between the wake and the waiter's leaving
//! finds the parker in use and cannot take its token. A swap would erase PARKED; compare-exchange costs a
//! load or a failed attempt more; an "or" that returns what it found is a compare-exchange loop on x86.
//! Once 2^27 unparks have piled up with no park between, each further one folds them back into one
//! ([`Event::Fold`]).
//!
//! # Transitions
//! An [`Event`] is one atomic operation on the word ([`Event::operation`]) and what the thread does next,
//! given the value that the operation found ([`Event::step`]). Both are `const fn`s: the runtime runs them
//! ([`Word::apply`]), and the compile-time model explores them. There is no other way to change the word.
//!
//! Token protocol ([`Parker`](crate::Parker)), states across, what the thread does next below them:
//!
//! | event | EMPTY | NOTIFIED | PARKED | PARKED + NOTIFIED |
//! |---|---|---|---|---|
//! | Take: =>EMPTY if NOTIFIED | Look | **unparked** | **busy** | **busy** |
//! | Look | Commit | Take | **busy** | **busy** |
//! | Commit: EMPTY=>PARKED | block | Take | **busy** | **busy** |
//! | Check, once woken | – | – | block again | Leave |
//! | GiveUp, out of time: PARKED=>EMPTY | – | – | **timed out** | settle, then Leave |
//! | Leave: =>EMPTY | – | – | – | **unparked** |
//! | Unpark: +NOTIFIED | **done** | **done** | wake | **done** |
//!
//! Two-phase protocol ([`ThreadParker`](crate::ThreadParker)):
//!
//! | event | ARMED | NOTIFIED | PARKED | TIMED_OUT |
//! |---|---|---|---|---|
//! | Arm: =>ARMED | | | | |
//! | Claim: =>ARMED unless PARKED | **done** | **done** | **busy** | **done** |
//! | Block: ARMED=>PARKED | block | **unparked** | **busy** | **busy** |
//! | Recheck, once woken | – | **unparked** | block again | – |
//! | Abandon, out of time: PARKED=>TIMED_OUT | – | settle, then Recheck | **timed out** | – |
//! | Notify: =>NOTIFIED | **done** | **done** | wake | **done** |
//!
//! "Settle" receives the wake that is on its way: a rendezvous kernel holds the waker until it has met the
//! waiter.
//!
//! # Ordering
//! What happened before an unpark must be visible after the park that it ends. Unpark and Notify are Release;
//! every way out with "unparked" reads with Acquire: Take and Leave in the token protocol, Block (when it
//! fails), Recheck, Abandon (when it fails) and [`Event::Query`] in the two-phase one. All writes in between
//! are read-modify-writes, which continue the release sequence of each unpark before them, so the token
//! carries what happened before *every* unpark that it stands for, not just before the first. On kernels of
//! the XP class, [`Event::Release`] is Release too: the waker's last access to the word comes before the
//! waiter's Leave or Recheck, and so before the memory is anything else. Nothing else needs an order: Commit
//! publishes nothing, and that it is seen by either the unparker or the kernel's compare follows from their
//! being operations on one word.

#[cfg(all(test, not(loom)))]
mod diagram;

#[cfg(not(loom))]
mod model;
#[cfg(ntpark_mutant)]
mod mutant;
pub(crate) mod rendezvous;

use crate::sync::atomic::AtomicUsize;
use crate::sync::const_unless_loom;
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use static_assertions::{const_assert, const_assert_eq};

/// No token, nobody waits.
pub(crate) const EMPTY: usize = 0;
/// One token. The token bits count upwards from here.
pub(crate) const NOTIFIED: usize = 1;
/// Somebody blocks in the system, or is committed to.
pub(crate) const PARKED: usize = 1 << 28;
/// Prepared, not yet committed to block.
pub(crate) const ARMED: usize = 1 << 29;
/// The waiter gave up.
pub(crate) const TIMED_OUT: usize = 1 << 30;
/// Set by the waker on kernels of the XP class once the release has returned: the waiter may leave.
pub(crate) const RELEASED: usize = 1 << 31;

/// The bits that count tokens.
pub(crate) const TOKENS: usize = PARKED - 1;
/// From this many tokens on, an unpark folds them into one.
pub(crate) const FOLD: usize = 1 << 27;

// Zeroed memory is a parker without a token.
const_assert_eq!(EMPTY, 0);
// An addition of NOTIFIED to any state without a token leaves exactly one.
const_assert_eq!(NOTIFIED & TOKENS, 1);
// The flags lie above the token bits, one bit each: `found < FOLD` alone says that there is nothing to do
// after an unpark.
const_assert!(FOLD < PARKED && PARKED < ARMED && ARMED < TIMED_OUT && TIMED_OUT < RELEASED);
const_assert_eq!(TOKENS & (PARKED | ARMED | TIMED_OUT | RELEASED), 0);
const_assert_eq!(PARKED ^ ARMED ^ TIMED_OUT ^ RELEASED, PARKED | ARMED | TIMED_OUT | RELEASED);
// Between the fold mark and the flags there is room for an unpark in flight from each of 2^27 - 1 threads,
// far more than a process can have.
const_assert_eq!(TOKENS - FOLD, (1 << 27) - 1);
// A kernel may compare the low half of a 64-bit word alone.
const_assert!((PARKED | ARMED | TIMED_OUT | RELEASED | TOKENS) as u64 <= u32::MAX as u64);
// The key of a keyed event is the word's address, which has to be even.
const_assert!(align_of::<Word>() >= 2);

/// Whether a token is there.
const fn has_token(state: usize) -> bool {
    state & TOKENS != 0
}

/// Whether a thread is, or was until its wake, parked: nobody else may take a token or park.
const fn is_occupied(state: usize) -> bool {
    state > TOKENS
}

/// One atomic operation on the word, for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Token: take the token that was last seen.
    Take { seen: usize },
    /// Token: see what is there.
    Look,
    /// Token: become the one who waits.
    Commit,
    /// Token: woken; is it for us?
    Check,
    /// Token: the time is over.
    GiveUp,
    /// Token: take the token along and free the place.
    Leave,
    /// Token: leave a token.
    Unpark,
    /// Token: make one of the many tokens that were last seen.
    Fold { seen: usize },
    /// Two-phase: get ready.
    Arm,
    /// Two-phase: get ready, unless a thread is parked; what was last seen is not PARKED.
    Claim { seen: usize },
    /// Two-phase: become the one who waits.
    Block,
    /// Two-phase: woken; is it for us?
    Recheck,
    /// Two-phase: the time is over.
    Abandon,
    /// Two-phase: did we give up, and has nobody notified us since?
    Query,
    /// Two-phase: notify.
    Notify,
    /// Both, on kernels of the XP class: the waiter has been let go.
    Release,
}

/// An operation as the processor knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Load(Ordering),
    Store(usize),
    Swap(usize, Ordering),
    Add(usize, Ordering),
    Or(usize, Ordering),
    /// From, to, ordering on success, ordering on failure.
    CompareExchange(usize, usize, Ordering, Ordering),
}

/// What a thread does after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go on with this event.
    Do(Event),
    /// Block; go on with `woken` when woken, or for no reason, and with `expired` when the time is over.
    Wait { woken: Event, expired: Event },
    /// Receive the wake that is on its way, then go on.
    Settle { then: Event },
    /// Let the waiter go. The word may be gone by now.
    Wake,
    /// That is all.
    Return(Outcome),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Token taken, or notified.
    Unparked,
    /// The time ran out, and there was nothing.
    TimedOut,
    /// Another thread is parked there, or the two phases came in the wrong order.
    Busy,
    /// Nothing more to do.
    Done,
}

const WAIT_FOR_TOKEN: Step = Step::Wait { woken: Event::Check, expired: Event::GiveUp };
const WAIT_FOR_NOTICE: Step = Step::Wait { woken: Event::Recheck, expired: Event::Abandon };

// The loops that carry a waiter through its protocol (in `backend`) have an arm for each step, with its
// events spelt out.
const_assert!(matches!(Event::Commit.step(EMPTY), Step::Wait { woken: Event::Check, expired: Event::GiveUp }));
const_assert!(matches!(Event::Block.step(ARMED), Step::Wait { woken: Event::Recheck, expired: Event::Abandon }));
const_assert!(matches!(Event::GiveUp.step(EMPTY), Step::Settle { then: Event::Leave }));
const_assert!(matches!(Event::Abandon.step(EMPTY), Step::Settle { then: Event::Recheck }));

impl Event {
    /// The operation that the event is.
    #[inline(always)]
    pub(crate) const fn operation(self) -> Operation {
        #[cfg(ntpark_mutant)]
        if let Some(operation) = mutant::operation(self) {
            return operation;
        }
        match self {
            // NOTIFIED=>EMPTY
            Self::Take { seen } => Operation::CompareExchange(seen, EMPTY, Acquire, Relaxed),
            Self::Look | Self::Check => Operation::Load(Relaxed),
            // EMPTY=>PARKED
            Self::Commit => Operation::CompareExchange(EMPTY, PARKED, Relaxed, Relaxed),
            // PARKED=>EMPTY
            Self::GiveUp => Operation::CompareExchange(PARKED, EMPTY, Relaxed, Relaxed),
            // PARKED + NOTIFIED=>EMPTY
            Self::Leave => Operation::Swap(EMPTY, Acquire),
            // EMPTY=>NOTIFIED, NOTIFIED=>NOTIFIED, PARKED=>PARKED + NOTIFIED
            Self::Unpark => Operation::Add(NOTIFIED, Release),
            // NOTIFIED=>NOTIFIED, with or without PARKED. Relaxed: the tokens' own additions are Release, and this
            // continues their sequence.
            Self::Fold { seen } => Operation::CompareExchange(seen, seen & !TOKENS | NOTIFIED, Relaxed, Relaxed),
            // =>ARMED
            Self::Arm => Operation::Store(ARMED),
            // EMPTY=>ARMED, NOTIFIED=>ARMED, ARMED=>ARMED, TIMED_OUT=>ARMED
            Self::Claim { seen } => Operation::CompareExchange(seen, ARMED, Relaxed, Relaxed),
            // ARMED=>PARKED
            Self::Block => Operation::CompareExchange(ARMED, PARKED, Relaxed, Acquire),
            Self::Recheck | Self::Query => Operation::Load(Acquire),
            // PARKED=>TIMED_OUT
            Self::Abandon => Operation::CompareExchange(PARKED, TIMED_OUT, Relaxed, Acquire),
            // =>NOTIFIED
            Self::Notify => Operation::Swap(NOTIFIED, Release),
            // NOTIFIED=>NOTIFIED + RELEASED, with or without PARKED
            Self::Release => Operation::Or(RELEASED, Release),
        }
    }

    /// What comes next, given the value that the operation found.
    #[inline(always)]
    pub(crate) const fn step(self, found: usize) -> Step {
        #[cfg(ntpark_mutant)]
        if let Some(step) = mutant::step(self, found) {
            return step;
        }
        match self {
            Self::Take { seen } if found == seen => Step::Return(Outcome::Unparked),
            Self::Commit if found == EMPTY => WAIT_FOR_TOKEN,
            Self::Take { .. } | Self::Look | Self::Commit => {
                if is_occupied(found) {
                    Step::Return(Outcome::Busy)
                } else if has_token(found) {
                    Step::Do(Self::Take { seen: found })
                } else if matches!(self, Self::Look) {
                    Step::Do(Self::Commit)
                } else {
                    Step::Do(Self::Look)
                }
            }
            Self::Check if found == PARKED => WAIT_FOR_TOKEN,
            Self::Check => Step::Do(Self::Leave),
            Self::GiveUp if found == PARKED => Step::Return(Outcome::TimedOut),
            Self::GiveUp => Step::Settle { then: Self::Leave },
            Self::Leave => Step::Return(Outcome::Unparked),
            // The usual case with one comparison: nobody to wake, nothing to fold.
            Self::Unpark if found < FOLD => Step::Return(Outcome::Done),
            Self::Unpark if found == PARKED => Step::Wake,
            Self::Unpark if found & TOKENS >= FOLD => Step::Do(Self::Fold { seen: found.wrapping_add(NOTIFIED) }),
            Self::Unpark | Self::Fold { .. } => Step::Return(Outcome::Done),

            Self::Arm | Self::Release => Step::Return(Outcome::Done),
            Self::Claim { seen } if found == seen => Step::Return(Outcome::Done),
            Self::Claim { .. } if found == PARKED => Step::Return(Outcome::Busy),
            Self::Claim { .. } => Step::Do(Self::Claim { seen: found }),
            Self::Block if found == ARMED => WAIT_FOR_NOTICE,
            Self::Block if has_token(found) => Step::Return(Outcome::Unparked),
            Self::Block => Step::Return(Outcome::Busy),
            Self::Recheck if found == PARKED => WAIT_FOR_NOTICE,
            Self::Recheck => Step::Return(Outcome::Unparked),
            Self::Abandon if found == PARKED => Step::Return(Outcome::TimedOut),
            Self::Abandon => Step::Settle { then: Self::Recheck },
            Self::Query if found == TIMED_OUT => Step::Return(Outcome::TimedOut),
            Self::Query => Step::Return(Outcome::Unparked),
            Self::Notify if found == PARKED => Step::Wake,
            Self::Notify => Step::Return(Outcome::Done),
        }
    }
}

/// The word. Shared by any number of threads; changed by [`Event`]s alone.
#[repr(transparent)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    const_unless_loom! {
        /// EMPTY.
        pub(crate) fn new() -> Self {
            Self(AtomicUsize::new(EMPTY))
        }
    }

    /// Carries the event out and says what comes next. With the event known, one instruction of the
    /// processor.
    #[inline(always)]
    pub(crate) fn apply(&self, event: Event) -> Step {
        event.step(match event.operation() {
            Operation::Load(order) => self.0.load(order),
            Operation::Store(new) => {
                self.0.store(new, Relaxed);
                new
            }
            Operation::Swap(new, order) => self.0.swap(new, order),
            Operation::Add(more, order) => self.0.fetch_add(more, order),
            Operation::Or(bits, order) => self.0.fetch_or(bits, order),
            Operation::CompareExchange(from, to, success, failure) => {
                // The orderings that occur stand here as constants: as a value, an ordering makes a call of the
                // operation, which the compiler does not take back when it comes to know it.
                let result = match (success, failure) {
                    (Relaxed, Relaxed) => self.0.compare_exchange(from, to, Relaxed, Relaxed),
                    (Relaxed, Acquire) => self.0.compare_exchange(from, to, Relaxed, Acquire),
                    (Acquire, Relaxed) => self.0.compare_exchange(from, to, Acquire, Relaxed),
                    (success, failure) => self.0.compare_exchange(from, to, success, failure),
                };
                match result {
                    Ok(found) | Err(found) => found,
                }
            }
        })
    }

    /// Whether a wait is still without a wake. For the backends, which may look between two waits.
    pub(crate) fn is_parked(&self) -> bool {
        self.0.load(Relaxed) == PARKED
    }

    /// The word as it is, for a waiter at a rendezvous. Relaxed: Leave or Recheck comes next, reads this
    /// value or a later one, and orders.
    pub(crate) fn peek(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Looks until something is there, which is true, or `looks` are used up.
    #[inline(always)]
    pub(crate) fn look(&self, looks: u32) -> bool {
        for _ in 0..looks {
            if self.0.load(Relaxed) != EMPTY {
                return true;
            }
            core::hint::spin_loop();
        }
        false
    }

    /// Where the word lies: what backends wait on and wake.
    pub(crate) const fn address(&self) -> *const usize {
        core::ptr::from_ref(self).cast()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_look_sees_what_is_there() {
        let word = Word::new();
        assert!(!word.look(3));
        word.apply(Event::Unpark);
        assert!(word.look(1));
        assert!(!word.look(0), "it has not looked");
    }
}
