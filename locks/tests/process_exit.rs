//! How processes end while threads hold and wait for each kind of lock: each ends by itself, with its exit code; and
//! `DllMain`, which runs after those threads have been killed, finds locks that work or say that they are held.
//!
//! Each test starts this program once more, as a child that runs the test [`child`] and ends in the middle of it.
#![cfg(not(miri))] // It starts processes.

mod common;

use common::{Queue, after, begin};
use ntpark_locks::{
    Barrier, Begin, Condvar, Event, Instant, Once, RawCheckedMutex, RawMutex, RawRwLock, Semaphore, lock_api,
};
use std::io::Read;
use std::process::{Command, Stdio, exit};
use std::thread;
use std::time::{self, Duration};

/// Names the child's part in its environment.
const PART: &str = "NTPARK_TEST_EXIT";
/// What children exit with, which nothing else does.
const EXIT_CODE: i32 = 73;
/// How long a child may take. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(40);

/// Runs a child that has to end by itself, with this exit code, and returns what it said.
fn run(part: &str, exit_code: i32) -> String {
    let program = std::env::current_exe().expect("this program is a file");
    let mut child = Command::new(program)
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started once more");
    let start = time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be asked for") {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().expect("it can be killed");
            panic!("{part} has not ended by itself within {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("it is piped");
    stderr.read_to_string(&mut said).expect("it is text");
    assert_eq!(status.code(), Some(exit_code), "{part}: {status}\n{said}");
    said
}

/// The child's side. Without a part to play, there is nothing to do.
#[test]
fn child() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let _test = begin();
    let (part, number) = part.split_once('-').expect("a name and a number");
    let number = number.parse().expect("it is a number");
    match part {
        "held" => {
            hold_and_wait();
            exit(EXIT_CODE);
        }
        "storm" => storm(number),
        #[cfg(windows)]
        "detach" => windows::use_at_detach(),
        #[cfg(windows)]
        "hang" => windows::wait_at_detach(number),
        #[cfg(windows)]
        "storm_detach" => windows::storm_and_use_at_detach(number),
        part => panic!("{part} is no part"),
    }
}

/// One of each kind.
struct Locks {
    mutex: RawMutex,
    checked: lock_api::Mutex<RawCheckedMutex, ()>,
    /// For whom a thread has exclusively, and one that a thread has shared.
    written: RawRwLock,
    read: RawRwLock,
    condvar: Condvar,
    mixed: Condvar,
    once: Once,
    semaphore: Semaphore,
    barrier: Barrier,
    event: Event,
    gate: Event,
}

static LOCKS: Locks = Locks {
    mutex: RawMutex::new(),
    checked: lock_api::Mutex::new(()),
    written: RawRwLock::new(),
    read: RawRwLock::new(),
    condvar: Condvar::new(),
    mixed: Condvar::new(),
    once: Once::new(),
    semaphore: Semaphore::new(0),
    barrier: Barrier::new(),
    event: Event::new(),
    gate: Event::new_manual_reset(),
};

/// For those who wait on the condition variable.
static FREE: RawMutex = RawMutex::new();

/// Returns when a thread holds each lock that can be held, and others wait in all ways, for ever.
fn hold_and_wait() {
    let locks = &LOCKS;
    let hold = thread::spawn(|| {
        locks.mutex.lock();
        locks.written.lock_exclusive();
        locks.read.lock_shared();
        assert_eq!(locks.once.begin(Instant::MAX), Begin::Run { poisoned: false });
        thread::spawn(|| {
            let _guard = locks.checked.lock();
            loop {
                thread::park();
            }
        });
    });
    hold.join().expect("it does not panic");
    while !locks.checked.is_locked() {
        thread::yield_now();
    }
    let waits: [fn(&Locks); 14] = [
        |locks| locks.mutex.lock(),
        |locks| drop(locks.checked.lock()),
        |locks| locks.written.lock_shared(),
        |locks| locks.written.lock_upgradable(),
        |locks| locks.written.lock_exclusive(),
        |locks| locks.read.lock_exclusive(),
        |locks| {
            FREE.lock();
            // SAFETY: locked.
            unsafe { locks.condvar.wait_raw(&FREE) };
        },
        |locks| {
            let other = lock_api::Mutex::<RawCheckedMutex, ()>::new(());
            locks.mixed.wait_with(&mut other.lock(), Instant::MAX);
        },
        |locks| locks.once.wait(),
        |locks| assert_eq!(locks.once.begin(after(3_600_000)), Begin::TimedOut),
        |locks| locks.semaphore.acquire(1),
        |locks| assert!(locks.barrier.wait(9)),
        |locks| locks.event.wait(),
        |locks| locks.gate.wait(),
    ];
    for (index, wait) in waits.into_iter().enumerate() {
        thread::spawn(move || {
            wait(&LOCKS);
            eprintln!("wait {index} has ended");
        });
    }
    Queue::Mutex.await_len(&locks.mutex, 1);
    Queue::RwLock.await_len(&locks.written, 3);
    Queue::Readers.await_len(&locks.read, 1);
    Queue::Condvar.await_len(&locks.condvar, 1);
    Queue::Condvar.await_len(&locks.mixed, 1);
    Queue::Once.await_len(&locks.once, 2);
    Queue::Semaphore.await_len(&locks.semaphore, 1);
    Queue::Barrier.await_len(&locks.barrier, 1);
    Queue::Event.await_len(&locks.event, 1);
    Queue::Event.await_len(&locks.gate, 1);
}

#[test]
fn threads_hold_and_wait() {
    assert_eq!(run("held-0", EXIT_CODE), "");
}

/// Starts threads that use everything, without an end.
fn start_storm(seed: u64) {
    for thread in 0..8 {
        thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(seed << 8 | thread);
            loop {
                use_one(random.u8(..8), Instant::now() + Duration::from_micros(random.u64(..200)));
            }
        });
    }
    thread::sleep(Duration::from_micros(seed * 1500));
}

/// Uses one of the locks, and unlocks what it has locked.
fn use_one(which: u8, deadline: Instant) {
    let locks = &LOCKS;
    match which {
        0 if locks.mutex.try_lock_until(deadline) => {
            // SAFETY: locked; it returns with that.
            unsafe { locks.condvar.wait_raw_until(&locks.mutex, deadline) };
            // SAFETY: locked.
            unsafe { locks.mutex.unlock() };
        }
        1 if locks.written.try_lock_upgradable_until(deadline) => {
            // SAFETY: locked so.
            if unsafe { locks.written.try_upgrade_until(deadline) } {
                // SAFETY: locked so; likewise below.
                unsafe { locks.written.unlock_exclusive() };
            } else {
                // SAFETY: see above.
                unsafe { locks.written.unlock_upgradable() };
            }
        }
        // SAFETY: see above.
        2 if locks.written.try_lock_shared_until(deadline) => unsafe { locks.written.unlock_shared() },
        3 => {
            locks.condvar.notify(2);
        }
        4 => match locks.once.begin(deadline) {
            // SAFETY: begun.
            Begin::Run { .. } => unsafe { locks.once.abandon() },
            Begin::TimedOut | Begin::Done => {}
        },
        5 => {
            let _ = locks.semaphore.release(1);
            let _ = locks.semaphore.try_acquire_until(2, deadline);
        }
        6 => {
            locks.barrier.wait_until(4, deadline);
        }
        _ => {
            locks.event.set();
            let _ = locks.event.wait_until(deadline);
        }
    }
}

fn storm(seed: u64) {
    start_storm(seed);
    exit(EXIT_CODE);
}

#[test]
fn threads_lock_and_unlock() {
    for seed in 0..20 {
        assert_eq!(run(&format!("storm-{seed}"), EXIT_CODE), "");
    }
}

#[cfg(windows)]
mod windows {
    //! What only Windows has: `DllMain`.

    use super::*;
    use common::expect_timeout;
    use common::host::dll::{Dll, PROCESS_DETACH};
    use ntpark::Backend;
    use ntpark_locks::BarrierWait;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

    /// What a process exits with that waits at its end for what can never come: `STATUS_THREAD_IS_TERMINATING`.
    const HOPELESS: i32 = 0xC000_004B_u32 as i32;

    /// Ends the process, and has this called in `DllMain` then.
    fn exit_by(at_end: extern "system" fn(u32)) -> ! {
        // The system unloads it.
        std::mem::forget(Dll::load(at_end));
        exit(EXIT_CODE);
    }

    /// Whether the call is the one at the end.
    fn is_end(reason: u32) -> bool {
        assert!(reason != PROCESS_DETACH || Backend::get().is_process_ending());
        reason == PROCESS_DETACH
    }

    static OWN: RawMutex = RawMutex::new();

    pub(super) fn use_at_detach() {
        extern "system" fn at_end(reason: u32) {
            if is_end(reason) {
                the_held_ones();
                the_others();
                eprintln!("they do what they can");
            }
        }
        hold_and_wait();
        OWN.lock();
        thread::spawn(|| OWN.lock());
        Queue::Mutex.await_len(&OWN, 1);
        exit_by(at_end);
    }

    /// Their holders are dead.
    fn the_held_ones() {
        let locks = &LOCKS;
        assert!(!locks.mutex.try_lock() && locks.checked.try_lock().is_none());
        expect_timeout(false, |deadline| locks.mutex.try_lock_until(deadline));
        assert!(!locks.written.try_lock_shared() && !locks.written.try_lock_exclusive());
        expect_timeout(false, |deadline| locks.written.try_lock_shared_until(deadline));
        expect_timeout(false, |deadline| locks.written.try_lock_upgradable_until(deadline));
        expect_timeout(false, |deadline| locks.written.try_lock_exclusive_until(deadline));
        assert!(!locks.read.try_lock_shared(), "a writer waits");
        expect_timeout(false, |deadline| locks.read.try_lock_exclusive_until(deadline));
        assert!(locks.read.try_lock_shared_recursive());
        // SAFETY: locked so.
        unsafe { locks.read.unlock_shared() };
        assert_eq!(locks.once.begin(Instant::MIN), Begin::TimedOut);
        expect_timeout(Begin::TimedOut, |deadline| locks.once.begin(deadline));
        expect_timeout(false, |deadline| locks.once.wait_until(deadline));
        expect_timeout(false, |deadline| locks.semaphore.try_acquire_until(1, deadline));
        expect_timeout(BarrierWait::TimedOut, |deadline| locks.barrier.wait_until(9, deadline));
        expect_timeout(false, |deadline| locks.event.wait_until(deadline));
        expect_timeout(false, |deadline| locks.gate.wait_until(deadline));
    }

    /// Nobody holds them but this thread, though others wait, who are dead.
    fn the_others() {
        let locks = &LOCKS;
        // SAFETY: locked by the thread that has ended the process.
        unsafe { OWN.unlock() };
        OWN.lock();
        // SAFETY: locked.
        unsafe { OWN.bump() };
        // SAFETY: locked.
        unsafe { OWN.unlock_fair() };
        assert!(!locks.condvar.notify_one());
        assert_eq!((locks.condvar.notify_all(), locks.mixed.notify_all()), (0, 0));
        OWN.lock();
        // SAFETY: locked.
        expect_timeout(false, |deadline| unsafe { locks.condvar.wait_raw_until(&OWN, deadline) });
        assert!(OWN.is_locked());
        assert_eq!(locks.semaphore.release(1), Ok(()));
        locks.semaphore.acquire(1);
        // SAFETY: begun by a thread that is dead, as this one knows.
        unsafe { locks.once.abandon() };
        locks.once.call_once_force(|is_poisoned| assert!(is_poisoned));
        for event in [&locks.event, &locks.gate] {
            event.set();
            event.wait();
        }
        assert!(locks.barrier.wait(2), "one has arrived");
    }

    #[test]
    fn dll_main_uses_the_locks_of_killed_threads() {
        assert_eq!(run("detach-0", EXIT_CODE), "they do what they can\n");
    }

    /// Waits without a deadline, for what nobody is left to give.
    const WAITS: [fn(&Locks); 13] = [
        |locks| locks.mutex.lock(),
        |locks| drop(locks.checked.lock()),
        |locks| locks.written.lock_shared(),
        |locks| locks.written.lock_upgradable(),
        |locks| locks.written.lock_exclusive(),
        |locks| locks.read.lock_exclusive(),
        |locks| {
            FREE.lock();
            // SAFETY: locked.
            unsafe { locks.condvar.wait_raw(&FREE) };
        },
        |locks| locks.once.wait(),
        |locks| locks.once.call_once(|| {}),
        |locks| locks.semaphore.acquire(1),
        |locks| assert!(locks.barrier.wait(9)),
        |locks| locks.event.wait(),
        |locks| locks.gate.wait(),
    ];
    static WAIT: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn wait_at_detach(number: u64) {
        extern "system" fn at_end(reason: u32) {
            if is_end(reason) {
                WAITS[WAIT.load(SeqCst)](&LOCKS);
                eprintln!("it has returned");
            }
        }
        WAIT.store(number as usize, SeqCst);
        hold_and_wait();
        exit_by(at_end);
    }

    #[test]
    fn dll_main_waits_without_a_deadline() {
        for number in 0..WAITS.len() {
            assert_eq!(run(&format!("hang-{number}"), HOPELESS), "");
        }
    }

    static SEED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn storm_and_use_at_detach(seed: u64) {
        extern "system" fn at_end(reason: u32) {
            if is_end(reason) {
                let mut random = fastrand::Rng::with_seed(SEED.load(SeqCst));
                for _ in 0..50 {
                    use_one(random.u8(..8), Backend::get().now() + Duration::from_micros(random.u64(..200)));
                }
            }
        }
        SEED.store(seed, SeqCst);
        start_storm(seed);
        exit_by(at_end);
    }

    #[test]
    fn dll_main_uses_what_was_in_use() {
        for seed in 0..10 {
            assert_eq!(run(&format!("storm_detach-{seed}"), EXIT_CODE), "");
        }
    }
}
