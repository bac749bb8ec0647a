//! Keyed events: a rendezvous. Since Windows XP.
//!
//! The key is the word's address. Waiter and waker meet in the kernel: the first to arrive waits for the other. The
//! kernel does not look at the word.
//!
//! # A timeout that crosses an unpark
//! ```text
//! T1 (waits)                              T2 (unparks)
//! wait ends with STATUS_TIMEOUT
//!                                         PARKED=>NOTIFIED
//!                                         release: blocks, nobody waits
//! cancel_wait fails: not PARKED
//! receives: waits once more, without limit
//!                                         release returns
//! ```
//! Without the second wait T2 blocks for ever, or wakes the next thread that waits there, for nothing.
//!
//! # XP, 2003, ReactOS: a release may be hidden by a timeout
//! There, a wait may end with `STATUS_TIMEOUT` although the release has met it and has returned `STATUS_SUCCESS`. The
//! second wait would then wait for a release that has already returned. On such a kernel ("guarded") the waker
//! therefore sets RELEASED in the word once its release has returned, and the waiter leaves only when it sees that,
//! however its waits ended. So the word outlives that last access, nothing is counted elsewhere, and an unpark costs
//! nothing on any kernel as long as nobody waits. A timed *release* has the mirror image of the flaw, so there it has
//! no time limit.
//!
//! # The end of the process
//! Its killed waiters and wakers never come. So both sides stop once the process is ending, which is asked before a
//! release and then about once a second; see the [`process`](super::process) module. A waker that stops does not
//! touch the word.
//!
//! # Failures
//! With an even key and a good handle, neither call fails. If both fail, as when other code has closed the handle,
//! the waiter falls back to periodic polling, and the waker gives up after a few tries. If the handle is closed while
//! a thread blocks on it already, only that thread's deadline can end its wait.

use super::BackendKind;
use super::process::Process;
use super::rendezvous::Phase;
use crate::state::Word;
use crate::sys::loader::{Module, NTDLL, Nt, VISTA};
use crate::sys::ntdll::{KeyedEventAccess, NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent};
use crate::sys::thread::{nap, thread_yield};
use crate::sys::{FALSE, HANDLE, STATUS_SUCCESS, STATUS_TIMEOUT, is_error};
use crate::time::{Instant, Remaining, Waited, nt_relative};
use core::ffi::c_void;
use core::mem::transmute;
use core::ptr;

/// How long a call may block before the thread asks again whether the process is ending: a second.
const SLICE: i64 = nt_relative(10_000_000);
/// The same on a guarded kernel, where RELEASED is looked at as well: a millisecond.
const GUARDED_SLICE: i64 = nt_relative(10_000);
/// After this many consecutive failures, assume that the other side fails too.
const PATIENCE: u32 = 64;
/// How often a waiter yields for its waker's acknowledgement before it sleeps: on XP a yield does not let threads of
/// a lower priority run.
const YIELDS: u32 = 16;

/// The backend on keyed events, since Windows XP.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KeyedEvent {
    pub(crate) process: Process,
    handle: HANDLE,
    functions: KeyedEventFunctions,
    guarded: bool,
}

/// Functions that keep what their types' documentation says, may be called by any thread at any time and never unwind.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct KeyedEventFunctions {
    pub(crate) wait: NtWaitForKeyedEvent,
    pub(crate) release: NtReleaseKeyedEvent,
}

impl KeyedEventFunctions {
    /// The system's. None if it lacks one.
    #[inline(always)]
    pub(crate) fn find(ntdll: Module) -> Option<Self> {
        let wait = ntdll.function(c"NtWaitForKeyedEvent");
        // SAFETY: null or what ntdll exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<NtWaitForKeyedEvent>>(wait) }?;
        let release = ntdll.function(c"NtReleaseKeyedEvent");
        // SAFETY: as above.
        let release = unsafe { transmute::<*mut c_void, Option<NtReleaseKeyedEvent>>(release) }?;
        Some(Self { wait, release })
    }

    /// Whether the kernel has the keyed event behind the null handle.
    pub(crate) fn know_null_handle(self) -> bool {
        let poll = 0i64;
        // SAFETY: the key is an even address of our own that nobody else uses, and not read; a timeout of 0, which lies
        // there, does not block.
        let status = unsafe { (self.wait)(ptr::null_mut(), (&raw const poll).cast(), FALSE, &raw const poll) };
        status == STATUS_TIMEOUT
    }
}

// SAFETY: the handle is a name that is good on every thread of the process, and the functions may be called
// on any (see `new`).
unsafe impl Send for KeyedEvent {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for KeyedEvent {}

impl KeyedEvent {
    /// A backend of these functions. `handle` may be null: the system's own keyed event. `guarded` says that
    /// the kernel is of the XP class.
    ///
    /// # Safety
    /// The functions are what [`KeyedEventFunctions`] says. The handle is that of a keyed event with both accesses, and
    /// stays open; or null, if the functions know that.
    pub(crate) const unsafe fn new(
        process: Process,
        handle: HANDLE,
        functions: KeyedEventFunctions,
        guarded: bool,
    ) -> Self {
        Self { process, handle, functions, guarded }
    }

    /// Whether this kernel may hide a release behind a timeout. Its version decides, and not whether it knows the null
    /// handle: ReactOS, of version 5.2, does.
    pub(crate) fn needs_guard(nt: Nt) -> bool {
        nt.version() < VISTA
    }

    /// Whether the guard for kernels of the XP class is on.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        self.guarded
    }

    pub(crate) fn kind(&self) -> BackendKind {
        if self.handle.is_null() { BackendKind::KeyedEventNull } else { BackendKind::KeyedEvent }
    }

    pub(crate) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        self.rendezvous(word, deadline, Phase::Wait)
    }

    /// The second wait: receives the release that is on its way.
    pub(crate) fn receive_wake(&self, word: &Word) {
        self.rendezvous(word, Instant::MAX, Phase::Receive.next(false, word.peek(), self.guarded));
    }

    /// The waiter's side, from `phase` on.
    // Apart, so that its frame does not stand under that of another backend's wait.
    #[inline(never)]
    fn rendezvous(&self, word: &Word, deadline: Instant, mut phase: Phase) -> Waited {
        let slice = if self.guarded { GUARDED_SLICE } else { SLICE };
        // Failed calls while receiving, then yields for the acknowledgement.
        let mut tries: u32 = 0;
        loop {
            let timeout = match phase {
                Phase::Wait => match self.process.remaining(deadline) {
                    Remaining::Passed => return Waited::Expired,
                    Remaining::Units(units) => Some(nt_relative(units)),
                    Remaining::Forever => None,
                },
                Phase::Leave => return Waited::Woken,
                _ if self.process.is_ending() => return Waited::Woken,
                // A guarded waker sets RELEASED even if its release has failed, so the word has to stay until then.
                Phase::Receive if tries >= PATIENCE && !self.guarded => return Waited::Woken,
                Phase::Receive => Some(slice),
                Phase::Acknowledge => {
                    if tries < YIELDS {
                        thread_yield();
                    } else {
                        nap();
                    }
                    tries = tries.wrapping_add(1);
                    phase = phase.next(false, word.peek(), self.guarded);
                    continue;
                }
            };
            let status = self.nt_wait(word, timeout);
            if is_error(status) {
                tries = tries.wrapping_add(u32::from(phase == Phase::Receive));
                nap();
            }
            phase = phase.next(status == STATUS_SUCCESS, word.peek(), self.guarded);
        }
    }

    // Apart, so that a wake on another backend does not save its registers.
    #[inline(never)]
    pub(crate) fn wake(&self, word: *const Word) {
        let timeout = if self.guarded { None } else { Some(SLICE) };
        let mut failures = 0;
        loop {
            if self.process.is_ending() {
                // The waiter is gone, and so may be its word.
                return;
            }
            let status = self.nt_release(word, timeout);
            if status == STATUS_SUCCESS {
                break;
            }
            if is_error(status) {
                failures += 1;
                if failures == PATIENCE {
                    break;
                }
                nap();
            }
        }
        if self.guarded {
            // SAFETY: on a guarded kernel the waiter does not leave before it sees RELEASED, so the word is alive until
            // this sets it.
            let word = unsafe { &*word };
            word.release();
        }
    }

    fn nt_wait(&self, word: &Word, timeout: Option<i64>) -> i32 {
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: function and handle are what `new` was promised; the timeout is null or that of a live i64,
        // negative.
        unsafe { (self.functions.wait)(self.handle, word.address().cast(), FALSE, timeout) }
    }

    fn nt_release(&self, word: *const Word, timeout: Option<i64>) -> i32 {
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: function and handle are what `new` was promised; the timeout is null or that of a live i64,
        // negative; the key is not read.
        unsafe { (self.functions.release)(self.handle, word.cast(), FALSE, timeout) }
    }
}

/// A new keyed event without a name; null if the system has no such thing, or no resources.
pub(crate) fn create(nt: Nt) -> HANDLE {
    let create = nt.module(NTDLL).map_or(ptr::null_mut(), |ntdll| ntdll.function(c"NtCreateKeyedEvent"));
    // SAFETY: null or what ntdll exports under this name, which has this type.
    let create = unsafe { transmute::<*mut c_void, Option<NtCreateKeyedEvent>>(create) };
    let access = KeyedEventAccess::WAIT.union(KeyedEventAccess::WAKE).bits();
    let mut handle = ptr::null_mut();
    if let Some(create) = create {
        // A call that fails leaves the handle null. SAFETY: the first argument points to a live handle, no attributes
        // are allowed, and flags must be 0.
        unsafe { create(&raw mut handle, access, ptr::null(), 0) };
    }
    handle
}
