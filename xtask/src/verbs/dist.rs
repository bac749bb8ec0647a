//! `cargo xtask dist`: the C library as its users get it.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum as _;

use crate::c_library::Flavour;
use crate::setup::{self, Setup};
use crate::workspace::Workspace;

/// Build the C library and lay it out: header, static library, DLL, pkg-config and CMake files
///
/// Makes a folder for each target. All of them may be moved as they are.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder that the folders are made in [default: dist in cargo's target directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only this target; may be given several times
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Vec<Flavour>,
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Builds and lays out what was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets = if options.target.is_empty() { Flavour::value_variants() } else { &options.target };
    let out = match &options.out {
        Some(dir) => std::path::absolute(dir)?,
        None => workspace.target().join("dist"),
    };
    let mut setup = Setup::new(workspace, &options.setup);
    let mut builds = Vec::new();
    for &flavour in targets {
        builds.push((flavour, flavour.set_up(&mut setup)?));
    }
    setup.carry_out()?;
    for (flavour, toolchain) in builds {
        let dir = out.join(format!("ntpark-{}", flavour.target().name));
        flavour.build(workspace, &toolchain, &dir)?;
        println!("{}", dir.display());
    }
    Ok(())
}
