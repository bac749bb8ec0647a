//! The word that a parker is, and every transition that it can make.
//!
//! | state | bits | meaning |
//! |---|---|---|
//! | EMPTY | 0 | no token, nobody waits: zeroed memory is a parker |
//! | NOTIFIED | 1, 2, 3, … | a token is there; how many unparks left it does not matter |
//! | PARKED | bit 28 | a thread waits. Stands, with or without a token, until that thread itself has left |
//! | ARMED | bit 29 | two-phase protocol: prepared, perhaps in a queue, not yet committed to block |
//! | TIMED_OUT | bit 30 | two-phase protocol: the wait ran out of time, and nobody had unparked it by then |
//! | RELEASED | bit 31 | XP-class kernels: the waker no longer uses the word, so the waiter may leave |
//!
//! Only the low 32 bits are used on any target, so a kernel that compares 32 bits can host a parker.
//!
//! | protocol | transitions of the waiter | of the unparker |
//! |---|---|---|
//! | token | `try_take`: NOTIFIED=>EMPTY; `begin_wait`: EMPTY=>PARKED | `unpark`: +NOTIFIED |
//! | two-phase | `prepare`: =>ARMED; `begin_prepared`: ARMED=>PARKED; `is_timed_out` | `unpark`: +NOTIFIED |
//! | both | `is_waiting`; `cancel_wait`: PARKED=>EMPTY, TIMED_OUT; `finish_wait`: =>EMPTY | `saturate`; `release`: +RELEASED |
//!
//! # One spelling
//! A transition is a method: **one** atomic operation, and what its caller does next, given what the operation
//! found. [`transitions!`] compiles each body twice: for [`Word`], whose cell is the processor's, and as a
//! `const fn` for [`Explored`], whose cell is a plain number. The compile-time [`model`](crate::model) calls
//! the second in every order that threads can; so what is explored is what runs.
//!
//! # Why an unpark adds
//! An unpark has to do three things in one operation: leave a token whatever is there; learn exactly what was
//! there, since only the first unparker after PARKED wakes; and leave PARKED standing, so that a thread that
//! comes between the wake and the waiter's leaving finds the parker occupied. A swap would erase PARKED;
//! a compare-exchange needs a load or a failed attempt first; an "or" that returns what it found is a
//! compare-exchange loop on x86. An addition does all three, as `lock xadd`.
//!
//! Tokens that nobody takes add up. An unpark that finds [`MANY`] or more makes one of them, and does not return
//! before there are fewer than that: so there are never more than MANY plus one for each thread inside an
//! unpark, and the flags are safe up to 2^27 such threads, for which no process has the memory.
//!
//! # Ordering
//! What happened before an unpark is visible after the park that it ends. [`unpark`](Word::unpark) is Release;
//! [`try_take`](Word::try_take), [`finish_wait`](Word::finish_wait),
//! [`begin_prepared`](Word::begin_prepared) (when it finds the token) and
//! [`is_timed_out`](Word::is_timed_out) are Acquire. Every write in between is a read-modify-write and
//! continues the release sequence of each unpark before it, so a token carries what happened before *all* the
//! unparks that it stands for. ([`prepare`](Word::prepare) starts over: what it erases was meant for an earlier
//! wait.)

use crate::sync::atomic::AtomicUsize;
use crate::sync::const_constructor;
use core::fmt;
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use static_assertions::{const_assert, const_assert_eq};

pub(crate) const EMPTY: usize = 0;
pub(crate) const NOTIFIED: usize = 1;
pub(crate) const PARKED: usize = 1 << 28;
pub(crate) const ARMED: usize = 1 << 29;
pub(crate) const TIMED_OUT: usize = 1 << 30;
pub(crate) const RELEASED: usize = 1 << 31;
/// The bits that count tokens.
pub(crate) const TOKENS: usize = PARKED - 1;
/// From this many tokens on, an unpark makes one of them.
pub(crate) const MANY: usize = 1 << 27;

const_assert_eq!(NOTIFIED & TOKENS, 1);
const_assert!(MANY < PARKED && PARKED < ARMED && ARMED < TIMED_OUT && TIMED_OUT < RELEASED);
const_assert!((TOKENS | PARKED | ARMED | TIMED_OUT | RELEASED) as u64 == u32::MAX as u64);
// The key of a keyed event is the word's address, which has to be even.
const_assert!(align_of::<Word>() >= 2);

/// What [`Word::try_take`] found.
pub(crate) enum Take {
    Taken,
    Empty,
    /// Another thread waits here, or has not left yet.
    Busy,
    /// A token, left by another number of unparks than was expected.
    Again {
        seen: usize,
    },
}

/// What [`Word::prepare`] found.
pub(crate) enum Prepare {
    Prepared,
    /// A thread waits here, or has not left yet.
    Busy,
    Again {
        seen: usize,
    },
}

/// What [`Word::begin_prepared`] found.
pub(crate) enum Begin {
    /// The word is PARKED, and this thread is the one who waits.
    Wait,
    /// Unparked since `prepare`.
    Unparked,
    /// Another thread waits here, or none is prepared.
    Busy,
}

/// What [`Word::unpark`] found.
pub(crate) enum Unpark {
    Done,
    /// A waiter to wake, once. The word may be gone by now.
    Wake,
    /// Too many tokens: [`saturate`](Word::saturate).
    Saturate {
        seen: usize,
    },
}

/// Compiles each method for [`Word`] and, as a `const fn`, for [`Explored`].
macro_rules! transitions {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident(&$self:ident $(, $argument:ident: $type:ty)*) $(-> $result:ty)? $body:block
    )*) => {
        impl Word {$(
            $(#[$attribute])*
            #[inline(always)]
            pub(crate) fn $name(&$self $(, $argument: $type)*) $(-> $result)? $body
        )*}

        impl Explored {$(
            pub(crate) const fn $name(&mut $self $(, $argument: $type)*) $(-> $result)? $body
        )*}
    };
}

transitions! {
    // ---- The token protocol

    /// NOTIFIED=>EMPTY: takes the token.
    fn try_take(&self, seen: usize) -> Take {
        // Acquire: meets the Release of each `unpark` that this token stands for.
        match self.0.compare_exchange(seen, EMPTY, Acquire, Relaxed) {
            Ok(_) => Take::Taken,
            Err(EMPTY) => Take::Empty,
            Err(found) if found & PARKED != 0 => Take::Busy,
            Err(found) => Take::Again { seen: found },
        }
    }

    /// EMPTY=>PARKED: becomes the one who waits. False if a token or another thread came first.
    fn begin_wait(&self) -> bool {
        // Relaxed: publishes nothing. Either an unparker or the kernel's comparison sees it, all on one word.
        self.0.compare_exchange(EMPTY, PARKED, Relaxed, Relaxed).is_ok()
    }

    // ---- The two-phase protocol

    /// =>ARMED, unless a thread waits.
    fn prepare(&self, seen: usize) -> Prepare {
        match self.0.compare_exchange(seen, ARMED, Relaxed, Relaxed) {
            Ok(_) => Prepare::Prepared,
            Err(found) if found & PARKED != 0 => Prepare::Busy,
            Err(found) => Prepare::Again { seen: found },
        }
    }

    /// ARMED=>PARKED: becomes the one who waits.
    fn begin_prepared(&self) -> Begin {
        // Acquire on failure: it may have found the token, and meets the Release of its `unpark`.
        match self.0.compare_exchange(ARMED, PARKED, Relaxed, Acquire) {
            Ok(_) => Begin::Wait,
            Err(found) if found & PARKED == 0 && found & TOKENS != 0 => Begin::Unparked,
            Err(_) => Begin::Busy,
        }
    }

    /// Whether the wait ran out of time and nobody has unparked it since.
    fn is_timed_out(&self) -> bool {
        // Acquire: false is a way out as good as any, and meets the Release of `unpark`.
        self.0.load(Acquire) == TIMED_OUT
    }

    // ---- Both, from PARKED on

    /// Whether nobody has left a token since the wait began.
    fn is_waiting(&self) -> bool {
        // Relaxed: `finish_wait` follows, reads this value or a later one, and orders.
        self.0.load(Relaxed) == PARKED
    }

    /// PARKED=>`to` (EMPTY, or TIMED_OUT in the two-phase protocol): gives up, out of time. False if a token
    /// came first; its wake is on the way.
    fn cancel_wait(&self, to: usize) -> bool {
        self.0.compare_exchange(PARKED, to, Relaxed, Relaxed).is_ok()
    }

    /// PARKED + NOTIFIED=>EMPTY: takes the token along and leaves.
    fn finish_wait(&self) {
        // Acquire: meets the Release of `unpark`, and of `release` on an XP-class kernel.
        self.0.swap(EMPTY, Acquire);
    }

    /// Leaves a token, whatever is there: one addition, which keeps PARKED standing and says who wakes.
    fn unpark(&self) -> Unpark {
        // Release: what happened before it goes with the token.
        match self.0.fetch_add(NOTIFIED, Release) {
            found if found < MANY => Unpark::Done,
            PARKED => Unpark::Wake,
            found if found & TOKENS >= MANY => Unpark::Saturate { seen: found.wrapping_add(NOTIFIED) },
            _ => Unpark::Done,
        }
    }

    /// Many tokens=>NOTIFIED, flags as they are. To be repeated with what it returns, if that is still too many.
    fn saturate(&self, seen: usize) -> Option<usize> {
        // Relaxed: the tokens' own additions are Release, and this continues their sequence.
        match self.0.compare_exchange(seen, seen & !TOKENS | NOTIFIED, Relaxed, Relaxed) {
            Err(found) if found & TOKENS >= MANY => Some(found),
            Ok(_) | Err(_) => None,
        }
    }

    /// +RELEASED: the waker on an XP-class kernel has done with the word.
    fn release(&self) {
        // Release: comes before the waiter's `finish_wait`, and so before the memory is anything else.
        self.0.fetch_or(RELEASED, Release);
    }
}

/// The word. Shared by any number of threads.
#[repr(transparent)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    const_constructor! {
        /// EMPTY.
        pub(crate) fn new() -> Self {
            Self(AtomicUsize::new(EMPTY))
        }
    }

    /// The word as it is. Relaxed: a thread that leaves because of it first makes a transition, which reads this value
    /// or a later one, and orders.
    pub(crate) fn peek(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Where the word lies: what backends wait on and wake.
    pub(crate) const fn address(&self) -> *const usize {
        core::ptr::from_ref(self).cast()
    }
}

/// The names of the flags that are set and, if there is a token, NOTIFIED.
impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.peek();
        if state == EMPTY {
            return f.write_str("EMPTY");
        }
        let names = [
            (PARKED, "PARKED"),
            (ARMED, "ARMED"),
            (TIMED_OUT, "TIMED_OUT"),
            (TOKENS, "NOTIFIED"),
            (RELEASED, "RELEASED"),
        ];
        let mut set = names.iter().filter(|(bits, _)| state & bits != 0);
        if let Some((_, first)) = set.next() {
            f.write_str(first)?;
        }
        set.try_for_each(|(_, name)| write!(f, " + {name}"))
    }
}

/// The word as the model has it.
pub(crate) struct Explored(pub(crate) Cell);

/// `AtomicUsize`'s operations, on a plain number; and how many there were.
pub(crate) struct Cell {
    pub(crate) value: usize,
    pub(crate) operations: u32,
}

impl Cell {
    const fn load(&mut self, _: Ordering) -> usize {
        self.operations += 1;
        self.value
    }

    const fn swap(&mut self, new: usize, _: Ordering) -> usize {
        let found = self.value;
        self.value = new;
        self.operations += 1;
        found
    }

    const fn fetch_add(&mut self, more: usize, order: Ordering) -> usize {
        self.swap(self.value + more, order)
    }

    const fn fetch_or(&mut self, bits: usize, order: Ordering) -> usize {
        self.swap(self.value | bits, order)
    }

    const fn compare_exchange(&mut self, from: usize, to: usize, _: Ordering, _: Ordering) -> Result<usize, usize> {
        let found = self.value;
        self.operations += 1;
        if found == from {
            self.value = to;
            Ok(found)
        } else {
            Err(found)
        }
    }
}
