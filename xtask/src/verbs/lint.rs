//! `cargo xtask lint`: formatting, clippy, documentation and the oldest compiler, without a warning.

use anyhow::Result;

use crate::c_library;
use crate::msrv;
use crate::process::{Output, Task};
use crate::report::Report;
use crate::setup::Setup;
use crate::toolchain::{Target, Toolchain};
use crate::verbs::header;
use crate::workspace::Workspace;

/// Packages in workspaces of their own, which this one knows nothing of.
const APART: [&str; 2] = ["examples/no_crt/Cargo.toml", "benches/programs/Cargo.toml"];

/// Check formatting, clippy and documentation, on this machine and for Windows, and the oldest Rust
///
/// Every warning is an error, but for those of the oldest Rust that is promised. Nothing is changed: `cargo fmt`
/// formats.
#[derive(clap::Args)]
pub(crate) struct Options {}

/// Runs all checks, and fails if one of them does.
pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let mut setup = Setup::new(workspace);
    setup.needs_clippy();
    let windows = setup.needs_target(Target::X86_64)?;
    let mut msvc = Vec::new();
    for target in Target::MSVC {
        msvc.push((target.name, setup.needs_target(target)?));
    }
    setup.carry_out()?;
    let host = Toolchain::host(workspace);

    let clippy = |toolchain: &Toolchain, what: &[&str]| {
        toolchain.cargo(workspace, "clippy").args(what).args(["--", "--deny", "warnings"])
    };
    let format = |what: &[&str]| host.cargo(workspace, "fmt").args(["--all", "--check"]).args(what);
    let doc = |toolchain: &Toolchain| {
        let task = toolchain.cargo(workspace, "doc").args(["--package", "ntpark", "--no-deps"]);
        task.env("RUSTDOCFLAGS", "--deny warnings")
    };
    let all = ["--workspace", "--all-targets"];
    let mut steps: Vec<(String, Task)> = vec![
        ("format".into(), format(&[])),
        ("clippy, this machine".into(), clippy(&host, &all)),
        ("clippy, Windows".into(), clippy(&windows, &all)),
        // In its own profile the C library is without std, on every target alike.
        ("clippy, C library".into(), clippy(&msvc[0].1, &["--package", "ntpark-ffi", "--profile", c_library::PROFILE])),
        ("documentation, this machine".into(), doc(&host)),
        ("documentation, Windows".into(), doc(&windows)),
    ];
    for (name, toolchain) in &msvc {
        steps.push((format!("clippy, {name}"), clippy(toolchain, &["--package", "ntpark", "--lib"])));
    }
    for manifest in APART {
        let of_it = ["--manifest-path", manifest];
        steps.push((format!("format, {manifest}"), format(&of_it)));
        steps.push((format!("clippy, {manifest}"), clippy(&windows, &of_it)));
    }
    steps.extend(msrv::checks(workspace)?);

    let mut report = Report::default();
    report.group("lint");
    for (name, task) in steps {
        report.step(&name, || task.run(Output::Keep)?.check().map(drop))?;
    }
    report.step("C header", || header::check(workspace))?;
    report.summary()
}
