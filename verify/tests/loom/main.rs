//! The real code, from the parkers down to the calls, on a simulated NT and under loom, which tries all
//! interleavings and all values that the memory model allows.
//!
//! `cargo xtask test --suite loom`. Each test runs on every [`Platform`] and prints how many executions that
//! took. In each, a thread that could go on gives way up to so many times as the test says
//! (`LOOM_MAX_PREEMPTIONS` says otherwise), and whenever it blocks.

pub(crate) mod nt;
mod selection;
mod token;
mod two_phase;

use crate::state::Word;
use crate::{Backend, BackendKind};
use core::cell::UnsafeCell;
use core::ops::Deref;
use loom::model::Builder;
use loom::sync::atomic::AtomicUsize;
use nt::System;
use std::println;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

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
fn on_every_platform(name: &str, preemptions: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    on_platforms(name, &Platform::ALL, preemptions, test);
}

/// Tries the executions of `test` on some platforms.
fn on_platforms(
    name: &str,
    platforms: &[Platform],
    preemptions: usize,
    test: impl Fn() + Copy + Send + Sync + 'static,
) {
    for &platform in platforms {
        let executions = explore(platform.system(), preemptions, move || {
            platform.choose();
            test();
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
    let executions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        test();
    });
    executions.load(Relaxed)
}

/// A parker that its owner frees while others may still know its address.
struct Freed<T>(UnsafeCell<T>);

// SAFETY: shared like what is in it; for `free`, see there.
unsafe impl<T: Sync> Sync for Freed<T> {}

impl<T> Freed<T> {
    fn new(parker: T) -> Self {
        Self(UnsafeCell::new(parker))
    }

    /// What freeing the parker is to loom: all that others have done to its word comes before, and nothing
    /// that they do comes after.
    ///
    /// `T` begins with its word.
    fn free(&self) {
        let word = self.0.get().cast::<Word>().cast::<AtomicUsize>();
        // SAFETY: a `Word` is an `AtomicUsize`, and nobody uses it any more, which loom checks now.
        let word = unsafe { &mut *word };
        word.with_mut(|_| ());
    }
}

impl<T> Deref for Freed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `free` comes last.
        unsafe { &*self.0.get() }
    }
}
