//! Where programs are built for and run: this machine, and Windows.

use crate::debian::{MMDEBSTRAP, Root};
use crate::prelude::*;

/// The Debian whose Wine 10 is tried beside the one that is installed.
const WITH_WINE_10: &str = "trixie";

/// A place, set up.
pub(crate) struct Place<'a> {
    workspace: &'a Workspace,
    pub(crate) name: String,
    pub(crate) toolchain: Toolchain,
    /// The backends that there are.
    pub(crate) backends: &'static [Backend],
    /// `None` is this machine.
    target: Option<Target>,
    is_wine_10: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn native(workspace: &'a Workspace) -> Self {
        let (name, toolchain) = ("native".to_owned(), Toolchain::host(workspace));
        Self { workspace, name, toolchain, backends: &[Backend::Host], target: None, is_wine_10: false }
    }

    /// Windows, with all that it takes to build and run programs there; under that version of Wine, if one is given.
    pub(crate) fn windows(workspace: &'a Workspace, target: Target, wine: Option<u32>) -> Result<Self> {
        let is_wine_10 = wine.is_some();
        let mut setup = Setup::new(workspace);
        if is_wine_10 {
            setup.needs_tool(MMDEBSTRAP)
        } else {
            setup.needs_wine(target)
        }
        let toolchain = setup.needs_linked(target)?;
        setup.carry_out()?;
        let name = format!("{}{}", target.name, if is_wine_10 { " Wine 10" } else { "" });
        Ok(Self { workspace, name, toolchain, backends: &Backend::WINDOWS, target: Some(target), is_wine_10 })
    }

    /// The places for the backends that were asked for, each with its backends; if none was, for `defaults` and,
    /// elsewhere than on Windows, the host.
    pub(crate) fn of_backends(
        workspace: &'a Workspace,
        asked: &[Backend],
        defaults: &[Backend],
        target: Target,
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
    pub(crate) fn runner(&self) -> Result<Runner> {
        match self.target {
            None => Ok(Runner::default()),
            Some(target) if !self.is_wine_10 => Runner::windows(self.workspace, target),
            Some(_) => Runner::in_root(self.workspace, Root::get(self.workspace, WITH_WINE_10, false)?, WITH_WINE_10),
        }
    }

    pub(crate) fn build(&self, build: Build<'_>) -> Result<Vec<Program>> {
        build.run(self.workspace, &self.toolchain)
    }

    /// Builds one program, and tells how it is run.
    pub(crate) fn program(&self, build: Build<'_>) -> Result<(Program, Runner)> {
        Ok((build.one(self.workspace, &self.toolchain)?, self.runner()?))
    }
}
