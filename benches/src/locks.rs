//! The locks that are compared: ntpark's, their peers, and what is made of a few instructions.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::subjects::Subject;
#[cfg(windows)]
pub(crate) use crate::sys::{CriticalSection, SrwLock};

/// Mutual exclusion.
pub(crate) trait Mutex: Default + Send + Sync + 'static {
    const NAME: &'static str;
    /// Does that with the mutex locked.
    fn with(&self, inside: impl FnOnce());
}

/// Many readers, or one writer.
pub(crate) trait RwLock: Default + Send + Sync + 'static {
    const NAME: &'static str;
    /// Does that as a reader.
    fn read(&self, inside: impl FnOnce());
    /// Does that as the writer.
    fn write(&self, inside: impl FnOnce());
}

/// A number, a mutex and a condition variable.
pub(crate) trait Monitor: Default + Send + Sync + 'static {
    const NAME: &'static str;
    /// Changes the number, and notifies one thread.
    fn set_for_one(&self, number: u64);
    /// Changes the number, and notifies all threads.
    fn set_for_all(&self, number: u64);
    /// Waits until it is that number.
    fn wait_for(&self, number: u64);
}

macro_rules! impl_locks {
    ($name:literal, $mutex:ty, $rwlock:ty) => {
        impl Mutex for $mutex {
            const NAME: &'static str = $name;

            fn with(&self, inside: impl FnOnce()) {
                let _guard = self.lock();
                inside();
            }
        }

        impl RwLock for $rwlock {
            const NAME: &'static str = $name;

            fn read(&self, inside: impl FnOnce()) {
                let _guard = self.read();
                inside();
            }

            fn write(&self, inside: impl FnOnce()) {
                let _guard = self.write();
                inside();
            }
        }
    };
    ($name:literal, $mutex:ty, $rwlock:ty, $monitor:ty) => {
        impl_locks!($name, $mutex, $rwlock);

        impl Monitor for $monitor {
            const NAME: &'static str = $name;

            fn set_for_one(&self, number: u64) {
                *self.0.lock() = number;
                self.1.notify_one();
            }

            fn set_for_all(&self, number: u64) {
                let mut guard = self.0.lock();
                *guard = number;
                self.1.notify_all();
            }

            fn wait_for(&self, number: u64) {
                let mut guard = self.0.lock();
                while *guard != number {
                    self.1.wait(&mut guard);
                }
            }
        }
    };
}

impl_locks!(
    "ntpark-locks",
    ntpark_locks::Mutex<()>,
    ntpark_locks::RwLock<()>,
    (ntpark_locks::Mutex<u64>, ntpark_locks::Condvar)
);
impl_locks!(
    "parking_lot",
    parking_lot::Mutex<()>,
    parking_lot::RwLock<()>,
    (parking_lot::Mutex<u64>, parking_lot::Condvar)
);
#[cfg(feature = "newer-peers")]
impl_locks!(
    "parking_lot-0.13",
    parking_lot_0_13::Mutex<()>,
    parking_lot_0_13::RwLock<()>,
    (parking_lot_0_13::Mutex<u64>, parking_lot_0_13::Condvar)
);
impl_locks!("usync", usync::Mutex<()>, usync::RwLock<()>, (usync::Mutex<u64>, usync::Condvar));
impl_locks!("spin", spin::Mutex<()>, spin::RwLock<()>);
impl_locks!("std", std::sync::Mutex<()>, std::sync::RwLock<()>);

impl Monitor for (std::sync::Mutex<u64>, std::sync::Condvar) {
    const NAME: &'static str = "std";

    fn set_for_one(&self, number: u64) {
        *self.0.lock().expect("nobody panics") = number;
        self.1.notify_one();
    }

    fn set_for_all(&self, number: u64) {
        let mut guard = self.0.lock().expect("nobody panics");
        *guard = number;
        self.1.notify_all();
    }

    fn wait_for(&self, number: u64) {
        let guard = self.0.lock().expect("nobody panics");
        drop(self.1.wait_while(guard, |found| *found != number));
    }
}

/// What `$case` makes of each peer of that kind.
macro_rules! peers {
    (mutex $case:ident($($argument:expr),*)) => {
        peers!(
            [ntpark_locks::Mutex<()>, std::sync::Mutex<()>, parking_lot::Mutex<()>, usync::Mutex<()>, spin::Mutex<()>]
            [parking_lot_0_13::Mutex<()>] [$crate::locks::SrwLock, $crate::locks::CriticalSection] $case($($argument),*)
        )
    };
    (rwlock $case:ident($($argument:expr),*)) => {
        peers!(
            [ntpark_locks::RwLock<()>, std::sync::RwLock<()>, parking_lot::RwLock<()>, usync::RwLock<()>,
             spin::RwLock<()>]
            [parking_lot_0_13::RwLock<()>] [$crate::locks::SrwLock] $case($($argument),*)
        )
    };
    (monitor $case:ident($($argument:expr),*)) => {
        peers!(
            [(ntpark_locks::Mutex<u64>, ntpark_locks::Condvar), (std::sync::Mutex<u64>, std::sync::Condvar),
             (parking_lot::Mutex<u64>, parking_lot::Condvar), (usync::Mutex<u64>, usync::Condvar)]
            [(parking_lot_0_13::Mutex<u64>, parking_lot_0_13::Condvar)]
            [$crate::locks::SrwLock, $crate::locks::CriticalSection] $case($($argument),*)
        )
    };
    ([$($all:ty),+] [$($newer:ty),+] [$($windows:ty),+] $case:ident $arguments:tt) => {{
        #[allow(unused_mut, reason = "where neither of the others is there")]
        let mut cases = vec![$($case::<$all> $arguments),+];
        #[cfg(feature = "newer-peers")]
        cases.extend([$($case::<$newer> $arguments),+]);
        #[cfg(windows)]
        cases.extend([$($case::<$windows> $arguments),+]);
        cases
    }};
}
pub(crate) use peers;

/// The limit for locks that nobody else wants: an atomic operation to lock, and one to unlock.
#[derive(Default)]
pub(crate) struct BarePair(AtomicUsize);

impl BarePair {
    pub(crate) const NAME: &'static str = "bare-pair";
}

impl Mutex for BarePair {
    const NAME: &'static str = Self::NAME;

    fn with(&self, inside: impl FnOnce()) {
        if self.0.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
            inside();
            let _ = self.0.compare_exchange(1, 0, Release, Relaxed);
        }
    }
}

impl RwLock for BarePair {
    const NAME: &'static str = Self::NAME;

    fn read(&self, inside: impl FnOnce()) {
        let state = self.0.load(Relaxed);
        if self.0.compare_exchange(state, state + 2, Acquire, Relaxed).is_ok() {
            inside();
            self.0.fetch_sub(2, Release);
        }
    }

    fn write(&self, inside: impl FnOnce()) {
        Mutex::with(self, inside);
    }
}

/// Things that hold a token, or several, as parkers do.
macro_rules! impl_subjects {
    ($($subject:ident, $name:literal, $object:ty: |$it:ident| $park:expr, $unpark:expr;)+) => {$(
        pub(crate) struct $subject;

        impl Subject for $subject {
            const NAME: &'static str = $name;
            type Parker = Arc<$object>;
            type Unparker = Arc<$object>;

            fn pair() -> (Self::Parker, Self::Unparker) {
                let object = Arc::<$object>::default();
                (Arc::clone(&object), object)
            }

            fn park($it: &Self::Parker) {
                $park;
            }

            fn unpark($it: &Self::Unparker) {
                $unpark;
            }
        }
    )+};
}

impl_subjects! {
    NtparkEvent, "ntpark-event", ntpark_locks::Event: |event| event.wait(), event.set();
    NtparkSemaphore, "ntpark-semaphore", ntpark_locks::Semaphore: |semaphore| semaphore.acquire(1),
        semaphore.release(1).expect("a few permits");
    StdSemaphore, "std-built-semaphore", (std::sync::Mutex<u32>, std::sync::Condvar): |semaphore| {
        let permits = semaphore.0.lock().expect("nobody panics");
        *semaphore.1.wait_while(permits, |permits| *permits == 0).expect("nobody panics") -= 1;
    }, {
        *semaphore.0.lock().expect("nobody panics") += 1;
        semaphore.1.notify_one();
    };
}
