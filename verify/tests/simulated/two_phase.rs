//! The two-phase protocol in orders that it is not made for: all are safe, and a second thread is refused.

use crate::Watchdog;
use crate::backend::BackendKind;
use crate::nt::{Call, Class, Nt, Point};
use crate::parker::UnparkReason;
use crate::platform::{boot, on_all};
use crate::thread_parker::{ThreadParker, UnparkHandle};
use crate::time::Instant;
use fastrand::Rng;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::thread;

#[test]
fn a_second_waiter_is_refused_until_the_first_has_left() {
    let _watchdog = Watchdog::new();
    on_all(|nt, _, wait| {
        let parker = ThreadParker::new();
        parker.prepare_park();
        thread::scope(|scope| {
            let first = nt.spawn(scope, || parker.try_park_until(Instant::MAX));
            nt.await_blocked(wait, 1);
            assert!(!parker.try_prepare_park(), "a thread is parked");
            let handle = parker.unpark_lock();
            // The thread has been unparked and is still there.
            assert!(!parker.try_prepare_park());
            parker.prepare_park();
            assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Busy);
            assert!(!parker.timed_out());
            assert!(!parker.unpark_lock().unpark(), "one wake is enough");
            assert!(handle.unpark());
            assert_eq!(first.join().expect("a park does not panic"), UnparkReason::Unparked);
        });
        assert_eq!(nt.requests(wait).len(), 1);
        assert!(parker.try_prepare_park(), "the first has left");
        assert_eq!(parker.try_park_until(Instant::MIN), UnparkReason::TimedOut);
    });
}

/// A place for a parker that becomes somebody else's memory.
struct Place(Box<MaybeUninit<ThreadParker>>);

impl Place {
    const OTHERS: [usize; 2] = [7, 7];

    fn new() -> Self {
        Self(Box::new(MaybeUninit::new(ThreadParker::new())))
    }

    fn parker(&self) -> &ThreadParker {
        // SAFETY: it is one until `reuse`, which needs the place for itself.
        unsafe { self.0.assume_init_ref() }
    }

    fn reuse(&mut self) {
        // SAFETY: a parker is two words.
        unsafe { ptr::from_mut(&mut *self.0).cast::<[usize; 2]>().write(Self::OTHERS) };
    }

    fn is_untouched(&self) -> bool {
        // SAFETY: `reuse` has written it.
        let words = unsafe { ptr::from_ref(&*self.0).cast::<[usize; 2]>().read_volatile() };
        words == Self::OTHERS
    }
}

/// The kernels of the XP class, where a waker touches the word after it has woken.
fn on_guarded_kernels(test: impl Fn(&Nt)) {
    for class in [Class::Xp, Class::ReactOs] {
        test(&boot(class, BackendKind::KeyedEvent));
    }
}

#[test]
fn a_second_handle_touches_no_parker_that_is_gone() {
    let _watchdog = Watchdog::new();
    on_guarded_kernels(|nt| {
        let mut place = Place::new();
        let parker = place.parker();
        let second = thread::scope(|scope| {
            nt.spawn(scope, || {
                parker.prepare_park();
                parker.park();
            });
            nt.await_blocked(Call::Wait, 1);
            let first = parker.unpark_lock();
            // Another thread, in the wrong order: were it let in, the second handle would be its.
            let intruder = nt.spawn(scope, || {
                parker.prepare_park();
                parker.try_park_until(parker.backend().deadline(std::time::Duration::from_millis(400)))
            });
            assert_eq!(intruder.join().expect("a park does not panic"), UnparkReason::Busy);
            let second = parker.unpark_lock();
            assert!(first.unpark());
            second
        });
        // Both threads have returned, so every borrow of the parker is over.
        place.reuse();
        nt.end_process();
        assert!(!second.unpark());
        assert!(place.is_untouched());
    });
}

#[test]
fn a_waker_that_the_end_of_the_process_overtakes_touches_nothing() {
    let _watchdog = Watchdog::new();
    on_guarded_kernels(|nt| {
        let mut place = Place::new();
        let parker = place.parker();
        parker.prepare_park();
        let handle = thread::scope(|scope| {
            let waiter = nt.spawn(scope, || parker.park_until(Instant::MAX));
            nt.await_blocked(Call::Wait, 1);
            let handle = parker.unpark_lock();
            nt.end_process();
            // A thread that outlives the end, as no other does.
            nt.interrupt(Call::Wait, crate::sys::STATUS_TIMEOUT);
            assert!(waiter.join().expect("a park does not panic"));
            handle
        });
        place.reuse();
        assert!(handle.unpark());
        assert!(place.is_untouched());
    });
}

/// Threads make calls in any order. Once they have returned, the parker goes, and then the handles are used.
#[test]
fn handles_in_any_order_touch_no_parker_that_is_gone() {
    let _watchdog = Watchdog::new();
    for seed in 0..if cfg!(miri) { 2 } else { 100 } {
        on_guarded_kernels(|nt| {
            let mut place = Place::new();
            let parker = place.parker();
            let handles = Mutex::new(Vec::<UnparkHandle>::new());
            thread::scope(|scope| {
                let threads = [0, 1, 2].map(|index| {
                    let handles = &handles;
                    nt.spawn(scope, move || {
                        let mut random = Rng::with_seed(seed * 3 + index);
                        for _ in 0..8 {
                            match random.u32(0..6) {
                                0 | 1 => parker.prepare_park(),
                                2 => {
                                    let span = std::time::Duration::from_micros(random.u64(0..2_000));
                                    let _ = parker.try_park_until(parker.backend().deadline(span));
                                }
                                3 | 4 => handles.lock().expect("no panic").push(parker.unpark_lock()),
                                _ => {
                                    let handle = handles.lock().expect("no panic").pop();
                                    handle.map(UnparkHandle::unpark);
                                }
                            }
                        }
                    })
                });
                // Handles that nobody uses keep their waiters, until the process ends.
                let mut rounds = 0;
                while threads.iter().any(|thread| !thread.is_finished()) {
                    rounds += 1;
                    if rounds == 200 {
                        nt.end_process();
                    }
                    nt.advance_to_next_timeout();
                    if rounds > 200 {
                        nt.interrupt(Call::Release, crate::sys::STATUS_TIMEOUT);
                    }
                    thread::yield_now();
                }
            });
            nt.end_process();
            place.reuse();
            for handle in handles.into_inner().expect("no panic") {
                handle.unpark();
                assert!(place.is_untouched(), "seed {seed}");
            }
        });
    }
}

#[test]
fn an_acknowledgement_is_yielded_for_and_then_slept_for() {
    let _watchdog = Watchdog::new();
    on_guarded_kernels(|nt| {
        let parker = ThreadParker::new();
        parker.prepare_park();
        thread::scope(|scope| {
            let waiter = nt.spawn(scope, || parker.park());
            nt.await_blocked(Call::Wait, 1);
            // A waker of a low priority: it does not run again after it has met its waiter.
            nt.hold(Point::Released);
            nt.spawn(scope, || parker.unpark_lock().unpark());
            nt.await_held(Point::Released, 1);
            nt.await_naps(5);
            assert!(!waiter.is_finished());
            assert_eq!(nt.yields(), 16, "a few times, and then it lets lower priorities run");
            nt.let_go(Point::Released);
        });
    });
}
