//! An executor for one future at a time on the calling thread. No std, no allocation.
//!
//! Its waker is the parker itself: waking leaves a token, and the thread parks until there is one. Wakers may be cloned
//! and kept for any time, and the clones are not counted, so the parker has to live for ever: a static.

use core::pin::pin;
use core::task::{Context, Poll};
use ntpark::{Instant, Parker};

/// Runs a future to its end.
///
/// Between two polls the thread parks: until it is woken, or until the time that `idle` says. `idle` is asked
/// before each park and may do whatever is due; [`Instant::MAX`] is "wake me when something happens".
pub(crate) fn block_on<F: Future>(parker: &'static Parker, mut idle: impl FnMut() -> Instant, future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = parker.waker();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // A wake that came since, also from within `idle`, has left its token.
        let _ = parker.park_until(idle());
    }
}
