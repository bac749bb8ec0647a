//! The locks as `lock_api` knows them: guards, and data inside.

use crate::checked::RawCheckedMutex;
use crate::condvar::Condvar;
use crate::mutex::RawMutex;
use crate::rwlock::RawRwLock;
use crate::thread_id::CurrentThread;
use core::time::Duration;
use ntpark::{Backend, Instant};

/// A [`RawMutex`] and what it guards.
///
/// See [`RawMutex`] for what it costs and promises. A thread that panics with the lock held unlocks it: nothing is
/// poisoned.
///
/// ```
/// static SUM: ntpark_locks::Mutex<u64> = ntpark_locks::Mutex::new(0);
/// *SUM.lock() += 1;
/// assert_eq!(*SUM.lock(), 1);
/// ```
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// Has a [`Mutex`] locked.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;
/// Has a [`Mutex`] locked, and a part of its data in hand.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// A [`RawCheckedMutex`] and what it guards: for debug builds.
pub type CheckedMutex<T> = lock_api::Mutex<RawCheckedMutex, T>;
/// Has a [`CheckedMutex`] locked.
pub type CheckedMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawCheckedMutex, T>;

/// A mutex that its thread may lock repeatedly, and what it guards, shared.
///
/// Take it for code that calls back into itself. A [`RawMutex`] that knows its owner, which is asked for by
/// [`Backend::current_thread`].
///
/// # Panics
/// To lock panics if the system does not tell threads apart: there is neither NT nor a host.
pub type ReentrantMutex<T> = lock_api::ReentrantMutex<RawMutex, CurrentThread, T>;
/// Has a [`ReentrantMutex`] locked.
pub type ReentrantMutexGuard<'a, T> = lock_api::ReentrantMutexGuard<'a, RawMutex, CurrentThread, T>;

/// A [`RawRwLock`] and what it guards.
///
/// See [`RawRwLock`] for what it costs and promises. A thread that panics with the lock held unlocks it: nothing is
/// poisoned.
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;
/// Has an [`RwLock`] locked shared.
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// Has an [`RwLock`] locked exclusively.
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
/// Has an [`RwLock`] locked upgradably.
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;

impl Condvar {
    /// Unlocks the mutex, waits until notified, and locks it again.
    #[inline]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_until(guard, Instant::MAX);
    }

    /// As [`wait`](Self::wait), and waits no longer than until `deadline`. True if notified.
    #[inline]
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) -> bool {
        // SAFETY: nobody sees what is done with it but that it is locked, as it is afterwards.
        let mutex = unsafe { MutexGuard::mutex(guard).raw() };
        // SAFETY: the guard has it locked.
        unsafe { self.wait_raw_until(mutex, deadline) }
    }

    /// Waits as long as `condition` says so, which is asked with the mutex locked, but no longer than until `deadline`.
    /// True if the condition is false.
    pub fn wait_while_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> bool {
        while condition(guard) {
            if !self.wait_until(guard, deadline) {
                return !condition(guard);
            }
        }
        true
    }

    /// As [`wait_until`](Self::wait_until), with any mutex of `lock_api`'s. Threads that are notified compete for it.
    pub fn wait_with<R: lock_api::RawMutex, T: ?Sized>(
        &self,
        guard: &mut lock_api::MutexGuard<'_, R, T>,
        deadline: Instant,
    ) -> bool {
        /// Locks again, also if the unlock unwinds.
        struct Relock<'a, R: lock_api::RawMutex>(&'a R);
        impl<R: lock_api::RawMutex> Drop for Relock<'_, R> {
            fn drop(&mut self) {
                self.0.lock();
            }
        }
        // SAFETY: as in `wait_until`.
        let mutex = unsafe { lock_api::MutexGuard::mutex(guard).raw() };
        let _relock = Relock(mutex);
        // SAFETY: the guard has it locked.
        let unlock = || unsafe { mutex.unlock() };
        // SAFETY: an unlock does not wait.
        unsafe { self.wait_unlocked_until(unlock, deadline) }
    }
}

/// Methods that the type has itself, of the same name; or for a duration, what it has until the end of that.
macro_rules! forward {
    ($(fn $name:ident($($argument:ident: $type:ty)?) $(-> $result:ty)?;)+) => {$(
        #[inline]
        fn $name(&self $(, $argument: $type)?) $(-> $result)? {
            Self::$name(self $(, $argument)?)
        }
    )+};
    ($(unsafe fn $name:ident($($argument:ident: $type:ty)?) $(-> $result:ty)?;)+) => {$(
        #[inline]
        unsafe fn $name(&self $(, $argument: $type)?) $(-> $result)? {
            // SAFETY: as the caller promises.
            unsafe { Self::$name(self $(, $argument)?) }
        }
    )+};
    (fn $name:ident = $until:ident;) => {
        #[inline]
        fn $name(&self, timeout: Duration) -> bool {
            Self::$until(self, Backend::get().deadline(timeout))
        }
    };
    (type; $($rest:tt)+) => {
        type Duration = Duration;
        type Instant = Instant;
        forward!($($rest)+);
    };
}

// SAFETY: from a `lock`, or a `try_lock` that returned true, until `unlock`, no other thread gets it.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new lock")]
    const INIT: Self = Self::new();
    type GuardMarker = lock_api::GuardSend;
    forward!(
        fn lock();
        fn try_lock() -> bool;
        fn is_locked() -> bool;
    );
    forward!(
        unsafe fn unlock();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawMutex {
    forward!(
        unsafe fn unlock_fair();
        unsafe fn bump();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    forward!(type; fn try_lock_until(deadline: Instant) -> bool;);
    forward!(fn try_lock_for = try_lock_until;);
}

// SAFETY: as above.
unsafe impl lock_api::RawMutex for RawCheckedMutex {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new lock")]
    const INIT: Self = Self::new();
    // The thread that has it must unlock it.
    type GuardMarker = lock_api::GuardNoSend;
    forward!(
        fn lock();
        fn try_lock() -> bool;
        fn is_locked() -> bool;
    );
    forward!(
        unsafe fn unlock();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawCheckedMutex {
    forward!(
        unsafe fn unlock_fair();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawCheckedMutex {
    forward!(type; fn try_lock_until(deadline: Instant) -> bool;);
    forward!(fn try_lock_for = try_lock_until;);
}

// SAFETY: from a `lock_exclusive`, or a try that returned true, until its unlock, no other thread gets the lock;
// from a shared one, no other thread gets it exclusively.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a new lock")]
    const INIT: Self = Self::new();
    type GuardMarker = lock_api::GuardSend;
    forward!(
        fn lock_shared();
        fn try_lock_shared() -> bool;
    );
    forward!(
        fn lock_exclusive();
        fn try_lock_exclusive() -> bool;
    );
    forward!(
        unsafe fn unlock_shared();
        unsafe fn unlock_exclusive();
    );
    forward!(
        fn is_locked() -> bool;
        fn is_locked_exclusive() -> bool;
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockFair for RawRwLock {
    forward!(
        unsafe fn unlock_shared_fair();
        unsafe fn unlock_exclusive_fair();
    );
    forward!(
        unsafe fn bump_shared();
        unsafe fn bump_exclusive();
    );
}
// SAFETY: as above; what was exclusive is shared from then on.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    forward!(
        unsafe fn downgrade();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    forward!(type; fn try_lock_shared_until(deadline: Instant) -> bool;);
    forward!(fn try_lock_shared_for = try_lock_shared_until;);
    forward!(
        fn try_lock_exclusive_until(deadline: Instant) -> bool;
    );
    forward!(fn try_lock_exclusive_for = try_lock_exclusive_until;);
}
// SAFETY: as above; a thread that has the lock shared is let in again.
unsafe impl lock_api::RawRwLockRecursive for RawRwLock {
    forward!(
        fn lock_shared_recursive();
        fn try_lock_shared_recursive() -> bool;
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockRecursiveTimed for RawRwLock {
    forward!(
        fn try_lock_shared_recursive_until(deadline: Instant) -> bool;
    );
    forward!(fn try_lock_shared_recursive_for = try_lock_shared_recursive_until;);
}
// SAFETY: as above; from an upgradable lock until its unlock, no other thread gets it exclusively or upgradably.
unsafe impl lock_api::RawRwLockUpgrade for RawRwLock {
    forward!(
        fn lock_upgradable();
        fn try_lock_upgradable() -> bool;
    );
    forward!(
        unsafe fn unlock_upgradable();
        unsafe fn upgrade();
        unsafe fn try_upgrade() -> bool;
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeFair for RawRwLock {
    forward!(
        unsafe fn unlock_upgradable_fair();
        unsafe fn bump_upgradable();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeDowngrade for RawRwLock {
    forward!(
        unsafe fn downgrade_upgradable();
        unsafe fn downgrade_to_upgradable();
    );
}
// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeTimed for RawRwLock {
    forward!(
        fn try_lock_upgradable_until(deadline: Instant) -> bool;
    );
    forward!(fn try_lock_upgradable_for = try_lock_upgradable_until;);
    forward!(
        unsafe fn try_upgrade_until(deadline: Instant) -> bool;
    );

    #[inline]
    unsafe fn try_upgrade_for(&self, timeout: Duration) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.try_upgrade_until(Backend::get().deadline(timeout)) }
    }
}
