//! Nothing spins: see `LOOKS`.

pub(crate) struct SpinWait;

impl SpinWait {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn spin_no_yield(&mut self) {
        shuttle::thread::yield_now();
    }

    pub(crate) fn reset(&mut self) {}
}
