//! The verbs, one a file.

pub(crate) mod bench;
mod build_cost;
pub(crate) mod demo;
pub(crate) mod dist;
pub(crate) mod header;
pub(crate) mod kernel;
pub(crate) mod kit;
pub(crate) mod lint;
pub(crate) mod miri;
pub(crate) mod mutants;
pub(crate) mod probe;
pub(crate) mod release;
pub(crate) mod sanitize;
pub(crate) mod size;
pub(crate) mod stress;
pub(crate) mod targets;
pub(crate) mod test;
