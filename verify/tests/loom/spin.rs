//! No spin: to loom, a look that finds nothing is one more interleaving of the same.

use crate::backend::Backend;
use crate::state::Word;
use crate::time::Instant;

pub(crate) fn spin(_: &Word, _: &Backend, _: Instant) {}
