//! The lot: what the documentation of the module promises, on the backend under test.

mod common;

use common::begin;
use common::lot::{Parked, colliding, new_key, queue, share_a_bucket, unpark_all, unpark_one};
use common::random::{Random, dawdle};
use ntpark::lot::{
    self, DEFAULT_PARK_TOKEN, FilterOp, Key, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken,
};
use ntpark::{Backend, Instant};
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{self, Duration};

const UNPARKED: UnparkToken = UnparkToken(7);

/// A park with a deadline. None of the tests' callbacks calls anything of the lot that it must not, and their keys are
/// their own: that is what the module asks for, here and below.
fn park(
    key: Key,
    validate: impl FnOnce() -> bool,
    before_sleep: impl FnOnce(),
    timed_out: impl FnOnce(Key, bool),
    deadline: Instant,
) -> ParkResult {
    // SAFETY: see above.
    unsafe { lot::park(key, validate, before_sleep, timed_out, DEFAULT_PARK_TOKEN, deadline) }
}

/// A park that times out without waiting; returns what `timed_out` is told.
fn park_past(key: Key) -> (Key, bool) {
    let mut told = None;
    let result = park(key, || true, || {}, |key, was_last| told = Some((key, was_last)), Instant::MIN);
    assert_eq!(result, ParkResult::TimedOut);
    told.expect("`timed_out` is called")
}

fn unpark_filter(
    key: Key,
    filter: impl FnMut(ParkToken) -> FilterOp,
    callback: impl FnOnce(UnparkResult) -> UnparkToken,
) -> UnparkResult {
    // SAFETY: as above.
    unsafe { lot::unpark_filter(key, filter, callback) }
}

fn requeue(from: Key, to: Key, op: RequeueOp) -> UnparkResult {
    // SAFETY: as above.
    unsafe { lot::unpark_requeue(from, to, || op, |_, _| UNPARKED) }
}

fn unpark_n(key: Key, count: usize) -> usize {
    // SAFETY: as above.
    unsafe { lot::unpark_n(key, count, UNPARKED) }
}

fn soon(millis: u64) -> Instant {
    Backend::get().deadline(Duration::from_millis(millis))
}

/// The counts of a result, without what depends on the time.
fn counts(result: UnparkResult) -> (usize, usize, bool) {
    (result.unparked_threads, result.requeued_threads, result.have_more_threads)
}

/// Threads with the tokens 1, 2, … that wait in this order.
fn parked(key: Key, threads: usize) -> Vec<Parked> {
    let parked = (1..=threads).map(|token| Parked::new(key, token)).collect();
    assert_eq!(queue(key), (1..=threads).collect::<Vec<_>>());
    parked
}

/// All return, with the token of this file.
fn are_unparked(parked: impl IntoIterator<Item = Parked>) {
    parked.into_iter().for_each(|parked| parked.expect_unparked(UNPARKED.0));
}

#[test]
fn nothing_to_wait_for() {
    let _test = begin();
    let key = new_key();
    for deadline in [Instant::MIN, soon(1), Instant::MAX] {
        let result = park(key, || false, || panic!("it is not queued"), |_, _| panic!("it does not wait"), deadline);
        assert_eq!(result, ParkResult::Invalid);
        assert!(!result.is_unparked());
    }
    assert_eq!(queue(key), []);
}

#[test]
fn nobody_to_unpark() {
    let _test = begin();
    let (key, other) = (new_key(), new_key());
    let nothing = UnparkResult::default();
    let calls = Cell::new(0);
    let callback = |result| {
        assert_eq!(result, nothing);
        calls.set(calls.get() + 1);
        UNPARKED
    };
    // SAFETY: see `park`.
    assert_eq!(unsafe { lot::unpark_one(key, callback) }, nothing);
    assert_eq!(unpark_filter(key, |_| panic!("nobody waits"), callback), nothing);
    assert_eq!((unpark_n(key, 0), unpark_n(key, 3), unpark_all(key, 0)), (0, 0, 0));
    for op in [RequeueOp::UnparkOneRequeueRest, RequeueOp::RequeueAll, RequeueOp::UnparkOne, RequeueOp::RequeueOne] {
        let callback = |told, result| {
            assert_eq!(told, op);
            callback(result)
        };
        // SAFETY: see `park`.
        assert_eq!(unsafe { lot::unpark_requeue(key, other, || op, callback) }, nothing);
    }
    assert_eq!(calls.get(), 6, "each callback is called once");
    assert_eq!(park_past(key), (key, true), "no unpark is left over");
}

#[test]
fn first_come_first_served() {
    let _test = begin();
    let key = new_key();
    for (count, parked) in parked(key, 5).into_iter().enumerate() {
        let token = UnparkToken(100 + count);
        let mut told = UnparkResult::default();
        let callback = |result| {
            told = result;
            token
        };
        // SAFETY: see `park`.
        let result = unsafe { lot::unpark_one(key, callback) };
        assert_eq!(result, told);
        assert_eq!(counts(result), (1, 0, count < 4));
        parked.expect_unparked(token.0);
        assert_eq!(queue(key), (count + 2..=5).collect::<Vec<_>>());
    }
}

#[test]
fn in_front() {
    let _test = begin();
    let key = new_key();
    // The first of all, then in front of one, and of several.
    let mut parked = vec![Parked::in_front(key, 1), Parked::new(key, 2), Parked::in_front(key, 3)];
    parked.push(Parked::in_front(key, 4));
    parked.push(Parked::new(key, 5));
    assert_eq!(queue(key), [4, 3, 1, 2, 5]);
    assert_eq!(unpark_n(key, 1), 1);
    parked.remove(3).expect_unparked(UNPARKED.0);
    assert_eq!(queue(key), [3, 1, 2, 5]);
    assert_eq!(unpark_n(key, 3), 3);
    assert_eq!(queue(key), [5]);
    assert_eq!(unpark_all(key, UNPARKED.0), 1);
    are_unparked(parked);
}

#[test]
fn as_many_as_are_asked_for() {
    let _test = begin();
    let key = new_key();
    // More than are told under one hold of the lock.
    let mut threads = parked(key, 20);
    for (count, unparked) in [(0, 0), (1, 1), (9, 9), (usize::MAX, 10)] {
        assert_eq!(unpark_n(key, count), unparked);
        are_unparked(threads.drain(..unparked));
    }
    are_unparked({
        let threads = parked(key, 3);
        assert_eq!(unpark_all(key, UNPARKED.0), 3);
        threads
    });
    assert_eq!(queue(key), []);
}

#[test]
fn as_many_as_the_filter_says() {
    use FilterOp::{Skip, Stop, Unpark};
    let _test = begin();
    let key = new_key();
    for (ops, stays, have_more) in [
        (&[Unpark, Unpark, Unpark, Unpark][..], &[][..], false),
        (&[Skip, Unpark, Skip, Unpark], &[1, 3], true),
        (&[Unpark, Skip, Unpark, Unpark], &[2], true),
        (&[Stop], &[1, 2, 3, 4], true),
        (&[Skip, Unpark, Stop], &[1, 3, 4], true),
        (&[Unpark, Unpark, Unpark, Stop], &[4], true),
        (&[Skip, Skip, Skip, Skip], &[1, 2, 3, 4], true),
    ] {
        let threads = parked(key, 4);
        let mut asked = 0;
        let filter = |token: ParkToken| {
            asked += 1;
            assert_eq!(token.0, asked, "each is asked for once, in order");
            ops[asked - 1]
        };
        let result = unpark_filter(key, filter, |result| {
            assert_eq!(counts(result), (4 - stays.len(), 0, have_more));
            UNPARKED
        });
        assert_eq!(asked, ops.len());
        assert_eq!(counts(result), (4 - stays.len(), 0, have_more));
        assert_eq!(queue(key), stays);
        assert_eq!(unpark_all(key, UNPARKED.0), stays.len());
        are_unparked(threads);
    }
}

/// Each operation, from one queue to another, to the same one, and to one in the same bucket.
#[test]
fn to_another_key() {
    use RequeueOp::{Abort, RequeueAll, RequeueOne, UnparkOne, UnparkOneRequeueRest};
    let _test = begin();
    let key = new_key();
    let elsewhere = (1..).map(|_| new_key()).find(|&other| !share_a_bucket(key, other)).expect("there are many");
    for to in [elsewhere, colliding(key), Key::in_space(1, key.address())] {
        for (op, left, moved, result) in [
            (Abort, &[1, 2, 3][..], &[][..], (0, 0, false)),
            (UnparkOneRequeueRest, &[], &[2, 3], (1, 2, false)),
            (RequeueAll, &[], &[1, 2, 3], (0, 3, false)),
            (UnparkOne, &[2, 3], &[], (1, 0, true)),
            (RequeueOne, &[2, 3], &[1], (0, 1, true)),
        ] {
            let threads = parked(key, 3);
            let waits_there = Parked::new(to, 9);
            assert_eq!(counts(requeue(key, to, op)), result);
            assert_eq!(queue(key), left);
            assert_eq!(queue(to), [&[9], moved].concat(), "they come after those that wait there");
            assert_eq!(unpark_all(to, UNPARKED.0), 1 + moved.len());
            assert_eq!(unpark_all(key, UNPARKED.0), left.len());
            are_unparked(threads);
            waits_there.expect_unparked(UNPARKED.0);
        }
    }
    for (op, stay) in
        [(UnparkOneRequeueRest, &[2, 3][..]), (RequeueAll, &[1, 2, 3]), (UnparkOne, &[2, 3]), (RequeueOne, &[2, 3, 1])]
    {
        let threads = parked(key, 3);
        requeue(key, key, op);
        assert_eq!(queue(key), stay);
        assert_eq!(unpark_all(key, UNPARKED.0), stay.len());
        are_unparked(threads);
    }
}

#[test]
fn a_requeue_asks_and_tells() {
    let _test = begin();
    let (key, to) = (new_key(), new_key());
    let threads = parked(key, 2);
    // SAFETY: see `park`.
    let aborted = unsafe { lot::unpark_requeue(key, to, || RequeueOp::Abort, |_, _| panic!("nothing is done")) };
    assert_eq!(aborted, UnparkResult::default());
    let has_validated = Cell::new(false);
    let validate = || {
        assert!(!has_validated.replace(true));
        RequeueOp::UnparkOneRequeueRest
    };
    let mut told = None;
    let callback = |op, result: UnparkResult| {
        assert!(has_validated.get(), "`validate` comes first");
        told = Some((op, result));
        UnparkToken(11)
    };
    // SAFETY: see `park`.
    let result = unsafe { lot::unpark_requeue(key, to, validate, callback) };
    assert_eq!(told, Some((RequeueOp::UnparkOneRequeueRest, result)));
    let mut threads = threads.into_iter();
    threads.next().expect("two").expect_unparked(11);
    assert_eq!(unpark_all(key, 12), 0);
    assert_eq!(unpark_all(to, 13), 1);
    threads.next().expect("two").expect_unparked(13);
}

#[test]
fn out_of_time() {
    let _test = begin();
    let key = new_key();
    for timeout in [0, 1, 100_000, 1_000_000, 20_000_000].map(Duration::from_nanos) {
        let start = time::Instant::now();
        let mut told = None;
        let timed_out = |key, was_last| told = Some((key, was_last));
        assert_eq!(park(key, || true, || {}, timed_out, Backend::get().deadline(timeout)), ParkResult::TimedOut);
        assert!(common::is_at_least(start.elapsed(), timeout), "{timeout:?} became {:?}", start.elapsed());
        assert_eq!(told, Some((key, true)));
    }
    assert_eq!(park_past(key), (key, true));
    // A clock's tick ago.
    let past = Instant::now() - Duration::from_millis(20);
    assert_eq!(park(key, || true, || {}, |_, _| {}, past), ParkResult::TimedOut);
    assert_eq!(queue(key), []);
}

#[test]
fn what_is_called_is_called_once_and_in_order() {
    let _test = begin();
    let key = new_key();
    let calls = Cell::new(0);
    let call = |number| assert_eq!(calls.replace(number), number - 1);
    let validate = || {
        call(1);
        true
    };
    assert_eq!(park(key, validate, || call(2), |_, _| call(3), Instant::MIN), ParkResult::TimedOut);
    assert_eq!(calls.get(), 3);
}

/// Whether a thread whose time is out was the last of its key, also of another one in its bucket or in another space.
#[test]
fn the_last_to_leave() {
    let _test = begin();
    let key = new_key();
    let others = [colliding(key), Key::in_space(3, key.address()), new_key()];
    let beside: Vec<_> = others.iter().map(|&other| Parked::new(other, 1)).collect();
    assert_eq!(park_past(key), (key, true));
    let waits = Parked::new(key, 1);
    assert_eq!(park_past(key), (key, false));
    // The one at the head of the queue leaves.
    let mut told = None;
    // SAFETY: see `park`.
    let result = unsafe {
        lot::park_in_front(key, || true, || {}, |key, last| told = Some((key, last)), DEFAULT_PARK_TOKEN, Instant::MIN)
    };
    assert_eq!((result, told), (ParkResult::TimedOut, Some((key, false))));
    assert_eq!(unpark_all(key, 2), 1);
    waits.expect_unparked(2);
    assert_eq!(park_past(key), (key, true));
    for (other, parked) in others.into_iter().zip(beside) {
        assert_eq!(unpark_all(other, 3), 1);
        parked.expect_unparked(3);
    }
}

/// It leaves the queue that it is in by then.
#[test]
fn out_of_time_after_a_requeue() {
    let _test = begin();
    let key = new_key();
    for (to, others) in [(new_key(), 0), (new_key(), 1), (colliding(key), 0), (colliding(key), 1)] {
        let waiting: Vec<_> = (0..others).map(|_| Parked::new(to, 1)).collect();
        for hops in [&[to][..], &[new_key(), key, to]] {
            let mut told = None;
            let before_sleep = || {
                hops.iter().fold(key, |from, &to| {
                    assert_eq!(counts(requeue(from, to, RequeueOp::RequeueAll)), (0, 1, false));
                    to
                });
            };
            let result = park(key, || true, before_sleep, |key, last| told = Some((key, last)), soon(2));
            assert_eq!((result, told), (ParkResult::TimedOut, Some((to, others == 0))));
            assert_eq!((queue(key).len(), queue(to).len()), (0, others));
        }
        assert_eq!(unpark_all(to, UNPARKED.0), others);
        are_unparked(waiting);
    }
}

/// A thread unparks itself after it has been queued: as when a condition variable has moved it to the lock that it is
/// about to release.
#[test]
fn by_itself() {
    let _test = begin();
    let (key, to) = (new_key(), new_key());
    for deadline in [Instant::MIN, soon(10_000), Instant::MAX] {
        let itself = || assert_eq!(counts(unpark_one(key, 5)), (1, 0, false));
        assert_eq!(park(key, || true, itself, |_, _| panic!(), deadline), ParkResult::Unparked(UnparkToken(5)));
        let moves_itself = || {
            assert_eq!(counts(requeue(key, to, RequeueOp::RequeueAll)), (0, 1, false));
            assert_eq!(unpark_all(to, 6), 1);
        };
        assert_eq!(park(key, || true, moves_itself, |_, _| panic!(), deadline), ParkResult::Unparked(UnparkToken(6)));
    }
}

/// It is unparked before it looks at the clock; then the deadline does not matter.
#[test]
fn counted_after_its_time_was_out() {
    let _test = begin();
    let key = new_key();
    let deadline = soon(1);
    let before_sleep = || {
        while Instant::now() <= deadline {
            thread::yield_now();
        }
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(unpark_n(key, 1), 1));
        });
    };
    assert_eq!(park(key, || true, before_sleep, |_, _| panic!("it counts"), deadline), ParkResult::Unparked(UNPARKED));
}

#[test]
fn spaces_do_not_meet() {
    let _test = begin();
    let address = new_key().address();
    let keys = [0, 1, 2, 0xFEFF].map(|space| Key::in_space(space, address));
    assert!(keys.iter().all(|key| key.address() == address));
    assert_eq!(keys.map(Key::space), [0, 1, 2, 0xFEFF].map(Some));
    assert_eq!(keys[0], Key::from(address));
    assert_ne!(keys[1], keys[2]);
    let waiting = keys.map(|key| Parked::new(key, 1));
    assert_eq!(ntpark::futex::wake_all(std::ptr::without_provenance::<u8>(address)), 0, "nor do futexes");
    for (key, parked) in keys.into_iter().zip(waiting) {
        assert_eq!(unpark_all(key, UNPARKED.0), 1);
        parked.expect_unparked(UNPARKED.0);
        assert_eq!(unpark_all(key, 0), 0);
    }
}

/// Keys that share a bucket, each with waiters, in each order of who leaves first: one from the middle of the
/// bucket's list, its first, its last; as head of its queue, as tail, as the only one.
#[test]
fn keys_that_collide() {
    let _test = begin();
    let key = new_key();
    let keys = [key, colliding(key), Key::in_space(1, key.address())];
    assert!(keys[1..].iter().all(|&other| share_a_bucket(key, other)));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut waiting = keys.map(|key| parked(key, 3));
        let mut left = [3; 3];
        let check = |left: [usize; 3]| assert_eq!(keys.map(|key| queue(key).len()), left);
        for one in order {
            // Leaves from the tail of its queue, and from its head.
            assert_eq!(park_past(keys[one]), (keys[one], false));
            // SAFETY: see `park`.
            let _ = unsafe {
                let key = keys[one];
                lot::park_in_front(key, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MIN)
            };
            check(left);
            assert_eq!(counts(unpark_one(keys[one], UNPARKED.0)), (1, 0, true));
            are_unparked(waiting[one].drain(..1));
            left[one] -= 1;
            check(left);
        }
        for one in order {
            assert_eq!(unpark_n(keys[one], 3), 2, "none of the others' are counted");
            are_unparked(waiting[one].drain(..));
            left[one] = 0;
            check(left);
            // The last of a key beside others.
            assert_eq!(park_past(keys[one]), (keys[one], true));
            assert_eq!(unpark_all(keys[one], 0), 0);
        }
    }
}

/// A key is a number: what lay at its address may be gone, and something else there.
#[test]
fn memory_that_is_gone() {
    let _test = begin();
    let object = Box::new(AtomicU64::new(0));
    let key = Key::from(std::ptr::from_ref(&*object).addr());
    let waiting = Parked::new(key, 1);
    assert_eq!(counts(unpark_one(key, 2)), (1, 0, false));
    drop(object);
    waiting.expect_unparked(2);
    // Nothing is left of the queue, and late calls find that.
    assert_eq!((unpark_all(key, 0), queue(key).len()), (0, 0));
    assert_eq!(requeue(key, new_key(), RequeueOp::RequeueAll), UnparkResult::default());
    // The next object there has the same key.
    let waiting = Parked::new(key, 3);
    assert_eq!(unpark_all(key, 4), 1, "a late wake is for those who wait there by now");
    waiting.expect_unparked(4);
}

/// Callbacks exclude each other, for keys of one bucket: numbers that are not atomic count right under them.
#[test]
fn callbacks_run_under_the_lock() {
    struct Count(UnsafeCell<u64>);
    // SAFETY: what is tested.
    unsafe impl Sync for Count {}
    impl Count {
        fn up(&self) {
            let count = self.0.get();
            // SAFETY: the bucket is locked, so no other thread is here.
            let before = unsafe { count.read() };
            dawdle(before % 16);
            // SAFETY: likewise.
            unsafe { count.write(before + 1) };
        }
    }
    let _test = begin();
    let (count, key) = (Count(UnsafeCell::new(0)), new_key());
    let rounds = common::rounds(500);
    thread::scope(|scope| {
        for thread in 0..4 {
            let count = &count;
            scope.spawn(move || {
                let up = || {
                    count.up();
                    UNPARKED
                };
                for round in 0..rounds {
                    match (thread + round) % 4 {
                        // Under other keys of the bucket, so that nobody unparks it.
                        0 => {
                            let validate = || {
                                count.up();
                                false
                            };
                            let key = Key::in_space(1, key.address());
                            let _ = park(key, validate, || {}, |_, _| {}, Instant::MIN);
                        }
                        1 => {
                            let key = Key::in_space(2 + thread as u16, key.address());
                            let _ = park(key, || true, || {}, |_, _| count.up(), Instant::MIN);
                        }
                        2 => {
                            // SAFETY: see `park`.
                            let _ = unsafe { lot::unpark_one(key, |_| up()) };
                        }
                        _ => {
                            let validate = || {
                                count.up();
                                RequeueOp::Abort
                            };
                            let to = Key::in_space(9, key.address());
                            // SAFETY: see `park`.
                            let _ = unsafe { lot::unpark_requeue(key, to, validate, |_, _| UNPARKED) };
                        }
                    }
                }
            });
        }
    });
    assert_eq!(count.0.into_inner(), 4 * rounds);
}

/// Either `validate` sees what was written before an unpark, or that finds the thread: else this would hang.
#[test]
fn no_wake_is_missed() {
    let _test = begin();
    let key = new_key();
    let rounds = common::rounds(500);
    // Relaxed: the lot has to order them.
    let (turn, seen) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(1);
            for round in 1..=rounds {
                while turn.load(Relaxed) < round {
                    match park(key, || turn.load(Relaxed) < round, || {}, |_, _| {}, Instant::MAX) {
                        // It may be that of the round before, if it comes late.
                        ParkResult::Unparked(UnparkToken(by)) => {
                            assert!(turn.load(Relaxed) >= by as u64, "what came before an unpark is visible");
                        }
                        result => assert_eq!(result, ParkResult::Invalid),
                    }
                }
                seen.store(round, Relaxed);
                dawdle(random.below(100));
            }
        });
        let mut random = Random::new(2);
        for round in 1..=rounds {
            dawdle(random.below(100));
            turn.store(round, Relaxed);
            assert!(unpark_all(key, round as usize) <= 1);
            while seen.load(Relaxed) < round {
                thread::yield_now();
            }
        }
    });
}

/// Time-outs race unparks of every kind: what these count is what returns unparked, with their tokens.
#[test]
fn counts_are_exact() {
    let _test = begin();
    let keys = {
        let key = new_key();
        [key, Key::in_space(1, key.address()), new_key(), new_key()]
    };
    let rounds = common::rounds(500);
    let waiting = AtomicUsize::new(6);
    let (mut counted, mut sum) = (0, 0);
    let returned: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                let waiting = &waiting;
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    let (mut unparked, mut sum) = (0, 0);
                    for _ in 0..rounds {
                        let key = keys[random.below(4) as usize];
                        let deadline = Instant::now() + Duration::from_micros(random.below(100));
                        match park(key, || true, || dawdle(random.below(50)), |_, _| {}, deadline) {
                            ParkResult::Unparked(UnparkToken(token)) => {
                                unparked += 1;
                                sum += token;
                            }
                            ParkResult::TimedOut => {}
                            ParkResult::Invalid => panic!("it is valid"),
                        }
                    }
                    waiting.fetch_sub(1, SeqCst);
                    (unparked, sum)
                })
            })
            .collect();
        let mut random = Random::new(99);
        while waiting.load(SeqCst) > 0 {
            let token = UnparkToken(random.below(1_000) as usize);
            let [key, to] = [(); 2].map(|()| keys[random.below(4) as usize]);
            let unparked = match random.below(5) {
                // SAFETY: see `park`.
                0 => unsafe { lot::unpark_one(key, |_| token) }.unparked_threads,
                // SAFETY: see `park`.
                1 => unsafe { lot::unpark_n(key, random.below(4) as usize, token) },
                2 => {
                    unpark_filter(key, |_| [FilterOp::Unpark, FilterOp::Skip][random.below(2) as usize], |_| token)
                        .unparked_threads
                }
                3 => {
                    let op = [RequeueOp::UnparkOneRequeueRest, RequeueOp::RequeueAll, RequeueOp::RequeueOne]
                        [random.below(3) as usize];
                    // SAFETY: see `park`.
                    unsafe { lot::unpark_requeue(key, to, || op, |_, _| token) }.unparked_threads
                }
                _ => {
                    thread::yield_now();
                    0
                }
            };
            counted += unparked;
            sum += unparked * token.0;
        }
        threads.into_iter().map(|thread| thread.join().expect("it counts")).collect()
    });
    let total = returned.iter().fold((0, 0), |total, one| (total.0 + one.0, total.1 + one.1));
    assert_eq!(total, (counted, sum));
    assert_eq!(keys.map(queue), [const { Vec::new() }; 4]);
}

/// Fair unparks are at least 0.1 ms apart, and come again and again.
#[test]
fn now_and_then_a_fair_one() {
    let _test = begin();
    let key = new_key();
    let start = Instant::now();
    let mut fair = 0;
    while fair < 4 {
        let mut is_fair = false;
        let itself = || is_fair = unpark_one(key, 0).be_fair;
        assert!(park(key, || true, itself, |_, _| {}, Instant::MAX).is_unparked());
        fair += u32::from(is_fair);
    }
    assert!(Instant::now().saturating_duration_since(start) >= Duration::from_micros(300), "three lay in between");
}

/// What is left after a callback has unwound: no lock, and nobody but those who waited before.
mod unwinding {
    use super::*;

    struct Unwound;

    /// Calls something that unwinds, without a message.
    #[track_caller]
    fn unwinds<R>(call: impl FnOnce() -> R) {
        let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else { panic!("it has not unwound") };
        assert!(payload.is::<Unwound>(), "it has panicked");
    }

    fn unwind() -> ! {
        resume_unwind(Box::new(Unwound))
    }

    #[test]
    fn validate() {
        let _test = begin();
        let key = new_key();
        let threads = parked(key, 2);
        unwinds(|| park(key, || unwind(), || panic!(), |_, _| panic!(), Instant::MAX));
        assert_eq!(queue(key), [1, 2]);
        // SAFETY: see `park`.
        unwinds(|| unsafe { lot::unpark_requeue(key, new_key(), || unwind(), |_, _| panic!()) });
        assert_eq!(queue(key), [1, 2]);
        assert_eq!(unpark_all(key, UNPARKED.0), 2);
        are_unparked(threads);
    }

    #[test]
    fn before_sleep() {
        let _test = begin();
        let key = new_key();
        let threads = parked(key, 2);
        unwinds(|| park(key, || true, || unwind(), |_, _| panic!("its time is not out"), Instant::MAX));
        assert_eq!(queue(key), [1, 2]);
        // After it has been moved.
        let to = new_key();
        unwinds(|| {
            let moved = || {
                assert_eq!(counts(requeue(key, to, RequeueOp::RequeueAll)), (0, 3, false));
                unwind()
            };
            park(key, || true, moved, |_, _| panic!(), Instant::MAX)
        });
        assert_eq!(queue(to), [1, 2]);
        // After it has been unparked.
        unwinds(|| {
            let met = || {
                assert_eq!(unpark_all(to, UNPARKED.0), 3);
                unwind()
            };
            park(to, || true, met, |_, _| panic!(), Instant::MAX)
        });
        are_unparked(threads);
        assert_eq!(queue(to), []);
    }

    /// The thread that unwinds has been counted, but not yet told, as there are many.
    #[test]
    fn before_sleep_during_a_wake_of_many() {
        let _test = begin();
        let key = new_key();
        for _ in 0..common::rounds(20) {
            let threads = parked(key, 20);
            let (go, may_go) = channel::<()>();
            let unwinding = thread::spawn(move || {
                unwinds(|| {
                    let before_sleep = || {
                        go.send(()).expect("it is received");
                        while queue(key).len() == 21 {
                            thread::yield_now();
                        }
                        unwind()
                    };
                    park(key, || true, before_sleep, |_, _| panic!(), Instant::MAX)
                });
            });
            may_go.recv().expect("it is sent");
            assert_eq!(unpark_all(key, UNPARKED.0), 21);
            unwinding.join().expect("it only unwinds");
            are_unparked(threads);
        }
    }

    #[test]
    fn timed_out() {
        let _test = begin();
        let key = new_key();
        let threads = parked(key, 1);
        for deadline in [Instant::MIN, soon(1)] {
            unwinds(|| park(key, || true, || {}, |_, _| unwind(), deadline));
            assert_eq!(queue(key), [1]);
        }
        assert_eq!(unpark_all(key, UNPARKED.0), 1);
        are_unparked(threads);
    }

    #[test]
    fn filter() {
        let _test = begin();
        let key = new_key();
        let mut threads = parked(key, 4);
        let unwind_at = |last: usize| {
            unwinds(|| {
                let filter = |token: ParkToken| if token.0 == last { unwind() } else { FilterOp::Unpark };
                unpark_filter(key, filter, |_| panic!("it has not got so far"))
            });
        };
        unwind_at(4);
        assert_eq!(queue(key), [1, 2, 3, 4]);
        // What it had chosen is not chosen any more: a filter that stops early, and one that skips.
        unwind_at(4);
        let second = |token: ParkToken| match token.0 {
            1 => FilterOp::Skip,
            2 => FilterOp::Unpark,
            _ => FilterOp::Stop,
        };
        assert_eq!(counts(unpark_filter(key, second, |_| UNPARKED)), (1, 0, true));
        threads.remove(1).expect_unparked(UNPARKED.0);
        assert_eq!(queue(key), [1, 3, 4]);
        unwind_at(4);
        let to = new_key();
        assert_eq!(counts(requeue(key, to, RequeueOp::RequeueOne)), (0, 1, true));
        assert_eq!(counts(unpark_filter(to, |_| FilterOp::Stop, |_| UNPARKED)), (0, 0, true));
        assert_eq!((unpark_all(to, UNPARKED.0), unpark_all(key, UNPARKED.0)), (1, 2));
        are_unparked(threads);
    }

    #[test]
    fn callback() {
        let _test = begin();
        let (key, to) = (new_key(), new_key());
        let threads = parked(key, 3);
        // SAFETY: see `park`.
        unwinds(|| unsafe { lot::unpark_one(key, |_| unwind()) });
        unwinds(|| unpark_filter(key, |_| FilterOp::Unpark, |_| unwind()));
        // SAFETY: see `park`.
        unwinds(|| unsafe { lot::unpark_requeue(key, to, || RequeueOp::RequeueAll, |_, _| unwind()) });
        // SAFETY: see `park`.
        unwinds(|| unsafe { lot::unpark_requeue(key, key, || RequeueOp::UnparkOne, |_, _| unwind()) });
        assert_eq!((queue(key), queue(to)), (vec![1, 2, 3], vec![]));
        // A thread that was chosen then can run out of time.
        let has_left = AtomicBool::new(false);
        let chosen = || unwinds(|| unpark_filter(key, |_| FilterOp::Unpark, |_| unwind()));
        let timed_out = |_, was_last: bool| has_left.store(!was_last, SeqCst);
        assert_eq!(park(key, || true, chosen, timed_out, soon(1)), ParkResult::TimedOut);
        assert!(has_left.into_inner());
        assert_eq!(unpark_all(key, UNPARKED.0), 3);
        are_unparked(threads);
    }
}
