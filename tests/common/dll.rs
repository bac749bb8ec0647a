//! The DLL of `tests/at_detach`, with a copy of ntpark of its own.

use ntpark::BackendKind;
use std::ffi::{CStr, c_char, c_void};
use std::mem::transmute;
use std::os::windows::ffi::OsStrExt;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    fn LoadLibraryW(file: *const u16) -> *mut c_void;
    fn FreeLibrary(module: *mut c_void) -> i32;
}

/// Loaded, until it is dropped.
pub(crate) struct Dll(*mut c_void);

impl Dll {
    /// Loads the DLL, which `cargo test` builds beside the test programs.
    pub(crate) fn load() -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let dir = program.parent().and_then(|deps| deps.parent()).expect("cargo puts it two folders deep");
        let file = dir.join("examples").join("at_detach.dll");
        assert!(file.exists(), "{} is missing: build the examples", file.display());
        let file: Vec<u16> = file.as_os_str().encode_wide().chain([0]).collect();
        // SAFETY: the name ends with 0. The DLL does nothing when it is loaded.
        let module = unsafe { LoadLibraryW(file.as_ptr()) };
        assert!(!module.is_null(), "{}", std::io::Error::last_os_error());
        Self(module)
    }

    fn function(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the module is loaded, the name ends with 0.
        let function = unsafe { GetProcAddress(self.0, name.as_ptr()) };
        assert!(!function.is_null(), "{name:?} is missing");
        function
    }

    /// Has its `DllMain` call a function when the DLL is detached: when it is unloaded, or when the process ends.
    pub(crate) fn at_detach(&self, function: extern "system" fn()) {
        let at_detach = self.function(c"at_detach");
        // SAFETY: the function of this name has this type.
        let at_detach = unsafe { transmute::<*mut c_void, extern "system" fn(extern "system" fn())>(at_detach) };
        at_detach(function);
    }

    /// Wakes whoever waits at an address as far as its copy knows, and returns how many.
    pub(crate) fn wake_all(&self, address: usize) -> usize {
        let wake_all = self.function(c"wake_all");
        // SAFETY: the function of this name has this type.
        let wake_all = unsafe { transmute::<*mut c_void, extern "system" fn(usize) -> usize>(wake_all) };
        wake_all(address)
    }

    /// Parks there until a short time has passed, on this kind, or on the one that its copy chooses by itself.
    /// Returns the kind.
    pub(crate) fn park(&self, forced: Option<BackendKind>) -> BackendKind {
        let park = self.function(c"park");
        // SAFETY: the function of this name has this type.
        let park = unsafe { transmute::<*mut c_void, extern "system" fn(u8) -> u8>(park) };
        let kind = park(forced.map_or(0, |kind| kind as u8));
        *BackendKind::ALL.iter().find(|&&known| known as u8 == kind).expect("it is the number of a kind")
    }
}

impl Drop for Dll {
    fn drop(&mut self) {
        // SAFETY: it is loaded, and none of its functions runs.
        let unloaded = unsafe { FreeLibrary(self.0) };
        assert_ne!(unloaded, 0);
    }
}
