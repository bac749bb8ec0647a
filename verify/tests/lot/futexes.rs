//! Futexes: no wake is lost or counted twice, whatever the schedule.

use crate::futex::{
    ALL, Changed, Requeued, WaitResult, requeue, requeue_if, wait, wait_masked, wake, wake_all, wake_masked,
};
use crate::time::Instant;
use crate::{explore, memory, sample, spawn, step};
use core::num::NonZeroU32;
use shuttle::thread::{self, JoinHandle};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32};

const SOON: Instant = Instant::from_ticks(1);
const ONE: NonZeroU32 = NonZeroU32::new(1).expect("not zero");
const TWO: NonZeroU32 = NonZeroU32::new(2).expect("not zero");
const FOUR: NonZeroU32 = NonZeroU32::new(4).expect("not zero");

/// A thread that waits as long as the word is 0, and tells whether it was woken.
fn waiter(word: &'static AtomicU32, mask: NonZeroU32, deadline: Instant) -> JoinHandle<WaitResult> {
    spawn(move || {
        let result = wait_masked(word, 0, mask, deadline);
        memory::leave();
        result
    })
}

fn is_woken(waiter: JoinHandle<WaitResult>) -> bool {
    waiter.join().expect("no panic") == WaitResult::Woken
}

// The words are statics, so that their buckets are the same in each execution.

#[test]
fn a_waiter_sees_the_change_or_is_woken() {
    static WORD: AtomicU8 = AtomicU8::new(0);
    explore("wait against wake", 4, || {
        WORD.store(0, Relaxed);
        let waiter = spawn(|| {
            let result = wait(&WORD, 0);
            memory::leave();
            result
        });
        step();
        WORD.store(1, Relaxed);
        let woken = wake(&WORD, 1);
        let expected = if woken == 1 { WaitResult::Woken } else { WaitResult::Changed };
        assert_eq!(waiter.join().expect("no panic"), expected);
    });
}

#[test]
fn masks_choose_and_counts_are_exact() {
    static WORD: AtomicU32 = AtomicU32::new(0);
    explore("masks", 0, || {
        let waiters = [ONE, TWO, ALL].map(|mask| waiter(&WORD, mask, SOON));
        thread::yield_now();
        let by_two = wake_masked(&WORD, 1, TWO);
        let by_four = wake_masked(&WORD, usize::MAX, FOUR);
        let [one, two, all] = waiters.map(is_woken);
        assert!(!one, "it has no bit in common with any wake");
        assert_eq!(usize::from(two) + usize::from(all), by_two + by_four);
        assert!(by_two <= 1 && (by_four == 0 || all), "only one of them has that bit");
        assert_eq!(wake_all(&WORD), 0);
    });
}

#[test]
fn a_requeue_compares_and_moves() {
    static FROM: AtomicU32 = AtomicU32::new(0);
    static TO: AtomicU32 = AtomicU32::new(0);
    explore("requeue_if", 1, || {
        let waiters = [(); 2].map(|()| waiter(&FROM, ALL, SOON));
        assert_eq!(requeue_if(&FROM, 1, &TO, 1, 1), Err(Changed), "the value is another");
        let moved = requeue_if(&FROM, 0, &TO, 1, usize::MAX).expect("nobody changes it");
        assert!(moved.woken <= 1 && (moved.requeued == 0 || moved.woken == 1), "the first is woken");
        let woken = moved.woken + wake_all(&TO) + wake_all(&FROM);
        assert_eq!(waiters.map(is_woken).into_iter().filter(|&woken| woken).count(), woken);
        assert_eq!(requeue(&FROM, &TO, 1, 1), Requeued::default(), "nobody waits");
    });
}

#[test]
fn a_requeue_compares_under_the_lock() {
    static FROM: AtomicU32 = AtomicU32::new(0);
    static TO: AtomicU32 = AtomicU32::new(0);
    explore("requeue_if against a change", 2, || {
        FROM.store(0, Relaxed);
        let waiter = spawn(|| {
            step();
            FROM.store(1, Relaxed);
            let result = wait_masked(&FROM, 1, ALL, SOON);
            memory::leave();
            result
        });
        let moved = requeue_if(&FROM, 0, &TO, usize::MAX, 0);
        assert!(matches!(moved, Ok(Requeued { woken: 0, requeued: 0 }) | Err(Changed)), "it waits after the change");
        assert!(!is_woken(waiter));
    });
}

#[test]
fn each_wait_is_woken_and_each_wake_is_counted() {
    static WORDS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
    sample(200, || {
        let [one, two] = &WORDS;
        one.store(0, Relaxed);
        two.store(0, Relaxed);
        let waiters = [one, one, two, two].map(|word| waiter(word, ALL, Instant::MAX));
        let waker = spawn(|| {
            let moved = requeue(two, one, 1, 1);
            one.store(1, Relaxed);
            two.store(1, Relaxed);
            moved.woken + wake(one, 1) + wake_all(two) + wake_all(one)
        });
        let returned = waiters.map(is_woken).into_iter().filter(|&woken| woken).count();
        assert_eq!(returned, waker.join().expect("no panic"));
    });
}

/// Memory that is used for something else by now: its address is all that a wake knows.
#[test]
fn a_late_wake_meets_whoever_waits_there_by_then() {
    static MEMORY: [AtomicU32; 1] = [AtomicU32::new(0)];
    explore("late wake", 1, || {
        let late = spawn(|| wake(std::ptr::without_provenance::<AtomicU8>(MEMORY.as_ptr().addr()), 1));
        let waiters = [(); 2].map(|()| waiter(&MEMORY[0], ALL, SOON));
        let woken = late.join().expect("no panic");
        assert_eq!(waiters.map(is_woken).into_iter().filter(|&woken| woken).count(), woken);
    });
}
