//! What the test programs share. They are plain ones: `cargo test` runs them, on the backend that
//! `NTPARK_BACKEND` names, else on the best there is.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod child;
#[cfg(windows)]
pub(crate) mod dll;
pub(crate) mod handles;
#[path = "../../examples/common/mod.rs"]
mod host;
pub(crate) mod load;
pub(crate) mod lot;
pub(crate) mod monitor;
pub(crate) mod random;
mod watchdog;

use ntpark::{Backend, BackendKind, Parker, UnparkReason};
use proptest::test_runner::Config as ProptestConfig;
use std::sync::Once;
use std::time::Duration;
pub(crate) use watchdog::Watchdog;

/// Names the backend that the tests run on, see [`BackendKind::name`].
pub(crate) const BACKEND_VARIABLE: &str = "NTPARK_BACKEND";

/// Begins a test on the process's backend. Lasts as long as what it returns.
#[track_caller]
pub(crate) fn begin() -> Watchdog {
    static CHOICE: Once = Once::new();
    CHOICE.call_once(|| match wanted() {
        None => host::setup(),
        Some(kind) => {
            choose(kind).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(Backend::get().kind(), kind);
        }
    });
    Watchdog::new()
}

/// The backend that [`BACKEND_VARIABLE`] asks for.
pub(crate) fn wanted() -> Option<BackendKind> {
    let name = std::env::var(BACKEND_VARIABLE).ok()?;
    let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
    Some(kind.unwrap_or_else(|| panic!("there is no backend of the name {name}")))
}

/// Makes this kind the process's; the host is the one of this system.
pub(crate) fn choose(kind: BackendKind) -> Result<(), ntpark::SelectError> {
    #[cfg(target_os = "linux")]
    if kind == BackendKind::Host {
        return Backend::install(&host::futex::HOST);
    }
    Backend::force(kind)
}

/// How often a test does what it repeats: less often under Miri, which takes some thousand times as long.
pub(crate) const fn rounds(natively: u64) -> u64 {
    if !cfg!(miri) {
        natively
    } else if natively >= 500 {
        10
    } else {
        3
    }
}

/// Returns once a thread is parked there, whose token is not there yet. It must be known that none is left
/// for others to take.
pub(crate) fn await_parked(parker: &Parker) {
    loop {
        match parker.park_timeout(Duration::ZERO) {
            UnparkReason::Busy => return,
            UnparkReason::TimedOut => std::thread::yield_now(),
            UnparkReason::Unparked => panic!("a token was there before anyone left one"),
        }
    }
}

/// Whether a span of the parkers' clock that the standard library's clock measured as `elapsed` can have been
/// `span` long. The two are one clock on Linux and under Wine; on Windows they may run apart, by 50 parts in
/// a million at the most.
pub(crate) fn is_at_least(elapsed: Duration, span: Duration) -> bool {
    let drift = if cfg!(windows) { span / 20_000 } else { Duration::ZERO };
    elapsed + drift >= span
}

/// No files: a case that fails is printed. Fewer cases under Miri.
pub(crate) fn proptest_config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if cfg!(miri) { ProptestConfig { cases: 3, ..config } } else { config }
}
