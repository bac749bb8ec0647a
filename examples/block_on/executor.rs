//! An executor for one future at a time on the calling thread. No std, no allocation.
//!
//! Its waker is a parker's address: waking leaves a token, and the thread parks until there is one. A waker
//! may be cloned and kept for as long as anybody likes, and nothing here counts the clones, so the parker has
//! to be there for ever: a static.

use core::pin::pin;
use core::ptr;
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use ntpark::{Instant, Parker};

/// Runs a future to its end.
///
/// Between two polls the thread parks: until it is woken, or until the time that `idle` says. `idle` is asked
/// before each park and may do whatever is due; [`Instant::MAX`] is "wake me when something happens".
pub(crate) fn block_on<F: Future>(parker: &'static Parker, mut idle: impl FnMut() -> Instant, future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = waker(parker);
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // A wake that came since, also from within `idle`, has left its token.
        let _ = parker.park_until(idle());
    }
}

/// A waker that leaves a token in the parker.
pub(crate) fn waker(parker: &'static Parker) -> Waker {
    // SAFETY: the functions of the table keep the contract of `RawWaker`: they may be called on any thread, and
    // the parker that they are given is there for ever.
    unsafe { Waker::from_raw(raw_waker(ptr::from_ref(parker).cast())) }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(raw_waker, wake, wake, forget);

const fn raw_waker(parker: *const ()) -> RawWaker {
    RawWaker::new(parker, &TABLE)
}

fn wake(parker: *const ()) {
    // SAFETY: the address of a static parker (see `waker`).
    let parker = unsafe { &*parker.cast::<Parker>() };
    parker.unpark();
}

fn forget(_: *const ()) {}
