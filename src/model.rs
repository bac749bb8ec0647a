//! The compile-time model: every interleaving of both protocols, explored whenever this crate is compiled.
//!
//! Two parkers and two unparkers share a word and a kernel. Each may at any time begin another call, or never
//! again; between any two operations of one thread the others may do any number of theirs; every wait may be
//! timed, and end for its deadline or for no reason. In the two-phase protocol, unparks may come at any time,
//! whatever the user's queue says, and their handles be used at any time later. The operations are the parkers' own:
//! [`Explored`](crate::state::Explored)'s methods, and [`Phase::next`](crate::backend::rendezvous::Phase::next). The
//! model adds the threads, a kernel of each kind, and the rules. The first snapshot that breaks a rule stops the build,
//! and the error tells the shortest way there.
//!
//! **Left out**: memory order (loom), failing calls, the end of the process and time (simulated kernels), and
//! more than two tokens. Very many tokens are explored in a test of `verify/`: what [`saturate`] does
//! depends on the number that it is given alone, so the build need not combine it with everything else.
//!
//! **Cheap**: the evaluator takes 0.1 µs for a statement and 1 µs for a call, so a snapshot is changed in place
//! and its threads are one number; the list of all snapshots is also the list of what is left to do; threads that
//! behave alike are kept in one order.
//!
//! Nothing uses this module: without it, the crate is the same.
//!
//! [`saturate`]: crate::state::Word::saturate

pub(crate) mod explorer;
pub(crate) mod snapshot;
pub(crate) mod trace;

use explorer::{Kernel, Setting, explore};

const SETTINGS: [Setting; 6] = [
    Setting { two_phase: false, kernel: Kernel::Compare, many: false },
    Setting { two_phase: false, kernel: Kernel::Rendezvous, many: false },
    Setting { two_phase: false, kernel: Kernel::XpClass, many: false },
    Setting { two_phase: true, kernel: Kernel::Compare, many: false },
    Setting { two_phase: true, kernel: Kernel::Rendezvous, many: false },
    Setting { two_phase: true, kernel: Kernel::XpClass, many: false },
];

const _: () = {
    let mut setting = 0;
    while setting < SETTINGS.len() {
        explore(SETTINGS[setting]);
        setting += 1;
    }
};
