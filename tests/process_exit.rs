//! How processes end: while threads are parked, while they unpark, and while `DllMain` unparks those that
//! have been killed. Each ends by itself, with its exit code.
//!
//! Each test starts this program once more, as a child that runs the test [`child`] and ends in the middle of
//! it.
#![cfg(not(miri))] // It starts processes.

mod common;

use common::{await_parked, begin};
use ntpark::Parker;
use std::io::Read;
use std::process::{Command, Stdio, exit};
use std::thread;
use std::time::{Duration, Instant};

/// Names the child's part in its environment.
const PART: &str = "NTPARK_TEST_EXIT";
/// What children exit with, which nothing else does.
const EXIT_CODE: i32 = 73;
/// How long a child may take. None takes a tenth of it on an idle machine.
const LIMIT: Duration = Duration::from_secs(40);

/// Runs a child that has to end by itself, and returns what it said.
fn run(part: &str) -> String {
    run_to(part, EXIT_CODE)
}

/// As [`run`], with this exit code.
fn run_to(part: &str, exit_code: i32) -> String {
    let program = std::env::current_exe().expect("this program is a file");
    let mut child = Command::new(program)
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started once more");
    let start = Instant::now();
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
    let _watchdog = begin();
    match part.split_once('-').map_or((&*part, 0), |(part, seed)| (part, seed.parse().expect("a number"))) {
        ("parked", _) => parked(),
        ("storm", seed) => storm(seed),
        #[cfg(windows)]
        ("unpark", _) => windows::unpark_at_detach(),
        #[cfg(windows)]
        ("park", _) => windows::park_at_detach(),
        #[cfg(windows)]
        ("hang", _) => windows::park_without_a_deadline_at_detach(),
        #[cfg(windows)]
        ("hang_in_two_phases", _) => windows::park_in_two_phases_at_detach(),
        #[cfg(windows)]
        ("unload", _) => windows::unpark_at_unload(),
        #[cfg(windows)]
        ("terminate", _) => windows::terminate_a_parked_thread(),
        (part, _) => panic!("{part} is no part"),
    }
}

/// Starts threads that park for ever, or for so long that it makes no difference, and returns when they do.
fn park_threads() -> &'static [Parker] {
    let parkers: &'static [Parker] = Vec::leak((0..16).map(|_| Parker::new()).collect());
    for (index, parker) in parkers.iter().enumerate() {
        thread::spawn(move || {
            let timeout = if index % 2 == 0 { Duration::MAX } else { Duration::from_secs(3600) };
            let _ = parker.park_timeout(timeout);
            eprintln!("thread {index} was let go");
        });
    }
    parkers.iter().for_each(await_parked);
    parkers
}

fn parked() {
    park_threads();
    exit(EXIT_CODE);
}

#[test]
fn threads_are_parked() {
    assert_eq!(run("parked"), "");
}

/// Ends while eight threads park and unpark each other as fast as they can: some are before, in and after the
/// system's calls.
fn storm(seed: u64) {
    let parkers: &'static [Parker] = Vec::leak((0..8).map(|_| Parker::new()).collect());
    for index in 0..parkers.len() {
        thread::spawn(move || {
            let mut random = common::random::Random::new(seed + index as u64);
            loop {
                parkers[random.below(parkers.len() as u64) as usize].unpark();
                let _ = parkers[index].park_timeout(Duration::from_micros(random.below(200)));
            }
        });
    }
    thread::sleep(Duration::from_micros(seed * 1500));
    exit(EXIT_CODE);
}

#[test]
fn threads_park_and_unpark() {
    for seed in 0..20 {
        assert_eq!(run(&format!("storm-{seed}")), "");
    }
}

#[cfg(windows)]
mod windows {
    //! What only Windows has: `DllMain`, and threads that are killed.

    use super::*;
    use common::dll::Dll;
    use ntpark::{Backend, BackendKind, ThreadParker, UnparkReason};
    use std::ffi::c_void;
    use std::os::windows::io::AsRawHandle;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    /// What a process exits with that waits at its end for what can never come: `STATUS_THREAD_IS_TERMINATING`.
    const HOPELESS: i32 = 0xC000_004B_u32 as i32;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn TerminateThread(thread: *mut c_void, code: u32) -> i32;
    }

    /// Has `at_end` called when the process ends, from a `DllMain`.
    fn at_detach(at_end: extern "system" fn()) {
        let dll = Dll::load();
        dll.at_detach(at_end);
        // The system unloads it.
        std::mem::forget(dll);
    }

    fn is_ending() -> bool {
        Backend::get().is_process_ending()
    }

    static PARKERS: OnceLock<&'static [Parker]> = OnceLock::new();
    static TWO_PHASE: ThreadParker = ThreadParker::new();

    pub(super) fn unpark_at_detach() {
        extern "system" fn at_end() {
            assert!(is_ending());
            let woken = PARKERS.get().expect("they are parked").iter().filter(|parker| parker.unpark()).count();
            let handle = TWO_PHASE.unpark_lock();
            eprintln!("{woken} and {}", u8::from(handle.unpark()));
        }
        at_detach(at_end);
        TWO_PHASE.prepare_park();
        thread::spawn(|| TWO_PHASE.park());
        PARKERS.get_or_init(park_threads);
        // That one cannot be asked whether it is there yet.
        thread::sleep(Duration::from_millis(50));
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_unparks_killed_threads() {
        assert_eq!(run("unpark"), "16 and 1\n");
    }

    pub(super) fn park_at_detach() {
        extern "system" fn at_end() {
            assert!(is_ending());
            let parker = Parker::new();
            let start = Instant::now();
            let timed_out = parker.park_timeout(Duration::from_millis(30));
            let early = !common::is_at_least(start.elapsed(), Duration::from_millis(30));
            parker.unpark();
            eprintln!("{timed_out:?}, {early}, {:?}", parker.park());
        }
        at_detach(at_end);
        park_threads();
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_parks_with_a_timeout() {
        assert_eq!(run("park"), "TimedOut, false, Unparked\n");
    }

    pub(super) fn park_without_a_deadline_at_detach() {
        extern "system" fn at_end() {
            assert!(is_ending());
            // A token that is there is taken.
            let parker = Parker::new();
            parker.unpark();
            eprintln!("{:?}", parker.park());
            eprintln!("{:?}", parker.park());
        }
        at_detach(at_end);
        park_threads();
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_parks_without_a_deadline() {
        assert_eq!(run_to("hang", HOPELESS), "Unparked\n");
    }

    pub(super) fn park_in_two_phases_at_detach() {
        extern "system" fn at_end() {
            assert!(is_ending());
            let parker = ThreadParker::new();
            parker.prepare_park();
            eprintln!("{}", parker.unpark_lock().unpark());
            parker.park();
            parker.prepare_park();
            parker.park();
            eprintln!("it has returned");
        }
        at_detach(at_end);
        park_threads();
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_parks_in_two_phases_without_a_deadline() {
        assert_eq!(run_to("hang_in_two_phases", HOPELESS), "false\n");
    }

    pub(super) fn unpark_at_unload() {
        static WAITING: Parker = Parker::new();
        extern "system" fn at_end() {
            assert!(!is_ending());
            eprintln!("{}", WAITING.unpark());
        }
        let dll = Dll::load();
        dll.at_detach(at_end);
        let waiter = thread::spawn(|| WAITING.park());
        await_parked(&WAITING);
        drop(dll);
        assert_eq!(waiter.join().expect("it does not panic"), UnparkReason::Unparked);
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_unparks_a_live_thread() {
        assert_eq!(run("unload"), "true\n");
    }

    /// Kills a thread that is parked, which no program should do, and unparks it.
    pub(super) fn terminate_a_parked_thread() {
        static VICTIM: Parker = Parker::new();
        static IS_BACK: AtomicBool = AtomicBool::new(false);
        let victim = thread::spawn(|| VICTIM.park());
        await_parked(&VICTIM);
        // SAFETY: the handle is that of a live thread, which holds no lock: it is parked, or on its way.
        let terminated = unsafe { TerminateThread(victim.as_raw_handle(), 0) };
        assert_ne!(terminated, 0);
        thread::spawn(|| {
            assert!(VICTIM.unpark());
            IS_BACK.store(true, SeqCst);
        });
        let start = Instant::now();
        // A release asks once a second whether the process is ending: let it do so a few times.
        while !IS_BACK.load(SeqCst) && start.elapsed() < Duration::from_millis(3500) {
            thread::sleep(Duration::from_millis(10));
        }
        // Its place stays taken, with a token in it or not.
        let reason = VICTIM.park_timeout(Duration::ZERO);
        eprintln!("{} {reason:?}", IS_BACK.load(SeqCst));
        // What others park on is not affected.
        static OTHER: Parker = Parker::new();
        let other = thread::spawn(|| OTHER.park());
        await_parked(&OTHER);
        assert!(OTHER.unpark());
        assert_eq!(other.join().expect("it does not panic"), UnparkReason::Unparked);
        exit(EXIT_CODE);
    }

    #[test]
    fn a_parked_thread_was_terminated() {
        let said = run("terminate");
        let _watchdog = begin();
        // The waker of a rendezvous waits for the dead, and is in its release when the process ends. The others do not
        // notice.
        let is_back = !matches!(Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull);
        assert_eq!(said, format!("{is_back} Busy\n"));
    }
}
