//! The lock of a bucket: one word, which blocks after a short spin.
//!
//! The word is a stack of waiting threads, the newest on top, and a bit: [`LOCKED`]. Waiters lie on their threads'
//! stacks and add themselves while the lock is held. Only the thread that holds it takes waiters out: to unlock, it
//! takes the oldest out, releases the lock and wakes that one, which then competes with whoever comes by. So a woken
//! thread that does not run yet holds nobody up who comes later.
//!
//! ```text
//! word ─▶ newest ─older─▶ … ─older─▶ oldest ─older─▶ null
//!         newest ◀─newer─ … ◀─newer─ oldest          written by a thread that unlocks, as far as it has looked
//!         newest ─────────oldest───▶ oldest          likewise: the next one need not look so far
//! ```

use crate::spin::SpinWait;
use crate::sync::atomic::AtomicPtr;
use crate::sync::{Cell, LOOKS, const_constructor};
use crate::thread_parker::{ThreadParker, UnparkHandle};
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Added to the address of the newest waiter while a thread holds the lock.
const LOCKED: usize = 1;
static_assertions::const_assert!(align_of::<Waiter>() > LOCKED);

/// All zero when free.
pub(crate) struct BucketLock(AtomicPtr<Waiter>);

/// A thread that waits for the lock. Others use its links while they hold it.
struct Waiter {
    parker: ThreadParker,
    older: *const Waiter,
    newer: Cell<*const Waiter>,
    oldest: Cell<*const Waiter>,
}

impl BucketLock {
    const_constructor! {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(ptr::null_mut()))
        }
    }

    /// Whether nobody holds the lock. Acquire: what the last thread did that held it is then visible.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.0.load(Acquire).addr() & LOCKED == 0
    }

    #[inline]
    pub(crate) fn lock(&self) {
        // FREE=>LOCKED. Acquire: meets the Release of an unlock.
        if self.0.compare_exchange(ptr::null_mut(), locked(ptr::null_mut()), Acquire, Relaxed).is_err() {
            self.lock_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        let mut spin = SpinWait::new();
        let mut looks = 0;
        loop {
            let seen = self.0.load(Relaxed);
            if seen.addr() & LOCKED == 0 {
                // =>LOCKED, with the waiters that are there. Acquire: meets the Release of an unlock.
                if self.0.compare_exchange(seen, locked(seen), Acquire, Relaxed).is_ok() {
                    return;
                }
            } else if looks < LOOKS {
                looks += 1;
                spin.spin_no_yield();
            } else {
                self.wait(seen);
                looks = 0;
                spin.reset();
            }
        }
    }

    /// Blocks until a thread that unlocks wakes this one; not at all if the word is no longer what was seen.
    #[inline(never)]
    fn wait(&self, seen: *mut Waiter) {
        // That waiter may have left meanwhile, and another, or the same thread's next, be in its place: as good, but
        // the pointer would still be to the one that is gone.
        let older = ptr::with_exposed_provenance(unlocked(seen).addr());
        let waiter = Waiter {
            parker: ThreadParker::new(),
            older,
            newer: Cell::new(ptr::null()),
            oldest: Cell::new(ptr::null()),
        };
        let this = ptr::from_ref(&waiter);
        this.expose_provenance();
        if older.is_null() {
            waiter.oldest.set(this);
        }
        waiter.parker.prepare_park();
        // LOCKED stays. Release: publishes the waiter.
        if self.0.compare_exchange(seen, locked(this.cast_mut()), Release, Relaxed).is_ok() {
            waiter.parker.park();
        }
    }

    /// Unlocks. The handle wakes a thread that waits for the lock, and may be slow: it is used once the caller holds
    /// no lock at all.
    #[inline]
    pub(crate) fn unlock(&self) -> UnparkHandle {
        // LOCKED=>FREE. Release: meets the Acquire of the next lock.
        match self.0.compare_exchange(locked(ptr::null_mut()), ptr::null_mut(), Release, Relaxed) {
            Ok(_) => UnparkHandle::EMPTY,
            Err(_) => self.unlock_slow(),
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) -> UnparkHandle {
        // SAFETY: it is in the stack, so its thread blocks until a thread that holds the lock wakes it: this one.
        let at = |waiter: *const Waiter| unsafe { &*waiter };
        // Acquire: meets the Release with which each waiter has published itself.
        let mut seen = self.0.load(Acquire);
        loop {
            let newest = unlocked(seen);
            // Completes the links, down to a waiter that knows the oldest.
            let mut waiter = newest;
            while at(waiter).oldest.get().is_null() {
                let older = at(waiter).older;
                at(older).newer.set(waiter);
                waiter = older;
            }
            let oldest = at(waiter).oldest.get();
            let newer = at(oldest).newer.get();
            let rest = if oldest == newest { ptr::null_mut() } else { newest.cast_mut() };
            at(newest).oldest.set(newer);
            // LOCKED=>FREE, with the other waiters. Release: meets the Acquire of the next lock.
            match self.0.compare_exchange(seen, rest, Release, Acquire) {
                // Out of the stack, it is this thread's to wake.
                Ok(_) => return at(oldest).parker.unpark_lock(),
                Err(found) => {
                    // Others have come meanwhile, and the next round looks for the oldest from there.
                    at(newest).oldest.set(oldest);
                    seen = found;
                }
            }
        }
    }
}

fn locked(waiters: *mut Waiter) -> *mut Waiter {
    waiters.map_addr(|address| address | LOCKED)
}

fn unlocked(word: *mut Waiter) -> *const Waiter {
    word.map_addr(|address| address & !LOCKED)
}
