//! `cargo xtask dist`: the C library as its users get it.

use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;

use crate::prelude::*;
use crate::verbs::header;

/// The profile that the library is built with: it makes it stand on its own.
pub(crate) const PROFILE: &str = "ffi";
/// The library's version: the workspace's, which xtask shares.
const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(crate) const LLD: Tool =
    Tool { program: "lld-link-19", package: "lld-19", purpose: "LLVM's linker, for Microsoft's kind of libraries" };

/// Build the C library and lay it out: header, static library, DLL, pkg-config and CMake files
///
/// Makes a folder for each target, in `dist` in cargo's target directory. All of them may be moved as they are.
#[derive(clap::Args)]
pub(crate) struct Options {}

/// Builds and lays out.
pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let mut setup = Setup::new(workspace);
    let mut builds = Vec::new();
    for flavour in Flavour::ALL {
        builds.push((flavour, flavour.set_up(&mut setup)?));
    }
    setup.carry_out()?;
    for (flavour, toolchain) in builds {
        let dir = workspace.target().join("dist").join(format!("ntpark-{}", flavour.target.name));
        flavour.build(workspace, &toolchain, &dir)?;
        println!("{}", dir.display());
    }
    Ok(())
}

/// A kind of library: for which processor, and for whose linker.
#[derive(Clone, Copy)]
pub(crate) struct Flavour {
    pub(crate) target: Target,
    is_msvc: bool,
}

impl Flavour {
    pub(crate) const X86_64_GNU: Self = Self { target: Target::X86_64_BARE, is_msvc: false };
    pub(crate) const I686_GNU: Self = Self { target: Target::I686_BARE, is_msvc: false };
    pub(crate) const X86_64_MSVC: Self = Self { target: Target::MSVC[0], is_msvc: true };
    pub(crate) const I686_MSVC: Self = Self { target: Target::MSVC[1], is_msvc: true };
    const ALL: [Self; 4] = [Self::X86_64_GNU, Self::I686_GNU, Self::X86_64_MSVC, Self::I686_MSVC];

    /// The names under which its kind of linker looks for the static library and for the DLL's import
    /// library.
    pub(crate) fn library_names(self) -> (&'static str, &'static str) {
        if self.is_msvc { ("ntpark.lib", "ntpark.dll.lib") } else { ("libntpark.a", "libntpark.dll.a") }
    }

    /// Notes what building it takes.
    pub(crate) fn set_up(self, setup: &mut Setup<'_>) -> Result<Toolchain> {
        setup.needs_linker(self.target);
        let toolchain = setup.needs_target(self.target)?;
        if !self.is_msvc || cfg!(windows) {
            return Ok(toolchain);
        }
        setup.needs_tool(LLD);
        Ok(toolchain.with_linker(LLD))
    }

    /// Builds it and lays it out in `dir`, which is made anew.
    pub(crate) fn build(self, workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<()> {
        let task = toolchain.cargo(workspace, "build").args(["--profile", PROFILE]).args([
            "--package",
            "ntpark-ffi",
            "--package",
            "ntpark-synchronization",
        ]);
        task.run(Output::Keep)?.check()?;
        self.lay_out(workspace, &toolchain.artifacts(PROFILE), dir)
            .with_context(|| format!("cannot lay the library out in {}", dir.display()))
    }

    fn lay_out(self, workspace: &Workspace, built: &Path, dir: &Path) -> Result<()> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        for folder in ["bin", "include", "share", "lib/pkgconfig", "lib/cmake/ntpark"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let (root, ffi) = (workspace.root(), workspace.root().join("ffi"));
        let (static_library, import_library) = self.library_names();
        let copy = |from: PathBuf, to: &str| {
            fs::copy(&from, dir.join(to)).with_context(|| format!("cannot copy {}", from.display()))
        };
        copy(root.join("LICENSE-APACHE"), "LICENSE-APACHE")?;
        copy(root.join("LICENSE-MIT"), "LICENSE-MIT")?;
        copy(ffi.join("README.md"), "README.md")?;
        copy(header::path(workspace), "include/ntpark.h")?;
        copy(ffi.join("include/ntpark.hpp"), "include/ntpark.hpp")?;
        copy(built.join("ntpark.dll"), "bin/ntpark.dll")?;
        copy(ffi.join("ntpark-gdb.py"), "share/ntpark-gdb.py")?;
        if self.is_msvc {
            copy(built.join("ntpark.pdb"), "bin/ntpark.pdb")?;
        }
        copy(built.join(import_library), &format!("lib/{import_library}"))?;
        let synchronization = static_library.replace("ntpark", "ntpark_synchronization");
        for library in [static_library, &synchronization] {
            self.copy_own_objects(&built.join(library), &dir.join("lib").join(library))?;
        }

        let pointer_bytes = if self.target.name.starts_with("x86_64") { "8" } else { "4" };
        for (template, to) in [
            ("ntpark.pc.in", "lib/pkgconfig/ntpark.pc"),
            ("ntpark-config.cmake.in", "lib/cmake/ntpark/ntpark-config.cmake"),
            ("ntpark-config-version.cmake.in", "lib/cmake/ntpark/ntpark-config-version.cmake"),
        ] {
            let text = fs::read_to_string(ffi.join("package").join(template))?;
            let text = text.replace("@VERSION@", VERSION).replace("@POINTER_BYTES@", pointer_bytes);
            let text = text.replace("@SYNCHRONIZATION_LIBRARY@", &synchronization);
            let text = text.replace("@STATIC_LIBRARY@", static_library).replace("@IMPORT_LIBRARY@", import_library);
            fs::write(dir.join(to), text)?;
        }
        Ok(())
    }

    /// Copies a static library without the run-time library of Rust's compiler. Nothing here calls that, and
    /// its symbols must not meet C's own.
    fn copy_own_objects(self, from: &Path, to: &Path) -> Result<()> {
        let data = fs::read(from)?;
        let (kind, name) =
            if self.is_msvc { (ArchiveKind::Coff, "ntpark.obj") } else { (ArchiveKind::Gnu, "ntpark.o") };
        let mut objects = Vec::new();
        for member in ArchiveFile::parse(&*data)?.members() {
            let member = member?;
            if member.name().starts_with(b"ntpark.") || member.name().starts_with(b"ntpark_synchronization-") {
                objects.push(NewArchiveMember::new(member.data(&*data)?, &DEFAULT_OBJECT_READER, name.to_owned()));
            }
        }
        Ok(write_archive_to_stream(&mut fs::File::create(to)?, &objects, kind, false, None)?)
    }
}
