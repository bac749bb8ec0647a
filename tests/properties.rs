//! Random sequences of calls against the simplest model of what they promise, on the process's backend.
//!
//! The model of a parker is whether it has a token, and whether a thread is parked there; that of a two-phase
//! parker is its state. Threads that would block are started beside, and are there before the next call is
//! made, so that every answer is known beforehand.

mod common;

use common::{await_parked, begin, is_at_least};
use ntpark::{Backend, Instant, Parker, ThreadParker, UnparkReason};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{self, Duration};

/// How many parkers a sequence uses.
const PARKERS: usize = 3;

/// As each case starts threads, fewer than usual.
fn config() -> ProptestConfig {
    ProptestConfig { cases: if cfg!(miri) { 4 } else { 64 }, ..common::proptest_config() }
}

/// None, or a short one.
fn timeouts() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (1..3_000_000_u64).prop_map(Duration::from_nanos)]
}

/// A call to one of the parkers.
#[derive(Clone, Copy, Debug)]
enum Call {
    Unpark,
    Park,
    ParkTimeout(Duration),
    ParkUntil(Duration),
    ParkUntilPast,
}

fn calls() -> impl Strategy<Value = Vec<(usize, Call)>> {
    let call = prop_oneof![
        4 => Just(Call::Unpark),
        2 => Just(Call::Park),
        2 => timeouts().prop_map(Call::ParkTimeout),
        1 => timeouts().prop_map(Call::ParkUntil),
        1 => Just(Call::ParkUntilPast),
    ];
    proptest::collection::vec((0..PARKERS, call), 1..40)
}

/// A parker and what is known of it.
struct Modelled {
    parker: &'static Parker,
    token: bool,
    parked: Option<JoinHandle<UnparkReason>>,
}

impl Modelled {
    fn new() -> Self {
        Self { parker: Box::leak(Box::new(Parker::new())), token: false, parked: None }
    }

    /// What a park says that need not block; `None` if it has to.
    fn ready(&mut self) -> Option<UnparkReason> {
        if self.parked.is_some() {
            return Some(UnparkReason::Busy);
        }
        std::mem::take(&mut self.token).then_some(UnparkReason::Unparked)
    }

    fn carry_out(&mut self, call: Call) {
        let start = time::Instant::now();
        match call {
            Call::Unpark => {
                let parked = self.parked.take();
                assert_eq!(self.parker.unpark(), parked.is_some());
                match parked {
                    Some(thread) => assert_eq!(thread.join().expect("a park does not panic"), UnparkReason::Unparked),
                    None => self.token = true,
                }
            }
            Call::Park => match self.ready() {
                Some(reason) => assert_eq!(self.parker.park(), reason),
                None => {
                    let parker = self.parker;
                    self.parked = Some(thread::spawn(|| parker.park()));
                    await_parked(parker);
                }
            },
            Call::ParkTimeout(timeout) => {
                let reason = self.ready();
                assert_eq!(self.parker.park_timeout(timeout), reason.unwrap_or(UnparkReason::TimedOut));
                assert!(reason.is_some() || is_at_least(start.elapsed(), timeout));
            }
            Call::ParkUntil(timeout) => {
                let reason = self.ready();
                let deadline = Backend::get().now() + timeout;
                assert_eq!(self.parker.park_until(deadline), reason.unwrap_or(UnparkReason::TimedOut));
                assert!(reason.is_some() || is_at_least(start.elapsed(), timeout));
            }
            Call::ParkUntilPast => {
                let reason = self.ready().unwrap_or(UnparkReason::TimedOut);
                // A tick of any clock ago.
                let past = Backend::get().now() - Duration::from_millis(20);
                assert_eq!(self.parker.park_until(past), reason);
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parkers_do_what_the_model_says(calls in calls()) {
        let _watchdog = begin();
        let mut parkers: Vec<Modelled> = (0..PARKERS).map(|_| Modelled::new()).collect();
        for (index, call) in calls {
            parkers[index].carry_out(call);
        }
        // Whatever happened, each works as if it were new once its token is gone.
        for parker in &mut parkers {
            parker.carry_out(Call::Unpark);
            parker.carry_out(Call::ParkTimeout(Duration::ZERO));
            parker.carry_out(Call::ParkTimeout(Duration::ZERO));
            parker.carry_out(Call::Park);
            if parker.parked.is_some() {
                parker.carry_out(Call::Unpark);
            }
        }
    }
}

/// A call to a two-phase parker.
#[derive(Clone, Copy, Debug)]
enum TwoPhaseCall {
    Prepare,
    Park,
    ParkUntil(Duration),
    ParkUntilPast,
    Unpark,
    TimedOut,
}

fn two_phase_calls() -> impl Strategy<Value = Vec<TwoPhaseCall>> {
    let call = prop_oneof![
        3 => Just(TwoPhaseCall::Prepare),
        1 => Just(TwoPhaseCall::Park),
        1 => timeouts().prop_map(TwoPhaseCall::ParkUntil),
        1 => Just(TwoPhaseCall::ParkUntilPast),
        2 => Just(TwoPhaseCall::Unpark),
        2 => Just(TwoPhaseCall::TimedOut),
    ];
    proptest::collection::vec(call, 1..40)
}

/// What a two-phase parker is, between calls.
enum State {
    New,
    Armed,
    Notified,
    TimedOut,
    /// A thread is parked, or on its way.
    Parked(JoinHandle<UnparkReason>),
}

/// Makes a call, and says what the state is then. While a thread is parked, only an unpark may come; all else
/// is left out.
fn carry_out_two_phase(parker: &'static ThreadParker, state: State, call: TwoPhaseCall) -> State {
    let park = |deadline: Instant, state: State| {
        let (reason, state) = match state {
            State::Armed => (UnparkReason::TimedOut, State::TimedOut),
            State::Notified => (UnparkReason::Unparked, State::Notified),
            state => (UnparkReason::Busy, state),
        };
        assert_eq!(parker.try_park_until(deadline), reason);
        (reason, state)
    };
    match (call, state) {
        (TwoPhaseCall::Unpark, State::Parked(thread)) => {
            // True if the thread had begun to wait, false if it was on its way.
            let was_parked = parker.unpark_lock().unpark();
            assert_eq!(thread.join().expect("a park does not panic"), UnparkReason::Unparked);
            assert!(!parker.timed_out());
            if was_parked { State::New } else { State::Notified }
        }
        (_, state @ State::Parked(_)) => state,
        (TwoPhaseCall::Unpark, _) => {
            assert!(!parker.unpark_lock().unpark());
            State::Notified
        }
        (TwoPhaseCall::Prepare, _) => {
            parker.prepare_park();
            State::Armed
        }
        (TwoPhaseCall::Park, State::Armed) => State::Parked(thread::spawn(|| parker.try_park_until(Instant::MAX))),
        (TwoPhaseCall::Park, state) => park(Instant::MAX, state).1,
        (TwoPhaseCall::ParkUntil(timeout), state) => {
            let start = time::Instant::now();
            let (reason, state) = park(parker.backend().deadline(timeout), state);
            assert!(reason != UnparkReason::TimedOut || is_at_least(start.elapsed(), timeout));
            state
        }
        (TwoPhaseCall::ParkUntilPast, state) => park(Instant::MIN, state).1,
        (TwoPhaseCall::TimedOut, state) => {
            // Only ever asked after a park that ran out of time: of any other state, nothing is promised but that it is
            // not that.
            assert_eq!(parker.timed_out(), matches!(state, State::TimedOut));
            state
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_phase_parkers_do_what_the_model_says(calls in two_phase_calls(), own_backend in any::<bool>()) {
        let _watchdog = begin();
        let backend: &'static Backend = Box::leak(Box::new(Backend::get()));
        let parker = if own_backend { ThreadParker::with_backend(backend) } else { ThreadParker::new() };
        let parker: &'static ThreadParker = Box::leak(Box::new(parker));
        let mut state = State::New;
        for call in calls.into_iter().chain([TwoPhaseCall::Unpark]) {
            state = carry_out_two_phase(parker, state, call);
        }
    }
}

/// Two threads hand a token to and fro, and a third polls in between: they must not notice.
#[test]
fn a_park_of_no_time_disturbs_nobody() {
    const ROUNDS: u64 = common::rounds(2_000);
    let _watchdog = begin();
    let parkers = [Parker::new(), Parker::new()];
    let over = AtomicUsize::new(0);
    let busy = AtomicUsize::new(0);
    let take = |parker: &Parker| {
        while parker.park() != UnparkReason::Unparked {
            busy.fetch_add(1, Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                parkers[1].unpark();
                take(&parkers[0]);
            }
            over.fetch_add(1, Relaxed);
        });
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                take(&parkers[1]);
                parkers[0].unpark();
            }
            over.fetch_add(1, Relaxed);
        });
        while over.load(Relaxed) < 2 {
            for parker in &parkers {
                let looks = [parker.park_timeout(Duration::ZERO), parker.park_until(Instant::MIN)];
                if looks.contains(&UnparkReason::Unparked) {
                    // Not ours.
                    parker.unpark();
                }
            }
        }
    });
    assert_eq!(busy.load(Relaxed), 0, "a thread that only polls was taken for one that is parked");
}
