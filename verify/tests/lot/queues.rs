//! The plain model: lists of those who wait, by key.
//!
//! It follows the product from inside the callbacks, which run where a call takes effect, under the bucket's lock: so
//! it knows what each call has to find there, and how each park has to end.

use crate::lot::table::bucket;
use crate::lot::{
    DEFAULT_PARK_TOKEN, FilterOp, Key, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken, park,
    park_in_front, unpark_filter, unpark_one, unpark_requeue,
};
use crate::time::Instant;
use crate::{A, B, C, memory, spawn, step};
use shuttle::thread;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Names a park.
type Wait = usize;

/// What is in the table, as it has to be. Shared by the threads of a test.
#[derive(Clone, Default)]
pub(crate) struct Queues(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    begun: Wait,
    queues: HashMap<usize, VecDeque<(Wait, ParkToken)>>,
    /// How parks have to end that are in no queue any more.
    ends: HashMap<Wait, ParkResult>,
    /// The buckets in which a callback runs.
    locked: HashSet<usize>,
}

impl State {
    fn queue(&mut self, key: usize) -> &mut VecDeque<(Wait, ParkToken)> {
        self.queues.entry(key).or_default()
    }

    /// Takes the first `count` out of their queue; they are to return with this token.
    fn unpark(&mut self, key: usize, count: usize, token: UnparkToken) {
        for (wait, _) in self.queue(key).drain(..count).collect::<Vec<_>>() {
            assert_eq!(self.ends.insert(wait, ParkResult::Unparked(token)), None, "it is woken once");
        }
    }
}

impl Queues {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// No other thread runs before it is unlocked again.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    /// What a callback does, with the bucket locked: no other callback of that bucket's runs meanwhile.
    fn under_lock<T>(&self, keys: &[usize], work: impl FnOnce(&mut State) -> T) -> T {
        let buckets: HashSet<_> = keys.iter().map(|&key| ptr::from_ref(bucket(key.into())).addr()).collect();
        for &bucket in &buckets {
            assert!(self.state().locked.insert(bucket), "two callbacks run in one bucket");
        }
        step();
        let done = work(&mut self.state());
        for bucket in &buckets {
            self.state().locked.remove(bucket);
        }
        done
    }

    /// Parks; the queues say how that has to end.
    pub(crate) fn park(&self, key: usize, deadline: Instant) -> ParkResult {
        self.park_with(key, false, DEFAULT_PARK_TOKEN, deadline, || {})
    }

    pub(crate) fn park_with(
        &self,
        key: usize,
        in_front: bool,
        token: ParkToken,
        deadline: Instant,
        before_sleep: impl FnOnce(),
    ) -> ParkResult {
        let wait = {
            let mut state = self.state();
            state.begun += 1;
            state.begun
        };
        let validate = || {
            self.under_lock(&[key], |state| {
                let queue = state.queue(key);
                if in_front { queue.push_front((wait, token)) } else { queue.push_back((wait, token)) }
            });
            true
        };
        let timed_out = |key: Key, was_last: bool| {
            let key = key.address();
            self.under_lock(&[key], |state| {
                let queue = state.queue(key);
                let place = queue.iter().position(|&(other, _)| other == wait);
                queue.remove(place.expect("it waits for this key, and nobody has woken it"));
                assert_eq!(was_last, queue.is_empty());
                state.ends.insert(wait, ParkResult::TimedOut);
            });
        };
        let park = if in_front { park_in_front } else { park };
        // SAFETY: the callbacks call nothing of the lot's, and the key is the test's.
        let result = unsafe { park(key, validate, before_sleep, timed_out, token, deadline) };
        memory::leave();
        assert_eq!(Some(result), self.state().ends.remove(&wait), "what the thread was told, by whom it was woken");
        result
    }

    pub(crate) fn unpark_one(&self, key: usize, token: UnparkToken) -> usize {
        // SAFETY: as in `park_with`; and so below.
        let result = unsafe {
            unpark_one(key, |found| {
                self.under_lock(&[key], |state| {
                    let count = state.queue(key).len();
                    assert_counts(found, count.min(1), 0, count > 1);
                    state.unpark(key, count.min(1), token);
                });
                token
            })
        };
        result.unparked_threads
    }

    /// Unparks as the filter says.
    pub(crate) fn unpark_filter(&self, key: usize, token: UnparkToken, filter: fn(ParkToken) -> FilterOp) -> usize {
        let mut asked = Vec::new();
        // SAFETY: as above.
        let result = unsafe {
            unpark_filter(
                key,
                |token| {
                    asked.push(token);
                    filter(token)
                },
                |found| {
                    self.under_lock(&[key], |state| self.filter(state, key, token, filter, found));
                    token
                },
            )
        };
        assert!(asked.len() >= result.unparked_threads);
        result.unparked_threads
    }

    /// What a filter has to find.
    fn filter(
        &self,
        state: &mut State,
        key: usize,
        token: UnparkToken,
        filter: fn(ParkToken) -> FilterOp,
        found: UnparkResult,
    ) {
        let mut queue = std::mem::take(state.queue(key));
        let stop = queue.iter().position(|&(_, token)| filter(token) == FilterOp::Stop).unwrap_or(queue.len());
        let (chosen, left): (VecDeque<_>, VecDeque<_>) =
            queue.drain(..stop).partition(|&(_, token)| filter(token) == FilterOp::Unpark);
        let rest = left.into_iter().chain(queue).collect::<VecDeque<_>>();
        assert_counts(found, chosen.len(), 0, !rest.is_empty());
        let count = chosen.len();
        *state.queue(key) = chosen;
        state.unpark(key, count, token);
        *state.queue(key) = rest;
    }

    pub(crate) fn unpark_all(&self, key: usize, token: UnparkToken) -> usize {
        self.unpark_filter(key, token, |_| FilterOp::Unpark)
    }

    pub(crate) fn requeue(&self, from: usize, to: usize, op: RequeueOp, token: UnparkToken) -> UnparkResult {
        let validate = || {
            self.under_lock(&[from, to], |_| ());
            op
        };
        let callback = |given, found| {
            assert_eq!(given, op);
            self.under_lock(&[from, to], |state| {
                let count = state.queue(from).len();
                let (unpark, requeue) = match op {
                    RequeueOp::Abort => unreachable!("then it is not called"),
                    RequeueOp::UnparkOneRequeueRest => (count.min(1), count.saturating_sub(1)),
                    RequeueOp::RequeueAll => (0, count),
                    RequeueOp::UnparkOne => (count.min(1), 0),
                    RequeueOp::RequeueOne => (0, count.min(1)),
                    RequeueOp::Count { unpark, requeue } => {
                        let unpark = count.min(unpark);
                        (unpark, requeue.min(count - unpark))
                    }
                };
                assert_counts(found, unpark, requeue, count > unpark + requeue);
                state.unpark(from, unpark, token);
                let moved: Vec<_> = state.queue(from).drain(..requeue).collect();
                state.queue(to).extend(moved);
            });
            token
        };
        // SAFETY: as above.
        unsafe { unpark_requeue(from, to, validate, callback) }
    }

    /// How many wait for a key now. Others may come and go meanwhile.
    pub(crate) fn waiting(&self, key: usize) -> usize {
        self.state().queue(key).len()
    }

    /// Returns once so many wait for a key.
    pub(crate) fn await_waiting(&self, key: usize, count: usize) {
        while self.waiting(key) < count {
            thread::yield_now();
        }
    }
}

fn assert_counts(found: UnparkResult, unparked: usize, requeued: usize, more: bool) {
    let UnparkResult { unparked_threads, requeued_threads, have_more_threads, .. } = found;
    assert_eq!((unparked_threads, requeued_threads, have_more_threads), (unparked, requeued, more));
}

#[test]
fn keys_are_where_tests_need_them() {
    crate::sample(1, || {
        let [a, b, c] = [A, B, C].map(|key| ptr::from_ref(bucket(key.into())));
        assert_eq!(a, b);
        assert_ne!(a, c);
        spawn(|| {}).join().expect("no panic");
    });
}
