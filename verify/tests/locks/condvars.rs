//! [`Condvar`]: exact counts, no spurious wakeup, and mutexes that are locked afterwards.

use crate::clock::Clock;
use crate::condvar::Condvar;
use crate::mutex::RawMutex;
use crate::time::Instant;
use crate::{Place, SOON, explore, explore_on, join, place, sample, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, JoinHandle};
use std::cell::Cell;

/// A mutex, and what it guards.
#[repr(C)]
struct Guarded {
    mutex: RawMutex,
    is_inside: Cell<bool>,
    /// How many have yet to unlock it, where the last one frees it.
    users: Cell<usize>,
}

fn guarded() -> Place<Guarded> {
    place(0, Guarded { mutex: RawMutex::new(), is_inside: Cell::new(false), users: Cell::new(usize::MAX) })
}

impl Place<Guarded> {
    fn lock(&self) {
        self.mutex.lock();
        self.begin();
    }

    fn unlock(&self) {
        self.is_inside.set(false);
        // SAFETY: it is locked.
        unsafe { self.mutex.unlock() };
    }

    /// Unlocks for the last time.
    fn leave(&self) {
        self.users.set(self.users.get() - 1);
        let is_last = self.users.get() == 0;
        self.unlock();
        if is_last {
            free(*self, self.word::<u32>() as usize);
        }
    }

    fn begin(&self) {
        assert!(!self.is_inside.replace(true), "two threads are inside");
        step();
    }

    /// Waits until a deadline; true if notified.
    fn wait(&self, condvar: Place<Condvar>, deadline: Instant) -> bool {
        self.is_inside.set(false);
        let is_notified = match deadline {
            Instant::MAX => {
                // SAFETY: it is locked; and so below.
                unsafe { condvar.wait_raw(&self.mutex) };
                true
            }
            // SAFETY: as above.
            _ => unsafe { condvar.wait_raw_until(&self.mutex, deadline) },
        };
        self.begin();
        is_notified
    }
}

/// In the other bucket than mutexes.
fn condvar() -> Place<Condvar> {
    place(1, Condvar::new())
}

/// Nobody uses it, and it is gone.
fn free<T>(lock: Place<T>, word: usize) {
    assert_eq!(word, 0, "nobody uses it");
    lock.free();
}

/// A thread that locks, waits, and unlocks.
fn waiter(mutex: Place<Guarded>, condvar: Place<Condvar>, deadline: Instant) -> JoinHandle<bool> {
    spawn(move || {
        mutex.lock();
        let is_notified = mutex.wait(condvar, deadline);
        mutex.leave();
        is_notified
    })
}

/// How many have been notified.
fn count<const N: usize>(waiters: [JoinHandle<bool>; N]) -> usize {
    join(waiters).into_iter().filter(|&is_notified| is_notified).count()
}

/// Waits in threads, which are notified by another, and frees all after the last has returned.
fn all_are_notified<const N: usize>(mutexes: [usize; N], notify: fn(&Condvar) -> usize) {
    let condvar = condvar();
    let places = [guarded(), guarded()];
    let notifier = spawn(move || {
        let mut left = N;
        until(|| {
            left -= notify(&condvar);
            left == 0
        });
    });
    assert_eq!(count(mutexes.map(|mutex| waiter(places[mutex], condvar, Instant::MAX))), N);
    // The notifier may still be in its call.
    free(condvar, condvar.word());
    places.into_iter().for_each(|mutex| free(mutex, mutex.word::<u32>() as usize));
    join([notifier]);
}

fn one(condvar: &Condvar) -> usize {
    condvar.notify_one().into()
}

#[test]
fn what_its_last_waiter_frees_is_not_touched() {
    explore("notify of one", 2, || all_are_notified([0], one));
    explore_on(Clock::Running, "notify of all", 1, || all_are_notified([0, 0], Condvar::notify_all));
    explore_on(Clock::Running, "notify of two", 1, || all_are_notified([0, 0], |condvar| condvar.notify(2)));
    explore("notify one by one", 0, || all_are_notified([0, 0], one));
}

#[test]
fn waiters_of_several_mutexes_are_notified() {
    explore_on(Clock::Running, "two mutexes", 1, || all_are_notified([0, 1], Condvar::notify_all));
    explore("two mutexes, one by one", 0, || all_are_notified([0, 1], one));
    sample(60, || all_are_notified([0, 1, 0], |condvar| condvar.notify(2)));
}

#[test]
fn counts_and_time_outs_agree() {
    for notify in [one, Condvar::notify_all] {
        explore("notify against time-outs", 1, move || {
            let (mutex, condvar) = (guarded(), condvar());
            mutex.users.set(2);
            let waiters = [(); 2].map(|()| waiter(mutex, condvar, SOON));
            thread::yield_now();
            let notified = notify(&condvar) + notify(&condvar);
            assert_eq!(count(waiters), notified);
            free(condvar, condvar.word());
        });
    }
}

#[test]
fn a_change_under_the_mutex_is_not_missed() {
    explore("a change against a wait", 2, || {
        let (mutex, condvar, is_changed) = (guarded(), condvar(), place(0, Cell::new(false)));
        let waiter = spawn(move || {
            mutex.lock();
            if !is_changed.get() {
                mutex.wait(condvar, Instant::MAX);
            }
            assert!(is_changed.get());
            mutex.unlock();
            free(condvar, condvar.word());
        });
        mutex.lock();
        is_changed.set(true);
        condvar.notify_one();
        mutex.unlock();
        join([waiter]);
        free(mutex, mutex.word::<u32>() as usize);
    });
}

#[test]
fn who_notifies_is_not_notified() {
    explore("notifies, and then waits", 1, || {
        let (mutex, condvar) = (guarded(), condvar());
        let first = waiter(mutex, condvar, SOON);
        mutex.lock();
        let notified = condvar.notify_one();
        assert!(!mutex.wait(condvar, SOON), "nobody notifies this thread");
        mutex.unlock();
        assert_eq!(join([first]), [notified]);
        free(condvar, condvar.word());
        free(mutex, mutex.word::<u32>() as usize);
    });
}

#[test]
fn who_has_been_moved_has_been_notified() {
    explore_on(Clock::Running, "requeue against a time-out", 1, || {
        let (mutex, condvar) = (guarded(), condvar());
        mutex.users.set(3);
        let waiters = [SOON, Instant::MAX].map(|deadline| waiter(mutex, condvar, deadline));
        thread::yield_now();
        mutex.lock();
        // Moved, if they wait; and they run out of time in the queue of the mutex.
        let mut notified = condvar.notify_all();
        thread::yield_now();
        mutex.leave();
        until(|| {
            notified += condvar.notify_all();
            mutex.users.get() == 0
        });
        assert_eq!(count(waiters), notified);
        free(condvar, condvar.word());
    });
}

#[test]
fn waiters_are_moved_to_a_locked_mutex_in_order() {
    explore_on(Clock::Standing, "requeue", 0, || {
        let (mutex, condvar) = (guarded(), condvar());
        let order = place(0, Cell::new(0));
        let waiters = [0, 1, 2].map(|number| {
            let is_begun = place(0, Cell::new(false));
            let thread = spawn(move || {
                is_begun.set(true);
                mutex.lock();
                mutex.wait(condvar, Instant::MAX);
                assert_eq!(order.replace(number + 1), number, "first come, first served");
                mutex.unlock();
            });
            // Without preemptions, it runs on until it waits.
            until(|| is_begun.get());
            thread
        });
        mutex.lock();
        assert_eq!(condvar.notify(2), 2);
        assert_eq!(format!("{:?}", mutex.mutex), "RawMutex(locked + threads wait)");
        assert_eq!(format!("{:?}", *condvar), "Condvar(threads wait)");
        thread::yield_now();
        assert_eq!(order.get(), 0, "none is woken as long as it is locked");
        assert!(condvar.notify_one());
        assert_eq!(condvar.word::<usize>(), 0);
        mutex.unlock();
        join(waiters);
        free(mutex, mutex.word::<u32>() as usize);
    });
}

#[test]
fn waiters_of_a_free_mutex_are_woken_one_after_the_other() {
    explore("notify of all without the mutex", 1, || {
        let (mutex, condvar) = (guarded(), condvar());
        let waiters = [(); 2].map(|()| waiter(mutex, condvar, Instant::MAX));
        let mut left = 2;
        until(|| {
            left -= condvar.notify_all();
            left == 0
        });
        assert_eq!(count(waiters), 2);
        free(condvar, condvar.word());
        free(mutex, mutex.word::<u32>() as usize);
    });
}

/// Any mutex: here one that yields until it is free.
fn wait_with_another(condvar: Place<Condvar>, is_locked: Place<Cell<bool>>, deadline: Instant) -> bool {
    // SAFETY: to set a flag waits for nothing.
    let is_notified = unsafe { condvar.wait_unlocked_until(|| is_locked.set(false), deadline) };
    until(|| !is_locked.replace(true));
    is_notified
}

#[test]
fn any_mutex_may_be_waited_with() {
    explore("another mutex beside ours", 1, || {
        let (mutex, condvar) = (guarded(), condvar());
        let other = place(0, Cell::new(true));
        let with_ours = waiter(mutex, condvar, SOON);
        let with_other = spawn(move || wait_with_another(condvar, other, SOON));
        let mut notified = 0;
        for _ in 0..2 {
            notified += one(&condvar);
            thread::yield_now();
        }
        assert_eq!(count([with_ours, with_other]), notified);
        free(condvar, condvar.word());
    });
}

#[test]
fn each_notify_is_counted_and_each_wait_is_notified() {
    sample(250, || {
        let condvar = condvar();
        let mutexes = [guarded(), guarded()];
        let finished = place(0, Cell::new(0));
        let threads = [(); 3].map(|()| {
            spawn(move || {
                let mut notified = 0;
                for _ in 0..2 {
                    let mut random = thread_rng();
                    let mutex = mutexes[usize::from(random.gen_ratio(1, 4))];
                    let deadline = [SOON, Instant::from_ticks(20), Instant::MAX][random.gen_range(0..3)];
                    mutex.lock();
                    notified += usize::from(mutex.wait(condvar, deadline));
                    mutex.unlock();
                }
                finished.set(finished.get() + 1);
                notified
            })
        });
        let mut counted = 0;
        while finished.get() < threads.len() {
            let mut random = thread_rng();
            let mutex = mutexes[random.gen_range(0..2)];
            let is_locked = random.r#gen();
            if is_locked {
                mutex.lock();
            }
            counted += condvar.notify([1, 2, usize::MAX][random.gen_range(0..3)]);
            if is_locked {
                mutex.unlock();
            }
            thread::yield_now();
        }
        assert_eq!(join(threads).into_iter().sum::<usize>(), counted);
        free(condvar, condvar.word());
        mutexes.into_iter().for_each(|mutex| free(mutex, mutex.word::<u32>() as usize));
    });
}
