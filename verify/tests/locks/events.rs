//! [`Event`]: a set lets one thread through, or all; none is lost, and none counts twice.

use crate::event::Event;
use crate::schedules::{explore, sample};
use crate::time::Instant;
use crate::{Place, SOON, join, place, spawn, step, until};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::cell::Cell;

/// The byte of an event that is not set.
const MANUAL: u8 = 4;

/// Nobody uses it, it is not set, and it is gone.
fn free(event: Place<Event>, byte: u8) {
    assert_eq!(event.word::<u8>(), byte, "nobody waits");
    event.free();
}

/// Waits until a deadline, and does not give up what is set.
fn wait_until(event: Place<Event>, deadline: Instant) -> bool {
    let is_through = event.wait_until(deadline);
    // Nobody else has run since this thread has tried for the last time.
    assert!(is_through || event.word::<u8>() % 2 == 0, "it is out of time though the event is set");
    is_through
}

#[test]
fn who_gets_through_may_free_it() {
    explore("automatic", 3, || {
        let event = place(0, Event::new());
        let setter = spawn(move || event.set());
        event.wait();
        free(event, 0);
        join([setter]);
    });
    explore("manual", 1, || {
        let event = place(0, Event::new_manual_reset());
        let (setter, other) = (spawn(move || event.set()), spawn(move || event.wait()));
        event.wait();
        join([other]);
        free(event, MANUAL + 1);
        join([setter]);
    });
}

#[test]
fn a_set_lets_one_through() {
    explore("one by one", 1, || {
        let event = place(0, Event::new());
        let through = place(0, Cell::new(0));
        let waiters = [(); 2].map(|()| {
            spawn(move || {
                event.wait();
                through.set(through.get() + 1);
            })
        });
        for sets in 1..=2 {
            event.set();
            until(|| through.get() == sets);
            assert!(!event.is_set(), "it is spent");
        }
        join(waiters);
        free(event, 0);
    });
}

#[test]
fn a_set_that_counts_lets_one_through_or_stays() {
    explore("time-outs of an event", 1, || {
        let event = place(0, Event::new());
        let waiters = [(); 2].map(|()| spawn(move || wait_until(event, SOON)));
        event.set();
        let through = join(waiters).into_iter().filter(|&is_through| is_through).count();
        assert_eq!(through + usize::from(event.reset()), 1);
        free(event, 0);
    });
    explore("a time-out of an event", 3, || {
        let event = place(0, Event::new());
        let waiter = spawn(move || wait_until(event, SOON));
        thread::yield_now();
        step();
        event.set();
        assert_eq!(join([waiter]), [!event.reset()]);
        free(event, 0);
    });
}

#[test]
fn a_gate_is_open_until_it_is_reset() {
    explore("gate", 1, || {
        let event = place(0, Event::new_manual_reset());
        let waiters = [(); 2].map(|()| spawn(move || wait_until(event, Instant::from_ticks(3))));
        assert!(!event.try_wait() && !event.reset());
        event.set();
        assert!(event.try_wait() && event.is_set(), "it stays");
        let late = spawn(move || event.wait());
        join([late]);
        assert!(event.reset() && !event.is_set());
        assert!(!event.try_wait());
        join(waiters);
        free(event, MANUAL);
    });
    explore("all get through", 1, || {
        let event = place(0, Event::new_manual_reset());
        let waiters = [(); 2].map(|()| spawn(move || event.wait()));
        thread::yield_now();
        event.set();
        join(waiters);
        free(event, MANUAL + 1);
    });
}

#[test]
fn the_first_to_come_is_the_first_through() {
    explore("order", 0, || {
        let event = place(0, Event::new());
        let through = place(0, Cell::new(0));
        let waiters = [0, 1].map(|number| {
            let is_begun = place(0, Cell::new(false));
            let waiter = spawn(move || {
                is_begun.set(true);
                event.wait();
                assert_eq!(through.replace(number + 1), number);
            });
            // Without preemptions, it runs on until it waits.
            until(|| is_begun.get());
            waiter
        });
        event.set();
        assert!(!event.try_wait(), "it has let the first through");
        until(|| through.get() == 1);
        event.set();
        join(waiters);
        free(event, 0);
    });
}

#[test]
fn each_set_is_spent_once() {
    sample(250, || {
        let event = place(0, Event::new());
        let (sets, finished) = (place(0, Cell::new(0)), place(0, Cell::new(0)));
        let threads = [(); 3].map(|()| {
            spawn(move || {
                let mut through = 0;
                for _ in 0..4 {
                    let deadline = [Instant::MIN, SOON, Instant::from_ticks(9), Instant::MAX];
                    let deadline = deadline[thread_rng().gen_range(0..4)];
                    through += usize::from(wait_until(event, deadline));
                    assert!(through <= sets.get(), "nobody gets through before it is set");
                }
                finished.set(finished.get() + 1);
                through
            })
        });
        while finished.get() < threads.len() {
            sets.set(sets.get() + 1);
            event.set();
            until(|| !event.is_set() || finished.get() == threads.len());
        }
        let through = join(threads).into_iter().sum::<usize>();
        // Each was spent before the next, so none was made of two.
        assert_eq!(through + usize::from(event.reset()), sets.get());
        free(event, 0);
    });
}
