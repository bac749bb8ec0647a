//! The lot and futexes: waits that run out of time race wakes, requeues and filters, on keys that are shared, collide,
//! lie at regular distances or are freed by their last user.
//!
//! What is counted: each thread that a wake counts has to return woken. `sent` is what the wakes have counted,
//! `taken` what has returned.

use crate::watch::Doing;
use crate::worker::{Counts, Round, Worker};
use ntpark::futex::{self, WaitResult};
use ntpark::lot::{self, DEFAULT_PARK_TOKEN, FilterOp, Key, ParkResult, RequeueOp, UnparkToken};
use ntpark::{Backend, Instant};
use std::num::NonZeroU32;
use std::sync::Barrier;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// A wait with a random deadline, now and then with none. It has to be certain that a wake comes then.
fn park(worker: &mut Worker<'_>, key: Key) {
    let timeout = worker.timeout();
    let is_timed = worker.rng.u8(..) < 224;
    worker.place.set(if is_timed { Doing::ParkingTimed } else { Doing::Parking });
    let start = std::time::Instant::now();
    let deadline = if is_timed { Backend::get().deadline(timeout) } else { Instant::MAX };
    let mut left = None;
    let timed_out = |key, _| left = Some(key);
    let token = DEFAULT_PARK_TOKEN;
    // SAFETY: keys of this round's own; the callbacks call nothing of the lot. Likewise below.
    let result = if worker.rng.u8(..) < 64 {
        // SAFETY: see above.
        unsafe { lot::park_in_front(key, || true, || {}, timed_out, token, deadline) }
    } else {
        // SAFETY: see above.
        unsafe { lot::park(key, || true, || {}, timed_out, token, deadline) }
    };
    let elapsed = start.elapsed();
    worker.place.set(Doing::Working);
    match result {
        ParkResult::Unparked(UnparkToken(wakes)) => worker.counts.taken += wakes as u64,
        ParkResult::TimedOut => {
            worker.counts.timeouts += 1;
            worker.counts.early += u64::from(elapsed < timeout);
        }
        ParkResult::Invalid => worker.watch.fail("a wait that was valid has not been one"),
    }
    if left.is_some() != (result == ParkResult::TimedOut) {
        worker.watch.fail("`timed_out` and the result disagree");
    }
}

/// Wakes or moves some of the waiters of a key. The token is 1, so that tokens add up to threads.
fn unpark(worker: &mut Worker<'_>, key: Key, to: Key) {
    const ONE: UnparkToken = UnparkToken(1);
    worker.place.set(Doing::Unparking);
    let unparked = match worker.rng.u8(..8) {
        // SAFETY: see `park`.
        0..2 => unsafe { lot::unpark_one(key, |_| ONE) }.unparked_threads,
        // SAFETY: see `park`.
        2 => unsafe { lot::unpark_n(key, worker.rng.usize(..20), ONE) },
        // SAFETY: see `park`.
        3 => unsafe { lot::unpark_all(key, ONE) },
        4 => {
            let ops = [FilterOp::Unpark, FilterOp::Unpark, FilterOp::Skip, FilterOp::Stop];
            // SAFETY: see `park`.
            unsafe { lot::unpark_filter(key, |_| ops[worker.rng.usize(..4)], |_| ONE) }.unparked_threads
        }
        _ => {
            let ops = [RequeueOp::UnparkOneRequeueRest, RequeueOp::RequeueAll, RequeueOp::RequeueOne];
            let op = ops[worker.rng.usize(..3)];
            // SAFETY: see `park`.
            unsafe { lot::unpark_requeue(key, to, || op, |_, _| ONE) }.unparked_threads
        }
    };
    worker.place.set(Doing::Working);
    worker.counts.sent += unparked as u64;
    worker.counts.wakes += u64::from(unparked > 0);
}

/// Waiters on some keys, and wakers that go on until the last waiter is through.
fn wait_and_wake(round: &Round<'_>, keys: &[Key], waiters: usize, wakers: usize, waits: u64) -> Counts {
    let running = AtomicUsize::new(waiters);
    round.run(waiters + wakers, |index, worker| wait_or_wake(worker, keys, index < waiters, waits, &running))
}

/// One of these threads. `running` says how many waiters are not through.
fn wait_or_wake(worker: &mut Worker<'_>, keys: &[Key], is_waiter: bool, waits: u64, running: &AtomicUsize) {
    let any = |worker: &mut Worker<'_>| keys[worker.rng.usize(..keys.len())];
    if is_waiter {
        for _ in 0..waits {
            let key = any(worker);
            park(worker, key);
            worker.dawdle();
        }
        running.fetch_sub(1, SeqCst);
    } else {
        while running.load(SeqCst) > 0 {
            let (key, to) = (any(worker), any(worker));
            unpark(worker, key, to);
            worker.dawdle();
        }
    }
}

/// Few keys, many time-outs.
pub(crate) fn mix(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let base = rng.usize(..);
    let keys: Vec<Key> = (0..rng.usize(1..=4)).map(|index| Key::from(base.wrapping_add(index * 8))).collect();
    let (waiters, wakers) = (rng.usize(1..=24), rng.usize(1..=3));
    wait_and_wake(round, &keys, waiters, wakers, 1 + round.often(6_000) / waiters as u64)
}

/// Keys that share a bucket: the address alone says which it is, the space does not.
pub(crate) fn bucket(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let address = rng.usize(..);
    let keys: Vec<Key> = (0..rng.u16(2..=8)).map(|space| Key::in_space(space, address)).collect();
    let (waiters, wakers) = (rng.usize(2..=16), rng.usize(1..=3));
    wait_and_wake(round, &keys, waiters, wakers, 1 + round.often(6_000) / waiters as u64)
}

/// Keys at a regular distance, from 8 bytes to 1 MiB.
pub(crate) fn stride(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let stride = 1_usize << rng.u32(3..=20);
    let base = rng.usize(..);
    let keys: Vec<Key> = (0..rng.usize(1..=64)).map(|index| Key::from(base.wrapping_add(index * stride))).collect();
    // Wakes are spread over more keys: fewer meet a waiter.
    wait_and_wake(round, &keys, rng.usize(2..=16), 3, 1 + round.often(600))
}

/// Thousands of threads that wait for one key, as far as the system has the memory, beside a hot one in the same
/// bucket.
pub(crate) fn many(round: &Round<'_>) -> Counts {
    const WAITERS: usize = 4;
    const WAKERS: usize = 2;
    let mut rng = round.rng();
    let address = rng.usize(..);
    let [key, hot] = [0, 1].map(|space| Key::in_space(space, address));
    // 4,096, or fewer, so that not every round takes seconds, and the other threads have address space left.
    let wanted = 64 << rng.u32(0..=if cfg!(target_pointer_width = "64") { 6 } else { 2 });
    let waits = 1 + round.often(500);
    let woken = AtomicU64::new(0);
    let wait = || {
        // SAFETY: see `park`.
        let result = unsafe { lot::park(key, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) };
        woken.fetch_add(u64::from(result.is_unparked()), SeqCst);
    };
    let running = AtomicUsize::new(WAITERS);
    // All of these exist before the many, of which the system may refuse some.
    let is_crowded = Barrier::new(WAITERS + WAKERS + 1);
    round.run(WAITERS + WAKERS + 1, |index, worker| {
        if index < WAITERS + WAKERS {
            is_crowded.wait();
            return wait_or_wake(worker, &[hot], index < WAITERS, waits, &running);
        }
        thread::scope(|scope| {
            let start = |index| {
                let thread = thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, wait);
                thread.inspect_err(|error| eprintln!("many: {index} threads of {wanted}: {error}")).ok()
            };
            let waiting = (0..wanted).map_while(start).count() as u64;
            is_crowded.wait();
            worker.poll(|| running.load(SeqCst) == 0);
            while worker.counts.sent < waiting {
                unpark(worker, key, key);
            }
            worker.poll(|| woken.load(SeqCst) == waiting);
            worker.counts.taken = waiting;
        });
    })
}

/// Words that are freed by the thread that has waited, as soon as it may, while wakes of them are still under way.
pub(crate) fn freed(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let lanes: Vec<AtomicPtr<AtomicU32>> = (0..rng.usize(1..=4)).map(|_| AtomicPtr::default()).collect();
    let wakers = rng.usize(1..=2);
    let words = 1 + round.often(3_000) / lanes.len() as u64;
    let running = AtomicUsize::new(lanes.len());
    round.run(lanes.len() * (1 + wakers), |index, worker| {
        let lane = &lanes[index % lanes.len()];
        if index < lanes.len() {
            for _ in 0..words {
                let word = Box::new(AtomicU32::new(0));
                lane.store((&raw const *word).cast_mut(), SeqCst);
                worker.dawdle();
                futex_wait(worker, &word, Instant::MAX);
                // The next has the same address, as often as not.
            }
            lane.store(std::ptr::null_mut(), SeqCst);
            running.fetch_sub(1, SeqCst);
        } else {
            while running.load(SeqCst) > 0 {
                // An address alone: what lay there may be gone.
                let word = lane.load(SeqCst);
                worker.dawdle();
                worker.place.set(Doing::Unparking);
                worker.counts.sent += futex::wake(word, 1 + worker.rng.usize(..2)) as u64;
                worker.place.set(Doing::Working);
            }
        }
    })
}

pub(crate) fn futex_wait(worker: &mut Worker<'_>, word: &AtomicU32, deadline: Instant) {
    worker.place.set(if deadline == Instant::MAX { Doing::Parking } else { Doing::ParkingTimed });
    let mask = NonZeroU32::MIN | worker.rng.u32(..);
    match futex::wait_masked(word, 0, mask, deadline) {
        WaitResult::Woken => worker.counts.taken += 1,
        WaitResult::TimedOut => worker.counts.timeouts += 1,
        WaitResult::Changed => worker.watch.fail("nobody has changed it"),
    }
    worker.place.set(Doing::Working);
}
