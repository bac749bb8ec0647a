//! Nothing spins: to look again is one more order of the same.

pub(crate) struct SpinWait;

impl SpinWait {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn spin(&mut self) -> bool {
        false
    }

    /// For the lock of a bucket, which looks at it without this; see `LOOKS`.
    pub(crate) fn spin_no_yield(&mut self) {
        shuttle::thread::yield_now();
    }

    pub(crate) fn reset(&mut self) {}
}
