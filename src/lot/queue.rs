//! The queues of a bucket: which threads wait for which key, in which order.
//!
//! A bucket lists the *keys* that threads wait for. The waiters of one key form a ring, first come, first served, and
//! the first of them, the *head*, stands in the bucket's list for all. So finding a key takes one step for each other
//! key in its bucket, however many threads wait there, and adding and removing a waiter takes none.
//!
//! ```text
//! bucket.first ──▶ head of key A ──▶ head of key B ──▶ null     next_key; a head's slot is the pointer to it
//!                      │  ▲              │
//!                      ▼  │              ▼
//!                   waiter of A         …                       links
//! ```
//!
//! # Safety of all this
//! Everything here is done under the bucket's lock. A waiter lies on the stack of its thread, which blocks, or comes to
//! take that lock, until the waiter is out of all rings. So what the links lead to is alive, and used by one thread at
//! a time.

use crate::lot::bucket_lock::BucketLock;
use crate::lot::key::{Key, ParkToken, UnparkToken};
use crate::sync::atomic::AtomicPtr;
use crate::sync::{BATCH, Cell, const_constructor};
use crate::thread_parker::{ThreadParker, UnparkHandle};
use crate::time::Instant;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

/// The neighbours in a ring.
#[repr(C)]
pub(crate) struct Links {
    next: Cell<*const Links>,
    prev: Cell<*const Links>,
}

impl Links {
    const_constructor! {
        fn none() -> Self {
            Self { next: Cell::new(ptr::null()), prev: Cell::new(ptr::null()) }
        }
    }

    /// Makes a ring of one.
    ///
    /// # Safety
    /// It is alive, and in no ring.
    unsafe fn close(this: *const Self) {
        // SAFETY: as the caller promises.
        let links = unsafe { &*this };
        links.next.set(this);
        links.prev.set(this);
    }

    /// Inserts `this` before `place`.
    ///
    /// # Safety
    /// Both are alive; `this` is in no ring, `place` in one.
    unsafe fn insert(this: *const Self, place: *const Self) {
        // SAFETY: as the caller promises; and so are those that a ring leads to.
        let at = |links: *const Self| unsafe { &*links };
        let before = at(place).prev.get();
        at(this).next.set(place);
        at(this).prev.set(before);
        at(before).next.set(this);
        at(place).prev.set(this);
    }

    /// Takes `this` out of its ring.
    ///
    /// # Safety
    /// It is alive, and in a ring.
    unsafe fn remove(this: *const Self) {
        // SAFETY: as the caller promises; and so are those that a ring leads to.
        let at = |links: *const Self| unsafe { &*links };
        let (next, before) = (at(this).next.get(), at(this).prev.get());
        at(before).next.set(next);
        at(next).prev.set(before);
    }
}

/// How far a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// In the queue of its key.
    Queued,
    /// As well; the wake that is at work here is going to take it.
    Chosen,
    /// As well; a requeue that is at work here is going to move it to another key.
    Moving,
    /// Taken out by a wake, and in the ring of what that has taken: it has its token, and counts as woken.
    Taken,
    /// In no ring, and unparked.
    Told,
}

/// A thread that waits for a key. 80 bytes on 64-bit targets: at a multiple of 16, never more than two cache lines,
/// which a handover moves to another processor.
#[repr(C, align(16))]
pub(crate) struct Waiter {
    /// First, so that a waiter's address is that of its links.
    links: Links,
    /// The next key in the bucket, of a head.
    next_key: AtomicPtr<Waiter>,
    /// Where the pointer to it lies, of a head; else null.
    slot: Cell<*const AtomicPtr<Waiter>>,
    address: Cell<usize>,
    space: Cell<u32>,
    pub(crate) progress: Cell<Progress>,
    /// The token that it parked with; from when it is taken, the one that it is woken with.
    pub(crate) token: Cell<usize>,
    /// The bucket of its key. Written under that bucket's lock, and read without, to learn which lock to take.
    pub(crate) bucket: AtomicPtr<Bucket>,
    pub(crate) parker: ThreadParker,
}

impl Waiter {
    const_constructor! {
        pub(crate) fn new(key: Key, token: ParkToken, bucket: &'static Bucket) -> Self {
            Self {
                links: Links::none(),
                next_key: AtomicPtr::new(ptr::null_mut()),
                slot: Cell::new(ptr::null()),
                address: Cell::new(key.address),
                space: Cell::new(key.space),
                progress: Cell::new(Progress::Queued),
                token: Cell::new(token.0),
                bucket: AtomicPtr::new(ptr::from_ref(bucket).cast_mut()),
                parker: ThreadParker::new(),
            }
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key { address: self.address.get(), space: self.space.get() }
    }

    fn set_key(&self, key: Key) {
        self.address.set(key.address);
        self.space.set(key.space);
    }
}

/// A place in the table: the lock, and the queues of the keys that belong here. All zero when new.
///
/// In a cache line of its own, which a wake of nobody only reads.
#[repr(align(64))]
pub(crate) struct Bucket {
    pub(crate) lock: BucketLock,
    first: AtomicPtr<Waiter>,
    /// When the next wake is a fair one, in units of the parkers' clock.
    fair_at: Cell<u64>,
}

// SAFETY: everything but the lock and `first` is used under the lock.
unsafe impl Sync for Bucket {}

/// The waiters of a key, from the head on.
///
/// What comes next is read before a waiter is handed out, which may then be taken out of the queue.
pub(crate) struct Waiters {
    next: *const Waiter,
    last: *const Waiter,
}

impl Iterator for Waiters {
    type Item = *const Waiter;

    fn next(&mut self) -> Option<*const Waiter> {
        let waiter = self.next;
        // SAFETY: in the queue; see the module.
        let links = &unsafe { waiter.as_ref() }?.links;
        self.next = if waiter == self.last { ptr::null() } else { links.next.get().cast() };
        Some(waiter)
    }
}

/// # Safety
/// Of each method that says nothing else: the caller holds the bucket's lock.
impl Bucket {
    const_constructor! {
        pub(crate) fn new() -> Self {
            Self { lock: BucketLock::new(), first: AtomicPtr::new(ptr::null_mut()), fair_at: Cell::new(0) }
        }
    }

    /// Whether no thread waits here or is about to. May be asked without the lock.
    ///
    /// The lock comes first: if a waiter has been added, then before the lock was released.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.lock.is_free() && self.first.load(Relaxed).is_null()
    }

    /// The head of a key's queue, or null.
    unsafe fn head(&self, key: Key) -> *const Waiter {
        let mut head = self.first.load(Relaxed);
        // SAFETY: in the list; see the module.
        while let Some(waiter) = unsafe { head.as_ref() } {
            if waiter.key() == key {
                break;
            }
            head = waiter.next_key.load(Relaxed);
        }
        head
    }

    /// The waiters of a key, in order.
    pub(crate) unsafe fn waiters(&self, key: Key) -> Waiters {
        // SAFETY: the lock is held.
        let head = unsafe { self.head(key) };
        // SAFETY: in the queue; see the module.
        let last = unsafe { head.as_ref() }.map_or(ptr::null(), |head| head.links.prev.get().cast());
        Waiters { next: head, last }
    }

    /// Makes `head` the head of its key, with `next_key` behind it in the list.
    unsafe fn set_head(slot: *const AtomicPtr<Waiter>, head: *const Waiter, next_key: *mut Waiter) {
        // SAFETY: of the bucket or of a waiter in the list; see the module.
        unsafe { &*slot }.store(head.cast_mut(), Relaxed);
        // SAFETY: in the list, or about to be.
        let head = unsafe { &*head };
        head.slot.set(slot);
        head.next_key.store(next_key, Relaxed);
        // SAFETY: in the list.
        if let Some(next) = unsafe { next_key.as_ref() } {
            next.slot.set(&raw const head.next_key);
        }
    }

    /// Adds a waiter to the queue of its key, as the last one or, with `in_front`, as the first.
    ///
    /// # Safety
    /// The lock is held. The waiter is new or has been removed, its bucket is this one, and it stays where it is until
    /// it is out of all rings.
    pub(crate) unsafe fn add(&self, waiter: *const Waiter, in_front: bool) {
        // SAFETY: it is alive.
        let key = unsafe { &*waiter }.key();
        // SAFETY: the lock is held.
        let head = unsafe { self.head(key) };
        // SAFETY: in the list.
        if let Some(first) = unsafe { head.as_ref() } {
            // SAFETY: the one is new, the other in the queue. The last place is before the head.
            unsafe { Links::insert(waiter.cast(), head.cast()) };
            if in_front {
                let slot = first.slot.replace(ptr::null());
                // SAFETY: the new one takes the head's place in the list.
                unsafe { Self::set_head(slot, waiter, first.next_key.load(Relaxed)) };
            }
        } else {
            // SAFETY: it is new.
            unsafe { Links::close(waiter.cast()) };
            // SAFETY: a key that is new here comes first.
            unsafe { Self::set_head(&raw const self.first, waiter, self.first.load(Relaxed)) };
        }
    }

    /// Takes a waiter out of its queue. True if it was the last of its key.
    ///
    /// # Safety
    /// The lock is held, and the waiter is in one of this bucket's queues.
    pub(crate) unsafe fn remove(&self, waiter: *const Waiter) -> bool {
        // SAFETY: it is alive.
        let leaving = unsafe { &*waiter };
        let next: *const Waiter = leaving.links.next.get().cast();
        let is_last = next == waiter;
        let slot = leaving.slot.replace(ptr::null());
        if !slot.is_null() {
            let next_key = leaving.next_key.load(Relaxed);
            if is_last {
                // SAFETY: of the bucket or of a waiter in the list.
                unsafe { &*slot }.store(next_key, Relaxed);
                // SAFETY: in the list.
                if let Some(next) = unsafe { next_key.as_ref() } {
                    next.slot.set(slot);
                }
            } else {
                // SAFETY: the next of its key takes its place in the list.
                unsafe { Self::set_head(slot, next, next_key) };
            }
        }
        // SAFETY: it is in its key's ring.
        unsafe { Links::remove(waiter.cast()) };
        is_last
    }

    /// Makes a waiter the last in the queue of another key, in the same bucket or another.
    ///
    /// # Safety
    /// Both buckets' locks are held, and the waiter is in one of this one's queues.
    pub(crate) unsafe fn requeue(&self, waiter: *const Waiter, to: Key, to_bucket: &'static Self) {
        // SAFETY: the lock is held; in the queue.
        unsafe { self.remove(waiter) };
        // SAFETY: it is alive.
        let moved = unsafe { &*waiter };
        moved.set_key(to);
        moved.bucket.store(ptr::from_ref(to_bucket).cast_mut(), Relaxed);
        // SAFETY: the lock is held; just removed.
        unsafe { to_bucket.add(waiter, false) };
    }

    /// Whether it is time for a fair wake, at the time `now`; if so, it sets when the next one is due: in 0.1 to 0.9
    /// ms, so that it keeps in step with nothing.
    pub(crate) unsafe fn is_fair(&self, now: Option<Instant>) -> bool {
        let Some(now) = now.filter(|now| now.ticks() >= self.fair_at.get()) else {
            return false;
        };
        let spread = now.ticks().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 51;
        self.fair_at.set(now.ticks().saturating_add(1_000 + spread));
        true
    }

    /// Takes a waiter that has run out of time, or gives up, out of whatever it is in.
    ///
    /// # Safety
    /// The lock is held, the bucket is the waiter's, and the waiter is the calling thread's.
    pub(crate) unsafe fn leave(&self, waiter: *const Waiter) -> Left {
        // SAFETY: it is the caller's.
        match unsafe { &*waiter }.progress.get() {
            Progress::Queued | Progress::Chosen | Progress::Moving => {
                // SAFETY: it is in its queue.
                Left::Queue { was_last: unsafe { self.remove(waiter) } }
            }
            Progress::Taken => {
                // SAFETY: it is in the ring of a thread that does not leave before that is empty.
                unsafe { Links::remove(waiter.cast()) };
                Left::Woken
            }
            Progress::Told => Left::Woken,
        }
    }
}

/// What a waiter has left.
pub(crate) enum Left {
    /// The queue: nobody has woken it.
    Queue { was_last: bool },
    /// It has been woken, and has its token.
    Woken,
}

/// The waiters that a wake has taken out of a queue and that are still to be told: a ring, with this as its beginning.
///
/// It lies on the stack of the thread that wakes, and is guarded by the lock of the bucket they were taken from. A
/// waiter that runs out of time meanwhile takes itself out, so that it need not wait for that thread.
pub(crate) struct Taken(Links);

/// # Safety
/// Of each method: the lock of the bucket is held, and `open` has been called, where this is now.
impl Taken {
    const_constructor! {
        pub(crate) fn new() -> Self {
            Self(Links::none())
        }
    }

    /// Nobody is in it.
    pub(crate) fn open(&self) {
        // SAFETY: in no ring yet.
        unsafe { Links::close(&raw const self.0) };
    }

    /// Takes a waiter out of its queue, with the token that it is to have.
    ///
    /// # Safety
    /// As above; the waiter is in a queue of `bucket`.
    pub(crate) unsafe fn take(&self, bucket: &Bucket, waiter: *const Waiter, token: UnparkToken) {
        // SAFETY: it is in a queue.
        unsafe { bucket.remove(waiter) };
        // SAFETY: it is alive, and this thread's until the lock is released.
        let taken = unsafe { &*waiter };
        taken.progress.set(Progress::Taken);
        taken.token.set(token.0);
        // SAFETY: in no ring now; this is the beginning of one.
        unsafe { Links::insert(waiter.cast(), &raw const self.0) };
    }

    /// Unparks some of the waiters, in order. True if there are more.
    pub(crate) unsafe fn tell(&self, handles: &mut Handles) -> bool {
        for handle in &mut handles.0 {
            let first: *const Waiter = self.0.next.get().cast();
            if ptr::eq(first.cast(), &raw const self.0) {
                return false;
            }
            // SAFETY: in the ring.
            unsafe { Links::remove(first.cast()) };
            // SAFETY: alive until it is unparked, which is the last that is done with it.
            let told = unsafe { &*first };
            told.progress.set(Progress::Told);
            *handle = told.parker.unpark_lock();
        }
        !ptr::eq(self.0.next.get(), &raw const self.0)
    }
}

/// The second halves of some unparks: wakes that are due once no lock is held.
pub(crate) struct Handles([UnparkHandle; BATCH]);

impl Handles {
    pub(crate) const fn none() -> Self {
        Self([const { UnparkHandle::EMPTY }; BATCH])
    }

    pub(crate) fn unpark(self) {
        for handle in self.0 {
            handle.unpark();
        }
    }
}
