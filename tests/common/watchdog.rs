use std::io::Write;
use std::panic::Location;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a test may take. None takes a twentieth of it on an idle machine, nor half under Miri.
const LIMIT: Duration = if cfg!(miri) { Duration::from_secs(1_200) } else { Duration::from_secs(60) };

/// Ends the process, by the name of the test, if it is not dropped in time: a lost wake would hang it for ever.
#[must_use = "it watches as long as it lives"]
pub(crate) struct Watchdog {
    /// Nothing is ever sent: the other end notices that this one is dropped.
    _alive: Sender<()>,
}

impl Watchdog {
    /// Watches the test that calls.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// Watches the test that calls, which may take so long.
    #[track_caller]
    pub(crate) fn with_limit(limit: Duration) -> Self {
        let (alive, end) = channel::<()>();
        // Where tests run one after the other, they all run on the main thread, whose name says little: hence the
        // place.
        let test = thread::current().name().unwrap_or("a thread").to_owned();
        let place = Location::caller();
        thread::spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Written past the harness, which would keep it and lose it.
                let _ = writeln!(std::io::stderr(), "{test} ({place}) has hung for {limit:?}: giving up");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}
