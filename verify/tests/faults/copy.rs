//! A copy of the tree, in which a fault is seeded.

use crate::catalogue::Fault;
use anyhow::{Context as _, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is not copied: what is built, and history.
const LEFT_OUT: [&str; 2] = ["target", ".git"];

/// A copy of the tree.
pub(crate) struct Copy {
    root: PathBuf,
    copy: PathBuf,
    /// Its own: Cargo would take what it has built of a copy for what it builds of the tree.
    target: PathBuf,
    /// The output of the last command.
    pub(crate) output: PathBuf,
}

impl Copy {
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("there is no target directory")?;
        let faults = target.join("faults");
        let copy = faults.join("tree");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        copy_tree(root, &copy).with_context(|| format!("cannot copy the tree to {}", copy.display()))?;
        Ok(Self { root: root.to_owned(), copy, target: faults.join("target"), output: faults.join("output") })
    }

    /// Seeds a fault.
    pub(crate) fn seed(&self, fault: &Fault) -> Result<()> {
        let mut text = fs::read_to_string(self.root.join(&fault.file))?;
        // From the end on, so that places stay where they are.
        for change in fault.changes.iter().rev() {
            text.replace_range(change.place.clone(), &change.replace);
        }
        Ok(fs::write(self.copy.join(&fault.file), text)?)
    }

    /// Makes a file what it is in the tree.
    pub(crate) fn restore(&self, file: &Path) -> Result<()> {
        Ok(fs::write(self.copy.join(file), fs::read(self.root.join(file))?)?)
    }

    /// A command of cargo's, in the copy.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").as_deref().unwrap_or(OsStr::new("cargo")));
        command.args(arguments).current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.target);
        // What fails says why, and not from where; and without the means to say that, compiling takes half as long.
        command.env("RUST_BACKTRACE", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if path.is_dir() {
            copy_tree(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
