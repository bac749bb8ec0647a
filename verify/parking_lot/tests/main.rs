//! parking_lot's locks, of the version that the package asks for, parking on ntpark.

#[path = "../../../examples/common/mod.rs"]
#[allow(dead_code, reason = "other programs use the rest")]
mod host;
#[path = "../../../tests/common/random.rs"]
#[allow(dead_code, reason = "other programs use the rest")]
mod random;
#[path = "../../../tests/common/watchdog.rs"]
mod watchdog;

mod allocator;
mod condvar;
mod mutex;
mod once;
mod rwlock;

use std::time::{Duration, Instant};
use watchdog::Watchdog;

/// Begins a test. Lasts as long as what it returns.
#[track_caller]
fn begin() -> Watchdog {
    host::setup();
    Watchdog::new()
}

/// For waits that have to time out.
const SHORT: Duration = Duration::from_millis(20);

/// Checks that `wait` lasts that long. Windows's clocks may run apart, by 50 parts in a million at the most.
#[track_caller]
fn lasts<T>(span: Duration, wait: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = wait();
    let drift = if cfg!(windows) { span / 20_000 } else { Duration::ZERO };
    let elapsed = start.elapsed();
    assert!(elapsed + drift >= span, "ended after {elapsed:?}, {span:?} were asked for");
    result
}
