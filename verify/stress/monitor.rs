//! A monitor: a fair lock with timeouts and a condition variable that moves its waiters over to the lock,
//! both made of queues of `ThreadParker`s.
//!
//! The lock is handed on to the first in its queue, so a wake that is lost stops everyone. A waiter of the
//! condition variable gets ready and queues up *before* it unlocks; who notifies it meanwhile moves it to the
//! lock's queue, and then its own unlocking may unpark it: between its two phases.

use crate::watch::Doing;
use crate::worker::{Bare, Counts, Round, SpinLock, Worker};
use ntpark::{Backend, Instant, ThreadParker};
use std::collections::VecDeque;
use std::ptr;
use std::time;

#[derive(Default)]
struct Monitor {
    queues: SpinLock<Queues>,
    /// What the lock protects: how often it was held.
    held: Bare<u64>,
}

#[derive(Default)]
struct Queues {
    locked: bool,
    /// Threads that wait for the lock.
    entry: VecDeque<Waiting>,
    /// Threads that wait to be notified.
    condition: VecDeque<Waiting>,
    /// Threads that will still notify, or might.
    running: usize,
}

/// Which queue a thread put itself in.
#[derive(Clone, Copy)]
enum Queue {
    Entry,
    Condition,
}

/// A thread in a queue.
struct Waiting(*const ThreadParker);

// SAFETY: the parker may be used by any thread, for as long as it is in a queue.
unsafe impl Send for Waiting {}

impl Waiting {
    fn is(&self, parker: &ThreadParker) -> bool {
        ptr::eq(self.0, parker)
    }
}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let threads = rng.usize(2..=12);
    let turns = 1 + round.often(6000) / threads as u64;
    let monitor = Monitor::default();
    monitor.queues.with(|queues| queues.running = threads);

    let mut counts = round.run(threads, |_, worker| {
        for _ in 0..turns {
            monitor.turn(worker);
        }
        monitor.queues.with(|queues| queues.running -= 1);
        // Who still waits to be notified would do so for ever.
        while monitor.queues.with(|queues| !queues.condition.is_empty()) {
            if monitor.lock(worker, None) {
                monitor.notify(worker);
                monitor.unlock(worker);
            }
        }
    });
    // SAFETY: all threads have ended.
    counts.taken += unsafe { monitor.held.with(|held| *held) };
    counts
}

impl Monitor {
    /// Takes the lock, with or without patience, does something with it, and unlocks.
    fn turn(&self, worker: &mut Worker<'_>) {
        let timeout = worker.rng.bool().then(|| worker.timeout());
        if !self.lock(worker, timeout) {
            worker.dawdle();
            return;
        }
        self.hold(worker);
        match worker.rng.u8(0..8) {
            0 => {
                let timeout = worker.rng.bool().then(|| worker.timeout());
                self.wait(worker, timeout);
                self.hold(worker);
            }
            1..4 => self.notify(worker),
            _ => worker.dawdle(),
        }
        self.unlock(worker);
        worker.dawdle();
    }

    /// Counts on both sides that the lock is held: in the worker as sent, in the monitor as taken.
    fn hold(&self, worker: &mut Worker<'_>) {
        worker.counts.sent += 1;
        // SAFETY: this thread has the lock.
        unsafe { self.held.with(|held| *held += 1) };
    }

    /// Takes the lock. False if that was not possible in time.
    fn lock(&self, worker: &mut Worker<'_>, timeout: Option<time::Duration>) -> bool {
        let parker = ThreadParker::new();
        let locked = self.queues.with(|queues| {
            if queues.locked {
                parker.prepare_park();
                queues.entry.push_back(Waiting(&parker));
                return false;
            }
            queues.locked = true;
            true
        });
        locked || {
            worker.dawdle();
            self.park(worker, &parker, timeout, Queue::Entry)
        }
    }

    /// Hands the lock on to the first in the queue, or leaves it open.
    fn unlock(&self, worker: &mut Worker<'_>) {
        let handle = self.queues.with(|queues| {
            let next = queues.entry.pop_front();
            queues.locked = next.is_some();
            // SAFETY: who is in the queue keeps its parker alive until it is taken out and unparked.
            next.map(|next| unsafe { (*next.0).unpark_lock() })
        });
        if let Some(handle) = handle {
            worker.place.set(Doing::Unparking);
            worker.counts.wakes += u64::from(handle.unpark());
            worker.place.set(Doing::Working);
        }
    }

    /// Unlocks, waits to be notified or for the time to be over, and has the lock again afterwards. Whoever
    /// might be the last to run does not wait.
    fn wait(&self, worker: &mut Worker<'_>, timeout: Option<time::Duration>) {
        let parker = ThreadParker::new();
        parker.prepare_park();
        let queued = self.queues.with(|queues| {
            let others = queues.running.saturating_sub(1 + queues.condition.len());
            if others > 0 {
                queues.condition.push_back(Waiting(&parker));
            }
            others > 0
        });
        if !queued {
            return;
        }
        worker.dawdle();
        // If a notifier has moved us to the other queue meanwhile, this may unpark ourselves.
        self.unlock(worker);
        if !self.park(worker, &parker, timeout, Queue::Condition) {
            self.lock(worker, None);
        }
    }

    /// Moves the first who waits to be notified over to the lock's queue, or hands the lock to it, if that is
    /// open. The lock need not be held.
    fn notify(&self, worker: &mut Worker<'_>) {
        let handle = self.queues.with(|queues| {
            let first = queues.condition.pop_front()?;
            if queues.locked {
                queues.entry.push_back(first);
                return None;
            }
            queues.locked = true;
            // SAFETY: as in `unlock`.
            Some(unsafe { (*first.0).unpark_lock() })
        });
        if let Some(handle) = handle {
            worker.place.set(Doing::Unparking);
            worker.counts.wakes += u64::from(handle.unpark());
            worker.place.set(Doing::Working);
        }
    }

    /// Blocks until the lock is handed over. False if the time is over and the thread is out of its queue
    /// again; one that has been moved to the lock's queue waits on there.
    fn park(
        &self,
        worker: &mut Worker<'_>,
        parker: &ThreadParker,
        timeout: Option<time::Duration>,
        kind: Queue,
    ) -> bool {
        let start = time::Instant::now();
        worker.place.set(if timeout.is_some() { Doing::ParkingTimed } else { Doing::Parking });
        let unparked = parker.park_until(timeout.map_or(Instant::MAX, |timeout| Backend::get().deadline(timeout)));
        worker.place.set(Doing::Working);
        if unparked {
            return true;
        }
        worker.counts.timeouts += 1;
        worker.counts.early += u64::from(timeout.is_none_or(|timeout| start.elapsed() < timeout));
        let moved = self.queues.with(|queues| {
            if !parker.timed_out() {
                return None;
            }
            let queue = match kind {
                Queue::Entry => &mut queues.entry,
                Queue::Condition => &mut queues.condition,
            };
            if let Some(index) = queue.iter().position(|waiting| waiting.is(parker)) {
                queue.remove(index);
                return Some(false);
            }
            // In the lock's queue by now: get ready once more, before anybody can unpark us, and stay there.
            parker.prepare_park();
            Some(true)
        });
        match moved {
            None => true,
            Some(false) => false,
            Some(true) => self.park(worker, parker, None, Queue::Entry),
        }
    }
}
