//! The two-phase protocol, in a queue of one place.

use super::nt::{self, System};
use super::{Freed, explore, on_every_platform};
use crate::{Backend, Instant, ThreadParker};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::boxed::Box;
use std::process::Command;
use std::string::String;

const DEADLINE: Instant = Instant::from_ticks(50_000);
const LATER: u64 = 60_000;

/// A queue, its lock, and what happened before the notice.
struct Shared {
    parker: Freed<ThreadParker>,
    queued: Mutex<bool>,
    data: UnsafeCell<u32>,
}

impl Shared {
    fn new(parker: ThreadParker) -> Arc<Self> {
        Arc::new(Self { parker: Freed::new(parker), queued: Mutex::new(false), data: UnsafeCell::new(0) })
    }

    /// The first phase.
    fn enqueue(&self) {
        self.parker.prepare_park();
        *self.queued.lock().expect("no panic") = true;
    }

    /// Takes the waiter out of the queue, if it is still there, and unparks it.
    fn notify(&self) {
        let handle = {
            let mut queued = self.queued.lock().expect("no panic");
            if !*queued {
                return;
            }
            *queued = false;
            // SAFETY: one thread takes it out of the queue, and the waiter does not read before; loom checks.
            self.data.with_mut(|data| unsafe { *data += 1 });
            self.parker.unpark_lock()
        };
        handle.unpark();
    }

    fn notified_later(shared: &Arc<Self>) -> thread::JoinHandle<()> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.notify())
    }

    /// What there is after that many notices.
    fn assert_notified(&self, times: u32) {
        // SAFETY: written before the notice; loom checks.
        assert_eq!(self.data.with(|data| unsafe { *data }), times);
    }

    /// Waits until a deadline that may come.
    fn wait(&self) {
        if self.parker.park_until(DEADLINE) {
            self.assert_notified(1);
        } else {
            let mut queued = self.queued.lock().expect("no panic");
            let timed_out = self.parker.timed_out();
            assert_eq!(timed_out, *queued);
            *queued = false;
            drop(queued);
            self.assert_notified(u32::from(!timed_out));
        }
        self.parker.free();
    }
}

/// One round, with something between the two phases.
fn one_round(name: &str, between: fn(&Shared)) {
    on_every_platform(name, 5, move || {
        let shared = Shared::new(ThreadParker::new());
        shared.enqueue();
        let notifier = Shared::notified_later(&shared);
        between(&shared);
        shared.parker.park();
        shared.assert_notified(1);
        shared.parker.free();
        notifier.join().expect("no panic");
    });
}

#[test]
fn a_notice_arrives_with_its_data_and_the_parker_may_go() {
    one_round("notice", |_| {});
}

#[test]
fn a_thread_may_unpark_itself_before_it_parks() {
    one_round("unparks itself", |shared| shared.notify());
}

#[test]
fn a_timeout_loses_no_notice() {
    on_every_platform("timeout of a notice", 3, || {
        let shared = Shared::new(ThreadParker::new());
        shared.enqueue();
        let notifier = Shared::notified_later(&shared);
        let clock = thread::spawn(|| nt::advance(LATER));
        shared.wait();
        notifier.join().expect("no panic");
        clock.join().expect("no panic");
    });
}

#[test]
fn a_late_wake_does_not_disturb_the_next_round() {
    on_every_platform("two rounds", 3, || {
        let shared = Shared::new(ThreadParker::new());
        shared.enqueue();
        let first = Shared::notified_later(&shared);
        shared.parker.park();
        shared.assert_notified(1);
        shared.enqueue();
        let second = Shared::notified_later(&shared);
        shared.parker.park();
        shared.assert_notified(2);
        first.join().expect("no panic");
        second.join().expect("no panic");
    });
}

/// Says that [`without_the_guard_a_waiter_hangs`] runs in a process of its own.
const ALONE: &str = "NTPARK_LOOM_WITHOUT_GUARD";

#[test]
fn without_the_guard_a_waiter_hangs() {
    if std::env::var_os(ALONE).is_some() {
        let backend: &'static Backend = Box::leak(Box::new(nt::without_guard()));
        explore(System::Mistaken, 3, move || {
            let shared = Shared::new(ThreadParker::with_backend(backend));
            shared.enqueue();
            let notifier = Shared::notified_later(&shared);
            let clock = thread::spawn(|| nt::advance(LATER));
            shared.wait();
            notifier.join().expect("no panic");
            clock.join().expect("no panic");
        });
        return;
    }
    // loom panics in the middle of a system call, which ends the process.
    let name = "loom_tests::two_phase::without_the_guard_a_waiter_hangs";
    let this = std::env::current_exe().expect("the system knows");
    let output = Command::new(this).args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("deadlock"), "{errors}");
}
