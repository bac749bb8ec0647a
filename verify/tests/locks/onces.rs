//! [`Once`]: done once, by one thread at a time.

use crate::once::{Begin, Once};
use crate::schedules::{explore, sample};
use crate::time::Instant;
use crate::{Place, SOON, join, place, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What is to be done once, and who does it.
#[repr(C)]
struct Guarded {
    once: Once,
    is_at_it: Cell<bool>,
    is_done: Cell<bool>,
    is_given_up: Cell<bool>,
    /// How many have yet to see that it is done.
    users: Cell<usize>,
}

fn guarded(users: usize) -> Place<Guarded> {
    let no = || Cell::new(false);
    let guarded =
        Guarded { once: Once::new(), is_at_it: no(), is_done: no(), is_given_up: no(), users: Cell::new(users) };
    place(0, guarded)
}

impl Place<Guarded> {
    /// Does it.
    fn run(&self, was_given_up: bool) {
        assert!(!self.is_at_it.replace(true), "two threads are at it");
        assert!(!self.is_done.get(), "it has been done");
        assert_eq!(was_given_up, self.is_given_up.get());
        step();
        self.is_at_it.set(false);
    }

    fn complete(&self) {
        self.is_done.set(true);
        // SAFETY: this thread has begun.
        unsafe { self.once.complete() };
    }

    fn abandon(&self) {
        self.is_given_up.set(true);
        // SAFETY: this thread has begun.
        unsafe { self.once.abandon() };
    }

    /// Begins, and completes or gives up. Whether it is done.
    fn begin(&self, deadline: Instant, gives_up: bool) -> bool {
        match self.once.begin(deadline) {
            Begin::Run { poisoned } => {
                self.run(poisoned);
                if gives_up {
                    self.abandon();
                } else {
                    self.complete();
                }
                !gives_up
            }
            Begin::Done => {
                self.assert_done();
                true
            }
            Begin::TimedOut => {
                self.assert_not_done();
                false
            }
        }
    }

    fn wait(&self, deadline: Instant) -> bool {
        let is_done = self.once.wait_until(deadline);
        if is_done {
            self.assert_done();
        } else {
            self.assert_not_done();
        }
        is_done
    }

    /// Nobody else has run since this thread has looked for the last time.
    fn assert_not_done(&self) {
        assert!(!format!("{:?}", self.once).contains("done"), "it is out of time though it is done");
    }

    fn assert_done(&self) {
        assert!(self.is_done.get() && !self.is_at_it.get());
    }

    /// This thread will not call it again; the last one frees it.
    fn leave(&self) {
        self.assert_done();
        self.users.set(self.users.get() - 1);
        if self.users.get() == 0 {
            assert_eq!(format!("{:?}", self.once), "Once(done)");
            self.free();
        }
    }
}

#[test]
fn who_sees_that_it_is_done_may_free_it() {
    explore("complete against begin", 3, || {
        let once = guarded(1);
        let doer = spawn(move || {
            if once.once.begin(Instant::MIN) == (Begin::Run { poisoned: false }) {
                once.complete();
            }
        });
        // Whoever has not begun yet will not: it is free only once that has.
        until(|| format!("{:?}", once.once) != "Once(new)");
        assert!(once.begin(Instant::MAX, false));
        once.leave();
        join([doer]);
    });
    explore("complete against waits", 1, || {
        let once = guarded(2);
        let waiters = [(); 2].map(|()| {
            spawn(move || {
                once.once.wait();
                once.leave();
            })
        });
        once.begin(Instant::MAX, false);
        join(waiters);
    });
}

#[test]
fn one_thread_does_it() {
    explore("three threads", 1, || {
        let once = guarded(3);
        join([(); 3].map(|()| {
            spawn(move || {
                once.once.call_once(|| {
                    once.run(false);
                    once.is_done.set(true);
                });
                once.assert_done();
            })
        }));
        assert!(once.once.is_completed());
    });
}

#[test]
fn what_was_given_up_is_done_by_another() {
    explore("give up", 2, || {
        let once = guarded(3);
        let other = spawn(move || once.begin(Instant::MAX, false));
        let waiter = spawn(move || once.wait(Instant::MAX));
        let is_done = once.begin(Instant::MAX, true);
        assert!(join([other, waiter]).into_iter().all(|is_done| is_done));
        assert!(is_done || once.is_given_up.get());
        once.assert_done();
        assert_eq!(format!("{:?}", once.once), "Once(done)");
    });
}

#[test]
fn time_outs_leave_no_flag() {
    explore("time-outs of a once", 2, || {
        let once = guarded(2);
        assert!(!once.once.wait_until(Instant::MIN));
        let Begin::Run { poisoned: false } = once.once.begin(Instant::MAX) else { panic!("nobody else begins") };
        let waiters = [|once: &Place<Guarded>| once.begin(SOON, false), |once: &Place<Guarded>| once.wait(SOON)];
        let waiters = waiters.map(|wait| spawn(move || wait(&once)));
        assert!(!once.begin(Instant::MIN, false), "this thread is at it");
        if join(waiters).into_iter().all(|is_done| !is_done) {
            assert_eq!(format!("{:?}", once.once), "Once(a thread is at it)");
        }
        once.complete();
        assert!(once.once.wait_until(Instant::MIN));
    });
}

#[test]
fn an_initialiser_may_unwind() {
    explore("unwinding", 1, || {
        let once = guarded(0);
        let other = spawn(move || {
            once.once.call_once_force(|is_poisoned| {
                once.run(is_poisoned);
                once.is_done.set(true);
            });
        });
        let call = || {
            once.once.call_once(|| {
                once.is_given_up.set(true);
                resume_unwind(Box::new(()))
            });
        };
        let has_unwound = catch_unwind(AssertUnwindSafe(call)).is_err();
        assert_eq!(has_unwound, once.is_given_up.get());
        join([other]);
        once.assert_done();
        assert!(once.once.is_completed() && !once.once.is_poisoned());
    });
}

#[test]
fn any_threads_may_do_anything() {
    sample(200, || {
        let once = guarded(4);
        join([(); 4].map(|()| {
            spawn(move || {
                let mut random = thread_rng();
                let mut is_done = false;
                for _ in 0..3 {
                    let deadline = [Instant::MIN, SOON][random.gen_range(0..2)];
                    is_done = match random.gen_range(0..4) {
                        0 => once.wait(deadline),
                        1 => once.begin(Instant::MAX, true),
                        _ => once.begin(deadline, random.r#gen()),
                    };
                }
                if !is_done {
                    once.begin(Instant::MAX, false);
                }
                once.leave();
            })
        }));
    });
}
