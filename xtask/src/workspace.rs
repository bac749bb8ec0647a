//! Where things lie.

use crate::prelude::*;
use crate::setup::Options;

/// The checkout that xtask works on, and how this machine may be set up for that.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target directory. Everything that xtask makes lies in it.
    pub(crate) target: PathBuf,
    pub(crate) setup: Options,
}

impl Workspace {
    /// Finds the checkout from what cargo tells a program that it runs.
    pub(crate) fn find(setup: Options) -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("start it as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask/ has no parent folder")?.to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self { root, target: std::path::absolute(target)?, setup })
    }

    /// Makes `to` a copy of the checkout, without what was built and without history.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<()> {
        clear(to, &[])?;
        copy(&self.root, to).with_context(|| format!("cannot copy the checkout to {}", to.display()))
    }
}

/// Makes a folder anew, with these folders in it.
pub(crate) fn clear(dir: &Path, folders: &[&str]) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    Ok(folders.iter().try_for_each(|folder| fs::create_dir_all(dir.join(folder)))?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if path.is_file() {
            fs::copy(&path, to.join(name))?;
        } else if name != "target" && name != ".git" {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}
