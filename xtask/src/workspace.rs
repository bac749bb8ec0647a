//! Where things lie.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::setup::Options;

/// The checkout that xtask works on, and how this machine may be set up for that.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    pub(crate) setup: Options,
}

impl Workspace {
    /// Finds the checkout from what cargo tells a program that it runs.
    ///
    /// # Errors
    /// When xtask was not started by cargo.
    pub(crate) fn find(setup: Options) -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("start it as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("xtask/ has no parent folder")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(dir)?,
            None => root.join("target"),
        };
        Ok(Self { root, target, setup })
    }

    /// The root of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory. Everything that xtask makes lies in it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}
