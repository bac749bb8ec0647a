//! Futures on ntpark: a `block_on` without std or allocator, in `executor.rs`. Here it drives futures of
//! another crate, futures-intrusive: a channel and timers, which lock with the queue lock of the example
//! of that name. So all that blocks here blocks on ntpark.

#[path = "../common/mod.rs"]
mod common;
mod executor;
#[path = "../queue_lock/queue_lock.rs"]
mod queue_lock;

use executor::block_on;
use futures_intrusive::buffer::ArrayBuf;
use futures_intrusive::channel::GenericChannel;
use futures_intrusive::timer::{Clock, GenericTimerService, Timer};
use futures_util::future::{Either, join, select};
use ntpark::{Backend, Instant, Parker};
use queue_lock::QueueLock;
use std::pin::pin;
use std::thread;
use std::time::Duration;

/// Four values fit in.
type Channel = GenericChannel<QueueLock, u32, ArrayBuf<u32, [u32; 4]>>;
type Timers = GenericTimerService<QueueLock>;

const VALUES: u32 = 1_000;
const DELAY: Duration = Duration::from_millis(20);
const TICKS_PER_MILLISECOND: u64 = 10_000;

/// The parkers' clock in milliseconds, rounded down.
struct Milliseconds;

impl Clock for Milliseconds {
    fn now(&self) -> u64 {
        Backend::get().now().ticks() / TICKS_PER_MILLISECOND
    }
}

fn main() {
    common::setup();
    between_threads();
    on_one_thread();
    timers();
}

/// Nothing to do but wait.
fn nothing() -> Instant {
    Instant::MAX
}

/// One future on each of two threads. The channel is small, so each often waits for the other.
fn between_threads() {
    static SENDER: Parker = Parker::new();
    static RECEIVER: Parker = Parker::new();

    let channel = Channel::new();
    let sum = thread::scope(|scope| {
        scope.spawn(|| block_on(&SENDER, nothing, send_all(&channel)));
        block_on(&RECEIVER, nothing, receive_all(&channel))
    });
    assert_eq!(sum, VALUES * (VALUES - 1) / 2);
    println!("{VALUES} values went from one thread's future to another's, their sum is {sum}");
}

/// Both futures on one thread: one wakes the other, and the token is there before the thread parks.
fn on_one_thread() {
    static PARKER: Parker = Parker::new();

    let channel = Channel::new();
    let ((), sum) = block_on(&PARKER, nothing, join(send_all(&channel), receive_all(&channel)));
    assert_eq!(sum, VALUES * (VALUES - 1) / 2);
    println!("{VALUES} values went from one future to another on the same thread");
}

async fn send_all(channel: &Channel) {
    for value in 0..VALUES {
        channel.send(value).await.expect("nobody closes the channel before");
    }
    channel.close();
}

async fn receive_all(channel: &Channel) -> u32 {
    let mut sum = 0;
    while let Some(value) = channel.receive().await {
        sum += value;
    }
    sum
}

/// Timers, and a receive with a time limit: the thread parks until the next timer is due.
fn timers() {
    static PARKER: Parker = Parker::new();

    let timers = Timers::new(&Milliseconds);
    let idle = || {
        timers.check_expirations();
        timers.next_expiration().map_or(Instant::MAX, |due| Instant::from_ticks(due * TICKS_PER_MILLISECOND))
    };
    let channel = Channel::new();
    let start = std::time::Instant::now();
    let timed_out = block_on(&PARKER, idle, async {
        // The timers count milliseconds that have begun: the first may be nearly over.
        let timeout = timers.delay(DELAY + Duration::from_millis(1));
        match select(pin!(channel.receive()), pin!(timeout)).await {
            Either::Left(_) => false,
            Either::Right(_) => true,
        }
    });
    let waited = start.elapsed();
    assert!(timed_out);
    assert!(waited >= DELAY, "gave up after {waited:?}");
    println!("nothing came within {DELAY:?}, which took {waited:?}");
}
