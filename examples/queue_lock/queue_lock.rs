//! A mutex on [`ThreadParker`]: first come, first served, with timeouts. No std, no allocation, all zero when
//! free.
//!
//! The lock is a byte. Threads that find it taken form a queue of nodes on their own stacks, which a small
//! spin lock guards for the few instructions that a change of the queue takes. Unlocking hands the lock
//! over to the first in the queue: it never becomes free in between, so no thread can overtake. That is fair,
//! and slower under contention than a lock for which a woken thread has to compete.
//!
//! It is a [`lock_api`] lock, so `lock_api::Mutex<QueueLock, T>` is a mutex with guards.

use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU8};
use core::time::Duration;
use lock_api::{GuardSend, RawMutex, RawMutexTimed};
use ntpark::{Backend, Instant, SpinWait, ThreadParker};

/// Nobody has the lock; the queue is empty.
const FREE: u8 = 0;
/// Somebody has the lock.
const LOCKED: u8 = 1;
/// Somebody waits for it, so unlocking takes a look at the queue. Set and cleared with the queue locked, and
/// only beside LOCKED.
const QUEUED: u8 = 2;

/// The lock.
pub(crate) struct QueueLock {
    state: AtomicU8,
    queue_is_locked: AtomicBool,
    queue: UnsafeCell<Queue>,
}

// SAFETY: the queue is only used with `queue_is_locked` set (see `QueueGuard`), and its nodes are alive while
// they are in it.
unsafe impl Send for QueueLock {}
// SAFETY: as for `Send`.
unsafe impl Sync for QueueLock {}

// SAFETY: from `lock`, or a `try_lock` that returned true, until `unlock`, LOCKED stands for one thread: it
// is set by one that found FREE, or handed over.
unsafe impl RawMutex for QueueLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "lock_api's way to make a lock: each use is a new one")]
    const INIT: Self = Self {
        state: AtomicU8::new(FREE),
        queue_is_locked: AtomicBool::new(false),
        queue: UnsafeCell::new(Queue::EMPTY),
    };

    // Any thread may unlock: the queue does not know who has the lock.
    type GuardMarker = GuardSend;

    fn lock(&self) {
        self.try_lock_until(Instant::MAX);
    }

    fn try_lock(&self) -> bool {
        // FREE=>LOCKED. Acquire: meets the Release in `unlock`.
        self.state.compare_exchange(FREE, LOCKED, Acquire, Relaxed).is_ok()
    }

    unsafe fn unlock(&self) {
        // LOCKED=>FREE, unless a thread waits.
        if self.state.compare_exchange(LOCKED, FREE, Release, Relaxed).is_err() {
            self.hand_over();
        }
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl RawMutexTimed for QueueLock {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_for(&self, timeout: Duration) -> bool {
        self.try_lock() || self.wait(Backend::get().deadline(timeout))
    }

    fn try_lock_until(&self, deadline: Instant) -> bool {
        self.try_lock() || self.wait(deadline)
    }
}

impl QueueLock {
    /// How many threads wait for the lock.
    #[allow(dead_code, reason = "not every program that includes this file asks")]
    pub(crate) fn waiters(&self) -> usize {
        self.queue().len()
    }

    #[cold]
    fn wait(&self, deadline: Instant) -> bool {
        let mut spin = SpinWait::new();
        while deadline != Instant::MIN && spin.spin() {
            if self.try_lock() {
                return true;
            }
        }
        let waiter = Waiter::new();
        {
            let mut queue = self.queue();
            // LOCKED=>LOCKED + QUEUED; or it has become free meanwhile, and with that ours. Acquire: as in `try_lock`.
            if self.state.fetch_or(LOCKED | QUEUED, Acquire) & LOCKED == 0 {
                self.state.store(LOCKED, Relaxed);
                return true;
            }
            waiter.parker.prepare_park();
            // SAFETY: the node stays where it is, and is out of the queue again before this function returns.
            unsafe { queue.push(&waiter) };
        }
        if waiter.parker.park_until(deadline) {
            return true;
        }
        let mut queue = self.queue();
        if !waiter.parker.timed_out() {
            // Handed over at the last moment, and taken out of the queue.
            return true;
        }
        // SAFETY: nobody has taken it out, or it would not have timed out.
        unsafe { queue.remove(&waiter) };
        self.note_if_empty(&queue);
        false
    }

    #[cold]
    fn hand_over(&self) {
        let mut queue = self.queue();
        // SAFETY: what is in the queue is alive, until it is unparked below.
        let Some(first) = (unsafe { queue.pop() }) else {
            // The last of those who waited has given up meanwhile. LOCKED=>FREE
            self.state.store(FREE, Release);
            return;
        };
        self.note_if_empty(&queue);
        // With this, the lock and all that was done under it are the waiter's.
        let handle = first.parker.unpark_lock();
        drop(queue);
        handle.unpark();
    }

    /// LOCKED + QUEUED=>LOCKED, if nobody is in the queue any more.
    fn note_if_empty(&self, queue: &Queue) {
        if queue.first.is_null() {
            self.state.store(LOCKED, Relaxed);
        }
    }

    fn queue(&self) -> QueueGuard<'_> {
        let mut spin = SpinWait::new();
        while self.queue_is_locked.swap(true, Acquire) {
            // Its holder is a few instructions from the end, or has been preempted: then it needs a
            // processor.
            if !spin.spin() {
                spin.reset();
            }
        }
        QueueGuard { lock: self }
    }
}

/// A thread in the queue: a node on its stack.
struct Waiter {
    parker: ThreadParker,
    next: Cell<*const Waiter>,
    previous: Cell<*const Waiter>,
}

impl Waiter {
    fn new() -> Self {
        Self { parker: ThreadParker::new(), next: Cell::new(ptr::null()), previous: Cell::new(ptr::null()) }
    }
}

/// A doubly linked list of nodes that belong to others.
struct Queue {
    first: *const Waiter,
    last: *const Waiter,
}

impl Queue {
    const EMPTY: Self = Self { first: ptr::null(), last: ptr::null() };

    /// # Safety
    /// The node stays where it is, alive, for as long as it is in the queue.
    unsafe fn push(&mut self, waiter: &Waiter) {
        let node = ptr::from_ref(waiter);
        waiter.previous.set(self.last);
        // SAFETY: null, or in the queue and so alive.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(node),
            None => self.first = node,
        }
        self.last = node;
    }

    /// # Safety
    /// The node is in the queue.
    unsafe fn remove(&mut self, waiter: &Waiter) {
        let (previous, next) = (waiter.previous.get(), waiter.next.get());
        // SAFETY: null, or in the queue and so alive.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.set(previous),
            None => self.last = previous,
        }
    }

    /// Takes the first one out.
    ///
    /// # Safety
    /// The node must not be used after it has been unparked.
    unsafe fn pop<'a>(&mut self) -> Option<&'a Waiter> {
        // SAFETY: null, or in the queue and so alive.
        let first = unsafe { self.first.as_ref() }?;
        // SAFETY: it is in the queue.
        unsafe { self.remove(first) };
        Some(first)
    }

    fn len(&self) -> usize {
        let mut node = self.first;
        let mut len = 0;
        // SAFETY: null, or in the queue and so alive.
        while let Some(waiter) = unsafe { node.as_ref() } {
            node = waiter.next.get();
            len += 1;
        }
        len
    }
}

/// The queue, locked.
struct QueueGuard<'a> {
    lock: &'a QueueLock,
}

impl Deref for QueueGuard<'_> {
    type Target = Queue;
    fn deref(&self) -> &Queue {
        // SAFETY: locked, so nobody else has a reference.
        unsafe { &*self.lock.queue.get() }
    }
}

impl DerefMut for QueueGuard<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        // SAFETY: locked, so nobody else has a reference.
        unsafe { &mut *self.lock.queue.get() }
    }
}

impl Drop for QueueGuard<'_> {
    fn drop(&mut self) {
        self.lock.queue_is_locked.store(false, Release);
    }
}
