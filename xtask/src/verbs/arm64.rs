//! `cargo xtask arm64`: a program for ARM64 Windows, under Wine for ARM64, under QEMU.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::debian::{MMDEBSTRAP, QEMU, Root};
use crate::process::Output;
use crate::setup::Setup;
use crate::verbs::targets::{self, NO_CRT};
use crate::wine::Runner;
use crate::workspace::Workspace;

const TARGET: &str = "aarch64-pc-windows-msvc";
/// A start takes a few seconds, under emulation and with a Wine server of its own.
const LIMIT: Duration = Duration::from_secs(120);

/// Run a program for ARM64 Windows, emulated
///
/// Builds the example `no_crt` and runs it under Wine for ARM64 under QEMU, a few times. Takes root, Linux 6.7 or
/// later, 0.5 GB and, the first time, a few minutes. It shows that the code, the calling convention and the
/// structures are right; about memory ordering it shows nothing, since the emulator orders as its host does.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often to run it
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: u32,
}

/// Builds the program, makes the system that it runs on, and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        bail!("this takes Linux; on Windows for ARM64, the tests run as they are");
    }
    let mut setup = Setup::new(workspace);
    setup.needs_tool(QEMU);
    setup.needs_tool(MMDEBSTRAP);
    let toolchain = targets::toolchain(workspace, &mut setup, TARGET)?;
    setup.carry_out()?;
    let program = NO_CRT.one(workspace, &toolchain)?;
    let runner = Runner::in_root(workspace, Root::get(workspace, "bookworm", true)?, "arm64")?;
    for number in 1..=options.runs {
        let finished = runner.task(&program.path, LIMIT).run(Output::Keep)?.check()?;
        println!("{number}: {} in {:.1} s", finished.output.trim(), finished.elapsed.as_secs_f64());
    }
    println!("{TARGET}: {} runs, all passed", options.runs);
    Ok(())
}
