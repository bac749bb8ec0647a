//! The caller's last error, which Win32 functions write and ours must not.

/// Puts the thread's last error back when dropped. Elsewhere than on Windows there is none.
pub(crate) struct LastError {
    #[cfg(windows)]
    kept: u32,
}

impl LastError {
    /// Remembers the thread's last error.
    pub(crate) fn keep() -> Self {
        Self {
            #[cfg(windows)]
            kept: last_error(),
        }
    }

    /// The thread's last error as it is now.
    #[cfg(windows)]
    pub(crate) fn now(&self) -> u32 {
        last_error()
    }

    #[cfg(not(windows))]
    pub(crate) fn now(&self) -> u32 {
        0
    }
}

#[cfg(windows)]
impl Drop for LastError {
    fn drop(&mut self) {
        // SAFETY: writes a field of this thread.
        unsafe { crate::sys::kernel32::SetLastError(self.kept) };
    }
}

#[cfg(windows)]
fn last_error() -> u32 {
    // SAFETY: takes nothing and reads a field of this thread.
    unsafe { crate::sys::kernel32::GetLastError() }
}
