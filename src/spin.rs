//! Spinning: looking again for a while instead of blocking, where that is likely to be shorter.
//!
//! # Before a parker blocks
//! To block and to be woken costs two system calls and two changes of thread, and the thread that unparks
//! pays for the waking too. A token that is about to come is cheaper to wait for on the spot. Nobody knows
//! beforehand whether it is, so:
//!
//! - **Bounded.** At most [`LOOKS`] looks with a pause after each, twice as many in a retry: about what a
//!   block and a wake cost. Whoever spins for as long as the alternative costs and then takes the alternative
//!   pays at most twice what would have been best (the ski-rental argument).
//! - **It learns.** Each miss makes the next spin on that parker four times shorter, down to none, since the
//!   pattern that missed is likely to miss again. A hit starts anew. One that has come to none tries again
//!   once in 256 parks, in case the pattern has changed, and twice as long as else: what keeps two threads
//!   asleep in turns may be that a wake takes longer here than thought. If that hits, all parkers may try
//!   again, the other side's above all. So a parker whose tokens never come soon spins about five looks a
//!   park, in the long run.
//! - **None where it cannot help**: on a single processor the token cannot come while we look. Nor where the
//!   deadline has passed, nor through [`Parker::no_spin`](crate::Parker::no_spin).
//!
//! What was learnt is kept in a small table of bytes by the parker's address, not in the parker, which is one
//! word. Parkers that share a byte mislead each other, which costs time only.
//!
//! [`ThreadParker`](crate::ThreadParker) does not spin: a lock knows better what it waits for, and has
//! [`SpinWait`].

use crate::backend::Backend;
use crate::state::Word;
use core::hint::spin_loop;
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

/// How often a parker looks at its word before it blocks, at the most, where there are several processors.
///
/// A look is a load and a pause, which takes 24 ns on the machine of `docs/performance.md` (Zen 4) and by
/// Intel's manuals 140 cycles from Skylake on, less before: so 400 take 10 to 17 µs there, and a few on older
/// processors. A block and a wake across two processors takes 14 to 20 µs on that machine. It has to be about
/// that long: once both of two threads sleep, the one that is woken answers only after a wake's time, so
/// whoever looks for less than that never sees the answer, and they go on sleeping in turns. The handoff with
/// 0, 100, 200, 400 and 600 looks on Linux's futexes, on a busy machine: 29, 36, 19, 0.22 and 0.21 µs in the
/// median, 88, 124, 71, 5.3 and 3.0 µs on average (the work `handoff` of `ntpark-bench --backend host --spin
/// N` shows it).
const LOOKS: u32 = 400;
/// In place of the number of misses: look for twice as long as at first. A parker begins with it, and comes
/// back to it when a byte can count its misses no further.
const RETRY: u8 = 0;

/// Gives way to another thread that is ready to run, of any processor: `Sleep(0)` on Windows, the
/// [host](crate::Host)'s own way elsewhere.
///
/// On Windows XP only threads of the same priority get their turn.
pub fn thread_yield() {
    Backend::with(Backend::thread_yield);
}

/// A wait that begins with a few instructions and doubles, for those who build locks: spin while it says so,
/// then park.
///
/// ```
/// # use ntpark::SpinWait;
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # let locked = AtomicBool::new(false);
/// let mut spin = SpinWait::new();
/// while locked.swap(true, Ordering::Acquire) {
///     if !spin.spin() {
///         // Long enough: park here, and start anew afterwards.
///         spin.reset();
///     }
/// }
/// ```
///
/// **Layout.** One `u32`, zero when new, the same as C's `ntpark_spin_wait`; any other value is one that is
/// further on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SpinWait {
    round: u32,
}

impl SpinWait {
    /// Rounds in which the processor is kept: 2, 4 and 8 pauses.
    const BUSY_ROUNDS: u32 = 3;
    /// Rounds in all: in the rest, other threads are given way to.
    const ROUNDS: u32 = 10;

    /// At the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { round: 0 }
    }

    /// Starts anew.
    pub const fn reset(&mut self) {
        self.round = 0;
    }

    /// Waits for a moment; the first three times on the spot, then by giving way. False, and no wait, once it
    /// has been ten times: park instead.
    pub fn spin(&mut self) -> bool {
        if self.round >= Self::ROUNDS {
            return false;
        }
        self.round += 1;
        if self.round <= Self::BUSY_ROUNDS {
            pauses(1 << self.round);
        } else {
            thread_yield();
        }
        true
    }

    /// Waits for a moment on the spot, at most 1,024 pauses, without ever giving way. For loops whose end is
    /// a matter of instructions on another processor.
    pub fn spin_no_yield(&mut self) {
        self.round = if self.round < Self::ROUNDS { self.round + 1 } else { Self::ROUNDS };
        pauses(1 << self.round);
    }
}

/// Looks at a parker's word for a while, as long as it is EMPTY.
pub(crate) fn spin(word: &Word) {
    // What is learnt would outlive loom's execution, and looking twice tells it nothing new.
    let most = if cfg!(loom) { 0 } else { Backend::looks().load(Relaxed) };
    if most == Backend::UNASKED {
        ask();
    } else if most > 0 {
        let misses = misses(word);
        let missed = misses.load(Relaxed);
        // Of twice as many, all, a half, an eighth, …
        let shorter = (2 * u32::from(missed)).saturating_sub(1);
        if !word.look((most << 1).checked_shr(shorter).unwrap_or(0)) {
            // RETRY=>1=>2=>…=>255=>RETRY
            misses.store(missed.wrapping_add(1), Relaxed);
            return;
        }
        if missed == RETRY {
            // The other side has probably given up as well: let all try again.
            MISSES.iter().for_each(|misses| misses.store(RETRY, Relaxed));
        }
        // Other parkers' threads read the same cache line: it is only written when there is news.
        if missed != 1 {
            misses.store(1, Relaxed);
        }
    }
}

/// Asks whether looking helps. A system call, so the park that comes here first asks instead of looking. A
/// function of its own, so that no other park has its variables on its stack.
#[cold]
#[inline(never)]
fn ask() {
    Backend::looks().store(if is_single_processor() { 0 } else { LOOKS }, Relaxed);
}

/// How often in a row a spin has missed, and one more, by the hash of the word's address; or [`RETRY`].
static MISSES: [AtomicU8; 1 << HASH_BITS] = [const { AtomicU8::new(RETRY) }; 1 << HASH_BITS];
const HASH_BITS: u32 = 6;

fn misses(word: &Word) -> &'static AtomicU8 {
    // 2^32 over the golden ratio: addresses at regular distances get different bytes (Knuth, The Art of Computer
    // Programming, vol. 3, 6.4).
    let hash = (word.address().addr() as u32).wrapping_mul(0x9E37_79B9);
    &MISSES[(hash >> (u32::BITS - HASH_BITS)) as usize % MISSES.len()]
}

/// Whether this process's threads all run on one processor, so that what is spun for cannot happen meanwhile.
#[cfg(windows)]
fn is_single_processor() -> bool {
    let (mut process, mut system) = (0_usize, 0_usize);
    let this_process = core::ptr::without_provenance_mut(usize::MAX);
    // SAFETY: -1 is the handle of the calling process; both masks are live. Left 0 on failure.
    unsafe { crate::sys::kernel32::GetProcessAffinityMask(this_process, &raw mut process, &raw mut system) };
    // A mask without a bit is that of a process on several processor groups.
    process.is_power_of_two()
}

#[cfg(not(windows))]
fn is_single_processor() -> bool {
    false
}

fn pauses(count: u32) {
    for _ in 0..count {
        spin_loop();
    }
}
