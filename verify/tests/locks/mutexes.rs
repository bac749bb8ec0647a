//! [`RawMutex`]: one thread at a time, and nobody is forgotten.

use crate::clock::{self, Clock};
use crate::mutex::RawMutex;
use crate::time::Instant;
use crate::{Place, SOON, explore, explore_on, join, place, sample, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::JoinHandle;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

/// How long a waiter is patient, in units of 100 ns; and less, by a step of the lock's time.
const PATIENCE: u64 = 10 << 9;
const LESS: u64 = 9 << 9;

/// A mutex, and what it guards.
#[repr(C)]
struct Guarded {
    mutex: RawMutex,
    is_inside: AtomicBool,
    /// How many have yet to be inside.
    users: AtomicUsize,
}

fn guarded(users: usize) -> Place<Guarded> {
    place(0, Guarded { mutex: RawMutex::new(), is_inside: AtomicBool::new(false), users: AtomicUsize::new(users) })
}

impl Place<Guarded> {
    /// What is done inside, which no two do at once.
    fn be_inside(self) {
        assert!(!self.is_inside.swap(true, Relaxed), "two threads are inside");
        step();
        self.is_inside.store(false, Relaxed);
    }

    /// Whoever has locked it is inside for the last time; the last of all frees it.
    fn leave(self, unlock: impl FnOnce(&RawMutex)) {
        self.be_inside();
        let is_last = self.users.fetch_sub(1, Relaxed) == 1;
        unlock(&self.mutex);
        if is_last {
            assert_eq!(self.word::<u32>(), 0, "nobody uses it");
            self.free();
        }
    }

    fn try_lock_until(self, deadline: Instant) -> bool {
        let is_locked = self.mutex.try_lock_until(deadline);
        // Nobody else has run since this thread has tried for the last time.
        assert!(is_locked || self.mutex.is_locked(), "it fails though the lock is free");
        is_locked
    }

    fn is_awaited(self) -> bool {
        format!("{:?}", self.mutex).contains("threads wait")
    }
}

/// Called with the lock held, as are all that have its type.
fn unlock(mutex: &RawMutex) {
    // SAFETY: it is locked.
    unsafe { mutex.unlock() };
}

fn unlock_fair(mutex: &RawMutex) {
    // SAFETY: it is locked.
    unsafe { mutex.unlock_fair() };
}

#[test]
fn the_last_of_two_frees_it() {
    for give in [unlock, unlock_fair] {
        explore("two of a mutex", 3, move || {
            let mutex = guarded(2);
            join([(); 2].map(|()| {
                spawn(move || {
                    mutex.mutex.lock();
                    mutex.leave(give);
                })
            }));
        });
    }
}

#[test]
fn the_last_of_three_frees_it() {
    explore("three of a mutex", 1, || {
        let mutex = guarded(3);
        join([unlock, unlock, unlock_fair].map(|give| {
            spawn(move || {
                mutex.mutex.lock();
                mutex.leave(give);
            })
        }));
    });
}

/// Threads of which some try until a deadline first.
fn try_and_lock<const N: usize>(are_timed: [bool; N]) {
    let mutex = guarded(N);
    join(are_timed.map(|is_timed| {
        spawn(move || {
            if !(is_timed && mutex.try_lock_until(SOON)) {
                mutex.mutex.lock();
            }
            mutex.leave(unlock);
        })
    }));
}

#[test]
fn time_outs_swallow_no_wake() {
    explore("time-outs of a mutex", 1, || try_and_lock([true, true, false]));
    explore("a time-out of a mutex", 3, || try_and_lock([true, false]));
}

#[test]
fn a_time_out_leaves_the_others_in_the_queue() {
    explore("flags after a time-out", 0, || {
        let queue = Queue::new(1);
        let mutex = queue.mutex;
        let late = move || spawn(move || mutex.try_lock_until(SOON));
        assert_eq!(join([late()]), [false]);
        assert_eq!(format!("{:?}", mutex.mutex), "RawMutex(locked + threads wait)");
        unlock_fair(&mutex.mutex);
        until(|| queue.entered() == [0]);
        mutex.mutex.lock();
        assert_eq!(join([late()]), [false]);
        assert_eq!(format!("{:?}", mutex.mutex), "RawMutex(locked)");
        queue.end();
    });
}

#[test]
fn any_threads_may_do_anything() {
    sample(150, || {
        let mutex = guarded(4);
        join([(); 4].map(|()| {
            spawn(move || {
                let mut random = thread_rng();
                for _ in 0..3 {
                    let is_locked = match random.gen_range(0..3) {
                        0 => mutex.mutex.try_lock(),
                        1 => mutex.try_lock_until(SOON),
                        _ => {
                            mutex.mutex.lock();
                            true
                        }
                    };
                    if is_locked {
                        mutex.be_inside();
                        match random.gen_range(0..3) {
                            0 => {
                                // SAFETY: it is locked.
                                unsafe { mutex.mutex.bump() };
                                mutex.be_inside();
                                unlock(&mutex.mutex);
                            }
                            1 => unlock(&mutex.mutex),
                            _ => unlock_fair(&mutex.mutex),
                        }
                    }
                }
                mutex.mutex.lock();
                mutex.leave(unlock);
            })
        }));
    });
}

/// Threads that wait for a mutex, which the caller has, in this order; and the order in which they get it.
struct Queue {
    mutex: Place<Guarded>,
    entered: Arc<Mutex<Vec<usize>>>,
    /// Until then, the first keeps it.
    is_open: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    fn new(waiters: usize) -> Self {
        let is_open = Arc::new(AtomicBool::new(true));
        let mut queue = Self { mutex: guarded(waiters + 1), entered: Arc::default(), is_open, threads: Vec::new() };
        queue.mutex.mutex.lock();
        for waiter in 0..waiters {
            let (mutex, entered, is_open) = (queue.mutex, Arc::clone(&queue.entered), Arc::clone(&queue.is_open));
            let is_about_to = Arc::new(AtomicBool::new(false));
            let begun = Arc::clone(&is_about_to);
            let thread = spawn(move || {
                begun.store(true, Relaxed);
                mutex.mutex.lock();
                entered.lock().expect("no panic").push(waiter);
                until(|| waiter > 0 || is_open.load(Relaxed));
                mutex.leave(unlock);
            });
            // Without preemptions, the thread runs on until it waits.
            until(|| is_about_to.load(Relaxed) && queue.mutex.is_awaited());
            queue.threads.push(thread);
        }
        assert_eq!(queue.mutex.is_awaited(), waiters > 0);
        queue
    }

    fn entered(&self) -> Vec<usize> {
        self.entered.lock().expect("no panic").clone()
    }

    /// Unlocks, and then tries to overtake. Whether that succeeded.
    fn overtake(&self, unlock: fn(&RawMutex)) -> bool {
        unlock(&self.mutex.mutex);
        self.mutex.mutex.try_lock()
    }

    /// Unlocks for the last time.
    fn end(self) {
        self.mutex.leave(unlock);
        self.threads.into_iter().for_each(|thread| _ = join([thread]));
    }
}

#[test]
fn whoever_comes_may_overtake_a_woken_thread() {
    explore_on(Clock::Standing, "overtaking", 0, || {
        let queue = Queue::new(2);
        assert!(queue.overtake(unlock), "the lock is free");
        let woken = format!("{:?}", queue.mutex.mutex);
        assert_eq!(woken, "RawMutex(locked + threads wait + one is on its way)");
        assert!(queue.overtake(unlock), "one is on its way, and no other is woken");
        until(|| !format!("{:?}", queue.mutex.mutex).contains("on its way"));
        assert!(!queue.overtake(unlock_fair), "handed over");
        until(|| queue.entered().len() == 2);
        assert_eq!(queue.entered(), [0, 1], "whoever came too late has waited in front");
        queue.mutex.mutex.lock();
        queue.end();
    });
}

#[test]
fn an_overdue_waiter_is_handed_the_lock() {
    explore_on(Clock::Standing, "patience", 0, || {
        let queue = Queue::new(2);
        clock::advance(LESS);
        assert!(queue.overtake(unlock), "it has not waited for long enough");
        clock::advance(PATIENCE - LESS);
        // The one on its way does not run.
        assert!(!queue.overtake(unlock), "it has");
        until(|| queue.entered().len() == 2);
        queue.mutex.mutex.lock();
        queue.end();
    });
}

#[test]
fn time_starts_anew_when_a_waiter_gets_the_lock() {
    for waits in [LESS, PATIENCE] {
        explore_on(Clock::Standing, "patience starts anew", 0, move || {
            let queue = Queue::new(2);
            queue.is_open.store(false, Relaxed);
            clock::advance(waits);
            unlock(&queue.mutex.mutex);
            until(|| queue.entered() == [0]);
            clock::advance(PATIENCE - LESS);
            queue.is_open.store(true, Relaxed);
            until(|| queue.mutex.users.load(Relaxed) <= 2 && !queue.mutex.is_inside.load(Relaxed));
            let is_overtaken = queue.mutex.mutex.try_lock();
            assert!(is_overtaken || queue.entered() == [0, 1], "the second has not waited for long enough");
            if !is_overtaken {
                queue.mutex.mutex.lock();
            }
            queue.end();
        });
    }
}

#[test]
fn without_a_clock_it_is_handed_over_at_once() {
    explore_on(Clock::No, "no clock", 0, || {
        let queue = Queue::new(1);
        assert!(!queue.overtake(unlock));
        queue.mutex.mutex.lock();
        assert_eq!(queue.entered(), [0]);
        queue.end();
    });
}

#[test]
fn a_bump_lets_the_first_in() {
    explore("bump", 2, || {
        let queue = Queue::new(1);
        // SAFETY: it is locked.
        unsafe { queue.mutex.mutex.bump() };
        assert_eq!(queue.entered(), [0]);
        assert!(queue.mutex.mutex.is_locked());
        queue.end();
    });
}
