//! Which cargo and rustc build for which target, and with which flags.
//!
//! Windows programs come from one of two toolchains:
//!
//! 1. the user's own, where its `rust-std` for `*-pc-windows-gnu` is there, or where rustup can fetch it;
//! 2. Debian's `rustc-web`, which brings the source of std: std itself is built (once) for
//!    `*-win7-windows-gnu`.
//!
//! Nothing is configured: the choice lives in the arguments and the environment of the child processes.
//! Debian's cargo has a target directory of its own, so that neither toolchain makes the other rebuild.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::process::{self, Output, Task};
use crate::workspace::Workspace;

/// A build may first have to compile std, on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Questions that rustc or rustup answers from its own files.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// How long rustup may take to fetch a target; it hangs where its server can't be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

const DEBIAN_BIN: &str = "/usr/bin";

/// What a program with tests takes.
const STD: &str = "std,panic_unwind,test";

/// A Windows target, as the toolchains call it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// The name in messages and reports.
    pub(crate) name: &'static str,
    /// The target that the user's toolchain builds for; on a Windows host `None` means the host itself.
    own: Option<&'static str>,
    /// The target that Debian's toolchain builds for, with its own std.
    debian: &'static str,
    /// The crates of the standard library that Debian's toolchain has to build.
    build_std: &'static str,
    /// The compiler that links for it elsewhere than on Windows; `None` if code for it is only checked.
    pub(crate) gcc: Option<Gcc>,
}

/// A cross compiler of mingw-w64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gcc {
    /// The program.
    pub(crate) program: &'static str,
    /// The package of Debian and Ubuntu that brings it.
    pub(crate) package: &'static str,
}

impl Target {
    /// 64-bit Windows, with std.
    pub(crate) const X86_64: Self = Self {
        name: "x86_64",
        own: if cfg!(windows) { None } else { Some("x86_64-pc-windows-gnu") },
        debian: "x86_64-win7-windows-gnu",
        build_std: STD,
        gcc: Some(Gcc { program: "x86_64-w64-mingw32-gcc", package: "gcc-mingw-w64-x86-64-win32" }),
    };
    /// 32-bit Windows, with std.
    pub(crate) const I686: Self = Self {
        name: "i686",
        own: Some(if cfg!(windows) { "i686-pc-windows-msvc" } else { "i686-pc-windows-gnu" }),
        debian: "i686-win7-windows-gnu",
        build_std: STD,
        gcc: Some(Gcc { program: "i686-w64-mingw32-gcc", package: "gcc-mingw-w64-i686-win32" }),
    };
    /// This machine, for programs under a sanitizer, which has to see std as well.
    pub(crate) const SANITIZED: Self = Self {
        name: "x86_64 Linux",
        own: None,
        debian: "x86_64-unknown-linux-gnu",
        build_std: "std,panic_abort,panic_unwind,test",
        gcc: None,
    };
    /// 64-bit Windows, for programs without std: any Windows, since it is std that sets a limit.
    pub(crate) const X86_64_BARE: Self = Self { gcc: Self::X86_64.gcc, ..Self::bare("x86_64-pc-windows-gnu") };
    /// 32-bit Windows, for programs without std.
    pub(crate) const I686_BARE: Self =
        Self { debian: Self::I686.debian, gcc: Self::I686.gcc, ..Self::bare("i686-pc-windows-gnu") };
    /// 64-bit Windows, for programs with std that end when they panic.
    pub(crate) const X86_64_ABORT: Self = Self { build_std: "std,panic_abort", ..Self::X86_64 };
    /// Microsoft's targets, without std: code for them can be checked anywhere, but not linked.
    pub(crate) const MSVC: [Self; 3] = [
        Self::bare("x86_64-pc-windows-msvc"),
        Self::bare("i686-pc-windows-msvc"),
        Self::bare("aarch64-pc-windows-msvc"),
    ];

    /// A target without std, which is neither linked for nor run, unless the caller knows how.
    pub(crate) const fn bare(triple: &'static str) -> Self {
        Self { name: triple, own: Some(triple), debian: triple, build_std: "core", gcc: None }
    }
}

/// A Windows target that programs can be built for and run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum WindowsTarget {
    /// 64-bit Windows
    #[value(name = "x86_64")]
    X86_64,
    /// 32-bit Windows
    I686,
}

impl WindowsTarget {
    /// As the toolchains know it.
    pub(crate) fn target(self) -> Target {
        match self {
            Self::X86_64 => Target::X86_64,
            Self::I686 => Target::I686,
        }
    }
}

/// Which toolchain builds Windows programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Choice {
    /// The user's own if it has the target or rustup can fetch it, else Debian's.
    #[default]
    Auto,
    /// The user's own.
    Own,
    /// Debian's rustc-web.
    Debian,
}

/// A cargo, and what it must be told.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    debian: bool,
    cargo: PathBuf,
    triple: Option<&'static str>,
    build_std: Option<&'static str>,
    target_dir: PathBuf,
}

impl Toolchain {
    /// The user's own toolchain, building for this machine.
    pub(crate) fn host(workspace: &Workspace) -> Self {
        Self {
            debian: false,
            cargo: std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from),
            triple: None,
            build_std: None,
            target_dir: workspace.target().to_owned(),
        }
    }

    /// The user's own toolchain, building for `target`. Whether it can is for [`own_has`] to say.
    pub(crate) fn own(workspace: &Workspace, target: Target) -> Self {
        Self { triple: target.own, ..Self::host(workspace) }
    }

    /// Debian's toolchain, building `target` and its standard library.
    pub(crate) fn debian(workspace: &Workspace, target: Target) -> Self {
        Self {
            debian: true,
            cargo: Path::new(DEBIAN_BIN).join("cargo"),
            triple: Some(target.debian),
            build_std: Some(target.build_std),
            target_dir: workspace.target().join("debian"),
        }
    }

    /// The target triple; `None` is the host.
    pub(crate) fn triple(&self) -> Option<&'static str> {
        self.triple
    }

    /// Where what cargo builds with this profile lies.
    pub(crate) fn artifacts(&self, profile: &str) -> PathBuf {
        self.triple.map_or_else(|| self.target_dir.clone(), |triple| self.target_dir.join(triple)).join(profile)
    }

    /// A cargo command: the subcommand (`build`, `test`, `clippy`, …) and all that selects toolchain and
    /// target. The caller adds its own arguments.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Task {
        // Debian's `cargo clippy` would look into CARGO_HOME first and start rustup's.
        let program = match subcommand {
            "clippy" if self.debian => Path::new(DEBIAN_BIN).join("cargo-clippy"),
            _ => self.cargo.clone(),
        };
        let task = Task::new(program, BUILD_LIMIT)
            .arg(subcommand)
            .dir(workspace.root())
            .env("CARGO_TARGET_DIR", &self.target_dir)
            .args(self.arguments());
        self.with_environment(task)
    }

    /// The arguments by which cargo builds for the target.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let target = self.triple.map(|triple| format!("--target={triple}"));
        let build_std = self.build_std.map(|crates| format!("-Zbuild-std={crates}"));
        target.into_iter().chain(build_std).collect()
    }

    /// A task whose cargo is this toolchain's.
    pub(crate) fn with_environment(&self, task: Task) -> Task {
        if !self.debian {
            return task;
        }
        task.env_remove("RUSTUP_TOOLCHAIN")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO", &self.cargo)
            .env("RUSTC", Path::new(DEBIAN_BIN).join("rustc"))
            .env("RUSTDOC", Path::new(DEBIAN_BIN).join("rustdoc"))
    }
}

/// Whether the user's own toolchain can build for `target` as it is.
pub(crate) fn own_has(target: Target) -> bool {
    let Some(triple) = target.own else {
        return true;
    };
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let task = Task::new(rustc, QUESTION_LIMIT).args(["--print", "target-libdir", "--target", triple]);
    let Ok(finished) = task.run(Output::KeepStdout) else {
        return false;
    };
    finished.success() && has_core(Path::new(finished.output.trim()))
}

/// Whether a target's library folder holds a compiled `core`.
fn has_core(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("libcore-")
        })
    })
}

/// Whether Debian's toolchain is there, with the source of std. An older one, which doesn't know the win7
/// targets, doesn't count.
pub(crate) fn debian_is_there() -> bool {
    let rustc = Path::new(DEBIAN_BIN).join("rustc");
    let ask = |what: &str| {
        let finished = Task::new(&rustc, QUESTION_LIMIT).args(["--print", what]).run(Output::KeepStdout).ok()?;
        finished.success().then_some(finished.output)
    };
    let is_new = |triples: String| triples.lines().any(|triple| triple == Target::X86_64.debian);
    let has_source =
        |sysroot: String| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
    Path::new(DEBIAN_BIN).join("cargo").is_file()
        && ask("target-list").is_some_and(is_new)
        && ask("sysroot").is_some_and(has_source)
}

/// Whether Debian's clippy is there.
pub(crate) fn debian_has_clippy() -> bool {
    Path::new(DEBIAN_BIN).join("cargo-clippy").is_file()
}

/// rustup, if it manages the toolchain that runs xtask, as far as fetching targets goes.
pub(crate) struct Rustup {
    /// Remembers that rustup could not fetch a target, so that later runs don't wait for it again.
    refusal: PathBuf,
}

impl Rustup {
    /// rustup, unless it doesn't manage this toolchain or an earlier run has seen it fail.
    pub(crate) fn find(workspace: &Workspace) -> Option<Self> {
        let refusal = workspace.target().join("xtask").join("rustup-cannot-fetch-targets");
        let managed = std::env::var_os("RUSTUP_TOOLCHAIN").is_some() && process::on_path("rustup").is_some();
        (managed && !refusal.exists()).then_some(Self { refusal })
    }

    /// Fetches the standard library of `target`, within a minute and a half.
    ///
    /// # Errors
    /// When rustup can't, for whatever reason. That is remembered.
    pub(crate) fn add(&self, target: Target) -> Result<()> {
        let Some(triple) = target.own else {
            return Ok(());
        };
        let finished = Task::new("rustup", RUSTUP_LIMIT).args(["target", "add", triple]).run(Output::Keep)?;
        if finished.success() && own_has(target) {
            return Ok(());
        }
        let reason = format!("rustup target add {triple}: {}\n{}", finished.how(), finished.output);
        if let Some(dir) = self.refusal.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&self.refusal, &reason)?;
        bail!("{}\n(not tried again until {} is deleted)", reason.trim_end(), self.refusal.display());
    }
}
