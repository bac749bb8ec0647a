//! The locks through `lock_api`'s guards, and the mutexes that know their owner.

mod common;

use common::{after, begin, expect_timeout, rounds};
use ntpark::Backend;
use ntpark_locks::lock_api::{
    MutexGuard as AnyMutexGuard, RawMutex as _, RawMutexTimed as _, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use ntpark_locks::{
    CheckedMutex, Instant, MappedMutexGuard, Mutex, MutexGuard, RawCheckedMutex, RawMutex, ReentrantMutex,
    ReentrantMutexGuard, RwLock, RwLockReadGuard,
};
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

assert_impl_all!(Mutex<Cell<u8>>: Send, Sync);
assert_not_impl_any!(Mutex<*const u8>: Send, Sync);
assert_impl_all!(MutexGuard<'static, u8>: Send, Sync);
assert_impl_all!(RwLock<u8>: Send, Sync);
assert_not_impl_any!(RwLock<Cell<u8>>: Sync);
assert_impl_all!(RwLockReadGuard<'static, u8>: Send, Sync);
assert_impl_all!(ReentrantMutex<Cell<u8>>: Send, Sync);
assert_not_impl_any!(ReentrantMutexGuard<'static, u8>: Send);
assert_impl_all!(CheckedMutex<Cell<u8>>: Send, Sync);
assert_not_impl_any!(ntpark_locks::CheckedMutexGuard<'static, u8>: Send);
assert_eq_size!(Mutex<u32>, u64);
assert_eq_size!(RawCheckedMutex, [usize; 2]);

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_mutex() {
    static MUTEX: Mutex<(u32, u32)> = Mutex::new((1, 2));
    let _test = begin();
    let mut guard = MUTEX.lock();
    guard.0 += 2;
    assert!(MUTEX.try_lock().is_none() && MUTEX.is_locked());
    expect_timeout(true, |deadline| MUTEX.try_lock_until(deadline).is_none());
    expect_timeout(true, |_| MUTEX.try_lock_for(SHORT).is_none());
    MutexGuard::bump(&mut guard);
    let mut second: MappedMutexGuard<'_, u32> = MutexGuard::map(guard, |pair| &mut pair.1);
    *second += 2;
    // A guard may go to another thread, and unlock there.
    thread::spawn(move || drop(second)).join().expect("it does not panic");
    let mut guard = MUTEX.try_lock_for(SHORT).expect("it is free");
    assert_eq!(*guard, (3, 4));
    MutexGuard::unlocked_fair(&mut guard, || assert!(MUTEX.try_lock_until(Instant::MIN).is_some()));
    MutexGuard::unlock_fair(guard);
    assert!(MUTEX.try_lock().is_some());
}

#[test]
fn a_rwlock() {
    let _test = begin();
    let lock = RwLock::new(1);
    {
        let first = lock.read();
        assert_eq!((*first, *lock.read_recursive(), *lock.try_read().expect("others may read")), (1, 1, 1));
        assert!(lock.try_write().is_none());
        expect_timeout(true, |deadline| lock.try_write_until(deadline).is_none());
        expect_timeout(true, |_| lock.try_write_for(SHORT).is_none());
        assert!(lock.try_read_for(SHORT).is_some() && lock.try_read_until(after(1)).is_some());
        assert!(lock.try_read_recursive_for(SHORT).is_some() && lock.try_read_recursive_until(after(1)).is_some());
        let upgradable = lock.upgradable_read();
        assert!(lock.try_upgradable_read().is_none());
        let upgradable = RwLockUpgradableReadGuard::try_upgrade(upgradable).expect_err("a reader is there");
        let upgradable =
            RwLockUpgradableReadGuard::try_upgrade_for(upgradable, SHORT).expect_err("a reader is still there");
        drop(first);
        let mut writer = RwLockUpgradableReadGuard::upgrade(upgradable);
        *writer += 1;
        assert!(lock.try_read().is_none() && lock.is_locked_exclusive());
        expect_timeout(true, |_| lock.try_read_for(SHORT).is_none());
        expect_timeout(true, |_| lock.try_read_recursive_for(SHORT).is_none());
        expect_timeout(true, |_| lock.try_upgradable_read_for(SHORT).is_none());
        let upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
        assert!(lock.try_read().is_some());
        let reader = RwLockUpgradableReadGuard::downgrade(upgradable);
        assert_eq!((*reader, lock.try_upgradable_read().is_some()), (2, true));
        RwLockReadGuard::unlock_fair(reader);
    }
    let mut writer = lock.write();
    RwLockWriteGuard::bump(&mut writer);
    *writer += 1;
    let mut reader = RwLockWriteGuard::downgrade(writer);
    RwLockReadGuard::bump(&mut reader);
    assert_eq!((*reader, lock.try_write().is_none()), (3, true));
    RwLockReadGuard::unlocked(&mut reader, || *lock.write() += 1);
    assert_eq!(*reader, 4);
    drop(reader);
    assert!(!lock.is_locked());
}

/// Nothing is poisoned: a thread that panics unlocks.
#[test]
fn a_panic_unlocks() {
    let _test = begin();
    let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _guards = (mutex.lock(), lock.write());
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(unwound.is_err() && mutex.try_lock().is_some() && lock.try_write().is_some());
}

#[test]
fn a_reentrant_mutex() {
    let _test = begin();
    let mutex = ReentrantMutex::new(Cell::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..rounds(500) {
                    let outer = mutex.lock();
                    outer.set(outer.get() + 1);
                    let inner = mutex.try_lock().expect("this thread has it");
                    inner.set(inner.get() + 1);
                    assert!(mutex.is_owned_by_current_thread());
                }
            });
        }
    });
    let guard = mutex.lock();
    assert_eq!(guard.get(), 6 * rounds(500));
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(mutex.is_locked() && !mutex.is_owned_by_current_thread() && mutex.try_lock().is_none());
            expect_timeout(true, |_| mutex.try_lock_for(SHORT).is_none());
        });
    });
}

/// Has to panic with a message that says this.
#[track_caller]
fn expect_panic(says: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("it is wrong");
    let message = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains(says), "{message}");
}

#[test]
fn a_checked_mutex_knows_its_owner() {
    const AGAIN: &str = "has the mutex locked already";
    const NOT_HELD: &str = "does not have the mutex";
    let _test = begin();
    let mutex = CheckedMutex::new(0);
    {
        let mut guard = mutex.lock();
        *guard += 1;
        expect_panic(AGAIN, || drop(mutex.lock()));
        expect_panic(AGAIN, || drop(mutex.try_lock_until(after(1))));
        expect_panic(AGAIN, || drop(mutex.try_lock_for(SHORT)));
        assert!(mutex.try_lock().is_none(), "to try is no mistake");
        thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: that another thread has it locked is what it notices.
                expect_panic(NOT_HELD, || unsafe { mutex.force_unlock() });
                // SAFETY: as above.
                expect_panic(NOT_HELD, || unsafe { mutex.force_unlock_fair() });
                expect_timeout(true, |deadline| mutex.try_lock_until(deadline).is_none());
                assert!(mutex.try_lock().is_none());
            });
        });
        AnyMutexGuard::unlocked(&mut guard, || {
            assert!(mutex.try_lock_until(Instant::MIN).is_some() && mutex.try_lock_for(SHORT).is_some());
        });
        AnyMutexGuard::bump(&mut guard);
        AnyMutexGuard::unlock_fair(guard);
    }
    // SAFETY: that it is not locked is what it notices.
    expect_panic(NOT_HELD, || unsafe { mutex.force_unlock() });
    assert!(!mutex.is_locked());
    drop(mutex.try_lock().expect("it is free"));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..rounds(500)).for_each(|_| *mutex.lock() += 1));
        }
    });
    assert_eq!(mutex.into_inner(), 1 + 3 * rounds(500));
}

#[test]
fn a_raw_checked_mutex() {
    static MUTEX: RawCheckedMutex = RawCheckedMutex::new();
    let _test = begin();
    let init = <RawCheckedMutex as ntpark_locks::lock_api::RawMutex>::INIT;
    for mutex in [&MUTEX, &RawCheckedMutex::default(), &init] {
        let free = format!("{mutex:?}");
        assert!(free.contains("RawMutex(free)") && free.contains("owner: 0"), "{free}");
        assert!(!mutex.is_locked() && !mutex.is_owned_by_current_thread());
        mutex.lock();
        let owner = Backend::get().current_thread().expect("this system tells threads apart");
        let locked = format!("{mutex:?}");
        assert!(locked.contains("RawMutex(locked)") && locked.contains(&format!("owner: {owner}")), "{locked}");
        assert!(mutex.is_locked() && mutex.is_owned_by_current_thread());
        // SAFETY: locked by this thread.
        unsafe { mutex.unlock_fair() };
        assert_eq!(format!("{mutex:?}"), free);
    }
}

/// As `lock_api` names it, a timeout of zero is a try.
#[test]
fn a_timeout_of_zero() {
    let _test = begin();
    let mutex = RawMutex::INIT;
    assert!(mutex.try_lock_for(Duration::ZERO));
    assert!(!mutex.try_lock_for(Duration::ZERO) && mutex.is_locked());
}

#[cfg(feature = "critical-section")]
#[test]
fn a_critical_section() {
    static SUM: critical_section::Mutex<Cell<usize>> = critical_section::Mutex::new(Cell::new(0));
    let _test = begin();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..rounds(500) {
                    critical_section::with(|outer| {
                        let before = SUM.borrow(outer).get();
                        // Nested: the outer one goes on afterwards.
                        critical_section::with(|inner| assert_eq!(SUM.borrow(inner).get(), before));
                        thread::yield_now();
                        SUM.borrow(outer).set(before + 1);
                    });
                }
            });
        }
    });
    assert_eq!(critical_section::with(|section| SUM.borrow(section).get()), 3 * rounds(500));
}
