//! Random programs under random schedules.

use crate::lot::{FilterOp, ParkToken, RequeueOp, UnparkToken};
use crate::queues::Queues;
use crate::time::Instant;
use crate::{A, B, C, sample, spawn};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

const KEYS: [usize; 3] = [A, B, C];
const OPS: [RequeueOp; 6] = [
    RequeueOp::Abort,
    RequeueOp::UnparkOneRequeueRest,
    RequeueOp::RequeueAll,
    RequeueOp::UnparkOne,
    RequeueOp::RequeueOne,
    RequeueOp::Count { unpark: 2, requeue: 1 },
];

fn any<T: Copy>(of: &[T]) -> T {
    of[thread_rng().gen_range(0..of.len())]
}

/// Unparks by the token that a thread parked with.
fn by_token(token: ParkToken) -> FilterOp {
    [FilterOp::Unpark, FilterOp::Skip, FilterOp::Unpark, FilterOp::Stop][token.0]
}

/// Any call, with anything that it may be given.
fn step(queues: &Queues) {
    let mut random = thread_rng();
    let (key, token) = (any(&KEYS), UnparkToken(random.gen_range(0..1_000)));
    match random.gen_range(0..10) {
        0..5 => {
            let deadline = any(&[Instant::MIN, Instant::from_ticks(3), Instant::from_ticks(30), Instant::MAX]);
            let park_token = ParkToken(random.gen_range(0..4));
            let unparks = random.gen_bool(0.3);
            queues.park_with(key, random.gen_bool(0.3), park_token, deadline, || {
                if unparks {
                    queues.unpark_one(key, token);
                }
            });
        }
        5 => _ = queues.unpark_one(key, token),
        6 => _ = queues.unpark_all(key, token),
        7 => _ = queues.unpark_filter(key, token, by_token),
        _ => _ = queues.requeue(key, any(&KEYS), any(&OPS), token),
    }
}

#[test]
fn any_threads_do_what_the_model_does() {
    sample(800, || {
        let (queues, finished) = (Queues::new(), Arc::new(AtomicUsize::new(0)));
        let threads = [0; 4].map(|_| {
            let (queues, finished) = (queues.clone(), Arc::clone(&finished));
            spawn(move || {
                for _ in 0..4 {
                    step(&queues);
                }
                finished.fetch_add(1, Relaxed);
            })
        });
        // Whoever waits without a deadline is woken in the end.
        while finished.load(Relaxed) < threads.len() {
            for key in KEYS {
                queues.unpark_all(key, UnparkToken(0));
            }
            thread::yield_now();
        }
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}
