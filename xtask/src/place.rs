//! Where programs are built for and run: this machine, and Windows.

use anyhow::Result;

use crate::backend::Backend;
use crate::cargo::{Build, Program};
use crate::debian::{MMDEBSTRAP, Root};
use crate::setup::Setup;
use crate::toolchain::{Target, Toolchain, WindowsTarget};
use crate::wine::Runner;
use crate::workspace::Workspace;

/// The Debian whose Wine is tried beside the one that is installed: its version of Wine, and its name.
const WINE_ELSEWHERE: (u32, &str) = (10, "trixie");

/// A place, set up.
pub(crate) struct Place<'a> {
    workspace: &'a Workspace,
    pub(crate) name: String,
    pub(crate) toolchain: Toolchain,
    /// The backends that there are.
    pub(crate) backends: &'static [Backend],
    /// `None` is this machine.
    target: Option<Target>,
    /// Whether programs run under [`WINE_ELSEWHERE`].
    is_elsewhere: bool,
}

impl<'a> Place<'a> {
    /// This machine.
    pub(crate) fn native(workspace: &'a Workspace) -> Self {
        let toolchain = Toolchain::host(workspace);
        let name = "native".to_owned();
        Self { workspace, name, toolchain, backends: &[Backend::Host], target: None, is_elsewhere: false }
    }

    /// Windows, with all that it takes to build and run programs there; under that version of Wine, if one is given.
    ///
    /// # Errors
    /// When something is missing and can't be installed.
    pub(crate) fn windows(workspace: &'a Workspace, target: WindowsTarget, wine: Option<u32>) -> Result<Self> {
        let target = target.target();
        let is_elsewhere = wine.is_some();
        let mut setup = Setup::new(workspace);
        setup.needs_linker(target);
        if is_elsewhere {
            setup.needs_tool(MMDEBSTRAP)
        } else {
            setup.needs_wine(target)
        }
        let toolchain = setup.needs_target(target)?;
        setup.carry_out()?;
        let name = wine.map_or_else(|| target.name.to_owned(), |version| format!("{} Wine {version}", target.name));
        Ok(Self { workspace, name, toolchain, backends: &Backend::WINDOWS, target: Some(target), is_elsewhere })
    }

    /// The places for the backends that were asked for, or else for `defaults` and, elsewhere than on Windows, the
    /// host; each with its backends.
    ///
    /// # Errors
    /// As [`Self::windows`].
    pub(crate) fn of_backends(
        workspace: &'a Workspace,
        asked: &[Backend],
        defaults: &[Backend],
        target: WindowsTarget,
    ) -> Result<Vec<(Self, Vec<Backend>)>> {
        let host = (!cfg!(windows)).then_some(Backend::Host);
        let defaults: Vec<Backend> = defaults.iter().copied().chain(host).collect();
        let asked = if asked.is_empty() { &defaults } else { asked };
        let (native, windows): (Vec<_>, Vec<_>) = asked.iter().partition(|&&backend| backend == Backend::Host);
        let mut places = Vec::new();
        if !windows.is_empty() {
            places.push((Self::windows(workspace, target, None)?, windows));
        }
        if !native.is_empty() {
            places.push((Self::native(workspace), native));
        }
        Ok(places)
    }

    /// How programs run here; under Wine, woken.
    ///
    /// # Errors
    /// When Wine can't be started.
    pub(crate) fn runner(&self) -> Result<Runner> {
        match self.target {
            None => Ok(Runner::native()),
            Some(target) if !self.is_elsewhere => Runner::windows(self.workspace, target),
            Some(_) => {
                let root = Root::get(self.workspace, WINE_ELSEWHERE.1, false)?;
                Runner::in_root(self.workspace, root, WINE_ELSEWHERE.1)
            }
        }
    }

    /// Builds for this place.
    ///
    /// # Errors
    /// When cargo fails.
    pub(crate) fn build(&self, build: Build<'_>) -> Result<Vec<Program>> {
        build.run(self.workspace, &self.toolchain)
    }

    /// Builds one program, and tells how it is run.
    ///
    /// # Errors
    /// When cargo fails, or Wine can't be started.
    pub(crate) fn program(&self, build: Build<'_>) -> Result<(Program, Runner)> {
        Ok((build.one(self.workspace, &self.toolchain)?, self.runner()?))
    }
}
