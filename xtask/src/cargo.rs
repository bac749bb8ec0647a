//! Building programs with cargo and finding what was built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process::Output;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The flags for the loom tests.
pub(crate) const LOOM: &str = "--cfg loom";

/// What to build.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// One example of the package.
    Example(&'a str),
    /// The programs of the package.
    Programs,
    /// All examples of the package that are programs.
    Examples,
    /// All test programs of the package: unit tests and integration tests.
    Tests,
    /// The unit tests of the package's library.
    LibraryTests,
    /// The same, without the examples that cargo builds along with them.
    TestsAlone,
    /// The unit tests of the package's program of the same name.
    UnitTests,
}

/// A build; the fields that are left at their default say nothing to cargo.
pub(crate) struct Build<'a> {
    /// The package.
    pub(crate) package: &'a str,
    /// What of it.
    pub(crate) what: What<'a>,
    /// The profile; `None` is cargo's own choice.
    pub(crate) profile: Option<&'a str>,
    /// Features, beside the default ones.
    pub(crate) features: &'a [&'a str],
    /// Flags for rustc. Different flags make cargo build everything anew, std included where it is built.
    pub(crate) rustflags: &'a str,
    /// `cfg`s for the library's tests alone, which are all that is built anew for them.
    pub(crate) cfgs: &'a [&'a str],
}

/// A program that cargo has built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of the cargo target: the example, the integration test, or the library itself.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// The folder of its package, which cargo runs it in.
    pub(crate) package_dir: PathBuf,
}

impl<'a> Build<'a> {
    /// A plain build of `what` of `package`.
    pub(crate) fn new(package: &'a str, what: What<'a>) -> Self {
        Self { package, what, profile: None, features: &[], rustflags: "", cfgs: &[] }
    }

    /// Builds with `toolchain` and tells what programs came out of it. Cargo's messages go to standard error.
    ///
    /// # Errors
    /// When cargo fails.
    pub(crate) fn run(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<Program>> {
        let mut task = match self.what {
            What::Example(name) => toolchain.cargo(workspace, "build").args(["--example", name]),
            What::Programs => toolchain.cargo(workspace, "build").arg("--bins"),
            What::Examples => toolchain.cargo(workspace, "build").arg("--examples"),
            What::Tests => toolchain.cargo(workspace, "test").arg("--no-run"),
            What::LibraryTests if self.cfgs.is_empty() => {
                toolchain.cargo(workspace, "test").args(["--no-run", "--lib"])
            }
            What::LibraryTests => toolchain.cargo(workspace, "rustc").args(["--lib", "--profile", "test"]),
            What::TestsAlone => toolchain.cargo(workspace, "test").args(["--no-run", "--lib", "--tests"]),
            What::UnitTests => toolchain.cargo(workspace, "test").args(["--no-run", "--bin", self.package]),
        };
        task = task.args(["--package", self.package, "--message-format=json-render-diagnostics"]);
        if let Some(profile) = self.profile {
            task = task.args(["--profile", profile]);
        }
        if !self.features.is_empty() {
            task = task.args(["--features", &self.features.join(",")]);
        }
        if !self.rustflags.is_empty() {
            let users = std::env::var("RUSTFLAGS").unwrap_or_default();
            task = task.env("RUSTFLAGS", format!("{users} {}", self.rustflags).trim());
        }
        if !self.cfgs.is_empty() {
            task = task.arg("--").args(self.cfgs.iter().flat_map(|cfg| ["--cfg", cfg]));
        }
        let mut finished = task.run(Output::KeepStdout)?;
        // The messages are for programs; what a person needs has been on standard error.
        let messages = std::mem::take(&mut finished.output);
        finished.check()?;
        programs(&messages, matches!(self.what, What::Tests | What::LibraryTests | What::TestsAlone | What::UnitTests))
    }
}

/// The messages of cargo that tell of a program.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    executable: Option<PathBuf>,
    target: Option<MessageTarget>,
    profile: Option<MessageProfile>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

#[derive(Deserialize)]
struct MessageProfile {
    test: bool,
}

/// The programs in cargo's messages: the test programs, or those that are none.
///
/// # Errors
/// When a message is not what cargo writes.
pub(crate) fn programs(messages: &str, tests: bool) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).context("cargo's message can't be read")?;
        if message.reason != "compiler-artifact" {
            continue;
        }
        let (Some(path), Some(target), Some(profile)) = (message.executable, message.target, message.profile) else {
            continue;
        };
        if profile.test == tests {
            let package_dir = message.manifest_path.as_deref().and_then(Path::parent);
            let package_dir = package_dir.context("cargo's message names no package")?.to_owned();
            programs.push(Program { name: target.name, path, package_dir });
        }
    }
    // Cargo tells of them as they are ready; two runs ought to look alike.
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","target":{"name":"bitflags","kind":["lib"]},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"handoff","kind":["example"]},"profile":{"test":false},"executable":"/t/handoff.exe"}
not JSON
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"token","kind":["test"]},"profile":{"test":true},"executable":"/t/token-1.exe"}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn tests_and_programs_are_told_apart() {
        let one =
            |name: &str, path: &str| vec![Program { name: name.into(), path: path.into(), package_dir: "/p".into() }];
        assert_eq!(programs(MESSAGES, true).expect("readable"), one("token", "/t/token-1.exe"));
        assert_eq!(programs(MESSAGES, false).expect("readable"), one("handoff", "/t/handoff.exe"));
    }

    #[test]
    fn a_broken_message_is_an_error() {
        assert!(programs("{\"reason\":", true).is_err());
    }
}
