//! Functions of the embedder: compare and block, on a kernel that need not be NT.

use super::Waited;
use super::last_error::LastError;
use crate::state::{PARKED, Word};
use crate::time::{Instant, Remaining};
use core::ffi::c_void;

/// What a kernel has to provide to be parked on. Plain words, the same in C.
///
/// See [`Host::new`] for what each function must do. A static `Host` can be made the process's backend with
/// [`Backend::install`](super::Backend::install), or that of single parkers with
/// [`ThreadParker::with_backend`](crate::ThreadParker::with_backend).
///
/// **Layout.** The arguments of `new`, in this order, as in C's `ntpark_host`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Host {
    context: *mut c_void,
    wait: HostWait,
    wake: HostWake,
    now: HostNow,
    thread_yield: HostYield,
    spin: u32,
}

/// Blocks the calling thread while the word at `word` is `expected`, for at most `timeout` units of 100 ns;
/// `u64::MAX` is for ever.
///
/// It may return at any time and for any reason. The comparison and going to sleep must be one step in the
/// eyes of [`HostWake`]: a wake that comes after the comparison must find the thread asleep or keep it from
/// falling asleep. The word is an atomic `usize` that others write; of it, only the low 32 bits are ever
/// used, so comparing those is enough.
pub type HostWait = unsafe extern "C" fn(context: *mut c_void, word: *const usize, expected: usize, timeout: u64);
/// Wakes the thread that waits at `word`, if one does. Must not read the word: it may be gone.
pub type HostWake = unsafe extern "C" fn(context: *mut c_void, word: *const usize);
/// The time in units of 100 ns, rounded down. Never goes backwards, and stands still while timed waits do.
pub type HostNow = unsafe extern "C" fn(context: *mut c_void) -> u64;
/// Gives way to another thread that is ready to run.
pub type HostYield = unsafe extern "C" fn(context: *mut c_void);

// SAFETY: `new` was promised that everything in it may be used on any thread.
unsafe impl Send for Host {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Host {}

impl Host {
    /// A kernel of these functions. Each is given `context`, which may be null. `spin` is how often a thread
    /// may look at its word before it blocks: 0 where there is one processor.
    ///
    /// # Safety
    /// The functions do what their types' documentation says, may be called by any thread that uses parkers,
    /// at the same time as each other, and never unwind. `context` stays valid for them as long as any
    /// parker of this host is used.
    #[must_use]
    pub const unsafe fn new(
        context: *mut c_void,
        wait: HostWait,
        wake: HostWake,
        now: HostNow,
        thread_yield: HostYield,
        spin: u32,
    ) -> Self {
        Self { context, wait, wake, now, thread_yield, spin }
    }

    /// How often a thread may look at its word before it blocks.
    pub(super) const fn spin(&self) -> u32 {
        self.spin
    }

    /// The host's clock tells units that have begun: it may be one later.
    pub(super) fn now(&self) -> Instant {
        Instant::from_ticks(self.reading().saturating_add(1))
    }

    fn reading(&self) -> u64 {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`.
        unsafe { (self.now)(self.context) }
    }

    pub(super) fn thread_yield(&self) {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`.
        unsafe { (self.thread_yield)(self.context) };
    }

    pub(super) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        let timeout = match Remaining::until(deadline, || self.reading()) {
            Remaining::Passed => return Waited::Expired,
            Remaining::Units(units) => units,
            Remaining::Forever => u64::MAX,
        };
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`; the word is alive while the call runs.
        unsafe { (self.wait)(self.context, word.address(), PARKED, timeout) };
        Waited::Woken
    }

    pub(super) fn wake(&self, word: *const Word) {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`; the host does not read the word, so that may be gone.
        unsafe { (self.wake)(self.context, word.cast()) };
    }
}
