//! Threads that fight for a lock, built on [`ThreadParker`] as locks are, while time goes by at random.

use crate::backend::Backend;
use crate::nt::{MILLISECOND, Nt};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use fastrand::Rng;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// How often each thread takes the lock, or tries to.
const ROUNDS: u32 = if cfg!(miri) { 4 } else { 200 };

/// A lock that is handed over: unlocking makes the first in the queue its owner.
#[derive(Default)]
struct Queue {
    locked: bool,
    waiting: VecDeque<Waiter>,
}

/// The parker of a thread in the queue, which lives as long as it is there.
#[derive(PartialEq)]
struct Waiter(*const ThreadParker);

// SAFETY: a parker may be unparked by any thread.
unsafe impl Send for Waiter {}

/// Takes the lock. False if that takes too long.
fn lock(queue: &Mutex<Queue>, backend: &'static Backend, deadline: Instant) -> bool {
    let parker = ThreadParker::with_backend(backend);
    {
        let mut queue = queue.lock().expect("no panic");
        if !queue.locked {
            queue.locked = true;
            return true;
        }
        parker.prepare_park();
        queue.waiting.push_back(Waiter(&raw const parker));
    }
    if parker.park_until(deadline) {
        return true;
    }
    let mut queue = queue.lock().expect("no panic");
    if !parker.timed_out() {
        return true;
    }
    let place = queue.waiting.iter().position(|waiter| waiter.0 == &raw const parker);
    queue.waiting.remove(place.expect("it has not been unparked, so it is in the queue"));
    false
}

fn unlock(queue: &Mutex<Queue>) {
    let handle = {
        let mut queue = queue.lock().expect("no panic");
        let next = queue.waiting.pop_front();
        queue.locked = next.is_some();
        // SAFETY: its thread leaves only once it has been unparked, or has found itself in the queue.
        next.map(|waiter| unsafe { &*waiter.0 }.unpark_lock())
    };
    if let Some(handle) = handle {
        handle.unpark();
    }
}

/// Four threads take a lock, half of the time with a timeout, and count under it.
pub(crate) fn run(nt: &Nt, backend: &'static Backend) {
    let queue = Mutex::new(Queue::default());
    // Written in two steps, which would show a second thread under the lock.
    let value = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let count = |seed| {
        let mut random = Rng::with_seed(seed);
        let mut taken = 0;
        for _ in 0..ROUNDS {
            let timeout = Duration::from_micros(random.u64(0..2_000));
            let deadline = if random.bool() { Instant::MAX } else { backend.deadline(timeout) };
            if lock(&queue, backend, deadline) {
                taken += 1;
                let before = value.load(Relaxed);
                thread::yield_now();
                value.store(before + 1, Relaxed);
                unlock(&queue);
            }
        }
        taken
    };
    let taken: u64 = thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Rng::with_seed(0);
            while !is_over.load(Relaxed) {
                nt.advance(random.u64(0..MILLISECOND / 4));
                thread::yield_now();
            }
        });
        let threads = [1, 2, 3, 4].map(|seed| nt.spawn(scope, move || count(seed)));
        let taken = threads.map(|thread| thread.join().expect("it counts")).iter().sum();
        is_over.store(true, Relaxed);
        taken
    });
    assert_eq!(value.load(Relaxed), taken, "a thread under the lock was not alone");
    assert!(taken >= u64::from(ROUNDS), "without a timeout, the lock is always taken");
}
