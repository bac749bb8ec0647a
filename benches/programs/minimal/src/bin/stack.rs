//! How much stack a park takes, in bytes of ntpark's own frames: prints the figures of a process's first park, which
//! chooses the backend, and of a later one.
//!
//! A thread paints the unused part of its stack, parks, and looks how far down the paint is gone. The functions of
//! Windows would take much more, so those that ntpark calls are replaced by functions without a frame: the linker
//! prefers the program's own to those of an import library.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::c_void;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicUsize};
use ntpark::Parker;

// A waiter and its waker meet: each takes a number, and goes on when both of a pair have one. There is a
// `WaitOnAddress` and a `WakeByAddressSingle`, which both do that, and nothing else.
global_asm!(
    "CloseHandle: GetProcessAffinityMask: GetLastError: SetLastError: Sleep:",
    "    xor eax, eax",
    "    ret",
    "GetModuleHandleA:",
    "    mov eax, 1",
    "    ret",
    "GetProcAddress:",
    "    xor eax, eax",
    "    cmp dword ptr [rdx], 0x74696157", // Wait
    "    je 2f",
    "    cmp dword ptr [rdx], 0x656b6157", // Wake
    "    jne 3f",
    "2:  lea rax, [rip + meet]",
    "3:  ret",
    "meet:",
    "    mov eax, 1",
    "    lock xadd dword ptr [rip + {met}], eax",
    "    or eax, 1",
    "    inc eax",
    "4:  pause",
    "    cmp dword ptr [rip + {met}], eax",
    "    jb 4b",
    "    ret",
    ".irp name, CloseHandle, GetLastError, GetModuleHandleA, GetProcAddress, GetProcessAffinityMask, SetLastError, Sleep",
    "    .globl \\name, __imp_\\name",
    "    __imp_\\name: .quad \\name",
    ".endr",
    met = sym MET,
);

mod kernel32 {
    use super::c_void;

    windows_targets::link!("kernel32.dll" "system" fn GetStdHandle(which: u32) -> *mut c_void);
    windows_targets::link!("kernel32.dll" "system" fn WriteFile(file: *mut c_void, bytes: *const u8, length: u32, written: *mut u32, overlapped: *mut c_void) -> i32);
}
use kernel32::{GetStdHandle, WriteFile};

const STD_OUTPUT_HANDLE: u32 = -11_i32 as u32;
const PAINT: usize = 0x5AD0_CAFE_5AD0_CAFE;
/// Of a thread's stack, so much is there without more ado.
const WORDS: usize = 256;

/// How many have come to meet.
static MET: AtomicU32 = AtomicU32::new(0);
static PARKER: Parker = Parker::new();
static BYTES: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

#[unsafe(no_mangle)]
extern "C" fn mainCRTStartup() -> ! {
    minimal::run(park_twice, || {
        for (round, bytes) in BYTES.iter().enumerate() {
            // Only when the other thread is at the meeting will it take the slow path, and meet this one.
            while MET.load(Relaxed) != 2 * round as u32 + 1 {
                spin_loop();
            }
            PARKER.unpark();
            while bytes.load(Acquire) == 0 {
                spin_loop();
            }
            print(bytes.load(Relaxed));
        }
    })
}

unsafe extern "system" fn park_twice(_: *mut c_void) -> u32 {
    for bytes in &BYTES {
        bytes.store(stack_of_park(), Release);
    }
    0
}

/// Parks, and tells how many bytes of stack that took.
#[inline(never)]
fn stack_of_park() -> usize {
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
    let _ = PARKER.park();
    // The last word is the address to which a function of Windows returns, which is not of our frames.
    // SAFETY: all of these words lie where the paint was.
    let word = |depth: usize| unsafe { top.wrapping_sub(depth).read_volatile() };
    ((1..=WORDS).rev().find(|&depth| word(depth) != PAINT).unwrap_or(0) - 1) * size_of::<usize>()
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
