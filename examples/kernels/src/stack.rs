//! The threads' stacks.

use crate::kernel::THREADS;
use core::cell::UnsafeCell;

/// Words in a stack: 16 KiB on 64 bits.
const WORDS: usize = 2_048;

#[repr(align(16))]
struct Stack(UnsafeCell<[usize; WORDS]>);

// SAFETY: each is its own thread's.
unsafe impl Sync for Stack {}

static STACKS: [Stack; THREADS] = [const { Stack(UnsafeCell::new([0; WORDS])) }; THREADS];

/// The lowest address of the thread's stack.
pub(crate) fn bottom(thread: usize) -> *mut usize {
    STACKS[thread].0.get().cast()
}

/// Puts a context onto the stack of a thread that does not run yet. Returns its stack pointer: with nothing on it, its
/// top, since it grows downwards.
pub(crate) fn push<const N: usize>(thread: usize, context: [usize; N]) -> usize {
    let place = bottom(thread).wrapping_add(WORDS - N);
    // SAFETY: within the stack, which nobody uses yet.
    unsafe { place.cast::<[usize; N]>().write(context) };
    place as usize
}
