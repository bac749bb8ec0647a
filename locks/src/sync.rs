//! What the locks are made of. `verify/` compiles the other modules with a `sync` of its own, over a simulated parker.

pub(crate) use core::cell::UnsafeCell;
pub(crate) use core::sync::atomic;
pub(crate) use ntpark::{Backend, Instant, SpinWait, lot};
