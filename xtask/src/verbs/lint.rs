//! `cargo xtask lint`: formatting, clippy and documentation, without a warning.

use anyhow::Result;

use crate::cargo::LOOM;
use crate::process::{Output, Task};
use crate::report::Report;
use crate::setup::{self, Setup};
use crate::toolchain::{Target, Toolchain};
use crate::verbs::dist;
use crate::verbs::{diagram, header};
use crate::workspace::Workspace;

/// Check formatting, clippy and documentation, on this machine and for Windows
///
/// Every warning is an error. Nothing is changed: `cargo fmt` formats.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: setup::SetupOptions,
}

/// Runs all checks, and fails if one of them does.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut setup = Setup::new(workspace, &options.setup);
    setup.needs_clippy();
    let windows = setup.needs_target(Target::X86_64)?;
    let mut msvc = Vec::new();
    for target in Target::MSVC {
        msvc.push((target, setup.needs_target(target)?));
    }
    setup.carry_out()?;
    let host = Toolchain::host(workspace);

    let mut steps = vec![
        ("format".to_owned(), Toolchain::host(workspace).cargo(workspace, "fmt").args(["--all", "--check"])),
        ("clippy, this machine".to_owned(), clippy(workspace, &host, &["--workspace", "--all-targets"])),
        (format!("clippy, {}", Target::X86_64.name), clippy(workspace, &windows, &["--workspace", "--all-targets"])),
    ];
    for (target, toolchain) in &msvc {
        steps.push((
            format!("clippy, {}", target.name),
            clippy(workspace, toolchain, &["--package", "ntpark", "--lib"]),
        ));
    }
    // The library's tests on loom, some of whose code is theirs alone.
    let loom = clippy(workspace, &host, &["--package", "ntpark", "--lib", "--profile", "test"]);
    steps.push(("clippy, loom".to_owned(), loom.env("RUSTFLAGS", LOOM)));
    // In its own profile the C library is without std, on every target alike.
    let c_library = ["--package", "ntpark-ffi", "--profile", dist::PROFILE];
    steps.push(("clippy, C library".to_owned(), clippy(workspace, &msvc[0].1, &c_library)));
    // Workspaces of their own, which this one knows nothing of.
    for (name, manifest) in [("no_crt", "examples/no_crt/Cargo.toml"), ("programs", "benches/programs/Cargo.toml")] {
        let of_it = ["--manifest-path", manifest];
        let format = Toolchain::host(workspace).cargo(workspace, "fmt").arg("--all").args(of_it).arg("--check");
        steps.push((format!("format, {name}"), format));
        steps.push((format!("clippy, {name}"), clippy(workspace, &windows, &of_it)));
    }
    steps.push(("documentation, this machine".to_owned(), doc(workspace, &host)));
    steps.push((format!("documentation, {}", Target::X86_64.name), doc(workspace, &windows)));

    let mut report = Report::default();
    for (name, task) in steps {
        report.step(&name, || task.run(Output::Keep)?.check().map(drop))?;
    }
    report.step("C header", || header::check(workspace))?;
    report.step("diagrams", || diagram::check(workspace))?;
    report.verdict()
}

fn clippy(workspace: &Workspace, toolchain: &Toolchain, what: &[&str]) -> Task {
    toolchain.cargo(workspace, "clippy").args(what).args(["--", "--deny", "warnings"])
}

fn doc(workspace: &Workspace, toolchain: &Toolchain) -> Task {
    let task = toolchain.cargo(workspace, "doc").args(["--package", "ntpark", "--no-deps"]);
    task.env("RUSTDOCFLAGS", "--deny warnings")
}
