//! The DLL of `tests/dll_main`, whose `DllMain` calls a function of this program.

use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::os::windows::ffi::OsStrExt;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    fn LoadLibraryW(file: *const u16) -> *mut c_void;
    fn FreeLibrary(module: *mut c_void) -> i32;
}

/// A `DllMain` is called with one of these when the DLL is unloaded or the process ends, and when a thread begins.
pub(crate) const PROCESS_DETACH: u32 = 0;
pub(crate) const THREAD_ATTACH: u32 = 2;

/// Loaded, until it is dropped.
pub(crate) struct Dll(*mut c_void);

impl Dll {
    /// Loads the DLL, which cargo builds with the examples, and has its `DllMain` call this from now on.
    pub(crate) fn load(function: extern "system" fn(u32)) -> Self {
        const SET_FUNCTION: &CStr = c"set_function";
        let program = std::env::current_exe().expect("this program is a file");
        // Tests lie two folders deep, beside that of the examples.
        let mut dirs = program.ancestors().skip(1).flat_map(|dir| [dir.to_owned(), dir.join("examples")]);
        let file = dirs.by_ref().take(4).map(|dir| dir.join("dll_main.dll")).find(|file| file.exists());
        let file = file.expect("the examples are built");
        let file: Vec<u16> = file.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: the name ends with 0. The DLL does nothing when it is loaded.
        let module = unsafe { LoadLibraryW(file.as_ptr()) };
        assert!(!module.is_null(), "{}", std::io::Error::last_os_error());
        // SAFETY: the module is loaded, the name ends with 0.
        let set_function = unsafe { GetProcAddress(module, SET_FUNCTION.as_ptr()) };
        assert!(!set_function.is_null());
        // SAFETY: the function of this name has this type.
        let set_function =
            unsafe { transmute::<*mut c_void, extern "system" fn(extern "system" fn(u32))>(set_function) };
        set_function(function);
        Self(module)
    }
}

impl Drop for Dll {
    fn drop(&mut self) {
        // SAFETY: it is loaded, and none of its functions runs.
        let unloaded = unsafe { FreeLibrary(self.0) };
        assert_ne!(unloaded, 0);
    }
}
