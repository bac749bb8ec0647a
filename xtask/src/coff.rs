//! What Windows libraries and programs define and need.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::read::archive::ArchiveFile;
use object::{File, Object as _};

/// What others can link with in a static library, as C spells it.
pub(crate) fn symbols(library: &Path) -> Result<BTreeSet<String>> {
    let data = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let archive = ArchiveFile::parse(&*data)?;
    let mut names = BTreeSet::new();
    for symbol in archive.symbols()?.context("the library has no index")? {
        let name = String::from_utf8_lossy(symbol?.name()).into_owned();
        // On x86, C's names begin with a line. Names with an @ are constants that compilers share between objects.
        if !name.contains('@') {
            names.insert(name.trim_start_matches('_').to_owned());
        }
    }
    Ok(names)
}

/// What a program or a DLL is to the loader.
pub(crate) struct Image {
    pub(crate) exports: BTreeSet<String>,
    /// Each with its DLL in front, in lower case: "kernel32.dll Sleep".
    pub(crate) imports: BTreeSet<String>,
    /// Whether code of its own runs when it is loaded.
    pub(crate) has_entry: bool,
}

impl Image {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = File::parse(&*data).with_context(|| format!("cannot read {}", path.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let import = |library: &[u8], name: &[u8]| format!("{} {}", text(library).to_lowercase(), text(name));
        Ok(Self {
            exports: file.exports()?.iter().map(|export| text(export.name())).collect(),
            imports: file.imports()?.iter().map(|one| import(one.library(), one.name())).collect(),
            has_entry: file.entry() != file.relative_address_base(),
        })
    }
}
