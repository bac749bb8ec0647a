use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;

use crate::prelude::*;
use crate::verbs::header;
use crate::workspace;

/// The profile that the DLL is built with: it makes it stand on its own.
pub(crate) const PROFILE: &str = "ffi";
/// The profile of the static library.
const STATIC_PROFILE: &str = "ffi-static";
/// The library's version: the workspace's, which xtask shares.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGETS: [Target; 4] = [Target::X86_64_BARE, Target::I686_BARE, Target::MSVC[0], Target::MSVC[1]];

/// Build the C library and lay it out: header, static library, DLL, pkg-config and CMake files
///
/// Makes a folder for each target, in `dist` in cargo's target directory. All of them may be moved as they are.
#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let mut setup = Setup::new(workspace);
    let mut builds = Vec::new();
    for target in TARGETS {
        builds.push((target.name, setup.needs_linked(target)?));
    }
    setup.carry_out()?;
    for (name, toolchain) in builds {
        let dir = workspace.target.join("dist").join(format!("ntpark-{name}"));
        build(workspace, &toolchain, &dir)?;
        println!("{}", dir.display());
    }
    Ok(())
}

/// The names under which the linker for a target looks for the static library and for the DLL's import library.
pub(crate) fn library_names(triple: &str) -> (&'static str, &'static str) {
    if triple.ends_with("-msvc") { ("ntpark.lib", "ntpark.dll.lib") } else { ("libntpark.a", "libntpark.dll.a") }
}

/// Builds the library and lays it out in `dir`, which is made anew.
pub(crate) fn build(workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<()> {
    for (profile, crate_type) in [(PROFILE, "cdylib"), (STATIC_PROFILE, "staticlib")] {
        let task = toolchain.cargo(workspace, "rustc").args(["--profile", profile, "--package=ntpark-ffi"]);
        task.args(["--crate-type", crate_type]).run(Output::Keep)?.check()?;
    }
    let task = toolchain.cargo(workspace, "build").args(["--profile", STATIC_PROFILE]);
    task.arg("--package=ntpark-synchronization").run(Output::Keep)?.check()?;
    lay_out(workspace, toolchain, dir).with_context(|| format!("cannot lay the library out in {}", dir.display()))
}

fn lay_out(workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<()> {
    workspace::clear(dir, &["bin", "include", "share", "lib/pkgconfig", "lib/cmake/ntpark"])?;
    let triple = toolchain.triple.context("it is for Windows")?;
    let (built, built_static) = (toolchain.artifacts(PROFILE), toolchain.artifacts(STATIC_PROFILE));
    let (root, ffi) = (&workspace.root, workspace.root.join("ffi"));
    let (static_library, import_library) = library_names(triple);
    let copy = |from: PathBuf, to: &str| {
        fs::copy(&from, dir.join(to)).with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(root.join("LICENSE-APACHE"), "LICENSE-APACHE")?;
    copy(root.join("LICENSE-MIT"), "LICENSE-MIT")?;
    copy(ffi.join("README.md"), "README.md")?;
    copy(root.join(header::PATH), "include/ntpark.h")?;
    copy(ffi.join("include/ntpark.hpp"), "include/ntpark.hpp")?;
    copy(built.join("ntpark.dll"), "bin/ntpark.dll")?;
    copy(ffi.join("ntpark-gdb.py"), "share/ntpark-gdb.py")?;
    if triple.ends_with("-msvc") {
        copy(built.join("ntpark.pdb"), "bin/ntpark.pdb")?;
    } else {
        split_symbols(toolchain, &dir.join("bin"))?;
    }
    copy(built.join(import_library), &format!("lib/{import_library}"))?;
    let synchronization = static_library.replace("ntpark", "ntpark_synchronization");
    for library in [static_library, &synchronization] {
        copy_own_objects(&built_static.join(library), &dir.join("lib").join(library))?;
    }

    let pointer_bytes = if triple.starts_with("x86_64") { "8" } else { "4" };
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

/// Moves the debug symbols of the DLL to a file of their own, which debuggers find by its name in the DLL.
fn split_symbols(toolchain: &Toolchain, bin: &Path) -> Result<()> {
    let linker = toolchain.linker.context("mingw-w64's tools are named after its linker")?;
    // On Windows they have no target in their names.
    let program = if cfg!(windows) { "objcopy".into() } else { linker.program.replace("-gcc", "-objcopy") };
    let objcopy = |args: &[&str]| Task::new(&program).dir(bin).args(args).run(Output::Keep)?.check().map(drop);
    objcopy(&["--only-keep-debug", "ntpark.dll", "ntpark.dll.debug"])?;
    objcopy(&["--strip-all", "--add-gnu-debuglink=ntpark.dll.debug", "ntpark.dll"])
}

/// Copies the objects of a static library that are its own: without the run-time library of Rust's compiler, nor the
/// handler of panics. Nothing here calls them, and their symbols must not meet those of C or of another Rust library.
fn copy_own_objects(from: &Path, to: &Path) -> Result<()> {
    let (kind, extension) = match from.extension().is_some_and(|it| it == "lib") {
        true => (ArchiveKind::Coff, "obj"),
        false => (ArchiveKind::Gnu, "o"),
    };
    let data = fs::read(from)?;
    let mut objects = Vec::new();
    for member in ArchiveFile::parse(&*data)?.members() {
        let member = member?;
        let (name, object) = (member.name(), member.data(&*data)?);
        let is_own = name.starts_with(b"ntpark") && !name.windows(6).any(|part| part == b".core-");
        let handles_panics = || object.windows(17).any(|part| part == b"rust_begin_unwind");
        if is_own && !handles_panics() {
            let name = format!("ntpark{}.{extension}", objects.len());
            objects.push(NewArchiveMember::new(object, &DEFAULT_OBJECT_READER, name));
        }
    }
    Ok(write_archive_to_stream(&mut fs::File::create(to)?, &objects, kind, false, None)?)
}
