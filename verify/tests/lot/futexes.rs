//! Futexes: no wake is lost or counted twice, whatever the schedule.

use crate::futex::{
    ALL, Changed, Requeued, WaitResult, requeue, requeue_if, wait, wait_masked, wait_until, wake, wake_all, wake_masked,
};
use crate::time::Instant;
use crate::{explore, memory, sample};
use core::num::NonZeroU32;
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32};

const ONE: NonZeroU32 = NonZeroU32::new(1).expect("not zero");
const TWO: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

#[test]
fn a_waiter_sees_the_change_or_is_woken() {
    explore("wait against wake", 6, || {
        let word = Arc::new(AtomicU8::new(0));
        let waiter = thread::spawn({
            let word = Arc::clone(&word);
            move || {
                let result = wait(&*word, 0);
                memory::leave();
                result
            }
        });
        word.store(1, Relaxed);
        let woken = wake(Arc::as_ptr(&word), 1);
        let expected = if woken == 1 { WaitResult::Woken } else { WaitResult::Changed };
        assert_eq!(waiter.join().expect("no panic"), expected);
    });
}

#[test]
fn memory_may_go_before_its_wake() {
    explore("wake of memory that is gone", 4, || {
        let word = Box::new(AtomicU8::new(0));
        let address = std::ptr::from_ref(&*word).addr();
        let waker = thread::spawn(move || wake_all(std::ptr::without_provenance::<AtomicU8>(address)));
        let result = wait_until(&*word, 0, Instant::MIN);
        memory::leave();
        drop(word);
        let woken = waker.join().expect("no panic");
        assert_eq!(result, if woken == 1 { WaitResult::Woken } else { WaitResult::TimedOut });
    });
}

#[test]
fn masks_choose_and_counts_are_exact() {
    explore("masks", 1, || {
        let word = Arc::new(AtomicU32::new(0));
        let waiters = [ONE, TWO, ALL].map(|mask| {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                let result = wait_masked(&*word, 0, mask, Instant::MIN);
                memory::leave();
                result == WaitResult::Woken
            })
        });
        let address = Arc::as_ptr(&word);
        let none = NonZeroU32::new(4).expect("not zero");
        let by_two = wake_masked(address, 1, TWO);
        let by_rest = wake_masked(address, usize::MAX, none);
        let [one, two, all] = waiters.map(|waiter| waiter.join().expect("no panic"));
        assert!(!one, "no bit in common with any wake's");
        assert_eq!(usize::from(two) + usize::from(all), by_two + by_rest);
        assert!(by_two <= 1 && (by_rest == 0 || all), "only one of them has that bit");
        assert_eq!(wake_all(address), 0);
    });
}

#[test]
fn a_requeue_compares_and_moves() {
    explore("requeue_if", 2, || {
        let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let waiters = [(); 2].map(|()| {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                let result = wait_until(&words[0], 0, Instant::MIN);
                memory::leave();
                result == WaitResult::Woken
            })
        });
        let (from, to) = (&words[0], &words[1]);
        assert_eq!(requeue_if(from, 1, to, 1, 1), Err(Changed), "the value is another");
        let moved = requeue_if(from, 0, to, 1, usize::MAX).expect("nobody changes it");
        assert!(moved.woken <= 1 && (moved.requeued == 0 || moved.woken == 1), "the first is woken");
        let woken = moved.woken + wake_all(to) + wake_all(from);
        let returned = waiters.map(|waiter| usize::from(waiter.join().expect("no panic")));
        assert_eq!(returned.iter().sum::<usize>(), woken);
        assert_eq!(requeue(from, to, 1, 1), Requeued::default(), "nobody waits");
    });
}

#[test]
fn each_wait_is_woken_and_each_wake_is_counted() {
    sample(200, || {
        let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let waiters = [0, 0, 1, 1].map(|index: usize| {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                let result = wait(&words[index], 0);
                memory::leave();
                usize::from(result == WaitResult::Woken)
            })
        });
        let waker = thread::spawn({
            let words = Arc::clone(&words);
            move || {
                let moved = requeue(&words[1], &words[0], 1, 1);
                words[0].store(1, Relaxed);
                words[1].store(1, Relaxed);
                moved.woken + wake(&words[0], 1) + wake_all(&words[1]) + wake_all(&words[0])
            }
        });
        let returned: usize = waiters.into_iter().map(|waiter| waiter.join().expect("no panic")).sum();
        assert_eq!(returned, waker.join().expect("no panic"));
    });
}
