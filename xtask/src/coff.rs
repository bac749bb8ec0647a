//! What Windows libraries and programs define and need.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::read::archive::ArchiveFile;
use object::{Architecture, File, Object as _, ObjectSymbol as _};

/// The names in the objects of a static library, as C spells them.
#[derive(Default)]
pub(crate) struct Symbols {
    /// What programs can link with.
    pub(crate) defined: BTreeSet<String>,
    /// What others have to provide.
    pub(crate) needed: BTreeSet<String>,
}

impl Symbols {
    pub(crate) fn read(library: &Path) -> Result<Self> {
        let data = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
        let mut symbols = Self::default();
        for member in ArchiveFile::parse(&*data)?.members() {
            let file = File::parse(member?.data(&*data)?)?;
            let is_x86 = file.architecture() == Architecture::I386;
            for symbol in file.symbols().filter(|symbol| symbol.is_undefined() || symbol.is_global()) {
                let name = symbol.name()?;
                // Constants that compilers share between objects, and marks for the linker, which C cannot spell.
                if !name.starts_with("__xmm@") && !name.starts_with("__real@") && !name.starts_with('@') {
                    let names = if symbol.is_undefined() { &mut symbols.needed } else { &mut symbols.defined };
                    names.insert(undecorated(name, is_x86).to_owned());
                }
            }
        }
        Ok(symbols)
    }
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

/// A name without the marks of an import and, on x86, of a calling convention.
fn undecorated(name: &str, is_x86: bool) -> &str {
    let name = name.strip_prefix("__imp_").unwrap_or(name);
    match name.strip_prefix('_') {
        Some(name) if is_x86 => name.split('@').next().unwrap_or(name),
        _ => name,
    }
}
