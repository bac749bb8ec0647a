//! `cargo xtask dist`: the C library as its users get it.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::c_library::{self, Flavour};
use crate::setup::Setup;
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
    target: Vec<Target>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "verbatim")]
enum Target {
    /// 64-bit Windows, for MinGW
    #[value(name = "x86_64-pc-windows-gnu")]
    X86_64Gnu,
    /// 32-bit Windows, for MinGW
    #[value(name = "i686-pc-windows-gnu")]
    I686Gnu,
    /// 64-bit Windows, for Microsoft's linker and LLVM's
    #[value(name = "x86_64-pc-windows-msvc")]
    X86_64Msvc,
    /// 32-bit Windows, for Microsoft's linker and LLVM's
    #[value(name = "i686-pc-windows-msvc")]
    I686Msvc,
}

impl Target {
    fn flavour(self) -> Flavour {
        match self {
            Self::X86_64Gnu => Flavour::X86_64_GNU,
            Self::I686Gnu => Flavour::I686_GNU,
            Self::X86_64Msvc => Flavour::X86_64_MSVC,
            Self::I686Msvc => Flavour::I686_MSVC,
        }
    }
}

/// Builds and lays out what was asked for, and lists it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let targets = if options.target.is_empty() { Target::value_variants() } else { &options.target };
    let out = match &options.out {
        Some(dir) => std::path::absolute(dir)?,
        None => workspace.target().join("dist"),
    };
    let mut setup = Setup::new(workspace);
    let mut builds = Vec::new();
    for flavour in targets.iter().map(|target| target.flavour()) {
        builds.push((flavour, flavour.set_up(&mut setup)?));
    }
    setup.carry_out()?;
    for (flavour, toolchain) in builds {
        let dir = out.join(format!("ntpark-{}", flavour.target.name));
        flavour.build(workspace, &toolchain, &dir)?;
        println!("{}\n{}", dir.display(), c_library::listing(&dir)?);
    }
    Ok(())
}
