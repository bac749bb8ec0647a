//! Parkers that are freed at the first moment at which they may be, and words that begin in any state.

use crate::backend::Backend;
use crate::parker::Parker;
use crate::state::Word;
use crate::thread_parker::ThreadParker;
use core::mem::offset_of;
use core::ops::Deref;
use loom::sync::atomic::AtomicUsize;

/// What a freed word holds: no state of a parker.
const POISON: usize = 0x0777_7777;

/// A parker that its owner frees while others may still know its address.
pub(crate) struct Freed<T>(core::cell::UnsafeCell<T>);

// SAFETY: shared like what is in it; for `free`, see there.
unsafe impl<T: Sync> Sync for Freed<T> {}

impl<T: Parking> Freed<T> {
    pub(crate) fn new(parker: T) -> Self {
        Self(core::cell::UnsafeCell::new(parker))
    }

    /// What freeing the parker is to loom: all that others have done to it comes before, and nothing that they do
    /// comes after.
    pub(crate) fn free(&self) {
        let parker = self.0.get();
        // SAFETY: the parker begins with its word, a transparent `AtomicUsize`; nobody uses it any more, which loom
        // checks now.
        let word = unsafe { &mut *parker.cast::<AtomicUsize>() };
        word.with_mut(|word| *word = POISON);
        // SAFETY: the parker is whole.
        unsafe { T::free_rest(parker) };
    }

    /// Nobody has written to the word since it was freed.
    pub(crate) fn assert_untouched(&self) {
        // SAFETY: as in `free`.
        let word = unsafe { &mut *self.0.get().cast::<AtomicUsize>() };
        word.with_mut(|word| assert_eq!(*word, POISON, "a parker that was freed has been written to"));
    }
}

impl<T> Deref for Freed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `free` comes last.
        unsafe { &*self.0.get() }
    }
}

/// A type of parker. It begins with its word.
pub(crate) trait Parking {
    /// Frees what comes after the word.
    ///
    /// # Safety
    /// There is a parker.
    unsafe fn free_rest(parker: *mut Self);
}

impl Parking for Parker {
    unsafe fn free_rest(_: *mut Self) {}
}

/// The fields of a [`ThreadParker`], both of which are transparent.
#[repr(C)]
struct Fields {
    word: AtomicUsize,
    backend: loom::cell::UnsafeCell<Option<&'static Backend>>,
}

const _: () = assert!(size_of::<ThreadParker>() == size_of::<Fields>());

impl Parking for ThreadParker {
    unsafe fn free_rest(parker: *mut Self) {
        // SAFETY: a `ThreadParker` has these fields in this order, so the offset stays in bounds.
        let backend = unsafe { parker.byte_add(offset_of!(Fields, backend)) };
        // SAFETY: it lies there; nobody uses it any more, which loom checks now.
        let backend = unsafe { &*backend.cast::<loom::cell::UnsafeCell<Option<&'static Backend>>>() };
        backend.with_mut(|_| ());
    }
}

/// A word in this state.
pub(crate) fn word_in(state: usize) -> Word {
    let mut word = Word::new();
    // SAFETY: a `Word` is a transparent `AtomicUsize`, and nobody else knows it.
    unsafe { &mut *(&raw mut word).cast::<AtomicUsize>() }.with_mut(|word| *word = state);
    word
}
