//! The product's declarations of NT, on the simulated one.

pub(crate) use crate::product::sys::*;

/// The simulated loader.
pub(crate) mod loader {
    pub(crate) use crate::nt::{Module, Nt};
    pub(crate) use crate::product::sys::loader::*;
}

/// Whoever yields or sleeps lets the others run; and how often the product has done so.
pub(crate) mod thread {
    use std::cell::Cell;

    thread_local! {
        /// loom runs all threads of an execution on one thread of the system.
        static YIELDS: Cell<u32> = const { Cell::new(0) };
        static NAPS: Cell<u32> = const { Cell::new(0) };
    }

    pub(crate) fn thread_yield() {
        YIELDS.set(YIELDS.get() + 1);
        loom::thread::yield_now();
    }

    pub(crate) fn nap() {
        NAPS.set(NAPS.get() + 1);
        loom::thread::yield_now();
    }

    pub(crate) fn yields() -> u32 {
        YIELDS.get()
    }

    pub(crate) fn naps() -> u32 {
        NAPS.get()
    }

    /// Counts from 0 again.
    pub(crate) fn reset_counts() {
        YIELDS.set(0);
        NAPS.set(0);
    }
}

/// A last error, which tests look at where one thread runs: those of loom share it.
pub(crate) mod last_error {
    use std::cell::Cell;

    thread_local! {
        static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
    }

    pub(crate) fn set_last_error(error: u32) {
        LAST_ERROR.set(error);
    }

    pub(crate) fn last_error() -> u32 {
        LAST_ERROR.get()
    }

    pub(crate) struct LastError {
        kept: u32,
    }

    impl LastError {
        pub(crate) fn keep() -> Self {
            Self { kept: last_error() }
        }

        pub(crate) fn now(&self) -> u32 {
            last_error()
        }
    }

    impl Drop for LastError {
        fn drop(&mut self) {
            set_last_error(self.kept);
        }
    }
}
