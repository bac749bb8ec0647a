//! What Windows itself is asked, without ntpark in between.

use crate::report::Report;
use crate::{PATIENCE, WAITS};
use ntpark::sys::kernel32::{ERROR_TIMEOUT, QueryTime, WaitOnAddress, WakeByAddressSingle};
use ntpark::sys::ntdll::{
    KUSER_ACTIVE_PROCESSOR_COUNT, KUSER_NT_MAJOR_VERSION, KUSER_NT_MINOR_VERSION, KeyedEventAccess, NtCreateKeyedEvent,
    NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress,
};
use ntpark::sys::{FALSE, HANDLE, NTSTATUS, STATUS_INVALID_PARAMETER_1, STATUS_SUCCESS, STATUS_TIMEOUT};
use ntpark::{Parker, UnparkReason};
use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use std::{ptr, thread};

windows_targets::link!("kernel32.dll" "system" fn CloseHandle(object: HANDLE) -> i32);
windows_targets::link!("kernel32.dll" "system" fn GetHandleInformation(object: HANDLE, flags: *mut u32) -> i32);
windows_targets::link!("kernel32.dll" "system" fn GetLastError() -> u32);
windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleA(name: *const c_char) -> HANDLE);
windows_targets::link!("kernel32.dll" "system" fn GetProcAddress(module: HANDLE, name: *const c_char) -> *mut c_void);
windows_targets::link!("kernel32.dll" "system" fn SetLastError(code: u32));

const NTDLL: &CStr = c"ntdll.dll";
const KERNEL32: &CStr = c"kernel32.dll";
const SYNCH: &CStr = c"api-ms-win-core-synch-l1-2-0.dll";

/// All that ntpark looks up at run time, since when Windows has it, and where.
const CALLS: [(&str, &CStr, &CStr); 8] = [
    ("Windows 8", SYNCH, c"WaitOnAddress"),
    ("Windows 8", SYNCH, c"WakeByAddressSingle"),
    ("Windows XP", NTDLL, c"NtCreateKeyedEvent"),
    ("Windows XP", NTDLL, c"NtWaitForKeyedEvent"),
    ("Windows XP", NTDLL, c"NtReleaseKeyedEvent"),
    ("Windows 2000", NTDLL, c"RtlDllShutdownInProgress"),
    ("Windows 2000", KERNEL32, c"QueryPerformanceCounter"),
    ("Windows 2000", KERNEL32, c"QueryPerformanceFrequency"),
];

/// A short timed wait.
const SHORT: Duration = Duration::from_millis(5);
/// Waits and releases that are made to run out of time at about the same moment.
const RACES: u32 = 200;

/// `RtlGetVersion`, which no compatibility setting deceives.
type RtlGetVersion = unsafe extern "system" fn(*mut Version) -> NTSTATUS;
/// `wine_get_version`, which ntdll exports under Wine.
type WineGetVersion = unsafe extern "C" fn() -> *const c_char;
/// `NtQueryTimerResolution`: coarsest, finest and present time between two clock interrupts, in units of 100
/// ns.
type NtQueryTimerResolution = unsafe extern "system" fn(*mut u32, *mut u32, *mut u32) -> NTSTATUS;

/// `OSVERSIONINFOW`.
#[repr(C)]
struct Version {
    size: u32,
    major: u32,
    minor: u32,
    build: u32,
    platform: u32,
    service_pack: [u16; 128],
}

/// The address of a function of a module that is loaded; null if there is none.
fn find(module: &CStr, function: &CStr) -> *mut c_void {
    // SAFETY: the name ends with 0.
    let module = unsafe { GetModuleHandleA(module.as_ptr()) };
    if module.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the module stays loaded, and the name ends with 0.
    unsafe { GetProcAddress(module, function.as_ptr()) }
}

pub(crate) fn ask(report: &mut Report) {
    let version = version(report);
    for (since, module, function) in CALLS {
        let found = if find(module, function).is_null() { "no" } else { "yes" };
        report.fact("calls", format!("{} (since {since})", function.to_string_lossy()), found);
    }
    timer(report, version);
    if let Some(calls) = WaitAddress::find() {
        calls.ask(report);
    }
    if let Some(calls) = KeyedEvents::find() {
        calls.ask(report, version.major);
    }
}

/// The kernel's version, in the page that it shares with every process: 5.1 is XP.
#[derive(Clone, Copy)]
struct Kernel {
    major: u32,
    minor: u32,
}

/// A word of the page that the kernel shares with every process.
fn shared_word(address: usize) -> u32 {
    // SAFETY: readable in every process and aligned; see the declarations.
    unsafe { ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

/// What the system says of itself.
fn version(report: &mut Report) -> Kernel {
    let kernel = Kernel { major: shared_word(KUSER_NT_MAJOR_VERSION), minor: shared_word(KUSER_NT_MINOR_VERSION) };
    report.fact("system", "version in the shared page", format!("{}.{}", kernel.major, kernel.minor));
    // SAFETY: null, or what ntdll exports under this name, which has this type.
    if let Some(get) = unsafe { transmute::<*mut c_void, Option<RtlGetVersion>>(find(NTDLL, c"RtlGetVersion")) } {
        let size = size_of::<Version>() as u32;
        let mut version = Version { size, major: 0, minor: 0, build: 0, platform: 0, service_pack: [0; 128] };
        // SAFETY: the structure is live and says how large it is.
        unsafe { get(&raw mut version) };
        let Version { major, minor, build, .. } = version;
        report.fact("system", "version", format!("{major}.{minor}.{build}"));
        report.expect("the kernel is XP or newer", (major, minor) >= (5, 1), format!("{major}.{minor}"));
    }
    // SAFETY: as above.
    if let Some(get) = unsafe { transmute::<*mut c_void, Option<WineGetVersion>>(find(NTDLL, c"wine_get_version")) } {
        // SAFETY: takes nothing.
        let version = unsafe { get() };
        // SAFETY: a string that ends with 0 and stays.
        let version = unsafe { CStr::from_ptr(version) };
        report.fact("system", "Wine", version.to_string_lossy());
    }
    report.fact("system", "architecture", std::env::consts::ARCH);
    let count = shared_word(KUSER_ACTIVE_PROCESSOR_COUNT);
    report.fact("system", "processors in the shared page", count);
    if let Ok(processors) = thread::available_parallelism() {
        report.fact("system", "processors of this process", processors);
        let holds = count != 1 || processors.get() == 1;
        report.expect("one processor in the shared page is one processor", holds, format!("{count}, {processors}"));
    }
    kernel
}

fn timer(report: &mut Report, version: Kernel) {
    let clock = |function| {
        // SAFETY: null, or what kernel32 exports under these names, which has this type.
        unsafe { transmute::<*mut c_void, Option<QueryTime>>(find(KERNEL32, function)) }
    };
    if let Some(frequency) = clock(c"QueryPerformanceFrequency") {
        let mut counts = 0;
        // SAFETY: the address is that of a live u64.
        unsafe { frequency(&raw mut counts) };
        report.fact("time", "performance counter", format!("{counts} counts a second"));
        report.expect("the performance counter has a frequency", counts > 0, counts);
    }
    let chosen = if !find(SYNCH, c"WaitOnAddress").is_null() {
        "QueryPerformanceCounter, less the time asleep"
    } else if (version.major, version.minor) >= (6, 1) {
        "KUSER_SHARED_DATA.InterruptTime, less the time asleep"
    } else {
        "KUSER_SHARED_DATA.InterruptTime"
    };
    report.fact("time", "clock that ntpark takes", chosen);
    let resolution = find(NTDLL, c"NtQueryTimerResolution");
    // SAFETY: null, or what ntdll exports under this name, which has this type.
    if let Some(query) = unsafe { transmute::<*mut c_void, Option<NtQueryTimerResolution>>(resolution) } {
        let [mut coarsest, mut finest, mut present] = [0; 3];
        // SAFETY: all three are live.
        unsafe { query(&raw mut coarsest, &raw mut finest, &raw mut present) };
        let milliseconds = |units| f64::from(units) / 10_000.0;
        report.fact(
            "time",
            "timer resolution",
            format!("{} ms ({} to {})", milliseconds(present), milliseconds(finest), milliseconds(coarsest)),
        );
    }
    let start = Instant::now();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(1));
    }
    report.fact("time", "a sleep of 1 ms takes", format!("{:?}", start.elapsed() / 10));
}

/// Counts waits that end before their time, and how much too soon.
fn early_wakes(mut wait: impl FnMut()) -> String {
    let mut early = 0;
    let mut most = Duration::ZERO;
    for _ in 0..WAITS {
        let start = Instant::now();
        wait();
        let missing = SHORT.saturating_sub(start.elapsed());
        early += u32::from(!missing.is_zero());
        most = most.max(missing);
    }
    format!("{early} of {WAITS}, by up to {most:?}")
}

/// `WaitOnAddress` and its wake.
struct WaitAddress {
    wait: WaitOnAddress,
    wake: WakeByAddressSingle,
}

impl WaitAddress {
    fn find() -> Option<Self> {
        // SAFETY: null, or what the system exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<WaitOnAddress>>(find(SYNCH, c"WaitOnAddress")) };
        // SAFETY: as above.
        let wake =
            unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(find(SYNCH, c"WakeByAddressSingle")) };
        Some(Self { wait: wait?, wake: wake? })
    }

    /// Waits while the word is `expected`. True, or the last error.
    fn wait(&self, word: &AtomicU32, expected: u32, milliseconds: u32) -> Result<(), u32> {
        // SAFETY: both addresses are those of live words of that size.
        let woken =
            unsafe { (self.wait)(word.as_ptr().cast(), (&raw const expected).cast(), size_of::<u32>(), milliseconds) };
        // SAFETY: reads a field of this thread.
        if woken != 0 { Ok(()) } else { Err(unsafe { GetLastError() }) }
    }

    fn wake(&self, word: &AtomicU32) {
        // SAFETY: the address is live, and not even read.
        unsafe { (self.wake)(word.as_ptr().cast()) };
    }

    fn ask(&self, report: &mut Report) {
        let word = AtomicU32::new(0);
        let differs = self.wait(&word, 1, 0);
        report.expect("WaitOnAddress returns when the word is another", differs == Ok(()), format!("{differs:?}"));
        let poll = self.wait(&word, 0, 0);
        report.expect("WaitOnAddress with timeout 0 runs out of time", poll == Err(ERROR_TIMEOUT), format!("{poll:?}"));
        self.wake(&word);
        let remembered = self.wait(&word, 0, 0);
        report.expect("a wake for nobody is forgotten", remembered == Err(ERROR_TIMEOUT), format!("{remembered:?}"));
        let woken = thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let start = Instant::now();
                while word.load(Relaxed) == 0 && start.elapsed() < PATIENCE {
                    let _ = self.wait(&word, 0, PATIENCE.as_millis() as u32);
                }
                start.elapsed() < PATIENCE
            });
            thread::sleep(SHORT);
            word.store(1, Relaxed);
            self.wake(&word);
            waiter.join().unwrap_or(false)
        });
        report.expect("a thread in WaitOnAddress is woken", woken, if woken { "in time" } else { "not within 10 s" });
        let same = AtomicU32::new(0);
        let early = early_wakes(|| _ = self.wait(&same, 0, SHORT.as_millis() as u32));
        report.fact("waits", "WaitOnAddress of 5 ms ends early", early);
    }
}

/// The calls of keyed events.
struct KeyedEvents {
    create: NtCreateKeyedEvent,
    wait: NtWaitForKeyedEvent,
    release: NtReleaseKeyedEvent,
    is_ending: RtlDllShutdownInProgress,
}

/// A handle to a keyed event; null is the system's own.
#[derive(Clone, Copy)]
struct Event(HANDLE);

// SAFETY: a handle is good on every thread.
unsafe impl Send for Event {}
// SAFETY: as for `Send`.
unsafe impl Sync for Event {}

impl KeyedEvents {
    fn find() -> Option<Self> {
        let find = |name| find(NTDLL, name);
        // SAFETY: null, or what ntdll exports under this name, which has this type.
        let create = unsafe { transmute::<*mut c_void, Option<NtCreateKeyedEvent>>(find(c"NtCreateKeyedEvent")) };
        // SAFETY: as above.
        let wait = unsafe { transmute::<*mut c_void, Option<NtWaitForKeyedEvent>>(find(c"NtWaitForKeyedEvent")) };
        // SAFETY: as above.
        let release = unsafe { transmute::<*mut c_void, Option<NtReleaseKeyedEvent>>(find(c"NtReleaseKeyedEvent")) };
        // SAFETY: as above.
        let ending =
            unsafe { transmute::<*mut c_void, Option<RtlDllShutdownInProgress>>(find(c"RtlDllShutdownInProgress")) };
        Some(Self { create: create?, wait: wait?, release: release?, is_ending: ending? })
    }

    fn wait(&self, Event(handle): Event, key: usize, timeout: Duration) -> NTSTATUS {
        let timeout = relative(timeout);
        // SAFETY: the timeout is live and not absolute, so it ends; the key is a number of ours.
        unsafe { (self.wait)(handle, ptr::without_provenance(key), FALSE, &raw const timeout) }
    }

    fn release(&self, Event(handle): Event, key: usize, timeout: Duration) -> NTSTATUS {
        let timeout = relative(timeout);
        // SAFETY: as for `wait`.
        unsafe { (self.release)(handle, ptr::without_provenance(key), FALSE, &raw const timeout) }
    }

    fn ask(&self, report: &mut Report, major: u32) {
        let mut handle = ptr::null_mut();
        let access = KeyedEventAccess::WAIT | KeyedEventAccess::WAKE;
        // SAFETY: the handle is live, there are no attributes, and flags are 0.
        let status = unsafe { (self.create)(&raw mut handle, access.bits(), ptr::null(), 0) };
        report.expect("a keyed event can be made", status == STATUS_SUCCESS && !handle.is_null(), hex(status));
        let null = self.wait(Event(ptr::null_mut()), key_of(&handle), Duration::ZERO);
        report.fact(
            "keyed events",
            "null handle",
            if null == STATUS_TIMEOUT { "known".into() } else { format!("unknown, {}", hex(null)) },
        );
        // SAFETY: takes nothing.
        let ending = unsafe { (self.is_ending)() };
        report.expect("the process is not ending", ending == FALSE, ending);

        // Of these kernels it is known that they may tell one side that both have met, and the other that time has
        // run out.
        let guarded = major < 6;
        let events = [("a handle of its own", handle), ("the null handle", ptr::null_mut())];
        for (name, handle) in events {
            let usable = if handle.is_null() { null == STATUS_TIMEOUT } else { status == STATUS_SUCCESS };
            if usable {
                self.ask_event(report, name, Event(handle), guarded);
            }
        }
        if !handle.is_null() {
            // SAFETY: the handle is this function's own.
            unsafe { CloseHandle(handle) };
        }
    }

    fn ask_event(&self, report: &mut Report, name: &str, event: Event, guarded: bool) {
        let word = 0_usize;
        let key = key_of(&word);
        let odd = self.wait(event, key + 1, Duration::ZERO);
        report.expect(format!("on {name}, a wait refuses an odd key"), odd == STATUS_INVALID_PARAMETER_1, hex(odd));
        let odd = self.release(event, key + 1, Duration::ZERO);
        report.expect(format!("on {name}, a release refuses an odd key"), odd == STATUS_INVALID_PARAMETER_1, hex(odd));
        let poll = self.wait(event, key, Duration::ZERO);
        report.expect(format!("on {name}, a wait with timeout 0 runs out of time"), poll == STATUS_TIMEOUT, hex(poll));
        let alone = self.release(event, key, SHORT);
        report.expect(
            format!("on {name}, a release without a waiter runs out of time"),
            alone == STATUS_TIMEOUT,
            hex(alone),
        );
        let (waited, released) = thread::scope(|scope| {
            let waiter = scope.spawn(|| self.wait(event, key, PATIENCE));
            (self.release(event, key, PATIENCE), waiter.join().unwrap_or(-1))
        });
        let holds = (waited, released) == (STATUS_SUCCESS, STATUS_SUCCESS);
        report.expect(
            format!("on {name}, a release meets its waiter"),
            holds,
            format!("{} and {}", hex(waited), hex(released)),
        );
        let early = early_wakes(|| _ = self.wait(event, key, SHORT));
        report.fact("waits", format!("NtWaitForKeyedEvent of 5 ms on {name} ends early"), early);
        self.ask_race(report, name, event, guarded);
    }

    /// Waits and releases that meet while they run out of time: both say so, or neither does, unless the
    /// kernel is one for which ntpark has a guard.
    fn ask_race(&self, report: &mut Report, name: &str, event: Event, guarded: bool) {
        let word = 0_usize;
        let key = key_of(&word);
        let timeout = Duration::from_millis(1);
        let barrier = Barrier::new(2);
        let run = |call: &dyn Fn() -> NTSTATUS| -> Vec<bool> {
            let round = |_| {
                barrier.wait();
                call() == STATUS_SUCCESS
            };
            (0..RACES).map(round).collect()
        };
        let (released, waited) = thread::scope(|scope| {
            let waiter = scope.spawn(|| run(&|| self.wait(event, key, timeout)));
            let released = run(&|| {
                // Arrives about when the wait's time is over.
                let start = Instant::now();
                while start.elapsed() < timeout {
                    thread::yield_now();
                }
                self.release(event, key, Duration::ZERO)
            });
            (released, waiter.join().unwrap_or_default())
        });
        let met = released.iter().filter(|&&met| met).count();
        let differ = released.iter().zip(&waited).filter(|(released, waited)| released != waited).count();
        report.expect(
            format!("on {name}, a release and its wait agree on whether they met"),
            differ == 0 || guarded,
            format!("{met} of {RACES} at the last moment did, {differ} disagree"),
        );
    }
}

/// A relative timeout as NT takes it: negative, in units of 100 ns.
fn relative(timeout: Duration) -> i64 {
    -i64::try_from(timeout.as_nanos().div_ceil(100)).unwrap_or(i64::MAX)
}

/// A key that nobody else uses: an address of ours. It is even.
fn key_of<T>(place: &T) -> usize {
    ptr::from_ref(place).addr()
}

fn hex(status: NTSTATUS) -> String {
    format!("{status:#010X}")
}

/// The caller's last error after a park that had to block, and after an unpark.
pub(crate) fn ask_last_error(report: &mut Report) {
    const MARK: u32 = 0x2A2A;
    let parker = Parker::new();
    // SAFETY: writes a field of this thread.
    unsafe { SetLastError(MARK) };
    let timed_out = parker.park_timeout(SHORT) == UnparkReason::TimedOut;
    // SAFETY: reads a field of this thread.
    let after_park = unsafe { GetLastError() };
    parker.unpark();
    // SAFETY: as above.
    let after_unpark = unsafe { GetLastError() };
    let holds = timed_out && (after_park, after_unpark) == (MARK, MARK);
    report.expect(
        "the caller's last error survives",
        holds,
        format!("{after_park:#X} and {after_unpark:#X} after {MARK:#X}"),
    );
}

/// How many handles are open, by asking for each in turn: they are multiples of 4.
pub(crate) fn handles() -> usize {
    let is_open = |&number: &usize| {
        let mut flags = 0;
        // SAFETY: the flags are live; whether the handle is open is the question.
        unsafe { GetHandleInformation(ptr::without_provenance_mut(number), &raw mut flags) != 0 }
    };
    (4..8_192).step_by(4).filter(is_open).count()
}
