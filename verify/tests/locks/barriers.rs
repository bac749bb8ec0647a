//! [`Barrier`]: nobody goes on before all have come, and one is the last.

use crate::barrier::{Barrier, BarrierWait};
use crate::schedules::{explore, sample};
use crate::time::Instant;
use crate::{Place, SOON, join, place, spawn, step};
use shuttle::rand::{Rng, thread_rng};
use std::cell::Cell;

/// A barrier, and who has come there.
#[repr(C)]
struct Guarded {
    barrier: Barrier,
    threads: u16,
    arrived: Cell<u32>,
    lasts: Cell<u32>,
    /// How many have yet to return, without the last to arrive.
    users: Cell<usize>,
}

fn guarded(threads: u16, users: usize) -> Place<Guarded> {
    let barrier = Barrier::new();
    place(0, Guarded { barrier, threads, arrived: Cell::new(0), lasts: Cell::new(0), users: Cell::new(users) })
}

impl Place<Guarded> {
    /// A round, of which the number is known. How it ended.
    fn round(&self, round: u32, deadline: Instant) -> BarrierWait {
        self.arrived.set(self.arrived.get() + 1);
        let how = self.barrier.wait_until(self.threads, deadline);
        if how == BarrierWait::TimedOut {
            self.arrived.set(self.arrived.get() - 1);
        } else {
            assert!(self.arrived.get() >= (round + 1) * u32::from(self.threads), "all have come");
        }
        // The last may be gone: this is not the barrier's.
        self.lasts.set(self.lasts.get() + u32::from(how == BarrierWait::Last));
        how
    }

    fn word_is(&self, rounds: u32) -> bool {
        self.word::<u32>() == rounds << 16
    }
}

#[test]
fn who_returns_may_free_it() {
    explore("two meet", 3, || {
        let barrier = guarded(2, 1);
        join([(); 2].map(|()| {
            spawn(move || {
                if barrier.round(0, Instant::MAX) == BarrierWait::Met {
                    assert!(barrier.word_is(1));
                    barrier.free();
                }
            })
        }));
    });
    explore("three meet", 1, || {
        let barrier = guarded(3, 2);
        join([(); 3].map(|()| {
            spawn(move || {
                if barrier.round(0, Instant::MAX) == BarrierWait::Met {
                    barrier.users.set(barrier.users.get() - 1);
                    if barrier.users.get() == 0 {
                        barrier.free();
                    }
                }
            })
        }));
        assert_eq!(barrier.lasts.get(), 1);
    });
}

#[test]
fn rounds_follow_each_other() {
    let rounds = |threads: u16, count: u32| {
        let barrier = guarded(threads, 0);
        let threads = (0..threads).map(|_| {
            spawn(move || {
                for round in 0..count {
                    barrier.round(round, Instant::MAX);
                    step();
                }
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| _ = join([thread]));
        assert_eq!(barrier.lasts.get(), count, "one is the last of each round");
        assert!(barrier.word_is(count));
    };
    explore("two threads, two rounds", 2, move || rounds(2, 2));
    explore("three threads, two rounds", 0, move || rounds(3, 2));
    sample(100, move || rounds(4, 3));
}

#[test]
fn who_gives_up_has_not_arrived() {
    explore("time-out at a barrier", 2, || {
        let barrier = guarded(2, 0);
        let late = spawn(move || barrier.round(0, SOON));
        let mine = barrier.round(0, SOON);
        let ends = [join([late])[0], mine];
        let met = ends.iter().filter(|&&end| end != BarrierWait::TimedOut).count();
        assert!(met == 0 || met == 2, "{ends:?}");
        assert!(barrier.word_is((met / 2) as u32));
        assert_eq!(barrier.lasts.get() as usize, met / 2);
    });
}

#[test]
fn some_give_up_and_the_others_meet() {
    sample(250, || {
        let barrier = guarded(2, 0);
        let met = join([(); 4].map(|()| {
            spawn(move || {
                let mut met = 0;
                for _ in 0..3 {
                    let deadline = [SOON, Instant::from_ticks(9)][thread_rng().gen_range(0..2)];
                    met += u32::from(barrier.barrier.wait_until(2, deadline) != BarrierWait::TimedOut);
                }
                met
            })
        }));
        let met = met.into_iter().sum::<u32>();
        assert!(met % 2 == 0 && barrier.word_is(met / 2), "{met} have met");
    });
}

#[test]
fn one_thread_meets_itself() {
    explore("a barrier for one", 0, || {
        let barrier = guarded(1, 0);
        // The count of rounds begins anew after 65,536, and what has arrived is not touched by that.
        barrier.set_word(u32::MAX << 16);
        assert!(barrier.barrier.wait(1));
        assert_eq!(barrier.word::<u32>(), 0);
    });
}
