//! A crowd: 64 threads, far more than processors, that send each other messages at random until enough have
//! been sent.

use crate::watch::THREADS;
use crate::worker::{Counts, Round};
use ntpark::Parker;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

#[derive(Default)]
struct Person {
    parker: Parker,
    /// Messages that wait for this thread.
    mail: AtomicU64,
}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let people: Vec<Person> = (0..THREADS).map(|_| Person::default()).collect();
    let total = round.often(20_000).max(THREADS as u64);
    // How many messages are under way at once.
    let started = rng.usize(1..=THREADS);
    let sent = AtomicU64::new(started as u64);
    let taken = AtomicU64::new(0);
    let over = AtomicBool::new(false);

    let mut counts = round.run(THREADS, |index, worker| {
        let person = &people[index];
        worker.place.waits_on(&person.parker);
        // As many messages as are to be under way come from nowhere, to the first threads.
        let mut mail = u64::from(index < started);
        loop {
            for _ in 0..mail {
                worker.counts.taken += 1;
                // Each message leads to another one, to somebody at random, until all have been sent.
                if sent.fetch_add(1, Relaxed) < total {
                    worker.counts.sent += 1;
                    let next = &people[worker.rng.usize(..THREADS)];
                    next.mail.fetch_add(1, Relaxed);
                    worker.unpark(&next.parker);
                }
                if taken.fetch_add(1, Relaxed) + 1 == total {
                    over.store(true, Relaxed);
                    for person in &people {
                        worker.unpark(&person.parker);
                    }
                }
            }
            // Mail may have come with a token that was taken together with an earlier one: look before waiting.
            mail = person.mail.swap(0, Relaxed);
            if mail == 0 {
                if over.load(Relaxed) {
                    break;
                }
                worker.park(&person.parker);
                mail = person.mail.swap(0, Relaxed);
            }
        }
    });
    counts.sent += started as u64;
    counts
}
