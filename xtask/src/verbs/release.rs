use crate::prelude::*;
use crate::setup::cargo_tool;

/// What a package holds, and nothing else: the beginnings of paths.
const SHIPPED: &str =
    "CHANGELOG.md Cargo.lock Cargo.toml LICENSE-APACHE LICENSE-MIT README.md build.rs docs/ examples/ src/ tests/";

/// Check what a release would ship: the package, dependencies and the interface
///
/// Looks at the content of the package and builds it; runs cargo-deny on dependencies, and cargo-semver-checks on
/// what has changed in the interface since the last tag. Publishes nothing. See RELEASING.md for the rest.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Don't look for security advisories, whose database lies on another server than the crates
    #[arg(long)]
    no_advisories: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    cargo_tool(workspace, "cargo-deny", "0.20.2")?;
    let cargo = |args: &[&str]| Toolchain::host(workspace).cargo(workspace, args[0]).args(&args[1..]);
    let package = ["package", "--package", "ntpark", "--allow-dirty"];
    let mut steps = vec![
        ("package, build", cargo(&package).arg("--quiet")),
        ("dependencies, all", cargo(&["deny", "--workspace", "check", "licenses", "sources"])),
        ("package, build, locks", cargo(&[&package[..], &["--package", "ntpark-locks"]].concat()).arg("--quiet")),
        // The same crate twice matters only to users, not in tools.
        ("dependencies, users'", cargo(&["deny", "check", "bans", "licenses", "sources"])),
    ];
    if !options.no_advisories {
        steps.push(("advisories", cargo(&["deny", "--workspace", "check", "advisories"])));
    }
    let tags = ["tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*"];
    let tags = Task::new("git").dir(&workspace.root).args(tags).run(Output::KeepStdout)?.check()?.output;
    if let Some(tag) = tags.lines().next() {
        cargo_tool(workspace, "cargo-semver-checks", "0.51.0")?;
        steps.push(("interface", cargo(&["semver-checks", "--package", "ntpark", "--baseline-rev", tag])));
    }

    let mut report = Report::default();
    report.group("release");
    report.step("package, content", || {
        let list = cargo(&package).arg("--list").run(Output::KeepStdout)?.check()?.output.replace('\\', "/");
        let mut paths = list.lines().filter(|path| *path != ".cargo_vcs_info.json");
        let missing = SHIPPED.split(' ').find(|beginning| !list.lines().any(|path| path.starts_with(beginning)));
        let unexpected = paths.find(|path| !SHIPPED.split(' ').any(|beginning| path.starts_with(beginning)));
        ensure!(missing.or(unexpected).is_none(), "missing is {missing:?}, not expected is {unexpected:?}");
        Ok(())
    })?;
    for (name, task) in steps {
        report.step(name, || task.run(Output::Keep)?.check().map(drop))?;
    }
    report.summary()
}
