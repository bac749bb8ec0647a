//! Locks under the lock of Windows' loader, which the system holds while it calls a `DllMain`.
//!
//! There, a program must not load a library, and must not wait for a thread that starts or ends. A lock that did so
//! when it is first used, or first has to wait, would deadlock; these are ready as they are, and what threads block on
//! is found among what is loaded.

#[cfg(windows)]
mod common;

#[cfg(windows)]
fn main() {
    use common::dll::{Dll, PROCESS_DETACH, THREAD_ATTACH};
    use ntpark_locks::{Mutex, OnceLock, Semaphore};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::thread;
    use std::time::Duration;

    static STARTED: Mutex<usize> = Mutex::new(0);
    static FIRST: OnceLock<usize> = OnceLock::new();
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static ENDED: Semaphore = Semaphore::new(0);
    const THREADS: usize = 4;

    /// Called with the loader's lock held.
    extern "system" fn in_dll_main(reason: u32) {
        match reason {
            THREAD_ATTACH => {
                *STARTED.lock() += 1;
                FIRST.get_or_init(|| 1);
            }
            PROCESS_DETACH => ENDED.release(1).expect("there is room"),
            _ => {}
        }
    }

    common::setup();
    let dll = Dll::load(in_dll_main);
    let run = || {
        RUNNING.fetch_add(1, SeqCst);
    };
    // The first use of the locks, in `DllMain`.
    thread::spawn(run).join().expect("it does not panic");
    assert_eq!((FIRST.get(), RUNNING.load(SeqCst)), (Some(&1), 1));
    // The first wait: the threads do not run before their `DllMain` has had the lock.
    let started = STARTED.lock();
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(run)).collect();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(RUNNING.load(SeqCst), 1);
    drop(started);
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    // The system may have started some of its own.
    assert!(*STARTED.lock() > THREADS);
    drop(dll);
    assert!(ENDED.try_acquire(1));
    println!("{THREADS} threads waited for a lock in `DllMain`");
}

#[cfg(not(windows))]
fn main() {
    println!("there is no DllMain here");
}
