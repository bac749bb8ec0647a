//! Windows' own locks.

#![allow(non_snake_case, reason = "parameters are spelt as in the SDK")]

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use ntpark::sys::kernel32::INFINITE;
use ntpark::sys::{BOOL, HANDLE};

use super::{Event, WaitForSingleObject};
use crate::locks::{Monitor, Mutex, RwLock};
use crate::subjects::Subject;

windows_targets::link!("kernel32.dll" "system" fn CreateSemaphoreA(lpSemaphoreAttributes: *const c_void, lInitialCount: i32, lMaximumCount: i32, lpName: *const c_char) -> HANDLE);
windows_targets::link!("kernel32.dll" "system" fn ReleaseSemaphore(hSemaphore: HANDLE, lReleaseCount: i32, lpPreviousCount: *mut i32) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn AcquireSRWLockExclusive(SRWLock: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn ReleaseSRWLockExclusive(SRWLock: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn AcquireSRWLockShared(SRWLock: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn ReleaseSRWLockShared(SRWLock: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn SleepConditionVariableSRW(ConditionVariable: *mut c_void, SRWLock: *mut c_void, dwMilliseconds: u32, Flags: u32) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn SleepConditionVariableCS(ConditionVariable: *mut c_void, CriticalSection: *mut c_void, dwMilliseconds: u32) -> BOOL);
windows_targets::link!("kernel32.dll" "system" fn WakeConditionVariable(ConditionVariable: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn WakeAllConditionVariable(ConditionVariable: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn InitializeCriticalSection(lpCriticalSection: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn DeleteCriticalSection(lpCriticalSection: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn EnterCriticalSection(lpCriticalSection: *mut c_void));
windows_targets::link!("kernel32.dll" "system" fn LeaveCriticalSection(lpCriticalSection: *mut c_void));

/// What the two have in common.
pub(crate) trait Raw: Default + Send + Sync + 'static {
    const NAME: &'static str;
    fn lock(&self);
    fn unlock(&self);
    /// Waits for a condition variable, unlocked meanwhile.
    fn sleep(&self, condition: *mut c_void);
}

/// `SRWLOCK`.
#[derive(Default)]
pub(crate) struct Slim(UnsafeCell<usize>);

// SAFETY: the word is for the system's functions alone.
unsafe impl Sync for Slim {}

impl Raw for Slim {
    const NAME: &'static str = "srwlock";

    fn lock(&self) {
        // SAFETY: all zero is a free lock, which stays where it is while it is in use.
        unsafe { AcquireSRWLockExclusive(self.0.get().cast()) };
    }

    fn unlock(&self) {
        // SAFETY: as above; the benchmarks unlock what they have locked.
        unsafe { ReleaseSRWLockExclusive(self.0.get().cast()) };
    }

    fn sleep(&self, condition: *mut c_void) {
        // SAFETY: as above; flags of 0 say that it is locked exclusively.
        unsafe { SleepConditionVariableSRW(condition, self.0.get().cast(), INFINITE, 0) };
    }
}

/// `CRITICAL_SECTION`: its size, and where it stays.
pub(crate) struct Critical(Box<UnsafeCell<[usize; 6]>>);

// SAFETY: it is for the system's functions alone.
unsafe impl Sync for Critical {}

impl Default for Critical {
    fn default() -> Self {
        let section = Box::<UnsafeCell<[usize; 6]>>::default();
        // SAFETY: it is as large, or larger on 64 bits, and aligned.
        unsafe { InitializeCriticalSection(section.get().cast()) };
        Self(section)
    }
}

impl Drop for Critical {
    fn drop(&mut self) {
        // SAFETY: initialised, and nobody uses it any more.
        unsafe { DeleteCriticalSection(self.0.get().cast()) };
    }
}

impl Raw for Critical {
    const NAME: &'static str = "critical-section";

    fn lock(&self) {
        // SAFETY: initialised.
        unsafe { EnterCriticalSection(self.0.get().cast()) };
    }

    fn unlock(&self) {
        // SAFETY: as above; the benchmarks leave what they have entered.
        unsafe { LeaveCriticalSection(self.0.get().cast()) };
    }

    fn sleep(&self, condition: *mut c_void) {
        // SAFETY: as above.
        unsafe { SleepConditionVariableCS(condition, self.0.get().cast(), INFINITE) };
    }
}

/// A lock, a condition variable, and a number.
#[derive(Default)]
pub(crate) struct WithCondition<L> {
    lock: L,
    condition: UnsafeCell<usize>,
    number: UnsafeCell<u64>,
}

// SAFETY: the number is used with the lock held, the condition by the system's functions alone.
unsafe impl<L: Sync> Sync for WithCondition<L> {}

pub(crate) type SrwLock = WithCondition<Slim>;
pub(crate) type CriticalSection = WithCondition<Critical>;

impl<L: Raw> Mutex for WithCondition<L> {
    const NAME: &'static str = L::NAME;

    fn with(&self, inside: impl FnOnce()) {
        self.lock.lock();
        inside();
        self.lock.unlock();
    }
}

impl RwLock for SrwLock {
    const NAME: &'static str = Slim::NAME;

    fn read(&self, inside: impl FnOnce()) {
        let lock = self.lock.0.get().cast();
        // SAFETY: as for exclusive use.
        unsafe { AcquireSRWLockShared(lock) };
        inside();
        // SAFETY: as above.
        unsafe { ReleaseSRWLockShared(lock) };
    }

    fn write(&self, inside: impl FnOnce()) {
        self.with(inside);
    }
}

impl<L: Raw> Monitor for WithCondition<L> {
    const NAME: &'static str = L::NAME;

    fn set_for_one(&self, number: u64) {
        // SAFETY: the lock is held.
        self.with(|| unsafe { *self.number.get() = number });
        // SAFETY: all zero is one that nobody waits for.
        unsafe { WakeConditionVariable(self.condition.get().cast()) };
    }

    fn set_for_all(&self, number: u64) {
        self.with(|| {
            // SAFETY: the lock is held.
            unsafe { *self.number.get() = number };
            // SAFETY: as above.
            unsafe { WakeAllConditionVariable(self.condition.get().cast()) };
        });
    }

    fn wait_for(&self, number: u64) {
        self.with(|| {
            // SAFETY: the lock is held.
            while unsafe { *self.number.get() } != number {
                self.lock.sleep(self.condition.get().cast());
            }
        });
    }
}

/// A kernel object that counts.
pub(crate) struct SemaphoreHandle;

impl Subject for SemaphoreHandle {
    const NAME: &'static str = "semaphore-handle";
    type Parker = Arc<Event>;
    type Unparker = Arc<Event>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        // SAFETY: no attributes and no name are allowed.
        let handle = unsafe { CreateSemaphoreA(ptr::null(), 0, i32::MAX, ptr::null()) };
        assert!(!handle.is_null(), "no semaphore could be made");
        let handle = Arc::new(Event(handle));
        (Arc::clone(&handle), handle)
    }

    fn park(handle: &Self::Parker) {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(handle.0, INFINITE) };
    }

    fn unpark(handle: &Self::Unparker) {
        // SAFETY: the handle is open, and nobody asks for the count.
        unsafe { ReleaseSemaphore(handle.0, 1, ptr::null_mut()) };
    }
}
