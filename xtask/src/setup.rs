//! What a verb needs on this machine, what of that is missing, and how it gets here.
//!
//! Programs come from the system's package manager (apt, as root or through sudo), targets from rustup, cargo's
//! subcommands from cargo. Nothing is installed without being announced, nothing at all with `--no-install`, and
//! no setting of the user's is touched.

use crate::prelude::*;
use crate::{debian, toolchain, wine};

const DEBIAN_RUST: &str = "rustc-web cargo-web rust-web-src rust-web-clippy";

/// How this machine may be set up.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Install nothing: list what is missing and stop, or go on if nothing is
    #[arg(long, global = true)]
    pub(crate) no_install: bool,
    /// Fail where rustup can't provide the oldest Rust or Miri, instead of saying so and going on
    #[arg(long, global = true)]
    pub(crate) require: bool,
    /// Build Windows programs with Debian's toolchain, even if rustup has their target
    #[arg(long, global = true)]
    pub(crate) debian: bool,
}

/// A program that comes as a package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The packages of Debian and Ubuntu that bring it.
    pub(crate) package: &'static str,
    /// What it is, and what for.
    pub(crate) purpose: &'static str,
}

const WINE: Tool = Tool { program: "wine", package: "wine wine64", purpose: "Wine, to run Windows programs" };

/// Collects what a verb needs; [`Setup::carry_out`] then makes it so.
pub(crate) struct Setup<'a> {
    workspace: &'a Workspace,
    /// Each with the packages that bring it.
    missing: Vec<(&'static str, &'static str)>,
    wine_32_bit: bool,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, missing: Vec::new(), wine_32_bit: false }
    }

    fn need(&mut self, is_there: bool, purpose: &'static str, packages: &'static str) {
        if !is_there && !self.missing.contains(&(purpose, packages)) {
            self.missing.push((purpose, packages));
        }
    }

    /// This program is going to be run. On Windows it has to be there.
    pub(crate) fn needs_tool(&mut self, tool: Tool) {
        self.need(cfg!(windows) || which(tool.program).is_ok(), tool.purpose, tool.package);
    }

    /// Programs of `target` are going to be run. A Windows host does that by itself.
    pub(crate) fn needs_wine(&mut self, target: Target) {
        self.needs_tool(WINE);
        self.wine_32_bit |= !cfg!(windows) && target == Target::I686 && !wine::has_32_bit(self.workspace);
    }

    /// Programs of `target` are going to be linked, not only checked. A Windows host does that by itself.
    pub(crate) fn needs_linker(&mut self, target: Target) {
        target.linker().into_iter().for_each(|tool| self.needs_tool(tool));
    }

    /// Something is going to be built for `target`, and linked.
    pub(crate) fn needs_linked(&mut self, target: Target) -> Result<Toolchain> {
        self.needs_linker(target);
        self.needs_target(target)
    }

    /// Something is going to be built for `target`: decides by which toolchain, and fetches the target if rustup
    /// has to.
    pub(crate) fn needs_target(&mut self, target: Target) -> Result<Toolchain> {
        let own = Toolchain::own(self.workspace, target, false);
        let has = || own.triple.is_none_or(|triple| toolchain::has_core(&toolchain::own_rustc(), triple));
        let fetch = |triple| toolchain::told(toolchain::rustup(self.workspace, &["target", "add", triple])) && has();
        if !self.workspace.setup.debian && (has() || own.triple.is_some_and(fetch)) {
            return Ok(own);
        }
        ensure!(!cfg!(windows), "the toolchain in use can't build for {}", target.name);
        Ok(self.needs_debian(target))
    }

    /// Something is going to be built for `target` by Debian's toolchain.
    fn needs_debian(&mut self, target: Target) -> Toolchain {
        let purpose = "a Rust with the source of its standard library, to build that for Windows";
        self.need(toolchain::debian_is_there(), purpose, DEBIAN_RUST);
        Toolchain::debian(self.workspace, target)
    }

    /// `target` and its standard library are going to be built, by a toolchain that has the source.
    pub(crate) fn needs_source(&mut self, target: Target) -> Toolchain {
        let has_source = toolchain::has_source(&toolchain::own_rustc());
        if has_source || toolchain::told(toolchain::rustup(self.workspace, &["component", "add", "rust-src"])) {
            return Toolchain::own(self.workspace, target, true);
        }
        self.needs_debian(target)
    }

    /// Installs what is missing, after saying so.
    pub(crate) fn carry_out(self) -> Result<()> {
        if self.missing.is_empty() && !self.wine_32_bit {
            return Ok(());
        }
        eprintln!("Missing on this machine:");
        let dlls = ("Wine's 32-bit DLLs, to be taken out of a package that is not installed", "libwine:i386");
        for (purpose, packages) in self.missing.iter().chain(self.wine_32_bit.then_some(&dlls)) {
            eprintln!("  - {purpose} (packages on Debian, and mostly on Ubuntu: {packages})");
        }
        ensure!(!self.workspace.setup.no_install, "nothing was installed (--no-install)");
        let packages: Vec<&str> = self.missing.iter().flat_map(|(_, packages)| packages.split(' ')).collect();
        if !packages.is_empty() {
            debian::install(&packages)?;
        }
        if self.wine_32_bit {
            wine::fetch_32_bit(self.workspace)?;
        }
        Ok(())
    }
}

/// Makes sure that this subcommand of cargo is there, in this version.
pub(crate) fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Result<()> {
    let subcommand = name.trim_start_matches("cargo-");
    let there = Task::new("cargo").args([subcommand, "--version"]).run(Output::Keep)?;
    if there.success() && there.output.contains(version) {
        return Ok(());
    }
    ensure!(!workspace.setup.no_install, "{name} {version} is missing, and nothing was installed (--no-install)");
    eprintln!("Installing with cargo: {name} {version}, which takes some minutes");
    let task = Task::new("cargo").args(["install", "--locked", name, "--version", version]);
    task.run(Output::Keep)?.check().map(drop)
}
