//! How processes end: while threads are parked, while they unpark, and while `DllMain` unparks those that
//! have been killed. Each ends by itself, with its exit code.
//!
//! Each test starts this program once more, as a child that runs the test [`child`] and ends in the middle of
//! it.

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
    assert_eq!(status.code(), Some(EXIT_CODE), "{part}: {status}\n{said}");
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
        ("release", _) => windows::release_under_way(),
        #[cfg(windows)]
        ("unpark", _) => windows::unpark_at_detach(),
        #[cfg(windows)]
        ("park", _) => windows::park_at_detach(),
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
    //! What only Windows has: releases, `DllMain`, and threads that are killed.

    use super::*;
    use ntpark::sys::ntdll::{NtReleaseKeyedEvent, RtlDllShutdownInProgress};
    use ntpark::sys::{BOOL, BOOLEAN, HANDLE, NTSTATUS};
    use ntpark::{Backend, BackendKind, Clock, KeyedEvent, ThreadParker, UnparkReason};
    use std::ffi::{CStr, c_char, c_void};
    use std::mem::transmute;
    use std::os::windows::io::AsRawHandle;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleA(name: *const c_char) -> HANDLE;
        fn GetProcAddress(module: HANDLE, name: *const c_char) -> *mut c_void;
        fn LoadLibraryW(file: *const u16) -> HANDLE;
        fn FreeLibrary(module: HANDLE) -> BOOL;
        fn TerminateThread(thread: HANDLE, code: u32) -> BOOL;
    }

    fn function(module: HANDLE, name: &CStr) -> *mut c_void {
        // SAFETY: the module is loaded, the name ends with 0.
        let function = unsafe { GetProcAddress(module, name.as_ptr()) };
        assert!(!function.is_null(), "{name:?} is missing");
        function
    }

    fn ntdll(name: &CStr) -> *mut c_void {
        // SAFETY: the name ends with 0.
        function(unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr()) }, name)
    }

    /// Loads the DLL that `cargo test` builds beside this program, and has it call `at_end` from its
    /// `DllMain` when it is detached.
    fn load(at_end: extern "system" fn()) -> HANDLE {
        let program = std::env::current_exe().expect("this program is a file");
        let dir = program.parent().and_then(|deps| deps.parent()).expect("cargo puts it two folders deep");
        let file = dir.join("examples").join("at_detach.dll");
        assert!(file.exists(), "{} is missing: build the examples", file.display());
        let mut file: Vec<u16> = std::os::windows::ffi::OsStrExt::encode_wide(file.as_os_str()).collect();
        file.push(0);
        // SAFETY: the name ends with 0. The DLL does nothing when it is loaded.
        let module = unsafe { LoadLibraryW(file.as_ptr()) };
        assert!(!module.is_null(), "{}", std::io::Error::last_os_error());
        // SAFETY: the function of this name has this type.
        let at_detach = unsafe {
            transmute::<*mut c_void, extern "system" fn(extern "system" fn())>(function(module, c"at_detach"))
        };
        at_detach(at_end);
        module
    }

    /// Whether the system says that the process is ending.
    fn is_ending() -> bool {
        // SAFETY: the function of this name has this type.
        let is_ending =
            unsafe { transmute::<*mut c_void, RtlDllShutdownInProgress>(ntdll(c"RtlDllShutdownInProgress")) };
        // SAFETY: it takes nothing.
        unsafe { is_ending() != 0 }
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
        load(at_end);
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
        load(at_end);
        park_threads();
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_parks_with_a_timeout() {
        assert_eq!(run("park"), "TimedOut, false, Unparked\n");
    }

    pub(super) fn unpark_at_unload() {
        static WAITING: Parker = Parker::new();
        extern "system" fn at_end() {
            assert!(!is_ending());
            eprintln!("{}", WAITING.unpark());
        }
        let dll = load(at_end);
        let waiter = thread::spawn(|| WAITING.park());
        await_parked(&WAITING);
        // SAFETY: the module is loaded, and none of its functions runs.
        let unloaded = unsafe { FreeLibrary(dll) };
        assert_ne!(unloaded, 0);
        assert_eq!(waiter.join().expect("it does not panic"), UnparkReason::Unparked);
        exit(EXIT_CODE);
    }

    #[test]
    fn dll_main_unparks_a_live_thread() {
        assert_eq!(run("unload"), "true\n");
    }

    /// The system's own, to which the wrapper below passes on.
    static RELEASE: OnceLock<NtReleaseKeyedEvent> = OnceLock::new();
    static IS_RELEASING: AtomicBool = AtomicBool::new(false);

    /// A waiter that the scheduler leaves standing just before it would wait.
    unsafe extern "system" fn wait_never(_: HANDLE, _: *const c_void, _: BOOLEAN, _: *const i64) -> NTSTATUS {
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }

    unsafe extern "system" fn release(
        handle: HANDLE,
        key: *const c_void,
        alertable: BOOLEAN,
        timeout: *const i64,
    ) -> NTSTATUS {
        IS_RELEASING.store(true, SeqCst);
        let release = RELEASE.get().expect("it was found before");
        // SAFETY: the caller's own arguments, as they came.
        unsafe { release(handle, key, alertable, timeout) }
    }

    /// Ends while a thread is in the release of a waiter that has not come yet.
    pub(super) fn release_under_way() {
        // SAFETY: the functions of these names have these types.
        let real = unsafe { transmute::<*mut c_void, NtReleaseKeyedEvent>(ntdll(c"NtReleaseKeyedEvent")) };
        RELEASE.get_or_init(|| real);
        // SAFETY: as above.
        let is_ending =
            unsafe { transmute::<*mut c_void, RtlDllShutdownInProgress>(ntdll(c"RtlDllShutdownInProgress")) };
        // SAFETY: the functions do what they should, but that the waiter takes its time; the null handle is always
        // good.
        let backend =
            unsafe { KeyedEvent::new(std::ptr::null_mut(), wait_never, release, is_ending, Clock::SHARED_PAGE, false) };
        let backend: &'static Backend = Box::leak(Box::new(Backend::KeyedEvent(backend)));
        let parker: &'static ThreadParker = Box::leak(Box::new(ThreadParker::with_backend(backend)));
        parker.prepare_park();
        thread::spawn(|| parker.park());
        thread::spawn(|| {
            // It can only be released for once it is committed to wait, which nobody but the test can know: give it a
            // while.
            thread::sleep(Duration::from_millis(50));
            parker.unpark_lock().unpark();
        });
        while !IS_RELEASING.load(SeqCst) {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(10));
        exit(EXIT_CODE);
    }

    #[test]
    fn a_release_is_under_way() {
        assert_eq!(run("release"), "");
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
        // The waker of a rendezvous waits for the dead, until the process ends. The others do not notice.
        let is_back = !matches!(Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull);
        assert_eq!(said, format!("{is_back} Busy\n"));
    }
}
