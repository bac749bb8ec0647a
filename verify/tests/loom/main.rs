//! The real code, from the parkers down to the calls, on a simulated NT and under loom, which tries all
//! interleavings and all values that the memory model allows.
//!
//! `cargo test -p ntpark-verify --release --test loom`. Each test runs on every [`Platform`] and prints how many
//! executions that took. In each, a thread that could go on gives way up to so many times as the test says
//! (`LOOM_MAX_PREEMPTIONS` says otherwise), and whenever it blocks.

#![cfg(not(windows))]

mod bucket_lock;
mod freed;
mod keyed_event;
mod lock_orderings;
mod nt;
mod selection_races;
mod spin;
mod sync;
mod sys;
mod token;
mod two_phase;
mod wait_queues;

ntpark_verify::product!();
ntpark_verify::product!(locks: barrier, condvar, debug, event, key, mutex, once, patience, rwlock, semaphore, word);

use backend::{Backend, BackendKind};
use loom::model::Builder;
use nt::System;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How long the executions of a test on one system may take. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(300);

/// A system, and what threads park on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    WaitAddress,
    KeyedEvent,
    KeyedEventNull,
    XpClass,
    Host,
}

impl Platform {
    const ALL: [Self; 5] = [Self::WaitAddress, Self::KeyedEvent, Self::KeyedEventNull, Self::XpClass, Self::Host];

    fn system(self) -> System {
        match self {
            Self::WaitAddress => System::Windows10,
            Self::KeyedEvent | Self::KeyedEventNull => System::Vista,
            Self::XpClass => System::Xp,
            Self::Host => System::None,
        }
    }

    /// Whether a waiter leaves only after its wake.
    fn is_rendezvous(self) -> bool {
        matches!(self, Self::KeyedEvent | Self::KeyedEventNull | Self::XpClass)
    }

    /// Makes the choice that is this platform's, in the execution that is running, and has it stored: the races of
    /// the first use are another test's matter.
    fn choose(self) {
        let chosen = match self {
            Self::WaitAddress => Backend::force(BackendKind::WaitAddress),
            Self::KeyedEvent | Self::XpClass => Backend::force(BackendKind::KeyedEvent),
            Self::KeyedEventNull => Backend::force(BackendKind::KeyedEventNull),
            Self::Host => Backend::install(&nt::HOST),
        };
        assert_eq!(chosen, Ok(()));
        let _ = Backend::get();
    }
}

/// Tries the executions of `test` on every platform, with up to so many preemptions.
fn on_every_platform(name: &str, preemptions: usize, test: impl Fn(Platform) + Copy + Send + Sync + 'static) {
    on_platforms(name, &Platform::ALL, preemptions, test);
}

/// Tries the executions of `test` on some platforms.
fn on_platforms(
    name: &str,
    platforms: &[Platform],
    preemptions: usize,
    test: impl Fn(Platform) + Copy + Send + Sync + 'static,
) {
    for &platform in platforms {
        let executions = explore(platform.system(), preemptions, move || {
            platform.choose();
            test(platform);
        });
        println!("{name}, {platform:?}: {executions} executions");
    }
}

/// Tries the executions of `test` on a system, and tells how many there were.
fn explore(system: System, preemptions: usize, test: impl Fn() + Send + Sync + 'static) -> usize {
    nt::boot(system);
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 10_000;
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    // Dropped when this returns, or unwinds.
    let (_alive, end) = channel::<()>();
    let test_name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::spawn(move || {
        if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Written past the harness, which would keep it and lose it.
            let _ = writeln!(std::io::stderr(), "{test_name} has run for {LIMIT:?}: giving up");
            std::process::abort();
        }
    });
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        test();
    });
    executions.load(Relaxed)
}
