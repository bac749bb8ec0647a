//! An unmodified program for Windows 8: Rust's standard library imports `WaitOnAddress`, here by way of the linker from
//! ntpark. A watchdog of its own is all that it knows of tests.

use std::sync::{Condvar, Mutex, Once};
use std::time::{Duration, Instant};
use std::{process, thread};

const THREADS: u32 = 4;
const ROUNDS: u32 = 500;

fn main() {
    static TURN: Mutex<u32> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    static ONCE: Once = Once::new();

    thread::spawn(|| {
        thread::sleep(Duration::from_secs(60));
        process::exit(2);
    });
    let play = |own: u32| {
        for _ in 0..ROUNDS {
            ONCE.call_once(|| thread::sleep(Duration::from_millis(5)));
            let mut turn = TURN.lock().unwrap();
            while *turn % THREADS != own {
                turn = CHANGED.wait(turn).unwrap();
            }
            *turn += 1;
            CHANGED.notify_all();
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|own| thread::spawn(move || play(own))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*TURN.lock().unwrap(), THREADS * ROUNDS);

    let start = Instant::now();
    let turn = TURN.lock().unwrap();
    let (_turn, result) = CHANGED.wait_timeout(turn, Duration::from_millis(20)).unwrap();
    assert!(result.timed_out() && start.elapsed() >= Duration::from_millis(20));
    println!("ok");
}
