//! The process goes on: how locks behave when it ends is for their own tests.

pub(crate) struct Backend;

impl Backend {
    pub(crate) fn get() -> Self {
        Self
    }

    pub(crate) fn is_process_ending(&self) -> bool {
        Self::is_ending()
    }

    pub(crate) fn is_ending() -> bool {
        false
    }
}
