//! Gives the linker the memory of the board, and the script of the crate that boots it.

use std::env;

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let dir = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let (memory, scripts): (_, &[&str]) = match target.as_str() {
        // cortex-m-rt's script includes `memory.x` itself.
        "thumbv7m-none-eabi" => ("mps2", &["link.x"]),
        "aarch64-unknown-none-softfloat" => ("virt", &["image.ld", "memory.x"]),
        _ => {
            println!("cargo::error=there is no kernel for {target}; `cargo xtask kernel` builds those that there are");
            return;
        }
    };
    println!("cargo::rustc-link-search={dir}/boards/{memory}");
    for script in scripts {
        println!("cargo::rustc-link-arg=-T{script}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=boards");
}
