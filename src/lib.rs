#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(any(loom, doctest))]
extern crate std;

mod backend;
mod parker;
mod spin;
mod state;
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
