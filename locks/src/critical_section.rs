//! The implementation of the crate `critical-section`: one mutex for the program, which a thread may lock repeatedly.

use crate::checked::RawCheckedMutex;
use critical_section::{Impl, RawRestoreState};

struct CriticalSection;
critical_section::set_impl!(CriticalSection);

static MUTEX: RawCheckedMutex = RawCheckedMutex::new();

// SAFETY: between `acquire` and `release` of the outermost section, its thread has the mutex.
unsafe impl Impl for CriticalSection {
    /// Whether this section lies in another one of its thread.
    unsafe fn acquire() -> RawRestoreState {
        let is_nested = MUTEX.is_owned_by_current_thread();
        if !is_nested {
            MUTEX.lock();
        }
        is_nested
    }

    unsafe fn release(is_nested: RawRestoreState) {
        if !is_nested {
            // SAFETY: locked by `acquire`.
            unsafe { MUTEX.unlock() };
        }
    }
}
