//! [`RawMutex`]: mutual exclusion in a word.
//!
//! # The word
//! | bits | name | meaning | changed |
//! |---|---|---|---|
//! | 0 | LOCKED | a thread has the lock | by anyone |
//! | 1 | PARKED | threads are in the queue | under the bucket's lock |
//! | 2 | WAKING | a woken thread is on its way, and competes | set under the bucket's lock, cleared by that thread |
//! | 3…8 | count | unlocks since then that let waiters wait, modulo 64 | by unlocks |
//! | 9… | time | when a waiter last got the lock, or the first began to wait | with PARKED and WAKING |
//!
//! All bits are zero when the mutex is free and nobody waits.
//!
//! # The policy
//! Whoever finds the lock free takes it, even if others wait: to switch to a woken thread takes far longer than most
//! critical sections. So an unlock wakes one waiter and lets it compete, and as long as that one is on its way, further
//! unlocks wake nobody. A woken thread that comes too late returns to the front of the queue.
//!
//! What bounds starvation is time: once no waiter has got the lock for 0.5 ms ([`is_due`]), an unlock hands it over to
//! the first in the queue, whether another is on its way or not. So a woken thread that does not run holds up nobody
//! while others lock and unlock; one that does not run when the lock is handed over to it holds up all. To read the
//! clock takes longer than a short critical section, so only the unlocks 0, 1, 2, 4, … 32 of each 64 do: at most 32
//! unlocks later than due, and no later than twice the time if unlocks come evenly. (Locks of 4, 16 and 64 threads with
//! 10 steps inside and outside: 0.68 × the time of reading it each time, 0.64 × the processor time.)

use crate::key::{Kind, key};
use crate::patience::{coarse_now, is_due};
use crate::sync::atomic::AtomicU32;
use crate::sync::lot::{self, DEFAULT_PARK_TOKEN, ParkResult, UnparkResult, UnparkToken};
use crate::sync::{Instant, Looks, const_constructor};
use crate::word::Word as _;
use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const LOCKED: u32 = 1;
const PARKED: u32 = 2;
const WAKING: u32 = 4;
const FLAGS: u32 = LOCKED | PARKED | WAKING;
const COUNT_SHIFT: u32 = FLAGS.count_ones();
const COUNT_BITS: u32 = 6;
const COUNT: u32 = ((1 << COUNT_BITS) - 1) << COUNT_SHIFT;
const TIME_SHIFT: u32 = COUNT_SHIFT + COUNT_BITS;

/// The woken thread is on its way, as WAKING says.
pub(crate) const COMPETE: UnparkToken = UnparkToken(1);
/// The woken thread has the lock.
pub(crate) const HANDED_OVER: UnparkToken = UnparkToken(2);

/// A mutex without data: one 32-bit word, all zero when free.
///
/// Take it for a lock that C shares, or as the lock in a type of your own; [`Mutex`](crate::Mutex) has guards and the
/// data inside.
///
/// - **Costs.** Locking and unlocking are one atomic operation each if nobody else wants the lock. A thread that waits
///   spins briefly, then blocks in the [lot](ntpark::lot).
/// - **Fairness.** A thread that arrives may take the lock before one that waits. Starvation is bounded: once no waiter
///   has got the lock for 0.5 ms, or for a tick of the clock where that is longer, one of the next 32 unlocks hands it
///   over to the one that has waited longest. [`unlock_fair`](Self::unlock_fair) does so at once. No priority
///   inheritance.
/// - **Time-outs** are never early, and a thread that runs out of time tries once more.
/// - **Freeing.** The mutex may be freed once no thread holds it, waits for it or will call it: an unlock does not
///   touch it after another thread could lock it.
/// - **Suspended threads** that have been woken delay nobody as long as others lock and unlock. One that is still in
///   the queue may be handed the lock, and then has it until it goes on.
/// - **The end of the process.** A lock whose holder was killed stays locked: `try_lock` and timed locks fail, and
///   `lock` ends the process, as a slim reader/writer lock does.
#[repr(transparent)]
pub struct RawMutex {
    state: AtomicU32,
}

impl RawMutex {
    const_constructor! {
        /// A free mutex.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicU32::new(0) }
        }
    }

    /// Locks, and waits as long as another thread has the lock.
    #[inline]
    pub fn lock(&self) {
        if !self.try_lock_fast() {
            self.lock_slow(0, Instant::MAX);
        }
    }

    /// Locks if no other thread has the lock. True if it did.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock(&self) -> bool {
        self.try_lock_fast()
    }

    /// Locks, and waits no longer than until `deadline`. True if it has the lock.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_until(&self, deadline: Instant) -> bool {
        self.try_lock_fast() || self.lock_slow(0, deadline)
    }

    /// Unlocks.
    ///
    /// # Safety
    /// The mutex is locked, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock(&self) {
        // LOCKED=>free. Release: meets the Acquire of the next lock.
        if self.state.compare_exchange(LOCKED, 0, Release, Relaxed).is_err() {
            self.unlock_slow(false);
        }
    }

    /// Unlocks, and hands the lock over to the thread that has waited longest, if there is one.
    ///
    /// # Safety
    /// The mutex is locked, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_fair(&self) {
        // As in `unlock`.
        if self.state.compare_exchange(LOCKED, 0, Release, Relaxed).is_err() {
            self.unlock_slow(true);
        }
    }

    /// Lets the thread that has waited longest have the lock, and then takes it again. Does nothing if nobody waits.
    ///
    /// # Safety
    /// The mutex is locked, by the caller or on its behalf.
    #[inline]
    pub unsafe fn bump(&self) {
        if self.state.load(Relaxed) & PARKED != 0 {
            self.unlock_slow(true);
            self.lock();
        }
    }

    /// Whether a thread has the lock now.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.state.load(Relaxed) & LOCKED != 0
    }

    #[inline]
    fn try_lock_fast(&self) -> bool {
        // =>LOCKED, which changes nothing if it was: `lock bts` on x86, also where others wait. Acquire: meets the
        // Release of an unlock.
        self.state.fetch_or(LOCKED, Acquire) & LOCKED == 0
    }

    /// Locks, in a thread that has been woken to compete.
    pub(crate) fn lock_woken(&self) {
        self.lock_slow(WAKING, Instant::MAX);
    }

    /// `own` is WAKING if this thread is the one on its way, else 0.
    #[cold]
    fn lock_slow(&self, mut own: u32, deadline: Instant) -> bool {
        let mut looks = Looks::new();
        let mut is_late = deadline == Instant::MIN;
        loop {
            let state = self.state.load(Relaxed);
            if state & LOCKED == 0 {
                // A waiter gets the lock, if this is one: its time starts anew.
                let next = if own == 0 { state } else { since(state & !own, coarse_now()) };
                // Acquire: meets the Release of an unlock.
                if self.state.compare_exchange_weak(state, next | LOCKED, Acquire, Relaxed).is_ok() {
                    return true;
                }
                continue;
            }
            if is_late && own == 0 {
                return false;
            }
            // Also where others wait: with a thread for each processor, who has the lock is often about to unlock, and
            // to queue and be woken takes far longer. What bounds the others' time is the hand-over. (4 threads with
            // 200 steps inside and outside, on 2 processors: 0.4 × the time of queueing at once.)
            if !is_late && looks.spin() {
                continue;
            }
            match self.park(own, deadline) {
                ParkResult::Invalid => continue,
                ParkResult::Unparked(HANDED_OVER) => return true,
                ParkResult::Unparked(_) => own = WAKING,
                ParkResult::TimedOut => (own, is_late) = (0, true),
            }
            looks.reset();
        }
    }

    /// Blocks in the queue: in front, if this thread has been woken and came too late.
    fn park(&self, own: u32, deadline: Instant) -> ParkResult {
        let now = coarse_now();
        let (key, token) = (key(Kind::Mutex, self), DEFAULT_PARK_TOKEN);
        let validate = move || self.mark_parked(own, false, now);
        let timed_out = |_, was_last| self.left(was_last);
        if own == 0 {
            // SAFETY: the callbacks change the word and call nothing. Who parks in this space knows these tokens.
            unsafe { lot::park(key, validate, || {}, timed_out, token, deadline) }
        } else {
            // SAFETY: as above.
            unsafe { lot::park_in_front(key, validate, || {}, timed_out, token, deadline) }
        }
    }

    /// Notes that threads are in the queue, and that the one to which `own` belongs is not on its way any more. Called
    /// under the bucket's lock. False, and no change, if the mutex is free and that matters.
    pub(crate) fn mark_parked(&self, own: u32, even_if_free: bool, now: usize) -> bool {
        self.state.change(Relaxed, |state| {
            let is_first = state & (PARKED | WAKING) == 0;
            let next = (if is_first { since(state | PARKED, now) } else { state | PARKED }) & !own;
            (state & LOCKED != 0 || even_if_free).then_some(next)
        })
    }

    /// A waiter has left the queue without having been woken. Called under the bucket's lock.
    pub(crate) fn left(&self, was_last: bool) {
        if was_last {
            self.update(|state| since(state & !PARKED, since_of(state)));
        }
    }

    /// Unlocks where somebody waits or is on the way.
    #[cold]
    fn unlock_slow(&self, fair: bool) {
        let mut state = self.state.load(Relaxed);
        loop {
            let mut next = state & !LOCKED;
            if state & PARKED != 0 {
                let wakes = state & WAKING == 0 || fair;
                if wakes || reads_clock(state) {
                    let now = coarse_now();
                    if wakes || is_overdue(state, now) {
                        return self.unpark(fair, now);
                    }
                }
                next = counted(next);
            }
            // Release: meets the Acquire of the next lock.
            match self.state.compare_exchange_weak(state, next, Release, Relaxed) {
                Ok(_) => return,
                Err(found) => state = found,
            }
        }
    }

    /// Unlocks, and wakes the first waiter or hands over to it. All in the callback, since the mutex may be gone after
    /// it.
    fn unpark(&self, fair: bool, now: usize) {
        let callback = move |result: UnparkResult| {
            let parked = if result.have_more_threads { PARKED } else { 0 };
            let mut token = COMPETE;
            self.update(|state| {
                let rest = state & !(LOCKED | PARKED) | parked;
                if result.unparked_threads == 0 {
                    // All have run out of time.
                    return since(rest, since_of(state));
                }
                let hand_over = fair || state & WAKING != 0 || is_overdue(state, now);
                token = if hand_over { HANDED_OVER } else { COMPETE };
                if hand_over { since(rest | LOCKED, now) } else { rest | WAKING }
            });
            token
        };
        // SAFETY: the callback changes the word and calls nothing. Who parks in this space knows these tokens.
        unsafe { lot::unpark_one(key(Kind::Mutex, self), callback) };
    }

    /// Changes the word in one step.
    fn update(&self, mut next: impl FnMut(u32) -> u32) {
        // Release: meets the Acquire of the next lock, if this unlocks.
        self.state.change(Release, |state| Some(next(state)));
    }
}

/// Whether this unlock is one of those that read the clock.
const fn reads_clock(state: u32) -> bool {
    let count = state & COUNT;
    count & count.wrapping_sub(1) == 0
}

/// The word after one more unlock.
const fn counted(state: u32) -> u32 {
    state & !COUNT | (state + (1 << COUNT_SHIFT)) & COUNT
}

/// The flags of a word, with this time if anybody waits or is on the way.
const fn since(state: u32, time: usize) -> u32 {
    let flags = state & FLAGS;
    if flags & (PARKED | WAKING) == 0 { flags } else { flags | (time as u32) << TIME_SHIFT }
}

/// The time of a word.
const fn since_of(state: u32) -> usize {
    (state >> TIME_SHIFT) as usize
}

/// Whether no waiter has got the lock for long enough.
const fn is_overdue(state: u32, now: usize) -> bool {
    is_due(since_of(state), now, u32::BITS - TIME_SHIFT)
}

impl Default for RawMutex {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RawMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        let names = [(LOCKED, "locked"), (PARKED, "threads wait"), (WAKING, "one is on its way")];
        crate::debug::flags(f, "RawMutex", "free", names.map(|(flag, name)| (state & flag != 0, name)))
    }
}
