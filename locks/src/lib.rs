#![doc = include_str!("../README.md")]
#![no_std]
#![debugger_visualizer(natvis_file = "locks.natvis")]

#[cfg(doctest)]
extern crate std;

mod barrier;
mod checked;
mod condvar;
#[cfg(feature = "critical-section")]
mod critical_section;
mod debug;
mod event;
mod key;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
mod patience;
mod rwlock;
mod semaphore;
mod sync;
mod thread_id;
mod typed;
mod word;

pub use barrier::{Barrier, BarrierWait};
pub use checked::RawCheckedMutex;
pub use condvar::Condvar;
pub use event::Event;
pub use lazy_lock::LazyLock;
pub use lock_api;
pub use mutex::RawMutex;
pub use ntpark::Instant;
pub use once::{Begin, Once};
pub use once_lock::OnceLock;
pub use rwlock::RawRwLock;
pub use semaphore::{Semaphore, TooManyPermits};
pub use thread_id::CurrentThread;
pub use typed::{
    CheckedMutex, CheckedMutexGuard, MappedMutexGuard, Mutex, MutexGuard, ReentrantMutex, ReentrantMutexGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
