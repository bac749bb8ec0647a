//! The two-phase protocol: [`ThreadParker`], alone and in the locks that it is for, on the backend under
//! test.

mod common;

use common::load::Load;
use common::monitor::{Monitor, Woken};
use common::random::{Random, dawdle};
use common::{begin, is_at_least};
use ntpark::{Backend, BackendKind, Instant, Parker, ThreadParker, UnparkHandle, UnparkReason};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

/// Lets the backend's waiters settle down: nothing here relies on it having been long enough.
fn a_moment() {
    thread::sleep(Duration::from_millis(5));
}

/// Whether a waiter of this process's backend leaves only once it has met its waker.
fn is_rendezvous() -> bool {
    matches!(Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull)
}

/// A deadline so far from now.
fn after(span: Duration) -> Instant {
    Backend::get().deadline(span)
}

#[test]
fn unparked_while_parked() {
    let _test = begin();
    let parker = ThreadParker::new();
    for _ in 0..common::rounds(20) {
        parker.prepare_park();
        thread::scope(|scope| {
            let parked = scope.spawn(|| parker.try_park_until(Instant::MAX));
            a_moment();
            // Whether it has come to park is not known; either way it must return.
            parker.unpark_lock().unpark();
            assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
        });
        assert!(!parker.timed_out());
    }
}

#[test]
fn trying_to_prepare_leaves_a_parked_thread_alone() {
    let _test = begin();
    let parker = ThreadParker::new();
    // Free: new, prepared already, timed out, and unparked.
    assert!(parker.try_prepare_park());
    assert!(parker.try_prepare_park());
    assert_eq!(parker.try_park_until(Instant::MIN), UnparkReason::TimedOut);
    assert!(parker.timed_out());
    assert!(parker.try_prepare_park());
    assert!(!parker.unpark_lock().unpark());
    assert!(parker.try_prepare_park());
    thread::scope(|scope| {
        let parked = scope.spawn(|| parker.try_park_until(Instant::MAX));
        // Until then it is prepared, which trying does not change.
        while parker.try_prepare_park() {
            thread::yield_now();
        }
        assert!(parker.unpark_lock().unpark());
        assert_eq!(parked.join().expect("it parks"), UnparkReason::Unparked);
    });
}

#[test]
fn a_thread_unparks_itself_between_the_two_phases() {
    let _test = begin();
    let parker = ThreadParker::new();
    for _ in 0..common::rounds(1_000) {
        parker.prepare_park();
        assert!(!parker.unpark_lock().unpark(), "nobody blocks, so there is nobody to wake");
        parker.park();
        assert!(!parker.timed_out());

        parker.prepare_park();
        let handle = parker.unpark_lock();
        assert!(parker.park_until(Instant::MAX));
        assert!(!handle.unpark());

        parker.prepare_park();
        assert!(!parker.unpark_lock().unpark());
        assert!(parker.park_until(Instant::MIN), "unparked, however late it is");
    }
}

#[test]
fn timeouts_run_out_and_are_never_early() {
    let _test = begin();
    let parker = ThreadParker::new();
    for micros in [1, 50, 499, 1_000, 1_001, 5_000, 16_000]
        .into_iter()
        .flat_map(|micros| std::iter::repeat_n(micros, if cfg!(miri) { 1 } else { 5 }))
    {
        let span = Duration::from_micros(micros);
        let begun = StdInstant::now();
        parker.prepare_park();
        let deadline = after(span);
        assert!(!parker.park_until(deadline));
        let lasted = begun.elapsed();
        assert!(is_at_least(lasted, span), "{span:?}: {lasted:?}");
        assert!(parker.backend().now() >= deadline);
        assert!(parker.timed_out());
    }
}

#[test]
fn past_deadlines_do_not_block() {
    let _test = begin();
    let parker = ThreadParker::new();
    let now = Backend::get().now();
    for deadline in [Instant::MIN, Instant::from_ticks(1), now, now - Duration::from_secs(1), now - Duration::MAX] {
        parker.prepare_park();
        // `now` is the latest that it can have been.
        assert!(!parker.park_until(deadline));
        assert!(parker.timed_out());
    }
}

#[test]
fn the_longest_deadlines_are_not_cut_short() {
    let _test = begin();
    let deadlines = [
        after(Duration::from_secs(3_600)),
        after(Duration::from_millis(u64::from(u32::MAX))),
        after(Duration::from_millis(u64::from(u32::MAX) + 1)),
        after(Duration::MAX),
        Instant::from_ticks(1 << 62),
        Instant::from_ticks(i64::MAX as u64),
        Instant::from_ticks(1 << 63),
        Instant::from_ticks(u64::MAX - 1),
        Instant::MAX,
    ];
    let parkers = deadlines.map(|_| ThreadParker::new());
    thread::scope(|scope| {
        let parked: Vec<_> = parkers
            .iter()
            .zip(deadlines)
            .map(|(parker, deadline)| {
                parker.prepare_park();
                scope.spawn(move || parker.park_until(deadline))
            })
            .collect();
        thread::sleep(Duration::from_millis(60));
        for (thread, deadline) in parked.iter().zip(deadlines) {
            assert!(!thread.is_finished(), "{deadline:?} came early");
        }
        for (parker, thread) in parkers.iter().zip(parked) {
            parker.unpark_lock().unpark();
            assert!(thread.join().expect("it parks"));
        }
    });
}

#[test]
fn an_unpark_after_the_timeout_takes_it_back() {
    let _test = begin();
    let parker = ThreadParker::new();
    parker.prepare_park();
    assert!(!parker.park_until(after(Duration::from_millis(1))));
    // Another thread has the queue's lock now, and takes this one out.
    assert!(!parker.unpark_lock().unpark(), "nobody blocks");
    assert!(!parker.timed_out());
    // It can be used again, after either end.
    parker.prepare_park();
    assert!(!parker.park_until(Instant::MIN));
    assert!(parker.timed_out());
    parker.prepare_park();
    parker.unpark_lock().unpark();
    parker.park();
}

#[test]
fn calls_in_the_wrong_order_return_at_once() {
    let _test = begin();
    let parker = ThreadParker::new();
    assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Busy, "not prepared");
    parker.park();
    assert!(parker.park_until(Instant::MAX));
    assert!(!parker.timed_out());

    parker.prepare_park();
    assert!(!parker.park_until(Instant::MIN));
    assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Busy, "not prepared again");
    assert!(parker.timed_out(), "nothing has changed");

    // Unparked without having been prepared: as long as it is not prepared, it is unparked.
    assert!(!parker.unpark_lock().unpark());
    assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Unparked);
    assert_eq!(parker.try_park_until(Instant::MAX), UnparkReason::Unparked);
}

#[test]
fn a_second_thread_that_parks_is_told_and_disturbs_nothing() {
    let _test = begin();
    let parker = ThreadParker::new();
    parker.prepare_park();
    let threads = 2;
    let first_has_returned = AtomicBool::new(false);
    thread::scope(|scope| {
        let parked: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let reason = parker.try_park_until(Instant::MAX);
                    first_has_returned.store(true, SeqCst);
                    reason
                })
            })
            .collect();
        // Whichever comes second returns at once.
        while !first_has_returned.load(SeqCst) {
            thread::yield_now();
        }
        for _ in 0..common::rounds(100) {
            assert_eq!(parker.try_park_until(Instant::MIN), UnparkReason::Busy);
        }
        assert!(parker.unpark_lock().unpark());
        let mut reasons: Vec<_> = parked.into_iter().map(|thread| thread.join().expect("it parks")).collect();
        reasons.sort_by_key(|&reason| reason == UnparkReason::Busy);
        assert_eq!(reasons, [UnparkReason::Unparked, UnparkReason::Busy]);
    });
}

#[test]
fn a_timeout_that_races_an_unpark_is_one_or_the_other() {
    let _test = begin();
    let parker = ThreadParker::new();
    // The queue: whether the thread is in it.
    let queue = Mutex::new(false);
    let start = Barrier::new(2);
    let rounds = common::rounds(1_000);
    let in_time = thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                start.wait();
                dawdle(Random::new(round).below(4_000));
                let handle = {
                    let mut is_queued = queue.lock().expect("no panic");
                    std::mem::take(&mut *is_queued).then(|| parker.unpark_lock())
                };
                if let Some(handle) = handle {
                    handle.unpark();
                }
                start.wait();
            }
        });
        let mut in_time = 0;
        for round in 0..rounds {
            *queue.lock().expect("no panic") = true;
            parker.prepare_park();
            start.wait();
            let deadline = after(Duration::from_nanos(Random::new(round + rounds).below(100_000)));
            let is_unparked = parker.park_until(deadline) || {
                let mut is_queued = queue.lock().expect("no panic");
                let is_unparked = !parker.timed_out();
                assert_eq!(is_unparked, !*is_queued, "in round {round}");
                *is_queued = false;
                is_unparked
            };
            in_time += u64::from(is_unparked);
            start.wait();
        }
        in_time
    });
    println!("{in_time} of {rounds} unparks came in time");
}

#[test]
fn data_written_before_the_unpark_is_seen_on_every_way_out() {
    let _test = begin();
    let parker = ThreadParker::new();
    let mut data = 0_u64;
    let start = Barrier::new(2);
    let rounds = common::rounds(600);
    /// The data's address, for the thread whose turn it is.
    struct Address(*mut u64);
    // SAFETY: who may use it is up to the parker.
    unsafe impl Sync for Address {}
    impl Address {
        fn get(&self) -> *mut u64 {
            self.0
        }
    }
    let data = Address(&raw mut data);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                start.wait();
                // At once, or so late that the other's time is over, or just then.
                dawdle(round % 3 * 1_000);
                // SAFETY: the other thread reads once it is unparked, and then comes to the barrier.
                unsafe { data.get().write(round) };
                parker.unpark_lock().unpark();
            }
        });
        for round in 1..=rounds {
            parker.prepare_park();
            start.wait();
            let deadline = if round % 2 == 0 { after(Duration::from_micros(20)) } else { Instant::MAX };
            if !parker.park_until(deadline) {
                while parker.timed_out() {
                    thread::yield_now();
                }
            }
            // SAFETY: unparked, which the other thread does after it has written.
            assert_eq!(unsafe { data.get().read() }, round);
        }
    });
}

#[test]
fn a_handle_may_be_used_on_another_thread_and_late() {
    let _test = begin();
    let parker = ThreadParker::new();
    parker.prepare_park();
    thread::scope(|scope| {
        let parked = scope.spawn(|| parker.park_until(after(Duration::from_millis(30))));
        a_moment();
        let handle = parker.unpark_lock();
        // Its time is over meanwhile, but it has been unparked.
        thread::sleep(Duration::from_millis(60));
        let has_left = parked.is_finished();
        let has_woken = scope.spawn(move || handle.unpark()).join().expect("it unparks");
        assert!(!(is_rendezvous() && has_woken && has_left), "it has to wait for its waker");
        // On a busy machine, its time may have been over before it was unparked.
        let is_unparked = parked.join().expect("it parks");
        assert!(is_unparked || !has_woken);
    });
    assert!(!parker.timed_out());
}

/// Memory that is really taken away when it goes: who touches it afterwards crashes.
mod page {
    use std::ffi::c_void;
    use std::ptr::NonNull;

    const SIZE: usize = 4096;

    pub(super) struct Page(NonNull<c_void>);

    impl Page {
        pub(super) fn address(&self) -> *mut c_void {
            self.0.as_ptr()
        }
    }

    #[cfg(unix)]
    impl Page {
        pub(super) fn new() -> Self {
            let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: new memory anywhere.
            let page = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, protection, flags, -1, 0) };
            assert_ne!(page, libc::MAP_FAILED);
            Self(NonNull::new(page).expect("mapped"))
        }
    }

    #[cfg(unix)]
    impl Drop for Page {
        fn drop(&mut self) {
            // SAFETY: the page is this one's own.
            assert_eq!(unsafe { libc::munmap(self.address(), SIZE) }, 0);
        }
    }

    #[cfg(windows)]
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn VirtualAlloc(address: *mut c_void, size: usize, kind: u32, protection: u32) -> *mut c_void;
        fn VirtualFree(address: *mut c_void, size: usize, kind: u32) -> i32;
    }

    #[cfg(windows)]
    impl Page {
        pub(super) fn new() -> Self {
            const COMMIT_AND_RESERVE: u32 = 0x3000;
            const READ_AND_WRITE: u32 = 4;
            // SAFETY: new memory anywhere.
            let page = unsafe { VirtualAlloc(std::ptr::null_mut(), SIZE, COMMIT_AND_RESERVE, READ_AND_WRITE) };
            Self(NonNull::new(page).expect("there is memory"))
        }
    }

    #[cfg(windows)]
    impl Drop for Page {
        fn drop(&mut self) {
            const RELEASE: u32 = 0x8000;
            // SAFETY: the page is this one's own.
            assert_ne!(unsafe { VirtualFree(self.address(), 0, RELEASE) }, 0);
        }
    }
}

#[test]
fn a_handle_may_be_used_when_the_parker_is_gone() {
    let _test = begin();
    if is_rendezvous() {
        // There, the waiter cannot leave before the handle is used: see
        // `a_handle_may_be_used_on_another_thread_and_late`.
        return;
    }
    for _ in 0..common::rounds(10) {
        let page = page::Page::new();
        // SAFETY: the page is big enough and aligned, and its zeros are a new parker.
        let parker = unsafe { &*page.address().cast::<ThreadParker>() };
        parker.prepare_park();
        let handle: UnparkHandle = thread::scope(|scope| {
            let parked = scope.spawn(|| parker.park_until(after(Duration::from_millis(10))));
            a_moment();
            let handle = parker.unpark_lock();
            // On a busy machine, its time may have been over before it was unparked.
            assert!(parked.join().expect("it parks") || !parker.timed_out());
            handle
        });
        drop(page);
        handle.unpark();
    }
}

#[test]
fn a_backend_of_its_own() {
    let _test = begin();
    let backend: &'static Backend = Box::leak(Box::new(Backend::get()));
    let parker = ThreadParker::with_backend(backend);
    assert_eq!(parker.backend().kind(), Backend::get().kind());
    assert_eq!(ThreadParker::new().backend().kind(), Backend::get().kind());
    parker.prepare_park();
    thread::scope(|scope| {
        let parked = scope.spawn(|| parker.park_until(Instant::MAX));
        a_moment();
        parker.unpark_lock().unpark();
        assert!(parked.join().expect("it parks"));
    });
    parker.prepare_park();
    assert!(!parker.park_until(backend.deadline(Duration::from_millis(1))));
    assert!(parker.timed_out());
}

#[test]
fn a_parker_may_go_as_soon_as_the_park_has_returned() {
    let _test = begin();
    let queue = Mutex::new(None::<usize>);
    let rounds = common::rounds(1_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let handle = loop {
                    let mut queue = queue.lock().expect("no panic");
                    if let Some(address) = queue.take() {
                        let parker = std::ptr::with_exposed_provenance::<ThreadParker>(address);
                        // SAFETY: its thread leaves only once it has been unparked.
                        let parker = unsafe { &*parker };
                        break parker.unpark_lock();
                    }
                    drop(queue);
                    thread::yield_now();
                };
                handle.unpark();
            }
        });
        for round in 0..rounds {
            let mut place = MaybeUninit::<ThreadParker>::uninit();
            let parker = place.write(ThreadParker::new());
            parker.prepare_park();
            *queue.lock().expect("no panic") = Some(std::ptr::from_ref(parker).expose_provenance());
            dawdle(Random::new(round).below(2_000));
            parker.park();
            place.write(ThreadParker::new());
        }
    });
}

/// Somebody may come between the first half of an unpark and the second.
#[test]
fn a_second_waiter_is_refused_until_the_first_has_left() {
    let _test = begin();
    for _ in 0..common::rounds(20) {
        let parker = ThreadParker::new();
        parker.prepare_park();
        thread::scope(|scope| {
            let first = scope.spawn(|| parker.try_park_until(Instant::MAX));
            while parker.try_prepare_park() {
                thread::yield_now();
            }
            let handle = parker.unpark_lock();
            // Where the first needs no wake, it may have left by now; then the place is free.
            if parker.try_prepare_park() {
                let begun = StdInstant::now();
                while !first.is_finished() {
                    assert!(begun.elapsed() < Duration::from_secs(10), "let in beside the first");
                    thread::yield_now();
                }
            }
            handle.unpark();
            assert_eq!(first.join().expect("it parks"), UnparkReason::Unparked);
        });
    }
}

/// Calls `unpark` on another thread, which may be inside it still when `park` has returned and the parker goes.
fn freed_while_unparked<T: Send + Sync>(new: impl Fn() -> T, park: impl Fn(&T), unpark: impl Fn(&T) + Sync) {
    struct Address<T>(*mut T);
    // SAFETY: a parker may be used by any thread.
    unsafe impl<T: Sync> Send for Address<T> {}
    impl<T> Address<T> {
        fn get(&self) -> *mut T {
            self.0
        }
    }
    for _ in 0..common::rounds(500) {
        let is_there = AtomicBool::new(false);
        // An address, since a box that is passed on is one's own for as long as the call lasts.
        let parker = Box::into_raw(Box::new(new()));
        let address = Address(parker);
        thread::scope(|scope| {
            scope.spawn(|| {
                let address = address;
                is_there.store(true, SeqCst);
                // SAFETY: it lives until the park has returned that this ends.
                unpark(unsafe { &*address.get() });
            });
            while !is_there.load(SeqCst) {
                thread::yield_now();
            }
            // SAFETY: it lives until this has returned.
            park(unsafe { &*parker });
            // SAFETY: it was a box, and the documentation allows to free it from here on.
            drop(unsafe { Box::from_raw(parker) });
        });
    }
}

/// Above all for Miri, which objects if a reference outlives its last use here.
#[test]
fn a_parker_may_go_while_unpark_lock_runs() {
    let _test = begin();
    let new = || {
        let parker = ThreadParker::new();
        parker.prepare_park();
        parker
    };
    freed_while_unparked(new, ThreadParker::park, |parker| _ = parker.unpark_lock().unpark());
    let queue = Mutex::new(());
    // The queue's lock is held where it decides between a time-out and an unpark.
    freed_while_unparked(
        new,
        |parker| {
            while !parker.park_until(after(Duration::from_micros(10))) {
                let _queue = queue.lock().expect("no panic");
                if !parker.timed_out() {
                    return;
                }
                parker.prepare_park();
            }
        },
        |parker| {
            let handle = {
                let _queue = queue.lock().expect("no panic");
                parker.unpark_lock()
            };
            handle.unpark();
        },
    );
}

#[test]
fn a_token_parker_may_go_while_unpark_runs() {
    let _test = begin();
    freed_while_unparked(Parker::new, |parker| _ = parker.park(), |parker| _ = parker.unpark());
    let park_timeout = |parker: &Parker| {
        while parker.park_timeout(Duration::from_micros(10)) != UnparkReason::Unparked {}
    };
    freed_while_unparked(Parker::new, park_timeout, |parker| _ = parker.unpark());
}

/// For the process's backend. Keyed events take some 30 µs for a handoff where a server plays the kernel.
const LOAD: Load = Load { rounds: common::rounds(300), longest: Duration::from_micros(400) };

#[test]
fn a_queue_lock_under_load() {
    let _test = begin();
    LOAD.lock();
}

#[test]
fn a_condition_variable_that_requeues_under_load() {
    let _test = begin();
    LOAD.buffer();
}

#[test]
fn a_notification_moves_a_waiter_that_holds_the_lock() {
    let _test = begin();
    // Threads that wait, and a thread that notifies without the lock: some are moved into the queue of the lock
    // that they hold, and unpark themselves.
    let monitor = Monitor::new(0);
    let waits = common::rounds(300);
    thread::scope(|scope| {
        let waiters = [1, 2, 3].map(|seed| {
            let monitor = &monitor;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..waits {
                    let mut locked = monitor.lock();
                    let deadline = if random.below(8) == 0 { after(Duration::from_micros(100)) } else { Instant::MAX };
                    locked.wait_until(deadline);
                    *locked.value() += 1;
                }
            })
        });
        while !waiters.iter().all(|waiter| waiter.is_finished()) {
            monitor.notify_all_unlocked();
        }
    });
    assert_eq!(*monitor.lock().value(), 3 * waits);
}

#[test]
fn waits_on_a_condition_variable_time_out() {
    let _test = begin();
    let monitor = Monitor::new(());
    let mut locked = monitor.lock();
    let begun = StdInstant::now();
    let span = Duration::from_millis(3);
    assert_eq!(locked.wait_until(after(span)), Woken::TimedOut);
    assert!(is_at_least(begun.elapsed(), span));
    assert!(!locked.notify_one(), "it is in no queue any more");
    // The lock is held again.
    assert!(monitor.lock_until(after(span)).is_none());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| monitor.lock().wait_until(Instant::MAX));
        drop(locked);
        while !monitor.lock().notify_one() {
            thread::yield_now();
        }
        assert_eq!(waiter.join().expect("it waits"), Woken::Notified);
    });
}
