//! Functions of modules that are loaded already, and the version of the kernel.
//!
//! Nothing is ever loaded: the caller may hold the loader lock, run before main, or live in a process that
//! somebody would like to plant a DLL in.

use super::HANDLE;
use core::ffi::{CStr, c_void};

pub(crate) const KERNEL32: &CStr = c"kernel32.dll";
pub(crate) const NTDLL: &CStr = c"ntdll.dll";
pub(crate) const SYNCH: &CStr = c"api-ms-win-core-synch-l1-2-0.dll";

/// Evidence that this process runs on NT. Whatever calls NT holds one; on other targets there is none, so the
/// compiler leaves all of that out.
#[cfg(windows)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nt(());

#[cfg(not(windows))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nt(core::convert::Infallible);

#[cfg(windows)]
impl Nt {
    pub(crate) fn detect() -> Option<Self> {
        Some(Self(()))
    }

    /// The address of a function of a loaded module; null if there is no such module or function.
    #[inline(never)]
    pub(crate) fn find(self, module: &CStr, function: &CStr) -> *mut c_void {
        // SAFETY: the name is a string that ends with 0.
        let module = unsafe { super::kernel32::GetModuleHandleA(module.as_ptr()) };
        if module.is_null() {
            return module;
        }
        // SAFETY: the module stays loaded: these are ntdll, kernel32 and kernelbase, which no process unloads; the
        // name is a string that ends with 0.
        unsafe { super::kernel32::GetProcAddress(module, function.as_ptr()) }
    }

    /// The kernel's major version: 5 is XP, 2003 and ReactOS, 6 is Vista.
    pub(crate) fn major_version(self) -> u32 {
        let version = core::ptr::with_exposed_provenance::<u32>(super::ntdll::KUSER_NT_MAJOR_VERSION);
        // SAFETY: readable in every process and aligned; see the declaration.
        unsafe { version.read_volatile() }
    }

    /// Closes a handle of our own that no other thread knows.
    pub(crate) fn close(self, handle: HANDLE) {
        // SAFETY: nobody else uses it.
        unsafe { super::kernel32::CloseHandle(handle) };
    }

    /// Ends the process at once.
    pub(crate) fn end_process(self) {
        let this_process = core::ptr::without_provenance_mut(usize::MAX);
        // SAFETY: -1 is the handle of the calling process.
        unsafe { super::kernel32::TerminateProcess(this_process, super::STATUS_THREAD_IS_TERMINATING as u32) };
    }

    /// A number that names the calling thread while it lives; never 0.
    pub(crate) fn current_thread(self) -> usize {
        // SAFETY: takes nothing and reads a field of this thread.
        unsafe { super::kernel32::GetCurrentThreadId() as usize }
    }
}

#[cfg(not(windows))]
impl Nt {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn find(self, _: &CStr, _: &CStr) -> *mut c_void {
        match self.0 {}
    }

    pub(crate) fn major_version(self) -> u32 {
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
