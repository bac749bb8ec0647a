//! What the tests run on: each backend, on each class of kernels that has it.

use crate::backend::{Backend, BackendKind};
use crate::nt::{Call, Class, Nt, Point};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use std::thread;

/// The kernels and kinds of keyed events; the first two differ the most.
const KEYED_EVENTS: [(Class, BackendKind); 5] = [
    (Class::Vista, BackendKind::KeyedEventNull),
    (Class::Xp, BackendKind::KeyedEvent),
    (Class::Vista, BackendKind::KeyedEvent),
    (Class::ReactOs, BackendKind::KeyedEventNull),
    (Class::ReactOs, BackendKind::KeyedEvent),
];

/// Starts a system whose process has chosen this kind.
pub(crate) fn boot(class: Class, kind: BackendKind) -> Nt {
    let nt = Nt::boot(class);
    assert_eq!(Backend::force(kind), Ok(()));
    assert_eq!(Backend::get().kind(), kind);
    // The choice has asked for the null handle.
    nt.forget_requests();
    nt
}

/// Runs a test on keyed events of every kind. It is given the process's backend.
pub(crate) fn on_keyed_events(test: impl Fn(&Nt, &'static Backend)) {
    // Miri takes some thousand times as long.
    for (class, kind) in KEYED_EVENTS.into_iter().take(if cfg!(miri) { 2 } else { KEYED_EVENTS.len() }) {
        let nt = boot(class, kind);
        test(&nt, nt.chosen());
    }
}

/// Runs a test on each kind that blocks in the kernel; it is told in which call.
pub(crate) fn on_all(test: impl Fn(&Nt, &'static Backend, Call)) {
    on_keyed_events(|nt, backend| test(nt, backend, Call::Wait));
    let nt = boot(Class::Vista, BackendKind::WaitAddress);
    test(&nt, nt.chosen(), Call::WaitOnAddress);
}

pub(crate) fn is_guarded(backend: &Backend) -> bool {
    matches!(backend, Backend::KeyedEvent(keyed_event) if keyed_event.is_guarded())
}

/// Lets a thread wait until `deadline` while something else goes on. True if it was unparked.
pub(crate) fn wait_while(
    nt: &Nt,
    backend: &'static Backend,
    deadline: Instant,
    meanwhile: impl FnOnce(&ThreadParker),
) -> bool {
    let parker = ThreadParker::with_backend(backend);
    parker.prepare_park();
    thread::scope(|scope| {
        let waiter = nt.spawn(scope, || parker.park_until(deadline));
        meanwhile(&parker);
        waiter.join().expect("a wait does not panic")
    })
}

/// As [`wait_while`], with a deadline that does not come.
pub(crate) fn wait_for_ever_while(nt: &Nt, backend: &'static Backend, meanwhile: impl FnOnce(&ThreadParker)) {
    assert!(wait_while(nt, backend, Instant::MAX, meanwhile), "nothing but an unpark ends it");
}

/// Lets time go by, from one timeout to the next, until a wait is over. True if it was unparked.
pub(crate) fn wait_from_timeout_to_timeout(nt: &Nt, backend: &'static Backend, deadline: Instant) -> bool {
    let parker = ThreadParker::with_backend(backend);
    parker.prepare_park();
    thread::scope(|scope| {
        let waiter = nt.spawn(scope, || parker.park_until(deadline));
        while !waiter.is_finished() {
            if !nt.advance_to_next_timeout() {
                thread::yield_now();
            }
        }
        waiter.join().expect("a wait does not panic")
    })
}

/// Calls `work` on a thread that is stopped on its way into waking; `meanwhile` goes on then.
pub(crate) fn hold_a_wake(nt: &Nt, work: impl FnOnce() -> bool + Send, meanwhile: impl FnOnce()) {
    nt.hold(Point::Waking);
    thread::scope(|scope| {
        let waker = nt.spawn(scope, work);
        nt.await_held(Point::Waking, 1);
        meanwhile();
        nt.let_go(Point::Waking);
        assert!(waker.join().expect("a wake does not panic"), "it has woken a thread");
    });
}
