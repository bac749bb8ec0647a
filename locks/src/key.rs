//! The keys under which threads wait for each kind of lock: a late wake, for memory that is something else by now,
//! never reaches another kind.

use crate::sync::lot::Key;

/// What threads wait for.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(crate) enum Kind {
    Mutex = 0xFF00,
    RwLock,
    /// A writer that has claimed an [`RwLock`](Self::RwLock) waits for its readers.
    Readers,
    Condvar,
    Once,
    Semaphore,
    Barrier,
    Event,
}

/// The key of a lock, which may be gone.
pub(crate) fn key<T>(kind: Kind, lock: *const T) -> Key {
    Key::in_space(kind as u16, lock.addr())
}
