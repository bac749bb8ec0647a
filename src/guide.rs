//! Pages about ntpark. They exist in the documentation only and are no part of the interface.

#[doc = include_str!("../docs/protocols.md")]
pub mod protocols {}

#[doc = include_str!("../docs/host.md")]
pub mod host {}

#[doc = include_str!("../docs/parking-lot.md")]
pub mod parking_lot {}

#[doc = include_str!("../docs/verification.md")]
pub mod verification {}

#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/wait-on-address.md")]
pub mod wait_on_address {}

#[doc = include_str!("../docs/hang.md")]
pub mod hang {}
