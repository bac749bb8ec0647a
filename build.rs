//! Turns what cannot work into an error that says why. Generates nothing.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();

    // Words as targets name them, such as "8,16,32,64,ptr".
    let atomics = env::var("CARGO_CFG_TARGET_HAS_ATOMIC").unwrap_or_default();
    if !atomics.split(',').any(|size| size == "ptr") {
        let way_out = match env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default().as_str() {
            "arm" => "thumbv7m or thumbv8m.base",
            "riscv32" => "riscv32imac",
            _ => "a target of the same family that has them",
        };
        error(&format!(
            "a parker is one atomic word, and {target} has no atomic read-modify-write operations on words of the size \
             of a pointer: use {way_out}"
        ));
    }
    let width = env::var("CARGO_CFG_TARGET_POINTER_WIDTH").unwrap_or_default();
    if width != "32" && width != "64" {
        error(&format!(
            "a parker needs a word of 32 or 64 bits, and those of {target} have {width}: use a larger target"
        ));
    }
}

/// Makes the build fail, once all is said.
fn error(message: &str) {
    println!("cargo::error={message}");
}
