//! A moment in the model: the word, where each thread stands, and how it came about.

use crate::backend::rendezvous::Phase;
use crate::state::EMPTY;

/// Threads: two that park, then two that unpark.
pub(crate) const PARKERS: usize = 2;
pub(crate) const THREADS: usize = 4;

/// Where a thread stands: what it does next.
pub(crate) type At = u8;
pub(crate) const IDLE: At = 0;
pub(crate) const TRY_TAKE: At = 1;
pub(crate) const PREPARE: At = 2;
pub(crate) const BEGIN: At = 3;
pub(crate) const CALL: At = 4;
pub(crate) const ASLEEP: At = 5;
/// Back from a rendezvous, without having received a release.
pub(crate) const UNMET: At = 6;
pub(crate) const MET: At = 7;
pub(crate) const RECHECK: At = 8;
pub(crate) const FINISH: At = 9;
pub(crate) const QUERY: At = 10;
pub(crate) const SATURATE: At = 11;
pub(crate) const WAKE: At = 12;
pub(crate) const RELEASING: At = 13;
pub(crate) const RELEASE: At = 14;
/// What a thread there does, for the trace.
pub(crate) const NAMES: [&str; 15] = [
    "begins a call",
    "try_take",
    "prepare",
    "begin_wait",
    "calls the kernel",
    "wakes by itself",
    "is back, without a release",
    "is back, with a release",
    "is_waiting",
    "finish_wait",
    "is_timed_out",
    "saturate",
    "wakes",
    "waits for its waiter",
    "release",
];

// What else is known of it: the word that it has seen (see `put_seen`), the phase of its rendezvous, or, of an
// unparker that has a waiter to wake, that a park has returned with a token since.
pub(crate) const WAIT: u8 = 0;
pub(crate) const RECEIVE: u8 = 1;
pub(crate) const ACKNOWLEDGE: u8 = 2;
pub(crate) const OUTLIVED: u8 = 1;

/// A moment, and how it came about.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot {
    pub(crate) word: usize,
    /// 16 bits a thread: where it stands, and above that what else is known of it.
    pub(crate) threads: u64,
    /// The word has to have a token: an unpark left it, and no park has taken it.
    pub(crate) owed: bool,
    /// For the trace: the snapshot before, and the thread that took the step.
    pub(crate) before: u16,
    pub(crate) by: u8,
}

pub(crate) const BEGINNING: Snapshot = Snapshot { word: EMPTY, threads: 0, owed: false, before: 0, by: 0 };

impl Snapshot {
    pub(crate) const fn at(&self, thread: usize) -> At {
        (self.threads >> (16 * thread)) as u8
    }

    pub(crate) const fn detail(&self, thread: usize) -> u8 {
        (self.threads >> (16 * thread + 8)) as u8
    }

    pub(crate) const fn put(&mut self, thread: usize, at: At, detail: u8) {
        let place = 16 * thread;
        self.threads = self.threads & !(0xFFFF << place) | (at as u64 | (detail as u64) << 8) << place;
    }

    /// As [`put`](Self::put), with a word that the thread has seen: its bits from 27 on, and the lowest two.
    pub(crate) const fn put_seen(&mut self, thread: usize, at: At, seen: usize) {
        let place = 16 * thread;
        let thread = at as u64 | ((seen >> 25 | seen & 3) << 8) as u64;
        self.threads = self.threads & !(0xFFFF << place) | thread << place;
    }

    pub(crate) const fn seen(&self, thread: usize) -> usize {
        let detail = (self.threads >> (16 * thread + 8)) as usize;
        (detail & 0x7C) << 25 | detail & 3
    }

    pub(crate) const fn phase(&self, thread: usize) -> Phase {
        match self.detail(thread) {
            WAIT => Phase::Wait,
            RECEIVE => Phase::Receive,
            _ => Phase::Acknowledge,
        }
    }

    /// Whether this parker has the word for itself: has brought it to PARKED, and not left yet.
    pub(crate) const fn waits(&self, parker: usize) -> bool {
        matches!(self.at(parker), CALL..=FINISH)
    }
}
