//! [`Semaphore`]: no permit is lost or made, and nobody overtakes.

use crate::schedules::{explore, sample};
use crate::semaphore::{Semaphore, TooManyPermits};
use crate::time::Instant;
use crate::{Place, SOON, join, place, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::JoinHandle;
use std::cell::Cell;

/// A semaphore, and the permits that are taken.
#[repr(C)]
struct Guarded {
    semaphore: Semaphore,
    permits: u32,
    taken: Cell<u32>,
}

fn guarded(permits: u32) -> Place<Guarded> {
    place(0, Guarded { semaphore: Semaphore::new(permits), permits, taken: Cell::new(0) })
}

impl Place<Guarded> {
    /// Takes permits until a deadline, and gives them back. Whether it had them.
    fn have(&self, permits: u32, deadline: Instant) -> bool {
        let is_taken = match deadline {
            Instant::MAX => {
                self.semaphore.acquire(permits);
                true
            }
            Instant::MIN => self.semaphore.try_acquire(permits),
            _ => self.semaphore.try_acquire_until(permits, deadline),
        };
        if is_taken {
            self.taken.set(self.taken.get() + permits);
            assert!(self.taken.get() <= self.permits, "more are taken than there are");
            step();
            self.taken.set(self.taken.get() - permits);
            assert_eq!(self.semaphore.release(permits), Ok(()));
        } else {
            // Nobody else has run since this thread has tried for the last time.
            let is_there = self.word::<u32>() % 2 == 0 && self.semaphore.available_permits() >= permits;
            assert!(!is_there, "it is out of time though the permits are there");
        }
        is_taken
    }

    fn assert_unused(&self) {
        assert_eq!(self.taken.get(), 0);
        assert_eq!(self.word::<u32>(), self.permits * 2, "all are there, and nobody waits");
    }
}

#[test]
fn who_takes_the_last_permit_may_free_it() {
    explore("release against acquire", 3, || {
        let semaphore = guarded(0);
        let giver = spawn(move || semaphore.semaphore.release(1));
        semaphore.semaphore.acquire(1);
        assert_eq!(semaphore.word::<u32>(), 0);
        semaphore.free();
        assert_eq!(join([giver]), [Ok(())]);
    });
    explore("releases against acquires", 1, || {
        let semaphore = guarded(0);
        let givers = [2, 1].map(|permits| spawn(move || semaphore.semaphore.release(permits)));
        let taker = spawn(move || semaphore.semaphore.acquire(1));
        semaphore.semaphore.acquire(2);
        join([taker]);
        assert_eq!(semaphore.word::<u32>(), 0);
        semaphore.free();
        assert_eq!(join(givers), [Ok(()); 2]);
    });
}

#[test]
fn permits_are_conserved() {
    explore("two of one and one of two", 1, || {
        let semaphore = guarded(2);
        join([1, 2, 1].map(|permits| spawn(move || semaphore.have(permits, Instant::MAX))));
        semaphore.assert_unused();
    });
    explore("time-outs of a semaphore", 1, || {
        let semaphore = guarded(2);
        join(
            [(2, SOON), (2, Instant::MAX), (1, SOON)]
                .map(|(permits, deadline)| spawn(move || semaphore.have(permits, deadline))),
        );
        semaphore.assert_unused();
    });
    sample(250, || {
        let semaphore = guarded(3);
        join([(); 4].map(|()| {
            spawn(move || {
                for _ in 0..3 {
                    let mut random = thread_rng();
                    let deadline = [Instant::MIN, SOON, Instant::from_ticks(9), Instant::MAX][random.gen_range(0..4)];
                    semaphore.have(random.gen_range(0..4), deadline);
                }
            })
        }));
        semaphore.assert_unused();
    });
}

/// Threads that wait for so many permits, in this order.
fn queue<const N: usize>(semaphore: Place<Guarded>, waits: [(u32, Instant); N]) -> [JoinHandle<bool>; N] {
    waits.map(|(permits, deadline)| {
        let is_begun = place(0, Cell::new(false));
        let thread = spawn(move || {
            is_begun.set(true);
            let is_taken = semaphore.semaphore.try_acquire_until(permits, deadline);
            semaphore.taken.set(semaphore.taken.get() + if is_taken { permits } else { 0 });
            is_taken
        });
        // Without preemptions, it runs on until it waits.
        until(|| is_begun.get());
        thread
    })
}

/// Gives permits, and lets those run that have got some.
fn give(semaphore: Place<Guarded>, permits: u32, taken: u32) {
    assert_eq!(semaphore.semaphore.release(permits), Ok(()));
    let mut looks = 0;
    until(|| {
        looks += 1;
        semaphore.taken.get() == taken && looks > 8
    });
}

#[test]
fn nobody_overtakes() {
    explore("first come, first served", 0, || {
        let semaphore = guarded(0);
        let threads = queue(semaphore, [(2, Instant::MAX), (1, Instant::MAX), (0, Instant::MAX)]);
        give(semaphore, 1, 0);
        assert_eq!(semaphore.semaphore.available_permits(), 1);
        assert!(!semaphore.semaphore.try_acquire(1) && !semaphore.semaphore.try_acquire(0));
        give(semaphore, 1, 2);
        assert_eq!(semaphore.semaphore.available_permits(), 0);
        assert!(format!("{:?}", semaphore.semaphore).contains("threads wait"));
        give(semaphore, 2, 3);
        assert_eq!(join(threads), [true; 3]);
        assert_eq!(semaphore.word::<u32>(), 2);
    });
}

#[test]
fn who_gives_up_leaves_what_is_there_to_those_behind() {
    explore("time-out in front", 2, || {
        let semaphore = guarded(1);
        let late = spawn(move || semaphore.semaphore.try_acquire_until(2, SOON));
        semaphore.semaphore.acquire(1);
        assert_eq!(join([late]), [false]);
        assert_eq!(semaphore.word::<u32>(), 0);
    });
}

#[test]
fn a_time_out_leaves_no_flag() {
    explore("flags of a semaphore after a time-out", 0, || {
        let semaphore = guarded(0);
        let late = spawn(move || semaphore.semaphore.try_acquire_until(1, SOON));
        assert_eq!((join([late]), semaphore.word::<u32>()), ([false], 0));
    });
}

#[test]
fn more_than_there_can_be_are_neither_taken_nor_given() {
    explore("too many", 0, || {
        let semaphore = guarded(0);
        let later = Instant::from_ticks(40);
        let threads = queue(semaphore, [(1, Instant::MAX), (u32::MAX, later)]);
        assert_eq!(semaphore.semaphore.release(u32::MAX), Err(TooManyPermits));
        assert_eq!(semaphore.semaphore.available_permits(), 0, "nothing has changed");
        give(semaphore, 1, 1);
        assert_eq!(join(threads), [true, false]);
        assert_eq!(semaphore.word::<u32>(), 0);
        assert_eq!(semaphore.semaphore.release(Semaphore::MAX_PERMITS), Ok(()));
        assert_eq!(semaphore.semaphore.release(1), Err(TooManyPermits));
        assert!(semaphore.semaphore.try_acquire(Semaphore::MAX_PERMITS));
    });
}
