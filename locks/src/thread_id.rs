//! Who the calling thread is.

use core::num::NonZeroUsize;
use ntpark::Backend;

/// The calling thread's number, for [`ReentrantMutex`](crate::ReentrantMutex) and
/// [`CheckedMutex`](crate::CheckedMutex): [`Backend::current_thread`].
///
/// # Panics
/// If the backend has none: there is neither NT nor a host.
pub(crate) fn current_thread() -> NonZeroUsize {
    Backend::get().current_thread().expect("this system does not tell threads apart")
}

/// Tells threads apart, as `lock_api`'s reentrant mutex needs it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentThread;

// SAFETY: a thread's number is unique among live threads, and it stays the same.
unsafe impl lock_api::GetThreadId for CurrentThread {
    #[allow(clippy::declare_interior_mutable_const, reason = "it has no fields")]
    const INIT: Self = Self;

    #[inline]
    fn nonzero_thread_id(&self) -> NonZeroUsize {
        current_thread()
    }
}
