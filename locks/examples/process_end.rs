//! A process that ends while its threads hold locks and wait for them: with its exit code, and without hanging, also
//! where a `DllMain` uses those locks at the end.
//!
//! Windows kills all other threads and then calls each `DllMain`. What a killed thread held stays locked for ever.
//! Here, a lock knows: to try, or to wait with a deadline, fails; and who waits without one ends the process.

mod common;

use ntpark_locks::{Condvar, Mutex, RwLock, Semaphore};
use std::process::{Command, exit};
use std::sync::mpsc;
use std::thread;

const EXIT_CODE: i32 = 42;

static HELD: Mutex<()> = Mutex::new(());
static READ: RwLock<()> = RwLock::new(());
static PERMITS: Semaphore = Semaphore::new(0);
static CHANGED: Condvar = Condvar::new();

/// The process that ends.
fn child() -> ! {
    common::setup();
    let (send, receive) = mpsc::channel();
    let start = |wait: fn(&dyn Fn())| {
        let send = send.clone();
        thread::spawn(move || {
            wait(&|| send.send(()).expect("main is there"));
            unreachable!("nobody unlocks or wakes anything");
        });
        receive.recv().expect("it is there");
    };
    start(|is_there| {
        let _held = (HELD.lock(), READ.read());
        is_there();
        PERMITS.acquire(1);
    });
    start(|is_there| {
        is_there();
        drop(HELD.lock());
    });
    start(|is_there| {
        is_there();
        drop(READ.write());
    });
    start(|is_there| {
        let own = Mutex::new(());
        let mut guard = own.lock();
        is_there();
        CHANGED.wait(&mut guard);
    });
    at_end();
    exit(EXIT_CODE);
}

/// Has the locks used at the end.
#[cfg(windows)]
fn at_end() {
    use std::time::Duration;

    extern "system" fn in_dll_main(reason: u32) {
        if reason == common::dll::PROCESS_DETACH {
            assert!(HELD.try_lock_for(Duration::from_millis(1)).is_none() && READ.try_write().is_none());
            assert!(!CHANGED.notify_one(), "who waited is dead");
            PERMITS.release(1).expect("there is room");
            PERMITS.acquire(1);
            println!("at the end, what a killed thread held is locked, and the rest works");
        }
    }
    // The system unloads it.
    std::mem::forget(common::dll::Dll::load(in_dll_main));
}

#[cfg(not(windows))]
fn at_end() {}

fn main() {
    if std::env::args().nth(1).is_some() {
        child();
    }
    let program = std::env::current_exe().expect("this program is a file");
    let status = Command::new(program).arg("child").status().expect("it can be started once more");
    assert_eq!(status.code(), Some(EXIT_CODE));
    println!("the process ended while threads held locks and waited");
}
