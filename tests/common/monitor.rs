use ntpark::{Instant, ThreadParker, UnparkHandle};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock and its condition variable, built on [`ThreadParker`] as such things are: a thread that waits
/// queues a parker on its stack, under a small lock that is never held for long, and blocks after releasing
/// that. A notification moves waiters over to the lock's queue instead of waking them, so a waiter that has
/// not yet released the lock may find itself the next in line and unpark itself.
///
/// The lock is handed over: who unlocks with somebody in the queue makes that one the owner.
pub(crate) struct Monitor<T> {
    queues: Mutex<Queues>,
    value: UnsafeCell<T>,
}

#[derive(Default)]
struct Queues {
    locked: bool,
    /// Those who want the lock.
    entering: VecDeque<Parked>,
    /// Those who wait for a notification.
    waiting: VecDeque<Parked>,
}

/// The parker of a thread in a queue. It lives as long as it is in one.
#[derive(Clone, Copy, PartialEq)]
struct Parked(*const ThreadParker);

// SAFETY: a thread parker may be unparked by any thread.
unsafe impl Send for Parked {}

impl Parked {
    fn unpark_lock(self) -> UnparkHandle {
        // SAFETY: it has just been taken out of a queue whose lock is held, and its thread leaves only when unparked,
        // or after finding it in a queue under that lock.
        let parker = unsafe { &*self.0 };
        parker.unpark_lock()
    }
}

// SAFETY: the value is only reached by the thread that has the lock.
unsafe impl<T: Send> Sync for Monitor<T> {}

/// How a wait for a notification ended. The thread has the lock again either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Notified.
    Notified,
    /// The time ran out first.
    TimedOut,
}

impl<T> Monitor<T> {
    /// Unlocked.
    pub(crate) const fn new(value: T) -> Self {
        let queues = Queues { locked: false, entering: VecDeque::new(), waiting: VecDeque::new() };
        Self { queues: Mutex::new(queues), value: UnsafeCell::new(value) }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock.
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        self.lock_until(Instant::MAX).expect("the deadline never comes")
    }

    /// Takes the lock, unless that takes too long.
    pub(crate) fn lock_until(&self, deadline: Instant) -> Option<Locked<'_, T>> {
        let parker = ThreadParker::new();
        {
            let mut queues = self.queues();
            if !queues.locked {
                queues.locked = true;
                return Some(Locked(self));
            }
            parker.prepare_park();
            queues.entering.push_back(Parked(&raw const parker));
        }
        if parker.park_until(deadline) {
            return Some(Locked(self));
        }
        let mut queues = self.queues();
        if !parker.timed_out() {
            // Handed over at the last moment.
            return Some(Locked(self));
        }
        assert!(take_out(&mut queues.entering, &parker), "who has not been unparked is still in the queue");
        None
    }

    fn unlock(&self) {
        let handle = self.queues().hand_over();
        if let Some(handle) = handle {
            handle.unpark();
        }
    }
}

impl Queues {
    /// The lock goes to the next in line, who is unparked, or is free.
    fn hand_over(&mut self) -> Option<UnparkHandle> {
        assert!(self.locked);
        let next = self.entering.pop_front();
        self.locked = next.is_some();
        next.map(Parked::unpark_lock)
    }
}

/// Takes a parker out of a queue; false if it is not in it.
fn take_out(queue: &mut VecDeque<Parked>, parker: &ThreadParker) -> bool {
    let place = queue.iter().position(|parked| ptr::eq(parked.0, parker));
    place.is_some_and(|place| queue.remove(place).is_some())
}

/// The lock, held.
pub(crate) struct Locked<'a, T>(&'a Monitor<T>);

impl<T> Locked<'_, T> {
    /// The value.
    pub(crate) fn value(&mut self) -> &mut T {
        // SAFETY: this thread has the lock, and this borrow of it is the only one.
        unsafe { &mut *self.0.value.get() }
    }

    /// Releases the lock, waits for a notification, but no longer than until `deadline`, and takes the lock
    /// again.
    pub(crate) fn wait_until(&mut self, deadline: Instant) -> Woken {
        let monitor = self.0;
        let parker = ThreadParker::new();
        {
            let mut queues = monitor.queues();
            parker.prepare_park();
            queues.waiting.push_back(Parked(&raw const parker));
        }
        // From here on a notification may move us into the queue of the lock that we hold. Unlocking may then unpark
        // us, before we park.
        monitor.unlock();
        if parker.park_until(deadline) {
            return Woken::Notified;
        }
        let woken = {
            let mut queues = monitor.queues();
            if !parker.timed_out() {
                return Woken::Notified;
            }
            if take_out(&mut queues.waiting, &parker) {
                Woken::TimedOut
            } else {
                assert!(take_out(&mut queues.entering, &parker), "who has not been unparked is in one of the queues");
                Woken::Notified
            }
        };
        std::mem::forget(monitor.lock());
        woken
    }

    /// Moves the thread that has waited longest over to the lock's queue, where it waits for its turn. False
    /// if there is none.
    pub(crate) fn notify_one(&mut self) -> bool {
        let mut queues = self.0.queues();
        let moved = queues.waiting.pop_front();
        queues.entering.extend(moved);
        moved.is_some()
    }

    /// Moves all waiting threads over to the lock's queue.
    pub(crate) fn notify_all(&mut self) {
        let mut queues = self.0.queues();
        let Queues { entering, waiting, .. } = &mut *queues;
        entering.append(waiting);
    }
}

impl<T> Monitor<T> {
    /// Moves all waiting threads over to the lock's queue, without holding the lock. So a thread may be moved
    /// between queueing itself and unlocking.
    pub(crate) fn notify_all_unlocked(&self) {
        let handle = {
            let mut queues = self.queues();
            let Queues { entering, waiting, .. } = &mut *queues;
            entering.append(waiting);
            if queues.locked || queues.entering.is_empty() {
                None
            } else {
                queues.locked = true;
                queues.hand_over()
            }
        };
        if let Some(handle) = handle {
            handle.unpark();
        }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}
