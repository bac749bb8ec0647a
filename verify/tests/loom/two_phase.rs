//! The two-phase protocol, in a queue of one place.

use crate::backend::Backend;
use crate::freed::Freed;
use crate::nt::{self, System};
use crate::parker::UnparkReason;
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use crate::{explore, on_every_platform};
use core::ptr;
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::process::Command;

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
    on_every_platform(name, 5, move |_| {
        let shared = Shared::new(ThreadParker::new());
        shared.enqueue();
        let notifier = Shared::notified_later(&shared);
        between(&shared);
        assert_eq!(shared.parker.try_park_until(Instant::MAX), UnparkReason::Unparked);
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
    on_every_platform("timeout of a notice", 3, |_| {
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
fn no_lock_is_needed_to_see_what_came_before_a_notice() {
    on_every_platform("without a lock", 3, |_| {
        let shared = Shared::new(ThreadParker::new());
        shared.parker.prepare_park();
        let notifier = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                // SAFETY: nobody reads before the notice; loom checks.
                shared.data.with_mut(|data| unsafe { *data += 1 });
                shared.parker.unpark_lock().unpark();
            }
        });
        let clock = thread::spawn(|| nt::advance(LATER));
        if shared.parker.park_until(DEADLINE) || !shared.parker.timed_out() {
            shared.assert_notified(1);
            shared.parker.free();
        }
        notifier.join().expect("no panic");
        clock.join().expect("no panic");
    });
}

#[test]
fn a_waiter_that_has_timed_out_may_prepare_again() {
    on_every_platform("prepared again", 2, |_| {
        let shared = Shared::new(ThreadParker::new());
        shared.enqueue();
        let clock = thread::spawn(|| nt::advance(LATER));
        assert!(!shared.parker.park_until(DEADLINE), "nobody unparks yet");
        clock.join().expect("no panic");
        assert!(shared.parker.timed_out());
        let notifier = Shared::notified_later(&shared);
        // Under the lock, as it is still in the queue; or it has been unparked meanwhile.
        let queued = shared.queued.lock().expect("no panic");
        assert_eq!(shared.parker.timed_out(), *queued);
        if *queued {
            assert!(shared.parker.try_prepare_park());
            drop(queued);
            assert_eq!(shared.parker.try_park_until(Instant::MAX), UnparkReason::Unparked);
        }
        shared.assert_notified(1);
        shared.parker.free();
        notifier.join().expect("no panic");
    });
}

#[test]
fn a_parker_of_a_backend_of_its_own_waits_and_is_woken_there() {
    on_every_platform("own backend", 3, |_| {
        let shared = Shared::new(ThreadParker::with_backend(&nt::OWN_HOST));
        shared.enqueue();
        let notifier = Shared::notified_later(&shared);
        shared.parker.park();
        shared.assert_notified(1);
        shared.parker.free();
        notifier.join().expect("no panic");
    });
}

#[test]
fn a_late_wake_does_not_disturb_the_next_round() {
    on_every_platform("two rounds", 3, |_| {
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

#[test]
fn a_second_waiter_is_refused_until_the_first_has_left() {
    on_every_platform("second waiter", 3, |platform| {
        let parker = Arc::new(ThreadParker::new());
        parker.prepare_park();
        let second = thread::spawn({
            let parker = Arc::clone(&parker);
            move || {
                if !nt::is_blocked_at(ptr::from_ref(&*parker)) {
                    parker.unpark_lock().unpark();
                    return;
                }
                assert!(!parker.try_prepare_park(), "the first is parked");
                assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Busy);
                let handle = parker.unpark_lock();
                // Nobody but the first is or has been prepared.
                assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Busy);
                if parker.try_prepare_park() {
                    assert!(!platform.is_rendezvous(), "the first cannot leave before its wake");
                    // Its own unpark, and not that of the first.
                    assert!(!parker.unpark_lock().unpark());
                    assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Unparked);
                }
                assert!(handle.unpark());
            }
        });
        parker.park();
        second.join().expect("no panic");
        assert!(parker.try_prepare_park(), "both have left");
    });
}

#[test]
fn a_late_handle_touches_no_parker_that_is_gone() {
    on_every_platform("late handle", 2, |platform| {
        let parker = Arc::new(Freed::new(ThreadParker::new()));
        parker.prepare_park();
        let first = thread::spawn({
            let parker = Arc::clone(&parker);
            move || parker.park()
        });
        if !nt::is_blocked_at(ptr::from_ref::<ThreadParker>(&parker)) {
            parker.unpark_lock().unpark();
            return first.join().expect("no panic");
        }
        let first_handle = parker.unpark_lock();
        let second = thread::spawn({
            let parker = Arc::clone(&parker);
            move || {
                if parker.try_prepare_park() {
                    let _ = parker.park_until(DEADLINE);
                }
            }
        });
        let second_handle = parker.unpark_lock();
        assert!(first_handle.unpark());
        first.join().expect("no panic");
        nt::advance(LATER);
        second.join().expect("no panic");
        // Nobody waits, so the parker may go.
        parker.free();
        let has_woken = second_handle.unpark();
        assert!(!(has_woken && platform.is_rendezvous()), "nobody can have been waiting who has left by now");
        parker.assert_untouched();
    });
}

/// Says that [`without_the_guard_a_waiter_hangs`] runs in a process of its own.
const ALONE: &str = "NTPARK_LOOM_WITHOUT_GUARD";

#[test]
fn without_the_guard_a_waiter_hangs() {
    if std::env::var_os(ALONE).is_some() {
        nt::boot(System::Mistaken);
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
    let name = "two_phase::without_the_guard_a_waiter_hangs";
    let this = std::env::current_exe().expect("the system knows");
    let output = Command::new(this).args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("deadlock"), "{errors}");
}
