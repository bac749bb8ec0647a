//! The table: which bucket a key belongs to, and holding one bucket's lock, or two.

use crate::lot::key::Key;
use crate::lot::queue::Bucket;
use crate::sync::{TABLE_BITS, array, process_static};
use crate::thread_parker::UnparkHandle;
use core::ptr;

const BUCKETS: usize = 1 << TABLE_BITS;

process_static! {
    /// The process's own. It never grows, which would take memory and, meanwhile, every bucket.
    static TABLE: [Bucket; BUCKETS] = array![Bucket::new(); BUCKETS];
}

/// The bucket of a key.
pub(crate) fn bucket(key: Key) -> &'static Bucket {
    // A word's worth of 2^64 over the golden ratio: addresses at regular distances get different buckets (Knuth, The
    // Art of Computer Programming, vol. 3, 6.4).
    const FACTOR: usize = (0x9E37_79B9_7F4A_7C15_u64 >> (64 - usize::BITS)) as usize;
    &TABLE[key.address().wrapping_mul(FACTOR | 1) >> (usize::BITS - TABLE_BITS)]
}

/// Holds a bucket's lock, or two.
pub(crate) struct Guard {
    first: &'static Bucket,
    second: Option<&'static Bucket>,
}

impl Guard {
    pub(crate) fn lock(bucket: &'static Bucket) -> Self {
        bucket.lock.lock();
        Self { first: bucket, second: None }
    }

    /// Locks two buckets, which may be the same. The one with the lower address comes first, for all threads, so that
    /// none waits for another in a circle.
    pub(crate) fn lock_two(one: &'static Bucket, other: &'static Bucket) -> Self {
        if ptr::eq(one, other) {
            return Self::lock(one);
        }
        let (first, second) = if ptr::from_ref(one) < ptr::from_ref(other) { (one, other) } else { (other, one) };
        first.lock.lock();
        second.lock.lock();
        Self { first, second: Some(second) }
    }
}

/// Also when a callback unwinds.
impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let second = self.second.map_or(UnparkHandle::EMPTY, |bucket| bucket.lock.unlock());
        let first = self.first.lock.unlock();
        // Only now: a wake may be slow, and no lock is held meanwhile.
        second.unpark();
        first.unpark();
    }
}
