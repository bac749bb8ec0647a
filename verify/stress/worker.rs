//! What all scenarios are made of: a round's random numbers, the threads that count what they send and take,
//! and a few bare shared things.

use crate::watch::{Doing, Place, Watch};
use fastrand::Rng;
use ntpark::{Backend, BackendKind, Parker, UnparkReason};
use std::cell::UnsafeCell;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One run of a scenario.
pub(crate) struct Round<'a> {
    seed: u64,
    backend: BackendKind,
    pub(crate) watch: &'a Watch,
}

impl<'a> Round<'a> {
    pub(crate) fn new(seed: u64, backend: BackendKind, watch: &'a Watch) -> Self {
        Self { seed, backend, watch }
    }

    /// The random numbers that shape the round as a whole.
    pub(crate) fn rng(&self) -> Rng {
        Rng::with_seed(self.seed)
    }

    /// How often to do something that costs a thread switch: less often where those are slow, so that rounds
    /// take about as long everywhere.
    pub(crate) fn often(&self, times: u64) -> u64 {
        match self.backend {
            BackendKind::Polling => times / 32,
            BackendKind::KeyedEvent | BackendKind::KeyedEventNull => times / 4,
            _ => times,
        }
    }

    /// The worker on thread `index`.
    pub(crate) fn worker(&self, index: usize) -> Worker<'a> {
        let place = self.watch.place(index);
        place.set(Doing::Working);
        // Seeds count up from round to round: keep the threads' numbers far from those of the next rounds.
        let rng = Rng::with_seed(self.seed ^ (index as u64 + 1) << 40);
        Worker { rng, place, watch: self.watch, counts: Counts::default() }
    }

    /// Runs `work` as worker 0, 1, … of `threads` threads, and adds up what they counted.
    pub(crate) fn run(&self, threads: usize, work: impl Fn(usize, &mut Worker<'_>) + Sync) -> Counts {
        let work = &work;
        std::thread::scope(|scope| {
            let start = |index| {
                scope.spawn(move || {
                    let mut worker = self.worker(index);
                    work(index, &mut worker);
                    worker.place.clear();
                    worker.counts
                })
            };
            let handles: Vec<_> = (0..threads).map(start).collect();
            let mut sum = Counts::default();
            for handle in handles {
                sum += handle.join().expect("a panic ends the process");
            }
            sum
        })
    }
}

/// What happened in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// What was sent with an unpark and has to arrive: tokens where each is waited for, else the messages
    /// that come with them, since two tokens are one.
    pub(crate) sent: u64,
    /// What arrived.
    pub(crate) taken: u64,
    /// Tokens that came when none had been sent.
    pub(crate) doubled: u64,
    /// Parks that ran out of time.
    pub(crate) timeouts: u64,
    /// Those of them that returned before their time.
    pub(crate) early: u64,
    /// Unparks that had a thread to wake.
    pub(crate) wakes: u64,
    /// Parks that found another thread parked.
    pub(crate) busy: u64,
}

impl Counts {
    /// What was sent and never arrived.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.taken)
    }

    /// What of it must not be.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match self {
            _ if self.lost() > 0 => Some("something was lost"),
            _ if self.taken > self.sent || self.doubled > 0 => Some("something was doubled"),
            _ if self.early > 0 => Some("a wait ended early"),
            _ => None,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.taken += other.taken;
        self.doubled += other.doubled;
        self.timeouts += other.timeouts;
        self.early += other.early;
        self.wakes += other.wakes;
        self.busy += other.busy;
    }
}

/// A thread of a scenario.
pub(crate) struct Worker<'a> {
    pub(crate) rng: Rng,
    pub(crate) place: &'a Place,
    pub(crate) watch: &'a Watch,
    pub(crate) counts: Counts,
}

impl Worker<'_> {
    /// Unparks, and counts whether a thread was woken.
    pub(crate) fn unpark(&mut self, parker: &Parker) {
        self.place.set(Doing::Unparking);
        self.counts.wakes += u64::from(parker.unpark());
        self.place.set(Doing::Working);
    }

    /// Parks in a random way until a token has come.
    pub(crate) fn park(&mut self, parker: &Parker) {
        loop {
            let reason = if self.rng.u8(..) < 96 {
                let timeout = self.timeout();
                self.park_timeout(parker, timeout)
            } else {
                self.place.set(Doing::Parking);
                parker.park()
            };
            self.place.set(Doing::Working);
            match reason {
                UnparkReason::Unparked => return,
                UnparkReason::TimedOut => {}
                UnparkReason::Busy => {
                    self.counts.busy += 1;
                    std::thread::yield_now();
                }
            }
        }
    }

    /// Parks with a limit and counts if that was exceeded, or cut short.
    pub(crate) fn park_timeout(&mut self, parker: &Parker, timeout: Duration) -> UnparkReason {
        self.place.set(Doing::ParkingTimed);
        let start = Instant::now();
        let reason = if self.rng.bool() {
            parker.park_timeout(timeout)
        } else {
            parker.park_until(Backend::get().deadline(timeout))
        };
        let elapsed = start.elapsed();
        self.place.set(Doing::Working);
        if reason == UnparkReason::TimedOut {
            self.counts.timeouts += 1;
            self.counts.early += u64::from(elapsed < timeout);
        }
        reason
    }

    /// A random timeout: none at all, or from a fraction of a thread switch to several clock ticks, the short
    /// ones more often.
    pub(crate) fn timeout(&mut self) -> Duration {
        let bits = self.rng.u32(0..=24);
        Duration::from_nanos(self.rng.u64(0..1 << bits))
    }

    /// Does nothing useful for a random while: not at all, for some instructions, or for some switches to
    /// other threads.
    pub(crate) fn dawdle(&mut self) {
        match self.rng.u8(0..8) {
            0..4 => {}
            4..7 => (0..self.rng.u32(0..2000)).for_each(|_| std::hint::spin_loop()),
            _ => (0..self.rng.u32(1..4)).for_each(|_| std::thread::yield_now()),
        }
    }

    /// Looks until `is_so`.
    pub(crate) fn poll(&mut self, is_so: impl Fn() -> bool) {
        self.place.set(Doing::Polling);
        while !is_so() {
            std::thread::yield_now();
        }
        self.place.set(Doing::Working);
    }
}

/// Memory without any protection of its own: if the tokens do not order what is done to it, ThreadSanitizer
/// says so and the numbers in it are wrong.
#[derive(Default)]
pub(crate) struct Bare<T>(UnsafeCell<T>);

// SAFETY: `with` asks that its caller be the only one.
unsafe impl<T: Send> Sync for Bare<T> {}

impl<T> Bare<T> {
    /// Works on what is in it.
    ///
    /// # Safety
    /// No other thread does so at the same time.
    pub(crate) unsafe fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the caller is the only one who uses it.
        work(unsafe { &mut *self.0.get() })
    }

    /// What is in it.
    ///
    /// # Safety
    /// No other thread changes it at the same time.
    pub(crate) unsafe fn get(&self) -> T
    where
        T: Copy,
    {
        // SAFETY: nobody changes it.
        unsafe { *self.0.get() }
    }
}

/// The simplest lock there is, for the few instructions in which a queue is changed. It does not park, so
/// that what is tested does not rest on itself.
#[derive(Default)]
pub(crate) struct SpinLock<T> {
    locked: AtomicBool,
    value: Bare<T>,
}

impl<T> SpinLock<T> {
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        while self.locked.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: the lock is ours.
        let result = unsafe { self.value.with(work) };
        self.locked.store(false, Ordering::Release);
        result
    }
}
