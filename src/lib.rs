#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]

#[cfg(any(loom, doctest))]
extern crate std;

// The simulated NT of the tests speaks of this crate by its name, here too.
#[cfg(all(test, not(loom)))]
extern crate self as ntpark;
#[cfg(all(test, not(loom)))]
#[path = "../tests/common/fake_nt/mod.rs"]
#[allow(dead_code, reason = "the unit tests use a part of this")]
mod fake_nt;
#[cfg(all(test, not(loom)))]
#[path = "../tests/common/watchdog.rs"]
#[allow(dead_code, reason = "the unit tests use a part of this")]
mod watchdog;

mod backend;
mod parker;
mod spin;
mod state;
mod sync;
pub mod sys;
mod thread_parker;
mod time;

pub use backend::host::{Host, HostNow, HostWait, HostWake, HostYield};
pub use backend::keyed_event::KeyedEvent;
pub use backend::wait_address::WaitAddress;
pub use backend::{Backend, Kind, Kinds, SelectError};
pub use parker::{NoSpin, Parker, UnparkReason};
pub use spin::{SpinWait, thread_yield};
pub use thread_parker::{ThreadParker, UnparkHandle};
pub use time::{Clock, Instant};

#[cfg(all(loom, test))]
#[path = "../tests/loom/mod.rs"]
mod loom_tests;
