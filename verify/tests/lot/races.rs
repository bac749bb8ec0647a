//! Few threads in all orders: a wake against a park, against a time-out, against a requeue.

use crate::lot::{
    DEFAULT_PARK_TOKEN, FilterOp, Key, ParkResult, ParkToken, RequeueOp, UnparkToken, park, unpark_all, unpark_n,
    unpark_one, unpark_requeue,
};
use crate::queues::Queues;
use crate::time::{self, Instant};
use crate::{A, B, C, explore, sample, spawn, step};
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// A deadline that may have passed at any time, but not before others have had a chance to run.
const SOON: Instant = Instant::from_ticks(1);
const ONE: UnparkToken = UnparkToken(1);
const TWO: UnparkToken = UnparkToken(2);

/// Explores threads that share queues, with few preemptions, and then at random.
fn explore_queues<const N: usize>(name: &str, preemptions: usize, threads: [fn(&Queues); N]) {
    let test = move || {
        let queues = Queues::new();
        let threads = threads.map(|thread| {
            let queues = queues.clone();
            spawn(move || thread(&queues))
        });
        for thread in threads {
            thread.join().expect("no panic");
        }
    };
    explore(name, preemptions, test);
    sample(100, test);
}

#[test]
fn a_thread_sees_the_change_or_is_found() {
    explore("park against wake of nobody", 4, || {
        let (changed, woken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let parked = spawn({
            let changed = Arc::clone(&changed);
            let validate = move || {
                let is_valid = !changed.load(Relaxed);
                step();
                is_valid
            };
            // SAFETY: the callbacks call nothing of the lot's, and the key is the test's; and so below.
            || unsafe { park(A, validate, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) }
        });
        let waker = spawn({
            let woken = Arc::clone(&woken);
            move || {
                changed.store(true, Relaxed);
                // SAFETY: as above.
                woken.store(unsafe { unpark_all(A, ONE) }, Relaxed);
            }
        });
        let result = parked.join().expect("no panic");
        waker.join().expect("no panic");
        let expected = if woken.load(Relaxed) == 1 { ParkResult::Unparked(ONE) } else { ParkResult::Invalid };
        assert_eq!(result, expected);
    });
}

#[test]
fn a_wake_and_a_timeout_agree() {
    explore_queues(
        "wake against time-outs",
        1,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(A, SOON),
            |queues| {
                queues.unpark_one(A, ONE);
                queues.unpark_one(A, TWO);
            },
        ],
    );
}

#[test]
fn a_requeue_and_a_timeout_agree() {
    explore_queues(
        "requeue against time-outs",
        1,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(A, SOON),
            |queues| {
                queues.requeue(A, C, RequeueOp::UnparkOneRequeueRest, ONE);
                queues.unpark_one(C, TWO);
            },
        ],
    );
}

#[test]
fn a_thread_that_is_moved_to_and_fro_is_found() {
    explore_queues(
        "requeues both ways against a time-out",
        1,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.requeue(A, C, RequeueOp::RequeueAll, ONE),
            |queues| _ = queues.requeue(C, A, RequeueOp::RequeueOne, TWO),
        ],
    );
}

#[test]
fn a_thread_that_is_moved_within_its_bucket_stays_in_order() {
    explore_queues(
        "requeue in one bucket",
        1,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(B, SOON),
            |queues| {
                queues.requeue(A, B, RequeueOp::RequeueAll, ONE);
                queues.requeue(B, B, RequeueOp::RequeueOne, ONE);
                queues.unpark_one(B, ONE);
                queues.unpark_all(B, TWO);
            },
        ],
    );
}

#[test]
fn keys_of_one_bucket_do_not_meet() {
    explore_queues(
        "three keys of one bucket",
        0,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(B, SOON),
            |queues| _ = queues.park(0, SOON),
            |queues| {
                queues.unpark_one(B, ONE);
                queues.unpark_one(A, TWO);
            },
        ],
    );
}

#[test]
fn more_than_a_batch_are_told_or_leave_by_themselves() {
    explore_queues(
        "four in a queue, two told at once",
        0,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.unpark_all(A, ONE),
        ],
    );
}

#[test]
fn a_thread_in_front_is_the_first() {
    explore_queues(
        "in front",
        1,
        [
            |queues| _ = queues.park(A, SOON),
            |queues| _ = queues.park_with(A, true, DEFAULT_PARK_TOKEN, SOON, || {}),
            |queues| _ = queues.unpark_one(A, ONE),
        ],
    );
}

/// Moves itself and wakes itself before it sleeps.
fn park_and_unpark_itself(queues: &Queues) {
    let result = queues.park_with(A, false, DEFAULT_PARK_TOKEN, Instant::MAX, || {
        queues.requeue(A, C, RequeueOp::RequeueAll, ONE);
        queues.unpark_all(C, TWO);
        queues.unpark_all(A, TWO);
    });
    assert!(result.is_unparked());
}

#[test]
fn a_thread_may_unpark_itself_before_it_sleeps() {
    explore_queues(
        "unparks itself",
        1,
        [park_and_unpark_itself, |queues| _ = queues.park(C, SOON), |queues| _ = queues.unpark_one(A, ONE)],
    );
}

#[test]
fn as_many_are_woken_as_are_counted() {
    sample(300, || {
        let threads = [0; 5].map(|_| {
            // SAFETY: as above.
            spawn(|| unsafe { park(A, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) })
        });
        let mut left = threads.len();
        while left > 0 {
            // SAFETY: as above.
            let woken = unsafe { unpark_n(A, 3, ONE) };
            assert!(woken <= 3);
            left -= woken;
            thread::yield_now();
        }
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), ParkResult::Unparked(ONE));
        }
    });
}

#[test]
fn spaces_keep_keys_apart() {
    explore("two spaces", 3, || {
        let key = Key::in_space(1, A);
        // SAFETY: as above; and so below.
        let parked = spawn(move || unsafe { park(key, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, SOON) });
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(A, 1, ONE) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(Key::futex(A), 1, ONE) }, 0);
        // SAFETY: as above.
        let woken = unsafe { unpark_n(key, 1, TWO) };
        let expected = if woken == 1 { ParkResult::Unparked(TWO) } else { ParkResult::TimedOut };
        assert_eq!(parked.join().expect("no panic"), expected);
    });
}

#[test]
fn a_requeue_moves_to_another_space() {
    explore("requeue to another space", 2, || {
        let to = Key::in_space(1, A);
        // SAFETY: as above; and so below.
        let parked = spawn(move || unsafe { park(A, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) });
        // SAFETY: as above.
        while unsafe { unpark_requeue(A, to, || RequeueOp::RequeueAll, |_, _| ONE) }.requeued_threads == 0 {
            thread::yield_now();
        }
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(A, 1, ONE) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(to, 1, TWO) }, 1, "it waits there");
        assert_eq!(parked.join().expect("no panic"), ParkResult::Unparked(TWO));
    });
}

#[test]
fn a_filter_is_asked_in_order_and_stops() {
    explore("filter", 0, || {
        let queues = Queues::new();
        let threads = [1, 2, 3].map(|token| {
            let queue = queues.clone();
            let thread = spawn(move || queue.park_with(A, false, ParkToken(token), Instant::MAX, || {}));
            queues.await_waiting(A, token);
            thread
        });
        let not_the_first = |token| match token {
            ParkToken(1) => FilterOp::Skip,
            ParkToken(2) => FilterOp::Unpark,
            _ => FilterOp::Stop,
        };
        assert_eq!(queues.unpark_filter(A, ONE, not_the_first), 1);
        assert_eq!(queues.unpark_filter(A, TWO, |_| FilterOp::Unpark), 2);
        let expected = [TWO, ONE, TWO].map(ParkResult::Unparked);
        assert_eq!(threads.map(|thread| thread.join().expect("no panic")), expected);
    });
}

#[test]
fn one_wake_is_fair_now_and_then() {
    /// Whether a wake is fair, at this time.
    fn is_fair_at(ticks: u64) -> bool {
        time::set_now(ticks);
        let is_queued = Arc::new(AtomicBool::new(false));
        let parked = spawn({
            let is_queued = Arc::clone(&is_queued);
            let before_sleep = move || is_queued.store(true, Relaxed);
            // SAFETY: as above; and so below.
            || unsafe { park(A, || true, before_sleep, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) }
        });
        while !is_queued.load(Relaxed) {
            thread::yield_now();
        }
        let mut is_fair = None;
        // SAFETY: as above.
        let result = unsafe {
            unpark_one(A, |result| {
                is_fair = Some(result.be_fair);
                ONE
            })
        };
        assert_eq!(is_fair, Some(result.be_fair));
        assert_eq!(parked.join().expect("no panic"), ParkResult::Unparked(ONE));
        result.be_fair
    }
    sample(20, || {
        assert!(is_fair_at(50_000), "the first");
        assert!(!is_fair_at(50_900), "within 0.1 ms");
        assert!(is_fair_at(60_000), "after more than 0.9 ms");
        assert!(!is_fair_at(60_900), "within 0.1 ms again");
        time::set_now(80_000);
        // SAFETY: as above.
        assert!(!unsafe { unpark_one(A, |_| ONE) }.be_fair, "there is nobody to be fair to");
        assert!(is_fair_at(80_000), "that was none");
    });
}
