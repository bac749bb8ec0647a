//! [`LazyLock`]: a value that is made when it is first used.

use crate::once::Once;
use crate::sync::UnsafeCell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// A value that its initialiser makes when it is first used, in a `static` for instance.
///
/// What it costs and promises is as for [`Once`]: if the initialiser panics, so does each later use.
///
/// ```
/// static NAME: ntpark_locks::LazyLock<String> = ntpark_locks::LazyLock::new(|| String::from("x"));
/// assert_eq!(NAME.len(), 1);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    data: UnsafeCell<Data<T, F>>,
}

/// The initialiser, until it runs; the value, once it is done; nothing if it unwinds.
#[repr(C)]
union Data<T, F> {
    initialise: ManuallyDrop<F>,
    value: ManuallyDrop<T>,
}

// SAFETY: shared, it hands out `&T`; the initialiser runs in one thread, which need not be the one that made it.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// To be made by `initialise`.
    pub const fn new(initialise: F) -> Self {
        Self { once: Once::new(), data: UnsafeCell::new(Data { initialise: ManuallyDrop::new(initialise) }) }
    }

    /// The value, made now if it has not been yet; waits if another thread is making it.
    ///
    /// # Panics
    /// If the initialiser has panicked.
    #[inline]
    pub fn force(this: &Self) -> &T {
        this.once.call_once(|| {
            // SAFETY: this runs once, before there is a value, and nobody else reads or writes.
            let data = unsafe { &mut *this.data.get() };
            // SAFETY: the initialiser is there, and is not used again: if it unwinds, the lock is poisoned.
            let value = unsafe { ManuallyDrop::take(&mut data.initialise) }();
            data.value = ManuallyDrop::new(value);
        });
        // SAFETY: made, and nobody writes any more.
        unsafe { this.value() }
    }
}

impl<T, F> LazyLock<T, F> {
    /// # Safety
    /// The value has been made, as the caller has seen.
    unsafe fn value(&self) -> &T {
        // SAFETY: the union is a value, and nobody writes any more.
        unsafe { &*self.data.get().cast::<T>() }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T, F> Drop for LazyLock<T, F> {
    fn drop(&mut self) {
        let data = self.data.get_mut();
        if self.once.is_completed() {
            // SAFETY: the value is there, and nobody uses it again.
            unsafe { ManuallyDrop::drop(&mut data.value) };
        } else if !self.once.is_poisoned() {
            // SAFETY: the initialiser is there, and nobody uses it again.
            unsafe { ManuallyDrop::drop(&mut data.initialise) };
        }
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("LazyLock");
        if self.once.is_completed() {
            // SAFETY: made, and nobody writes any more.
            tuple.field(unsafe { self.value() });
        } else {
            tuple.field(&format_args!("<no value>"));
        }
        tuple.finish()
    }
}
