//! A bounded queue between many threads, in `queue.rs`, whose slots are futexes.

#[path = "../common/mod.rs"]
mod common;
mod queue;

use queue::Queue;
use std::sync::Arc;
use std::thread;

const SENDERS: u64 = 4;
const RECEIVERS: u64 = 3;
/// What each sender sends; a multiple of `RECEIVERS`.
const VALUES: u64 = 6_000;

fn main() {
    common::setup();
    everything_arrives(&Queue::<_, 1>::new());
    everything_arrives(&Queue::<_, 8>::new());
    both_ends_wait();
    nothing_is_leaked();
}

/// All values arrive, each once, and those of one sender in order.
fn everything_arrives<const N: usize>(queue: &Queue<(u64, u64), N>) {
    let sum: u64 = thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || (0..VALUES).for_each(|number| queue.send((sender, number))));
        }
        let receive = || {
            let mut next = [0; SENDERS as usize];
            let receives = SENDERS * VALUES / RECEIVERS;
            let sum = (0..receives).map(|_| {
                let (sender, number) = queue.receive();
                let next = &mut next[sender as usize];
                assert!(number >= *next, "a later value has overtaken it");
                *next = number + 1;
                number
            });
            sum.sum::<u64>()
        };
        let receivers: Vec<_> = (0..RECEIVERS).map(|_| scope.spawn(receive)).collect();
        receivers.into_iter().map(|receiver| receiver.join().expect("no thread panics")).sum()
    });
    assert_eq!(sum, SENDERS * VALUES * (VALUES - 1) / 2);
    println!("{} values of {SENDERS} senders went through {N} slots to {RECEIVERS} receivers", SENDERS * VALUES);
}

/// The values come when they wish; the receivers are served in the order in which they came.
fn both_ends_wait() {
    let queue = Queue::<u64, 2>::new();
    thread::scope(|scope| {
        let receivers: Vec<_> = (0..5).map(|_| scope.spawn(|| queue.receive())).collect();
        (1..=5).for_each(|value| queue.send(value));
        let sum: u64 = receivers.into_iter().map(|receiver| receiver.join().expect("no thread panics")).sum();
        assert_eq!(sum, 15);
        let senders: Vec<_> = (1..=5)
            .map(|value| {
                scope.spawn({
                    let queue = &queue;
                    move || queue.send(value)
                })
            })
            .collect();
        assert_eq!((0..5).map(|_| queue.receive()).sum::<u64>(), 15);
        senders.into_iter().for_each(|sender| sender.join().expect("no thread panics"));
    });
    println!("receivers waited for values, and senders for room");
}

/// What nobody received is dropped with the queue.
fn nothing_is_leaked() {
    let value = Arc::new(());
    let queue = Queue::<_, 4>::new();
    for _ in 0..3 {
        queue.send(value.clone());
    }
    drop(queue.receive());
    assert_eq!(Arc::strong_count(&value), 3);
    drop(queue);
    assert_eq!(Arc::strong_count(&value), 1);
    println!("nothing was left behind");
}
