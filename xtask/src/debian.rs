//! What Debian and Ubuntu provide: packages, installed or only unpacked, and small systems of their own.

use std::process::Command;

use crate::prelude::*;

/// Fetching and unpacking a few hundred megabytes.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Enters a root, and runs a program there.
const ENTER: &str = "xtask/enter-root.sh";

/// Installs packages with apt, as root or through sudo.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    on_path("apt-get").context("only Debian and Ubuntu are set up from here: install by hand what is listed above")?;
    let id = Task::new("id", LIMIT).arg("-u").run(Output::KeepStdout)?.check()?;
    let sudo: &[&str] = if id.output.trim() == "0" { &[] } else { &["sudo", "--non-interactive"] };
    if !sudo.is_empty() {
        // sudo asks for a password here, where it has the terminal, and remembers it for what follows.
        let may = Command::new("sudo").arg("--validate").status().is_ok_and(|status| status.success());
        ensure!(may, "installing takes root or sudo: install by hand what is listed above");
    }
    // Through env, since sudo drops the variables of its caller.
    let line = sudo.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    let line: Vec<&str> = line.copied().chain(["-o", "DPkg::Lock::Timeout=300"]).collect();
    let apt = Task::new(line[0], LIMIT).args(&line[1..]);
    eprintln!("Installing with apt-get: {}", packages.join(" "));
    // The lists of a new machine are old or missing. An error here shows itself below if it matters.
    apt.clone().arg("update").run(Output::Keep)?;
    // --no-remove: whatever is in the way of a package is the user's to remove.
    let install = apt.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages);
    let finished = install.run(Output::Keep)?.check()?;
    eprintln!("  done in {} s", finished.elapsed.as_secs());
    Ok(())
}

/// Downloads packages and unpacks them into `dir`, and installs nothing. Those of another architecture come by
/// lists of their own, so that the system's architectures stay as they are.
pub(crate) fn unpack(packages: &[&str], architecture: Option<&str>, dir: &Path) -> Result<()> {
    let parent = dir.parent().context("no folder to unpack into")?;
    fs::create_dir_all(parent)?;
    let work = tempfile::tempdir_in(parent)?;
    eprintln!("Unpacking below {}: {}", parent.display(), packages.join(" "));
    // As root, apt would download as a user of its own, who may not write here.
    let mut apt = Task::new("apt-get", LIMIT).dir(work.path()).args(["-q", "-o", "APT::Sandbox::User=root"]);
    if let Some(architecture) = architecture {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(work.path().join(folder))?;
        }
        let path = |folder: &str| work.path().join(folder).display().to_string();
        for option in [
            "Debug::NoLocking=1",
            "Acquire::Languages=none",
            &format!("Dir::State::Lists={}", path("lists")),
            &format!("Dir::Cache={}", path("cache")),
            &format!("APT::Architecture={architecture}"),
            &format!("APT::Architectures={architecture}"),
        ] {
            apt = apt.args(["-o", option]);
        }
        // One index that is out of step, as security's often is for i386, makes this fail; the next step decides.
        apt.clone().arg("update").run(Output::Keep)?;
    }
    apt.arg("download").args(packages).run(Output::Keep)?.check()?;
    let unpacked = work.path().join("unpacked");
    for entry in fs::read_dir(work.path())?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            Task::new("dpkg-deb", LIMIT).arg("-x").arg(entry.path()).arg(&unpacked).run(Output::Keep)?.check()?;
        }
    }
    fs::rename(unpacked, dir)?;
    Ok(())
}

/// What it takes to make a [`Root`].
pub(crate) const MMDEBSTRAP: Tool =
    Tool { program: "mmdebstrap", package: "mmdebstrap", purpose: "mmdebstrap, to make a small Debian" };
/// What it takes to run programs in one of another architecture.
pub(crate) const QEMU: Tool =
    Tool { program: "qemu-aarch64-static", package: "qemu-user-static", purpose: "QEMU, to run ARM64 programs" };

/// A small Debian with Wine in a folder. It is entered by `chroot`, in namespaces of its own, so that nothing is
/// mounted or registered on the machine.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    dir: PathBuf,
    is_arm64: bool,
    shared: Vec<PathBuf>,
    enter: PathBuf,
}

impl Root {
    /// The root with this release of Debian; made if there is none, which takes root's rights and a minute.
    pub(crate) fn get(workspace: &Workspace, suite: &str, is_arm64: bool) -> Result<Self> {
        let name = format!("{suite}-{}", if is_arm64 { "arm64" } else { "native" });
        let home = workspace.target().join("roots");
        let root = Self {
            dir: home.join(name),
            is_arm64,
            shared: vec![workspace.root().to_owned(), workspace.target().to_owned()],
            enter: workspace.root().join(ENTER),
        };
        if root.dir.is_dir() {
            return Ok(root);
        }
        eprintln!("Making a Debian {suite} with Wine in {}", root.dir.display());
        fs::create_dir_all(&home)?;
        let unfinished = tempfile::tempdir_in(&home)?;
        let place = unfinished.path().join("root");
        let task = Task::new("mmdebstrap", LIMIT).args(["--quiet", "--mode=root", "--skip=check/empty"]);
        let task = if is_arm64 {
            // Nothing of it can run while it is made.
            task.args(["--architectures=arm64", "--variant=extract", "--include=wine64,libc-bin,dash"])
        } else {
            task.args(["--variant=apt", "--include=wine64"])
        };
        task.arg(suite).arg(&place).args(mirror()?).run(Output::Keep)?.check()?;
        if is_arm64 {
            fs::copy(on_path(QEMU.program).context("QEMU is gone")?, place.join("usr/bin").join(QEMU.program))?;
        }
        fs::rename(place, &root.dir)?;
        Ok(root)
    }

    /// A task that runs `program` in it. The checkout and cargo's target directory lie there where they lie here.
    pub(crate) fn task(&self, program: &str, limit: Duration) -> Task {
        let task = Task::new("unshare", limit).arg("--mount");
        // Only in a user namespace of its own can an emulator be registered for itself alone.
        let own: &[&str] = &["--map-root-user", "--pid", "--fork", "--kill-child"];
        let task = if self.is_arm64 { task.args(own) } else { task };
        let task = task.arg("sh").arg(&self.enter).arg(&self.dir).arg(if self.is_arm64 { "arm64" } else { "native" });
        task.args(&self.shared).arg("--").arg(program)
    }
}

/// The mirror of Debian that apt uses here; none on other systems, where mmdebstrap knows one.
fn mirror() -> Result<Option<String>> {
    let task = Task::new("apt-get", LIMIT).args(["indextargets", "--format", "$(REPO_URI)"]);
    let mirrors = task.args(["Origin: Debian", "Label: Debian"]).run(Output::KeepStdout)?.output;
    Ok(mirrors.lines().next().map(str::to_owned))
}
