//! ntpark on a kernel of your own, in `kernel.rs`: a toy that runs tasks in turns on one thread. The bounded
//! channel of the example of that name works on it unchanged, timeouts included; and since time there passes
//! only when everybody sleeps, a thousand years are over at once.

#[path = "../channel/channel.rs"]
mod channel;
mod kernel;

use channel::{Channel, Nothing};
use kernel::{Deadlock, HOST};
use ntpark::{Backend, BackendKind, Parker, SelectError, UnparkReason};
use std::time::Duration;

const VALUES: u64 = 100;
const MILLENNIUM: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

fn main() -> Result<(), SelectError> {
    Backend::install(&HOST)?;
    assert_eq!(Backend::get().kind(), BackendKind::Host);
    a_channel_between_tasks();
    a_thousand_years();
    a_deadlock_is_seen();
    Ok(())
}

/// One task sends, another receives, and waits in vain when there is nothing more.
fn a_channel_between_tasks() {
    let (mut sender, mut receiver) = Box::leak(Box::new(Channel::<u64, 4>::new())).ends();
    let finished = kernel::run([
        Box::new(move || {
            for value in 0..VALUES {
                sender.send(value).expect("the receiver stays");
            }
            assert_eq!(PARK_HERE.park_timeout(Duration::from_secs(3)), UnparkReason::TimedOut);
        }) as Box<dyn FnOnce()>,
        Box::new(move || {
            for expected in 0..VALUES {
                assert_eq!(receiver.receive(), Ok(expected));
            }
            assert_eq!(receiver.receive_timeout(Duration::from_secs(2)), Err(Nothing::TimedOut));
            assert_eq!(receiver.receive(), Err(Nothing::Closed));
        }),
    ]);
    assert_eq!(finished, Ok(()));
    println!("{VALUES} values went from one task to another, and then none in 2 seconds");
}

static PARK_HERE: Parker = Parker::new();

/// A timeout is kept to the unit, however long.
fn a_thousand_years() {
    let finished = kernel::run([Box::new(|| {
        let start = Backend::get().now();
        assert_eq!(PARK_HERE.park_timeout(MILLENNIUM), UnparkReason::TimedOut);
        let waited = Backend::get().now() - start;
        assert!(waited >= MILLENNIUM, "waited for {waited:?} only");
        println!("a thousand years have passed, {} s", waited.as_secs());
    }) as Box<dyn FnOnce()>]);
    assert_eq!(finished, Ok(()));
}

/// Two tasks wait for each other, and the kernel can tell.
fn a_deadlock_is_seen() {
    static FIRST: Parker = Parker::new();
    static SECOND: Parker = Parker::new();
    let wait_then_wake = |mine: &'static Parker, theirs: &'static Parker| {
        Box::new(move || {
            let _ = mine.park();
            theirs.unpark();
        }) as Box<dyn FnOnce()>
    };
    let stuck = kernel::run([wait_then_wake(&FIRST, &SECOND), wait_then_wake(&SECOND, &FIRST)]);
    assert_eq!(stuck, Err(Deadlock { asleep: 2 }));
    println!("two tasks that wait for each other were found out");
}
