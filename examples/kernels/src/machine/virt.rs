//! QEMU's board `virt`: two Cortex-A57 in parallel, a GICv2, and each processor's own generic timers. The virtual timer
//! preempts, the physical one shoots; a processor makes another choose anew by a software interrupt.
//!
//! A thread is interrupted and goes on on its own stack. "The lock" is a spin lock with interrupts masked.

use crate::kernel::{Kernel, THREADS};
use crate::{shot, stack, thread_main, watchdog};
use aarch64_rt::{ExceptionHandlers, InitialPagetable, RegisterStateRef, Stack};
use aarch64_rt::{entry, exception_handlers, initial_pagetable, start_core};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Acquire, Release};
use smccc::Hvc;

pub(crate) const CPUS: usize = 2;
/// Its name in the reports.
pub(crate) const NAME: &str = "virt, two Cortex-A57";
/// Rounds of a program: few, since a handoff between two emulated processors takes long.
pub(crate) const ROUNDS: u32 = 2_000;
/// Counts of the generic timers, at 62.5 MHz, in a tick.
pub(crate) const TICK_COUNTS: u32 = 62_500;
/// A tick, 1 ms, in units of 100 ns.
pub(crate) const TICK: u64 = 10_000;
/// How far [`counter`] may be behind: a count is 0.16 units, and its fraction of a unit is cut off.
pub(crate) const COUNTER_GRANULE: u32 = 2;
/// How far the clock of ticks may be behind, if no tick is held up for longer than another takes.
pub(crate) const TICK_GRANULE: u32 = 2 * TICK as u32;
/// Ten seconds of both processors.
pub(crate) const WATCHDOG_TICKS: u32 = 20_000;
/// Nanoseconds in a count of the judge.
pub(crate) const JUDGE_NANOS: u64 = 16;
const FREQUENCY: u64 = 62_500_000;

/// Registers of the GIC's distributor, which each processor sees, and of its own interface to it.
const GICD_CTLR: usize = 0x0800_0000;
const GICD_ISENABLER0: usize = 0x0800_0100;
const GICD_SGIR: usize = 0x0800_0F00;
const GICC_CTLR: usize = 0x0801_0000;
const GICC_PMR: usize = 0x0801_0004;
const GICC_IAR: usize = 0x0801_000C;
const GICC_EOIR: usize = 0x0801_0010;

/// Interrupts.
const KICK: u32 = 0;
const TICKED: u32 = 27;
const SHOT: u32 = 30;
/// What the GIC answers when the interrupt has gone meanwhile.
const SPURIOUS: u32 = 1023;

initial_pagetable!(
    {
        const DEVICE: usize = VALID | ACCESSED | NEVER_EXECUTED;
        const MEMORY: usize = VALID | ACCESSED | INNER_SHAREABLE | WRITE_BACK;
        const VALID: usize = 1;
        const WRITE_BACK: usize = 1 << 2;
        const INNER_SHAREABLE: usize = 3 << 8;
        const ACCESSED: usize = 1 << 10;
        const NEVER_EXECUTED: usize = 3 << 53;
        const GIB: usize = 1 << 30;
        let mut blocks = [0; 512];
        // The devices, then the memory, as they lie.
        blocks[0] = DEVICE;
        blocks[1] = MEMORY | GIB;
        InitialPagetable(blocks)
    },
    aarch64_rt::DEFAULT_MAIR
);

/// Reads a system register.
macro_rules! read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading it has no effect.
        unsafe { asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack)) };
        value
    }};
}

/// Writes a system register, in effect before what follows.
macro_rules! write {
    ($register:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the registers of this processor's timers and its mask of interrupts are this module's.
        unsafe { asm!(concat!("msr ", $register, ", {}"), "isb", in(reg) value, options(nostack)) };
    }};
}

fn device_read(register: usize) -> u32 {
    // SAFETY: a register of the board.
    unsafe { (register as *const u32).read_volatile() }
}

fn device_write(register: usize, value: u32) {
    // SAFETY: a register of the board.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// Calls `work` with interrupts masked.
fn masked<R>(work: impl FnOnce() -> R) -> R {
    const INTERRUPTS: u64 = 1 << 7;
    let before = read!("daif");
    write!("daif", before | INTERRUPTS);
    let result = work();
    write!("daif", before);
    result
}

struct Locked {
    is_locked: AtomicBool,
    kernel: UnsafeCell<Kernel>,
}

// SAFETY: the table is only used with the lock held.
unsafe impl Sync for Locked {}

static KERNEL: Locked = Locked { is_locked: AtomicBool::new(false), kernel: UnsafeCell::new(Kernel::new()) };

/// Calls `work` with the table and this processor's number, interrupts masked and the lock held.
pub(crate) fn locked<R>(work: impl FnOnce(&mut Kernel, usize) -> R) -> R {
    masked(|| {
        while KERNEL.is_locked.swap(true, Acquire) {
            spin_loop();
        }
        // SAFETY: the lock is held, and `work` does not come back here.
        let result = work(unsafe { &mut *KERNEL.kernel.get() }, cpu());
        KERNEL.is_locked.store(false, Release);
        result
    })
}

/// As [`locked`]; if `work` returns true, the next thread runs before this one goes on.
pub(crate) fn locked_then_switch(work: impl FnOnce(&mut Kernel, usize) -> bool) {
    // Once the lock is free, another processor may make this thread ready; but only this one can run it, and does not
    // before it has switched.
    masked(|| {
        if locked(work) {
            switch();
        }
    });
}

/// Lets a processor choose its thread anew.
pub(crate) fn kick(cpu: usize) {
    const TO: usize = 16;
    // The table is written before the other processor is told.
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack)) };
    device_write(GICD_SGIR, 1 << (TO + cpu) | KICK);
}

fn cpu() -> usize {
    (read!("mpidr_el1") & 0xFF) as usize
}

/// The time by the virtual counter, in units of 100 ns.
pub(crate) fn counter() -> u64 {
    // The barrier keeps the reading from being taken before what comes first in the program.
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack)) };
    read!("cntvct_el0") * 4 / 25
}

/// Counts of the physical counter, which judges.
pub(crate) fn judge() -> u32 {
    // SAFETY: a barrier, as in `counter`.
    unsafe { asm!("isb", options(nostack)) };
    read!("cntpct_el0") as u32
}

/// Interrupts this processor in so many counts, once.
pub(crate) fn shoot_in(counts: u32) {
    write!("cntp_tval_el0", u64::from(counts));
    write!("cntp_ctl_el0", 1);
}

/// Waits for an interrupt.
pub(crate) fn idle() {
    // SAFETY: changes nothing.
    unsafe { asm!("wfi", options(nostack)) };
}

pub(crate) fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

entry!(boot);
fn boot(_: u64, _: u64, _: u64, _: u64) -> ! {
    assert_eq!(read!("cntfrq_el0"), FREQUENCY);
    for number in 0..THREADS {
        let context = first_context(number);
        locked(|kernel, _| kernel.prepare(number, context));
    }
    device_write(GICD_CTLR, 1);
    // SAFETY: the stack is the second processor's alone, in memory that both have mapped alike.
    let started = unsafe { start_core::<Hvc, _, 4>(1, SECOND_STACK.0.get(), || become_idle()) };
    started.expect("the board has a second processor");
    become_idle()
}

struct BootStack(UnsafeCell<Stack<4>>);

// SAFETY: only the second processor uses it.
unsafe impl Sync for BootStack {}

#[unsafe(link_section = ".stack.second")]
static SECOND_STACK: BootStack = BootStack(UnsafeCell::new(Stack::new()));

/// Turns a processor, on the stack on which it has booted, into its idle thread.
fn become_idle() -> ! {
    aarch64_rt::set_exception_vector();
    device_write(GICD_ISENABLER0, 1 << KICK | 1 << TICKED | 1 << SHOT);
    device_write(GICC_PMR, 0xFF);
    device_write(GICC_CTLR, 1);
    write!("cntv_tval_el0", u64::from(TICK_COUNTS));
    write!("cntv_ctl_el0", 1);
    write!("daif", 0);
    thread_main(cpu())
}

/// What [`switch`] pops for a thread that begins: x19 to x30.
fn first_context(number: usize) -> usize {
    let mut frame = [0; 12];
    frame[0] = number;
    frame[11] = begin as extern "C" fn() -> ! as usize;
    stack::push(number, frame)
}

#[unsafe(naked)]
extern "C" fn begin() -> ! {
    naked_asm!("msr daif, xzr", "mov x0, x19", "mov x29, xzr", "b {main}", main = sym thread_main)
}

/// Keeps this thread's registers and goes on with the next thread. Interrupts are masked.
#[unsafe(naked)]
extern "C" fn switch() {
    naked_asm!(
        "stp x19, x20, [sp, #-96]!",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        "mov x0, sp",
        "bl {next}",
        "mov sp, x0",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "ldp x19, x20, [sp], #96",
        "ret",
        next = sym next_context,
    )
}

extern "C" fn next_context(context: usize) -> usize {
    locked(|kernel, cpu| kernel.switch(cpu, context))
}

exception_handlers!(Exceptions);

struct Exceptions;

impl ExceptionHandlers for Exceptions {
    /// An interrupt, with all others masked.
    extern "C" fn irq_current(_: RegisterStateRef) {
        let acknowledged = device_read(GICC_IAR);
        // The processor that a software interrupt comes from is in the higher bits.
        match acknowledged & 0x3FF {
            KICK => {}
            TICKED => {
                // From the deadline on, not from now: ticks that were held up are made up for.
                write!("cntv_cval_el0", read!("cntv_cval_el0") + u64::from(TICK_COUNTS));
                locked(|kernel, cpu| kernel.tick(cpu));
                watchdog::tick();
            }
            SHOT => {
                write!("cntp_ctl_el0", 0);
                shot::fired();
            }
            SPURIOUS => return,
            other => panic!("interrupt {other}, which nobody has enabled"),
        }
        device_write(GICC_EOIR, acknowledged);
        switch();
    }
}
