//! Threads that fight for a [`Monitor`].

use super::monitor::Monitor;
use super::random::{Random, dawdle};
use ntpark::{Backend, Instant};
use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

/// How long they fight.
pub(crate) struct Load {
    /// How often each thread does what it does.
    pub(crate) rounds: u64,
    /// The longest timeout.
    pub(crate) longest: Duration,
}

impl Load {
    fn deadline(&self, random: &mut Random) -> Instant {
        Backend::get().deadline(self.longest * random.below(100) as u32 / 100)
    }

    /// Four threads take a lock, half of the time with a timeout, and count under it.
    pub(crate) fn lock(&self) {
        let monitor = Monitor::new(0_u64);
        let counter = |seed| {
            let mut random = Random::new(seed);
            let mut taken = 0;
            for _ in 0..self.rounds {
                let deadline = if random.below(2) == 0 { Instant::MAX } else { self.deadline(&mut random) };
                if let Some(mut locked) = monitor.lock_until(deadline) {
                    taken += 1;
                    let value = locked.value();
                    let before = *value;
                    dawdle(random.below(200));
                    *value = before + 1;
                }
            }
            taken
        };
        let taken: u64 = thread::scope(|scope| {
            let threads = [1, 2, 3, 4].map(|seed| scope.spawn(move || counter(seed)));
            threads.map(|thread| thread.join().expect("it counts")).iter().sum()
        });
        assert_eq!(*monitor.lock().value(), taken, "each that took the lock counted alone");
        assert!(taken >= 4 * self.rounds / 3, "without a timeout, the lock is always taken");
    }

    /// Two threads put numbers into a small buffer, two take them out. All wait on one condition variable, a
    /// fourth of the time with a timeout.
    pub(crate) fn buffer(&self) {
        const CAPACITY: usize = 2;

        #[derive(Default)]
        struct Buffer {
            items: VecDeque<u64>,
            taken: u64,
            sum: u64,
        }

        let monitor = Monitor::new(Buffer::default());
        let total = 2 * self.rounds;
        // Both kinds of notification come with the lock held, and without.
        let change = |random: &mut Random, ready: &dyn Fn(&Buffer) -> bool, then: &dyn Fn(&mut Buffer)| {
            let mut locked = monitor.lock();
            while !ready(locked.value()) {
                let deadline = if random.below(4) == 0 { self.deadline(random) } else { Instant::MAX };
                locked.wait_until(deadline);
            }
            then(locked.value());
            if random.below(2) == 0 {
                locked.notify_all();
            } else {
                drop(locked);
                monitor.notify_all_unlocked();
            }
        };
        let put = |seed| {
            let mut random = Random::new(seed);
            for number in 1..=self.rounds {
                let is_ready = |buffer: &Buffer| buffer.items.len() < CAPACITY;
                change(&mut random, &is_ready, &|buffer| buffer.items.push_back(number));
            }
        };
        let take = |seed| {
            let mut random = Random::new(seed);
            let mut is_done = false;
            while !is_done {
                let is_ready = |buffer: &Buffer| !buffer.items.is_empty() || buffer.taken == total;
                change(&mut random, &is_ready, &|buffer| {
                    if let Some(number) = buffer.items.pop_front() {
                        buffer.taken += 1;
                        buffer.sum += number;
                    }
                });
                is_done = monitor.lock().value().taken == total;
            }
        };
        let (put, take) = (&put, &take);
        thread::scope(|scope| {
            for seed in [1, 2] {
                scope.spawn(move || put(seed));
                scope.spawn(move || take(seed + 2));
            }
        });
        let mut locked = monitor.lock();
        let buffer = locked.value();
        let sum = self.rounds * (self.rounds + 1);
        assert_eq!((buffer.taken, buffer.sum, buffer.items.len()), (total, sum, 0), "all came through, each once");
    }
}
