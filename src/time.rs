//! Time: points, spans, and every conversion between units.
//!
//! # Never early
//! A wait must not end before its deadline, although every layer below may be early: kernels end timed waits
//! up to a clock tick too soon, and most clocks tell the time of the last tick. So a clock answers two questions
//! in two ways:
//!
//! - *What time is it?* (`now`, from which deadlines are made): the **latest** time that it can be, which is the
//!   reading plus the clock's granule.
//! - *Has the deadline passed?* ([`Remaining::until`]): by the reading itself, the **earliest** time that it can
//!   be.
//!
//! So between the making of a deadline and its passing at least the asked-for time goes by, and every wait is a
//! loop around the second question. All arithmetic saturates: a far deadline becomes "for ever", never "now".

pub(crate) mod clock;
mod instant;

pub use instant::Instant;
pub(crate) use instant::{Remaining, Waited, milliseconds, nt_relative};
