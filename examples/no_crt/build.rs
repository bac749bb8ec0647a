//! Tells the linker to leave the C runtime out and where the program begins.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| std::env::var(name).unwrap_or_default();
    if var("CARGO_CFG_TARGET_OS") != "windows" {
        return;
    }
    // ntdll has what compilers expect of a C library, memcpy and its like; for others than GNU's linker see
    // `memory` in main.rs.
    let arguments: &[&str] = match (var("CARGO_CFG_TARGET_ENV").as_str(), var("CARGO_CFG_TARGET_ARCH").as_str()) {
        ("msvc", _) => &["/NODEFAULTLIB", "/ENTRY:entry", "/SUBSYSTEM:CONSOLE"],
        // 32-bit C names begin with an underscore.
        (_, "x86") => &["-nostartfiles", "-nostdlib", "-Wl,--entry=_entry", "-lntdll"],
        _ => &["-nostartfiles", "-nostdlib", "-Wl,--entry=entry", "-lntdll"],
    };
    for argument in arguments {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
