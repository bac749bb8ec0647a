//! The process's choice of a backend. Each system that a test starts has one process, which has not chosen yet.

use crate::Watchdog;
use crate::backend::host::{Host, HostFunctions};
use crate::backend::{Backend, BackendKind, BackendKinds, SelectError};
use crate::nt::{Call, Class, Nt, Point, STATUS_INSUFFICIENT_RESOURCES};
use crate::parker::{Parker, UnparkReason};
use crate::platform::is_guarded;
use crate::sys::{STATUS_ACCESS_DENIED, STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_SUCCESS};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use std::ffi::c_void;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

const CLASSES: [Class; 3] = [Class::Vista, Class::Xp, Class::ReactOs];

/// What the backends need.
const FUNCTIONS: [&str; 6] = [
    "WaitOnAddress",
    "WakeByAddressSingle",
    "RtlDllShutdownInProgress",
    "NtWaitForKeyedEvent",
    "NtReleaseKeyedEvent",
    "NtCreateKeyedEvent",
];

/// All sets of them, in the order of the numbers whose bits name them.
pub(crate) fn sets_of<'a>(functions: &'a [&'static str]) -> impl Iterator<Item = Vec<&'static str>> + 'a {
    let bits = 0..1_u32 << functions.len();
    bits.map(|set| (0..functions.len()).filter(|bit| set >> bit & 1 != 0).map(|bit| functions[bit]).collect())
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of processes of one thread each")]
fn every_set_of_missing_functions_has_its_fallback() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in sets_of(&FUNCTIONS) {
            for is_out_of_handles in [false, true] {
                let nt = Nt::boot_without(class, &lacking);
                if is_out_of_handles {
                    nt.fail_always(Call::Create, STATUS_INSUFFICIENT_RESOURCES);
                }
                let has = |functions: &[&str]| functions.iter().all(|function| !lacking.contains(function));
                let mut available = BackendKinds::POLLING;
                available.set(BackendKinds::WAIT_ADDRESS, has(&FUNCTIONS[..3]));
                available.set(BackendKinds::KEYED_EVENT_NULL, has(&FUNCTIONS[2..5]) && class != Class::Xp);
                available.set(BackendKinds::KEYED_EVENT, has(&FUNCTIONS[2..]) && !is_out_of_handles);
                let order = [
                    BackendKind::WaitAddress,
                    BackendKind::KeyedEventNull,
                    BackendKind::KeyedEvent,
                    BackendKind::Polling,
                ];
                let expected = order.into_iter().find(|&kind| available.contains(kind.into()));

                let what = (class, &lacking, is_out_of_handles);
                assert_eq!(Backend::available(), available, "{what:?}");
                assert_eq!(nt.open_handles(), 0, "looking opens nothing");
                let backend = Backend::get();
                assert_eq!(Some(backend.kind()), expected, "{what:?}");
                assert_eq!(Backend::get().kind(), backend.kind());
                assert_eq!(is_guarded(&backend), class != Class::Vista && matches!(backend, Backend::KeyedEvent(_)));
                // From Vista on, a copy of the library that chooses by itself opens no handle: none is left when it
                // goes.
                let opened = usize::from(expected == Some(BackendKind::KeyedEvent));
                assert_eq!(nt.open_handles(), opened, "{what:?}");
                assert!(class == Class::Xp || opened == 0 || !has(&FUNCTIONS[2..5]), "{what:?}");
            }
        }
    }
}

#[test]
fn a_missing_module_has_none_of_its_functions() {
    let _watchdog = Watchdog::new();
    for (module, expected) in [
        ("api-ms-win-core-synch-l1-2-0.dll", BackendKind::KeyedEventNull),
        ("ntdll.dll", BackendKind::Polling),
        ("kernel32.dll", BackendKind::WaitAddress),
    ] {
        let _nt = Nt::boot_without(Class::Vista, &[module]);
        assert_eq!(Backend::get().kind(), expected, "{module}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of processes of one thread each")]
fn a_forced_kind_is_taken_or_refused() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in sets_of(&FUNCTIONS) {
            for kind in BackendKind::ALL {
                let nt = Nt::boot_without(class, &lacking);
                let available = Backend::available();
                if available.contains(kind.into()) {
                    assert_eq!(Backend::force(kind), Ok(()));
                    assert_eq!(Backend::get().kind(), kind);
                    for other in BackendKind::ALL {
                        assert_eq!(Backend::force(other), Err(SelectError::InUse(kind)));
                    }
                    assert_eq!(nt.open_handles(), usize::from(kind == BackendKind::KeyedEvent));
                } else {
                    assert_eq!(Backend::force(kind), Err(SelectError::Unavailable(kind)));
                    assert_eq!(Backend::force(BackendKind::Polling), Ok(()), "nothing has been chosen");
                    assert_eq!(nt.open_handles(), 0);
                }
            }
        }
    }
}

#[test]
fn whether_the_null_handle_is_known_decides_about_its_kind_alone() {
    let _watchdog = Watchdog::new();
    for status in [STATUS_SUCCESS, STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED] {
        let nt = Nt::boot_without(Class::Vista, &["WaitOnAddress"]);
        nt.fail_always(Call::Wait, status);
        let null = BackendKind::KeyedEventNull;
        assert_eq!(Backend::force(null), Err(SelectError::Unavailable(null)));
        let backend = Backend::get();
        assert_eq!(backend.kind(), BackendKind::KeyedEvent, "{status:#x}");
        assert!(!is_guarded(&backend), "{status:#x}");
    }
}

#[test]
fn the_chosen_kind_parks() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in [&[][..], &["WaitOnAddress"]] {
            let nt = Nt::boot_without(class, lacking);
            let parker = Parker::new();
            thread::scope(|scope| {
                let waiter = nt.spawn(scope, || parker.park());
                nt.await_blocked(if lacking.is_empty() { Call::WaitOnAddress } else { Call::Wait }, 1);
                assert!(parker.unpark());
                assert_eq!(waiter.join().expect("a park does not panic"), UnparkReason::Unparked);
            });
        }
    }
}

/// What another thread has published cannot always be built again.
#[test]
fn a_published_kind_that_is_gone_is_replaced_by_polling() {
    let _watchdog = Watchdog::new();
    for (kind, function) in [
        (BackendKind::WaitAddress, "WaitOnAddress"),
        (BackendKind::KeyedEventNull, "NtReleaseKeyedEvent"),
        (BackendKind::KeyedEvent, "NtReleaseKeyedEvent"),
    ] {
        let nt = Nt::boot(Class::Vista);
        assert_eq!(Backend::force(kind), Ok(()));
        nt.lack(function);
        assert_eq!(Backend::get().kind(), BackendKind::Polling);
        assert_eq!(Backend::force(BackendKind::Polling), Err(SelectError::InUse(kind)), "what is published stands");
    }
}

#[test]
fn a_handle_that_comes_second_is_closed() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot_without(Class::Xp, &["WaitOnAddress"]);
    nt.hold(Point::Creating);
    thread::scope(|scope| {
        let threads = [(); 5].map(|()| nt.spawn(scope, Backend::get));
        nt.await_held(Point::Creating, 5);
        nt.let_go(Point::Creating);
        // Their addresses and handles are the same.
        let backends = threads.map(|thread| format!("{:?}", thread.join().expect("it chooses")));
        assert!(cfg!(miri) || backends.iter().all(|backend| *backend == backends[0]), "they have one handle");
    });
    assert_eq!(nt.requests(Call::Create).len(), 5);
    assert_eq!(nt.open_handles(), 1);
    assert_eq!(Backend::get().kind(), BackendKind::KeyedEvent);
}

#[test]
fn a_handle_is_closed_when_another_kind_is_published_first() {
    let _watchdog = Watchdog::new();
    for other in [BackendKind::WaitAddress, BackendKind::Polling] {
        let nt = Nt::boot(Class::Xp);
        nt.hold(Point::Creating);
        thread::scope(|scope| {
            let late = nt.spawn(scope, || Backend::force(BackendKind::KeyedEvent));
            nt.await_held(Point::Creating, 1);
            assert_eq!(Backend::force(other), Ok(()));
            nt.let_go(Point::Creating);
            assert_eq!(late.join().expect("it is refused"), Err(SelectError::InUse(other)));
        });
        assert_eq!(Backend::get().kind(), other);
        assert_eq!(nt.open_handles(), 0);
    }
}

#[test]
fn no_thread_waits_for_the_one_that_stores() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot_without(Class::ReactOs, &["WaitOnAddress"]);
    // The null handle cannot be found by the first thread, so that it stops where it makes a handle.
    nt.fail_next(Call::Wait, STATUS_INVALID_HANDLE);
    nt.hold(Point::Creating);
    let (parker, two_phase) = (Parker::new(), ThreadParker::new());
    thread::scope(|scope| {
        let first = nt.spawn(scope, || Backend::get().kind());
        nt.await_held(Point::Creating, 1);
        assert_eq!(Backend::force(BackendKind::KeyedEventNull), Ok(()));
        assert!(Backend::chosen().is_none(), "it is being stored");
        assert_eq!(Backend::get().kind(), BackendKind::KeyedEventNull);
        // Threads meet, although each has a copy of its own.
        two_phase.prepare_park();
        let parked = nt.spawn(scope, || parker.park());
        let waiter = nt.spawn(scope, || two_phase.park_until(Instant::MAX));
        nt.await_blocked(Call::Wait, 2);
        assert!(parker.unpark());
        assert!(two_phase.unpark_lock().unpark());
        assert_eq!(parked.join().expect("a park does not panic"), UnparkReason::Unparked);
        assert!(waiter.join().expect("a park does not panic"));
        assert!(Backend::chosen().is_none(), "it is still being stored");
        nt.let_go(Point::Creating);
        assert_eq!(first.join().expect("it adopts the forced kind"), BackendKind::KeyedEventNull);
    });
    assert_eq!(Backend::chosen().map(Backend::kind), Some(BackendKind::KeyedEventNull));
    assert_eq!(nt.open_handles(), 0);
}

/// A host that is never waited on. It tells the time in its context.
const fn host(time: &'static u64) -> Host {
    unsafe extern "C" fn wait(_: *mut c_void, _: *const usize, _: usize, _: u64) {}
    unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}
    unsafe extern "C" fn now(time: *mut c_void) -> u64 {
        // SAFETY: the context is that of this function.
        unsafe { time.cast::<u64>().read() }
    }
    unsafe extern "C" fn thread_yield(_: *mut c_void) {}
    unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
        1
    }
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: to return at once is to return for no reason, which a host may; the time lives for ever.
    unsafe { Host::new(ptr::from_ref(time).cast_mut().cast(), functions, NonZeroU32::MIN) }
}

static HOST: Host = host(&7);
static ANOTHER: Host = host(&9);

/// The kind in use and, to tell hosts apart, whose clock it has.
fn in_use() -> (BackendKind, Option<Instant>) {
    let backend = Backend::get();
    (backend.kind(), (backend.kind() == BackendKind::Host).then(|| backend.now()))
}

#[test]
fn a_host_comes_first() {
    let _watchdog = Watchdog::new();
    let _nt = Nt::boot(Class::Vista);
    assert_eq!(Backend::force(BackendKind::Host), Err(SelectError::Unavailable(BackendKind::Host)));
    assert_eq!(Backend::install(&HOST), Ok(()));
    assert_eq!(in_use(), (BackendKind::Host, Some(Instant::from_ticks(8))), "rounded up");
    assert_eq!(Backend::install(&ANOTHER), Err(SelectError::InUse(BackendKind::Host)));
    assert_eq!(in_use().1, Some(Instant::from_ticks(8)));
    assert!(Backend::available().contains(BackendKinds::HOST));
}

#[test]
fn a_refused_host_leaves_no_trace() {
    let _watchdog = Watchdog::new();
    for kind in [BackendKind::WaitAddress, BackendKind::KeyedEventNull, BackendKind::KeyedEvent, BackendKind::Polling] {
        let _nt = Nt::boot(Class::Vista);
        let available = Backend::available();
        assert_eq!(Backend::force(kind), Ok(()));
        for host in [&HOST, &ANOTHER] {
            assert_eq!(Backend::install(host), Err(SelectError::InUse(kind)));
            assert_eq!(Backend::available(), available);
        }
        assert_eq!(Backend::get().kind(), kind);
    }
}

#[test]
fn threads_that_race_make_one_choice() {
    let _watchdog = Watchdog::new();
    const THREADS: usize = 6;
    for round in 0..if cfg!(miri) { 12 } else { 120 } {
        let nt = Nt::boot_without(Class::Vista, if round % 2 == 0 { &["WaitOnAddress"] } else { &[] });
        let start = Barrier::new(THREADS);
        let results = thread::scope(|scope| {
            let racer = |index: usize| {
                let start = &start;
                nt.spawn(scope, move || {
                    start.wait();
                    // In some rounds all ask for a handle, in some for all kinds.
                    let result = match (round / 2 % 3, (index + round) % THREADS) {
                        (0, _) | (1, 0 | 1) | (2, 0) => Some(Backend::force(BackendKind::KeyedEvent)),
                        (1, 2) | (2, 1) => Some(Backend::force(BackendKind::Polling)),
                        (2, 2) => Some(Backend::install(&HOST)),
                        (2, 3) => Some(Backend::install(&ANOTHER)),
                        _ => None,
                    };
                    (result, in_use())
                })
            };
            let threads: [_; THREADS] = std::array::from_fn(racer);
            threads.map(|thread| thread.join().expect("it chooses"))
        });
        let in_use = in_use();
        for (result, seen) in &results {
            assert_eq!(*seen, in_use, "in round {round}");
            let truth = [None, Some(Ok(())), Some(Err(SelectError::InUse(in_use.0)))];
            assert!(truth.contains(result), "{result:?} in round {round}, where {in_use:?} is in use");
        }
        assert!(results.iter().filter(|(result, _)| *result == Some(Ok(()))).count() <= 1);
        let has_host = Backend::available().contains(BackendKinds::HOST);
        assert_eq!(has_host, in_use.0 == BackendKind::Host, "in round {round}: a refused host leaves no trace");
        assert_eq!(nt.open_handles(), usize::from(in_use.0 == BackendKind::KeyedEvent), "in round {round}");
    }
}

#[test]
fn threads_have_numbers() {
    let _watchdog = Watchdog::new();
    for kind in [BackendKind::WaitAddress, BackendKind::KeyedEventNull, BackendKind::KeyedEvent, BackendKind::Polling] {
        let nt = Nt::boot(Class::Vista);
        assert_eq!(Backend::force(kind), Ok(()));
        let backend = Backend::get();
        let here = backend.current_thread();
        assert!(here.is_some());
        let there = thread::scope(|scope| nt.spawn(scope, || backend.current_thread()).join().expect("it has one"));
        assert!(there.is_some() && there != here);
        assert_eq!(backend.current_thread(), here);
    }
}

/// A system without the function that every NT has is taken for none.
#[test]
fn without_nt_only_waits_of_no_time_end() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot_without(Class::Vista, &["ntdll.dll"]);
    let backend = Backend::get();
    assert_eq!(backend.kind(), BackendKind::Polling);
    assert_eq!((backend.now(), backend.clock_granule(), backend.current_thread()), (Instant::MIN, 0, None));
    assert!(!backend.is_process_ending());
    let parker = Parker::new();
    assert_eq!(parker.park_timeout(Duration::ZERO), UnparkReason::TimedOut);
    thread::scope(|scope| {
        let waiter = nt.spawn(scope, || parker.park_timeout(Duration::from_nanos(100)));
        nt.await_naps(3);
        assert!(parker.unpark());
        assert_eq!(waiter.join().expect("a park does not panic"), UnparkReason::Unparked);
    });
}
