//! Memory for locks, the same in each execution, that notices whoever uses a lock that is gone.

#[path = "../lot/memory.rs"]
#[allow(dead_code, reason = "that waiters are gone is a matter for the lot's own tests")]
mod stacks;

pub(crate) use stacks::{end_thread, wait_at};

use crate::KEYS;
use crate::lot::table::bucket;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ops::Deref;
use std::ptr;

/// The bytes of a place: a cache line's, or more where atomics are words.
const SIZE: usize = 128;
/// Enough that some are in either bucket.
const COUNT: usize = 64;

#[repr(align(128))]
struct Bytes(UnsafeCell<[u8; SIZE]>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unused,
    Used,
    Freed,
}

thread_local! {
    /// Shuttle runs all threads of an execution on one thread of the system.
    static MEMORY: Box<[Bytes]> = (0..COUNT).map(|_| Bytes(UnsafeCell::new([0; SIZE]))).collect();
    static STATES: RefCell<[State; COUNT]> = const { RefCell::new([State::Unused; COUNT]) };
    /// Whether anything has been freed, which is quicker to ask.
    static IS_FREED: Cell<bool> = const { Cell::new(false) };
}

/// An execution begins.
pub(crate) fn reset() {
    stacks::reset();
    STATES.set([State::Unused; COUNT]);
    IS_FREED.set(false);
}

/// Where something lies.
pub(crate) struct Place<T> {
    value: *mut T,
    index: usize,
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Place<T> {}

// SAFETY: all threads of an execution run on one thread of the system.
unsafe impl<T> Send for Place<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Place<T> {}

/// Puts something into memory, whose key is in the bucket of that number.
pub(crate) fn place<T>(number: usize, value: T) -> Place<T> {
    const { assert!(size_of::<T>() <= SIZE && align_of::<T>() <= align_of::<Bytes>()) };
    let wanted = ptr::from_ref(bucket(KEYS[number].into()));
    let is_in_it = |at: *mut u8| ptr::eq(bucket(at.addr().into()), wanted);
    MEMORY.with(|memory| {
        STATES.with_borrow_mut(|states| {
            let is_suitable = |&index: &usize| states[index] == State::Unused && is_in_it(memory[index].0.get().cast());
            let index = (0..COUNT).find(is_suitable).expect("there are enough");
            states[index] = State::Used;
            let at = memory[index].0.get().cast::<T>();
            // SAFETY: large enough and aligned, and nobody uses it.
            unsafe { at.write(value) };
            Place { value: at, index }
        })
    })
}

impl<T> Place<T> {
    /// Frees it: nobody may use its locks any more.
    pub(crate) fn free(self) {
        STATES.with_borrow_mut(|states| {
            assert!(states[self.index] == State::Used, "it is freed once");
            states[self.index] = State::Freed;
        });
        IS_FREED.set(true);
    }

    /// The word, or byte, with which it begins.
    pub(crate) fn word<W: Copy>(self) -> W {
        const { assert!(size_of::<W>() <= size_of::<T>() && align_of::<W>() <= align_of::<T>()) };
        // SAFETY: it is a number, as the caller knows, and nobody changes it meanwhile.
        unsafe { self.value.cast::<W>().read() }
    }

    /// As if that had happened which leads to this word.
    pub(crate) fn set_word<W: Copy>(self, word: W) {
        const { assert!(size_of::<W>() <= size_of::<T>() && align_of::<W>() <= align_of::<T>()) };
        // SAFETY: as above.
        unsafe { self.value.cast::<W>().write(word) };
    }
}

impl<T> Deref for Place<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: put there by `place`, and overwritten by the next execution's at the earliest.
        unsafe { &*self.value }
    }
}

/// Looks whether a thing is still there that is used.
pub(crate) fn touch<T>(thing: *const T) {
    stacks::touch(thing);
    if !IS_FREED.get() || std::thread::panicking() {
        return;
    }
    MEMORY.with(|memory| {
        let index = thing.addr().wrapping_sub(memory.as_ptr().addr()) / size_of::<Bytes>();
        let is_freed = STATES.with_borrow(|states| states.get(index) == Some(&State::Freed));
        assert!(!is_freed, "a lock is used that has been freed");
    });
}
