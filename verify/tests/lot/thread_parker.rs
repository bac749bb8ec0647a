//! A simulated parker: the two-phase protocol, at each step of which Shuttle may go on with another thread.
//!
//! Time is whatever the schedule makes of it. A thread that waits with a deadline can always run; if it does so before
//! it is unparked, it is out of time, once it has looked as often as the deadline has ticks. One without a deadline
//! waits until the handle is used, as on keyed events; one with a deadline may leave before, as on `WaitOnAddress`. So
//! both kinds of backends are here.

use crate::lot::queue::Waiter;
use crate::memory;
use crate::step;
use crate::sync::Cell;
use crate::time::Instant;
use core::mem::offset_of;
use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};
use shuttle::sync::atomic::AtomicU32;
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

const EMPTY: u32 = 0;
const ARMED: u32 = 1;
const PARKED: u32 = 2;
const TIMED_OUT: u32 = 3;
/// Added by an unpark.
const NOTIFIED: u32 = 4;

pub(crate) struct ThreadParker {
    state: AtomicU32,
    /// Rung by the handle. In memory of its own, since the thread may leave before.
    bell: Cell<Option<Arc<BatchSemaphore>>>,
}

impl ThreadParker {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), bell: Cell::new(None) }
    }

    pub(crate) fn prepare_park(&self) {
        self.state.store(ARMED, SeqCst);
        memory::touch(self);
    }

    /// For the lock of a bucket.
    pub(crate) fn park(&self) {
        assert!(self.wait(None), "nothing but an unpark ends it");
    }

    /// For a waiter of the lot.
    pub(crate) fn park_until(&self, deadline: Instant) -> bool {
        let waiter = std::ptr::from_ref(self).addr() - offset_of!(Waiter, parker);
        memory::wait_at(waiter..waiter + size_of::<Waiter>());
        self.wait((deadline != Instant::MAX).then_some(deadline.ticks()))
    }

    /// Waits for ever, or for so many looks. True if unparked.
    fn wait(&self, looks: Option<u64>) -> bool {
        let bell = Arc::new(BatchSemaphore::new(0, Fairness::StrictlyFair));
        self.bell.set(Some(Arc::clone(&bell)));
        let is_unparked = match (self.state.compare_exchange(ARMED, PARKED, SeqCst, SeqCst), looks) {
            (Err(state), _) => {
                assert_eq!(state, ARMED + NOTIFIED, "it was prepared, and unparked since");
                true
            }
            (Ok(_), None) => bell.acquire_blocking(1).is_ok(),
            (Ok(_), Some(looks)) => {
                let mut look = 0;
                while look < looks && self.state.load(SeqCst) == PARKED {
                    look += 1;
                    thread::yield_now();
                }
                self.state.compare_exchange(PARKED, TIMED_OUT, SeqCst, SeqCst).is_err()
            }
        };
        self.bell.set(None);
        is_unparked
    }

    pub(crate) fn unpark_lock(&self) -> UnparkHandle {
        // Nobody else runs between the addition and what follows.
        let found = self.state.fetch_add(NOTIFIED, SeqCst);
        memory::touch(self);
        let handle = match found {
            PARKED => {
                let bell = self.bell.replace(None);
                self.bell.set(bell.clone());
                UnparkHandle(bell)
            }
            ARMED | TIMED_OUT => UnparkHandle::EMPTY,
            _ => panic!("a thread is unparked twice"),
        };
        // Its thread may return before the caller goes on.
        step();
        handle
    }
}

pub(crate) struct UnparkHandle(Option<Arc<BatchSemaphore>>);

impl UnparkHandle {
    pub(crate) const EMPTY: Self = Self(None);

    pub(crate) fn unpark(self) -> bool {
        if let Some(bell) = &self.0 {
            bell.release(1);
        }
        self.0.is_some()
    }
}
