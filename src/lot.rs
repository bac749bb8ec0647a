//! Wait queues by address, for authors of locks: parking_lot_core's, without std, heap or thread-locals.
//!
//! A thread [parks](park) under a *key*, usually the address of the object that it waits for; another
//! [unparks](unpark_one) threads by the same key. So the object itself needs no room for a queue: a bit that says
//! "somebody waits" is enough, and a lock can be a byte.
//!
//! Names and meaning are those of the crate `parking_lot_core` 0.10. What differs: a deadline is an [`Instant`], and
//! [`Instant::MAX`] is none; a [`Key`] has a *space* beside its address; there are [`park_in_front`] and [`unpark_n`]
//! besides; and everything works under the loader's lock, in a global allocator, and while the process is ending.
//!
//! # What is promised
//! - **Order.** Threads with the same key are unparked first come, first served, except those that parked
//!   [in front](park_in_front). A requeued thread becomes the last of its new key.
//! - **Exact counts.** Each thread that a call counts as unparked returns [`ParkResult::Unparked`], with the token of
//!   that call, even if its deadline passes meanwhile; and no other thread does.
//! - **Freed memory.** A key is a number: its memory is never touched here. A thread may free it as soon as it knows
//!   that nobody will park there any more. An unpark that comes late wakes whoever parks under that key by then: in
//!   [spaces](Key::in_space) of their own, kinds of objects do not meet.
//! - **Visibility.** Everything before an unpark is visible after the park that it ends.
//! - **Unwinding.** Callbacks should not unwind. If one does, all locks are released and no thread is lost: after
//!   `validate`, `filter` or `callback` nothing has changed; after `before_sleep` the thread has left the queue, with
//!   the wake that had met it already, if any; after `timed_out` as well.
//! - **The end of the process.** While the process is [ending](crate::Backend::is_process_ending), all other threads
//!   have been killed, perhaps in the midst of a change here. Then no queue is looked at: an unpark finds nobody, a
//!   park with a deadline lasts until then, and one without ends the process. Callbacks are called all the same, so
//!   that a lock can be released: no other thread is left to be locked out.
//! - **Suspended threads.** A thread that waits or is about to return may be suspended, and delays nobody (but see
//!   [`Parker`](crate::Parker) on keyed events). One that is suspended while it changes a queue, or is about to get the
//!   lock for that, or has just released it, delays those whose keys are in the same bucket; one that is suspended
//!   while it unparks, those that it has taken out of their queue and whose deadline does not pass.
//! - **Not promised.** A thread that waits must not be killed while the process goes on (`TerminateThread`): its place
//!   in the queue is on its stack. Interrupt handlers of a kernel must not call anything here, which takes locks.
//! - **Two copies** of this library in one process have two tables, and their threads do not meet.
//!
//! # Costs
//! A table of 16 KiB, all zero, in programs that use this. A wait takes some 100 bytes of stack more than its backend
//! does, and on Windows 240 more: see "Same call path" below. An unpark of a key takes one step for each other *key* of
//! its bucket, not for each thread.
//!
//! # Same call path
//! `WaitOnAddress` keeps its waiters in a table of its own, by address. Threads that reach a wait by the same path may
//! have their stacks at equal distances, and so may their parkers: all land in one place of that table, and each wake
//! walks past all the others. Here, each thread's place on its stack is chosen among 16. Parkers of your own on
//! stacks have that problem too; in statics or on the heap they do not.
//!
//! # Safety
//! All functions are unsafe:
//!
//! 1. `validate`, `timed_out`, `filter` and `callback` run under the lock of a bucket. They must not call
//!    anything in this module, in [`futex`](crate::futex) or in a lock made of them, and should neither block nor call
//!    the system.
//! 2. `before_sleep` runs without a lock, while the thread is queued. It must not park here.
//! 3. Keys are shared by all code of the process that uses their space. Code that parks or unparks a key must know what
//!    the threads that park there make of a token, which may well be "the lock is yours": usually the key is the
//!    address of an object of one's own.

pub(crate) mod bucket_lock;
pub(crate) mod callback;
mod key;
pub(crate) mod queue;
pub(crate) mod table;

use crate::backend::Backend;
use crate::sync::atomic::fence;
use crate::time::Instant;
use callback::Callback;
use core::cell::Cell;
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use queue::{Bucket, Handles, Left, Progress, Taken, Waiter};
use table::{Guard, bucket};

pub use key::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, Key, ParkToken, UnparkToken};

/// How a park ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParkResult {
    /// Another thread unparked this one, with this token.
    Unparked(UnparkToken),
    /// `validate` returned false.
    Invalid,
    /// The deadline passed, and nobody had unparked this thread.
    TimedOut,
}

impl ParkResult {
    /// Whether another thread unparked this one.
    #[must_use]
    pub const fn is_unparked(self) -> bool {
        matches!(self, Self::Unparked(_))
    }
}

/// What an unpark has done, or is about to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UnparkResult {
    /// How many threads are unparked.
    pub unparked_threads: usize,
    /// How many threads are moved to the other key.
    pub requeued_threads: usize,
    /// Whether other threads stay in the queue of the key.
    pub have_more_threads: bool,
    /// Set for one unpark in some 0.5 ms, if it unparks a thread: time for a lock that lets others overtake to hand
    /// itself over instead.
    pub be_fair: bool,
}

/// What a requeue is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequeueOp {
    /// Nothing.
    Abort,
    /// Unpark one thread and move the others.
    UnparkOneRequeueRest,
    /// Move all threads.
    RequeueAll,
    /// Unpark one thread and leave the others.
    UnparkOne,
    /// Move one thread and leave the others.
    RequeueOne,
    /// Unpark the first `unpark` threads, move the next `requeue`, and leave the others.
    Count {
        /// How many to unpark.
        unpark: usize,
        /// How many to move.
        requeue: usize,
    },
}

/// What is to be done with a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterOp {
    /// Unpark it, and go on.
    Unpark,
    /// Leave it, and go on.
    Skip,
    /// Leave it and all that come after it.
    Stop,
}

/// Blocks the thread in the queue of a key, until unparked or until `deadline`, [`Instant::MAX`] for no limit.
///
/// `validate` is called with the bucket locked, once; false means that there is nothing to wait for. What another
/// thread writes before it unparks this key is either seen by `validate`, or that unpark finds this thread.
/// `before_sleep` is called once the thread is queued, without the lock: usually it unlocks something. `timed_out` is
/// called with the bucket locked, with the key that the thread has waited for last, and whether it was the last one in
/// that key's queue.
///
/// A past deadline does not block. No wakeup is spurious.
///
/// # Safety
/// The module's conditions.
pub unsafe fn park(
    key: impl Into<Key>,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(Key, bool),
    park_token: ParkToken,
    deadline: Instant,
) -> ParkResult {
    park_at(key.into(), false, validate, before_sleep, timed_out, park_token, deadline)
}

/// As [`park`], but as the first in the queue: for a thread that has been unparked and has come too late.
///
/// # Safety
/// The module's conditions.
pub unsafe fn park_in_front(
    key: impl Into<Key>,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(Key, bool),
    park_token: ParkToken,
    deadline: Instant,
) -> ParkResult {
    park_at(key.into(), true, validate, before_sleep, timed_out, park_token, deadline)
}

/// Makes the callbacks, of which each is called once at the most, such that one function serves all.
#[inline]
fn park_at(
    key: Key,
    in_front: bool,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(Key, bool),
    park_token: ParkToken,
    deadline: Instant,
) -> ParkResult {
    park_dyn(
        key,
        in_front,
        &mut Callbacks {
            validate: Callback::once(&mut Some(|()| validate())),
            before_sleep: Callback::once(&mut Some(|()| before_sleep())),
            timed_out: Callback::once(&mut Some(|(waiter, was_last): (*const Waiter, bool)| {
                // SAFETY: alive, as long as this is called.
                timed_out(unsafe { &*waiter }.key(), was_last);
            })),
        },
        park_token,
        deadline,
    )
}

/// What a park calls.
pub(crate) struct Callbacks<'a> {
    pub(crate) validate: Callback<'a, (), bool>,
    pub(crate) before_sleep: Callback<'a, (), ()>,
    /// The waiter, which is alive then, and whether it was the last one of its key.
    pub(crate) timed_out: Callback<'a, (*const Waiter, bool), ()>,
}

/// Room for a waiter at one of several places; see "Same call path" in the module's documentation.
#[repr(C)]
struct Room {
    places: [MaybeUninit<[u64; 2]>; Self::PLACES - 1],
    last: MaybeUninit<Waiter>,
}

impl Room {
    /// 16 bytes apart, as far as the addresses in one entry of Wine's table.
    const PLACES: usize = if cfg!(windows) { 16 } else { 1 };

    /// Puts a waiter in a place that differs from thread to thread, as stacks do.
    fn put(&mut self, waiter: Waiter) -> *const Waiter {
        let room = ptr::from_mut(self);
        // Stacks lie at multiples of 64 KiB on Windows, or close; a page's number tells them apart.
        let page = (room.addr() >> 12) as u32;
        let place = page.wrapping_mul(0x9E37_79B9) as usize >> 28 & (Self::PLACES - 1);
        let waiter_at = room.cast::<[u64; 2]>().wrapping_add(place).cast::<Waiter>();
        // SAFETY: within the room, which ends one waiter after the last place and has its alignment; and nobody else
        // uses it.
        unsafe { waiter_at.write(waiter) };
        waiter_at
    }
}
static_assertions::const_assert!(align_of::<Waiter>() <= 16 && Room::PLACES.is_power_of_two());

#[inline(never)]
pub(crate) fn park_dyn(
    key: Key,
    in_front: bool,
    callbacks: &mut Callbacks<'_>,
    token: ParkToken,
    deadline: Instant,
) -> ParkResult {
    let bucket = bucket(key);
    let mut room = Room { places: [const { MaybeUninit::uninit() }; Room::PLACES - 1], last: MaybeUninit::uninit() };
    let at = room.put(Waiter::new(key, token, bucket));
    // SAFETY: it was put there.
    let waiter = unsafe { &*at };
    waiter.parker.prepare_park();
    if Backend::is_ending() {
        // Nobody else is alive, so nobody else is in the queue, and nobody holds its lock.
        if !callbacks.validate.call(()) {
            return ParkResult::Invalid;
        }
        callbacks.before_sleep.call(());
        let _ = waiter.parker.park_until(deadline);
        callbacks.timed_out.call((at, true));
        return ParkResult::TimedOut;
    }
    {
        let guard = Guard::lock(bucket);
        // Meets the fence of a wake that finds nobody: either that sees the lock, or `validate` sees what was written
        // before it.
        fence(SeqCst);
        if !callbacks.validate.call(()) {
            return ParkResult::Invalid;
        }
        // SAFETY: the lock is held; the waiter is new, of this bucket, and stays until it is out of all rings, by
        // `Queued` at the latest.
        unsafe { bucket.add(at, in_front) };
        drop(guard);
    }
    let queued = Queued(at);
    callbacks.before_sleep.call(());
    if waiter.parker.park_until(deadline) {
        queued.forget();
        return ParkResult::Unparked(UnparkToken(waiter.token.get()));
    }
    match queued.leave(&mut callbacks.timed_out) {
        Left::Queue { .. } => ParkResult::TimedOut,
        Left::Woken => ParkResult::Unparked(UnparkToken(waiter.token.get())),
    }
}

/// A waiter in a queue: takes itself out, even if `before_sleep` unwinds.
struct Queued(*const Waiter);

impl Queued {
    /// It is out already.
    fn forget(self) {
        mem::forget(self);
    }

    fn leave(self, timed_out: &mut Callback<'_, (*const Waiter, bool), ()>) -> Left {
        let waiter = self.0;
        self.forget();
        Self::leave_and(waiter, timed_out)
    }

    fn leave_and(waiter: *const Waiter, timed_out: &mut Callback<'_, (*const Waiter, bool), ()>) -> Left {
        // SAFETY: this thread's own.
        let own = unsafe { &*waiter };
        loop {
            let seen = own.bucket.load(Relaxed);
            // SAFETY: a bucket of the table.
            let bucket: &'static Bucket = unsafe { &*seen };
            let _guard = Guard::lock(bucket);
            // It may have been moved to another key meanwhile.
            if own.bucket.load(Relaxed) != seen {
                continue;
            }
            // SAFETY: the lock is held, of the waiter's bucket.
            let left = unsafe { bucket.leave(waiter) };
            if let Left::Queue { was_last } = left {
                timed_out.call((waiter, was_last));
            }
            return left;
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        Self::leave_and(self.0, &mut Callback::new(&mut |_| {}));
    }
}

/// Unparks the first thread in a key's queue, if there is one.
///
/// `callback` is called with the bucket locked, before the thread is unparked, whether there is one or not. It says
/// which token the thread gets.
///
/// # Safety
/// The module's conditions.
pub unsafe fn unpark_one(key: impl Into<Key>, callback: impl FnOnce(UnparkResult) -> UnparkToken) -> UnparkResult {
    unpark_with(key.into(), 1, None, None, callback)
}

/// Unparks as many threads of a key as `filter` says, which is called for each in order, with the token that it parked
/// with.
///
/// `callback` is called after that, as by [`unpark_one`]; all threads get its token.
///
/// # Safety
/// The module's conditions.
pub unsafe fn unpark_filter(
    key: impl Into<Key>,
    mut filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    unpark_with(key.into(), 0, Some(&mut Callback::new(&mut filter)), None, callback)
}

/// Unparks the first `count` threads of a key, or as many as there are, and returns how many.
///
/// If nobody waits, this takes no lock and writes nothing.
///
/// # Safety
/// The module's conditions.
pub unsafe fn unpark_n(key: impl Into<Key>, count: usize, token: UnparkToken) -> usize {
    let key = key.into();
    if is_idle(key) {
        return 0;
    }
    wake_dyn(key, count, None, None, Callback::new(&mut |_| token), false).unparked_threads
}

/// Unparks all threads of a key, and returns how many.
///
/// If nobody waits, this takes no lock and writes nothing.
///
/// # Safety
/// The module's conditions.
pub unsafe fn unpark_all(key: impl Into<Key>, token: UnparkToken) -> usize {
    // SAFETY: as the caller promises.
    unsafe { unpark_n(key, usize::MAX, token) }
}

/// Unparks the first threads of `key_from`, or none, and makes the next, all others or none wait for `key_to` instead,
/// as `validate` says. They come after those that wait there already.
///
/// `validate` and `callback` are called with both buckets locked; `callback` before anything is done, with what
/// `validate` returned, unless that was [`RequeueOp::Abort`]. As with [`park`], what another thread writes before it
/// unparks `key_to` is either seen by `validate`, or that unpark finds the threads that are moved.
///
/// # Safety
/// The module's conditions.
pub unsafe fn unpark_requeue(
    key_from: impl Into<Key>,
    key_to: impl Into<Key>,
    validate: impl FnOnce() -> RequeueOp,
    callback: impl FnOnce(RequeueOp, UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let (from, to) = (key_from.into(), key_to.into());
    let op = Cell::new(RequeueOp::Abort);
    let validate = |()| {
        op.set(validate());
        match op.get() {
            RequeueOp::Abort => None,
            RequeueOp::UnparkOneRequeueRest => Some(Requeue { unpark: 1, requeue: usize::MAX }),
            RequeueOp::RequeueAll => Some(Requeue { unpark: 0, requeue: usize::MAX }),
            RequeueOp::UnparkOne => Some(Requeue { unpark: 1, requeue: 0 }),
            RequeueOp::RequeueOne => Some(Requeue { unpark: 0, requeue: 1 }),
            RequeueOp::Count { unpark, requeue } => Some(Requeue { unpark, requeue }),
        }
    };
    let mut validate = Some(validate);
    let mut onto = Onto { key: to, validate: Callback::once(&mut validate) };
    unpark_with(from, 0, None, Some(&mut onto), |result| callback(op.get(), result))
}

/// Whether nobody waits for a key, or for another in its bucket, nor is about to: then an unpark has nothing to do.
#[inline]
pub(crate) fn is_idle(key: Key) -> bool {
    // Meets the fence of a park or a requeue, after which that calls `validate`.
    fence(SeqCst);
    bucket(key).is_idle()
}

fn unpark_with(
    key: Key,
    count: usize,
    filter: Option<&mut Filter<'_>>,
    onto: Option<&mut Onto<'_>>,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    let mut callback = Some(callback);
    let mut callback = |result| callback.take().map_or(DEFAULT_UNPARK_TOKEN, |callback| callback(result));
    wake_dyn(key, count, filter, onto, Callback::new(&mut callback), true)
}

/// What says which threads are unparked.
pub(crate) type Filter<'a> = Callback<'a, ParkToken, FilterOp>;

/// Where the threads go that are moved.
pub(crate) struct Onto<'a> {
    pub(crate) key: Key,
    /// How many are unparked and moved; or nothing is done.
    pub(crate) validate: Callback<'a, (), Option<Requeue>>,
}

/// How many threads are unparked, and then how many are moved.
pub(crate) struct Requeue {
    pub(crate) unpark: usize,
    pub(crate) requeue: usize,
}

/// Unparks the first `count` threads, or those that `filter` says, or as many as `onto` says. (A program that never
/// gives one of the two has no code for it.)
#[inline(never)]
pub(crate) fn wake_dyn(
    key: Key,
    count: usize,
    mut filter: Option<&mut Filter<'_>>,
    mut onto: Option<&mut Onto<'_>>,
    mut callback: Callback<'_, UnparkResult, UnparkToken>,
    says_if_fair: bool,
) -> UnparkResult {
    let mut result = UnparkResult::default();
    let is_ending = Backend::is_ending();
    let (bucket, to) = (bucket(key), onto.as_ref().map_or(key, |onto| onto.key));
    let to_bucket = table::bucket(to);
    // Before the lock is taken, and only if somebody waits.
    let now = (says_if_fair && !bucket.is_idle()).then(Instant::now);
    let guard = (!is_ending).then(|| Guard::lock_two(bucket, to_bucket));
    let mut most = Requeue { unpark: count, requeue: 0 };
    if let Some(onto) = &mut onto {
        // As in `park_dyn`: a wake at either key sees the lock, or `validate` sees what was written before it.
        fence(SeqCst);
        match onto.validate.call(()) {
            Some(valid) => most = valid,
            None => return result,
        }
    }
    let Some(guard) = guard else {
        callback.call(result);
        return result;
    };
    // SAFETY: the lock is held.
    for waiter in unsafe { bucket.waiters(key) } {
        // SAFETY: in the queue, whose lock is held; likewise below.
        let queued = unsafe { &*waiter };
        let progress = match &mut filter {
            Some(filter) => match filter.call(ParkToken(queued.token.get())) {
                FilterOp::Unpark => Some(Progress::Chosen),
                FilterOp::Skip => Some(Progress::Queued),
                FilterOp::Stop => None,
            },
            _ if result.unparked_threads < most.unpark => Some(Progress::Chosen),
            _ if result.requeued_threads < most.requeue => Some(Progress::Moving),
            _ => None,
        };
        match progress {
            Some(Progress::Chosen) => result.unparked_threads += 1,
            Some(Progress::Moving) => result.requeued_threads += 1,
            _ => result.have_more_threads = true,
        }
        let Some(progress) = progress else {
            break;
        };
        queued.progress.set(progress);
    }
    // SAFETY: the lock is held.
    result.be_fair = result.unparked_threads > 0 && unsafe { bucket.is_fair(now) };
    let token = callback.call(result);
    let taken = Taken::new();
    taken.open();
    // SAFETY: the lock is held.
    let chosen = unsafe { bucket.waiters(key) }
        // SAFETY: in the queue.
        .filter(|waiter| unsafe { &**waiter }.progress.get() != Progress::Queued)
        // Not those that were chosen by a wake whose callback unwound.
        .take(result.unparked_threads + result.requeued_threads);
    for waiter in chosen {
        // SAFETY: in the queue.
        if unsafe { &*waiter }.progress.get() == Progress::Chosen {
            // SAFETY: the lock is held; in the queue.
            unsafe { taken.take(bucket, waiter, token) };
        } else {
            // SAFETY: both locks are held; in the queue of one, and then in that of the other.
            unsafe { bucket.requeue(waiter, to, to_bucket) };
        }
    }
    tell(&taken, bucket, guard);
    result
}

/// Unparks what has been taken, some at a time, and releases the locks in between.
fn tell(taken: &Taken, bucket: &'static Bucket, mut guard: Guard) {
    loop {
        let mut handles = Handles::none();
        // SAFETY: the lock is held.
        let more = unsafe { taken.tell(&mut handles) };
        drop(guard);
        handles.unpark();
        if !more {
            return;
        }
        guard = Guard::lock(bucket);
    }
}
