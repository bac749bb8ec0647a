//! Keyed events: a rendezvous. Since Windows XP.
//!
//! The key is the word's address. Waiter and waker meet in the kernel, whoever comes first waits for the
//! other, and neither looks at the word there.
//!
//! # A timeout that crosses an unpark
//! ```text
//! T1 (waits)                              T2 (unparks)
//! wait ends with STATUS_TIMEOUT
//!                                         PARKED=>NOTIFIED
//!                                         release: blocks, nobody waits
//! GiveUp: not PARKED any more
//! settle: waits once more, without limit
//!                                         release returns
//! ```
//! Without the second wait T2 blocks for ever, or lets go the next one to wait there, for nothing.
//!
//! # XP, 2003, ReactOS: a release may be hidden by a timeout
//! There, a wait may end with `STATUS_TIMEOUT` although the release has met it and has returned
//! `STATUS_SUCCESS`. The second wait would then wait for a release that is over. On such a kernel ("guarded")
//! the waker therefore sets RELEASED in the word once its release has returned, and the waiter leaves only
//! when it sees it, however its waits ended. So the word outlives that last access, nothing is counted
//! elsewhere, and unpark costs nothing on any kernel as long as nobody waits. A timed *release* has the
//! mirror image of the flaw, so there it has no time limit.
//!
//! # The end of the process
//! `ExitProcess` kills all other threads and then runs `DllMain`. A release for a killed waiter would never
//! return, and neither would the wait for a killed waker: both stop once the process is ending, which is
//! asked before a release and then about once a second.
//!
//! # Failures
//! With an even key and a good handle, neither call fails. Should both fail, as when the handle was closed
//! before they came, the waiter falls back to looking at the word now and then, and the waker tries a few
//! times more and goes. If someone closes our handle while a thread blocks on it already, nothing can reach
//! that thread any more but its deadline.

use super::Waited;
use super::polling::{pause, thread_yield};
use crate::state::Word;
use crate::state::rendezvous::{Turn, after_release};
use crate::sys::ntdll::{NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress};
use crate::sys::{FALSE, HANDLE, STATUS_SUCCESS, is_error};
use crate::time::{Clock, Instant, Remaining, nt_relative};
use core::ptr;

/// How long a call may block between two looks at whether the process is ending: a second.
const SLICE: i64 = nt_relative(10_000_000);
/// The same on a guarded kernel, where the look is at RELEASED as well: a millisecond.
const GUARDED_SLICE: i64 = nt_relative(10_000);
/// So many failures in a row mean that the other side fails as well and will not come.
const PATIENCE: u32 = 64;

/// The functions of keyed events, a handle, and the clock that says when a wait is over.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KeyedEvent {
    handle: HANDLE,
    wait: NtWaitForKeyedEvent,
    release: NtReleaseKeyedEvent,
    is_ending: RtlDllShutdownInProgress,
    pub(super) clock: Clock,
    guarded: bool,
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
    /// The functions keep what their types' documentation says, may be called by any thread at any time and
    /// never unwind. The handle is null or that of a keyed event with both accesses, and stays open.
    #[must_use]
    pub const unsafe fn new(
        handle: HANDLE,
        wait: NtWaitForKeyedEvent,
        release: NtReleaseKeyedEvent,
        is_ending: RtlDllShutdownInProgress,
        clock: Clock,
        guarded: bool,
    ) -> Self {
        Self { handle, wait, release, is_ending, clock, guarded }
    }

    /// Whether the guard for kernels of the XP class is on.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        self.guarded
    }

    pub(super) fn has_own_handle(&self) -> bool {
        !self.handle.is_null()
    }

    pub(super) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        self.rendezvous(word, deadline, Turn::Wait)
    }

    /// The second wait: receives the release that is on its way.
    pub(super) fn settle(&self, word: &Word) {
        self.rendezvous(word, Instant::MAX, Turn::Settle.next(false, word.peek(), self.guarded));
    }

    /// The waiter's side, from `turn` on.
    fn rendezvous(&self, word: &Word, deadline: Instant, mut turn: Turn) -> Waited {
        let slice = if self.guarded { GUARDED_SLICE } else { SLICE };
        let mut failures: u32 = 0;
        loop {
            let timeout = match turn {
                Turn::Wait => match self.clock.remaining(deadline) {
                    Remaining::Passed => return Waited::Expired,
                    Remaining::Units(units) => Some(nt_relative(units)),
                    Remaining::Forever => None,
                },
                Turn::Leave => return Waited::Woken,
                _ if self.is_ending() => return Waited::Woken,
                // A guarded waker sets RELEASED even if its release has failed, so the word has to stay until then.
                Turn::Settle if failures >= PATIENCE && !self.guarded => return Waited::Woken,
                Turn::Settle => Some(slice),
                Turn::Acknowledge => {
                    thread_yield();
                    turn = turn.next(false, word.peek(), self.guarded);
                    continue;
                }
            };
            let status = self.nt_wait(word, timeout);
            if is_error(status) {
                failures = failures.saturating_add(u32::from(turn == Turn::Settle));
                pause();
            }
            turn = turn.next(status == STATUS_SUCCESS, word.peek(), self.guarded);
        }
    }

    // Apart, so that waking on another backend does not save its registers.
    #[inline(never)]
    pub(super) fn wake(&self, word: *const Word) {
        let timeout = if self.guarded { None } else { Some(SLICE) };
        let mut failures = 0;
        while !self.is_ending() {
            let status = self.nt_release(word, timeout);
            if status == STATUS_SUCCESS {
                break;
            }
            if is_error(status) {
                failures += 1;
                if failures == PATIENCE {
                    break;
                }
                pause();
            }
        }
        if let Some(event) = after_release(self.guarded) {
            // SAFETY: on a guarded kernel the waiter does not leave before it sees RELEASED, so the word is alive until
            // this sets it.
            let word = unsafe { &*word };
            word.apply(event);
        }
    }

    fn nt_wait(&self, word: &Word, timeout: Option<i64>) -> i32 {
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: function and handle are what `new` was promised; the timeout is null or that of a live i64,
        // negative.
        unsafe { (self.wait)(self.handle, word.address().cast(), FALSE, timeout) }
    }

    fn nt_release(&self, word: *const Word, timeout: Option<i64>) -> i32 {
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: function and handle are what `new` was promised; the timeout is null or that of a live i64,
        // negative; the key is not read.
        unsafe { (self.release)(self.handle, word.cast(), FALSE, timeout) }
    }

    fn is_ending(&self) -> bool {
        // SAFETY: the function is what `new` was promised, and takes nothing.
        unsafe { (self.is_ending)() != FALSE }
    }
}
