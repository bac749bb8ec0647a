//! Seeded faults, one at a time: each is a plausible slip, and the compile-time model has to reject it.
//!
//! `cargo xtask mutants` compiles the crate once for each, with `--cfg ntpark_mutant --cfg
//! ntpark_mutant="NAME"`, and fails if one compiles. Those called `…-unordered` are for loom instead, since
//! the model knows nothing of memory order: the crate has to compile, and the loom tests have to fail.

use super::rendezvous::Turn;
use super::{
    ARMED, EMPTY, Event, NOTIFIED, Operation, Outcome, PARKED, RELEASED, Step, TIMED_OUT, TOKENS, WAIT_FOR_NOTICE,
    WAIT_FOR_TOKEN, has_token,
};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

macro_rules! faults {
    ($($name:literal => $fault:literal,)*) => {
        // A name that is not in the list would seed nothing.
        static_assertions::const_assert_eq!(0 $(+ cfg!(ntpark_mutant = $name) as u8)*, 1);
    };
}

faults! {
    "unpark-in-two" => "an unpark loads, then stores",
    "unpark-swaps" => "an unpark erases PARKED, and a second thread takes the waiter's token",
    "unpark-forgets-wake" => "an unpark that finds PARKED leaves it at that",
    "unpark-wakes-nobody" => "an unpark that finds EMPTY wakes as well",
    "unpark-wakes-twice" => "a second unpark wakes the same waiter again",
    "fold-loses-token" => "folding leaves no token",
    "fold-loses-flags" => "folding leaves a token and nothing else",
    "fold-stores" => "folding does not look whether the tokens are still there",
    "take-ignores-parked" => "a token is taken away from under the waiter that it has woken",
    "take-swaps" => "taking erases whatever was there",
    "commit-swaps" => "becoming the waiter erases a token that came meanwhile",
    "commit-joins" => "a second thread waits beside the first",
    "check-trusts-wake" => "whoever wakes has been woken",
    "timeout-forgets-token" => "giving up erases a token that came meanwhile",
    "timeout-skips-settle" => "a timed-out waiter that finds a token leaves without its wake",
    "leave-keeps-token" => "leaving takes the token and leaves it there",
    "leave-keeps-parked" => "leaving does not free the place",
    "armed-is-parked" => "prepared and parked are one state",
    "block-swaps" => "parking erases a notice that came early",
    "recheck-trusts-wake" => "whoever wakes has been notified",
    "abandon-swaps" => "giving up erases a notice that came meanwhile",
    "abandon-skips-settle" => "a timed-out waiter that finds itself notified leaves without its wake",
    "query-ignores-notice" => "who has given up has not been notified",
    "notify-wakes-armed" => "a notice that finds ARMED wakes as well",
    "notify-wakes-timed-out" => "a notice that finds TIMED_OUT wakes as well",
    "second-wait-left-out" => "a rendezvous ends with the timeout, though a release is on its way",
    "guard-off" => "an XP-class kernel is taken for a newer one",
    "acknowledgement-not-awaited" => "a released waiter leaves while the waker still has the word to write",
    "acknowledgement-not-sent" => "the waker goes without a word",
    "acknowledgement-not-seen" => "only a call that says so has received a release",
    "take-unordered" => "a token that is taken at once brings nothing along",
    "leave-unordered" => "a token that was waited for brings nothing along",
    "unpark-unordered" => "a token takes nothing along",
    "block-unordered" => "a notice that came early brings nothing along",
    "recheck-unordered" => "a notice that was waited for brings nothing along",
    "notify-unordered" => "a notice takes nothing along",
    "release-unordered" => "the waker's last access may come after the waiter has left",
}

macro_rules! seeded {
    ($name:literal) => {
        cfg!(ntpark_mutant = $name)
    };
}

/// The operation in place of the right one.
pub(super) const fn operation(event: Event) -> Option<Operation> {
    Some(match event {
        Event::Unpark if seeded!("unpark-in-two") => Operation::Load(Relaxed),
        Event::Fold { seen } if seeded!("unpark-in-two") => Operation::Store(seen),
        Event::Unpark if seeded!("unpark-swaps") => Operation::Swap(NOTIFIED, Release),
        Event::Fold { seen } if seeded!("fold-loses-token") => {
            Operation::CompareExchange(seen, seen & !TOKENS, Relaxed, Relaxed)
        }
        Event::Fold { seen } if seeded!("fold-loses-flags") => {
            Operation::CompareExchange(seen, NOTIFIED, Relaxed, Relaxed)
        }
        Event::Fold { seen } if seeded!("fold-stores") => Operation::Swap(seen & !TOKENS | NOTIFIED, Relaxed),
        Event::Take { .. } if seeded!("take-swaps") => Operation::Swap(EMPTY, Acquire),
        Event::Commit if seeded!("commit-swaps") => Operation::Swap(PARKED, Relaxed),
        Event::GiveUp if seeded!("timeout-forgets-token") => Operation::Swap(EMPTY, Relaxed),
        Event::Leave if seeded!("leave-keeps-token") => Operation::Swap(NOTIFIED, Acquire),
        Event::Leave if seeded!("leave-keeps-parked") => Operation::Swap(PARKED, Acquire),
        Event::Arm if seeded!("armed-is-parked") => Operation::Store(PARKED),
        Event::Block if seeded!("armed-is-parked") => Operation::Load(Acquire),
        Event::Block if seeded!("block-swaps") => Operation::Swap(PARKED, Acquire),
        Event::Abandon if seeded!("abandon-swaps") => Operation::Swap(TIMED_OUT, Acquire),
        Event::Take { seen } if seeded!("take-unordered") => Operation::CompareExchange(seen, EMPTY, Relaxed, Relaxed),
        Event::Leave if seeded!("leave-unordered") => Operation::Swap(EMPTY, Relaxed),
        Event::Unpark if seeded!("unpark-unordered") => Operation::Add(NOTIFIED, Relaxed),
        Event::Block if seeded!("block-unordered") => Operation::CompareExchange(ARMED, PARKED, Relaxed, Relaxed),
        Event::Recheck if seeded!("recheck-unordered") => Operation::Load(Relaxed),
        Event::Notify if seeded!("notify-unordered") => Operation::Swap(NOTIFIED, Relaxed),
        Event::Release if seeded!("release-unordered") => Operation::Or(RELEASED, Relaxed),
        _ => return None,
    })
}

/// The step in place of the right one.
pub(super) const fn step(event: Event, found: usize) -> Option<Step> {
    Some(match event {
        Event::Unpark if seeded!("unpark-in-two") => Step::Do(Event::Fold { seen: found + NOTIFIED }),
        Event::Fold { seen } if seeded!("unpark-in-two") && seen == PARKED + NOTIFIED => Step::Wake,
        Event::Unpark if seeded!("unpark-forgets-wake") => Step::Return(Outcome::Done),
        Event::Unpark if seeded!("unpark-wakes-nobody") && found == EMPTY => Step::Wake,
        Event::Unpark if seeded!("unpark-wakes-twice") && found & PARKED != 0 => Step::Wake,
        Event::Take { .. } | Event::Look | Event::Commit
            if seeded!("take-ignores-parked") && found & PARKED != 0 && has_token(found) =>
        {
            match event {
                Event::Take { seen } if seen == found => Step::Return(Outcome::Unparked),
                _ => Step::Do(Event::Take { seen: found }),
            }
        }
        Event::Take { .. } if seeded!("take-swaps") && has_token(found) => Step::Return(Outcome::Unparked),
        Event::Commit if seeded!("commit-swaps") => WAIT_FOR_TOKEN,
        Event::Look | Event::Commit if seeded!("commit-joins") && found == PARKED => WAIT_FOR_TOKEN,
        Event::Check if seeded!("check-trusts-wake") => Step::Do(Event::Leave),
        Event::GiveUp if seeded!("timeout-forgets-token") => Step::Return(Outcome::TimedOut),
        Event::GiveUp if seeded!("timeout-skips-settle") && found != PARKED => Step::Do(Event::Leave),
        Event::Block if seeded!("armed-is-parked") && found == PARKED => WAIT_FOR_NOTICE,
        Event::Block if seeded!("block-swaps") => WAIT_FOR_NOTICE,
        Event::Recheck if seeded!("recheck-trusts-wake") => Step::Return(Outcome::Unparked),
        Event::Abandon if seeded!("abandon-swaps") => Step::Return(Outcome::TimedOut),
        Event::Abandon if seeded!("abandon-skips-settle") && found != PARKED => Step::Do(Event::Recheck),
        Event::Query if seeded!("query-ignores-notice") => Step::Return(Outcome::TimedOut),
        Event::Notify if seeded!("notify-wakes-armed") && found == ARMED => Step::Wake,
        Event::Notify if seeded!("notify-wakes-timed-out") && found == TIMED_OUT => Step::Wake,
        _ => return None,
    })
}

/// The waiter's turn at a rendezvous in place of the right one.
pub(super) const fn turn(turn: Turn, met: bool, found: usize, guarded: bool) -> Option<Turn> {
    Some(match turn {
        Turn::Wait if seeded!("second-wait-left-out") && !met && found != PARKED => Turn::Leave,
        _ if seeded!("guard-off") && guarded => turn.next(met, found, false),
        Turn::Wait | Turn::Settle if seeded!("acknowledgement-not-awaited") && met => Turn::Leave,
        Turn::Wait if seeded!("acknowledgement-not-seen") && !met && found != PARKED => Turn::Settle,
        Turn::Settle if seeded!("acknowledgement-not-seen") && !met => Turn::Settle,
        _ => return None,
    })
}

/// Whether the waker's acknowledgement is left out.
pub(super) const fn is_unacknowledged() -> bool {
    seeded!("guard-off") || seeded!("acknowledgement-not-sent")
}
