//! Spinning: looking again for a while instead of blocking, where that is likely to be shorter.
//!
//! # Before a parker blocks
//! To block and be woken takes two system calls and two switches of thread, and the thread that unparks pays for the
//! wake too. A token that is about to come is cheaper to wait for by spinning. That is not known beforehand, so:
//!
//! - **Bounded.** No spin is longer than twice the limit of looks, which is about as long as to block and be woken. So
//!   a park takes at most twice as long as if it had known what is best (the ski-rental argument).
//! - **It learns.** Each miss makes the next spin on that parker four times shorter, down to none, since the
//!   pattern that missed is likely to miss again. A hit starts over. After 255 misses in a row it spins once more for
//!   the full length, in case the pattern has changed: two threads may keep each other asleep because a wake takes
//!   longer than a spin. If that hits, all parkers that have given up start anew, above all the other side's.
//! - **None where it cannot help**: on a system with one processor, where the token cannot come while we look; from
//!   the deadline on; and through [`Parker::no_spin`](crate::Parker::no_spin).
//!
//! A token that is already there, another thread that is parked, and a deadline that ends a spin teach nothing, and
//! cost nothing: without the spin, the park would not have returned sooner.
//!
//! **The bound.** Let L be the limit of looks, and a block and a wake take at least as long as 2 L. Each hit starts a
//! row of spins, of L, L/4, L/16, …, which the next hit ends or which ends in giving up: together less than 4/3 L, and
//! the hit has replaced 2 L of blocking. To start anew takes 10/3 L, to retry 2 L more: once in 255 parks that
//! block, for that parker and, if its retry hits, for 63 others. So over any history, of one parker or of 64 that share
//! the table, spinning takes at most two thirds of what the blocking that it replaced would have taken, plus 43 % of
//! the blocking that took place, plus 10/3 L once for each parker. With one parker it is 1 % instead of 43. (The
//! benchmark `bursts` shows it.)
//!
//! What was learnt is kept in a small table of bytes by the parker's address, not in the parker, which is one
//! word. Parkers that share a byte mislead each other, which costs time only.
//!
//! [`ThreadParker`](crate::ThreadParker) does not spin: a lock knows better what it waits for, and has
//! [`SpinWait`].

use crate::backend::Backend;
use crate::state::{EMPTY, TOKENS, Word};
use crate::sys::thread;
use crate::time::Instant;
use core::hint::spin_loop;
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

/// How often a parker looks at its word before it blocks, where there are several processors; twice as often at
/// first and in a retry.
///
/// A look is a load and a pause, which takes 24 ns on the machine of `docs/performance.md` (Zen 4) and by
/// Intel's manuals 140 cycles from Skylake on, less before: so 800 take 20 to 35 µs there, and less on older
/// processors. A block and a wake across two processors takes 14 to 20 µs on that machine. A retry has to be about
/// that long: once both of two threads sleep, the one that is woken answers only after a wake's time, so
/// a thread that looks for less than that never sees the answer, and they go on sleeping in turns. The handoff with
/// 0, 100, 200, 400 and 600 looks on Linux's futexes, on a busy machine: 29, 36, 19, 0.22 and 0.21 µs in the
/// median, 88, 124, 71, 5.3 and 3.0 µs on average (the benchmark `handoff` of `ntpark-bench --backend host --spin
/// N` shows it).
const SPIN_LIMIT: u32 = 400;

/// A parker's counter at first: spin for the full length. Then it counts misses in a row.
const FIRST: u8 = 0;
/// The counter after a hit.
const HIT: u8 = 1;
/// From here on the parker has given up.
const GIVEN_UP: u8 = 5;
/// Spin once more for the full length; a miss makes it [`FIRST`].
const RETRY: u8 = u8::MAX;

/// Yields to another thread that is ready to run, on any processor. Chooses no backend.
///
/// Calls the [host](crate::Host)'s function once that is in use; on Windows `Sleep(0)`, which on XP lets only threads
/// of the same priority run.
pub fn thread_yield() {
    Backend::chosen().map_or_else(thread::thread_yield, Backend::thread_yield);
}

/// Waits in steps that double, for authors of locks: spin while it says so, then park.
///
/// ```
/// # use ntpark::SpinWait;
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # let locked = AtomicBool::new(false);
/// let mut spin = SpinWait::new();
/// while locked.swap(true, Ordering::Acquire) {
///     if !spin.spin() {
///         // Long enough: park here, and start over afterwards.
///         spin.reset();
///     }
/// }
/// ```
///
/// **Layout.** One `u32`, zero when new, the same as C's `ntpark_spin_wait`. Any value is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SpinWait {
    round: u32,
}

impl SpinWait {
    /// Rounds in which the thread keeps its processor: 2, 4 and 8 pauses.
    const BUSY_ROUNDS: u32 = 3;
    /// Rounds in all; in the rest, the thread yields.
    const ROUNDS: u32 = 10;

    /// A wait that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self { round: 0 }
    }

    /// Starts over.
    pub const fn reset(&mut self) {
        self.round = 0;
    }

    /// Waits briefly: three times by pausing, then seven times by yielding. After that it returns false without
    /// waiting: time to park.
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

    /// Waits briefly by pausing, at most 1,024 times, and never yields: for what takes another processor a few
    /// instructions.
    pub fn spin_no_yield(&mut self) {
        self.round = if self.round < Self::ROUNDS { self.round + 1 } else { Self::ROUNDS };
        pauses(1 << self.round);
    }
}

/// What parkers have learnt, by the hash of the address. In a cache line of its own: all threads read it, few write.
#[repr(align(64))]
struct Counters([AtomicU8; 1 << HASH_BITS]);

const HASH_BITS: u32 = 6;

static COUNTERS: Counters = Counters([const { AtomicU8::new(FIRST) }; 1 << HASH_BITS]);

/// Looks at a parker's word for a while, as long as it is EMPTY and the deadline has not passed.
pub(crate) fn spin(word: &Word, backend: &Backend, deadline: Instant) {
    let limit = backend.spin_limit().unwrap_or(SPIN_LIMIT);
    if limit == 0 {
        return;
    }
    let counter = counter(word);
    let misses = counter.load(Relaxed);
    let next = match look(word, looks(limit, misses), backend, deadline) {
        Seen::Token => HIT,
        // RETRY=>FIRST=>1=>2=>…=>RETRY
        Seen::Nothing => misses.wrapping_add(1),
        Seen::Unrelated => return,
    };
    if next == HIT && misses == RETRY {
        // The other side has probably given up as well.
        for counter in COUNTERS.0.iter().filter(|counter| counter.load(Relaxed) >= GIVEN_UP) {
            counter.store(FIRST, Relaxed);
        }
    }
    // Other parkers' threads read the same cache line: it is only written when there is news.
    if next != misses {
        counter.store(next, Relaxed);
    }
}

/// The looks of the next spin: 2 L, L, L/4, L/16, L/64, none, …; and 2 L in a retry.
fn looks(limit: u32, misses: u8) -> u32 {
    if misses == RETRY {
        return 2 * limit;
    }
    if misses >= GIVEN_UP { 0 } else { (2 * limit) >> (2 * misses).saturating_sub(1) }
}

/// What a spin has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A token has come.
    Token,
    /// The looks are used up.
    Nothing,
    /// The deadline has passed; or the token was there at the first look; or another thread is parked.
    Unrelated,
}

fn look(word: &Word, looks: u32, backend: &Backend, deadline: Instant) -> Seen {
    for round in 0..looks {
        match word.peek() {
            EMPTY => {}
            state if round > 0 && state & !TOKENS == 0 => return Seen::Token,
            _ => return Seen::Unrelated,
        }
        // A reading takes about as long as a look.
        if round % 2 == 1 && backend.has_passed(deadline) {
            return Seen::Unrelated;
        }
        spin_loop();
    }
    Seen::Nothing
}

fn counter(word: &Word) -> &'static AtomicU8 {
    // 2^32 over the golden ratio: addresses at regular distances get different bytes (Knuth, The Art of Computer
    // Programming, vol. 3, 6.4).
    let hash = (word.address().addr() as u32).wrapping_mul(0x9E37_79B9);
    &COUNTERS.0[(hash >> (u32::BITS - HASH_BITS)) as usize % COUNTERS.0.len()]
}

fn pauses(count: u32) {
    for _ in 0..count {
        spin_loop();
    }
}
