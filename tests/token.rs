//! The token protocol: [`Parker`], on the backend under test.

mod common;

use common::random::{Random, dawdle};
use common::{await_parked, begin, is_at_least};
use ntpark::{Backend, Instant, Parker, UnparkReason};
use std::cell::UnsafeCell;
use std::hint;
use std::mem::MaybeUninit;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

const UNIT: Duration = Duration::from_nanos(100);
/// `u32::MAX` milliseconds: where `INFINITE` lies, and where tick counts of 32 bits begin anew.
const DAYS_49_7: Duration = Duration::from_millis(u32::MAX as u64);

/// Whether there is no token. Takes it if there is.
fn is_empty(parker: &Parker) -> bool {
    parker.park_timeout(Duration::ZERO) == UnparkReason::TimedOut
}

#[test]
fn an_unpark_before_the_park_is_kept() {
    let _test = begin();
    let parker = Parker::new();
    assert!(!parker.unpark(), "there is nobody to wake");
    assert_eq!(parker.park(), UnparkReason::Unparked);
    assert!(is_empty(&parker));
    assert!(!parker.unpark());
    assert_eq!(parker.park_timeout(Duration::MAX), UnparkReason::Unparked);
    assert!(!parker.unpark());
    assert_eq!(parker.park_until(Instant::MAX), UnparkReason::Unparked);
    assert!(is_empty(&parker));
}

#[test]
fn without_spinning_it_is_the_same() {
    let _test = begin();
    let parker = Parker::new();
    assert_eq!(parker.no_spin().park_timeout(Duration::ZERO), UnparkReason::TimedOut);
    let begun = StdInstant::now();
    assert_eq!(parker.no_spin().park_timeout(Duration::from_millis(3)), UnparkReason::TimedOut);
    assert!(is_at_least(begun.elapsed(), Duration::from_millis(3)));
    parker.unpark();
    assert_eq!(parker.no_spin().park(), UnparkReason::Unparked);
    parker.unpark();
    assert_eq!(parker.no_spin().park_timeout(Duration::from_secs(1)), UnparkReason::Unparked);
    parker.unpark();
    assert_eq!(parker.no_spin().park_until(Instant::MIN), UnparkReason::Unparked);
    assert!(is_empty(&parker));
    thread::scope(|scope| {
        scope.spawn(|| parker.unpark());
        assert_eq!(parker.no_spin().park(), UnparkReason::Unparked);
    });
    assert!(is_empty(&parker));
}

#[test]
fn a_token_is_taken_although_the_time_is_over() {
    let _test = begin();
    let parker = Parker::new();
    parker.unpark();
    assert_eq!(parker.park_timeout(Duration::ZERO), UnparkReason::Unparked);
    parker.unpark();
    assert_eq!(parker.park_until(Instant::MIN), UnparkReason::Unparked);
    assert!(is_empty(&parker));
}

#[test]
fn an_unpark_during_the_park_wakes() {
    let _test = begin();
    let parker = Parker::new();
    let parks: [&(dyn Fn() -> UnparkReason + Sync); 4] =
        [&|| parker.park(), &|| parker.park_timeout(Duration::MAX), &|| parker.park_until(Instant::MAX), &|| {
            parker.park_timeout(Duration::from_secs(3_600))
        }];
    for park in parks {
        thread::scope(|scope| {
            let parked = scope.spawn(park);
            await_parked(&parker);
            assert!(parker.unpark(), "there is somebody to wake");
            assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
        });
        assert!(is_empty(&parker));
    }
}

#[test]
fn two_unparks_are_one_token() {
    let _test = begin();
    let parker = Parker::new();
    for unparks in [2, 3, 1_000] {
        for _ in 0..unparks {
            assert!(!parker.unpark());
        }
        assert_eq!(parker.park(), UnparkReason::Unparked);
        assert!(is_empty(&parker));
    }
}

#[test]
fn two_unparks_of_a_parked_thread_wake_it_once() {
    let _test = begin();
    let parker = Parker::new();
    let rounds = common::rounds(200);
    thread::scope(|scope| {
        for round in 0..rounds {
            let parked = scope.spawn(|| parker.park());
            await_parked(&parker);
            let woken = [parker.unpark(), parker.unpark()];
            assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
            // The second was merged with the first, or came when the thread had left already.
            assert!(woken[0] && !woken[1], "round {round}: {woken:?}");
            let _ = parker.park_timeout(Duration::ZERO);
        }
    });
}

#[test]
fn a_look_is_nobody_parked() {
    let _test = begin();
    let parker = Parker::new();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for look in [Parker::park_timeout as fn(&Parker, Duration) -> _, |parker, _| parker.park_until(Instant::MIN)] {
            let (parker, is_over) = (&parker, &is_over);
            scope.spawn(move || {
                while !is_over.load(Relaxed) {
                    assert_ne!(look(parker, Duration::ZERO), UnparkReason::Busy);
                }
            });
        }
        let mut woken = 0;
        for round in 0..common::rounds(5_000) {
            // Mostly there is no token when they look.
            dawdle(round % 256);
            woken += u32::from(parker.unpark());
        }
        is_over.store(true, Relaxed);
        assert_eq!(woken, 0, "threads that only look need no waking");
    });
}

#[test]
fn timeouts_run_out_and_are_never_early() {
    let _test = begin();
    let parker = Parker::new();
    let mut spans = vec![Duration::ZERO, Duration::from_nanos(1), UNIT, UNIT + Duration::from_nanos(1)];
    spans.extend([1, 10, 50, 100, 499, 500, 501, 999, 1_000, 1_001, 3_000, 15_625, 17_000].map(Duration::from_micros));
    spans.push(Duration::new(0, 4_999_999));
    let repeats = if cfg!(miri) { 1 } else { 5 };
    for span in spans.into_iter().flat_map(|span| std::iter::repeat_n(span, repeats)) {
        let begun = StdInstant::now();
        assert_eq!(parker.park_timeout(span), UnparkReason::TimedOut);
        let lasted = begun.elapsed();
        assert!(is_at_least(lasted, span), "{span:?}: {lasted:?}");

        let backend = Backend::get();
        let begun = StdInstant::now();
        let deadline = backend.now() + span;
        assert_eq!(parker.park_until(deadline), UnparkReason::TimedOut);
        let lasted = begun.elapsed();
        assert!(is_at_least(lasted, span), "until {span:?} later: {lasted:?}");
        assert!(backend.now() >= deadline);
    }
}

#[test]
fn past_deadlines_do_not_wait() {
    let _test = begin();
    let parker = Parker::new();
    let now = Backend::get().now();
    let hour = Duration::from_secs(3_600);
    for deadline in [Instant::MIN, Instant::from_ticks(1), now - hour, now - UNIT * 2, now - Duration::MAX] {
        assert_eq!(parker.park_until(deadline), UnparkReason::TimedOut);
        parker.unpark();
        assert_eq!(parker.park_until(deadline), UnparkReason::Unparked);
    }
    thread::scope(|scope| {
        let parked = scope.spawn(|| parker.park());
        await_parked(&parker);
        assert_eq!(parker.park_until(now - hour), UnparkReason::Busy);
        parker.unpark();
        assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
    });
}

/// Parks on one thread each, all at once; none may return until unparked.
fn outlast<T: Copy + Send + Sync>(limits: &[T], park: impl Fn(&Parker, T) -> UnparkReason + Sync) {
    let parkers: Vec<_> = limits.iter().map(|_| Parker::new()).collect();
    let park = &park;
    thread::scope(|scope| {
        let parked: Vec<_> =
            parkers.iter().zip(limits).map(|(parker, &limit)| scope.spawn(move || park(parker, limit))).collect();
        parkers.iter().for_each(await_parked);
        thread::sleep(Duration::from_millis(60));
        for (index, thread) in parked.iter().enumerate() {
            assert!(!thread.is_finished(), "number {index} returned early");
        }
        for (index, thread) in parked.into_iter().enumerate() {
            assert!(parkers[index].unpark(), "number {index} was not parked any more");
            assert_eq!(thread.join().expect("it parks"), UnparkReason::Unparked);
        }
    });
}

#[test]
fn long_timeouts_are_not_cut_short() {
    let _test = begin();
    let timeouts = [
        Duration::from_secs(3_600),
        // Where units, milliseconds, microseconds and seconds no longer fit in 31, 32 and 63 bits.
        UNIT * i32::MAX as u32,
        UNIT * u32::MAX,
        UNIT * u32::MAX + UNIT,
        DAYS_49_7 / 2,
        DAYS_49_7 - Duration::from_millis(1),
        DAYS_49_7,
        DAYS_49_7 + Duration::from_nanos(1),
        DAYS_49_7 + Duration::from_millis(1),
        DAYS_49_7 * 2,
        Duration::from_micros(i64::MAX as u64),
        Duration::from_nanos(u64::MAX),
        Duration::from_secs(u64::from(u32::MAX)),
        Duration::from_secs(i64::MAX as u64 / 10_000_000),
        Duration::from_secs(i64::MAX as u64 / 10_000_000 + 1),
        Duration::from_secs(u64::MAX / 10_000_000 + 1),
        Duration::from_millis(u64::MAX),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    outlast(&timeouts, Parker::park_timeout);
}

#[test]
fn far_deadlines_are_not_cut_short() {
    let _test = begin();
    let now = Backend::get().now();
    let deadlines = [
        now + Duration::from_secs(3_600),
        now + DAYS_49_7,
        now + DAYS_49_7 + UNIT,
        now + Duration::MAX,
        Instant::from_ticks(1 << 62),
        Instant::from_ticks(i64::MAX as u64),
        Instant::from_ticks(1 << 63),
        Instant::MAX - UNIT,
        Instant::MAX,
    ];
    outlast(&deadlines, Parker::park_until);
}

#[test]
fn a_timeout_that_races_an_unpark_loses_no_token() {
    let _test = begin();
    let parker = Parker::new();
    let start = Barrier::new(2);
    let rounds = common::rounds(1_000);
    // The last of its seeds, should it hang or fail: each round has one of its own.
    let in_time = thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                let mut random = Random::new(round);
                start.wait();
                dawdle(random.below(4_000));
                parker.unpark();
                start.wait();
            }
        });
        let mut in_time = 0;
        for round in 0..rounds {
            let mut random = Random::new(round + rounds);
            start.wait();
            let reason = parker.park_timeout(Duration::from_nanos(random.below(100_000)));
            start.wait();
            match reason {
                UnparkReason::Unparked => in_time += 1,
                UnparkReason::TimedOut => {
                    assert_eq!(parker.park_timeout(Duration::ZERO), UnparkReason::Unparked, "lost in round {round}");
                }
                UnparkReason::Busy => panic!("nobody else parks, in round {round}"),
            }
            assert!(is_empty(&parker), "doubled in round {round}");
        }
        in_time
    });
    println!("{in_time} of {rounds} unparks came in time");
}

/// Memory that a token guards.
struct Guarded<T>(UnsafeCell<T>);

// SAFETY: whoever reads or writes it says why nobody else does.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn get(&self) -> *mut T {
        self.0.get()
    }
}

#[test]
fn data_written_before_the_unpark_is_seen_after_the_park() {
    let _test = begin();
    let data = Guarded::new([0_u64; 8]);
    let (ready, taken) = (Parker::new(), Parker::new());
    let rounds = common::rounds(1_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                // SAFETY: the other thread reads between taking `ready` and leaving `taken`.
                unsafe { data.get().write([round; 8]) };
                ready.unpark();
                assert_eq!(taken.park(), UnparkReason::Unparked);
            }
        });
        for round in 1..=rounds {
            // Now and then it comes by way of timeouts.
            while ready.park_timeout(Duration::from_micros(round % 3 * 10)) != UnparkReason::Unparked {}
            // SAFETY: the token of `ready` was taken: the other thread writes again after `taken`.
            let seen = unsafe { data.get().read() };
            assert_eq!(seen, [round; 8]);
            taken.unpark();
        }
    });
}

#[test]
fn a_token_carries_what_was_written_before_each_of_its_unparks() {
    let _test = begin();
    for _ in 0..common::rounds(200) {
        let data = [const { Guarded::new(0) }; 3];
        let parker = Parker::new();
        // Orders nothing: only the token may.
        let unparked = AtomicUsize::new(0);
        thread::scope(|scope| {
            for slot in &data {
                let (parker, unparked) = (&parker, &unparked);
                scope.spawn(move || {
                    // SAFETY: each slot has one writer, and is read only after a token that its unpark is part of.
                    unsafe { slot.get().write(7) };
                    parker.unpark();
                    unparked.fetch_add(1, Relaxed);
                });
            }
            while unparked.load(Relaxed) < data.len() {
                thread::yield_now();
            }
            assert_eq!(parker.park(), UnparkReason::Unparked);
            // SAFETY: all unparks came before this park, so the one token is that of all.
            let seen = data.each_ref().map(|slot| unsafe { slot.get().read() });
            assert_eq!(seen, [7; 3]);
        });
        assert!(is_empty(&parker));
    }
}

#[test]
fn a_second_thread_that_parks_is_told_and_disturbs_nothing() {
    let _test = begin();
    let parker = Parker::new();
    thread::scope(|scope| {
        let parked = scope.spawn(|| parker.park());
        await_parked(&parker);
        for _ in 0..common::rounds(100) {
            assert_eq!(parker.park(), UnparkReason::Busy);
            assert_eq!(parker.park_timeout(Duration::from_secs(3_600)), UnparkReason::Busy);
            assert_eq!(parker.park_until(Instant::MAX), UnparkReason::Busy);
            assert_eq!(parker.park_until(Instant::MIN), UnparkReason::Busy);
        }
        assert!(!parked.is_finished());
        assert!(parker.unpark());
        assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
    });
    assert!(is_empty(&parker));
}

#[test]
fn a_thread_that_was_woken_keeps_its_token_until_it_has_left() {
    let _test = begin();
    let parker = Parker::new();
    let rounds = common::rounds(500);
    for round in 0..rounds {
        thread::scope(|scope| {
            let parked = scope.spawn(|| parker.park());
            await_parked(&parker);
            assert!(parker.unpark());
            // The token is there now, and the thread that it is for has perhaps not left.
            loop {
                match parker.park_timeout(Duration::ZERO) {
                    UnparkReason::Busy => hint::spin_loop(),
                    UnparkReason::TimedOut => break,
                    UnparkReason::Unparked => panic!("stolen in round {round}"),
                }
            }
            assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
        });
    }
}

#[test]
fn many_threads_park_on_one_parker_and_one_at_a_time_takes_each_token() {
    let _test = begin();
    let parker = Parker::new();
    let (left, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let tokens = common::rounds(500);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (parker, taken, left, is_over) = (&parker, &taken, &left, &is_over);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !is_over.load(SeqCst) {
                    let reason = match random.below(3) {
                        0 => parker.park_timeout(Duration::ZERO),
                        1 => parker.park_timeout(Duration::from_micros(random.below(200))),
                        _ => parker.park_timeout(Duration::from_millis(20)),
                    };
                    match reason {
                        UnparkReason::Unparked => {
                            let taken = taken.fetch_add(1, SeqCst) + 1;
                            assert!(taken <= left.load(SeqCst), "doubled");
                        }
                        UnparkReason::TimedOut => {}
                        UnparkReason::Busy => thread::yield_now(),
                    }
                }
            });
        }
        for _ in 0..tokens {
            let so_far = left.fetch_add(1, SeqCst) + 1;
            parker.unpark();
            // The next only when this one has been taken, so none are merged.
            while taken.load(SeqCst) < so_far {
                thread::yield_now();
            }
        }
        is_over.store(true, SeqCst);
    });
    assert_eq!(taken.load(SeqCst), tokens);
    assert!(is_empty(&parker));
}

#[test]
fn many_unparkers_lose_no_message() {
    let _test = begin();
    /// A thread's messages, which it looks for when it is unparked.
    #[derive(Default)]
    struct Mailbox {
        parker: Parker,
        messages: AtomicU64,
    }
    let boxes: [Mailbox; 3] = Default::default();
    let senders = 4;
    let messages = common::rounds(300);
    thread::scope(|scope| {
        for (index, own) in boxes.iter().enumerate() {
            scope.spawn(move || {
                let mut read = 0;
                // Without timeouts, a token that does not come leaves a thread here for ever.
                while read < senders * messages {
                    if index > 0 {
                        let _ = own.parker.park_timeout(Duration::from_micros(50 * index as u64));
                    } else {
                        assert_eq!(own.parker.park(), UnparkReason::Unparked);
                    }
                    read += own.messages.swap(0, Relaxed);
                }
                assert_eq!(read, senders * messages);
            });
        }
        for sender in 0..senders {
            let boxes = &boxes;
            scope.spawn(move || {
                let mut random = Random::new(sender);
                for _ in 0..messages {
                    for other in boxes {
                        dawdle(random.below(300));
                        other.messages.fetch_add(1, Relaxed);
                        other.parker.unpark();
                    }
                }
            });
        }
    });
}

#[test]
fn a_token_goes_round_a_ring_of_threads() {
    let _test = begin();
    let ring: [Parker; 8] = Default::default();
    let laps = common::rounds(100);
    let passed = AtomicU64::new(0);
    thread::scope(|scope| {
        for place in 0..ring.len() {
            let (ring, passed) = (&ring, &passed);
            scope.spawn(move || {
                for lap in 0..laps {
                    assert_eq!(ring[place].park(), UnparkReason::Unparked);
                    // There is one token, so nobody else counts now.
                    assert_eq!(passed.load(Relaxed), lap * ring.len() as u64 + place as u64);
                    passed.fetch_add(1, Relaxed);
                    ring[(place + 1) % ring.len()].unpark();
                }
            });
        }
        ring[0].unpark();
    });
    assert_eq!(passed.load(Relaxed), laps * 8);
    assert_eq!(ring[0].park(), UnparkReason::Unparked);
    assert!(ring.iter().all(is_empty));
}

#[test]
fn a_parker_may_go_as_soon_as_the_park_has_returned() {
    let _test = begin();
    const GONE: usize = 0x5A5A_5A5A;
    let target = AtomicPtr::new(std::ptr::null_mut::<Parker>());
    let is_unparked = AtomicBool::new(false);
    let rounds = common::rounds(1_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let parker = loop {
                    match target.swap(std::ptr::null_mut(), SeqCst) {
                        none if none.is_null() => thread::yield_now(),
                        parker => break parker,
                    }
                };
                // SAFETY: its thread keeps it until it has taken the token that this leaves; what comes after is up to
                // the parker.
                unsafe { Parker::unpark(&*parker) };
                is_unparked.store(true, SeqCst);
            }
        });
        for round in 0..rounds {
            let mut place = MaybeUninit::<Parker>::uninit();
            let parker = place.write(Parker::new());
            target.store(parker, SeqCst);
            dawdle(Random::new(round).below(2_000));
            assert_eq!(parker.park(), UnparkReason::Unparked);
            // Somebody else's memory from here on.
            let place = place.as_mut_ptr().cast::<usize>();
            // SAFETY: a parker is one word, and this is where it was.
            unsafe { place.write_volatile(GONE) };
            while !is_unparked.swap(false, SeqCst) {
                thread::yield_now();
            }
            // SAFETY: as above.
            assert_eq!(unsafe { place.read_volatile() }, GONE, "touched in round {round}");
        }
    });
}

#[test]
fn parkers_side_by_side_do_not_wake_each_other() {
    let _test = begin();
    let parkers: [Parker; 8] = Default::default();
    thread::scope(|scope| {
        let mut parked: Vec<_> = parkers.iter().map(|parker| scope.spawn(|| parker.park())).collect();
        parkers.iter().for_each(await_parked);
        while let Some(last) = parked.pop() {
            assert!(parkers[parked.len()].unpark());
            assert_eq!(last.join().expect("it parks"), UnparkReason::Unparked);
            assert!(parked.iter().all(|thread| !thread.is_finished()));
        }
    });
}

#[test]
fn a_thread_can_unpark_itself() {
    let _test = begin();
    let parker = Parker::new();
    for _ in 0..common::rounds(1_000) {
        parker.unpark();
        assert_eq!(parker.park(), UnparkReason::Unparked);
    }
}

#[test]
fn a_parker_can_be_moved_and_dropped_with_a_token() {
    let _test = begin();
    let parker = Parker::new();
    parker.unpark();
    let moved = Box::new(parker);
    assert_eq!(moved.park(), UnparkReason::Unparked);
    moved.unpark();
    drop(moved);
}

#[test]
fn a_waker_unparks() {
    let _test = begin();
    static PARKER: Parker = Parker::new();
    let waker = PARKER.waker();
    assert!(is_empty(&PARKER), "making one does nothing");
    waker.wake_by_ref();
    assert_eq!(PARKER.park(), UnparkReason::Unparked);
    let clone = waker.clone();
    assert!(clone.will_wake(&waker) || cfg!(miri));
    clone.wake();
    assert_eq!(PARKER.park(), UnparkReason::Unparked);
    thread::scope(|scope| {
        let parked = scope.spawn(|| PARKER.park());
        await_parked(&PARKER);
        waker.wake();
        assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
    });
    drop(PARKER.waker());
    assert!(is_empty(&PARKER), "nor does dropping one");
}
