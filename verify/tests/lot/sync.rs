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
    use crate::memory;
    use core::sync::atomic::Ordering;
    pub(crate) use shuttle::sync::atomic::fence;

    /// Other threads may run before each operation, and free the memory then.
    pub(crate) struct AtomicPtr<T>(shuttle::sync::atomic::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub(crate) const fn new(value: *mut T) -> Self {
            Self(shuttle::sync::atomic::AtomicPtr::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            let found = self.0.load(order);
            memory::touch(self);
            found
        }

        pub(crate) fn store(&self, value: *mut T, order: Ordering) {
            self.0.store(value, order);
            memory::touch(self);
        }

        pub(crate) fn compare_exchange(
            &self,
            from: *mut T,
            to: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            let found = self.0.compare_exchange(from, to, success, failure);
            memory::touch(self);
            found
        }
    }
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
