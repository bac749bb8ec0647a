//! Running Windows programs: under Wine in a prefix of the project's own, on Windows directly.
//!
//! The prefix lies under cargo's target directory; the user's own (`~/.wine`) is never touched. Every Wine
//! process that is started here gets its settings through its environment.
//!
//! 32-bit programs run in the same prefix, without a 32-bit Wine: the 64-bit loader runs them once the i386
//! builds of a few of Wine's DLLs are in their place ([`fetch_32_bit`]).

use crate::debian::{self, Root};
use crate::prelude::*;

/// What Rust's std loads, and what that loads in turn.
const DLLS_32_BIT: &str = "advapi32 gdi32 kernel32 kernelbase msvcrt ntdll rpcrt4 sechost ucrtbase user32 userenv \
                           version win32u";
/// Where a prefix keeps 64-bit DLLs, and 32-bit ones.
const SYSTEM32: &str = "drive_c/windows/system32";
const SYSWOW64: &str = "drive_c/windows/syswow64";

/// A way to run programs, ready for use: under a Wine or, by default, directly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runner(Option<Wine>);

/// A Wine and its settings.
#[derive(Clone, Debug)]
struct Wine {
    prefix: PathBuf,
    /// Where it finds the 32-bit DLLs that [`fetch_32_bit`] brought.
    dll_path: Option<PathBuf>,
    /// The Debian that it belongs to; `None` is this machine's own Wine.
    root: Option<Root>,
}

impl Runner {
    /// For programs of `target`: makes the prefix if there is none, and wakes its server.
    pub(crate) fn windows(workspace: &Workspace, target: Target) -> Result<Self> {
        if cfg!(windows) {
            return Ok(Self::default());
        }
        let mut wine = Wine { prefix: home(workspace).join("prefix"), dll_path: None, root: None };
        wine.get_ready()?;
        let (folder, stand_ins): (_, &[&str]) = match target == Target::I686 {
            true => (SYSWOW64, &["bcryptprimitives", "ws2_32"]),
            false => (SYSTEM32, &["bcryptprimitives"]),
        };
        let fetched = dlls_32_bit(workspace);
        // From version 9 on, or with a 32-bit Wine, the prefix has its own.
        if target == Target::I686 && fetched.is_dir() {
            fs::create_dir_all(wine.prefix.join(SYSWOW64))?;
            for dll in DLLS_32_BIT.split(' ').map(|name| format!("{name}.dll")) {
                let place = wine.prefix.join(SYSWOW64).join(&dll);
                if !place.exists() {
                    fs::copy(fetched.join(&dll), &place).with_context(|| format!("cannot copy {dll}"))?;
                }
            }
            wine.dll_path = fetched.parent().map(Path::to_owned);
        }
        for name in stand_ins {
            let dll = wine.prefix.join(folder).join(name).with_extension("dll");
            if let (false, Some(gcc)) = (dll.exists(), target.linker()) {
                let flags = ["-shared", "-O2", "-s", "-Wall", "-Wextra", "-Wl,--kill-at", "-o"];
                let task = Task::new(gcc.program).args(flags).arg(dll).dir(&workspace.root);
                task.arg(format!("xtask/wine/{name}.c")).arg("-ladvapi32").run(Output::Keep)?.check()?;
            }
        }
        Ok(Self(Some(wine)))
    }

    /// For programs that the Wine in `root` runs, in a prefix of this name.
    pub(crate) fn in_root(workspace: &Workspace, root: Root, name: &str) -> Result<Self> {
        let wine = Wine { prefix: home(workspace).join(name), dll_path: None, root: Some(root) };
        wine.get_ready()?;
        Ok(Self(Some(wine)))
    }

    /// A task that runs `program`, which gets no input.
    pub(crate) fn task(&self, program: &Path) -> Task {
        match &self.0 {
            Some(wine) => wine.task("wine").arg(program),
            None => Task::new(program),
        }
    }

    /// A task whose children run Windows programs this way.
    pub(crate) fn environment(&self, task: Task) -> Task {
        self.0.as_ref().map_or(task.clone(), |wine| wine.env(task))
    }
}

impl Wine {
    /// Runs Wine's program `wine` or `wineserver`.
    fn task(&self, program: &str) -> Task {
        self.env(match &self.root {
            Some(root) => root.task(&format!("/usr/lib/wine/{program}64")),
            None => Task::new(program),
        })
    }

    fn env(&self, task: Task) -> Task {
        // No menu entries on the user's desktop, no questions about Mono and Gecko, no debugger that waits for a
        // person, no window, and no backtraces, which take seconds.
        let overrides = "winemenubuilder.exe,winedbg.exe,mscoree,mshtml=";
        let mut task = task.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").env("RUST_BACKTRACE", "0");
        task = task.env("WINEDLLOVERRIDES", overrides).env_remove("WINEARCH").env_remove("DISPLAY");
        if self.root.is_some() {
            task = task.env("WINESERVER", "/usr/lib/wine/wineserver64");
        }
        match &self.dll_path {
            Some(dlls) => task.env("WINEDLLPATH", dlls).env("WINEDLLOVERRIDES", format!("{overrides};ws2_32=n,b")),
            None => task,
        }
    }

    /// Makes the prefix, if there is none, and starts its services under a server that stays for a minute.
    fn get_ready(&self) -> Result<()> {
        if !self.prefix.is_dir() {
            // Beside its place, and moved there when it is complete: a run that is interrupted leaves no half of it.
            eprintln!("Making a Wine prefix in {}", self.prefix.display());
            let home = self.prefix.parent().context("no folder for the prefix")?;
            fs::create_dir_all(home)?;
            let unfinished = Self { prefix: tempfile::tempdir_in(home)?.keep(), ..self.clone() };
            unfinished.start()?;
            // Its server goes when nobody needs it. To kill it would leave a service behind that is just coming up.
            unfinished.task("wineserver").arg("-w").run(Output::Keep)?.check()?;
            fs::rename(&unfinished.prefix, &self.prefix)?;
        }
        // Says no when a server runs already.
        self.task("wineserver").arg("-p60").run(Output::Keep)?;
        self.start()
    }

    /// Runs a program that does nothing: Wine makes the prefix if it is empty, and starts the services. The
    /// first Wine process hands its own output to them, and who reads that pipe then waits for them: here
    /// it is a file that nobody waits for.
    fn start(&self) -> Result<()> {
        // Not wineboot: told to, it starts the services once more.
        let program = self.task("wine").args(["cmd", "/c", "exit"]);
        program.run(Output::Keep)?.check().context("Wine can't be started").map(drop)
    }
}

fn home(workspace: &Workspace) -> PathBuf {
    workspace.target.join("wine")
}

/// Where [`fetch_32_bit`] puts the DLLs.
fn dlls_32_bit(workspace: &Workspace) -> PathBuf {
    home(workspace).join("32-bit/usr/lib/i386-linux-gnu/wine/i386-windows")
}

/// Whether 32-bit programs run, or will once the prefix is made.
pub(crate) fn has_32_bit(workspace: &Workspace) -> bool {
    let in_prefix = home(workspace).join("prefix").join(SYSWOW64).join("ntdll.dll");
    dlls_32_bit(workspace).is_dir() || in_prefix.exists()
}

/// Fetches Wine's i386 DLLs, in the version of the Wine that is installed.
pub(crate) fn fetch_32_bit(workspace: &Workspace) -> Result<()> {
    let version = Task::new("dpkg-query").args(["-W", "-f=${Version}", "libwine"]);
    let package = format!("libwine={}", version.run(Output::KeepStdout)?.check()?.output.trim());
    debian::unpack_i386(&package, &home(workspace).join("32-bit"))
}
