//! How much stack a wait takes, in bytes of ntpark's own frames: prints the figures of a process's first park, which
//! chooses the backend, of a later one, of a wait on a futex, and of a lock that another thread has.
//!
//! A thread paints the unused part of its stack, parks, and looks how far down the paint is gone. The functions of
//! Windows would take much more, so those that ntpark calls are replaced by functions without a frame: the linker
//! prefers the program's own to those of an import library. They are a small Windows: of 8 and later, or, if the
//! command line ends with a digit, a smaller one:
//!
//! - 1: there is no `WaitOnAddress`, as before 8;
//! - 2: the kernel does not know the null handle of keyed events either, as before Vista.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char, c_void};
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicUsize};
use ntpark::{Parker, futex};
use ntpark_locks::RawMutex;

// What waits and what wakes meet: each takes a number, and goes on when both of a pair have one. Functions that are
// looked up and that nothing depends on return 0.
global_asm!(
    "CloseHandle: GetLastError: GetProcessAffinityMask: SetLastError: Sleep: TerminateProcess:",
    "nothing:",
    "    xor eax, eax",
    "    ret",
    "GetCurrentThreadId: GetModuleHandleA:",
    "    mov eax, 1",
    "    ret",
    "GetProcAddress:",
    "    mov ecx, dword ptr [rdx]",
    "    lea rax, [rip + create]",
    "    cmp ecx, 0x7243744e", // NtCr
    "    je 3f",
    "    lea rax, [rip + keyed]",
    "    cmp ecx, 0x6157744e", // NtWa
    "    je 3f",
    "    cmp ecx, 0x6552744e", // NtRe
    "    je 3f",
    "    lea rax, [rip + address]",
    "    cmp ecx, 0x74696157", // Wait
    "    je 2f",
    "    cmp ecx, 0x656b6157", // Wake
    "    je 2f",
    "    lea rax, [rip + nothing]",
    "    ret",
    "2:  cmp dword ptr [rip + {lacking}], 0",
    "    je 3f",
    "    xor eax, eax",
    "3:  ret",
    "create:",
    "    mov qword ptr [rcx], 4",
    "    jmp nothing",
    // The timeout is the fourth argument; one of 0 asks whether the kernel knows the handle.
    "keyed:",
    "    xor r10d, r10d",
    "    test r9, r9",
    "    je meet",
    "    cmp qword ptr [r9], 0",
    "    jne meet",
    "    mov eax, 0x102",
    "    cmp dword ptr [rip + {lacking}], 2",
    "    jne 3b",
    "    mov eax, 0xc0000008",
    "    ret",
    "address:",
    "    mov r10d, 1",
    "meet:",
    "    mov eax, 1",
    "    lock xadd dword ptr [rip + {met}], eax",
    "    or eax, 1",
    "    inc eax",
    "4:  pause",
    "    cmp dword ptr [rip + {met}], eax",
    "    jb 4b",
    "    mov eax, r10d",
    "    ret",
    ".irp name, CloseHandle, GetCurrentThreadId, GetLastError, GetModuleHandleA, GetProcAddress, \
     GetProcessAffinityMask, SetLastError, Sleep, TerminateProcess",
    "    .globl \\name, __imp_\\name",
    "    __imp_\\name: .quad \\name",
    ".endr",
    lacking = sym LACKING,
    met = sym MET,
);

mod kernel32 {
    use super::{c_char, c_void};

    windows_targets::link!("kernel32.dll" "system" fn GetCommandLineA() -> *const c_char);
    windows_targets::link!("kernel32.dll" "system" fn GetStdHandle(which: u32) -> *mut c_void);
    windows_targets::link!("kernel32.dll" "system" fn WriteFile(file: *mut c_void, bytes: *const u8, length: u32, written: *mut u32, overlapped: *mut c_void) -> i32);
}
use kernel32::{GetCommandLineA, GetStdHandle, WriteFile};

const STD_OUTPUT_HANDLE: u32 = -11_i32 as u32;
const PAINT: usize = 0x5AD0_CAFE_5AD0_CAFE;
/// Of a thread's stack, so much is there without more ado.
const WORDS: usize = 320;

/// What this Windows lacks: the digit at the end of the command line, or 0.
static LACKING: AtomicU32 = AtomicU32::new(0);
/// How many have come to meet.
static MET: AtomicU32 = AtomicU32::new(0);
static PARKER: Parker = Parker::new();
static FUTEX: AtomicU32 = AtomicU32::new(0);
static MUTEX: RawMutex = RawMutex::new();
/// A wait, what ends it, and how many bytes it took.
type Wait = (fn(), fn(), AtomicUsize);
static WAITS: [Wait; 4] = [
    (park, unpark, AtomicUsize::new(0)),
    (park, unpark, AtomicUsize::new(0)),
    (futex_wait, futex_wake, AtomicUsize::new(0)),
    (lock, unlock, AtomicUsize::new(0)),
];

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    // SAFETY: takes nothing.
    let line = unsafe { GetCommandLineA() };
    // SAFETY: it is a string, which stays.
    let line = unsafe { CStr::from_ptr(line) };
    let digit = line.to_bytes().last().map_or(0, |last| last.wrapping_sub(b'0'));
    LACKING.store(if digit < 3 { digit.into() } else { 0 }, Relaxed);
    MUTEX.lock();
    minimal::run(wait, || {
        for (round, (_, wake, bytes)) in WAITS.iter().enumerate() {
            // Only when the other thread is at the meeting will it take the slow path, and meet this one.
            while MET.load(Relaxed) != 2 * round as u32 + 1 {
                spin_loop();
            }
            wake();
            while bytes.load(Acquire) == 0 {
                spin_loop();
            }
            print(bytes.load(Relaxed));
        }
    })
}

unsafe extern "system" fn wait(_: *mut c_void) -> u32 {
    for (wait, _, bytes) in &WAITS {
        bytes.store(stack_of(*wait), Release);
    }
    0
}

/// How many bytes of stack a wait takes.
#[inline(never)]
fn stack_of(wait: fn()) -> usize {
    let top: *const usize;
    // SAFETY: nothing is in use below the stack pointer, and nothing but the flags and these registers changes.
    unsafe {
        asm!(
            "mov {top}, rsp",
            "lea rdi, [rsp - 8 * {words}]",
            "rep stosq",
            words = const WORDS,
            top = out(reg) top,
            inout("rcx") WORDS => _,
            in("rax") PAINT,
            out("rdi") _,
        );
    }
    wait();
    // SAFETY: all of these words lie where the paint was.
    let word = |depth: usize| unsafe { top.wrapping_sub(depth).read_volatile() };
    // The last one is the address to which a function of Windows returns, which is not of our frames.
    ((1..=WORDS).rev().find(|&depth| word(depth) != PAINT).unwrap_or(0) - 1) * size_of::<usize>()
}

/// A call, as it is where a program parks in several places.
#[inline(never)]
fn park() {
    let _ = PARKER.park();
}

fn unpark() {
    PARKER.unpark();
}

/// As `park`.
#[inline(never)]
fn futex_wait() {
    futex::wait(&FUTEX, 0);
}

fn futex_wake() {
    futex::wake(&FUTEX, 1);
}

/// As `park`.
#[inline(never)]
fn lock() {
    MUTEX.lock();
}

fn unlock() {
    // SAFETY: this thread has locked it.
    unsafe { MUTEX.unlock() };
}

/// Prints a number of up to four digits, and a line break.
fn print(number: usize) {
    let digit = |place: usize| b'0' + (number / place % 10) as u8;
    let text = [digit(1000), digit(100), digit(10), digit(1), b'\n'];
    // SAFETY: takes a number.
    let out = unsafe { GetStdHandle(STD_OUTPUT_HANDLE) };
    let mut written = 0;
    // SAFETY: the bytes and the number live until it returns; it does not go on behind our back without the last one.
    unsafe { WriteFile(out, text.as_ptr(), text.len() as u32, &mut written, ptr::null_mut()) };
}
