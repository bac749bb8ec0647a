//! Building programs with cargo and finding what was built.

use cargo_metadata::{Artifact, Message};

use crate::prelude::*;

/// A build.
#[derive(Clone, Copy)]
pub(crate) struct Build<'a> {
    pub(crate) package: &'a str,
    /// Cargo's subcommand, `build` or `test`, and what of the package is built.
    pub(crate) what: &'a [&'a str],
    /// `None` is cargo's own choice.
    pub(crate) profile: Option<&'a str>,
    /// The manifest, seen from the checkout's root, of a package in a workspace of its own.
    pub(crate) manifest: Option<&'a str>,
}

/// A program that cargo has built.
pub(crate) struct Program {
    /// The name of the cargo target: the example, the integration test, or the library itself.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The folder of its package, in which cargo runs it.
    pub(crate) package_dir: PathBuf,
}

impl<'a> Build<'a> {
    pub(crate) const fn new(package: &'a str, what: &'a [&'a str]) -> Self {
        Self { package, what, profile: None, manifest: None }
    }

    pub(crate) const fn release(package: &'a str, what: &'a [&'a str]) -> Self {
        Self { profile: Some("release"), ..Self::new(package, what) }
    }

    /// Builds with `toolchain`. Cargo's messages go to standard error.
    pub(crate) fn run(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<Program>> {
        let (subcommand, what) = self.what.split_first().context("nothing to build")?;
        let mut task = toolchain.cargo(workspace, subcommand).args(what).args(["--package", self.package]);
        task = task.args((*subcommand == "test").then_some("--no-run"));
        task = task.arg("--message-format=json-render-diagnostics");
        task = task.args(self.profile.map(|profile| format!("--profile={profile}")));
        task = task.args(self.manifest.map(|path| format!("--manifest-path={path}")));
        let mut finished = task.run(Output::KeepStdout)?;
        // The messages are for programs; what a person needs has been on standard error.
        let messages = std::mem::take(&mut finished.output);
        finished.check()?;
        let programs = programs(&messages, *subcommand == "test")?;
        ensure!(!programs.is_empty(), "cargo built no program of {}", self.package);
        Ok(programs)
    }

    /// Builds the only program that comes out of it.
    pub(crate) fn one(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Program> {
        self.run(workspace, toolchain)?.pop().context("cargo built no program")
    }
}

/// The programs in cargo's messages: the test programs, or the others.
fn programs(messages: &str, is_test: bool) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        if let Message::CompilerArtifact(Artifact { target, manifest_path, executable: Some(path), profile, .. }) =
            message?
        {
            let package_dir = manifest_path.parent().context("a manifest lies in no folder")?;
            if profile.test == is_test {
                programs.push(Program { name: target.name, path: path.into(), package_dir: package_dir.into() });
            }
        }
    }
    // Cargo reports them as they are ready; two runs should look alike.
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}
