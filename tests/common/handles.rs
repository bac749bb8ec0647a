//! The process's open handles. Only Windows has any.

/// The open ones.
#[cfg(windows)]
pub(crate) fn open() -> Vec<usize> {
    use std::ffi::c_void;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetHandleInformation(object: *mut c_void, flags: *mut u32) -> i32;
    }
    /// Ten times what a test process opens.
    const LAST: usize = 0x2000;
    // Handles are multiples of 4. `GetProcessHandleCount` would be shorter, but Wine's says 0.
    let is_open = |handle: &usize| {
        let mut flags = 0;
        // SAFETY: a question about a number; the flags are live.
        unsafe { GetHandleInformation(std::ptr::without_provenance_mut(*handle), &raw mut flags) != 0 }
    };
    (4..LAST).step_by(4).filter(is_open).collect()
}

#[cfg(not(windows))]
pub(crate) fn open() -> Vec<usize> {
    Vec::new()
}
