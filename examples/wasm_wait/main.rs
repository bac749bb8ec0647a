//! WebAssembly's `wait` and `notify`, in `memory.rs`, with threads that are "instances" on one memory.

#[path = "../common/mod.rs"]
mod common;
mod memory;

use memory::{Memory, NOT_EQUAL, OK, TIMED_OUT, Trap};
use ntpark::futex::Size;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

const FOREVER: i64 = -1;
const THREADS: i32 = 8;
/// A small memory: WebAssembly's have pages of 64 KiB.
static WORDS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

fn main() {
    common::setup();
    // SAFETY: below, each address is used in one size only.
    let memory = unsafe { Memory::new(&WORDS, true) };
    results(memory);
    counts(memory);
    traps(memory);
    a_mutex(memory);
}

/// The instruction `i32.atomic.rmw.…` needs this place.
fn i32_at(memory: Memory<'_>, address: u32) -> &AtomicU32 {
    let place = memory.place(address, 0, Size::Bytes4).expect("it is in bounds");
    // SAFETY: within the memory, aligned, and used in this size only.
    unsafe { &*place.cast() }
}

fn results(memory: Memory<'_>) {
    assert_eq!(memory.wait32(0, 0, 1, FOREVER), Ok(NOT_EQUAL));
    assert_eq!(memory.wait32(0, 0, 0, 0), Ok(TIMED_OUT));
    let start = Instant::now();
    assert_eq!(memory.wait64(8, 0, 0, 20_000_000), Ok(TIMED_OUT));
    assert!(start.elapsed() >= Duration::from_millis(20));
    WORDS[1].store(1 << 63 | 1, SeqCst);
    assert_eq!(memory.wait64(8, 0, i64::MIN + 1, 1), Ok(TIMED_OUT));
    // All bits count, and of a value of 32 bits those.
    assert_eq!(memory.wait64(0, 8, 1, FOREVER), Ok(NOT_EQUAL));
    i32_at(memory, 4).store(u32::MAX, SeqCst);
    assert_eq!(memory.wait32(0, 4, -1, 1), Ok(TIMED_OUT));
    println!("results: {OK} is ok, {NOT_EQUAL} not equal, {TIMED_OUT} timed out");
}

/// Notifies as many as wait, at most `count`, whatever size they wait in.
fn counts(memory: Memory<'_>) {
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..THREADS).map(|_| scope.spawn(move || memory.wait32(16, 0, 0, FOREVER))).collect();
        let mut woken = 0;
        while woken < THREADS {
            let count = memory.notify(16, 0, 3).expect("it is in bounds");
            assert!((0..=3).contains(&count));
            woken += count;
            thread::yield_now();
        }
        for thread in waiting {
            assert_eq!(thread.join().expect("no thread panics"), Ok(OK));
        }
        let waits64 = scope.spawn(move || memory.wait64(24, 0, 0, FOREVER));
        // -1 is the largest count, and the upper half another address.
        while memory.notify(24, 0, -1) == Ok(0) {
            assert_eq!(memory.notify(24, 4, -1), Ok(0));
            thread::yield_now();
        }
        assert_eq!(waits64.join().expect("no thread panics"), Ok(OK));
        assert_eq!(memory.notify(16, 0, -1), Ok(0));
        println!("counts: {woken} threads waited, {woken} were notified");
    });
}

fn traps(memory: Memory<'_>) {
    let length = size_of_val(&WORDS) as u32;
    assert_eq!(memory.wait32(2, 0, 0, 0), Err(Trap::Unaligned));
    assert_eq!(memory.wait64(4, 0, 0, 0), Err(Trap::Unaligned));
    assert_eq!(memory.notify(0, 1, 1), Err(Trap::Unaligned));
    assert_eq!(memory.wait32(length, 0, 0, 0), Err(Trap::OutOfBounds));
    assert_eq!(memory.wait64(length - 8, 8, 0, 0), Err(Trap::OutOfBounds));
    // The sum of address and offset does not wrap.
    assert_eq!(memory.notify(u32::MAX - 3, 4, 1), Err(Trap::OutOfBounds));
    // SAFETY: nobody waits in it.
    let unshared = unsafe { Memory::new(&WORDS, false) };
    assert_eq!(unshared.wait32(0, 0, 0, 0), Err(Trap::NotShared));
    assert_eq!(unshared.notify(0, 0, 1), Ok(0));
    println!("traps: {}, {}, {}", Trap::Unaligned, Trap::OutOfBounds, Trap::NotShared);
}

/// The mutex that compilers to WebAssembly make: 0 is unlocked, 1 locked, 2 locked with waiters.
fn a_mutex(memory: Memory<'_>) {
    const MUTEX: u32 = 32;
    const COUNT: u32 = 36;
    const ROUNDS: u32 = 1_000;
    let (mutex, count) = (i32_at(memory, MUTEX), i32_at(memory, COUNT));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let mut locked = 1;
                    while mutex.compare_exchange(0, locked, SeqCst, SeqCst).is_err() {
                        locked = 2;
                        if mutex.compare_exchange(1, 2, SeqCst, SeqCst) != Err(0) {
                            assert!(memory.wait32(MUTEX, 0, 2, FOREVER) != Ok(TIMED_OUT));
                        }
                    }
                    count.store(count.load(SeqCst) + 1, SeqCst);
                    if mutex.swap(0, SeqCst) == 2 {
                        memory.notify(MUTEX, 0, 1).expect("it is in bounds");
                    }
                }
            });
        }
    });
    assert_eq!(count.load(SeqCst), 4 * ROUNDS);
    println!("a mutex: {} rounds, each counted", 4 * ROUNDS);
}
