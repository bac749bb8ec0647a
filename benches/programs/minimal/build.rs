//! Tells the linker to leave the C runtime out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=merged.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "windows") {
        let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        for argument in ["-nostartfiles", "-nostdlib", "-Wl,--disable-dynamicbase", &format!("-Wl,-T,{here}/merged.ld")]
        {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
