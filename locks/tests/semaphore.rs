//! [`Semaphore`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, rounds};
use ntpark_locks::{Instant, Semaphore, TooManyPermits};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all};
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

assert_impl_all!(Semaphore: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(Semaphore, u32);
assert_eq_align!(Semaphore, u32);
assert_impl_all!(TooManyPermits: std::error::Error, Send, Sync);

const MAX: u32 = Semaphore::MAX_PERMITS;

/// The word of a semaphore.
fn bits(semaphore: &Semaphore) -> u32 {
    // SAFETY: promised by the documentation: one 32-bit word, which all use atomically.
    unsafe { &*(&raw const *semaphore).cast::<AtomicU32>() }.load(SeqCst)
}

#[test]
fn new_has_what_it_is_given() {
    static NONE: Semaphore = Semaphore::new(0);
    static TWO: Semaphore = Semaphore::new(2);
    let _test = begin();
    // SAFETY: promised by the documentation: zero is no permits.
    let zero: Semaphore = unsafe { std::mem::zeroed() };
    for semaphore in [&NONE, &zero, &Semaphore::default()] {
        assert_eq!((bits(semaphore), semaphore.available_permits()), (0, 0));
        assert!(!semaphore.try_acquire(1));
        assert!(semaphore.try_acquire(0));
    }
    assert!(TWO.try_acquire(1) && TWO.try_acquire(1) && !TWO.try_acquire(1));
    assert_eq!(Semaphore::new(MAX).available_permits(), MAX);
    assert!(catch_unwind(|| Semaphore::new(MAX + 1)).is_err());
    assert_eq!(format!("{:?}", Semaphore::new(3)), "Semaphore(3 permits)");
}

#[test]
fn permits_are_there_or_not() {
    let _test = begin();
    let semaphore = Semaphore::new(5);
    semaphore.acquire(2);
    assert!(!semaphore.try_acquire(4));
    assert!(!semaphore.try_acquire_until(4, Instant::MIN));
    expect_timeout(false, |deadline| semaphore.try_acquire_until(4, deadline));
    expect_timeout(false, |deadline| semaphore.try_acquire_until(u32::MAX, deadline));
    assert_eq!((semaphore.available_permits(), bits(&semaphore)), (3, bits(&Semaphore::new(3))));
    for deadline in [Instant::MIN, after(1), Instant::MAX] {
        assert!(semaphore.try_acquire_until(1, deadline));
    }
    assert_eq!(semaphore.release(5), Ok(()));
    assert!(semaphore.try_acquire(5) && !semaphore.try_acquire(1));
}

#[test]
fn there_is_a_limit() {
    let _test = begin();
    let semaphore = Semaphore::new(MAX - 1);
    assert_eq!(semaphore.release(2), Err(TooManyPermits));
    assert_eq!(semaphore.release(u32::MAX), Err(TooManyPermits));
    assert_eq!(semaphore.available_permits(), MAX - 1);
    assert!(!TooManyPermits.to_string().is_empty());
    // Also while a thread waits, which then gets what there is room for.
    thread::scope(|scope| {
        scope.spawn(|| semaphore.acquire(MAX));
        Queue::Semaphore.await_len(&semaphore, 1);
        assert_eq!(semaphore.release(2), Err(TooManyPermits));
        assert_eq!(semaphore.available_permits(), MAX - 1);
        assert_eq!(Queue::Semaphore.len(&semaphore), 1);
        assert_eq!(semaphore.release(1), Ok(()));
    });
    assert_eq!(bits(&semaphore), 0);
    assert_eq!(semaphore.release(MAX), Ok(()));
    assert_eq!(semaphore.release(1), Err(TooManyPermits));
}

#[test]
fn first_come_first_served() {
    let _test = begin();
    let semaphore = Semaphore::new(1);
    thread::scope(|scope| {
        let start = |permits, queued| {
            let semaphore = &semaphore;
            let thread = scope.spawn(move || semaphore.acquire(permits));
            Queue::Semaphore.await_len(semaphore, queued);
            thread
        };
        let many = start(3, 1);
        let one = start(1, 2);
        let none = start(0, 3);
        assert_eq!(format!("{semaphore:?}"), "Semaphore(1 permits + threads wait)");
        // Nobody overtakes the first, not even who needs nothing.
        assert!(!semaphore.try_acquire(1) && !semaphore.try_acquire(0));
        assert!(!semaphore.try_acquire_until(1, Instant::MIN));
        assert_eq!(semaphore.release(1), Ok(()));
        assert_eq!((Queue::Semaphore.len(&semaphore), semaphore.available_permits()), (3, 2));
        assert_eq!(semaphore.release(1), Ok(()));
        many.join().expect("it does not panic");
        assert_eq!((Queue::Semaphore.len(&semaphore), semaphore.available_permits()), (2, 0));
        assert_eq!(semaphore.release(4), Ok(()));
        for thread in [one, none] {
            thread.join().expect("it does not panic");
        }
        assert_eq!(bits(&semaphore), bits(&Semaphore::new(3)));
    });
}

/// A thread that wants more than there can be waits for ever, and is served nothing with those before it.
#[test]
fn more_than_there_can_be() {
    let _test = begin();
    let semaphore = Semaphore::new(0);
    thread::scope(|scope| {
        let one = scope.spawn(|| semaphore.acquire(1));
        Queue::Semaphore.await_len(&semaphore, 1);
        let too_many = scope.spawn(|| semaphore.try_acquire_until(u32::MAX, after(100)));
        while Queue::Semaphore.len(&semaphore) == 1 && !too_many.is_finished() {
            thread::yield_now();
        }
        assert_eq!(semaphore.release(1), Ok(()));
        one.join().expect("it does not panic");
        assert!(!too_many.join().expect("it does not panic"));
    });
    assert_eq!(bits(&semaphore), 0);
}

#[test]
fn one_that_gives_up_lets_those_behind_it_go() {
    let _test = begin();
    let semaphore = Semaphore::new(1);
    thread::scope(|scope| {
        let many = scope.spawn(|| semaphore.try_acquire_until(9, after(100)));
        while Queue::Semaphore.len(&semaphore) == 0 && !many.is_finished() {
            thread::yield_now();
        }
        let one = scope.spawn(|| semaphore.acquire(1));
        while Queue::Semaphore.len(&semaphore) == 1 && !many.is_finished() {
            thread::yield_now();
        }
        one.join().expect("it does not panic");
        assert!(!many.join().expect("it does not panic"));
    });
    assert_eq!(bits(&semaphore), 0);
}

/// As many threads as there are permits, at the most; and in the end, all permits are there.
#[test]
fn permits_are_kept() {
    const PERMITS: u32 = 3;
    let _test = begin();
    let semaphore = Semaphore::new(PERMITS);
    let inside = AtomicU32::new(0);
    thread::scope(|scope| {
        for seed in 0..6 {
            let (semaphore, inside) = (&semaphore, &inside);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..rounds(2_000) {
                    let permits = random.u32(..=PERMITS);
                    let has_them = match random.u8(..4) {
                        0 => semaphore.try_acquire(permits),
                        1 => {
                            let deadline = Instant::now() + Duration::from_micros(random.u64(..100));
                            semaphore.try_acquire_until(permits, deadline)
                        }
                        _ => {
                            semaphore.acquire(permits);
                            true
                        }
                    };
                    if has_them {
                        assert!(inside.fetch_add(permits, SeqCst) + permits <= PERMITS);
                        inside.fetch_sub(permits, SeqCst);
                        assert_eq!(semaphore.release(permits), Ok(()));
                    }
                }
            });
        }
    });
    assert_eq!(bits(&semaphore), bits(&Semaphore::new(PERMITS)));
}

/// What happened before each of several releases is visible to who takes their permits at once.
#[test]
fn all_releases_are_visible() {
    let _test = begin();
    for _ in 0..rounds(100) {
        let semaphore = Semaphore::new(0);
        let values = [const { Bare::<u32>::new(0) }; 3];
        thread::scope(|scope| {
            for value in &values {
                let semaphore = &semaphore;
                scope.spawn(move || {
                    // SAFETY: nobody else uses it before the release.
                    unsafe { value.with(|value| *value = 1) };
                    assert_eq!(semaphore.release(1), Ok(()));
                });
            }
            semaphore.acquire(3);
            // SAFETY: those who wrote have released.
            assert_eq!(values.each_ref().map(|value| unsafe { value.get() }), [1; 3]);
        });
    }
}

#[test]
fn it_may_go_when_the_permit_is_there() {
    let _test = begin();
    freed_at_once(
        || Semaphore::new(0),
        |semaphore| {
            semaphore.acquire(1);
            true
        },
        |semaphore| {
            assert_eq!(semaphore.release(1), Ok(()));
            false
        },
    );
}
