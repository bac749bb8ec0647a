//! The caller's last error, which Win32 functions write and ours must not.

/// Puts the thread's last error back when dropped. Elsewhere than on Windows there is none.
pub(super) struct LastError {
    #[cfg(windows)]
    code: u32,
}

impl LastError {
    /// Remembers the thread's last error as it is now.
    pub(super) fn keep() -> Self {
        Self {
            // SAFETY: takes nothing and reads a field of this thread.
            #[cfg(windows)]
            code: unsafe { crate::sys::kernel32::GetLastError() },
        }
    }
}

#[cfg(windows)]
impl Drop for LastError {
    fn drop(&mut self) {
        // SAFETY: writes a field of this thread.
        unsafe { crate::sys::kernel32::SetLastError(self.code) };
    }
}
