//! A shot at every position of a park: the timer's interrupt handler unparks a thread that is about to wait, waits, or
//! runs out of time; and during a process's first park. Where the thread was interrupted is kept and printed;
//! `cargo xtask kernel` finds the functions and counts.

use crate::machine::{self, TICK, TICK_COUNTS};
use crate::{host, install, shot, watchdog};
use core::fmt::{self, Display, Formatter};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
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

/// Keeps where the shot has interrupted a thread.
pub(crate) fn record(interrupted: Option<u32>) {
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

/// A park that only its token ends: from before it until the thread sleeps.
fn park() -> bool {
    const POSITIONS: u32 = 1_500;
    let mut doubled = 0;
    for position in 1..=POSITIONS {
        let shots = shot::count();
        align();
        machine::shoot_in(position);
        shot::TARGET.park();
        shot::wait_for(shots + 1);
        doubled += u32::from(token_is_there());
        watchdog::feed();
    }
    println!("shots at a park: {POSITIONS}, lost 0, doubled {doubled}");
    print_positions("a park");
    doubled == 0
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

/// The first park of a process. Each position takes a start of its own.
pub(crate) fn first_park() -> bool {
    const POSITIONS: u32 = 1_500;
    let position = STARTS.load(Relaxed) + 1;
    STARTS.store(position, Relaxed);
    align();
    machine::shoot_in(position);
    install(&host::BY_COUNTER);
    shot::TARGET.park();
    shot::wait_for(1);
    if token_is_there() {
        println!("the first park, shot at after {position} counts: doubled");
        return false;
    }
    if position < POSITIONS {
        machine::reboot();
    }
    println!("shots at a first park: {POSITIONS}, lost 0, doubled 0");
    print_positions("a first park");
    true
}
