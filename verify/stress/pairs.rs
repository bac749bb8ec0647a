//! Pairs that hand one token to and fro, and now and then make sure that there is no second one. In some
//! rounds a meddler parks on their parkers too, and puts back what it takes.

use crate::worker::{Bare, Counts, Round, Worker};
use ntpark::{Parker, UnparkReason};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Default)]
struct Pair {
    parkers: [Parker; 2],
    /// Whoever has the token adds one.
    ball: Bare<u64>,
    /// How many of the two have finished.
    done: AtomicU64,
}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let pairs: Vec<Pair> = (0..rng.usize(1..=4)).map(|_| Pair::default()).collect();
    let exchanges = 1 + round.often(4000) / pairs.len() as u64;
    let meddler = rng.bool();

    round.run(pairs.len() * 2 + usize::from(meddler), |index, worker| match pairs.get(index / 2) {
        Some(pair) => play(pair, index % 2, exchanges, worker),
        None => meddle(&pairs, worker),
    })
}

fn play(pair: &Pair, side: usize, exchanges: u64, worker: &mut Worker<'_>) {
    let (own, other) = (&pair.parkers[side], &pair.parkers[1 - side]);
    worker.place.waits_on(own);
    for exchange in 0..exchanges {
        if side == 1 || exchange > 0 {
            worker.park(own);
            worker.counts.taken += 1;
        }
        // SAFETY: who has the token has the ball.
        let ball = unsafe {
            pair.ball.with(|ball| {
                *ball += 1;
                *ball
            })
        };
        let expected = 2 * exchange + side as u64 + 1;
        if ball != expected {
            worker.watch.fail(&format!("the ball was {ball}, not {expected}"));
        }
        if worker.rng.u8(..) < 32 {
            // The only token is ours until we unpark the other.
            let reason = worker.park_timeout(own, Duration::ZERO);
            worker.counts.doubled += u64::from(reason == UnparkReason::Unparked);
        }
        worker.dawdle();
        worker.counts.sent += 1;
        worker.unpark(other);
    }
    if side == 0 {
        worker.park(own);
        worker.counts.taken += 1;
    }
    pair.done.fetch_add(1, Relaxed);
}

/// Parks where others do. Mostly that is in use; if not, it may take a token, and leaves it again.
fn meddle(pairs: &[Pair], worker: &mut Worker<'_>) {
    while pairs.iter().any(|pair| pair.done.load(Relaxed) < 2) {
        let pair = &pairs[worker.rng.usize(..pairs.len())];
        let parker = &pair.parkers[worker.rng.usize(..2)];
        let timeout = worker.timeout() / 16;
        match worker.park_timeout(parker, timeout) {
            UnparkReason::Unparked => {
                worker.dawdle();
                worker.unpark(parker);
            }
            UnparkReason::TimedOut => {}
            UnparkReason::Busy => worker.counts.busy += 1,
        }
        worker.dawdle();
    }
}
