//! The lock of a bucket: one thread at a time, which sees what the last one did; and nobody is forgotten.

use crate::lot::bucket_lock::BucketLock;
use crate::{Platform, on_platforms};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// What compares and blocks, and what is a rendezvous: to the lock, all others are like one of these.
const PLATFORMS: [Platform; 2] = [Platform::Host, Platform::KeyedEventNull];

struct Counter {
    lock: BucketLock,
    count: UnsafeCell<usize>,
}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: BucketLock::new(), count: UnsafeCell::new(0) })
    }

    fn unlock(&self) {
        self.lock.unlock().unpark();
    }

    fn lock_and_count(&self) {
        self.lock.lock();
        // SAFETY: the lock is held; loom checks.
        self.count.with_mut(|count| unsafe { *count += 1 });
    }

    fn count_up(&self) {
        self.lock_and_count();
        self.unlock();
    }

    fn counted_up_later(counter: &Arc<Self>) -> thread::JoinHandle<()> {
        let counter = Arc::clone(counter);
        thread::spawn(move || counter.count_up())
    }

    /// So many have counted, and nobody holds the lock.
    fn assert_counted(&self, count: usize) {
        assert!(self.lock.is_free());
        // SAFETY: nobody writes any more; loom checks.
        assert_eq!(self.count.with(|count| unsafe { *count }), count);
    }
}

#[test]
fn one_thread_at_a_time_holds_it_and_sees_what_the_last_one_did() {
    on_platforms("bucket lock", &PLATFORMS, 4, |_| {
        let counter = Counter::new();
        let other = Counter::counted_up_later(&counter);
        counter.count_up();
        counter.count_up();
        other.join().expect("no panic");
        counter.assert_counted(3);
    });
}

#[test]
fn whoever_is_queued_gets_it_in_the_end() {
    on_platforms("queue of a bucket lock", &PLATFORMS, 2, |_| {
        let counter = Counter::new();
        counter.lock_and_count();
        assert!(!counter.lock.is_free());
        let others = [(); 2].map(|()| Counter::counted_up_later(&counter));
        counter.unlock();
        for other in others {
            other.join().expect("no panic");
        }
        counter.assert_counted(3);
    });
}

#[test]
fn three_are_queued_and_the_links_lead_to_the_oldest() {
    on_platforms("longer queue of a bucket lock", &[Platform::Host], 1, |_| {
        let counter = Counter::new();
        counter.lock_and_count();
        let others = [(); 3].map(|()| Counter::counted_up_later(&counter));
        // All that can be are queued by now; loom tries less as well.
        thread::yield_now();
        counter.unlock();
        counter.count_up();
        for other in others {
            other.join().expect("no panic");
        }
        counter.assert_counted(5);
    });
}
