//! Reading object files, libraries and DLLs of Windows: what they define and what they need. And writing
//! libraries.

use std::collections::BTreeSet;
use std::fs;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ar_archive_writer::{
    ArchiveKind, COFFShortExport, DEFAULT_OBJECT_READER, MachineTypes, NewArchiveMember, write_archive_to_stream,
};
use object::read::archive::ArchiveFile;
use object::read::pe::{PeFile32, PeFile64};
use object::{Architecture, File, FileKind, Object as _, ObjectSymbol as _};

/// The names in a library, as C spells them.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// What others can link with.
    pub(crate) defined: BTreeSet<String>,
    /// What others have to provide.
    pub(crate) needed: BTreeSet<String>,
    /// Those and all others, as they stand there.
    pub(crate) all: BTreeSet<String>,
}

/// The names in all objects of a library.
pub(crate) fn symbols(library: &Path) -> Result<Symbols> {
    let data = read(library)?;
    let mut symbols = Symbols::default();
    for (_, object) in members(&data).with_context(|| format!("cannot read {}", library.display()))? {
        let file = File::parse(object)?;
        let is_x86 = file.architecture() == Architecture::I386;
        for symbol in file.symbols() {
            let name = symbol.name()?;
            symbols.all.insert(name.to_owned());
            if symbol.is_undefined() {
                symbols.needed.insert(undecorated(name, is_x86).to_owned());
            } else if symbol.is_global() && !is_constant(name) {
                symbols.defined.insert(undecorated(name, is_x86).to_owned());
            }
        }
    }
    Ok(symbols)
}

/// What a DLL is to the loader.
#[derive(Debug)]
pub(crate) struct Dll {
    pub(crate) exports: BTreeSet<String>,
    /// Each with its DLL in front, in lower case: "kernel32.dll Sleep".
    pub(crate) imports: BTreeSet<String>,
    /// Whether it has code of its own that runs when it is loaded.
    pub(crate) has_entry: bool,
}

impl Dll {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let data = read(path)?;
        let file = File::parse(&*data).with_context(|| format!("cannot read {}", path.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let entry = match FileKind::parse(&*data)? {
            FileKind::Pe32 => {
                let header = PeFile32::parse(&*data)?.nt_headers().optional_header;
                header.address_of_entry_point.get(object::LittleEndian)
            }
            FileKind::Pe64 => {
                let header = PeFile64::parse(&*data)?.nt_headers().optional_header;
                header.address_of_entry_point.get(object::LittleEndian)
            }
            kind => bail!("{} is no DLL but {kind:?}", path.display()),
        };
        Ok(Self {
            exports: file.exports()?.iter().map(|export| text(export.name())).collect(),
            imports: file
                .imports()?
                .iter()
                .map(|import| format!("{} {}", text(import.library()).to_lowercase(), text(import.name())))
                .collect(),
            has_entry: entry != 0,
        })
    }
}

/// Writes a library of those objects of another whose names `keep` accepts; each gets the name that it
/// returns.
pub(crate) fn filter_library(
    from: &Path,
    to: &Path,
    is_msvc: bool,
    keep: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let data = read(from)?;
    let mut kept = Vec::new();
    for (name, object) in members(&data).with_context(|| format!("cannot read {}", from.display()))? {
        if let Some(name) = keep(&name) {
            kept.push(NewArchiveMember::new(object, &DEFAULT_OBJECT_READER, name));
        }
    }
    let kind = if is_msvc { ArchiveKind::Coff } else { ArchiveKind::Gnu };
    let mut file = BufWriter::new(fs::File::create(to).with_context(|| format!("cannot write {}", to.display()))?);
    write_archive_to_stream(&mut file, &kept, kind, false, None)?;
    Ok(())
}

/// Writes an import library of Microsoft's kind for functions of a DLL. Each comes with the bytes of
/// arguments that it takes on x86, where they are part of its name.
pub(crate) fn write_import_library(path: &Path, dll: &str, is_64_bit: bool, functions: &[(&str, u32)]) -> Result<()> {
    let export = |&(name, bytes): &(&str, u32)| COFFShortExport {
        name: name.to_owned(),
        ext_name: None,
        symbol_name: (!is_64_bit).then(|| format!("_{name}@{bytes}")),
        import_name: None,
        export_as: None,
        ordinal: 0,
        noname: false,
        data: false,
        private: false,
        constant: false,
    };
    let exports: Vec<_> = functions.iter().map(export).collect();
    let machine = if is_64_bit { MachineTypes::AMD64 } else { MachineTypes::I386 };
    let mut file = BufWriter::new(fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    ar_archive_writer::write_import_library(&mut file, dll, &exports, machine, false, false, &[])?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The objects of a library and their names.
fn members(data: &[u8]) -> Result<Vec<(String, &[u8])>> {
    let archive = ArchiveFile::parse(data)?;
    archive
        .members()
        .map(|member| {
            let member = member?;
            Ok((String::from_utf8_lossy(member.name()).into_owned(), member.data(data)?))
        })
        .collect()
}

/// A name without what marks the calling convention on x86, or an import.
fn undecorated(name: &str, is_x86: bool) -> &str {
    let name = name.strip_prefix("__imp_").unwrap_or(name);
    if !is_x86 {
        return name;
    }
    let name = name.strip_prefix('_').unwrap_or(name);
    match name.rsplit_once('@') {
        Some((plain, bytes)) if !bytes.is_empty() && bytes.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => name,
    }
}

/// Whether the name is that of a constant which compilers share between objects, or of a mark for the linker;
/// no program can spell them.
fn is_constant(name: &str) -> bool {
    name.starts_with("__xmm@") || name.starts_with("__real@") || name.starts_with('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decorations_are_taken_off() {
        assert_eq!(undecorated("_ntpark_now", true), "ntpark_now");
        assert_eq!(undecorated("_Sleep@4", true), "Sleep");
        assert_eq!(undecorated("__imp__Sleep@4", true), "Sleep");
        assert_eq!(undecorated("__imp_Sleep", false), "Sleep");
        assert_eq!(undecorated("_tls@x", true), "tls@x");
        assert_eq!(undecorated("_underlined", false), "_underlined");
    }
}
