//! Random sequences of calls to the lot and of futexes, against plain queues: who waits for which key, in which order.
//!
//! Threads that would block are started beside, and are queued before the next call is made, so that every answer is
//! known beforehand.

mod common;

use common::begin;
use common::lot::{Parked, colliding, new_key};
use ntpark::Instant;
use ntpark::futex::{self, Changed, Requeued, WaitResult};
use ntpark::lot::{self, FilterOp, Key, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

/// How many keys, or addresses, a sequence uses.
const KEYS: usize = 4;
/// How many threads may wait at once.
const THREADS: usize = 8;

/// As each case starts threads, fewer than usual.
fn config() -> ProptestConfig {
    ProptestConfig { cases: if cfg!(miri) { 4 } else { 64 }, ..common::proptest_config() }
}

/// A call to the lot, with the index of its key.
#[derive(Clone, Debug)]
enum Call {
    Park {
        in_front: bool,
    },
    ParkPast {
        in_front: bool,
    },
    UnparkOne,
    UnparkN(usize),
    UnparkAll,
    /// What it says to the first ones; `Stop` to those that come after.
    UnparkFilter(Vec<FilterOp>),
    Requeue {
        op: RequeueOp,
        to: usize,
    },
}

fn calls() -> impl Strategy<Value = Vec<(usize, Call)>> {
    use {FilterOp::*, RequeueOp::*};
    let filter = prop_oneof![3 => Just(Unpark), 2 => Just(Skip), 1 => Just(Stop)];
    let op = prop_oneof![
        Just(Abort),
        Just(UnparkOneRequeueRest),
        Just(RequeueAll),
        Just(RequeueOp::UnparkOne),
        Just(RequeueOne),
        (0..3_usize, 0..3_usize).prop_map(|(unpark, requeue)| Count { unpark, requeue })
    ];
    let call = prop_oneof![
        8 => any::<bool>().prop_map(|in_front| Call::Park { in_front }),
        1 => any::<bool>().prop_map(|in_front| Call::ParkPast { in_front }),
        2 => Just(Call::UnparkOne),
        1 => (0..4_usize).prop_map(Call::UnparkN),
        1 => Just(Call::UnparkAll),
        2 => proptest::collection::vec(filter, 0..5).prop_map(Call::UnparkFilter),
        3 => (op, 0..KEYS).prop_map(|(op, to)| Call::Requeue { op, to }),
    ];
    proptest::collection::vec((0..KEYS, call), 1..40)
}

/// Three in one bucket, of which two have one address; and another address.
fn keys() -> [Key; KEYS] {
    static CHOSEN: OnceLock<[Key; KEYS]> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let key = new_key();
        [key, colliding(key), Key::in_space(1, key.address()), new_key()]
    })
}

/// The queues, as they should be: which thread, by its park token.
#[derive(Default)]
struct Lot {
    queues: [VecDeque<(usize, Parked)>; KEYS],
    parked: usize,
}

impl Lot {
    fn carry_out(&mut self, index: usize, call: Call) {
        let key = keys()[index];
        let unpark_token = UnparkToken(1_000 + self.parked);
        let queue = &mut self.queues[index];
        match call {
            Call::Park { in_front } => {
                if self.queues.iter().map(VecDeque::len).sum::<usize>() == THREADS {
                    return;
                }
                self.parked += 1;
                let queue = &mut self.queues[index];
                if in_front {
                    queue.push_front((self.parked, Parked::in_front(key, self.parked)));
                } else {
                    queue.push_back((self.parked, Parked::new(key, self.parked)));
                }
            }
            Call::ParkPast { in_front } => {
                let mut told = None;
                let timed_out = |key, was_last| told = Some((key, was_last));
                let token = ParkToken(0);
                let result = if in_front {
                    // SAFETY: the key is this program's own; the callbacks call nothing of the lot. Likewise below.
                    unsafe { lot::park_in_front(key, || true, || {}, timed_out, token, Instant::MIN) }
                } else {
                    // SAFETY: see above.
                    unsafe { lot::park(key, || true, || {}, timed_out, token, Instant::MIN) }
                };
                assert_eq!((result, told), (ParkResult::TimedOut, Some((key, queue.is_empty()))));
            }
            Call::UnparkOne => {
                // SAFETY: see above.
                let result = unsafe { lot::unpark_one(key, |_| unpark_token) };
                let woken = queue.pop_front();
                check(result, usize::from(woken.is_some()), 0, !queue.is_empty());
                returned(woken, unpark_token);
            }
            Call::UnparkN(count) => {
                let count = count.min(queue.len());
                // SAFETY: see above.
                assert_eq!(unsafe { lot::unpark_n(key, count, unpark_token) }, count);
                returned(queue.drain(..count), unpark_token);
            }
            Call::UnparkAll => {
                // SAFETY: see above.
                assert_eq!(unsafe { lot::unpark_all(key, unpark_token) }, queue.len());
                returned(queue.drain(..), unpark_token);
            }
            Call::UnparkFilter(ops) => {
                let waited: Vec<_> = queue.drain(..).collect();
                let mut expected = waited.iter().map(|&(token, _)| ParkToken(token)).collect::<Vec<_>>().into_iter();
                let mut says = ops.iter().copied();
                let filter = |token| {
                    assert_eq!(Some(token), expected.next());
                    says.next().unwrap_or(FilterOp::Stop)
                };
                // SAFETY: see above.
                let result = unsafe { lot::unpark_filter(key, filter, |_| unpark_token) };
                let stop = ops.iter().position(|&op| op == FilterOp::Stop).unwrap_or(ops.len());
                let (woken, stay): (Vec<_>, Vec<_>) = waited
                    .into_iter()
                    .enumerate()
                    .partition(|(place, _)| *place < stop && ops[*place] == FilterOp::Unpark);
                queue.extend(stay.into_iter().map(|(_, parked)| parked));
                check(result, woken.len(), 0, !queue.is_empty());
                returned(woken.into_iter().map(|(_, parked)| parked), unpark_token);
            }
            Call::Requeue { op, to } => {
                let waited = queue.len();
                let (unpark, requeue) = match op {
                    RequeueOp::Abort => (0, 0),
                    RequeueOp::UnparkOneRequeueRest => (1, usize::MAX),
                    RequeueOp::RequeueAll => (0, usize::MAX),
                    RequeueOp::UnparkOne => (1, 0),
                    RequeueOp::RequeueOne => (0, 1),
                    RequeueOp::Count { unpark, requeue } => (unpark, requeue),
                };
                let woken: Vec<_> = queue.drain(..unpark.min(waited)).collect();
                let moved: Vec<_> = queue.drain(..requeue.min(queue.len())).collect();
                let have_more = op != RequeueOp::Abort && !queue.is_empty();
                // SAFETY: see above.
                let result = unsafe { lot::unpark_requeue(key, keys()[to], || op, |_, _| unpark_token) };
                check(result, woken.len(), moved.len(), have_more);
                self.queues[to].extend(moved);
                returned(woken, unpark_token);
            }
        }
        for (key, queued) in keys().into_iter().zip(&self.queues) {
            assert_eq!(common::lot::queue(key), queued.iter().map(|&(token, _)| token).collect::<Vec<_>>());
        }
    }
}

#[track_caller]
fn check(result: UnparkResult, unparked: usize, requeued: usize, have_more: bool) {
    assert_eq!(
        (result.unparked_threads, result.requeued_threads, result.have_more_threads),
        (unparked, requeued, have_more)
    );
    assert!(!result.be_fair || unparked > 0);
}

/// These threads return, with this token.
fn returned(parked: impl IntoIterator<Item = (usize, Parked)>, token: UnparkToken) {
    parked.into_iter().for_each(|(_, parked)| parked.expect_unparked(token.0));
}

/// A call to one of the futexes; each word holds its own index.
#[derive(Clone, Debug)]
enum FutexCall {
    Wait {
        mask: u32,
    },
    /// What does not block: another value, or a deadline that is past.
    WaitNot {
        changed: bool,
    },
    Wake {
        count: usize,
        mask: u32,
    },
    WakeAll,
    Requeue {
        to: usize,
        wake: usize,
        requeue: usize,
    },
    RequeueIf {
        to: usize,
        wake: usize,
        requeue: usize,
        changed: bool,
    },
}

fn futex_calls() -> impl Strategy<Value = Vec<(usize, FutexCall)>> {
    let count = || prop_oneof![4 => 0..4_usize, 1 => Just(usize::MAX)];
    let call = prop_oneof![
        8 => (1..8_u32).prop_map(|mask| FutexCall::Wait { mask }),
        1 => any::<bool>().prop_map(|changed| FutexCall::WaitNot { changed }),
        3 => (count(), 1..8_u32).prop_map(|(count, mask)| FutexCall::Wake { count, mask }),
        1 => Just(FutexCall::WakeAll),
        2 => (0..KEYS, count(), count()).prop_map(|(to, wake, requeue)| FutexCall::Requeue { to, wake, requeue }),
        2 => (0..KEYS, count(), count(), any::<bool>())
            .prop_map(|(to, wake, requeue, changed)| FutexCall::RequeueIf { to, wake, requeue, changed }),
    ];
    proptest::collection::vec((0..KEYS, call), 1..40)
}

type Waiting = (u32, JoinHandle<WaitResult>);

struct Futexes {
    words: &'static [AtomicU32; KEYS],
    queues: [VecDeque<Waiting>; KEYS],
}

impl Futexes {
    fn new() -> Self {
        let words = [0, 1, 2, 3].map(AtomicU32::new);
        Self { words: Box::leak(Box::new(words)), queues: Default::default() }
    }

    fn carry_out(&mut self, index: usize, call: &FutexCall) {
        let word = &self.words[index];
        let value = index as u32;
        let mask_of = |bits| NonZeroU32::new(bits).expect("not zero");
        match *call {
            FutexCall::Wait { mask } => {
                if self.queues.iter().map(VecDeque::len).sum::<usize>() == THREADS {
                    return;
                }
                let wait = move || futex::wait_masked(word, value, mask_of(mask), Instant::MAX);
                self.queues[index].push_back((mask, thread::spawn(wait)));
                while futex::requeue(word, word, 0, usize::MAX).requeued < self.queues[index].len() {
                    thread::yield_now();
                }
            }
            FutexCall::WaitNot { changed } => {
                let expected = if changed { value + 1 } else { value };
                let result = futex::wait_until(word, expected, Instant::MIN);
                assert_eq!(result, if changed { WaitResult::Changed } else { WaitResult::TimedOut });
            }
            FutexCall::Wake { count, mask } => {
                let mut woken = Vec::new();
                let waited = std::mem::take(&mut self.queues[index]);
                for waiting in waited {
                    let is_meant = waiting.0 & mask != 0 && woken.len() < count;
                    if is_meant { woken.push(waiting) } else { self.queues[index].push_back(waiting) }
                }
                assert_eq!(futex::wake_masked(word, count, mask_of(mask)), woken.len());
                are_woken(woken);
            }
            FutexCall::WakeAll => {
                assert_eq!(futex::wake_all(word), self.queues[index].len());
                are_woken(self.queues[index].drain(..));
            }
            FutexCall::Requeue { to, wake, requeue } => {
                let done = futex::requeue(word, &self.words[to], wake, requeue);
                self.requeued(index, to, wake, requeue, done);
            }
            FutexCall::RequeueIf { to, wake, requeue, changed } => {
                let expected = if changed { value + 1 } else { value };
                match futex::requeue_if(word, expected, &self.words[to], wake, requeue) {
                    Ok(done) => {
                        assert!(!changed);
                        self.requeued(index, to, wake, requeue, done);
                    }
                    Err(Changed) => assert!(changed),
                }
            }
        }
    }

    fn requeued(&mut self, from: usize, to: usize, wake: usize, requeue: usize, done: Requeued) {
        let queue = &mut self.queues[from];
        let woken: Vec<_> = queue.drain(..wake.min(queue.len())).collect();
        let moved: Vec<_> = queue.drain(..requeue.min(queue.len())).collect();
        assert_eq!(done, Requeued { woken: woken.len(), requeued: moved.len() });
        self.queues[to].extend(moved);
        are_woken(woken);
    }
}

fn are_woken(waiting: impl IntoIterator<Item = Waiting>) {
    for (_, thread) in waiting {
        assert_eq!(thread.join().expect("a wait does not panic"), WaitResult::Woken);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_lot_is_what_plain_queues_are(calls in calls()) {
        let _watchdog = begin();
        let mut lot = Lot::default();
        for (index, call) in calls {
            lot.carry_out(index, call);
        }
        for index in 0..KEYS {
            lot.carry_out(index, Call::UnparkAll);
        }
    }

    #[test]
    fn futexes_are_what_plain_queues_are(calls in futex_calls()) {
        let _watchdog = begin();
        let mut futexes = Futexes::new();
        for (index, call) in &calls {
            futexes.carry_out(*index, call);
        }
        for index in 0..KEYS {
            futexes.carry_out(index, &FutexCall::WakeAll);
            assert_eq!(futexes.words[index].load(SeqCst), index as u32, "nothing here writes");
        }
    }
}
