//! [`Barrier`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, rounds};
use ntpark_locks::{Barrier, BarrierWait, Instant};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

assert_impl_all!(Barrier: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(Barrier, u32);
assert_eq_align!(Barrier, u32);

#[test]
fn a_thread_alone() {
    static BARRIER: Barrier = Barrier::new();
    let _test = begin();
    // SAFETY: promised by the documentation: all zero when new.
    let zero: Barrier = unsafe { std::mem::zeroed() };
    for barrier in [&BARRIER, &zero, &Barrier::default()] {
        assert_eq!(format!("{barrier:?}"), "Barrier(0 arrived, round 0)");
        assert!(barrier.wait(1));
        assert_eq!(barrier.wait_until(1, Instant::MIN), BarrierWait::Last);
        assert_eq!(format!("{barrier:?}"), "Barrier(0 arrived, round 2)");
    }
}

#[test]
fn the_number_has_limits() {
    let _test = begin();
    let barrier = Barrier::new();
    assert!(barrier.wait(0), "as 1");
    assert_eq!(barrier.wait_until(u16::MAX, Instant::MIN), BarrierWait::TimedOut);
    assert_eq!(format!("{barrier:?}"), "Barrier(0 arrived, round 1)");
}

/// Each thread writes its own value, and after the barrier sees those of all; one thread of each round is the last.
#[test]
fn threads_meet() {
    const THREADS: u16 = 4;
    let _test = begin();
    let barrier = Barrier::new();
    let values = [const { Bare::<usize>::new(0) }; THREADS as usize];
    let last = AtomicUsize::new(0);
    thread::scope(|scope| {
        for own in &values {
            let (barrier, values, last) = (&barrier, &values, &last);
            scope.spawn(move || {
                for round in 1..=rounds(500) {
                    // SAFETY: the others do not look before all have arrived.
                    unsafe { own.with(|value| *value = round) };
                    last.fetch_add(usize::from(barrier.wait(THREADS)), SeqCst);
                    // SAFETY: all have written, and do not again before all have arrived once more.
                    assert!(values.iter().all(|value| unsafe { value.get() } == round));
                    last.fetch_add(usize::from(barrier.wait(THREADS)), SeqCst);
                }
            });
        }
    });
    assert_eq!(last.into_inner(), 2 * rounds(500));
}

/// The rounds are counted in 16 bits, and go on after that.
#[test]
fn rounds_begin_anew() {
    let _test = begin();
    let barrier = Barrier::new();
    for round in 0..65_535 {
        if cfg!(miri) && round == 10 {
            return;
        }
        assert!(barrier.wait(1));
    }
    thread::scope(|scope| {
        let waiter = scope.spawn(|| barrier.wait(2));
        Queue::Barrier.await_len(&barrier, 1);
        assert_eq!(format!("{barrier:?}"), "Barrier(1 arrived, round 65535)");
        assert!(barrier.wait(2));
        assert!(!waiter.join().expect("it does not panic"));
    });
    assert_eq!(format!("{barrier:?}"), "Barrier(0 arrived, round 0)");
}

#[test]
fn one_that_gives_up_has_not_arrived() {
    let _test = begin();
    let barrier = Barrier::new();
    expect_timeout(BarrierWait::TimedOut, |deadline| barrier.wait_until(2, deadline));
    assert_eq!(barrier.wait_until(2, Instant::MIN), BarrierWait::TimedOut);
    assert_eq!(format!("{barrier:?}"), "Barrier(0 arrived, round 0)");
    thread::scope(|scope| {
        let stays = scope.spawn(|| barrier.wait_until(3, Instant::MAX));
        Queue::Barrier.await_len(&barrier, 1);
        assert_eq!(barrier.wait_until(3, after(1)), BarrierWait::TimedOut);
        assert_eq!(format!("{barrier:?}"), "Barrier(1 arrived, round 0)");
        let second = scope.spawn(|| barrier.wait_until(3, Instant::MAX));
        Queue::Barrier.await_len(&barrier, 2);
        assert_eq!(barrier.wait_until(3, Instant::MIN), BarrierWait::Last);
        for waiter in [stays, second] {
            assert_eq!(waiter.join().expect("it does not panic"), BarrierWait::Met);
        }
    });
}

/// More threads than meet in a round, and some give up: whoever is met was met by a full round.
#[test]
fn rounds_are_full() {
    const THREADS: u16 = 3;
    let _test = begin();
    let barrier = Barrier::new();
    let (met, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..5 {
            let (barrier, met, last) = (&barrier, &met, &last);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..rounds(500) {
                    let deadline = Instant::now() + Duration::from_micros(random.u64(..300));
                    match barrier.wait_until(THREADS, deadline) {
                        BarrierWait::Last => last.fetch_add(1, SeqCst),
                        BarrierWait::Met => met.fetch_add(1, SeqCst),
                        BarrierWait::TimedOut => 0,
                    };
                }
            });
        }
    });
    let (met, last) = (met.into_inner(), last.into_inner());
    assert_eq!(met, 2 * last);
    assert_eq!(format!("{barrier:?}"), format!("Barrier(0 arrived, round {})", last % 65_536));
}

/// The last to arrive does not touch it once the others could return.
#[test]
fn it_may_go_when_the_others_return() {
    let _test = begin();
    let meet = |barrier: &Barrier| !barrier.wait(2);
    freed_at_once(Barrier::new, meet, meet);
}
