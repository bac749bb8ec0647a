//! [`RawCheckedMutex`]: a mutex that knows its owner.

use crate::mutex::RawMutex;
use crate::thread_id::current_thread;
use core::fmt;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use ntpark::Instant;

/// A [`RawMutex`] that knows which thread has it, for debug builds: two words, all zero when free.
///
/// To lock it twice in a thread, or to unlock it in another thread than the one that has locked it, panics instead of
/// waiting for ever or letting a second thread in. The rest is as for [`RawMutex`].
#[derive(Default)]
pub struct RawCheckedMutex {
    mutex: RawMutex,
    /// The owner's number, or 0. Another thread may read an old one, but never its own number by mistake.
    owner: AtomicUsize,
}

impl RawCheckedMutex {
    /// A free mutex.
    #[must_use]
    pub const fn new() -> Self {
        Self { mutex: RawMutex::new(), owner: AtomicUsize::new(0) }
    }

    /// As [`RawMutex::lock`].
    ///
    /// # Panics
    /// If this thread has the lock already.
    #[track_caller]
    pub fn lock(&self) {
        self.expect_not_owned();
        self.mutex.lock();
        self.set_owner();
    }

    /// As [`RawMutex::try_lock`]; false also if this thread has the lock already.
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock(&self) -> bool {
        let is_locked = self.mutex.try_lock();
        if is_locked {
            self.set_owner();
        }
        is_locked
    }

    /// As [`RawMutex::try_lock_until`].
    ///
    /// # Panics
    /// If this thread has the lock already.
    #[track_caller]
    #[must_use = "false means that the lock is not held"]
    pub fn try_lock_until(&self, deadline: Instant) -> bool {
        self.expect_not_owned();
        let is_locked = self.mutex.try_lock_until(deadline);
        if is_locked {
            self.set_owner();
        }
        is_locked
    }

    /// As [`RawMutex::unlock`].
    ///
    /// # Panics
    /// If this thread does not have the lock.
    ///
    /// # Safety
    /// None in addition: what [`RawMutex::unlock`] asks for is checked.
    #[track_caller]
    pub unsafe fn unlock(&self) {
        self.expect_owned();
        self.owner.store(0, Relaxed);
        // SAFETY: this thread has locked it.
        unsafe { self.mutex.unlock() };
    }

    /// As [`RawMutex::unlock_fair`].
    ///
    /// # Panics
    /// If this thread does not have the lock.
    ///
    /// # Safety
    /// None in addition: what [`RawMutex::unlock_fair`] asks for is checked.
    #[track_caller]
    pub unsafe fn unlock_fair(&self) {
        self.expect_owned();
        self.owner.store(0, Relaxed);
        // SAFETY: this thread has locked it.
        unsafe { self.mutex.unlock_fair() };
    }

    /// Whether a thread has the lock now.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    /// Whether this thread has the lock.
    #[must_use]
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.owner.load(Relaxed) == current_thread().get()
    }

    fn set_owner(&self) {
        self.owner.store(current_thread().get(), Relaxed);
    }

    #[track_caller]
    fn expect_not_owned(&self) {
        assert!(!self.is_owned_by_current_thread(), "this thread has the mutex locked already");
    }

    #[track_caller]
    fn expect_owned(&self) {
        assert!(self.is_owned_by_current_thread(), "this thread does not have the mutex that it unlocks");
    }
}

impl fmt::Debug for RawCheckedMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.load(Relaxed);
        f.debug_struct("RawCheckedMutex").field("mutex", &self.mutex).field("owner", &owner).finish()
    }
}
