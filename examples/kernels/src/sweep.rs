//! A shot at every position of a park: the timer's interrupt handler unparks a thread that is about to wait, waits, or
//! runs out of time; and during a process's first park. Where the thread was interrupted is kept and printed;
//! `cargo xtask kernel` finds the functions and counts.

use crate::kernel::DIRECTOR;
use crate::machine::{self, TICK, TICK_COUNTS};
use crate::{host, install, shot, watchdog};
use core::fmt::{self, Display, Formatter};
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU32};
use core::time::Duration;
use ntpark::UnparkReason;
use semihosting::println;

/// The end of the code that is looked at. Instructions are at even addresses.
const CODE: usize = 0x1_0000;

/// For each instruction, whether it was about to run when the shot came.
struct Positions([AtomicU32; CODE / 2 / 32]);

/// In memory that a start does not touch, so that the sweep of the first park can collect over many; QEMU's is zero at
/// power-on.
#[unsafe(link_section = ".uninit.positions")]
static POSITIONS: Positions = Positions([const { AtomicU32::new(0) }; CODE / 2 / 32]);
/// Starts before this one.
#[unsafe(link_section = ".uninit.starts")]
static STARTS: AtomicU32 = AtomicU32::new(0);

/// Whether the last shot has found the thread asleep.
static WAS_ASLEEP: AtomicBool = AtomicBool::new(false);

/// Keeps where the shot has interrupted a thread.
pub(crate) fn record(interrupted: Option<u32>) {
    WAS_ASLEEP.store(machine::locked(|kernel, cpu| kernel.running(cpu) != DIRECTOR), Relaxed);
    let Some(at) = interrupted else { return };
    if let Some(bits) = POSITIONS.0.get(at as usize / 64) {
        // Only this handler writes it.
        bits.store(bits.load(Relaxed) | 1 << (at / 2 % 32), Relaxed);
    }
}

/// All positions in hexadecimal.
impl Display for Positions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, bits) in self.0.iter().enumerate() {
            let bits = bits.load(Relaxed);
            for bit in (0..32).filter(|bit| bits >> bit & 1 != 0) {
                write!(f, " {:x}", index * 64 + bit * 2)?;
            }
        }
        Ok(())
    }
}

/// Prints the positions under a name, and begins anew.
fn print_positions(name: &str) {
    println!("positions at {name}:{POSITIONS}");
    POSITIONS.0.iter().for_each(|bits| bits.store(0, Relaxed));
}

/// The sweeps of one start. True if nothing was lost or doubled.
pub(crate) fn run() -> bool {
    // The process's first park is another sweep's.
    let _ = shot::TARGET.park_timeout(Duration::from_nanos(1));
    let without_limit = park();
    let around_the_deadline = time_out();
    without_limit && around_the_deadline
}

/// Returns at the beginning of a tick, so that every park meets the same ticks.
fn align() {
    let ticks = || machine::locked(|kernel, cpu| kernel.ticks(cpu));
    let now = ticks();
    while ticks() == now {}
}

/// Takes the token that may be there. True if it was.
fn token_is_there() -> bool {
    shot::TARGET.park_timeout(Duration::ZERO) == UnparkReason::Unparked
}

/// Shots that a sweep needs at most until one finds the thread asleep, each a count later.
const MOST: u32 = 3_000;

/// A park that only its token ends: from before it until the thread sleeps.
fn park() -> bool {
    let (mut shots, mut unparked, mut doubled) = (0, 0, 0);
    while shots < MOST && !WAS_ASLEEP.load(Relaxed) {
        let before = shot::count();
        shots += 1;
        align();
        machine::shoot_in(shots);
        unparked += u32::from(shot::TARGET.park() == UnparkReason::Unparked);
        shot::wait_for(before + 1);
        doubled += u32::from(token_is_there());
        watchdog::feed();
    }
    println!("shots at a park until it sleeps: {shots}, unparked {unparked}, doubled {doubled}");
    print_positions("a park");
    unparked == shots && doubled == 0 && shots < MOST
}

/// A park that its deadline may end: around that.
fn time_out() -> bool {
    /// The shot comes from here on after the tick at which the park begins, each time a count later.
    const FIRST: u32 = 2 * TICK_COUNTS - 2_000;
    const POSITIONS: u32 = 4_000;
    // It is over at the second tick.
    let timeout = Duration::from_nanos(TICK * 3 / 2 * 100);
    let (mut timed_out, mut unparked, mut wrong) = (0, 0, 0);
    for position in 0..POSITIONS {
        let shots = shot::count();
        align();
        machine::shoot_in(FIRST + position);
        let reason = shot::TARGET.park_timeout(timeout);
        shot::wait_for(shots + 1);
        match (reason, token_is_there()) {
            // Exactly its token is left.
            (UnparkReason::TimedOut, true) => timed_out += 1,
            (UnparkReason::Unparked, false) => unparked += 1,
            _ => wrong += 1,
        }
        wrong += u32::from(token_is_there());
        watchdog::feed();
    }
    println!(
        "shots around a deadline: {POSITIONS}, unparked {unparked}, timed out and unparked {timed_out}, wrong {wrong}"
    );
    print_positions("a deadline");
    wrong == 0 && timed_out > 0 && unparked > 0
}

/// The first park of a process, until it sleeps. Each shot takes a start of its own.
pub(crate) fn first_park() -> bool {
    let shots = STARTS.load(Relaxed) + 1;
    STARTS.store(shots, Relaxed);
    align();
    machine::shoot_in(shots);
    install(&host::BY_COUNTER);
    let reason = shot::TARGET.park();
    shot::wait_for(1);
    if reason != UnparkReason::Unparked || token_is_there() {
        println!("the first park, shot at after {shots} counts: {reason:?}, or a second token");
        return false;
    }
    if shots < MOST && !WAS_ASLEEP.load(Relaxed) {
        machine::reboot();
    }
    println!("shots at a first park until it sleeps: {shots}, each unparked it once");
    print_positions("a first park");
    shots < MOST
}
