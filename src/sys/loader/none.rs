//! Where there is no NT: the same types, of which no value exists. So only `detect` is ever called.

use crate::sys::types::HANDLE;
use core::ffi::{CStr, c_void};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Nt(core::convert::Infallible);

impl Nt {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn module(self, _: &CStr) -> Option<Module> {
        match self.0 {}
    }

    pub(crate) fn version(self) -> u32 {
        match self.0 {}
    }

    pub(crate) fn is_single_processor(self) -> bool {
        match self.0 {}
    }

    pub(crate) fn interrupt_time(self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn interrupt_time_bias(self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn close(self, _: HANDLE) {
        match self.0 {}
    }

    pub(crate) fn end_process(self) {
        match self.0 {}
    }

    pub(crate) fn current_thread(self) -> usize {
        match self.0 {}
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Module {
    pub(crate) nt: Nt,
}

impl Module {
    pub(crate) fn function(self, _: &CStr) -> *mut c_void {
        match self.nt.0 {}
    }
}
