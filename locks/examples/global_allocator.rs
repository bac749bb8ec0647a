//! A global allocator whose lock blocks: talc, behind a [`RawMutex`], under a program with many threads that allocate.
//!
//! An allocator's lock can be taken before main, under the loader's lock, in thread-local destructors; and taking it
//! must not allocate. Most locks that block can't promise that, so allocators spin, and a thread that spins for a lock
//! whose holder was put aside by the system burns a processor.

mod common;

use ntpark_locks::RawMutex;
use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use talc::TalcLock;
use talc::source::Claim;

const HEAP_SIZE: usize = 64 << 20;
const THREADS: usize = 8;
const ROUNDS: usize = 200;

/// The allocator's, and nobody else's.
struct Heap(UnsafeCell<[u8; HEAP_SIZE]>);

// SAFETY: only the allocator uses what is in it, with its lock held.
unsafe impl Sync for Heap {}

static HEAP: Heap = Heap(UnsafeCell::new([0; HEAP_SIZE]));

#[global_allocator]
// SAFETY: the heap is there for ever and used by nobody else.
static ALLOCATOR: TalcLock<RawMutex, Claim> = TalcLock::new(unsafe { Claim::array(HEAP.0.get()) });

fn main() {
    // Memory was allocated before this already, without a host: a lock that nobody else wants blocks nobody.
    common::setup();
    a_thread_that_allocates_blocks();
    many_threads_allocate();
}

/// While another thread holds the allocator, a thread that needs memory waits, and gets it afterwards.
fn a_thread_that_allocates_blocks() {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);

    let thread = thread::spawn(|| {
        while !IS_TAKEN.load(Acquire) {
            thread::yield_now();
        }
        vec![1_u8; 1_000]
    });
    let held = ALLOCATOR.lock();
    // From here to the release this thread must not allocate, or it would wait for itself.
    IS_TAKEN.store(true, Release);
    thread::sleep(Duration::from_millis(50));
    let has_waited = !thread.is_finished();
    drop(held);
    assert!(has_waited);
    assert_eq!(thread.join().expect("no thread panics"), [1; 1_000]);
    println!("with the allocator taken, a thread that wanted memory waited");
}

/// Memory that is allocated on one thread, grown, and freed on another.
fn many_threads_allocate() {
    let (sender, receiver) = mpsc::channel::<BTreeMap<usize, String>>();
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let mut map = BTreeMap::new();
                    for key in 0..round % 32 {
                        map.insert(key, format!("{number}/{round}").repeat(key));
                    }
                    sender.send(map).expect("main receives them all");
                }
            })
        })
        .collect();
    drop(sender);
    let mut maps = 0;
    let mut bytes = 0;
    for map in receiver {
        maps += 1;
        for (key, text) in map {
            assert_eq!(text.len() % key.max(1), 0);
            bytes += text.len();
        }
    }
    for thread in threads {
        thread.join().expect("no thread panics");
    }
    assert_eq!(maps, THREADS * ROUNDS);
    println!("{THREADS} threads allocated {maps} maps with {bytes} bytes of text in them, which another freed");
}
