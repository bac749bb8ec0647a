//! A whole program of a few kilobytes: its own entry point, threads by `CreateThread`, ntpark to make them
//! wait for each other, and an exit code.
//!
//! Four threads stand in a ring and hand a number round; each waits for its turn on a parker of its own. The
//! program ends with 0 if the number came out right, with 1 if not, and with 2 if nobody finished within ten
//! seconds.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use ntpark::{Parker, UnparkReason};

type Handle = *mut c_void;
type ThreadStart = unsafe extern "system" fn(*mut c_void) -> u32;

/// What is needed of kernel32, beside what ntpark needs.
mod kernel32 {
    use super::{Handle, ThreadStart, c_void};

    windows_targets::link!("kernel32.dll" "system" fn CreateThread(attributes: *const c_void, stack_size: usize, start: ThreadStart, parameter: *mut c_void, flags: u32, id: *mut u32) -> Handle);
    windows_targets::link!("kernel32.dll" "system" fn ExitProcess(code: u32) -> !);
    windows_targets::link!("kernel32.dll" "system" fn GetStdHandle(which: u32) -> Handle);
    windows_targets::link!("kernel32.dll" "system" fn WaitForMultipleObjects(count: u32, objects: *const Handle, all: i32, milliseconds: u32) -> u32);
    windows_targets::link!("kernel32.dll" "system" fn WriteFile(file: Handle, bytes: *const u8, length: u32, written: *mut u32, overlapped: *mut c_void) -> i32);
}
use kernel32::{CreateThread, ExitProcess, GetStdHandle, WaitForMultipleObjects, WriteFile};

const INFINITE: u32 = u32::MAX;
const STD_OUTPUT_HANDLE: u32 = -11_i32 as u32;

const THREADS: usize = 4;
const LAPS: u32 = 250;

static TURNS: [Parker; THREADS] = [const { Parker::new() }; THREADS];
static NUMBER: AtomicU32 = AtomicU32::new(0);
static DONE: Parker = Parker::new();

/// Where Windows begins to run the program.
#[unsafe(no_mangle)]
extern "C" fn entry() -> ! {
    let mut threads = [ptr::null_mut(); THREADS];
    for (place, thread) in threads.iter_mut().enumerate() {
        *thread = start(place);
        if thread.is_null() {
            exit(3, b"cannot start a thread\r\n");
        }
    }
    TURNS[0].unpark();
    if DONE.park_timeout(Duration::from_secs(10)) != UnparkReason::Unparked {
        exit(2, b"nobody finished\r\n");
    }
    // They have nothing left to do but to end.
    // SAFETY: these are the handles of threads, so many of them.
    unsafe { WaitForMultipleObjects(THREADS as u32, threads.as_ptr(), 1, INFINITE) };
    if NUMBER.load(Relaxed) != LAPS * THREADS as u32 {
        exit(1, b"the number is wrong\r\n");
    }
    exit(0, b"four threads handed a number round, 250 times\r\n")
}

/// Starts the thread that stands at that place in the ring. Null if that can't be done.
fn start(place: usize) -> Handle {
    let parameter = ptr::without_provenance_mut(place);
    // SAFETY: `run` takes a place; all else is default.
    unsafe { CreateThread(ptr::null(), 0, run, parameter, 0, ptr::null_mut()) }
}

/// One thread's life. That the number is only read and written, not added to in one step, is fine: a token
/// says whose turn it is, and carries along what the thread before has written.
unsafe extern "system" fn run(place: *mut c_void) -> u32 {
    let place = place.addr() % THREADS;
    for lap in 1..=LAPS {
        let _ = TURNS[place].park();
        NUMBER.store(NUMBER.load(Relaxed) + 1, Relaxed);
        if lap == LAPS && place == THREADS - 1 {
            DONE.unpark();
        } else {
            TURNS[(place + 1) % THREADS].unpark();
        }
    }
    0
}

/// Writes a line and ends the program.
fn exit(code: u32, line: &[u8]) -> ! {
    // SAFETY: takes a number.
    let output = unsafe { GetStdHandle(STD_OUTPUT_HANDLE) };
    let mut written = 0;
    // SAFETY: the line has that length, and the count is live. If there is no output, nothing is written.
    unsafe { WriteFile(output, line.as_ptr(), line.len() as u32, &raw mut written, ptr::null_mut()) };
    // SAFETY: takes a number.
    unsafe { ExitProcess(code) }
}

/// What compilers expect of a C library, from ntdll. Declared here, so that no SDK has to be there; GNU's
/// linker has an import library for it.
#[cfg(any(target_env = "msvc", target_abi = "llvm"))]
#[allow(dead_code, reason = "only the compiler calls them")]
mod memory {
    use core::ffi::{c_int, c_void};

    #[cfg_attr(not(target_arch = "x86"), link(name = "ntdll", kind = "raw-dylib"))]
    #[cfg_attr(target_arch = "x86", link(name = "ntdll", kind = "raw-dylib", import_name_type = "undecorated"))]
    unsafe extern "C" {
        fn memcmp(one: *const c_void, other: *const c_void, length: usize) -> c_int;
        fn memcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
        fn memmove(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
        fn memset(to: *mut c_void, byte: c_int, length: usize) -> *mut c_void;
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101, b"panic\r\n")
}
