//! Callbacks by reference, so that one function serves all closures.

use core::marker::PhantomData;
use core::ptr;

/// What `&mut dyn FnMut(A) -> R` is, without its table: that has five entries for each closure, and one of them is a
/// function that nobody calls. Small programs notice.
pub(crate) struct Callback<'a, A, R> {
    call: unsafe fn(*mut (), A) -> R,
    closure: *mut (),
    borrows: PhantomData<&'a mut ()>,
}

impl<'a, A, R> Callback<'a, A, R> {
    #[inline]
    pub(crate) fn new<F: FnMut(A) -> R>(closure: &'a mut F) -> Self {
        /// # Safety
        /// It is an `F`, which nobody else uses.
        unsafe fn call<F: FnMut(A) -> R, A, R>(closure: *mut (), argument: A) -> R {
            // SAFETY: as the caller promises.
            let closure = unsafe { &mut *closure.cast::<F>() };
            closure(argument)
        }
        Self { call: call::<F, A, R>, closure: ptr::from_mut(closure).cast(), borrows: PhantomData }
    }

    /// Of a closure that is called once at the most; further calls would do nothing.
    #[inline]
    pub(crate) fn once<F: FnOnce(A) -> R>(closure: &'a mut Option<F>) -> Self
    where
        R: Default,
    {
        /// # Safety
        /// It is an `Option<F>`, which nobody else uses.
        unsafe fn call<F: FnOnce(A) -> R, A, R: Default>(closure: *mut (), argument: A) -> R {
            // SAFETY: as the caller promises.
            let closure = unsafe { &mut *closure.cast::<Option<F>>() };
            closure.take().map_or_else(R::default, |closure| closure(argument))
        }
        Self { call: call::<F, A, R>, closure: ptr::from_mut(closure).cast(), borrows: PhantomData }
    }

    #[inline]
    pub(crate) fn call(&mut self, argument: A) -> R {
        // SAFETY: the closure that `new` was given, borrowed as long as this lives.
        unsafe { (self.call)(self.closure, argument) }
    }
}
