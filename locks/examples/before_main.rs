//! A lock that is used before main, by a constructor of the program and a thread that it starts.
//!
//! A static lock needs no code before main itself, and what threads block on is chosen when the first one has to: so a
//! constructor may use it, in whatever order constructors run.

mod common;

use ntpark_locks::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

static NAMES: Mutex<[Option<&str>; 3]> = Mutex::new([None; 3]);
static READY: OnceLock<usize> = OnceLock::new();

/// What the C runtime calls before main.
#[used]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
#[cfg_attr(not(windows), unsafe(link_section = ".init_array"))]
static CONSTRUCTOR: extern "C" fn() = before_main;

extern "C" fn before_main() {
    common::setup();
    let mut names = NAMES.lock();
    names[0] = Some("constructor");
    let thread = thread::spawn(|| {
        // Blocks: the constructor has the lock.
        NAMES.lock()[1] = Some("its thread");
        READY.get_or_init(|| 2)
    });
    thread::sleep(Duration::from_millis(50));
    assert_eq!((names[1], READY.get()), (None, None));
    drop(names);
    assert_eq!(READY.wait(), thread.join().expect("it does not panic"));
}

fn main() {
    assert_eq!(READY.get(), Some(&2), "the constructor has run");
    let mut names = NAMES.lock();
    names[2] = Some("main");
    assert_eq!(*names, ["constructor", "its thread", "main"].map(Some));
    println!("before main, a thread waited for a lock, and another for what it made");
}
