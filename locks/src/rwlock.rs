//! [`RawRwLock`]: many readers, or one writer.
//!
//! # The word
//! | bits | name | meaning | changed |
//! |---|---|---|---|
//! | 0 | WRITER | a writer has claimed the lock; it has it once no reader is left | by anyone |
//! | 1 | UPGRADABLE | a reader that may become the writer | by anyone |
//! | 2 | PARKED | threads are in the queue | under the bucket's lock |
//! | 3 | WAKING | woken threads are on their way, and compete | set under the bucket's lock, cleared by those threads |
//! | 4 | LEAVING | the writer that has claimed the lock sleeps until the readers have left | by that writer |
//! | 5…18 | time | when a waiter last got in, or the first began to wait | with PARKED and WAKING |
//! | 19… | readers | how many there are, without the upgradable one | by anyone |
//!
//! All bits are zero when the lock is free and nobody waits. Each change is one read-modify-write, so whoever reads the
//! word with Acquire sees all that was released before.
//!
//! # The policy
//! A writer claims the lock while readers are still in, which keeps further readers out, and waits for the last one to
//! leave. So readers do not starve writers. Claims are as a mutex is: who finds it free takes it, a release wakes the
//! head of the queue and lets it compete, and once no waiter has got in for 0.5 ms a release hands over. The head of
//! the queue is all threads up to the first writer, and that writer: the readers get in at once, and the writer claims
//! what they leave. So writers do not starve readers.

use crate::key::{Kind, key};
use crate::patience::{coarse_now, is_due};
use crate::sync::atomic::AtomicUsize;
use crate::sync::lot::{
    self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken, UnparkResult, UnparkToken,
};
use crate::sync::{Instant, Looks, const_constructor};
use crate::word::Word as _;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const WRITER: usize = 1;
const UPGRADABLE: usize = 2;
const PARKED: usize = 4;
const WAKING: usize = 8;
const LEAVING: usize = 16;
const TIME_SHIFT: u32 = 5;
const TIME_BITS: u32 = 14;
const TIME: usize = ((1 << TIME_BITS) - 1) << TIME_SHIFT;
/// One reader.
const READER: usize = 1 << (TIME_SHIFT + TIME_BITS);
/// From here on there is room for one reader more: the one that an upgradable reader may become.
const FULL: usize = usize::MAX - (2 * READER - 1);

/// The woken threads are on their way, as WAKING says.
const COMPETE: UnparkToken = UnparkToken(1);
/// The woken threads are in; a writer has claimed the lock.
const HANDED_OVER: UnparkToken = UnparkToken(2);

/// How a thread wants to have the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Shared,
    /// Also while a writer waits for readers, of which the thread is one.
    Recursive,
    Upgradable,
    /// To claim it.
    Exclusive,
}

impl Access {
    /// The word with this thread in, if that is possible now.
    const fn enter(self, state: usize) -> Option<usize> {
        let (is_possible, added) = match self {
            Self::Shared => (state & WRITER == 0 && state < FULL, READER),
            Self::Recursive => ((state & WRITER == 0 || state >= READER) && state < FULL, READER),
            Self::Upgradable => (state & (WRITER | UPGRADABLE) == 0 && state < FULL, UPGRADABLE),
            Self::Exclusive => (state & (WRITER | UPGRADABLE) == 0, WRITER),
        };
        if is_possible { Some(state + added) } else { None }
    }

    const fn token(self) -> ParkToken {
        ParkToken(match self {
            Self::Shared | Self::Recursive => READER,
            Self::Upgradable => UPGRADABLE,
            Self::Exclusive => WRITER,
        })
    }
}

/// A reader-writer lock without data: one word, all zero when free.
///
/// Take it for a lock that C shares, or as the lock in a type of your own; [`RwLock`](crate::RwLock) has guards and the
/// data inside. It pays where reading takes long, a microsecond or more; for less, a [`RawMutex`](crate::RawMutex) is
/// as fast.
///
/// - **Accesses.** *Shared*: many readers. *Exclusive*: one writer. *Upgradable*: one reader beside the others, which
///   can become the writer without letting another in between.
/// - **Costs.** Locking and unlocking are one atomic operation each if nobody else wants the lock.
/// - **Fairness.** Readers are kept out as soon as a writer waits for others to leave, so a thread that has the lock
///   shared and wants it once more must use [`lock_shared_recursive`](Self::lock_shared_recursive). Starvation is
///   bounded, of writers and of readers: once no waiter has got in for 0.5 ms, or for a tick of the clock where that is
///   longer, the next release hands over to all readers that wait in front and the writer behind them. The fair
///   unlocks do so at once. No priority inheritance.
/// - **Limits.** With 8,190 readers (2^45 on 64 bits), further ones wait until one leaves.
/// - **Time-outs** are never early, a thread that runs out of time tries once more, and a writer that does lets in who
///   waits behind it.
/// - **Freeing.** The lock may be freed once no thread holds it, waits for it or will call it: an unlock does not touch
///   it after another thread could lock it.
/// - **Suspended threads** that have been woken delay nobody as long as others lock and unlock, except a writer that
///   has claimed the lock. One that is still in the queue may be handed the lock, and then has it until it goes on.
/// - **The end of the process.** A lock whose holder was killed stays locked: `try_…` calls fail, and waits without a
///   deadline end the process, as with a slim reader/writer lock.
#[repr(transparent)]
pub struct RawRwLock {
    state: AtomicUsize,
}

impl RawRwLock {
    const_constructor! {
        /// A free lock.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicUsize::new(0) }
        }
    }

    /// Locks shared, and waits as long as a writer has or claims the lock.
    #[inline]
    pub fn lock_shared(&self) {
        if !self.try_enter_once(Access::Shared) {
            self.lock_slow(Access::Shared, Instant::MAX);
        }
    }

    /// Locks shared if no writer has or claims the lock. True if it did.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_shared(&self) -> bool {
        self.try_lock_shared_until(Instant::MIN)
    }

    /// Locks shared, and waits no longer than until `deadline`. True if it has the lock.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_shared_until(&self, deadline: Instant) -> bool {
        self.try_enter_once(Access::Shared) || self.lock_slow(Access::Shared, deadline)
    }

    /// As [`lock_shared`](Self::lock_shared), for a thread that may have the lock shared already: it is let in even if
    /// a writer waits for readers to leave. Used by other threads, it delays that writer.
    #[inline]
    pub fn lock_shared_recursive(&self) {
        if !self.try_enter_once(Access::Recursive) {
            self.lock_slow(Access::Recursive, Instant::MAX);
        }
    }

    /// As [`lock_shared_recursive`](Self::lock_shared_recursive), if that is possible at once. True if it did.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_shared_recursive(&self) -> bool {
        self.try_lock_shared_recursive_until(Instant::MIN)
    }

    /// As [`lock_shared_recursive`](Self::lock_shared_recursive), and waits no longer than until `deadline`. True if it
    /// has the lock.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_shared_recursive_until(&self, deadline: Instant) -> bool {
        self.try_enter_once(Access::Recursive) || self.lock_slow(Access::Recursive, deadline)
    }

    /// Unlocks, after a shared lock.
    ///
    /// # Safety
    /// The lock is held shared, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_shared(&self) {
        Self::leave(self, false);
    }

    /// Unlocks after a shared lock, and hands over to those that have waited longest, if this was the last reader.
    ///
    /// # Safety
    /// The lock is held shared, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_shared_fair(&self) {
        Self::leave(self, true);
    }

    /// Locks exclusively, and waits as long as others have the lock.
    #[inline]
    pub fn lock_exclusive(&self) {
        if !self.try_lock_exclusive_fast() {
            self.lock_slow(Access::Exclusive, Instant::MAX);
        }
    }

    /// Locks exclusively if nobody has the lock. True if it did.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_exclusive(&self) -> bool {
        self.try_lock_exclusive_fast() || self.try_lock_exclusive_slow()
    }

    /// Locks exclusively, and waits no longer than until `deadline`. True if it has the lock.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_exclusive_until(&self, deadline: Instant) -> bool {
        self.try_lock_exclusive_fast() || self.lock_slow(Access::Exclusive, deadline)
    }

    /// Unlocks, after an exclusive lock.
    ///
    /// # Safety
    /// The lock is held exclusively, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_exclusive(&self) {
        // WRITER=>free. Release: meets the Acquire of the next lock.
        if self.state.compare_exchange(WRITER, 0, Release, Relaxed).is_err() {
            self.release(WRITER, 0, false);
        }
    }

    /// Unlocks after an exclusive lock, and hands over to those that have waited longest, if there are any.
    ///
    /// # Safety
    /// The lock is held exclusively, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_exclusive_fair(&self) {
        // As in `unlock_exclusive`.
        if self.state.compare_exchange(WRITER, 0, Release, Relaxed).is_err() {
            self.release(WRITER, 0, true);
        }
    }

    /// Locks upgradably, and waits as long as a writer or another upgradable reader has or claims the lock.
    #[inline]
    pub fn lock_upgradable(&self) {
        if !self.try_enter_once(Access::Upgradable) {
            self.lock_slow(Access::Upgradable, Instant::MAX);
        }
    }

    /// Locks upgradably if neither a writer nor another upgradable reader has or claims the lock. True if it did.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_upgradable(&self) -> bool {
        self.try_lock_upgradable_until(Instant::MIN)
    }

    /// Locks upgradably, and waits no longer than until `deadline`. True if it has the lock.
    #[inline]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_upgradable_until(&self, deadline: Instant) -> bool {
        self.try_enter_once(Access::Upgradable) || self.lock_slow(Access::Upgradable, deadline)
    }

    /// Unlocks, after an upgradable lock.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_upgradable(&self) {
        self.release(UPGRADABLE, 0, false);
    }

    /// Unlocks after an upgradable lock, and hands over to those that have waited longest, if there are any.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[inline]
    pub unsafe fn unlock_upgradable_fair(&self) {
        self.release(UPGRADABLE, 0, true);
    }

    /// Makes an upgradable lock exclusive: keeps readers out, and waits for those that are in. No other writer comes in
    /// between.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[inline]
    pub unsafe fn upgrade(&self) {
        // Without a limit, it succeeds. SAFETY: as the caller promises.
        let _ = unsafe { self.try_upgrade_until(Instant::MAX) };
    }

    /// Makes an upgradable lock exclusive if there are no other readers. True if it did; else it stays upgradable.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[must_use = "false means that the lock is still upgradable"]
    pub unsafe fn try_upgrade(&self) -> bool {
        // Acquire: meets the Release of the readers that have left.
        self.state.change(Acquire, |state| (state < READER).then_some(state - UPGRADABLE + WRITER))
    }

    /// Makes an upgradable lock exclusive, and waits for readers no longer than until `deadline`. True if it did; else
    /// it stays upgradable.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[must_use = "false means that the lock is still upgradable"]
    pub unsafe fn try_upgrade_until(&self, deadline: Instant) -> bool {
        // UPGRADABLE=>WRITER, in one step.
        self.state.fetch_sub(UPGRADABLE - WRITER, Relaxed);
        self.await_readers(UPGRADABLE, deadline)
    }

    /// Makes an exclusive lock shared, and lets other readers in.
    ///
    /// # Safety
    /// The lock is held exclusively, by the caller or on its behalf.
    pub unsafe fn downgrade(&self) {
        self.release(WRITER, READER, false);
    }

    /// Makes an exclusive lock upgradable, and lets readers in.
    ///
    /// # Safety
    /// The lock is held exclusively, by the caller or on its behalf.
    pub unsafe fn downgrade_to_upgradable(&self) {
        self.release(WRITER, UPGRADABLE, false);
    }

    /// Makes an upgradable lock shared, and lets others claim the lock.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    pub unsafe fn downgrade_upgradable(&self) {
        self.release(UPGRADABLE, READER, false);
    }

    /// Lets those that have waited longest have the lock, and then takes it again, shared. Does nothing if nobody
    /// waits.
    ///
    /// # Safety
    /// The lock is held shared, by the caller or on its behalf.
    #[inline]
    pub unsafe fn bump_shared(&self) {
        if self.state.load(Relaxed) & (PARKED | LEAVING) != 0 {
            Self::leave(self, true);
            self.lock_shared();
        }
    }

    /// Lets those that have waited longest have the lock, and then takes it again, exclusively. Does nothing if nobody
    /// waits.
    ///
    /// # Safety
    /// The lock is held exclusively, by the caller or on its behalf.
    #[inline]
    pub unsafe fn bump_exclusive(&self) {
        if self.state.load(Relaxed) & PARKED != 0 {
            self.release(WRITER, 0, true);
            self.lock_exclusive();
        }
    }

    /// Lets those that have waited longest have the lock, and then takes it again, upgradably. Does nothing if nobody
    /// waits.
    ///
    /// # Safety
    /// The lock is held upgradably, by the caller or on its behalf.
    #[inline]
    pub unsafe fn bump_upgradable(&self) {
        if self.state.load(Relaxed) & PARKED != 0 {
            self.release(UPGRADABLE, 0, true);
            self.lock_upgradable();
        }
    }

    /// Whether anybody has the lock now.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let state = self.state.load(Relaxed);
        state & (WRITER | UPGRADABLE) != 0 || state >= READER
    }

    /// Whether readers have the lock now, beside an upgradable one.
    #[must_use]
    pub fn is_locked_shared(&self) -> bool {
        self.state.load(Relaxed) >= READER
    }

    /// Whether an upgradable reader has the lock now.
    #[must_use]
    pub fn is_locked_upgradable(&self) -> bool {
        self.state.load(Relaxed) & UPGRADABLE != 0
    }

    /// Whether a writer has the lock now. One that still waits for readers has not.
    #[must_use]
    pub fn is_locked_exclusive(&self) -> bool {
        let state = self.state.load(Relaxed);
        state & WRITER != 0 && state < READER
    }

    #[inline]
    fn try_lock_exclusive_fast(&self) -> bool {
        // free=>WRITER. Acquire: meets the Release of an unlock.
        self.state.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok()
    }

    /// Locks if nobody has the lock, though threads wait.
    #[cold]
    fn try_lock_exclusive_slow(&self) -> bool {
        let is_free = |state| state < READER && state & (WRITER | UPGRADABLE) == 0;
        // Acquire: as above.
        self.state.change(Acquire, |state| is_free(state).then_some(state | WRITER))
    }

    /// Gets in if that takes a single try.
    #[inline]
    fn try_enter_once(&self, access: Access) -> bool {
        let state = self.state.load(Relaxed);
        // Acquire: meets the Release of a writer's unlock.
        access.enter(state).is_some_and(|next| self.state.compare_exchange(state, next, Acquire, Relaxed).is_ok())
    }

    #[cold]
    fn lock_slow(&self, access: Access, deadline: Instant) -> bool {
        let mut looks = Looks::new();
        let mut is_late = deadline == Instant::MIN;
        // WAKING if this thread is one of those on their way.
        let mut own = 0;
        loop {
            let state = self.state.load(Relaxed);
            if let Some(next) = access.enter(state) {
                // A waiter gets in, if this is one: its time starts anew.
                let next = if own == 0 { next } else { since(next & !own, coarse_now()) };
                // Acquire: meets the Release of a writer's unlock.
                if self.state.compare_exchange_weak(state, next, Acquire, Relaxed).is_ok() {
                    break;
                }
                continue;
            }
            if is_late && own == 0 {
                return false;
            }
            // Those in the queue go first, so who would join them need not look for long.
            if !is_late && (state & PARKED == 0 || own != 0) && looks.spin() {
                continue;
            }
            match self.park(access, own, deadline) {
                ParkResult::Invalid => continue,
                ParkResult::Unparked(HANDED_OVER) => break,
                ParkResult::Unparked(_) => own = WAKING,
                ParkResult::TimedOut => {
                    (own, is_late) = (0, true);
                    self.let_in();
                }
            }
            looks.reset();
        }
        access != Access::Exclusive || self.await_readers(0, deadline)
    }

    /// This thread has left the queue: it may have been all that kept out those behind it.
    fn let_in(&self) {
        let state = self.state.load(Relaxed);
        if state & PARKED != 0 && state & WRITER == 0 {
            Self::wake(self, 0, 0, true, coarse_now());
        }
    }

    /// Blocks in the queue: in front, if this thread has been woken and came too late.
    fn park(&self, access: Access, own: usize, deadline: Instant) -> ParkResult {
        let now = coarse_now();
        // =>PARKED, as long as the thread cannot get in. It is not on its way any more.
        let validate = move || {
            self.state.change(Relaxed, |state| {
                let is_first = state & (PARKED | WAKING) == 0;
                let next = (if is_first { since(state | PARKED, now) } else { state | PARKED }) & !own;
                access.enter(state).is_none().then_some(next)
            })
        };
        let timed_out = |_, was_last| {
            if was_last {
                update(&self.state, |state| since(state & !PARKED, since_of(state)));
            }
        };
        let (key, token) = (key(Kind::RwLock, self), access.token());
        if own == 0 {
            // SAFETY: the callbacks change the word and call nothing. Who parks in this space knows these tokens.
            unsafe { lot::park(key, validate, || {}, timed_out, token, deadline) }
        } else {
            // SAFETY: as above.
            unsafe { lot::park_in_front(key, validate, || {}, timed_out, token, deadline) }
        }
    }

    /// Waits for the readers to leave what this thread has claimed. True if they have; else the lock is as `before`
    /// was.
    fn await_readers(&self, before: usize, deadline: Instant) -> bool {
        let mut looks = Looks::new();
        let mut is_late = deadline == Instant::MIN;
        loop {
            // Acquire: meets the Release of each reader.
            let state = self.state.load(Acquire);
            if state < READER {
                if state & LEAVING != 0 {
                    self.state.fetch_and(!LEAVING, Relaxed);
                }
                return true;
            }
            if is_late {
                self.release(WRITER, before, true);
                return false;
            }
            if !looks.spin() {
                is_late = self.park_for_readers(deadline) == ParkResult::TimedOut;
                looks.reset();
            }
        }
    }

    fn park_for_readers(&self, deadline: Instant) -> ParkResult {
        // =>LEAVING, as long as there are readers.
        let validate = || self.state.change(Relaxed, |state| (state >= READER).then_some(state | LEAVING));
        let timed_out = |_, _| {
            self.state.fetch_and(!LEAVING, Relaxed);
        };
        // SAFETY: the callbacks change the word and call nothing. Tokens mean nothing in this space.
        unsafe { lot::park(key(Kind::Readers, self), validate, || {}, timed_out, DEFAULT_PARK_TOKEN, deadline) }
    }

    /// A reader leaves.
    #[inline]
    fn leave(lock: *const Self, fair: bool) {
        // SAFETY: alive, since the lock is held. Release: meets the Acquire of the next writer.
        let state = unsafe { &*lock }.state.fetch_sub(READER, Release);
        if state & (PARKED | LEAVING) != 0 {
            Self::leave_slow(lock, state, fair);
        }
    }

    /// A reader has left where somebody waits. The lock may be gone.
    #[cold]
    fn leave_slow(lock: *const Self, state: usize, fair: bool) {
        let was_last = state < 2 * READER;
        if state & LEAVING != 0 && was_last {
            // SAFETY: nothing is called. Tokens mean nothing in this space, and a writer that is woken looks again.
            unsafe { lot::unpark_n(key(Kind::Readers, lock), 1, DEFAULT_UNPARK_TOKEN) };
        } else if state & PARKED != 0 && state & WRITER == 0 {
            let now = coarse_now();
            if is_overdue(state, now) || (was_last || state >= FULL) && (fair || state & WAKING == 0) {
                Self::wake(lock, 0, 0, fair, now);
            }
        }
    }

    /// Replaces an access that is held by another, or by none, and wakes who waits.
    #[cold]
    fn release(&self, held: usize, kept: usize, fair: bool) {
        let mut state = self.state.load(Relaxed);
        loop {
            if state & PARKED != 0 {
                let now = coarse_now();
                if state & WAKING == 0 || fair || is_overdue(state, now) {
                    return Self::wake(self, held, kept, fair, now);
                }
            }
            // Release: meets the Acquire of the next lock.
            match self.state.compare_exchange_weak(state, state - held + kept, Release, Relaxed) {
                Ok(_) => return,
                Err(found) => state = found,
            }
        }
    }

    /// Replaces an access that is held, and wakes the head of the queue or hands over to it. With nothing held, the
    /// lock may be gone: then it is touched only while somebody is in its queue, and not after the callback.
    fn wake(lock: *const Self, held: usize, kept: usize, fair: bool, now: usize) {
        // SAFETY: called where the lock is alive, see above.
        let state = || unsafe { &(*lock).state };
        let head = Cell::new(Head::default());
        let filter = |token: ParkToken| {
            let rest = state().load(Relaxed) - held + kept;
            if rest & WRITER != 0 {
                // Another has been quicker; its release wakes them.
                return FilterOp::Stop;
            }
            let (op, longer) = head.get().and(token, rest & UPGRADABLE == 0);
            head.set(longer);
            op
        };
        let callback = |result: UnparkResult| {
            let mut token = COMPETE;
            if held == 0 && result.unparked_threads == 0 {
                return token;
            }
            let parked = if result.have_more_threads { PARKED } else { 0 };
            update(state(), |state| {
                let rest = (state - held + kept) & !PARKED | parked;
                if result.unparked_threads == 0 {
                    return since(rest, since_of(state));
                }
                let hand_over = fair || state & WAKING != 0 || is_overdue(state, now);
                let handed_over = if hand_over { head.get().enter(rest) } else { None };
                token = if handed_over.is_some() { HANDED_OVER } else { COMPETE };
                handed_over.map_or(rest | WAKING, |next| since(next, now))
            });
            token
        };
        // SAFETY: the callbacks use the word and call nothing. Who parks in this space knows these tokens.
        unsafe { lot::unpark_filter(key(Kind::RwLock, lock), filter, callback) };
    }
}

/// The head of the queue: who is woken at once.
#[derive(Clone, Copy, Default)]
struct Head {
    /// READER for each reader.
    readers: usize,
    upgradable: usize,
    writer: usize,
}

impl Head {
    /// What is to be done with the next thread in the queue, and the head with it.
    const fn and(mut self, token: ParkToken, can_claim: bool) -> (FilterOp, Self) {
        let is_reader = token.0 == READER;
        if self.writer != 0 || (!is_reader && can_claim && self.upgradable != 0) {
            return (FilterOp::Stop, self);
        }
        match token.0 {
            READER => self.readers += READER,
            // There is an upgradable reader, which lets more readers in, and nobody else.
            _ if !can_claim => return (FilterOp::Skip, self),
            UPGRADABLE => self.upgradable = UPGRADABLE,
            _ => self.writer = WRITER,
        }
        (FilterOp::Unpark, self)
    }

    /// The word with all of them in, the writer as one that claims; if that is possible.
    fn enter(self, state: usize) -> Option<usize> {
        let claims = self.upgradable | self.writer;
        if state & WRITER != 0 || (claims != 0 && state & UPGRADABLE != 0) {
            return None;
        }
        state.checked_add(self.readers).filter(|&state| state < FULL + READER).map(|state| state | claims)
    }
}

/// Changes the word in one step.
fn update(word: &AtomicUsize, mut next: impl FnMut(usize) -> usize) {
    // Release: meets the Acquire of the next lock, if this unlocks. Acquire: who lets others in without having had the
    // lock passes on what was released before.
    word.change(AcqRel, |state| Some(next(state)));
}

/// The word with this time if anybody waits or is on the way.
const fn since(state: usize, time: usize) -> usize {
    let rest = state & !TIME;
    if rest & (PARKED | WAKING) == 0 { rest } else { rest | (time << TIME_SHIFT) & TIME }
}

/// The time of a word.
const fn since_of(state: usize) -> usize {
    (state & TIME) >> TIME_SHIFT
}

/// Whether no waiter has got in for long enough.
const fn is_overdue(state: usize, now: usize) -> bool {
    is_due(since_of(state), now, TIME_BITS)
}

impl Default for RawRwLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RawRwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Relaxed);
        crate::debug::flags(
            f,
            "RawRwLock",
            "free",
            [
                (state >= READER, "shared"),
                (state & UPGRADABLE != 0, "upgradable"),
                (state & WRITER != 0 && state >= READER, "claimed by a writer"),
                (state & WRITER != 0 && state < READER, "exclusive"),
                (state & PARKED != 0, "threads wait"),
                (state & WAKING != 0, "some are on their way"),
            ],
        )
    }
}
