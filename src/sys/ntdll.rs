//! ntdll: keyed events and the question whether the process is ending.
//!
//! Keyed events are undocumented by Microsoft, yet exported unchanged by every ntdll since Windows XP; the
//! system's own critical sections (XP) and slim locks (Vista, 7) sleep on them. The signatures agree with the
//! phnt headers and with Wine's and ReactOS's sources. None of these is linked: they are missing from common
//! import libraries, so they are looked up at run time.

use super::{BOOLEAN, HANDLE, NTSTATUS};
use bitflags::bitflags;
use core::ffi::c_void;

bitflags! {
    /// What a handle to a keyed event may be used for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct KeyedEventAccess: u32 {
        /// `KEYEDEVENT_WAIT`: call [`NtWaitForKeyedEvent`].
        const WAIT = 0x1;
        /// `KEYEDEVENT_WAKE`: call [`NtReleaseKeyedEvent`].
        const WAKE = 0x2;
    }
}

/// Makes a keyed event. Since Windows XP.
///
/// `KeyedEventHandle` receives the handle (a pointer to a handle, not a handle). `ObjectAttributes` may be
/// null: unnamed, not inheritable. `Flags` must be 0. Fails with `STATUS_INSUFFICIENT_RESOURCES` or
/// `STATUS_QUOTA_EXCEEDED` when the process is out of handles or memory.
pub type NtCreateKeyedEvent = unsafe extern "system" fn(
    KeyedEventHandle: *mut HANDLE,
    DesiredAccess: KeyedEventAccessMask,
    ObjectAttributes: *const c_void,
    Flags: u32,
) -> NTSTATUS;

/// [`KeyedEventAccess`] as it is passed: `ACCESS_MASK`, a plain `u32`.
pub type KeyedEventAccessMask = u32;

/// Blocks until another thread of this process releases the same key on the same event. Since Windows XP.
///
/// - `KeyedEventHandle`: null means the system-wide default event, since Windows Vista; on XP that gives
///   [`STATUS_INVALID_HANDLE`](super::STATUS_INVALID_HANDLE). Keys of different processes differ, even on the
///   default event.
/// - `Key`: any even number, never read as an address; odd:
///   [`STATUS_INVALID_PARAMETER_1`](super::STATUS_INVALID_PARAMETER_1).
/// - `Alertable`: false, else the wait may also end with `STATUS_ALERTED` or `STATUS_USER_APC`.
/// - `Timeout`: in units of 100 ns. Negative: relative. 0: [`STATUS_TIMEOUT`](super::STATUS_TIMEOUT) at once
///   if nobody releases. **Positive: an absolute time of the wall clock**, which this crate never uses. Null:
///   for ever.
///
/// Memory is not looked at. Kernels of the XP class may answer `STATUS_TIMEOUT` although a release has
/// succeeded.
pub type NtWaitForKeyedEvent = unsafe extern "system" fn(
    KeyedEventHandle: HANDLE,
    Key: *const c_void,
    Alertable: BOOLEAN,
    Timeout: *const i64,
) -> NTSTATUS;

/// Wakes one thread that waits for the key, and **blocks until there is one**. Since Windows XP.
///
/// Arguments and statuses are those of [`NtWaitForKeyedEvent`]; `Timeout` bounds how long it waits for a
/// waiter.
pub type NtReleaseKeyedEvent = unsafe extern "system" fn(
    KeyedEventHandle: HANDLE,
    Key: *const c_void,
    Alertable: BOOLEAN,
    Timeout: *const i64,
) -> NTSTATUS;

/// Whether the process is ending, in which case every other thread has been killed already. Since Windows
/// 2000; documented by Microsoft.
pub type RtlDllShutdownInProgress = unsafe extern "system" fn() -> BOOLEAN;

/// `KUSER_SHARED_DATA.InterruptTime`: time since the system started in units of 100 ns, written by the kernel
/// at every clock tick into a page that every process sees at this address, on every Windows and every
/// processor architecture.
///
/// Three words: the low half, the high half, and the high half again, which the kernel writes first; a reader
/// that finds the two high halves different has met a write and reads again.
pub const KUSER_INTERRUPT_TIME: usize = 0x7FFE_0008;

/// `KUSER_SHARED_DATA.NtMajorVersion`, a `u32` at this address in every process: the kernel's own major
/// version, which no compatibility setting changes.
pub const KUSER_NT_MAJOR_VERSION: usize = 0x7FFE_026C;

/// `KUSER_SHARED_DATA.NtMinorVersion`, the `u32` after that.
pub const KUSER_NT_MINOR_VERSION: usize = 0x7FFE_0270;

/// `KUSER_SHARED_DATA.InterruptTimeBias`, a `u64` at this address in every process: the time that the machine
/// has spent asleep since it started, in units of 100 ns. Since Windows 7.
pub const KUSER_INTERRUPT_TIME_BIAS: usize = 0x7FFE_03B0;

/// `KUSER_SHARED_DATA.ActiveProcessorCount`, a `u32` at this address in every process: how many processors the system
/// uses. Since Windows 7; before, 0 or a set of bits, in which 1 stands for one processor as well.
pub const KUSER_ACTIVE_PROCESSOR_COUNT: usize = 0x7FFE_03C0;
