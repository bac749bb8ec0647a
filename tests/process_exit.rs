//! How processes end: while threads are parked, while they unpark, and while `DllMain` unparks those that
//! have been killed. Each ends by itself, with its exit code.
//!
//! Each test starts this program once more, as a child that runs the test [`child`] and ends in the middle of
//! it.
#![cfg(not(miri))] // It starts processes.

mod common;

use common::{await_parked, begin};
use ntpark::{Parker, futex};
use std::io::Read;
use std::process::{Command, Stdio, exit};
use std::sync::atomic::AtomicU32;
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
        ("futex_storm", seed) => futex_storm(seed),
        #[cfg(windows)]
        ("unpark", _) => windows::unpark_at_detach(),
        #[cfg(windows)]
        ("park", _) => windows::park_at_detach(),
        #[cfg(windows)]
        ("hang", _) => windows::park_without_a_deadline_at_detach(),
        #[cfg(windows)]
        ("hang_in_two_phases", _) => windows::park_in_two_phases_at_detach(),
        #[cfg(windows)]
        ("lot", _) => windows::lot_at_detach(),
        #[cfg(windows)]
        ("hang_in_futex", _) => windows::futex_without_a_deadline_at_detach(),
        #[cfg(windows)]
        ("unload_lot", _) => windows::futexes_at_unload(),
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

/// Ends while eight threads wait for, wake and move each other.
fn futex_storm(seed: u64) {
    static WORDS: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
    for thread in 0..8 {
        thread::spawn(move || {
            let mut random = common::random::Random::new(seed + thread);
            loop {
                let [word, to] = [(); 2].map(|()| &WORDS[random.below(3) as usize]);
                let deadline = ntpark::Instant::now() + Duration::from_micros(random.below(200));
                match random.below(4) {
                    0 => drop(futex::wake(word, 2)),
                    1 => drop(futex::requeue(word, to, 1, 2)),
                    _ => drop(futex::wait_until(word, 0, deadline)),
                }
            }
        });
    }
    thread::sleep(Duration::from_micros(seed * 1500));
    exit(EXIT_CODE);
}

#[test]
fn threads_wait_and_wake() {
    for seed in 0..20 {
        assert_eq!(run(&format!("futex_storm-{seed}")), "");
    }
}

#[cfg(windows)]
mod windows {
    //! What only Windows has: `DllMain`, and threads that are killed.

    use super::*;
    use common::dll::Dll;
    use common::lot::Parked;
    use futex::{Changed, Requeued, WaitResult};
    use ntpark::lot::{self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, Key, ParkResult, RequeueOp, UnparkResult};
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

    static WORD: AtomicU32 = AtomicU32::new(0);
    static ANSWER: AtomicU32 = AtomicU32::new(0);
    static ELSEWHERE: AtomicU32 = AtomicU32::new(0);

    /// Threads wait in the queue that this is about, and one of them is killed while it holds the bucket's lock.
    pub(super) fn lot_at_detach() {
        extern "system" fn at_end() {
            assert!(is_ending());
            let key = Key::from((&raw const WORD).addr());
            nobody_is_found(key);
            parks_time_out(key);
            eprintln!("no queue is looked at");
        }
        at_detach(at_end);
        let key = Key::from((&raw const WORD).addr());
        let _parked: Vec<_> = (1..4).map(|token| Parked::new(key, token)).collect();
        thread::spawn(|| futex::wait(&WORD, 0));
        while futex::requeue(&WORD, &WORD, 0, 1).requeued == 0 {
            thread::yield_now();
        }
        let (locked, is_locked) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let callback = |_| {
                locked.send(()).expect("it is received");
                loop {
                    thread::park();
                }
            };
            // SAFETY: the key is this test's own. The callback calls nothing of the lot.
            unsafe { lot::unpark_one(key, callback) }
        });
        is_locked.recv().expect("it is locked");
        exit(EXIT_CODE);
    }

    /// Neither waits for a lock. All callbacks are called.
    fn nobody_is_found(key: Key) {
        let nothing = UnparkResult::default();
        let calls = AtomicU32::new(0);
        let callback = |result| {
            assert_eq!(result, nothing);
            calls.fetch_add(1, SeqCst);
            DEFAULT_UNPARK_TOKEN
        };
        // SAFETY: the key is this test's own. The callbacks call nothing of the lot; likewise below.
        let result = unsafe { lot::unpark_one(key, callback) };
        assert_eq!(result, nothing);
        // SAFETY: see above.
        let result = unsafe { lot::unpark_filter(key, |_| panic!("nobody is there"), callback) };
        assert_eq!(result, nothing);
        for (from, to) in [(key, Key::from(0)), (Key::from(0), key)] {
            // SAFETY: see above.
            let result =
                unsafe { lot::unpark_requeue(from, to, || RequeueOp::RequeueAll, |_, result| callback(result)) };
            assert_eq!(result, nothing);
        }
        assert_eq!(calls.into_inner(), 4);
        assert_eq!(lot_all(key), 0);
        assert_eq!((futex::wake(&WORD, 1), futex::wake_all(&WORD)), (0, 0));
        assert_eq!(futex::requeue(&WORD, &ELSEWHERE, 1, 1), Requeued::default());
        assert_eq!(futex::requeue_if(&WORD, 0, &ELSEWHERE, 1, 1), Ok(Requeued::default()));
        assert_eq!(futex::requeue_if(&WORD, 1, &ELSEWHERE, 1, 1), Err(Changed));
    }

    fn lot_all(key: Key) -> usize {
        // SAFETY: the key is this test's own.
        unsafe { lot::unpark_all(key, DEFAULT_UNPARK_TOKEN) }
    }

    fn parks_time_out(key: Key) {
        let timeout = Duration::from_millis(30);
        let token = DEFAULT_PARK_TOKEN;
        // SAFETY: as above.
        let invalid = unsafe { lot::park(key, || false, || panic!(), |_, _| panic!(), token, ntpark::Instant::MAX) };
        assert_eq!(invalid, ParkResult::Invalid);
        let start = Instant::now();
        let deadline = Backend::get().deadline(timeout);
        let (mut has_released, mut told) = (false, None);
        let timed_out = |key, was_last| told = Some((key, was_last));
        // SAFETY: as above.
        let result = unsafe { lot::park(key, || true, || has_released = true, timed_out, token, deadline) };
        assert_eq!((result, has_released, told), (ParkResult::TimedOut, true, Some((key, true))));
        assert!(common::is_at_least(start.elapsed(), timeout));
        let start = Instant::now();
        assert_eq!(futex::wait(&WORD, 1), WaitResult::Changed);
        assert_eq!(futex::wait_until(&WORD, 0, Backend::get().deadline(timeout)), WaitResult::TimedOut);
        assert!(common::is_at_least(start.elapsed(), timeout));
        assert_eq!(futex::wait_until(&WORD, 0, ntpark::Instant::MIN), WaitResult::TimedOut);
    }

    #[test]
    fn dll_main_uses_the_lot_of_killed_threads() {
        assert_eq!(run("lot"), "no queue is looked at\n");
    }

    pub(super) fn futex_without_a_deadline_at_detach() {
        extern "system" fn at_end() {
            eprintln!("{:?}", futex::wait(&WORD, 1));
            eprintln!("{:?}", futex::wait(&WORD, 0));
        }
        at_detach(at_end);
        park_threads();
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_waits_on_a_futex_without_a_deadline() {
        assert_eq!(run_to("hang_in_futex", HOPELESS), "Changed\n");
    }

    /// Under the lock of the loader, with a thread that lives: wakes it, and waits for its answer.
    pub(super) fn futexes_at_unload() {
        extern "system" fn at_end() {
            assert!(!is_ending());
            assert_eq!(
                futex::wait_until(&ANSWER, 0, Backend::get().deadline(Duration::from_millis(2))),
                WaitResult::TimedOut
            );
            WORD.store(1, SeqCst);
            assert_eq!(futex::requeue(&WORD, &ELSEWHERE, 0, 1).requeued, 1);
            let woken = futex::wake_all(&ELSEWHERE);
            while ANSWER.load(SeqCst) == 0 {
                futex::wait(&ANSWER, 0);
            }
            eprintln!("{woken}");
        }
        let dll = Dll::load();
        dll.at_detach(at_end);
        let waiter = thread::spawn(|| {
            let result = futex::wait(&WORD, 0);
            ANSWER.store(1, SeqCst);
            futex::wake_all(&ANSWER);
            result
        });
        while futex::requeue(&WORD, &WORD, 0, 1).requeued == 0 {
            thread::yield_now();
        }
        drop(dll);
        assert_eq!(waiter.join().expect("it does not panic"), WaitResult::Woken);
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_wakes_and_waits_for_a_live_thread() {
        assert_eq!(run("unload_lot"), "1\n");
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
