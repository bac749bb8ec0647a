//! Callbacks that unwind: no lock stays locked, no thread is lost, and nothing is done by halves.

use crate::lot::{
    DEFAULT_PARK_TOKEN, FilterOp, ParkResult, RequeueOp, UnparkToken, park, unpark_all, unpark_filter, unpark_n,
    unpark_one, unpark_requeue,
};
use crate::time::Instant;
use crate::{A, C, explore, spawn};
use shuttle::thread::{self, JoinHandle};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

const TOKEN: UnparkToken = UnparkToken(7);

/// Unwinds, past the harness's hook.
fn unwind() -> ! {
    resume_unwind(Box::new(()))
}

/// Calls what unwinds.
fn catch<T>(work: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "it unwinds");
}

/// A thread that waits until it is woken. It waits when this returns.
fn waiter() -> JoinHandle<ParkResult> {
    let queued = Arc::new(AtomicUsize::new(0));
    let thread = spawn({
        let queued = Arc::clone(&queued);
        let before_sleep = move || queued.store(1, Relaxed);
        // SAFETY: the callbacks call nothing of the lot's, and the key is the test's; and so below.
        || unsafe { park(A, || true, before_sleep, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) }
    });
    while queued.load(Relaxed) == 0 {
        thread::yield_now();
    }
    thread
}

/// Something unwinds beside a thread that waits, which is then woken.
fn beside_a_waiter(name: &str, unwinding: fn()) {
    explore(name, 1, move || {
        let thread = waiter();
        catch(unwinding);
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_all(A, TOKEN) }, 1, "nobody else waits, and the one still does");
        assert_eq!(thread.join().expect("no panic"), ParkResult::Unparked(TOKEN));
    });
}

#[test]
fn a_validation_may_unwind() {
    // SAFETY: as above; and so below.
    beside_a_waiter("validate unwinds", || unsafe {
        park(A, || unwind(), || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX);
    });
}

#[test]
fn what_comes_before_sleep_may_unwind() {
    // SAFETY: as above.
    beside_a_waiter("before_sleep unwinds", || unsafe {
        park(A, || true, || unwind(), |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX);
    });
}

#[test]
fn what_is_done_out_of_time_may_unwind() {
    // SAFETY: as above.
    beside_a_waiter("timed_out unwinds", || unsafe {
        park(A, || true, || {}, |_, _| unwind(), DEFAULT_PARK_TOKEN, Instant::MIN);
    });
}

#[test]
fn a_filter_may_unwind() {
    // SAFETY: as above.
    beside_a_waiter("filter unwinds", || unsafe {
        unpark_filter(A, |_| unwind(), |_| TOKEN);
    });
}

#[test]
fn an_unparks_callback_may_unwind() {
    // SAFETY: as above.
    beside_a_waiter("callback unwinds", || unsafe {
        unpark_one(A, |_| unwind());
    });
}

#[test]
fn a_requeues_callbacks_may_unwind() {
    // SAFETY: as above.
    beside_a_waiter("validate of a requeue unwinds", || unsafe {
        unpark_requeue(A, C, || unwind(), |_, _| TOKEN);
    });
    // SAFETY: as above.
    beside_a_waiter("callback of a requeue unwinds", || unsafe {
        unpark_requeue(A, C, || RequeueOp::UnparkOneRequeueRest, |_, _| unwind());
    });
}

#[test]
fn a_wake_that_met_what_unwinds_counts() {
    explore("wake against before_sleep that unwinds", 4, || {
        let unwound = spawn(|| {
            // SAFETY: as above; and so below.
            catch(|| unsafe { park(A, || true, || unwind(), |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) });
        });
        // SAFETY: as above.
        assert!(unsafe { unpark_all(A, TOKEN) } <= 1);
        unwound.join().expect("no panic");
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_all(A, TOKEN) }, 0);
    });
}

#[test]
fn what_a_wake_chose_that_unwound_is_forgotten() {
    explore("chosen twice", 0, || {
        let threads = [waiter(), waiter(), waiter()];
        // SAFETY: as above; and so below.
        catch(|| unsafe { unpark_filter(A, |_| FilterOp::Unpark, |_| unwind()) });
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(A, 1, TOKEN) }, 1);
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(A, 3, TOKEN) }, 2, "the others wait on");
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), ParkResult::Unparked(TOKEN));
        }
    });
    explore("chosen, and then skipped", 1, || {
        let threads = [waiter(), waiter()];
        // SAFETY: as above; and so below.
        catch(|| unsafe { unpark_filter(A, |_| FilterOp::Unpark, |_| unwind()) });
        let mut ops = [FilterOp::Skip, FilterOp::Unpark].into_iter();
        let second = UnparkToken(2);
        // SAFETY: as above.
        let result = unsafe { unpark_filter(A, |_| ops.next().expect("two wait"), |_| second) };
        assert_eq!((result.unparked_threads, result.have_more_threads), (1, true));
        // SAFETY: as above.
        assert_eq!(unsafe { unpark_n(A, 2, TOKEN) }, 1);
        let results = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(results, [TOKEN, second].map(ParkResult::Unparked), "the first was skipped");
    });
}
