//! A thread that is woken to lock a mutex, and is suspended before it does, as garbage collectors and debuggers do: the
//! others go on, and once the mutex is overdue, the next one in the queue gets it.

#[cfg(windows)]
mod common;

#[cfg(windows)]
fn main() {
    use ntpark::{Backend, BackendKind};
    use ntpark_locks::RawMutex;
    use std::ffi::c_void;
    use std::os::windows::io::AsRawHandle;
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SuspendThread(thread: *mut c_void) -> u32;
        fn ResumeThread(thread: *mut c_void) -> u32;
    }

    static MUTEX: RawMutex = RawMutex::new();

    /// The calling thread has it locked.
    fn unlock() {
        // SAFETY: as the caller knows.
        unsafe { MUTEX.unlock() };
    }

    /// Starts a thread that locks, unlocks and ends, and lets it come to rest in the queue.
    fn start() -> JoinHandle<()> {
        let thread = thread::spawn(|| {
            MUTEX.lock();
            unlock();
        });
        thread::sleep(Duration::from_millis(30));
        thread
    }

    fn is(state: &str) -> bool {
        format!("{MUTEX:?}").contains(state)
    }

    common::setup();
    if matches!(Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull) {
        println!("a rendezvous needs both threads: to wake a suspended one may wait until it is resumed");
        return;
    }
    let mut tries = 0;
    loop {
        MUTEX.lock();
        let first = start();
        let victim = start();
        // SAFETY: the handle is that of a live thread, which holds no lock.
        unsafe { SuspendThread(victim.as_raw_handle()) };
        // The first one gets the mutex, since it has waited for long, and wakes the other one when it unlocks.
        unlock();
        first.join().expect("it does not panic");
        // If the first one took long for that, it has handed over.
        let is_woken = is("one is on its way");
        if is_woken {
            for _ in 0..1_000 {
                MUTEX.lock();
                unlock();
            }
            MUTEX.lock();
            let next = start();
            unlock();
            next.join().expect("it does not panic");
            assert!(is("one is on its way") && !victim.is_finished());
        }
        // SAFETY: as above.
        unsafe { ResumeThread(victim.as_raw_handle()) };
        victim.join().expect("it does not panic");
        assert!(is("free"));
        tries += 1;
        if is_woken {
            break;
        }
        assert!(tries < 100, "the mutex is always handed over");
    }
    println!("while a woken thread was suspended, others locked and unlocked");
}

#[cfg(not(windows))]
fn main() {
    println!("threads are not suspended here");
}
