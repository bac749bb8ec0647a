//! NT, as this process finds it: functions of modules that are loaded already, and the page that the kernel shares with
//! every process.
//!
//! Nothing is ever loaded: the caller may hold the loader lock or run before main, and loading by name would let others
//! plant a DLL.

#[cfg(not(windows))]
mod none;

#[cfg(windows)]
use crate::sys::{HANDLE, STATUS_THREAD_IS_TERMINATING, kernel32, ntdll};
use core::ffi::CStr;
#[cfg(windows)]
use core::{ffi::c_void, ptr::NonNull};
#[cfg(not(windows))]
pub(crate) use none::{Module, Nt};

pub(crate) const KERNEL32: &CStr = c"kernel32.dll";
pub(crate) const NTDLL: &CStr = c"ntdll.dll";
pub(crate) const SYNCH: &CStr = c"api-ms-win-core-synch-l1-2-0.dll";

/// The kernel's version as [`Nt::version`] tells it: Vista.
pub(crate) const VISTA: u32 = 0x600;
/// Windows 7.
pub(crate) const WINDOWS_7: u32 = 0x601;

/// Evidence that this process runs on NT. Whatever calls NT holds one; on other targets there is none, so the
/// compiler leaves all of that out.
#[cfg(windows)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nt(());

#[cfg(windows)]
impl Nt {
    pub(crate) fn detect() -> Option<Self> {
        Some(Self(()))
    }

    /// A module that is loaded already.
    pub(crate) fn module(self, name: &CStr) -> Option<Module> {
        // SAFETY: the name is a string that ends with 0.
        NonNull::new(unsafe { kernel32::GetModuleHandleA(name.as_ptr()) }).map(|handle| Module { handle, nt: self })
    }

    /// The kernel's own version, major times 256 plus minor: 0x501 is XP, 0x502 is 2003 and ReactOS. No compatibility
    /// setting changes it; Wine tells the version that it is set to.
    pub(crate) fn version(self) -> u32 {
        read(ntdll::KUSER_NT_MAJOR_VERSION) << 8 | read(ntdll::KUSER_NT_MINOR_VERSION)
    }

    /// Whether the system has one processor.
    pub(crate) fn is_single_processor(self) -> bool {
        read(ntdll::KUSER_ACTIVE_PROCESSOR_COUNT) == 1
    }

    /// The time since the system started, as of the last clock tick, in units of 100 ns.
    pub(crate) fn interrupt_time(self) -> u64 {
        let time = core::ptr::with_exposed_provenance::<u64>(ntdll::KUSER_INTERRUPT_TIME);
        if cfg!(target_pointer_width = "64") {
            // SAFETY: readable in every process and aligned (see the declaration); the kernel writes it meanwhile,
            // hence volatile, in one piece.
            return unsafe { time.read_volatile() };
        }
        // x86 keeps loads in order.
        three_words(|index| {
            // SAFETY: three readable words lie there in every process, so the offset stays in bounds.
            let word = unsafe { time.cast::<u32>().add(index) };
            // SAFETY: readable, as above, and aligned; the kernel writes it meanwhile, hence volatile.
            unsafe { word.read_volatile() }
        })
    }

    /// The part of [`interrupt_time`](Self::interrupt_time) in which the machine was asleep. From Windows 7 on.
    pub(crate) fn interrupt_time_bias(self) -> u64 {
        let bias = core::ptr::with_exposed_provenance::<u64>(ntdll::KUSER_INTERRUPT_TIME_BIAS);
        // SAFETY: readable in every process, and aligned; the kernel writes it meanwhile, hence volatile.
        unsafe { bias.read_volatile() }
    }

    /// Closes a handle of our own that no other thread knows.
    pub(crate) fn close(self, handle: HANDLE) {
        // SAFETY: nobody else uses it.
        unsafe { kernel32::CloseHandle(handle) };
    }

    /// Ends the process at once.
    pub(crate) fn end_process(self) {
        let this_process = core::ptr::without_provenance_mut(usize::MAX);
        // SAFETY: -1 is the handle of the calling process.
        unsafe { kernel32::TerminateProcess(this_process, STATUS_THREAD_IS_TERMINATING as u32) };
    }

    /// A number that names the calling thread while it lives; never 0.
    pub(crate) fn current_thread(self) -> usize {
        // SAFETY: takes nothing and reads a field of this thread.
        unsafe { kernel32::GetCurrentThreadId() as usize }
    }
}

/// A module that is loaded, and stays: ntdll, kernel32 and kernelbase, which no process unloads.
#[cfg(windows)]
#[derive(Clone, Copy)]
pub(crate) struct Module {
    handle: NonNull<c_void>,
    pub(crate) nt: Nt,
}

#[cfg(windows)]
impl Module {
    /// The address of a function that it exports; null if it has none of that name.
    pub(crate) fn function(self, name: &CStr) -> *mut c_void {
        // SAFETY: the module is loaded, and the name is a string that ends with 0.
        unsafe { kernel32::GetProcAddress(self.handle.as_ptr(), name.as_ptr()) }
    }
}

/// A word of the shared page.
#[cfg(windows)]
fn read(address: usize) -> u32 {
    // SAFETY: readable in every process and aligned; see the declarations.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

/// What three words say that are written in the order 2, 0, 1: the low half, and the high half before and after
/// it. Equal high halves mean that the three belong together.
#[cfg_attr(not(windows), allow(dead_code, reason = "only Windows has such words; tested everywhere"))]
pub(crate) fn three_words(read: impl Fn(usize) -> u32) -> u64 {
    loop {
        let high = read(1);
        let low = read(0);
        if read(2) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
        core::hint::spin_loop();
    }
}
