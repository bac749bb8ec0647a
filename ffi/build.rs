//! How the DLL is linked: without a C runtime, without an entry point.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    if !is("CARGO_CFG_TARGET_OS", "windows") || !is_profile("ffi") {
        return;
    }
    let mut arguments = Vec::new();
    if is("CARGO_CFG_TARGET_ENV", "msvc") {
        arguments.extend(["/NOENTRY", "/NODEFAULTLIB"]);
    } else {
        arguments.extend(["-nostartfiles", "-nodefaultlibs", "-Wl,--entry,0"]);
    }
    if is("CARGO_CFG_TARGET_ENV", "gnu") && is("CARGO_CFG_TARGET_ARCH", "x86") {
        // Rust's start-up object for this target calls GCC's unwinder. Without an entry point nobody runs it, but it would
        // have the linker bring the unwinder, and with that malloc.
        arguments.extend([
            "-Wl,--wrap,__register_frame_info,--defsym,___wrap___register_frame_info=0",
            "-Wl,--wrap,__deregister_frame_info,--defsym,___wrap___deregister_frame_info=0",
        ]);
    }
    for argument in arguments {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}

/// Whether the library is built with this profile. With any other it has std in it, which needs a C runtime.
/// Cargo does not tell a build script the profile's name, but names a folder of the path after it.
fn is_profile(name: &str) -> bool {
    env::var_os("OUT_DIR")
        .is_some_and(|dir| Path::new(&dir).ancestors().nth(3).is_some_and(|profile| profile.ends_with(name)))
}
