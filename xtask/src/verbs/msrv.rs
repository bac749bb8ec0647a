//! `cargo xtask msrv`: the crate, its tests and examples with the oldest Rust that is promised.
//!
//! That compiler is rustup's, where it is installed or can be had, else the one that Debian 12 kept beside
//! its newer one; it is unpacked under cargo's target directory, and installed nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::process::{Output, Task, on_path};
use crate::report::Report;
use crate::workspace::Workspace;

const QUESTION_LIMIT: Duration = Duration::from_secs(60);
const FETCH_LIMIT: Duration = Duration::from_secs(10 * 60);
const CHECK_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Checked without std, as far as `core` goes.
const WINDOWS: &str = "x86_64-pc-windows-msvc";

/// Debian's packages of it: the compiler, its libraries, the source of std, and the LLVM that it runs on.
const DEBIAN_RELEASE: &str = "1.85";
const DEBIAN_VERSION: &str = "1.85.0+dfsg3-1~deb12u3";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "libstd-rust-web-1.85", "libstd-rust-web-dev", "rust-web-src"];
const DEBIAN_LLVM: &str = "libllvm19";

/// Check with the oldest Rust that is promised
///
/// Checks the crate, its tests and its examples for this machine, and the crate for Windows.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fetch no compiler: fail if there is none
    #[arg(long)]
    no_install: bool,
}

/// Where the compiler comes from.
enum Compiler {
    /// rustup's toolchain of that version.
    Rustup(String),
    /// Debian's, with a starter that tells it where its libraries are.
    Debian { rustc: PathBuf },
}

/// Runs the checks.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let version = promised(workspace)?;
    let compiler = Compiler::find(workspace, &version, !options.no_install)?;
    let said = compiler.version(workspace)?;
    if !said.starts_with(&format!("rustc {version}.")) {
        bail!("rust-version is {version}, but this is {said}");
    }
    println!("{said}");
    let mut report = Report::default();
    report.step("this machine, all targets", || check(&compiler, workspace, &["--all-targets"]))?;
    report.step(WINDOWS, || match compiler {
        Compiler::Rustup(_) => check(&compiler, workspace, &["--lib", "--target", WINDOWS]),
        Compiler::Debian { .. } => check(&compiler, workspace, &["--lib", "--target", WINDOWS, "-Zbuild-std=core"]),
    })?;
    report.verdict()
}

fn check(compiler: &Compiler, workspace: &Workspace, what: &[&str]) -> Result<()> {
    compiler.cargo(workspace, "check").args(["--package", "ntpark"]).args(what).run(Output::Keep)?.check().map(drop)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    rust_version: Option<String>,
}

/// The version in the manifest.
fn promised(workspace: &Workspace) -> Result<String> {
    let task = Task::new(cargo(), QUESTION_LIMIT).dir(workspace.root());
    let task = task.args(["metadata", "--no-deps", "--format-version=1"]);
    let metadata: Metadata = serde_json::from_str(&task.run(Output::KeepStdout)?.check()?.output)?;
    let package = metadata.packages.into_iter().find(|package| package.name == "ntpark");
    package.and_then(|package| package.rust_version).context("the manifest has no rust-version")
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

impl Compiler {
    fn find(workspace: &Workspace, version: &str, may_install: bool) -> Result<Self> {
        if rustup_has(version) {
            return Ok(Self::Rustup(version.to_owned()));
        }
        let home = workspace.target().join("msrv");
        let rustc = home.join("rustc");
        if rustc.is_file() {
            return Ok(Self::Debian { rustc });
        }
        if !may_install {
            bail!("there is no Rust {version} here, from rustup or from Debian");
        }
        if version == DEBIAN_RELEASE && debian_offers_it() {
            eprintln!("Unpacking into {}: Debian's rustc-web {DEBIAN_VERSION}", home.display());
            unpack(&home)?;
            return Ok(Self::Debian { rustc });
        }
        eprintln!("Installing with rustup: Rust {version}");
        let task = Task::new("rustup", FETCH_LIMIT).args(["toolchain", "install", version, "--profile", "minimal"]);
        task.args(["--target", WINDOWS]).run(Output::Keep)?.check()?;
        Ok(Self::Rustup(version.to_owned()))
    }

    fn version(&self, workspace: &Workspace) -> Result<String> {
        let task = match self {
            Self::Rustup(version) => Task::new("rustup", QUESTION_LIMIT).args(["run", version, "rustc"]),
            Self::Debian { rustc } => Task::new(rustc, QUESTION_LIMIT),
        };
        Ok(task.arg("--version").dir(workspace.root()).run(Output::KeepStdout)?.check()?.output.trim().to_owned())
    }

    fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Task {
        let task = match self {
            Self::Rustup(version) => {
                let task = Task::new("rustup", CHECK_LIMIT).args(["run", version, "cargo"]);
                task.env_remove("RUSTC").env_remove("RUSTDOC").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN")
            }
            // The cargo in use, with the old compiler: cargo knows older ones. std is built from source for Windows.
            Self::Debian { rustc } => Task::new(cargo(), CHECK_LIMIT).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1"),
        };
        task.arg(subcommand).dir(workspace.root()).env("CARGO_TARGET_DIR", workspace.target().join("msrv/build"))
    }
}

fn rustup_has(version: &str) -> bool {
    let task = Task::new("rustup", QUESTION_LIMIT).args(["toolchain", "list"]);
    let finished = on_path("rustup").and_then(|_| task.run(Output::KeepStdout).ok());
    finished.is_some_and(|finished| {
        let is_it = |name: &str| name.strip_prefix(version).is_some_and(|rest| rest.starts_with(['-', '.', ' ']));
        finished.output.lines().any(|name| name == version || is_it(name))
    })
}

fn debian_offers_it() -> bool {
    let task = Task::new("apt-cache", QUESTION_LIMIT).args(["show", &format!("rustc-web={DEBIAN_VERSION}")]);
    on_path("apt-cache").and_then(|_| task.run(Output::Keep).ok()).is_some_and(|finished| finished.success())
}

/// Downloads Debian's packages, unpacks them below `home`, and puts a starter there.
fn unpack(home: &Path) -> Result<()> {
    fs::create_dir_all(home)?;
    let dir = tempfile::tempdir_in(home)?;
    let with_version = DEBIAN_PACKAGES.map(|package| format!("{package}={DEBIAN_VERSION}"));
    let task = Task::new("apt-get", FETCH_LIMIT).dir(dir.path()).args(["-q", "download"]);
    // As root, apt would download as a user of its own, who may not write here.
    let task = task.args(["-o", "APT::Sandbox::User=root"]);
    task.args(with_version).arg(DEBIAN_LLVM).run(Output::Keep)?.check()?;
    let root = dir.path().join("root");
    for entry in fs::read_dir(dir.path())?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            let task = Task::new("dpkg-deb", FETCH_LIMIT).arg("-x").arg(entry.path()).arg(&root);
            task.run(Output::Keep)?.check()?;
        }
    }
    let place = home.join("root");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::rename(&root, &place)?;
    let place = place.canonicalize()?;
    let usr = place.join("usr");
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{0}/lib/x86_64-linux-gnu:{0}/lib' exec '{0}/bin/rustc' --sysroot '{0}' \"$@\"\n",
        usr.display()
    );
    let starter = home.join("rustc");
    let unfinished = home.join("rustc.new");
    fs::write(&unfinished, script)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    }
    fs::rename(unfinished, starter)?;
    Ok(())
}
