//! `cargo xtask header`: `ffi/include/ntpark.h`, made from the source of the C interface.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::c_header;
use crate::workspace::Workspace;

/// Make the C header from the source of the C interface
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if the header is not what would be written
    #[arg(long)]
    check: bool,
}

/// The files of `ffi/src` that speak to C, in the order in which their items stand in the header.
const SOURCES: [&str; 7] =
    ["status.rs", "time.rs", "parker.rs", "thread_parker.rs", "backend.rs", "spin.rs", "version.rs"];

/// Writes the header, or compares it with the one that is there.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.check {
        return check(workspace);
    }
    let path = c_header::path(workspace);
    let header = generate(workspace)?;
    fs::write(&path, header).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares the header that is there with what the source makes.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = c_header::path(workspace);
    let there = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        there == generate(workspace)?,
        "{} is not what `cargo xtask header` makes of ffi/src: run that, and commit it",
        path.display()
    );
    Ok(())
}

fn generate(workspace: &Workspace) -> Result<String> {
    let dir = workspace.root().join("ffi");
    let config = cbindgen::Config::from_file(dir.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(dir.join("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate().context("cbindgen can't make a header of ffi/src")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}
