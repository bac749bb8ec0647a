//! The C library: how it is built for each kind of linker, and how it is laid out for its users.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::c_header::{self, Header};
use crate::coff;
use crate::process::Output;
use crate::setup::{Setup, Tool};
use crate::toolchain::{Target, Toolchain};
use crate::workspace::Workspace;

/// The profile that the library is built with: it makes it stand on its own.
pub(crate) const PROFILE: &str = "ffi";
/// Links Microsoft's targets elsewhere than on Windows.
pub(crate) const LLD: Tool =
    Tool { program: "lld-link-19", package: "lld-19", purpose: "LLVM's linker, for Microsoft's kind of libraries" };

/// A kind of library: for which processor, and for whose linker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flavour {
    pub(crate) target: Target,
    pub(crate) is_64_bit: bool,
    pub(crate) is_msvc: bool,
}

impl Flavour {
    pub(crate) const X86_64_GNU: Self = Self { target: Target::X86_64_BARE, is_64_bit: true, is_msvc: false };
    pub(crate) const I686_GNU: Self = Self { target: Target::I686_BARE, is_64_bit: false, is_msvc: false };
    pub(crate) const X86_64_MSVC: Self = Self { target: Target::MSVC[0], is_64_bit: true, is_msvc: true };
    pub(crate) const I686_MSVC: Self = Self { target: Target::MSVC[1], is_64_bit: false, is_msvc: true };

    /// The names under which its kind of linker looks for the static library and for the DLL's import
    /// library.
    pub(crate) fn library_names(self) -> (&'static str, &'static str) {
        if self.is_msvc { ("ntpark.lib", "ntpark.dll.lib") } else { ("libntpark.a", "libntpark.dll.a") }
    }

    /// Notes what building it takes.
    ///
    /// # Errors
    /// When there is no toolchain for it.
    pub(crate) fn set_up(self, setup: &mut Setup<'_>) -> Result<Toolchain> {
        if self.is_msvc {
            setup.needs_tool(LLD);
        } else {
            setup.needs_linker(self.target);
        }
        setup.needs_target(self.target)
    }

    /// Builds it and lays it out in `dir`, which is made anew.
    ///
    /// # Errors
    /// When cargo fails, or a file can't be written.
    pub(crate) fn build(self, workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<()> {
        let mut task = toolchain.cargo(workspace, "build").args(["--package", "ntpark-ffi", "--profile", PROFILE]);
        if let (true, false, Some(triple)) = (self.is_msvc, cfg!(windows), toolchain.triple()) {
            let name = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
            task = task.env(name, LLD.program);
        }
        task.run(Output::Keep)?.check()?;
        self.lay_out(workspace, &toolchain.artifacts(PROFILE), dir)
    }

    fn lay_out(self, workspace: &Workspace, built: &Path, dir: &Path) -> Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        for folder in ["bin", "include", "lib/pkgconfig", "lib/cmake/ntpark"] {
            fs::create_dir_all(dir.join(folder)).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let root = workspace.root();
        let copy = |from: PathBuf, to: &str| {
            fs::copy(&from, dir.join(to)).with_context(|| format!("cannot copy {}", from.display()))
        };
        for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
            copy(root.join(file), file)?;
        }
        copy(root.join("ffi/README.md"), "README.md")?;
        copy(c_header::path(workspace), "include/ntpark.h")?;
        copy(root.join("ffi/include/ntpark.hpp"), "include/ntpark.hpp")?;
        copy(built.join("ntpark.dll"), "bin/ntpark.dll")?;
        let (static_library, import_library) = self.library_names();
        copy(built.join(import_library), &format!("lib/{import_library}"))?;
        // Rust adds its compiler's run-time library to a static library. Nothing here calls it, and no symbol of it
        // is to meet C's own.
        let to = dir.join("lib").join(static_library);
        coff::filter_library(&built.join(static_library), &to, self.is_msvc, |name| {
            name.starts_with("ntpark.").then(|| format!("ntpark.{}", if self.is_msvc { "obj" } else { "o" }))
        })?;

        let version = Header::read(workspace)?.version()?;
        let fill_in = |template: &str, to: &str| -> Result<()> {
            let path = root.join("ffi/package").join(template);
            let mut text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for (name, value) in [
                ("@VERSION@", version.as_str()),
                ("@STATIC_LIBRARY@", static_library),
                ("@IMPORT_LIBRARY@", import_library),
                ("@POINTER_BYTES@", if self.is_64_bit { "8" } else { "4" }),
            ] {
                text = text.replace(name, value);
            }
            Ok(fs::write(dir.join(to), text)?)
        };
        fill_in("ntpark.pc.in", "lib/pkgconfig/ntpark.pc")?;
        fill_in("ntpark-config.cmake.in", "lib/cmake/ntpark/ntpark-config.cmake")?;
        fill_in("ntpark-config-version.cmake.in", "lib/cmake/ntpark/ntpark-config-version.cmake")
    }
}

/// The files below a folder with their sizes, a line each.
pub(crate) fn listing(dir: &Path) -> Result<String> {
    let mut text = String::new();
    let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            for line in listing(&entry.path())?.lines() {
                let (size, name) = line.split_at(10);
                writeln!(text, "{size}{}/{name}", entry.file_name().to_string_lossy())?;
            }
        } else {
            writeln!(text, "{:>8}  {}", entry.metadata()?.len(), entry.file_name().to_string_lossy())?;
        }
    }
    Ok(text)
}
