//! Which cargo and rustc build for which target, and with which flags.
//!
//! Windows programs come from one of two toolchains:
//!
//! 1. the user's own, where its standard library for `*-pc-windows-gnu` is there, or where rustup can fetch it;
//! 2. Debian's `rustc-web`, which brings the source of std: std itself is built (once) for `*-win7-windows-gnu`.
//!
//! The choice lives in the arguments and the environment of the child processes; nothing is configured.

use std::ffi::OsString;

use crate::prelude::*;

/// A build may first have to compile std, on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Questions that a program answers from its own files.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// How long rustup may take to fetch something; it hangs where its server can't be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Where Debian has its programs.
pub(crate) const DEBIAN_BIN: &str = "/usr/bin";

/// A target, as the toolchains call it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// The name in messages and reports.
    pub(crate) name: &'static str,
    /// The target that the user's toolchain builds for; `None` is the host itself.
    own: Option<&'static str>,
    /// The target that Debian's toolchain builds for, and the crates of its standard library.
    debian: &'static str,
    build_std: &'static str,
    /// The compiler that links for it elsewhere than on Windows; `None` if code for it is only checked.
    pub(crate) gcc: Option<Tool>,
}

const fn mingw(program: &'static str, package: &'static str) -> Option<Tool> {
    Some(Tool { program, package, purpose: "mingw-w64, to link Windows programs" })
}

impl Target {
    /// 64-bit Windows, with std.
    pub(crate) const X86_64: Self = Self {
        name: "x86_64",
        own: if cfg!(windows) { None } else { Some("x86_64-pc-windows-gnu") },
        debian: "x86_64-win7-windows-gnu",
        build_std: "std,panic_unwind,test",
        gcc: mingw("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"),
    };
    /// 32-bit Windows, with std.
    pub(crate) const I686: Self = Self {
        name: "i686",
        own: Some(if cfg!(windows) { "i686-pc-windows-msvc" } else { "i686-pc-windows-gnu" }),
        debian: "i686-win7-windows-gnu",
        build_std: Self::X86_64.build_std,
        gcc: mingw("i686-w64-mingw32-gcc", "gcc-mingw-w64-i686-win32"),
    };
    /// 64-bit Windows, for programs without std: any Windows, since it is std that sets a limit.
    /// With alloc, for a program whose allocator's lock is measured.
    pub(crate) const X86_64_BARE: Self =
        Self { build_std: "core,alloc", gcc: Self::X86_64.gcc, ..Self::bare("x86_64-pc-windows-gnu") };
    /// 32-bit Windows, for programs without std.
    pub(crate) const I686_BARE: Self =
        Self { debian: Self::I686.debian, gcc: Self::I686.gcc, ..Self::bare("i686-pc-windows-gnu") };
    /// 64-bit Windows, for programs with std that end when they panic.
    pub(crate) const X86_64_ABORT: Self = Self { build_std: "std,panic_abort", ..Self::X86_64 };
    /// Microsoft's targets, without std: code for them can be checked anywhere.
    pub(crate) const MSVC: [Self; 3] = [
        Self::bare("x86_64-pc-windows-msvc"),
        Self::bare("i686-pc-windows-msvc"),
        Self::bare("aarch64-pc-windows-msvc"),
    ];
    /// This machine, for programs under a sanitizer, which has to see std as well.
    pub(crate) const SANITIZED: Self =
        Self { build_std: "std,panic_abort,panic_unwind,test", ..Self::bare("x86_64-unknown-linux-gnu") };

    /// The same for Windows 7 and later, whose std no toolchain brings compiled.
    pub(crate) const fn since_windows_7(self) -> Self {
        Self { own: Some(self.debian), ..self }
    }

    /// Reads the name of a Windows target that programs are run on.
    pub(crate) fn windows(name: &str) -> Result<Self> {
        [Self::X86_64, Self::I686].into_iter().find(|target| target.name == name).context("it is x86_64 or i686")
    }

    /// A target without std, which is neither linked for nor run, unless the caller knows how.
    pub(crate) const fn bare(triple: &'static str) -> Self {
        Self { name: triple, own: Some(triple), debian: triple, build_std: "core", gcc: None }
    }
}

/// A cargo, and what it must be told.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    debian: bool,
    cargo: PathBuf,
    /// The target triple; `None` is the host.
    pub(crate) triple: Option<&'static str>,
    build_std: Option<&'static str>,
    target_dir: PathBuf,
    env: Vec<(String, OsString)>,
}

impl Toolchain {
    /// The user's own toolchain, building for this machine.
    pub(crate) fn host(workspace: &Workspace) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into();
        let target_dir = workspace.target().to_owned();
        Self { debian: false, cargo, triple: None, build_std: None, target_dir, env: Vec::new() }
    }

    /// The user's own toolchain, building for `target`, and its standard library if it is told `from_source`. Whether
    /// it can is for [`own_has`] and [`has_source`] to say.
    pub(crate) fn own(workspace: &Workspace, target: Target, from_source: bool) -> Self {
        let build_std = from_source.then_some(target.build_std);
        Self { triple: target.own, build_std, ..Self::host(workspace) }
    }

    /// Debian's toolchain, building `target` and its standard library.
    pub(crate) fn debian(workspace: &Workspace, target: Target) -> Self {
        let (triple, target_dir) = (Some(target.debian), workspace.target().join("debian"));
        let cargo = Path::new(DEBIAN_BIN).join("cargo");
        Self { debian: true, cargo, triple, target_dir, ..Self::own(workspace, target, true) }
    }

    /// The same with a variable in its environment.
    pub(crate) fn with_env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same with this linker.
    pub(crate) fn with_linker(self, linker: Tool) -> Self {
        let variable = self.variable("LINKER");
        self.with_env(variable, linker.program)
    }

    /// The variable by which cargo is told something about the target.
    pub(crate) fn variable(&self, what: &str) -> String {
        format!("CARGO_TARGET_{}_{what}", self.triple.unwrap_or_default().to_uppercase().replace('-', "_"))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.cargo
    }

    /// Where what cargo builds with this profile lies.
    pub(crate) fn artifacts(&self, profile: &str) -> PathBuf {
        self.target_dir.join(self.triple.unwrap_or_default()).join(profile)
    }

    /// A cargo command: the subcommand (`build`, `test`, `clippy`, …) and all that selects toolchain and
    /// target. The caller adds its own arguments.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Task {
        // Debian's `cargo clippy` would look into CARGO_HOME first and start rustup's.
        let program = match subcommand {
            "clippy" if self.debian => Path::new(DEBIAN_BIN).join("cargo-clippy"),
            _ => self.cargo.clone(),
        };
        let task = Task::new(program, BUILD_LIMIT).arg(subcommand).dir(workspace.root()).args(self.arguments());
        self.with_environment(task.env("CARGO_TARGET_DIR", &self.target_dir))
    }

    /// The arguments by which cargo builds for the target.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let target = self.triple.map(|triple| format!("--target={triple}"));
        let build_std = self.build_std.map(|crates| format!("-Zbuild-std={crates}"));
        target.into_iter().chain(build_std).collect()
    }

    /// A task whose cargo is this toolchain's.
    pub(crate) fn with_environment(&self, task: Task) -> Task {
        let task = if self.build_std.is_some() { task.env("RUSTC_BOOTSTRAP", "1") } else { task };
        let task = self.env.iter().fold(task, |task, (name, value)| task.env(name, value));
        if !self.debian {
            return task;
        }
        let bin = Path::new(DEBIAN_BIN);
        let task = task.env_remove("RUSTUP_TOOLCHAIN").env("CARGO", &self.cargo);
        task.env("RUSTC", bin.join("rustc")).env("RUSTDOC", bin.join("rustdoc"))
    }
}

/// What a rustc says when it is asked with `--print`; nothing if it fails.
pub(crate) fn ask(rustc: &Task, what: &[&str]) -> Option<String> {
    let finished = rustc.clone().arg("--print").args(what).run(Output::KeepStdout).ok()?;
    finished.success().then(|| finished.output.trim().to_owned())
}

pub(crate) fn own_rustc() -> Task {
    Task::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()), QUESTION_LIMIT)
}

/// Whether the user's own toolchain can build for `target` as it is.
pub(crate) fn own_has(target: Target) -> bool {
    target.own.is_none_or(|triple| has_core(&own_rustc(), triple))
}

/// Whether a toolchain has a compiled `core` for a target.
pub(crate) fn has_core(rustc: &Task, triple: &str) -> bool {
    let dir = ask(rustc, &["target-libdir", "--target", triple]);
    dir.and_then(|dir| fs::read_dir(dir).ok()).is_some_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

/// Whether a toolchain has the source of std.
pub(crate) fn has_source(rustc: &Task) -> bool {
    let lock = |root: String| Path::new(&root).join("lib/rustlib/src/rust/library/Cargo.lock");
    ask(rustc, &["sysroot"]).is_some_and(|root| lock(root).is_file())
}

/// Whether Debian's toolchain is there, with the source of std. An older one, which doesn't know the win7
/// targets, doesn't count.
pub(crate) fn debian_is_there() -> bool {
    let rustc = Task::new(Path::new(DEBIAN_BIN).join("rustc"), QUESTION_LIMIT);
    let is_new = |triples: String| triples.lines().any(|triple| triple == Target::X86_64.debian);
    ask(&rustc, &["target-list"]).is_some_and(is_new) && has_source(&rustc)
}

/// A program of one of rustup's other toolchains, run in the checkout; Miri may take long.
pub(crate) fn of_rustup(workspace: &Workspace, toolchain: &str, program: &str) -> Task {
    let task = Task::new("rustup", 4 * BUILD_LIMIT).args(["run", toolchain, program]).dir(workspace.root());
    ["RUSTC", "RUSTDOC", "CARGO", "RUSTUP_TOOLCHAIN"].into_iter().fold(task, Task::env_remove)
}

/// Lets rustup fetch something: `rustup(workspace, &["target", "add", …])`. Where its server can't be reached,
/// that is remembered, and later calls fail at once.
pub(crate) fn rustup(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let command = format!("rustup {}", args.join(" "));
    ensure!(!workspace.setup.no_install, "{command}: not done (--no-install)");
    let is_managed = std::env::var_os("RUSTUP_TOOLCHAIN").is_some() && on_path("rustup").is_some();
    ensure!(is_managed, "{command}: the toolchain in use is not rustup's");
    let refusal = workspace.target().join("rustup-cannot-fetch");
    ensure!(!refusal.exists(), "{command}: not tried, since {} tells of an earlier failure", refusal.display());
    eprintln!("Installing: {command}");
    let finished = Task::new("rustup", RUSTUP_LIMIT).args(args).run(Output::Keep)?;
    if finished.code().is_none() || finished.output.contains("could not download") {
        fs::write(&refusal, format!("{command}: {}\n{}", finished.how(), finished.output))?;
    }
    finished.check().map(drop)
}

/// Whether it was done; if not, the reason is printed.
pub(crate) fn told(done: Result<()>) -> bool {
    done.inspect_err(|reason| eprintln!("{reason:#}")).is_ok()
}

/// The same as [`rustup`] for what may be missing, unless it is required: whether it was done; if not, the reason is printed.
pub(crate) fn rustup_if_it_can(workspace: &Workspace, args: &[&str]) -> Result<bool> {
    let done = rustup(workspace, args).context("not available here");
    if workspace.setup.require { done.map(|()| true) } else { Ok(told(done)) }
}
