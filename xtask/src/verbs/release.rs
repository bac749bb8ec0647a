//! `cargo xtask release`: what a release has to pass, beside the tests. It publishes nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{Output, Task, on_path};
use crate::report::Report;
use crate::toolchain::Toolchain;
use crate::tools::{ACTIONLINT, CARGO_DENY};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The folders and files that a package may hold, and no others.
const SHIPPED: [&str; 11] = [
    ".cargo_vcs_info.json",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "build.rs",
    "examples",
    "src",
];

/// Check what a release would ship: the package, dependencies, workflows and the interface
///
/// Looks at the content of the package and builds it; lets cargo-deny look at dependencies, actionlint at the
/// workflows, and cargo-semver-checks at what has changed in the interface since the last tag. Publishes
/// nothing. See RELEASING.md for the rest.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Don't look for security advisories, whose database lies on another server than the crates
    #[arg(long)]
    no_advisories: bool,
    /// Install no checkers: fail if one is missing
    #[arg(long)]
    no_install: bool,
}

/// Runs all checks, and fails if one of them does.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut report = Report::default();
    report.step("package, content", || content(workspace))?;
    report.step("package, build", || {
        let package = cargo(workspace, "package").args(["--package", "ntpark", "--allow-dirty", "--quiet"]);
        package.run(Output::Keep)?.check().map(drop)
    })?;
    report.step("dependencies, all", || deny(workspace, options, &["--workspace", "check", "licenses", "sources"]))?;
    // Twice the same crate in tools is their affair.
    report.step("dependencies, users'", || deny(workspace, options, &["check", "bans", "licenses", "sources"]))?;
    if options.no_advisories {
        println!("{:<32} left out", "advisories");
    } else {
        report.step("advisories", || deny(workspace, options, &["--workspace", "check", "advisories"]))?;
    }
    report.step("workflows", || workflows(workspace, options))?;
    match last_tag(workspace)? {
        Some(tag) => report.step("interface", || interface(workspace, &tag))?,
        None => println!("{:<32} left out: nothing has been released, there is no tag v…", "interface"),
    }
    report.verdict()
}

fn cargo(workspace: &Workspace, subcommand: &str) -> Task {
    Toolchain::host(workspace).cargo(workspace, subcommand)
}

/// Nothing is shipped that a user does not need.
fn content(workspace: &Workspace) -> Result<()> {
    let list = cargo(workspace, "package").args(["--package", "ntpark", "--allow-dirty", "--list"]);
    let list = list.run(Output::KeepStdout)?.check()?.output;
    let strangers = strangers(&list);
    if !strangers.is_empty() {
        bail!("these would be shipped, and are not expected to be: {}", strangers.join(", "));
    }
    for needed in ["src/lib.rs", "build.rs", "README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        if !list.lines().any(|line| line == needed) {
            bail!("{needed} would not be shipped");
        }
    }
    Ok(())
}

fn strangers(list: &str) -> Vec<&str> {
    let first = |path: &str| path.split(['/', '\\']).next().unwrap_or_default().to_owned();
    list.lines().filter(|path| !SHIPPED.contains(&first(path).as_str())).collect()
}

fn deny(workspace: &Workspace, options: &Options, arguments: &[&str]) -> Result<()> {
    let program = CARGO_DENY.get(workspace, !options.no_install)?;
    let task = Task::new(program, LIMIT).dir(workspace.root()).args(arguments);
    task.run(Output::Keep)?.check().map(drop)
}

fn workflows(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = ACTIONLINT.get(workspace, !options.no_install)?;
    Task::new(program, LIMIT).dir(workspace.root()).run(Output::Keep)?.check().map(drop)
}

/// The tag of the last release.
fn last_tag(workspace: &Workspace) -> Result<Option<String>> {
    let task =
        Task::new("git", LIMIT).dir(workspace.root()).args(["tag", "--merged", "HEAD", "--sort=-version:refname"]);
    let tags = task.args(["--list", "v*"]).run(Output::KeepStdout)?.check()?.output;
    Ok(tags.lines().next().map(str::to_owned))
}

/// What has changed in the interface since then needs no higher version than the one in the manifest.
fn interface(workspace: &Workspace, tag: &str) -> Result<()> {
    on_path("cargo-semver-checks").context("it takes `cargo install --locked cargo-semver-checks`")?;
    let task = cargo(workspace, "semver-checks").args(["--package", "ntpark", "--baseline-rev", tag]);
    task.run(Output::Keep)?.check().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_needs_is_noticed() {
        assert!(strangers("Cargo.toml\nsrc/lib.rs\nexamples/probe/main.rs").is_empty());
        assert_eq!(strangers("src/lib.rs\nxtask/src/main.rs\n.ci/run"), ["xtask/src/main.rs", ".ci/run"]);
    }
}
