use std::io::Write;
use std::panic::Location;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a test may take. None takes a twentieth of it on an idle machine, nor half under Miri.
const LIMIT: Duration = Duration::from_secs(if cfg!(miri) { 1_200 } else { 60 });

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
        let (alive, end) = channel::<()>();
        let place = Location::caller();
        thread::spawn(move || {
            if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                // Written past the harness, which would keep it and lose it.
                let _ = writeln!(std::io::stderr(), "the test at {place} has hung for {LIMIT:?}: giving up");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}
