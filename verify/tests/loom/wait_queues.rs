//! The lot: fences, counts, and what is visible after a wake.

use crate::lot::{
    DEFAULT_PARK_TOKEN, Key, ParkResult, RequeueOp, UnparkToken, is_idle, park, unpark_all, unpark_one, unpark_requeue,
};
use crate::nt;
use crate::time::Instant;
use crate::{Platform, on_platforms};
use core::sync::atomic::Ordering::Relaxed;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::thread::{self, JoinHandle};

/// What compares and blocks, and what is a rendezvous: to a queue, all others are like one of these.
const PLATFORMS: [Platform; 2] = [Platform::Host, Platform::KeyedEventNull];
const DEADLINE: Instant = Instant::from_ticks(50_000);
const LATER: u64 = 60_000;
/// Keys of different buckets.
const A: usize = 2;
const B: usize = 1;
const TOKEN: UnparkToken = UnparkToken(7);

/// Something to wait for, and what happened before it.
struct Shared {
    changed: AtomicBool,
    data: UnsafeCell<u32>,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { changed: AtomicBool::new(false), data: UnsafeCell::new(0) })
    }

    /// What is visible to a thread that was woken.
    fn assert_data(&self, result: ParkResult) {
        if result.is_unparked() {
            assert_eq!(result, ParkResult::Unparked(TOKEN));
            // SAFETY: written before the wake; loom checks.
            assert_eq!(self.data.with(|data| unsafe { *data }), 7);
        }
    }

    fn set_data(&self) {
        // SAFETY: nobody reads before the wake; loom checks.
        self.data.with_mut(|data| unsafe { *data = 7 });
    }

    /// Waits until the change or a wake.
    fn wait(&self, deadline: Instant) -> ParkResult {
        let validate = || !self.changed.load(Relaxed);
        // SAFETY: the callbacks call nothing of the lot's, and the key is the test's; and so below.
        let result = unsafe { park(A, validate, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, deadline) };
        self.assert_data(result);
        result
    }

    fn waits(shared: &Arc<Self>, deadline: Instant) -> JoinHandle<ParkResult> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.wait(deadline))
    }
}

fn assert_idle() {
    assert!(is_idle(Key::from(A)) && is_idle(Key::from(B)));
}

/// `woken` of these have been counted.
fn assert_counted<const N: usize>(waiters: [JoinHandle<ParkResult>; N], woken: usize) {
    let results = waiters.map(|waiter| waiter.join().expect("no panic"));
    assert_eq!(results.iter().filter(|result| result.is_unparked()).count(), woken, "{results:?}");
    assert_idle();
}

#[test]
fn a_thread_sees_the_change_or_a_wake_finds_it() {
    on_platforms("wake of nobody", &PLATFORMS, 3, |_| {
        let shared = Shared::new();
        let waiter = Shared::waits(&shared, Instant::MAX);
        shared.set_data();
        shared.changed.store(true, Relaxed);
        // SAFETY: as above.
        let woken = unsafe { unpark_all(A, TOKEN) };
        assert_counted([waiter], woken);
    });
}

#[test]
fn a_requeue_sees_the_change_or_a_wake_finds_whom_it_moves() {
    on_platforms("requeue against wake of nobody", &PLATFORMS[..1], 2, |_| {
        let (shared, freed) = (Shared::new(), Arc::new(AtomicBool::new(false)));
        shared.set_data();
        let waiter = Shared::waits(&shared, Instant::MAX);
        let waker = thread::spawn({
            let freed = Arc::clone(&freed);
            move || {
                freed.store(true, Relaxed);
                // SAFETY: as above; and so below.
                unsafe { unpark_all(B, TOKEN) }
            }
        });
        let validate = || if freed.load(Relaxed) { RequeueOp::Abort } else { RequeueOp::RequeueAll };
        // SAFETY: as above.
        let moved = unsafe { unpark_requeue(A, B, validate, |_, _| TOKEN) }.requeued_threads;
        let mut woken = waker.join().expect("no panic");
        assert_eq!(woken, moved, "whom it moves is woken");
        shared.changed.store(true, Relaxed);
        // SAFETY: as above.
        woken += unsafe { unpark_all(A, TOKEN) };
        assert_counted([waiter], woken);
    });
}

#[test]
fn a_wake_and_a_timeout_agree() {
    on_platforms("wake against time-out", &PLATFORMS, 3, |_| {
        let shared = Shared::new();
        nt::advance(LATER);
        let waiter = Shared::waits(&shared, DEADLINE);
        let mut is_queued = false;
        // SAFETY: as above.
        let result = unsafe {
            unpark_one(A, |result| {
                is_queued = result.unparked_threads == 1;
                shared.set_data();
                TOKEN
            })
        };
        assert_eq!(is_queued, result.unparked_threads == 1);
        assert_counted([waiter], result.unparked_threads);
    });
}

#[test]
fn a_thread_out_of_time_leaves_what_a_wake_has_taken() {
    on_platforms("two told, one by one", &PLATFORMS, 1, |_| {
        let shared = Shared::new();
        nt::advance(LATER);
        shared.set_data();
        let waiters = [(); 2].map(|()| Shared::waits(&shared, DEADLINE));
        // SAFETY: as above.
        let woken = unsafe { unpark_all(A, TOKEN) };
        assert_counted(waiters, woken);
    });
}

#[test]
fn a_thread_out_of_time_finds_where_it_was_moved_to() {
    on_platforms("requeue against time-out", &PLATFORMS, 2, |_| {
        let shared = Shared::new();
        nt::advance(LATER);
        shared.set_data();
        let waiter = Shared::waits(&shared, DEADLINE);
        // SAFETY: as above.
        let moved = unsafe { unpark_requeue(A, B, || RequeueOp::RequeueAll, |_, _| TOKEN) }.requeued_threads;
        // SAFETY: as above.
        let woken = unsafe { unpark_all(B, TOKEN) };
        assert!(woken <= moved);
        assert_counted([waiter], woken);
    });
}

#[test]
fn two_requeues_lock_in_one_order() {
    on_platforms("requeues both ways", &PLATFORMS, 2, |_| {
        // SAFETY: as above; and so below.
        let other = thread::spawn(|| unsafe { unpark_requeue(B, A, || RequeueOp::RequeueAll, |_, _| TOKEN) });
        // SAFETY: as above.
        let result = unsafe { unpark_requeue(A, B, || RequeueOp::RequeueAll, |_, _| TOKEN) };
        assert_eq!(other.join().expect("no panic"), result, "nobody waits");
        assert_idle();
    });
}

#[test]
fn a_thread_may_unpark_itself_before_it_sleeps() {
    on_platforms("unparks itself", &PLATFORMS, 2, |_| {
        let shared = Shared::new();
        shared.set_data();
        let other = thread::spawn(|| {
            // SAFETY: as above; and so below.
            unsafe { unpark_all(A, TOKEN) }
        });
        let mut woken = 0;
        // SAFETY: as above.
        let before_sleep = || woken = unsafe { unpark_all(A, TOKEN) };
        // SAFETY: as above.
        let result = unsafe { park(A, || true, before_sleep, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) };
        shared.assert_data(result);
        assert_eq!(woken + other.join().expect("no panic"), 1);
        assert_idle();
    });
}
