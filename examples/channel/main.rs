//! A bounded channel between two threads, in `channel.rs`, with one parker for each end.

mod channel;
#[path = "../common/mod.rs"]
mod common;

use channel::{Channel, Closed, Nothing};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const VALUES: u64 = 10_000;
const TIMEOUT: Duration = Duration::from_millis(20);

fn main() {
    common::setup();
    everything_arrives();
    a_timeout_is_not_early();
    an_end_that_goes_is_noticed();
    nothing_is_leaked();
}

/// All values arrive, once, in order; the faster end waits for the other.
fn everything_arrives() {
    let mut channel = Channel::<u64, 8>::new();
    let (mut sender, mut receiver) = channel.ends();
    let sum = thread::scope(|scope| {
        scope.spawn(move || {
            for value in 0..VALUES {
                sender.send(value).expect("the receiver stays");
            }
        });
        let mut sum = 0;
        for expected in 0..VALUES {
            assert_eq!(receiver.receive(), Ok(expected));
            sum += expected;
        }
        assert_eq!(receiver.receive(), Err(Nothing::Closed));
        sum
    });
    assert_eq!(sum, VALUES * (VALUES - 1) / 2);
    println!("{VALUES} values went through 8 slots, their sum is {sum}");
}

fn a_timeout_is_not_early() {
    let mut channel = Channel::<u64, 1>::new();
    let (mut sender, mut receiver) = channel.ends();
    // Leaves an old token behind, which must not end the wait below.
    sender.send(1).expect("the receiver is there");
    assert_eq!(receiver.receive(), Ok(1));
    let start = Instant::now();
    assert_eq!(receiver.receive_timeout(TIMEOUT), Err(Nothing::TimedOut));
    let waited = start.elapsed();
    assert!(waited >= TIMEOUT, "gave up after {waited:?}");
    println!("nothing came within {TIMEOUT:?}, which took {waited:?}");
}

/// A sender that waits for room is told when the receiver goes.
fn an_end_that_goes_is_noticed() {
    let mut channel = Channel::<u64, 1>::new();
    let (mut sender, mut receiver) = channel.ends();
    let rejected = thread::scope(|scope| {
        let sending = scope.spawn(move || (0..).find_map(|value| sender.send(value).err()));
        assert_eq!(receiver.receive(), Ok(0));
        drop(receiver);
        sending.join().expect("no thread panics")
    });
    // One more may have found room before the receiver went.
    assert!(matches!(rejected, Some(Closed(1 | 2))), "{rejected:?}");
    println!("the sender noticed that the receiver had gone");
}

/// What nobody received is dropped with the channel.
fn nothing_is_leaked() {
    let value = Arc::new(());
    let mut channel = Channel::<Arc<()>, 4>::new();
    let (mut sender, mut receiver) = channel.ends();
    for _ in 0..3 {
        sender.send(value.clone()).expect("the receiver is there");
    }
    assert!(receiver.try_receive().is_some());
    assert_eq!(Arc::strong_count(&value), 3);
    drop((sender, receiver));
    drop(channel);
    assert_eq!(Arc::strong_count(&value), 1);
    println!("nothing was left behind");
}
