//! What Debian and Ubuntu provide: packages, installed or only unpacked, and small systems of their own.

use crate::prelude::*;

/// Installs packages with apt, as root or through sudo.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    which("apt-get").context("only Debian and Ubuntu are set up from here: install by hand what is listed above")?;
    let id = Task::new("id").arg("-u").run(Output::KeepStdout)?.check()?;
    let mut line = vec!["sudo", "--non-interactive"];
    if id.output.trim() == "0" {
        line.clear();
    } else {
        // sudo asks for a password here, where it has the terminal, and remembers it for what follows.
        let status = std::process::Command::new("sudo").arg("--validate").status();
        ensure!(status.is_ok_and(|it| it.success()), "installing takes root or sudo: install by hand what is listed");
    }
    eprintln!("Installing with apt-get: {}", packages.join(" "));
    // Through env, since sudo drops the variables of its caller.
    line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]);
    let apt = Task::new(line[0]).args(&line[1..]);
    // The lists of a new machine are old or missing. An error here shows itself below if it matters.
    apt.clone().arg("update").run(Output::Keep)?;
    // --no-remove: whatever is in the way of a package is the user's to remove.
    let install = apt.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages);
    let finished = install.run(Output::Keep)?.check()?;
    eprintln!("  done in {} s", finished.elapsed.as_secs());
    Ok(())
}

/// Downloads a package for i386 and unpacks it into `dir`. Nothing is installed: apt works with lists of its own, so
/// that the system's architectures stay as they are.
pub(crate) fn unpack_i386(package: &str, dir: &Path) -> Result<()> {
    let parent = dir.parent().context("no folder to unpack into")?;
    fs::create_dir_all(parent)?;
    let work = tempfile::tempdir_in(parent)?;
    let path = |part: &str| work.path().join(part).display().to_string();
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(path(folder))?;
    }
    let (lists, cache) = (format!("Dir::State::Lists={}", path("lists")), format!("Dir::Cache={}", path("cache")));
    let i386 = ["APT::Architecture=i386", "APT::Architectures=i386", "Acquire::Languages=none", &lists, &cache];
    // As root, apt would download as a user of its own, who may not write here.
    let options = i386.iter().chain(&["Debug::NoLocking=1", "APT::Sandbox::User=root"]).flat_map(|it| ["-o", it]);
    let apt = Task::new("apt-get").dir(work.path()).arg("-q").args(options);
    eprintln!("Fetching with apt-get, without installing: {package} for i386");
    // One index that is out of step, as security's often is for i386, makes this fail; the next step decides.
    apt.clone().arg("update").run(Output::Keep)?;
    apt.args(["download", package]).run(Output::Keep)?.check()?;
    let mut files = fs::read_dir(work.path())?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|it| it == "deb")).context("nothing was downloaded")?;
    Task::new("dpkg-deb").arg("-x").arg(file).arg(path("unpacked")).run(Output::Keep)?.check()?;
    Ok(fs::rename(path("unpacked"), dir)?)
}

/// What it takes to make a [`Root`], and to run programs in one for ARM64.
pub(crate) const MMDEBSTRAP: Tool =
    Tool { program: "mmdebstrap", package: "mmdebstrap", purpose: "mmdebstrap, to make a small Debian" };
pub(crate) const QEMU: Tool =
    Tool { program: "qemu-aarch64-static", package: "qemu-user-static", purpose: "QEMU, to run ARM64 programs" };

/// A small Debian with Wine in a folder. It is entered by `chroot`, in namespaces of its own, so that nothing is
/// mounted or registered on the machine.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    dir: PathBuf,
    is_arm64: bool,
    /// The checkout and cargo's target directory, which lie there where they lie here.
    shared: [PathBuf; 2],
}

impl Root {
    /// The root with this release of Debian; made if there is none, which takes root's rights and a minute.
    pub(crate) fn get(workspace: &Workspace, suite: &str, is_arm64: bool) -> Result<Self> {
        let home = workspace.target.join("roots");
        let dir = home.join(if is_arm64 { format!("{suite}-arm64") } else { suite.to_owned() });
        let root = Self { dir, is_arm64, shared: [workspace.root.to_owned(), workspace.target.to_owned()] };
        if root.dir.is_dir() {
            return Ok(root);
        }
        eprintln!("Making a Debian {suite} with Wine in {}", root.dir.display());
        fs::create_dir_all(&home)?;
        let unfinished = tempfile::tempdir_in(&home)?;
        let place = unfinished.path().join("root");
        let what: &[&str] = match is_arm64 {
            // Nothing of it can run while it is made.
            true => &["--architectures=arm64", "--variant=extract", "--include=wine64,libc-bin,dash"],
            false => &["--variant=apt", "--include=wine64"],
        };
        // The mirror of Debian that apt uses here; on other systems mmdebstrap knows one.
        let mirrors = Task::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]);
        let mirrors = mirrors.args(["Origin: Debian", "Label: Debian"]).run(Output::KeepStdout)?.output;
        let task = Task::new("mmdebstrap").args(["--quiet", "--mode=root"]).args(what).arg(suite);
        task.arg(&place).args(mirrors.lines().next()).run(Output::Keep)?.check()?;
        if is_arm64 {
            fs::copy(which(QEMU.program)?, place.join("usr/bin").join(QEMU.program))?;
        }
        fs::rename(place, &root.dir)?;
        Ok(root)
    }

    /// A task that runs `program` in it.
    pub(crate) fn task(&self, program: &str) -> Task {
        // Only in a user namespace of its own can an emulator be registered for itself alone.
        let own: &[&str] = &["--map-root-user", "--pid", "--fork", "--kill-child"];
        let (own, kind) = if self.is_arm64 { (own, "arm64") } else { (&[][..], "native") };
        let task = Task::new("unshare").arg("--mount").args(own).arg("sh");
        let task = task.arg(self.shared[0].join("xtask/enter-root.sh")).arg(&self.dir).arg(kind);
        task.args(&self.shared).arg("--").arg(program)
    }
}
