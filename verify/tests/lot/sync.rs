//! What the product's `sync` declares: atomics at which Shuttle may go on with another thread, and cells. Both look
//! whether the memory is still there.

use crate::memory;

/// Two buckets, of which either has several keys.
pub(crate) const TABLE_BITS: u32 = 1;
/// To look again is one more order of the same.
pub(crate) const LOOKS: u32 = 0;
/// So that three threads are more than one batch.
pub(crate) const BATCH: usize = 2;

pub(crate) mod atomic {
    use crate::{memory, step};
    use core::cell::Cell;
    use core::sync::atomic::Ordering::{self, Relaxed};

    /// Before each operation that is not Relaxed, other threads may run, and free the memory too. What is Relaxed is
    /// used under a lock, or beside an operation that is not.
    #[repr(transparent)]
    pub(crate) struct Atomic<T>(Cell<T>);

    pub(crate) type AtomicPtr<T> = Atomic<*mut T>;

    // SAFETY: all threads of an execution run on one thread of the system, and none stops in the middle of an
    // operation.
    unsafe impl<T> Sync for Atomic<T> {}

    impl<T> Atomic<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Cell::new(value))
        }
    }

    impl<T: Copy + PartialEq> Atomic<T> {
        fn begin(&self, order: Ordering) {
            if order != Relaxed {
                step();
            }
            memory::touch(self);
        }

        pub(crate) fn load(&self, order: Ordering) -> T {
            self.begin(order);
            self.0.get()
        }

        pub(crate) fn store(&self, value: T, order: Ordering) {
            self.begin(order);
            self.0.set(value);
        }

        pub(crate) fn compare_exchange(&self, from: T, to: T, success: Ordering, _: Ordering) -> Result<T, T> {
            self.begin(success);
            let found = self.0.get();
            if found != from {
                return Err(found);
            }
            self.0.set(to);
            Ok(found)
        }
    }

    /// All is in one order here.
    pub(crate) fn fence(_: Ordering) {}
}

pub(crate) struct Cell<T>(core::cell::Cell<T>);

impl<T> Cell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::Cell::new(value))
    }

    pub(crate) fn set(&self, value: T) {
        self.replace(value);
    }

    pub(crate) fn replace(&self, value: T) -> T {
        memory::touch(self);
        self.0.replace(value)
    }
}

impl<T: Copy> Cell<T> {
    pub(crate) fn get(&self) -> T {
        memory::touch(self);
        self.0.get()
    }
}

macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility const fn $($rest)*
    };
}
pub(crate) use const_constructor;

/// A static of Shuttle's begins anew with each execution.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        shuttle::lazy_static! { $(#[$attribute])* static ref $name: $type = $value; }
    };
}
pub(crate) use process_static;

macro_rules! array {
    ($new:expr; $length:expr) => {
        [const { $new }; $length]
    };
}
pub(crate) use array;
