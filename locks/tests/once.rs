//! [`Once`], [`OnceLock`] and [`LazyLock`].

mod common;

use common::{Bare, Queue, after, begin, expect_timeout, freed_at_once, rounds};
use ntpark_locks::{Begin, Instant, LazyLock, Once, OnceLock};
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::thread;

assert_impl_all!(Once: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_eq_size!(Once, u8);
assert_impl_all!(OnceLock<Cell<u8>>: Send);
assert_not_impl_any!(OnceLock<Cell<u8>>: Sync);
assert_not_impl_any!(OnceLock<MutexGuard<'static, ()>>: Send, Sync);
assert_impl_all!(LazyLock<u8, Box<dyn FnOnce() -> u8 + Send>>: Send, Sync);
assert_not_impl_any!(LazyLock<u8, Rc<u8>>: Send, Sync);
assert_not_impl_any!(LazyLock<Cell<u8>>: Sync);

/// The byte.
fn bits(once: &Once) -> u8 {
    // SAFETY: promised by the documentation: one byte, which all use atomically.
    unsafe { &*(&raw const *once).cast::<AtomicU8>() }.load(SeqCst)
}

/// Unwinds without a message.
fn unwind<R>() -> R {
    resume_unwind(Box::new(()))
}

/// Whether it unwinds.
fn unwinds<R>(call: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

/// The calling thread has begun.
fn complete(once: &Once) {
    // SAFETY: as the caller knows.
    unsafe { once.complete() };
}

/// The calling thread has begun.
fn abandon(once: &Once) {
    // SAFETY: as the caller knows.
    unsafe { once.abandon() };
}

#[test]
fn once_is_once() {
    static ONCE: Once = Once::new();
    let _test = begin();
    // SAFETY: promised by the documentation: all zero when new.
    let zero: Once = unsafe { std::mem::zeroed() };
    for once in [&ONCE, &zero, &Once::default()] {
        assert_eq!((bits(once), once.is_completed(), once.is_poisoned()), (0, false, false));
        let mut calls = 0;
        once.call_once(|| calls += 1);
        once.call_once(|| calls += 1);
        once.call_once_force(|_| calls += 1);
        once.wait();
        assert!(once.wait_until(Instant::MIN));
        assert_eq!((calls, once.is_completed(), once.begin(Instant::MIN)), (1, true, Begin::Done));
    }
}

#[test]
fn threads_see_what_was_done() {
    let _test = begin();
    for _ in 0..rounds(100) {
        let (once, value) = (Once::new(), Bare::<u32>::default());
        thread::scope(|scope| {
            for index in 0..4 {
                let (once, value) = (&once, &value);
                scope.spawn(move || {
                    // SAFETY: of all these, one runs, and the others have not looked yet.
                    let initialise = || unsafe { value.with(|value| *value += 1) };
                    match index {
                        0 => once.wait(),
                        1 => once.call_once_force(|_| initialise()),
                        _ => once.call_once(initialise),
                    }
                    // SAFETY: nobody writes any more.
                    assert_eq!(unsafe { value.get() }, 1);
                });
            }
        });
    }
}

#[test]
fn an_initialiser_unwinds() {
    let _test = begin();
    let once = Once::new();
    assert!(unwinds(|| once.call_once(unwind)));
    assert!(once.is_poisoned() && !once.is_completed());
    assert_eq!(format!("{once:?}"), "Once(poisoned)");
    assert!(unwinds(|| once.call_once(|| unreachable!("it is poisoned"))));
    assert!(unwinds(|| once.call_once_force(|is_poisoned| {
        assert!(is_poisoned && !once.is_poisoned());
        unwind()
    })));
    expect_timeout(false, |deadline| once.wait_until(deadline));
    assert_eq!(format!("{once:?}"), "Once(poisoned)", "a waiter that has left leaves nothing");
    once.call_once_force(|is_poisoned| assert!(is_poisoned));
    assert!(once.is_completed() && !once.is_poisoned());
    once.call_once(|| unreachable!("it has been done"));
}

/// As C calls it.
#[test]
fn the_separate_calls() {
    let _test = begin();
    let once = Once::new();
    assert_eq!(once.begin(Instant::MIN), Begin::Run { poisoned: false });
    let running = bits(&once);
    assert_eq!(format!("{once:?}"), "Once(a thread is at it)");
    assert_eq!(once.begin(Instant::MIN), Begin::TimedOut);
    expect_timeout(Begin::TimedOut, |deadline| once.begin(deadline));
    expect_timeout(false, |deadline| once.wait_until(deadline));
    assert_eq!(bits(&once), running, "a waiter that has left leaves nothing");
    abandon(&once);
    assert_eq!(once.begin(Instant::MAX), Begin::Run { poisoned: true });
    complete(&once);
    assert_eq!((once.begin(after(1)), format!("{once:?}")), (Begin::Done, "Once(done)".into()));
}

/// Threads that wait for the one that is at it: if that gives up, one of them begins, and those that only wait go on
/// waiting.
#[test]
fn giving_up_wakes_the_next() {
    let _test = begin();
    let once = Once::new();
    let runs = AtomicUsize::new(0);
    assert_eq!(once.begin(Instant::MAX), Begin::Run { poisoned: false });
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| match once.begin(Instant::MAX) {
                Begin::Run { poisoned } => {
                    assert!(poisoned);
                    if runs.fetch_add(1, SeqCst) == 0 { abandon(&once) } else { complete(&once) }
                }
                Begin::Done => {}
                Begin::TimedOut => unreachable!("it has no deadline"),
            });
        }
        for _ in 0..2 {
            scope.spawn(|| once.wait());
        }
        Queue::Once.await_len(&once, 5);
        assert_eq!(format!("{once:?}"), "Once(a thread is at it + threads wait)");
        abandon(&once);
    });
    assert_eq!(runs.into_inner(), 2);
    assert!(once.is_completed());
}

#[test]
fn to_wait_before_anything_begins() {
    let _test = begin();
    let once = Once::new();
    expect_timeout(false, |deadline| once.wait_until(deadline));
    assert!(!once.wait_until(Instant::MIN));
    assert_eq!(bits(&once), 0);
    thread::scope(|scope| {
        scope.spawn(|| once.wait());
        Queue::Once.await_len(&once, 1);
        assert_eq!(format!("{once:?}"), "Once(threads wait)");
        once.call_once(|| {});
    });
}

#[test]
fn it_may_go_when_it_is_seen_to_be_done() {
    let _test = begin();
    freed_at_once(
        Once::new,
        |once| {
            once.call_once(|| {});
            false
        },
        |once| {
            once.wait();
            true
        },
    );
    freed_at_once(
        OnceLock::new,
        |lock| {
            assert_eq!(lock.set(1_u8), Ok(()));
            false
        },
        |lock| {
            assert_eq!(lock.wait(), &1);
            true
        },
    );
}

/// Counts how often it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_value_is_written_once() {
    static LOCK: OnceLock<u32> = OnceLock::new();
    let _test = begin();
    assert_eq!((LOCK.get(), LOCK.wait_until(Instant::MIN)), (None, None));
    assert_eq!(format!("{LOCK:?}"), "OnceLock(<no value>)");
    expect_timeout(None, |deadline| LOCK.wait_until(deadline));
    assert_eq!(LOCK.set(1), Ok(()));
    assert_eq!(LOCK.set(2), Err(2));
    assert_eq!((LOCK.get(), LOCK.wait(), LOCK.wait_until(Instant::MIN)), (Some(&1), &1, Some(&1)));
    assert_eq!(LOCK.get_or_init(|| unreachable!("there is one")), &1);
    assert_eq!(LOCK.get_or_try_init(|| Err(())), Ok(&1));
    assert_eq!(format!("{LOCK:?}"), "OnceLock(1)");

    let mut lock = OnceLock::<u32>::default();
    assert_eq!(lock.get_mut(), None);
    assert_eq!(lock.take(), None);
    assert_eq!(lock.get_or_try_init(|| Err("no")), Err("no"));
    assert!(unwinds(|| lock.get_or_init(unwind)));
    assert_eq!(lock.get_or_init(|| 3), &3, "it is not poisoned");
    *lock.get_mut().expect("it is written") += 1;
    assert_eq!((lock.take(), lock.get()), (Some(4), None));
    assert_eq!(lock.set(5), Ok(()));
    assert_eq!(
        (lock.into_inner(), OnceLock::from(6).into_inner(), OnceLock::<u8>::new().into_inner()),
        (Some(5), Some(6), None)
    );
}

#[test]
fn a_value_is_dropped_once() {
    let _test = begin();
    let drops = AtomicUsize::new(0);
    drop(OnceLock::<Counted<'_>>::new());
    assert_eq!(drops.load(SeqCst), 0);
    let mut lock = OnceLock::from(Counted(&drops));
    assert!(lock.set(Counted(&drops)).is_err());
    assert_eq!(drops.load(SeqCst), 1, "the refused one");
    drop(lock.take());
    assert_eq!(drops.load(SeqCst), 2);
    drop(lock);
    assert_eq!(drops.load(SeqCst), 2, "there is none");
    drop(OnceLock::from(Counted(&drops)));
    assert_eq!(drops.load(SeqCst), 3);
}

/// Several threads have a value, of which one is kept.
#[test]
fn threads_race_for_the_value() {
    let _test = begin();
    for _ in 0..rounds(100) {
        let lock = OnceLock::<Box<i32>>::new();
        let seen = thread::scope(|scope| {
            let lock = &lock;
            let threads = [0, 1, 2, 3].map(|number| {
                scope.spawn(move || match number {
                    0 => lock.wait().clone(),
                    1 => lock.set(Box::new(number)).map_or_else(|_| lock.wait().clone(), |()| Box::new(number)),
                    _ => lock.get_or_init(|| Box::new(number)).clone(),
                })
            });
            threads.map(|thread| thread.join().expect("it does not panic"))
        });
        assert!(seen.iter().all(|value| Some(value) == lock.get()));
    }
}

#[test]
fn a_value_is_made_when_it_is_used() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static LOCK: LazyLock<usize> = LazyLock::new(|| MADE.fetch_add(1, SeqCst) + 7);
    let _test = begin();
    assert_eq!((format!("{LOCK:?}"), MADE.load(SeqCst)), ("LazyLock(<no value>)".into(), 0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(*LOCK, 7));
        }
    });
    assert_eq!((format!("{LOCK:?}"), MADE.load(SeqCst), LazyLock::force(&LOCK)), ("LazyLock(7)".into(), 1, &7));
    assert_eq!(**LazyLock::<Vec<u8>>::default(), []);
}

#[test]
fn a_lazy_value_and_its_initialiser_are_dropped_once() {
    let _test = begin();
    let (values, initialisers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let make = || {
        let owned = Counted(&initialisers);
        LazyLock::new(|| {
            drop(owned);
            Counted(&values)
        })
    };
    drop(make());
    assert_eq!((values.load(SeqCst), initialisers.load(SeqCst)), (0, 1));
    let lock = make();
    LazyLock::force(&lock);
    assert_eq!((values.load(SeqCst), initialisers.load(SeqCst)), (0, 2));
    drop(lock);
    assert_eq!((values.load(SeqCst), initialisers.load(SeqCst)), (1, 2));

    let owned = Counted(&initialisers);
    let lock: LazyLock<u8, _> = LazyLock::new(|| {
        let _owned = owned;
        unwind()
    });
    assert!(unwinds(|| LazyLock::force(&lock)));
    assert!(unwinds(|| LazyLock::force(&lock)), "it is poisoned");
    assert_eq!(format!("{lock:?}"), "LazyLock(<no value>)");
    drop(lock);
    assert_eq!(initialisers.load(SeqCst), 3);
}
