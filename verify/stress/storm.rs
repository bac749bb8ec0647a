//! A storm: short timeouts and unparks that race each other, so that many waits run out just when their token
//! comes.
//!
//! Each lane is one sleeper. With one waker, which waits until its token was taken, every token is counted.
//! With several, which do not wait, tokens become one; then the messages are counted that come with them.

use crate::worker::{Counts, Round, Worker};
use ntpark::{Parker, UnparkReason};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

struct Lane {
    parker: Parker,
    /// Messages sent so far, one counter for each waker. Relaxed: the token has to carry them over.
    sent: Vec<AtomicU64>,
    /// Tokens taken so far.
    taken: AtomicU64,
    /// In nanoseconds, how long waits are allowed to take, and how far apart messages are, at the most: what
    /// races on one backend does not on another.
    span: u64,
}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let wakers = rng.usize(1..=3);
    let lanes = rng.usize(1..=3);
    // From 16 µs to 4 ms; the longer, the fewer.
    let span_bits = rng.u32(14..=22);
    let messages = 1 + ((round.often(3000) / lanes as u64) >> span_bits.saturating_sub(16));
    let lane = || Lane {
        parker: Parker::new(),
        sent: (0..wakers).map(|_| AtomicU64::new(0)).collect(),
        taken: AtomicU64::new(0),
        span: 1 << span_bits,
    };
    let lanes: Vec<Lane> = (0..lanes).map(|_| lane()).collect();

    round.run(lanes.len() * (1 + wakers), |index, worker| {
        let lane = &lanes[index % lanes.len()];
        match index / lanes.len() {
            0 => sleep(lane, messages, worker),
            waker => wake(lane, waker - 1, messages, worker),
        }
    })
}

fn sleep(lane: &Lane, messages: u64, worker: &mut Worker<'_>) {
    worker.place.waits_on(&lane.parker);
    let exact = lane.sent.len() == 1;
    let expected = messages * lane.sent.len() as u64;
    let mut seen = 0;
    while seen < expected {
        // A park without a limit now and then: there a lost token shows.
        if worker.rng.u8(..) < 16 {
            worker.park(&lane.parker);
        } else {
            let timeout = Duration::from_nanos(worker.rng.u64(0..lane.span));
            if worker.park_timeout(&lane.parker, timeout) != UnparkReason::Unparked {
                continue;
            }
        }
        let now: u64 = lane.sent.iter().map(|sent| sent.load(Relaxed)).sum();
        if exact && now != seen + 1 {
            worker.counts.doubled += u64::from(now == seen);
            worker.watch.fail(&format!("token {} brought message {now}", seen + 1));
        }
        seen = now;
        lane.taken.fetch_add(1, Relaxed);
    }
    worker.counts.taken += seen;
    if exact {
        // Nobody unparks any more.
        let reason = worker.park_timeout(&lane.parker, Duration::ZERO);
        worker.counts.doubled += u64::from(reason == UnparkReason::Unparked);
    }
}

fn wake(lane: &Lane, waker: usize, messages: u64, worker: &mut Worker<'_>) {
    let exact = lane.sent.len() == 1;
    for message in 1..=messages {
        let pause = Duration::from_nanos(worker.rng.u64(0..lane.span));
        let start = Instant::now();
        while start.elapsed() < pause {
            std::hint::spin_loop();
        }
        lane.sent[waker].store(message, Relaxed);
        worker.counts.sent += 1;
        worker.unpark(&lane.parker);
        if exact {
            worker.poll(|| lane.taken.load(Relaxed) == message);
        } else {
            worker.dawdle();
        }
    }
}
