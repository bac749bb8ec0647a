//! A copy of the tree, in which a fault is seeded.

use crate::catalogue::Fault;
use std::ffi::OsStr;
use std::fs;
use std::io;
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
    /// What the last command has said.
    pub(crate) output: PathBuf,
}

impl Copy {
    pub(crate) fn of(root: &Path) -> Result<Self, String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("there is a target directory")?;
        let faults = target.join("faults");
        let copy = faults.join("tree");
        let tell = |error: io::Error| format!("{}: {error}", copy.display());
        if copy.exists() {
            fs::remove_dir_all(&copy).map_err(tell)?;
        }
        copy_tree(root, &copy).map_err(tell)?;
        Ok(Self { root: root.to_owned(), copy, target: faults.join("target"), output: faults.join("output") })
    }

    /// Seeds a fault.
    pub(crate) fn seed(&self, fault: &Fault) -> Result<(), String> {
        let file = self.copy.join(&fault.file);
        let tell = |error: io::Error| format!("{}: {error}", file.display());
        let mut text = fs::read_to_string(self.root.join(&fault.file)).map_err(tell)?;
        // From the end on, so that places stay where they are.
        for change in fault.changes.iter().rev() {
            text.replace_range(change.place.clone(), &change.replace);
        }
        fs::write(&file, text).map_err(tell)
    }

    /// Makes a file what it is in the tree.
    pub(crate) fn restore(&self, file: &Path) -> Result<(), String> {
        let text = fs::read(self.root.join(file));
        let restored = text.and_then(|text| fs::write(self.copy.join(file), text));
        restored.map_err(|error| format!("{}: {error}", file.display()))
    }

    /// A command of cargo's, in the copy.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").as_deref().unwrap_or(OsStr::new("cargo")));
        command.args(arguments).current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.target);
        // What fails says why, and not from where.
        command.env("RUST_BACKTRACE", "0");
        command
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
