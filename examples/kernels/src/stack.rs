//! The threads' stacks.

use crate::kernel::THREADS;
use core::cell::UnsafeCell;

/// Words in a stack: 16 KiB on 64 bits.
const WORDS: usize = 2_048;
/// What a stack is painted with.
const PAINT: usize = 0x5AC4_ED00;

#[repr(align(16))]
struct Stack(UnsafeCell<[usize; WORDS]>);

// SAFETY: each is its own thread's.
unsafe impl Sync for Stack {}

static STACKS: [Stack; THREADS] = [const { Stack(UnsafeCell::new([0; WORDS])) }; THREADS];

fn bottom(thread: usize) -> *mut usize {
    STACKS[thread].0.get().cast()
}

/// Where the thread's stack begins: it grows downwards.
#[cfg(target_arch = "arm")]
pub(crate) fn top(thread: usize) -> usize {
    bottom(thread).wrapping_add(WORDS) as usize
}

/// Puts a context onto the stack of a thread that does not run yet. Returns its stack pointer.
pub(crate) fn push<const N: usize>(thread: usize, context: [usize; N]) -> usize {
    let place = bottom(thread).wrapping_add(WORDS - N);
    // SAFETY: within the stack, which nobody uses yet.
    unsafe { place.cast::<[usize; N]>().write(context) };
    place as usize
}

/// How much of the calling thread's stack `work` takes, in bytes, interrupts and switches included. Words that happen
/// to be written as they were painted are the only error.
#[inline(never)]
pub(crate) fn taken_by(thread: usize, work: impl FnOnce()) -> usize {
    /// Words below this function's own frame that are left alone: its calls use them.
    const MARGIN: usize = 16;
    let here = [0usize; 1];
    let bottom = bottom(thread);
    let used_from = (core::hint::black_box(&here).as_ptr() as usize - bottom as usize) / size_of::<usize>();
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
