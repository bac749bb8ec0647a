//! The verbs, one a file.

pub(crate) mod arm64;
pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod dist;
pub(crate) mod header;
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
