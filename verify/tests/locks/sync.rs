//! What the product's `sync` and that of the locks declare. Before each change of a lock other threads may run,
//! whatever its ordering.

#[path = "../lot/sync.rs"]
mod of_the_lot;

pub(crate) use crate::backend::Backend;
pub(crate) use crate::lot;
pub(crate) use crate::spin::SpinWait as Looks;
pub(crate) use crate::time::Instant;
pub(crate) use of_the_lot::*;

pub(crate) mod atomic {
    pub(crate) use super::of_the_lot::atomic::*;

    use crate::{clock, step};
    use core::ops::{BitAnd, BitOr, Sub};
    use core::sync::atomic::Ordering::{self, Relaxed};

    pub(crate) type AtomicU8 = Atomic<u8>;
    pub(crate) type AtomicU32 = Atomic<u32>;
    pub(crate) type AtomicUsize = Atomic<usize>;

    impl<T: Copy + PartialEq> Atomic<T> {
        pub(crate) fn compare_exchange_weak(&self, from: T, to: T, _: Ordering, _: Ordering) -> Result<T, T> {
            clock::tick();
            step();
            self.compare_exchange(from, to, Relaxed, Relaxed)
        }

        fn change(&self, next: impl FnOnce(T) -> T) -> T {
            clock::tick();
            step();
            let found = self.load(Relaxed);
            self.store(next(found), Relaxed);
            found
        }

        pub(crate) fn fetch_sub(&self, number: T, _: Ordering) -> T
        where
            T: Sub<Output = T>,
        {
            self.change(|found| found - number)
        }

        pub(crate) fn fetch_or(&self, bits: T, _: Ordering) -> T
        where
            T: BitOr<Output = T>,
        {
            self.change(|found| found | bits)
        }

        pub(crate) fn fetch_and(&self, mask: T, _: Ordering) -> T
        where
            T: BitAnd<Output = T>,
        {
            self.change(|found| found & mask)
        }
    }
}
