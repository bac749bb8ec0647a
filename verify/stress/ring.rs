//! A ring: one baton goes round, and whoever holds it adds one to it. Nothing but the token protects it.

use crate::worker::{Bare, Counts, Round};
use ntpark::Parker;

#[derive(Default)]
struct Seat {
    parker: Parker,
    baton: Bare<u64>,
}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let threads = rng.usize(2..=8);
    let laps = 1 + round.often(4000) / threads as u64;
    let seats: Vec<Seat> = (0..threads).map(|_| Seat::default()).collect();

    round.run(threads, |index, worker| {
        let (seat, next) = (&seats[index], &seats[(index + 1) % threads]);
        worker.place.waits_on(&seat.parker);
        for lap in 0..laps {
            // The first thread starts the baton; afterwards it waits for it like all others.
            if index > 0 || lap > 0 {
                worker.park(&seat.parker);
                worker.counts.taken += 1;
            }
            // SAFETY: who has the token has the baton, and the thread before us does not come back to this seat before
            // we have passed it on.
            let baton = unsafe { seat.baton.with(|baton| *baton) };
            let expected = lap * threads as u64 + index as u64;
            if baton != expected {
                worker.watch.fail(&format!("the baton was {baton}, not {expected}"));
            }
            worker.dawdle();
            // SAFETY: the next thread does not look before it has the token.
            unsafe { next.baton.with(|next| *next = baton + 1) };
            worker.counts.sent += 1;
            worker.unpark(&next.parker);
        }
        // The last lap's baton comes back to the first.
        if index == 0 {
            worker.park(&seat.parker);
            worker.counts.taken += 1;
        }
    })
}
