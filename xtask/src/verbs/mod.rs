//! The verbs, one a file; those that run a program of the project's share one.

pub(crate) mod bench;
mod build_cost;
pub(crate) mod dist;
pub(crate) mod header;
pub(crate) mod kernel;
pub(crate) mod kit;
pub(crate) mod lint;
pub(crate) mod miri;
pub(crate) mod mutants;
pub(crate) mod programs;
pub(crate) mod release;
pub(crate) mod sanitize;
pub(crate) mod size;
pub(crate) mod targets;
pub(crate) mod test;
