//! What a park costs: its stack, by painting that.

use crate::kernel::DIRECTOR;
use crate::machine::{self, TICK, TICK_COUNTS};
use crate::{host, shot, stack};
use core::hint::black_box;
use core::ptr;
use core::time::Duration;
use ntpark::HostWait;
use semihosting::println;

/// What a stack is painted with.
const PAINT: usize = 0x5AC4_ED00;

/// Prints how much stack a park takes above the host's own wait. True if that is within the limits, for the Cortex-M3.
pub(crate) fn stack_of_a_park() -> bool {
    let a_tick = Duration::from_nanos(TICK * 100);
    let park = || {
        machine::shoot_in(TICK_COUNTS);
        shot::TARGET.park();
    };
    let timed_park = || {
        let _ = black_box(shot::TARGET.park_timeout(a_tick));
    };
    let first = taken_by(DIRECTOR, park);
    let [park, timed_park] = [taken_by(DIRECTOR, park), taken_by(DIRECTOR, timed_park)];
    let host = taken_by(DIRECTOR, wait_a_tick);
    let [first, timed_park, park] = [first, timed_park, park].map(|taken| taken - host);
    println!("stack above the host's wait: the first park {first}, a timed park {timed_park}, a park {park}");
    (1..=180).contains(&park) && (1..=180).contains(&first) && (1..=300).contains(&timed_park)
}

/// A wait for a tick without ntpark, to compare with.
fn wait_a_tick() {
    let word = 0;
    // SAFETY: the word is alive during the call.
    unsafe { black_box(host::wait as HostWait)(ptr::null_mut(), &raw const word, word, machine::TICK) };
}

/// How much of the calling thread's stack `work` takes, in bytes, interrupts and switches included. Words that happen
/// to be written as they were painted are the only error.
#[inline(never)]
fn taken_by(thread: usize, work: impl FnOnce()) -> usize {
    /// Words below this function's own frame that are left alone: its calls use them.
    const MARGIN: usize = 16;
    let here = [0usize; 1];
    let bottom = stack::bottom(thread);
    let used_from = (black_box(&here).as_ptr() as usize - bottom as usize) / size_of::<usize>();
    for index in 0..used_from - MARGIN {
        let word = bottom.wrapping_add(index);
        // SAFETY: below the frames of this thread, far enough from them.
        unsafe { word.write_volatile(PAINT) };
    }
    work();
    let is_painted = |&index: &usize| {
        let word = bottom.wrapping_add(index);
        // SAFETY: within the stack.
        (unsafe { word.read_volatile() }) == PAINT
    };
    let untouched = (0..used_from).take_while(is_painted).count();
    (used_from - untouched) * size_of::<usize>()
}
