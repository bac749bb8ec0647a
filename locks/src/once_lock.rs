//! [`OnceLock`]: a value that is written once.

use crate::once::{Begin, Once};
use crate::sync::{Instant, UnsafeCell};
use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{self, MaybeUninit};

/// A value that is written once, and shared from then on.
///
/// Take it for what is not known before the program runs; [`LazyLock`](crate::LazyLock) if its initialiser is. What it
/// costs and promises is as for [`Once`], but it is never poisoned: if an initialiser unwinds, the next one runs.
pub struct OnceLock<T> {
    once: Once,
    value: UnsafeCell<MaybeUninit<T>>,
    /// It drops one.
    owns: PhantomData<T>,
}

// SAFETY: shared, it hands out `&T`, and `set` moves a `T` in from another thread, which `drop` or `take` may move out.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Without a value.
    #[must_use]
    pub const fn new() -> Self {
        Self { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()), owns: PhantomData }
    }

    /// The value, if it has been written.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: just seen.
        self.once.is_completed().then(|| unsafe { self.value() })
    }

    /// # Safety
    /// The value has been written, as the caller has seen.
    unsafe fn value(&self) -> &T {
        // SAFETY: nobody writes any more.
        unsafe { &*self.value.get().cast::<T>() }
    }

    /// The value, if it has been written.
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: as in `get`, and nobody else has it.
        self.once.is_completed().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// Writes the value. Waits if another thread is writing one.
    ///
    /// # Errors
    /// The given value, if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let Begin::Run { .. } = self.once.begin(Instant::MAX) else {
            return Err(value);
        };
        // SAFETY: this thread has begun.
        unsafe { self.complete(value) };
        Ok(())
    }

    /// Writes the value. The lock may be gone afterwards.
    ///
    /// # Safety
    /// The caller has begun, and has neither completed nor abandoned it since.
    unsafe fn complete(&self, value: T) {
        // SAFETY: the caller has begun, so nobody else reads or writes.
        unsafe { self.value.get().write(MaybeUninit::new(value)) };
        // SAFETY: as the caller promises.
        unsafe { self.once.complete() };
    }

    /// The value, written by `initialise` if there is none; waits if another thread is writing one.
    #[inline]
    pub fn get_or_init(&self, initialise: impl FnOnce() -> T) -> &T {
        match self.get_or_try_init(|| Ok::<T, Infallible>(initialise())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), for an initialiser that can fail.
    ///
    /// # Errors
    /// What `initialise` returned; then there is still no value.
    #[inline]
    pub fn get_or_try_init<E>(&self, initialise: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => self.initialise(initialise),
        }
    }

    #[cold]
    fn initialise<E>(&self, initialise: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        /// Gives up, unless it is forgotten.
        struct Attempt<'a>(&'a Once);
        impl Drop for Attempt<'_> {
            fn drop(&mut self) {
                // SAFETY: made by the thread that has begun.
                unsafe { self.0.abandon() };
            }
        }
        if let Begin::Run { .. } = self.once.begin(Instant::MAX) {
            let attempt = Attempt(&self.once);
            let value = initialise()?;
            mem::forget(attempt);
            // SAFETY: this thread has begun.
            unsafe { self.complete(value) };
        }
        // SAFETY: completed, by this thread or by another, which `begin` has seen.
        Ok(unsafe { self.value() })
    }

    /// Waits until another thread has written a value.
    pub fn wait(&self) -> &T {
        self.once.wait();
        // SAFETY: completed, as `wait` has seen.
        unsafe { self.value() }
    }

    /// As [`wait`](Self::wait), and no longer than until `deadline`.
    pub fn wait_until(&self, deadline: Instant) -> Option<&T> {
        self.once.wait_until(deadline);
        self.get()
    }

    /// The value, if it has been written.
    #[must_use]
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// Takes the value out, if it has been written; it may be written again.
    pub fn take(&mut self) -> Option<T> {
        let once = mem::take(&mut self.once);
        // SAFETY: completed means written; it is new now, so nobody reads this again.
        once.is_completed().then(|| unsafe { self.value.get_mut().assume_init_read() })
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        self.take();
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let lock = Self::new();
        lock.get_or_init(|| value);
        lock
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<no value>")),
        };
        tuple.finish()
    }
}
