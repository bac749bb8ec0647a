//! QEMU's board `mps2-an385`: one Cortex-M3 at 25 MHz. SysTick preempts, PendSV switches, two timers and a counter
//! tell and judge the time.
//!
//! Threads run on the process stack, handlers on the main stack. "The lock" is PRIMASK: with one processor, nothing
//! else can come in between.

use crate::kernel::{Kernel, THREADS};
use crate::{shot, stack, thread_main, watchdog};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use cortex_m::interrupt::{self, InterruptNumber};
use cortex_m::peripheral::scb::SystemHandler;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB, SYST};
use cortex_m_rt::{ExceptionFrame, entry, exception};

pub(crate) const CPUS: usize = 1;
/// Its name in the reports.
pub(crate) const NAME: &str = "mps2-an385, one Cortex-M3";
/// Counts of the processor's clock, and of the timers', in a tick.
pub(crate) const TICK_COUNTS: u32 = 6_250;
/// A tick, 250 µs, in units of 100 ns.
pub(crate) const TICK: u64 = 2_500;
/// How far [`counter`] may be behind: a count is 0.4 units, and its fraction of a unit is cut off.
pub(crate) const COUNTER_GRANULE: u32 = 2;
/// How far the clock of ticks may be behind: a tick, and as long as its interrupt may be held up.
pub(crate) const TICK_GRANULE: u32 = TICK as u32 + LONGEST_DELAY / 5 * 2;
/// Counts by which interrupts are never held up: 50 µs. The tick's handler checks it.
const LONGEST_DELAY: u32 = 1_250;
/// Two seconds.
pub(crate) const WATCHDOG_TICKS: u32 = 8_000;
/// Rounds of a program.
pub(crate) const ROUNDS: u32 = 8_000;
/// Nanoseconds in a count of the judge.
pub(crate) const JUDGE_NANOS: u64 = 40;

/// FPGAIO's register COUNTER: it counts up at 25 MHz, and starts again after 171 s.
const COUNTER: *const u32 = 0x4002_8018 as *const u32;
/// The timer that judges: it counts down at 25 MHz.
const JUDGE: Timer = Timer { base: 0x4000_0000 as *mut u32 };
/// The timer that interrupts once.
const SHOT: Timer = Timer { base: 0x4000_1000 as *mut u32 };

/// A timer of Arm's CMSDK.
#[derive(Clone, Copy)]
struct Timer {
    base: *mut u32,
}

impl Timer {
    const CTRL: usize = 0;
    const VALUE: usize = 1;
    const RELOAD: usize = 2;
    const INTCLEAR: usize = 3;
    const ENABLE: u32 = 1;
    const INTERRUPT: u32 = 1 << 3;

    fn read(self, register: usize) -> u32 {
        let address = self.base.wrapping_add(register);
        // SAFETY: a register of the board.
        unsafe { address.read_volatile() }
    }

    fn write(self, register: usize, value: u32) {
        let address = self.base.wrapping_add(register);
        // SAFETY: a register of the board.
        unsafe { address.write_volatile(value) };
    }

    fn start(self, counts: u32, control: u32) {
        self.write(Self::CTRL, 0);
        self.write(Self::RELOAD, counts);
        self.write(Self::VALUE, counts);
        self.write(Self::CTRL, control);
    }
}

/// The interrupt of [`SHOT`].
#[derive(Clone, Copy)]
struct ShotInterrupt;

// SAFETY: the board has this interrupt.
unsafe impl InterruptNumber for ShotInterrupt {
    fn number(self) -> u16 {
        9
    }
}

/// The kernel's table, and the high half of the counter.
struct Masked<T>(UnsafeCell<T>);

// SAFETY: only used with interrupts masked, on one processor.
unsafe impl<T> Sync for Masked<T> {}

impl<T> Masked<T> {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        interrupt::free(|_| {
            // SAFETY: interrupts are masked, and `work` does not call back into here for the same value.
            let value = unsafe { &mut *self.0.get() };
            work(value)
        })
    }
}

static KERNEL: Masked<Kernel> = Masked(UnsafeCell::new(Kernel::new()));
static COUNTED: Masked<u64> = Masked(UnsafeCell::new(0));

/// Calls `work` with the table and this processor's number, interrupts masked.
pub(crate) fn locked<R>(work: impl FnOnce(&mut Kernel, usize) -> R) -> R {
    KERNEL.with(|kernel| work(kernel, 0))
}

/// As [`locked`]; if `work` returns true, the next thread runs before this one goes on.
pub(crate) fn locked_then_switch(work: impl FnOnce(&mut Kernel, usize) -> bool) {
    locked(|kernel, cpu| {
        if work(kernel, cpu) {
            SCB::set_pendsv();
        }
    });
    // PendSV comes here at the latest.
    cortex_m::asm::isb();
}

/// Lets the processor choose its thread anew.
pub(crate) fn kick(_cpu: usize) {
    SCB::set_pendsv();
}

/// The time by the counter, in units of 100 ns.
pub(crate) fn counter() -> u64 {
    let counts = COUNTED.with(|counted| {
        // SAFETY: a register of the board.
        let low = unsafe { COUNTER.read_volatile() };
        // Each tick reads it, so it has not gone round more than once.
        *counted += u64::from(low.wrapping_sub(*counted as u32));
        *counted
    });
    counts * 2 / 5
}

/// Counts of the timer that judges.
pub(crate) fn judge() -> u32 {
    !JUDGE.read(Timer::VALUE)
}

/// Interrupts in so many counts, once.
pub(crate) fn shoot_in(counts: u32) {
    SHOT.start(counts, Timer::ENABLE | Timer::INTERRUPT);
}

/// Spins: with WFI, every second tick went missing in QEMU 7.2 under icount.
pub(crate) fn idle() {
    core::hint::spin_loop();
}

pub(crate) fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

/// Boots anew, with memory as it is but for the statics.
pub(crate) fn reboot() -> ! {
    SCB::sys_reset()
}

#[entry]
fn boot() -> ! {
    let mut core = cortex_m::Peripherals::take().expect("this is the first call");
    JUDGE.start(u32::MAX, Timer::ENABLE);
    for number in 0..THREADS {
        let context = first_context(number);
        locked(|kernel, _| kernel.prepare(number, context));
    }
    // Handlers interrupt each other: the shot may come during a tick.
    // SAFETY: no critical section of ours is by priority.
    unsafe { core.NVIC.set_priority(ShotInterrupt, 0x00) };
    // SAFETY: as above.
    unsafe { core.SCB.set_priority(SystemHandler::SysTick, 0x80) };
    // SAFETY: as above.
    unsafe { core.SCB.set_priority(SystemHandler::PendSV, 0xFF) };
    // SAFETY: its handler is below, and everything is ready for it.
    unsafe { NVIC::unmask(ShotInterrupt) };
    core.SYST.set_clock_source(SystClkSource::Core);
    core.SYST.set_reload(TICK_COUNTS - 1);
    core.SYST.clear_current();
    core.SYST.enable_interrupt();
    core.SYST.enable_counter();
    // SAFETY: the idle thread's stack is nobody else's. This stack is the handlers' from here on, from its top; nothing
    // on it is used again.
    unsafe {
        asm!(
            "msr psp, {stack}", "msr control, {process}", "isb", "b {idle}",
            stack = in(reg) stack::push(0, []),
            process = in(reg) 2,
            idle = sym idle_thread,
            options(noreturn),
        )
    }
}

extern "C" fn idle_thread() -> ! {
    thread_main(0)
}

/// What PendSV and the processor pop for a thread that begins.
fn first_context(number: usize) -> usize {
    const THUMB: usize = 1 << 24;
    let mut frame = [0; 16];
    // r4 to r11, then r0 to r3, r12, lr, pc and xpsr.
    frame[8] = number;
    frame[14] = (thread_main as extern "C" fn(usize) -> ! as usize) & !1;
    frame[15] = THUMB;
    stack::push(number, frame)
}

/// Switches threads. The lowest priority: it comes when no other handler runs.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn PendSV() {
    naked_asm!(
        "mrs r0, psp",
        "stmdb r0!, {{r4-r11}}",
        // r3 keeps the stack aligned.
        "push {{r3, lr}}",
        "bl {next}",
        "pop {{r3, lr}}",
        "ldmia r0!, {{r4-r11}}",
        "msr psp, r0",
        "bx lr",
        next = sym next_context,
    )
}

extern "C" fn next_context(context: usize) -> usize {
    locked(|kernel, cpu| kernel.switch(cpu, context))
}

#[exception]
fn SysTick() {
    // It has counted down from the reload value since the tick.
    let delay = TICK_COUNTS - 1 - SYST::get_current();
    assert!(delay < LONGEST_DELAY, "a tick was held up for {delay} counts");
    counter();
    locked(|kernel, cpu| kernel.tick(cpu));
    watchdog::tick();
    SCB::set_pendsv();
}

/// Interrupts of the board: there is one.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    assert_eq!(number, ShotInterrupt.number() as i16, "an interrupt that nobody has enabled");
    SHOT.write(Timer::CTRL, 0);
    SHOT.write(Timer::INTCLEAR, 1);
    shot::fired();
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("{frame:?}")
}

/// Where the thread was interrupted, seen from the handler of an interrupt; none if it has interrupted a handler.
pub(crate) fn interrupted() -> Option<u32> {
    const RETURNS_TO_THREAD: u32 = 1 << 11;
    const PC: usize = 6;
    // SAFETY: it is always there.
    let icsr = unsafe { (*SCB::PTR).icsr.read() };
    let pc = (cortex_m::register::psp::read() as *const u32).wrapping_add(PC);
    // SAFETY: the processor has pushed eight words onto the thread's stack, this among them.
    (icsr & RETURNS_TO_THREAD != 0).then(|| unsafe { pc.read() })
}
