//! What a verb needs on this machine, what of that is missing, and how it gets here.
//!
//! Programs come from the system's package manager (apt, as root or through sudo), targets from rustup.
//! Nothing is installed without being announced, nothing at all with `--no-install`, and no setting of the
//! user's is touched.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{Output, Task, on_path};
use crate::toolchain::{self, Choice, Gcc, Rustup, Target, Toolchain};
use crate::wine;
use crate::workspace::Workspace;

/// Fetching and unpacking a few hundred megabytes.
const APT_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How a verb may set this machine up.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct SetupOptions {
    /// Install nothing: list what is missing and stop, or go on if nothing is
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Which toolchain builds the Windows programs
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub(crate) toolchain: Choice,
}

/// A program that a single verb needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The package of Debian and Ubuntu that brings it.
    pub(crate) package: &'static str,
    /// What it is, and what for.
    pub(crate) purpose: &'static str,
}

/// A program or a set of files that is no part of Rust's own toolchain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    Wine,
    Wine32,
    Gcc(Gcc),
    Tool(Tool),
    DebianRust,
    DebianClippy,
}

impl Need {
    fn is_there(self, workspace: &Workspace) -> bool {
        match self {
            Self::Wine => on_path("wine").is_some() && on_path("wineserver").is_some(),
            Self::Wine32 => wine::has_32_bit(workspace),
            Self::Gcc(gcc) => on_path(gcc.program).is_some(),
            Self::Tool(tool) => on_path(tool.program).is_some(),
            Self::DebianRust => toolchain::debian_is_there(),
            Self::DebianClippy => toolchain::debian_has_clippy(),
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Wine => "Wine, to run Windows programs",
            Self::Wine32 => "Wine's 32-bit DLLs",
            Self::Gcc(_) => "mingw-w64, to link Windows programs",
            Self::Tool(tool) => tool.purpose,
            Self::DebianRust => "a Rust with the source of its standard library, to build that for Windows",
            Self::DebianClippy => "the clippy that belongs to it",
        }
    }

    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Wine => vec!["wine", "wine64"],
            // Nothing to install: they are taken out of the package.
            Self::Wine32 => vec![],
            Self::Gcc(gcc) => vec![gcc.package],
            Self::Tool(tool) => vec![tool.package],
            Self::DebianRust => vec!["rustc-web", "cargo-web", "rust-web-src"],
            Self::DebianClippy => vec!["rust-web-clippy"],
        }
    }

    /// What it is, and where Debian has it, and Ubuntu mostly too.
    fn on_debian(self) -> String {
        let place = match self {
            Self::Wine32 => "out of the package libwine for i386, which is not installed".to_owned(),
            Self::DebianRust | Self::DebianClippy => format!("packages on Debian: {}", self.packages().join(" ")),
            _ => format!("packages on Debian and Ubuntu: {}", self.packages().join(" ")),
        };
        format!("{} ({place})", self.purpose())
    }
}

/// All that it takes to build and run programs for `target`, made so; and the toolchain that builds them.
///
/// # Errors
/// As [`Setup::carry_out`].
pub(crate) fn for_windows_programs(workspace: &Workspace, options: &SetupOptions, target: Target) -> Result<Toolchain> {
    let mut setup = Setup::new(workspace, options);
    setup.needs_linker(target);
    setup.needs_wine(target);
    let toolchain = setup.needs_target(target)?;
    setup.carry_out()?;
    Ok(toolchain)
}

/// Collects what a verb needs; [`Setup::carry_out`] then makes it so.
pub(crate) struct Setup<'a> {
    workspace: &'a Workspace,
    options: &'a SetupOptions,
    clippy: bool,
    missing: Vec<Need>,
    missing_targets: Vec<&'static str>,
}

impl<'a> Setup<'a> {
    /// Nothing needed so far.
    pub(crate) fn new(workspace: &'a Workspace, options: &'a SetupOptions) -> Self {
        Self { workspace, options, clippy: false, missing: Vec::new(), missing_targets: Vec::new() }
    }

    /// Programs of `target` are going to be run. A Windows host does that by itself.
    pub(crate) fn needs_wine(&mut self, target: Target) {
        if cfg!(windows) {
            return;
        }
        self.need(Need::Wine);
        if target == Target::I686 {
            self.need(Need::Wine32);
        }
    }

    /// Programs of `target` are going to be linked, not only checked. A Windows host does that by itself.
    pub(crate) fn needs_linker(&mut self, target: Target) {
        if let (false, Some(gcc)) = (cfg!(windows), target.gcc) {
            self.need(Need::Gcc(gcc));
        }
    }

    /// This program is going to be run. On Windows it has to be there.
    pub(crate) fn needs_tool(&mut self, tool: Tool) {
        if !cfg!(windows) {
            self.need(Need::Tool(tool));
        }
    }

    /// Clippy is going to be run by every toolchain that is asked for from now on.
    pub(crate) fn needs_clippy(&mut self) {
        self.clippy = true;
    }

    /// Something is going to be built for `target`: decides by which toolchain, and fetches the target if
    /// rustup has to.
    ///
    /// # Errors
    /// When the toolchain that was asked for can't be had.
    pub(crate) fn needs_target(&mut self, target: Target) -> Result<Toolchain> {
        let own = Toolchain::own(self.workspace, target);
        if self.options.toolchain != Choice::Debian {
            if toolchain::own_has(target) {
                return Ok(own);
            }
            let debian_is_complete = self.options.toolchain == Choice::Auto && toolchain::debian_is_there();
            if !debian_is_complete && self.fetch(target)? {
                return Ok(own);
            }
        }
        if self.options.toolchain == Choice::Own {
            bail!("the toolchain in use can't build for {} Windows, and rustup can't fetch the target", target.name);
        }
        Ok(self.needs_debian(target))
    }

    /// Something is going to be built for `target` by Debian's toolchain.
    pub(crate) fn needs_debian(&mut self, target: Target) -> Toolchain {
        self.need(Need::DebianRust);
        if self.clippy {
            self.need(Need::DebianClippy);
        }
        Toolchain::debian(self.workspace, target)
    }

    /// Lets rustup fetch a target. Whether it is, or would be, there now.
    fn fetch(&mut self, target: Target) -> Result<bool> {
        let own = Toolchain::own(self.workspace, target);
        let (Some(rustup), Some(triple)) = (Rustup::find(self.workspace), own.triple()) else {
            return Ok(false);
        };
        if self.options.no_install {
            self.missing_targets.push(triple);
            return Ok(true);
        }
        eprintln!("Installing with rustup: the target {triple}");
        match rustup.add(target) {
            Ok(()) => Ok(true),
            Err(reason) => {
                eprintln!("{reason:#}");
                Ok(false)
            }
        }
    }

    fn need(&mut self, need: Need) {
        if !need.is_there(self.workspace) && !self.missing.contains(&need) {
            self.missing.push(need);
        }
    }

    /// Installs what is missing, after saying so.
    ///
    /// # Errors
    /// With `--no-install` when anything is missing, on a system without apt, and when installing fails.
    pub(crate) fn carry_out(self) -> Result<()> {
        if self.missing.is_empty() && self.missing_targets.is_empty() {
            return Ok(());
        }
        let mut packages = Vec::new();
        eprintln!("Missing on this machine:");
        for triple in &self.missing_targets {
            let instead = Need::DebianRust.packages().join(" ");
            eprintln!("  - the Rust target {triple} (from rustup; if that can't, packages on Debian: {instead})");
        }
        for need in &self.missing {
            eprintln!("  - {}", need.on_debian());
            packages.extend(need.packages());
        }
        if self.options.no_install {
            bail!("nothing was installed (--no-install)");
        }
        if !packages.is_empty() {
            let apt = Apt::find()?;
            eprintln!("Installing with {}: {}", apt.how(), packages.join(" "));
            apt.install(&packages)?;
        }
        if self.missing.contains(&Need::Wine32) {
            eprintln!("Fetching with apt-get, without installing: libwine for i386");
            wine::fetch_32_bit(self.workspace)?;
        }
        for need in &self.missing {
            if !need.is_there(self.workspace) {
                bail!("still missing after the installation: {}", need.on_debian());
            }
        }
        Ok(())
    }
}

/// apt-get, with the rights that installing takes.
struct Apt {
    sudo: bool,
}

impl Apt {
    fn find() -> Result<Self> {
        on_path("apt-get")
            .context("only Debian and Ubuntu are set up from here: install by hand what is listed above")?;
        let id = Task::new("id", Duration::from_secs(10)).arg("-u").run(Output::KeepStdout)?.check()?;
        let sudo = id.output.trim() != "0";
        if sudo {
            on_path("sudo").context("installing takes root or sudo: install by hand what is listed above")?;
        }
        Ok(Self { sudo })
    }

    fn how(&self) -> &'static str {
        if self.sudo { "sudo apt-get" } else { "apt-get" }
    }

    fn install(&self, packages: &[&str]) -> Result<()> {
        // The lists of a new machine are old or not there at all. An error here shows itself below if it matters.
        self.run(&["update"]).ok();
        // --no-remove: whatever is in the way of a package is the user's to remove.
        let mut args = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
        args.extend(packages);
        self.run(&args)
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        let mut line = Vec::new();
        if self.sudo {
            line.push("sudo");
        }
        // Through env, since sudo drops the variables of its caller.
        line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]);
        line.extend(args);
        let task = Task::new(line[0], APT_LIMIT).args(&line[1..]);
        let finished = task.run(Output::Keep)?.check()?;
        eprintln!("  apt-get {}: done in {} s", args[0], finished.elapsed.as_secs());
        Ok(())
    }
}
