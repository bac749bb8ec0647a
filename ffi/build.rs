//! How the DLL is linked: without a C runtime, without an entry point.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=merged.ld");
    println!("cargo:rerun-if-changed=stdcall.def");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    if !is("CARGO_CFG_TARGET_OS", "windows") || !is_profile("ffi") {
        return;
    }
    let link = |argument: &str| println!("cargo:rustc-cdylib-link-arg={argument}");
    if is("CARGO_CFG_TARGET_ENV", "msvc") {
        link("/NOENTRY");
        link("/NODEFAULTLIB");
        return;
    }
    link("-nostartfiles");
    link("-nodefaultlibs");
    link("-Wl,--entry,0");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    // LLVM's linker takes no such script.
    if !is("CARGO_CFG_TARGET_ABI", "llvm") {
        link(&format!("-Wl,-T,{here}/merged.ld"));
    }
    if is("CARGO_CFG_TARGET_ARCH", "x86") {
        // The import library has to have decorated names too, which the compiler leaves out.
        link(&format!("{here}/stdcall.def"));
        // Rust's start-up object for this target calls GCC's unwinder. Without an entry point nobody runs it, but it would
        // have the linker bring the unwinder, and with that malloc.
        for function in ["register_frame_info", "deregister_frame_info"] {
            link(&format!("-Wl,--wrap,__{function},--defsym,___wrap___{function}=0"));
        }
    }
}

/// Whether the library is built with this profile. With any other it has std in it, which needs a C runtime.
/// Cargo does not tell a build script the profile's name, but names a folder of the path after it.
fn is_profile(name: &str) -> bool {
    env::var_os("OUT_DIR")
        .is_some_and(|dir| Path::new(&dir).ancestors().nth(3).is_some_and(|profile| profile.ends_with(name)))
}
