//! Says whether atomic-wait is there (see Cargo.toml), and helps it to link.
//!
//! atomic-wait's bindings link an import library named `windows`, which the crates below it bring for the
//! targets that they know by name: `*-win7-windows-gnu` is none of them. There, mingw-w64's library of the
//! same functions takes its place.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(has_atomic_wait)");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    if !target.ends_with("-pc-windows-gnu") && env::var_os("CARGO_FEATURE_ATOMIC_WAIT").is_some() {
        println!("cargo::rustc-cfg=has_atomic_wait");
    }
    let Some(arch) = target.strip_suffix("-win7-windows-gnu") else {
        return;
    };
    let gcc = format!("{arch}-w64-mingw32-gcc");
    let Ok(output) = Command::new(&gcc).arg("-print-file-name=libsynchronization.a").output() else {
        // It can be checked all the same; to link it takes that gcc anyway.
        return;
    };
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let copied = fs::copy(&library, Path::new(&out).join("libwindows.a"));
    copied.unwrap_or_else(|error| panic!("{}: {error}", library.display()));
    println!("cargo::rustc-link-search=native={out}");
}
