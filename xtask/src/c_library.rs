//! The C library: how it is built for each kind of linker, and how it is laid out for its users.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use clap::ValueEnum;
use object::read::archive::ArchiveFile;

use crate::process::Output;
use crate::setup::{Setup, Tool};
use crate::toolchain::{Target, Toolchain};
use crate::verbs::header;
use crate::workspace::Workspace;

/// The profile that the library is built with: it makes it stand on its own.
pub(crate) const PROFILE: &str = "ffi";
/// Links Microsoft's targets elsewhere than on Windows.
pub(crate) const LLD: Tool =
    Tool { program: "lld-link-19", package: "lld-19", purpose: "LLVM's linker, for Microsoft's kind of libraries" };

/// A processor, and whose linker the library is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Flavour {
    /// 64-bit Windows, for MinGW
    #[value(name = "x86_64-pc-windows-gnu")]
    X86_64Gnu,
    /// 32-bit Windows, for MinGW
    #[value(name = "i686-pc-windows-gnu")]
    I686Gnu,
    /// 64-bit Windows, for Microsoft's linker and LLVM's
    #[value(name = "x86_64-pc-windows-msvc")]
    X86_64Msvc,
    /// 32-bit Windows, for Microsoft's linker and LLVM's
    #[value(name = "i686-pc-windows-msvc")]
    I686Msvc,
}

impl Flavour {
    pub(crate) fn target(self) -> Target {
        match self {
            Self::X86_64Gnu => Target::X86_64_BARE,
            Self::I686Gnu => Target::I686_BARE,
            Self::X86_64Msvc => Target::MSVC[0],
            Self::I686Msvc => Target::MSVC[1],
        }
    }

    fn is_msvc(self) -> bool {
        matches!(self, Self::X86_64Msvc | Self::I686Msvc)
    }

    /// The names under which its kind of linker looks for the static library and for the DLL's import
    /// library.
    pub(crate) fn library_names(self) -> (&'static str, &'static str) {
        if self.is_msvc() { ("ntpark.lib", "ntpark.dll.lib") } else { ("libntpark.a", "libntpark.dll.a") }
    }

    /// Notes what building it takes.
    ///
    /// # Errors
    /// When there is no toolchain for it.
    pub(crate) fn set_up(self, setup: &mut Setup<'_>) -> Result<Toolchain> {
        if self.is_msvc() {
            setup.needs_tool(LLD);
        } else {
            setup.needs_linker(self.target());
        }
        setup.needs_target(self.target())
    }

    /// Builds it and lays it out in `dir`, which is made anew.
    ///
    /// # Errors
    /// When cargo fails, or a file can't be written.
    pub(crate) fn build(self, workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<()> {
        let mut task = toolchain.cargo(workspace, "build").args(["--package", "ntpark-ffi", "--profile", PROFILE]);
        if let (true, false, Some(triple)) = (self.is_msvc(), cfg!(windows), toolchain.triple()) {
            let name = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
            task = task.env(name, LLD.program);
        }
        task.run(Output::Keep)?.check()?;
        self.lay_out(workspace, &toolchain.artifacts(PROFILE), dir)
            .with_context(|| format!("cannot lay the library out in {}", dir.display()))
    }

    fn lay_out(self, workspace: &Workspace, built: &Path, dir: &Path) -> Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        for folder in ["bin", "include", "lib/pkgconfig", "lib/cmake/ntpark"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let (root, ffi) = (workspace.root(), workspace.root().join("ffi"));
        let (static_library, import_library) = self.library_names();
        let copies: [(PathBuf, &str); 7] = [
            (root.join("LICENSE-APACHE"), "LICENSE-APACHE"),
            (root.join("LICENSE-MIT"), "LICENSE-MIT"),
            (ffi.join("README.md"), "README.md"),
            (header::path(workspace), "include/ntpark.h"),
            (ffi.join("include/ntpark.hpp"), "include/ntpark.hpp"),
            (built.join("ntpark.dll"), "bin/ntpark.dll"),
            (built.join(import_library), &format!("lib/{import_library}")),
        ];
        for (from, to) in copies {
            fs::copy(&from, dir.join(to)).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        self.copy_own_objects(&built.join(static_library), &dir.join("lib").join(static_library))?;

        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let version = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
        let version = version.context("the manifest has no version")?;
        let pointer_bytes = if matches!(self, Self::X86_64Gnu | Self::X86_64Msvc) { "8" } else { "4" };
        for (template, to) in [
            ("ntpark.pc.in", "lib/pkgconfig/ntpark.pc"),
            ("ntpark-config.cmake.in", "lib/cmake/ntpark/ntpark-config.cmake"),
            ("ntpark-config-version.cmake.in", "lib/cmake/ntpark/ntpark-config-version.cmake"),
        ] {
            let mut text = fs::read_to_string(ffi.join("package").join(template))?;
            for (name, value) in [
                ("@VERSION@", version),
                ("@STATIC_LIBRARY@", static_library),
                ("@IMPORT_LIBRARY@", import_library),
                ("@POINTER_BYTES@", pointer_bytes),
            ] {
                text = text.replace(name, value);
            }
            fs::write(dir.join(to), text)?;
        }
        Ok(())
    }

    /// Copies a static library without the run-time library of Rust's compiler. Nothing here calls that, and
    /// its symbols must not meet C's own.
    fn copy_own_objects(self, from: &Path, to: &Path) -> Result<()> {
        let data = fs::read(from)?;
        let (kind, name) =
            if self.is_msvc() { (ArchiveKind::Coff, "ntpark.obj") } else { (ArchiveKind::Gnu, "ntpark.o") };
        let mut objects = Vec::new();
        for member in ArchiveFile::parse(&*data)?.members() {
            let member = member?;
            if member.name().starts_with(b"ntpark.") {
                objects.push(NewArchiveMember::new(member.data(&*data)?, &DEFAULT_OBJECT_READER, name.to_owned()));
            }
        }
        let mut library = std::io::Cursor::new(Vec::new());
        write_archive_to_stream(&mut library, &objects, kind, false, None)?;
        Ok(fs::write(to, library.into_inner())?)
    }
}
