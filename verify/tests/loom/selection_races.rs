//! The choice of a backend, by threads that come to it at once.

use crate::backend::{Backend, BackendKind, SelectError};
use crate::explore;
use crate::nt::{self, System};
use crate::parker::{Parker, UnparkReason};
use crate::sys::last_error::{last_error, set_last_error};
use loom::sync::Arc;
use loom::thread;

const PREEMPTIONS: usize = 4;
/// Some last error.
const LAST_ERROR: u32 = 7;

const SYSTEMS: [System; 5] = [System::Windows10, System::Vista, System::Xp, System::ReactOs, System::None];

/// What a process comes to by itself.
fn best(system: System) -> BackendKind {
    match system {
        System::Windows10 => BackendKind::WaitAddress,
        System::Vista | System::ReactOs | System::Mistaken => BackendKind::KeyedEventNull,
        System::Xp => BackendKind::KeyedEvent,
        System::None => BackendKind::Polling,
    }
}

/// The choice is made, by this kind, and no handle but its own is open.
fn assert_chosen(kind: BackendKind) {
    assert_eq!(Backend::get().kind(), kind);
    assert_eq!(nt::open_handles(), usize::from(kind == BackendKind::KeyedEvent));
}

#[test]
fn threads_agree() {
    for system in SYSTEMS {
        let executions = explore(system, PREEMPTIONS, move || {
            let others = thread::spawn(|| Backend::get().kind());
            assert_eq!(Backend::get().kind(), best(system));
            assert_eq!(others.join().expect("no panic"), best(system));
            assert_chosen(best(system));
        });
        println!("threads agree, {system:?}: {executions} executions");
    }
}

#[test]
fn whoever_has_built_a_copy_waits_for_nobody_and_stores_nothing() {
    let executions = explore(System::Windows10, 2, || {
        let other = thread::spawn(|| Backend::get().kind());
        let first = Backend::get().kind();
        // The other may still be storing it.
        let second = Backend::get().kind();
        let kinds = [first, second, other.join().expect("no panic")];
        assert_eq!(kinds, [best(System::Windows10); 3]);
    });
    println!("copies: {executions} executions");
}

#[test]
fn whoever_forces_a_kind_gets_it_or_learns_what_is_in_use() {
    for (system, kind) in [
        (System::Windows10, BackendKind::KeyedEvent),
        (System::Windows10, BackendKind::Polling),
        (System::Vista, BackendKind::KeyedEventNull),
        (System::Vista, BackendKind::KeyedEvent),
        (System::Xp, BackendKind::Polling),
    ] {
        let executions = explore(system, PREEMPTIONS, move || {
            let others = thread::spawn(|| Backend::get().kind());
            let forced = Backend::force(kind);
            let chosen = others.join().expect("no panic");
            match forced {
                Ok(()) => assert_eq!(chosen, kind),
                Err(error) => assert_eq!(error, SelectError::InUse(chosen)),
            }
            assert_chosen(chosen);
        });
        println!("{kind} is forced, {system:?}: {executions} executions");
    }
}

#[test]
fn whoever_installs_a_host_gets_it_or_learns_what_is_in_use() {
    for system in [System::Vista, System::None] {
        let executions = explore(system, PREEMPTIONS, move || {
            let others = thread::spawn(|| Backend::get().kind());
            let installed = Backend::install(&nt::HOST);
            let chosen = others.join().expect("no panic");
            match installed {
                Ok(()) => assert_eq!(chosen, BackendKind::Host),
                Err(error) => assert_eq!(error, SelectError::InUse(chosen)),
            }
            assert_chosen(chosen);
        });
        println!("a host is installed, {system:?}: {executions} executions");
    }
}

#[test]
fn of_two_threads_that_install_a_host_one_is_refused() {
    let executions = explore(System::None, PREEMPTIONS, || {
        let other = thread::spawn(|| Backend::install(&nt::HOST));
        let results = [Backend::install(&nt::HOST), other.join().expect("no panic")];
        let refused = Err(SelectError::InUse(BackendKind::Host));
        assert!(results == [Ok(()), refused] || results == [refused, Ok(())], "{results:?}");
        assert_chosen(BackendKind::Host);
    });
    println!("two install a host: {executions} executions");
}

#[test]
fn the_first_use_may_be_a_park_that_meets_an_unpark() {
    for system in [System::Windows10, System::Vista, System::Xp] {
        let executions = explore(system, PREEMPTIONS, move || {
            let parker = Arc::new(Parker::new());
            let unparker = thread::spawn({
                let parker = Arc::clone(&parker);
                move || parker.unpark()
            });
            assert_eq!(parker.park(), UnparkReason::Unparked);
            unparker.join().expect("no panic");
        });
        println!("first use, {system:?}: {executions} executions");
    }
}

#[test]
fn the_guard_is_on_where_it_is_needed_and_off_elsewhere() {
    for (system, kind, is_guarded) in [
        (System::Windows10, BackendKind::KeyedEvent, false),
        (System::Vista, BackendKind::KeyedEvent, false),
        (System::Vista, BackendKind::KeyedEventNull, false),
        (System::Xp, BackendKind::KeyedEvent, true),
        (System::ReactOs, BackendKind::KeyedEvent, true),
        (System::ReactOs, BackendKind::KeyedEventNull, true),
    ] {
        explore(system, PREEMPTIONS, move || {
            assert_eq!(Backend::force(kind), Ok(()));
            match Backend::get() {
                Backend::KeyedEvent(backend) => assert_eq!(backend.is_guarded(), is_guarded, "{system:?} {kind}"),
                other => panic!("{other:?}"),
            }
        });
    }
}

#[test]
fn the_first_use_stores_the_choice_and_keeps_the_last_error() {
    for system in SYSTEMS {
        explore(system, 0, move || {
            set_last_error(LAST_ERROR);
            assert!(Backend::chosen().is_none());
            assert_chosen(best(system));
            assert_eq!(last_error(), LAST_ERROR);
            assert_eq!(Backend::chosen().map(Backend::kind), Some(best(system)));
            let has_clock = Backend::chosen().is_some_and(|backend| backend.clock_granule() > 0);
            assert_eq!(has_clock, system != System::None);
        });
    }
}

#[test]
fn a_kind_that_has_gone_since_it_was_published_is_replaced_by_polling() {
    explore(System::Vista, 0, || {
        nt::boot(System::Vista);
        assert_eq!(Backend::force(BackendKind::KeyedEventNull), Ok(()));
        nt::boot(System::None);
        assert_eq!(Backend::get().kind(), BackendKind::Polling);
    });
}
