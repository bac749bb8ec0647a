//! The oldest Rust that is promised: rustup's, or where rustup can't fetch it, the one that Debian 12 kept beside
//! its newer one, which is unpacked under cargo's target directory and installed nowhere.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::debian;
use crate::process::{Output, Task};
use crate::setup;
use crate::toolchain::{self, Toolchain};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(20 * 60);
/// The workspace's `rust-version`, which xtask shares.
const PROMISED: &str = env!("CARGO_PKG_RUST_VERSION");
/// Checked without std.
const WINDOWS: &str = "x86_64-pc-windows-msvc";
/// Debian's packages of 1.85: the compiler, its libraries, the source of std, and the LLVM that it runs on.
const DEBIAN: [&str; 5] = [
    "rustc-web=1.85.0+dfsg3-1~deb12u3",
    "libstd-rust-web-1.85=1.85.0+dfsg3-1~deb12u3",
    "libstd-rust-web-dev=1.85.0+dfsg3-1~deb12u3",
    "rust-web-src=1.85.0+dfsg3-1~deb12u3",
    "libllvm19",
];

/// The checks of the crate with that compiler, each with its name.
pub(crate) fn checks(workspace: &Workspace) -> Result<[(String, Task); 2]> {
    let rustup = |program| toolchain::of_rustup(workspace, PROMISED, program);
    let install = ["toolchain", "install", PROMISED, "--profile", "minimal", "--target", WINDOWS];
    let is_there = || toolchain::has_core(&rustup("rustc"), WINDOWS);
    let fetch = || !workspace.setup.no_install && setup::told(toolchain::rustup(workspace, &install)) && is_there();
    let (cargo, rustc, from_source) = if is_there() || fetch() {
        (rustup("cargo"), rustup("rustc"), None)
    } else {
        // The cargo in use, with the old compiler: cargo knows older ones.
        let (task, rustc) = debian_with_starter(workspace)?;
        (task, rustc, Some("-Zbuild-std=core"))
    };
    let version = rustc.arg("--version").run(Output::KeepStdout)?.check()?.output;
    ensure!(version.starts_with(&format!("rustc {PROMISED}.")), "rust-version is {PROMISED}, but this is {version}");
    let check = cargo.args(["check", "--package", "ntpark", "--target-dir"]).arg(workspace.target().join("msrv"));
    let windows = check.clone().args(["--lib", "--target", WINDOWS]).args(from_source);
    let name = |what: &str| format!("Rust {PROMISED}, {what}");
    Ok([(name("this machine"), check.arg("--all-targets")), (name(WINDOWS), windows)])
}

/// A cargo that runs Debian's compiler, and that compiler.
fn debian_with_starter(workspace: &Workspace) -> Result<(Task, Task)> {
    let home = workspace.target().join("rust-msrv");
    if !home.is_dir() {
        ensure!(!workspace.setup.no_install, "there is no Rust {PROMISED} here, and nothing was installed");
        debian::unpack(&DEBIAN, None, &home)?;
    }
    let usr = home.join("usr");
    // In a script, since cargo asks the compiler by itself, and cargo must not get the compiler's libraries.
    let starter = home.join("rustc");
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{0}/lib/x86_64-linux-gnu:{0}/lib' exec '{0}/bin/rustc' --sysroot '{0}' \"$@\"\n",
        usr.display()
    );
    fs::write(&starter, script)?;
    Task::new("chmod", LIMIT).arg("+x").arg(&starter).run(Output::Keep)?.check()?;
    let cargo = Task::new(Toolchain::host(workspace).program(), LIMIT).dir(workspace.root());
    Ok((cargo.env("RUSTC", &starter).env("RUSTC_BOOTSTRAP", "1"), Task::new(starter, LIMIT)))
}
