use crate::prelude::*;
use crate::toolchain;
use crate::verbs::test::PARKING_LOT;
use crate::verbs::{dist, header, kernel};

/// Packages in workspaces of their own, which this one knows nothing of: those for Windows, and the kernels.
const APART: [&str; 2] = ["examples/no_crt/Cargo.toml", "benches/programs/Cargo.toml"];
/// The oldest Rust that is promised: the workspace's `rust-version`, which xtask shares.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");
/// What it checks for, beside this machine.
const OLDEST_FOR: &str = "x86_64-pc-windows-msvc";

/// Check formatting, clippy and documentation, on this machine and for Windows, and the oldest Rust
///
/// Every warning is an error, except those of the oldest Rust that is promised, which rustup provides. Nothing is
/// changed: `cargo fmt` formats.
#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let mut setup = Setup::new(workspace);
    let windows = setup.needs_target(Target::X86_64)?;
    let mut msvc = Vec::new();
    for target in Target::MSVC {
        msvc.push((target.name, setup.needs_target(target)?));
    }
    let mut apart: Vec<_> = APART.map(|manifest| (manifest, windows.clone(), "--workspace")).into();
    apart.extend(PARKING_LOT.map(|manifest| (manifest, windows.clone(), "--all-targets")));
    for board in &kernel::BOARDS {
        apart.push(("examples/kernels/Cargo.toml", setup.needs_target(Target::bare(board.triple))?, "--workspace"));
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
        ("clippy, C library".into(), clippy(&msvc[0].1, &["--package", "ntpark-ffi", "--profile", dist::PROFILE])),
        ("documentation, this machine".into(), doc(&host)),
        ("documentation, Windows".into(), doc(&windows)),
    ];
    let lib = ["--package", "ntpark", "--lib"];
    steps.extend(msvc.iter().map(|(name, toolchain)| (format!("clippy, {name}"), clippy(toolchain, &lib))));
    for (manifest, toolchain, targets) in &apart {
        let (of_it, triple) = (["--manifest-path", manifest], toolchain.triple.unwrap_or_default());
        steps.push((format!("format, {manifest}"), format(&of_it)));
        let clippy = clippy(toolchain, &["--manifest-path", manifest, targets]);
        steps.push((format!("clippy, {manifest}, {triple}"), clippy));
    }

    let mut report = Report::default();
    report.group("lint");
    for (name, task) in steps {
        report.step(&name, || task.run(Output::Keep)?.check().map(drop))?;
    }
    report.step("C header", || header::check(workspace))?;
    report.group(format!("Rust {OLDEST}"));
    let rustc = toolchain::of_rustup(workspace, OLDEST, "rustc");
    if !toolchain::has_core(&rustc, OLDEST_FOR) {
        let install = ["toolchain", "install", OLDEST, "--profile", "minimal", "--target", OLDEST_FOR];
        if !toolchain::rustup_if_it_can(workspace, &install)? {
            return report.summary();
        }
    }
    for (name, what) in [("this machine", &["--all-targets"][..]), (OLDEST_FOR, &["--lib", "--target", OLDEST_FOR])] {
        let cargo = toolchain::of_rustup(workspace, OLDEST, "cargo").args(["check", "--package", "ntpark"]).args(what);
        let task = cargo.env("CARGO_TARGET_DIR", workspace.target.join("oldest"));
        report.step(name, || task.run(Output::Keep)?.check().map(drop))?;
    }
    report.summary()
}
