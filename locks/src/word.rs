//! How a lock changes its word, which is as wide as that lock needs it.

use crate::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize};
use core::sync::atomic::Ordering::{self, Relaxed};

/// An atomic, with what the standard library's `try_update` does from Rust 1.95 on.
pub(crate) trait Word {
    type Value;

    /// Changes the word, with this ordering, to what `next` makes of it; `next` is called again if another thread is
    /// quicker. False, and no change, once `next` returns `None`.
    fn change(&self, order: Ordering, next: impl FnMut(Self::Value) -> Option<Self::Value>) -> bool;
}

macro_rules! words {
    ($($atomic:ty: $value:ty),+) => {$(
        impl Word for $atomic {
            type Value = $value;

            #[inline]
            fn change(&self, order: Ordering, mut next: impl FnMut($value) -> Option<$value>) -> bool {
                let mut state = self.load(Relaxed);
                while let Some(next) = next(state) {
                    match self.compare_exchange_weak(state, next, order, Relaxed) {
                        Ok(_) => return true,
                        Err(found) => state = found,
                    }
                }
                false
            }
        }
    )+};
}
words!(AtomicU8: u8, AtomicU32: u32, AtomicUsize: usize);
