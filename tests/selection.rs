//! The process's choice of a backend, which it makes once: so each test has a process of its own.
#![cfg(not(miri))] // It starts processes.

mod common;

use common::child::in_own_process;
use common::{Watchdog, await_parked, choose, handles, wanted};
use ntpark::{
    Backend, BackendKind, BackendKinds, Host, HostFunctions, Instant, Parker, SelectError, SpinWait, ThreadParker,
    UnparkReason, thread_yield,
};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// Threads that race.
const THREADS: usize = 64;

/// Runs a test in a process that has not chosen yet.
fn before_the_choice(test: &str, body: impl FnOnce()) {
    in_own_process(test, || {
        let _watchdog = Watchdog::new();
        body();
    });
}

/// The kind that this run is about: one that this system has.
fn this_kind() -> BackendKind {
    wanted().unwrap_or(if cfg!(target_os = "linux") { BackendKind::Host } else { best() })
}

/// What a process chooses that is left alone.
fn best() -> BackendKind {
    let order = [BackendKind::WaitAddress, BackendKind::KeyedEventNull, BackendKind::KeyedEvent, BackendKind::Polling];
    let available = Backend::available();
    order.into_iter().find(|&kind| available.contains(kind.into())).expect("polling is always there")
}

/// Another kind that this system has.
fn another_kind() -> BackendKind {
    if this_kind() == BackendKind::Polling { best() } else { BackendKind::Polling }
}

/// A host that is never used.
static HOST: Host = {
    unsafe extern "C" fn wait(_: *mut std::ffi::c_void, _: *const usize, _: usize, _: u64) {}
    unsafe extern "C" fn wake(_: *mut std::ffi::c_void, _: *const usize) {}
    unsafe extern "C" fn now(_: *mut std::ffi::c_void) -> u64 {
        1
    }
    unsafe extern "C" fn thread_yield(_: *mut std::ffi::c_void) {}
    unsafe extern "C" fn current_thread(_: *mut std::ffi::c_void) -> usize {
        1
    }
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: to return at once is to return for no reason, which a host may.
    unsafe { Host::new(std::ptr::null_mut(), functions, std::num::NonZeroU32::MIN) }
};

/// How many of them the choice has opened.
fn handles_of(kind: BackendKind) -> usize {
    usize::from(kind == BackendKind::KeyedEvent)
}

/// Runs something on all threads at once. What each got, and how many handles more there are.
fn race<T: Send>(body: impl Fn(usize) -> T + Sync) -> (Vec<T>, usize) {
    let run = |body: &(dyn Fn(usize) -> Option<T> + Sync)| {
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            let racer = |index| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    body(index)
                })
            };
            let threads: Vec<_> = (0..THREADS).map(racer).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("it does not panic")).collect::<Vec<_>>()
        })
    };
    // What threads cost the process once is not to be counted.
    run(&|_| None);
    let before = handles::open().len();
    let results = run(&|index| Some(body(index)));
    (results, handles::open().len() - before)
}

#[test]
fn threads_that_race_to_the_first_use_make_one_choice() {
    before_the_choice("threads_that_race_to_the_first_use_make_one_choice", || {
        let expected = best();
        let (kinds, opened) = race(|index| {
            let kind = Backend::get().kind();
            if index % 2 == 0 && cfg!(windows) {
                let _ = Parker::new().park_timeout(Duration::from_millis(1));
            }
            assert_eq!(ThreadParker::new().backend().kind(), kind);
            kind
        });
        assert_eq!(kinds, [expected; THREADS]);
        assert_eq!(opened, handles_of(expected));
    });
}

#[test]
fn threads_that_race_to_choose_one_kind_make_one_choice() {
    before_the_choice("threads_that_race_to_choose_one_kind_make_one_choice", || {
        let kind = this_kind();
        let (results, opened) = race(|_| {
            let result = choose(kind);
            assert_eq!(Backend::get().kind(), kind);
            result
        });
        assert!(results.iter().all(|&result| result == Ok(()) || result == Err(SelectError::InUse(kind))));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(opened, handles_of(kind));
    });
}

#[test]
fn threads_that_race_to_choose_many_kinds_make_one_choice() {
    before_the_choice("threads_that_race_to_choose_many_kinds_make_one_choice", || {
        let kinds: Vec<_> =
            BackendKind::ALL.into_iter().filter(|&kind| Backend::available().contains(kind.into())).collect();
        let (results, opened) = race(|index| {
            // Some come without a wish.
            let wish = kinds.get(index % (kinds.len() + 1));
            (wish, wish.map(|&kind| choose(kind)), Backend::get().kind())
        });
        let chosen = Backend::get().kind();
        for (wish, result, seen) in &results {
            assert_eq!(*seen, chosen);
            match result {
                Some(Ok(())) => assert_eq!(*wish, Some(&chosen)),
                Some(Err(error)) => assert_eq!(*error, SelectError::InUse(chosen)),
                None => {}
            }
        }
        assert!(results.iter().filter(|(_, result, _)| *result == Some(Ok(()))).count() <= 1);
        assert_eq!(opened, handles_of(chosen));
    });
}

#[test]
fn threads_that_race_to_install_a_host_make_one_choice() {
    before_the_choice("threads_that_race_to_install_a_host_make_one_choice", || {
        let (results, opened) = race(|index| {
            let result = (index % 4 > 0).then(|| Backend::install(&HOST));
            (result, Backend::get().kind())
        });
        let chosen = Backend::get().kind();
        for (result, seen) in &results {
            assert_eq!(*seen, chosen);
            match result {
                Some(Ok(())) => assert_eq!(chosen, BackendKind::Host),
                Some(Err(error)) => assert_eq!(*error, SelectError::InUse(chosen)),
                None => {}
            }
        }
        assert!(results.iter().filter(|(result, _)| *result == Some(Ok(()))).count() <= 1);
        assert_eq!(opened, handles_of(chosen));
    });
}

#[test]
fn a_kind_is_forced_before_the_first_use() {
    before_the_choice("a_kind_is_forced_before_the_first_use", || {
        let (kind, before) = (this_kind(), handles::open().len());
        assert_eq!(choose(kind), Ok(()));
        assert_eq!(Backend::get().kind(), kind);
        assert_eq!(handles::open().len() - before, handles_of(kind));
        for other in BackendKind::ALL {
            assert_eq!(Backend::force(other), Err(SelectError::InUse(kind)));
        }
        assert_eq!(Backend::install(&HOST), Err(SelectError::InUse(kind)));
        assert_eq!(Backend::get().kind(), kind);
        let parker = Parker::new();
        parker.unpark();
        assert_eq!(parker.park(), UnparkReason::Unparked);
        assert_eq!(parker.park_timeout(Duration::from_millis(1)), UnparkReason::TimedOut);
        assert_eq!(handles::open().len() - before, handles_of(kind));
    });
}

#[test]
fn nothing_is_forced_after_the_first_use() {
    before_the_choice("nothing_is_forced_after_the_first_use", || {
        let kind = best();
        assert_eq!(Backend::get().kind(), kind);
        for other in BackendKind::ALL {
            assert_eq!(Backend::force(other), Err(SelectError::InUse(kind)));
        }
        assert_eq!(Backend::install(&HOST), Err(SelectError::InUse(kind)));
        assert_eq!(SelectError::InUse(kind).to_string(), format!("the process already parks on the {kind} backend"));
    });
}

#[test]
fn a_kind_that_is_not_there_is_not_chosen() {
    before_the_choice("a_kind_that_is_not_there_is_not_chosen", || {
        let before = handles::open().len();
        let available = Backend::available();
        assert!(available.contains(BackendKinds::POLLING) && !available.contains(BackendKinds::HOST));
        for kind in BackendKind::ALL.into_iter().filter(|&kind| !available.contains(kind.into())) {
            let error = SelectError::Unavailable(kind);
            assert_eq!(Backend::force(kind), Err(error));
            assert_eq!(error.to_string(), format!("the {kind} backend is not available here"));
        }
        assert_eq!(Backend::available(), available);
        assert_eq!(handles::open().len(), before, "looking opens nothing");
        // Nothing has been chosen: another kind can be.
        let kind = another_kind();
        assert_eq!(Backend::force(kind), Ok(()));
        assert_eq!(Backend::get().kind(), kind);
    });
}

#[test]
fn what_this_system_has() {
    before_the_choice("what_this_system_has", || {
        let nt = BackendKinds::WAIT_ADDRESS | BackendKinds::KEYED_EVENT | BackendKinds::KEYED_EVENT_NULL;
        // On Windows before 8, and before Vista, not all of these are there; no such system has run this.
        let expected = if cfg!(windows) { nt | BackendKinds::POLLING } else { BackendKinds::POLLING };
        assert_eq!(Backend::available(), expected);
        assert_eq!(Backend::get().kind(), if cfg!(windows) { BackendKind::WaitAddress } else { BackendKind::Polling });
    });
}

/// By the version that the Win32 layer tells; it may make a new system look older, but no older than Vista.
#[test]
#[cfg(windows)]
fn the_guard_is_on_before_vista_alone() {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetVersion() -> u32;
    }
    before_the_choice("the_guard_is_on_before_vista_alone", || {
        assert_eq!(Backend::force(BackendKind::KeyedEvent), Ok(()));
        let Backend::KeyedEvent(backend) = Backend::get() else {
            panic!("it was forced");
        };
        // SAFETY: it takes nothing.
        let major = unsafe { GetVersion() } & 0xFF;
        assert_eq!(backend.is_guarded(), major < 6);
    });
}

#[test]
fn a_host_is_installed_before_the_first_use() {
    before_the_choice("a_host_is_installed_before_the_first_use", || {
        assert_eq!(Backend::install(&HOST), Ok(()));
        assert_eq!(Backend::get().kind(), BackendKind::Host);
        assert!(Backend::available().contains(BackendKinds::HOST));
        assert_eq!(Backend::install(&HOST), Err(SelectError::InUse(BackendKind::Host)));
        for kind in BackendKind::ALL {
            assert_eq!(Backend::force(kind), Err(SelectError::InUse(BackendKind::Host)));
        }
    });
}

#[test]
fn calls_that_need_no_backend_choose_none() {
    before_the_choice("calls_that_need_no_backend_choose_none", || {
        let parker = Parker::new();
        assert!(!parker.unpark());
        assert_eq!(parker.park(), UnparkReason::Unparked);
        parker.unpark();
        assert_eq!(parker.park_timeout(Duration::MAX), UnparkReason::Unparked);
        // Parks of no time, and an unpark where nobody waits.
        assert_eq!(parker.park_timeout(Duration::ZERO), UnparkReason::TimedOut);
        assert_eq!(parker.park_until(Instant::MIN), UnparkReason::TimedOut);
        assert_eq!(parker.no_spin().park_timeout(Duration::ZERO), UnparkReason::TimedOut);
        assert!(!parker.unpark());
        let parker = ThreadParker::new();
        parker.prepare_park();
        parker.unpark_lock().unpark();
        parker.park();
        assert!(!parker.timed_out());
        thread_yield();
        let mut spin = SpinWait::new();
        while spin.spin() {}
        spin.spin_no_yield();
        let _ = Backend::available();
        assert_eq!(choose(this_kind()), Ok(()), "nothing has been chosen yet");
    });
}

/// Runs `call` in a process that has not chosen; it is to choose.
fn chooses(test: &str, call: impl FnOnce()) {
    before_the_choice(test, || {
        let kind = best();
        call();
        assert_eq!(Backend::force(kind), Err(SelectError::InUse(kind)));
    });
}

#[test]
fn asking_for_the_backend_chooses_it() {
    chooses("asking_for_the_backend_chooses_it", || _ = Backend::get());
}

#[test]
fn asking_for_the_time_chooses_the_backend() {
    chooses("asking_for_the_time_chooses_the_backend", || _ = Instant::now());
}

#[test]
fn a_park_that_may_wait_chooses_the_backend() {
    chooses("a_park_that_may_wait_chooses_the_backend", || {
        // In the past of every clock that advances; without one, no time ever passes.
        if cfg!(windows) {
            assert_eq!(Parker::new().park_timeout(Duration::from_millis(1)), UnparkReason::TimedOut);
        } else {
            static PARKER: Parker = Parker::new();
            let parked = thread::spawn(|| PARKER.park());
            await_parked(&PARKER);
            assert!(PARKER.unpark());
            assert_eq!(parked.join().expect("a park does not panic"), UnparkReason::Unparked);
        }
    });
}

#[test]
fn a_refused_host_leaves_no_trace() {
    before_the_choice("a_refused_host_leaves_no_trace", || {
        assert_eq!(Backend::force(BackendKind::Polling), Ok(()));
        let available = Backend::available();
        assert_eq!(Backend::install(&HOST), Err(SelectError::InUse(BackendKind::Polling)));
        assert_eq!(Backend::available(), available);
        assert!(!available.contains(BackendKinds::HOST));
        assert_eq!(Backend::get().kind(), BackendKind::Polling);
    });
}

/// A copy of the library that is loaded and unloaded again and again.
#[test]
#[cfg(windows)]
fn unloading_leaves_no_handles_behind() {
    use common::dll::Dll;

    // Of nobody else's, too.
    before_the_choice("unloading_leaves_no_handles_behind", || {
        let left_by = |load: &dyn Fn()| {
            let before = handles::open().len();
            (0..100).for_each(|_| load());
            handles::open().len() - before
        };
        let null = Some(BackendKind::KeyedEventNull);
        // With a handle of its own, as only XP chooses by itself, each copy leaves one.
        for forced in [None, Some(BackendKind::WaitAddress), null, Some(BackendKind::Polling)] {
            // What the first costs the process once is not to be counted.
            let kind = Dll::load().park(forced);
            assert!(forced.is_none_or(|forced| forced == kind));
            assert_ne!(kind, BackendKind::KeyedEvent);
            // Wine 8 itself leaves a handle whenever a 32-bit program loads a DLL.
            let by_the_loader = left_by(&|| drop(Dll::load()));
            let by_parking = left_by(&|| assert_eq!(Dll::load().park(forced), kind, "each copy chooses anew"));
            assert_eq!(by_parking, by_the_loader, "{kind}");
        }
    });
}
