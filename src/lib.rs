#![doc = include_str!("../README.md")]
#![no_std]
#![debugger_visualizer(natvis_file = "ntpark.natvis")]

#[cfg(doctest)]
extern crate std;

mod backend;
pub mod futex;
#[cfg(doc)]
pub mod guide;
pub mod lot;
mod model;
mod parker;
mod selection;
mod spin;
mod state;
mod sync;
#[doc(hidden)]
pub mod sys;
mod thread_parker;
mod time;

pub use backend::host::{Host, HostCurrentThread, HostFunctions, HostNow, HostWait, HostWake, HostYield};
pub use backend::keyed_event::KeyedEvent;
pub use backend::polling::Polling;
pub use backend::wait_address::WaitAddress;
pub use backend::{Backend, BackendKind, BackendKinds, SelectError};
pub use parker::{NoSpin, Parker, UnparkReason};
pub use spin::{SpinWait, thread_yield};
pub use thread_parker::{ThreadParker, UnparkHandle};
pub use time::Instant;
