//! `cargo xtask kernel`: the kernels of `examples/kernels` on QEMU's boards.

use object::{Object as _, ObjectSymbol as _, SymbolKind};
use regex::Regex;
use serde::Deserialize;

use crate::prelude::*;
use crate::toolchain;

/// A run takes some seconds; the guest's own watchdog comes first.
const RUN_LIMIT: Duration = Duration::from_secs(4 * 60);
const DIR: &str = "examples/kernels";
const LLD: Tool = Tool { program: "ld.lld-19", package: "lld-19", purpose: "lld, to link kernels" };
const QEMU: &str = "qemu-system-arm";

/// Run ntpark in two kernels without an operating system, on QEMU
///
/// One board has a single processor and runs by counted instructions, so two runs must print the same, and a timer's
/// interrupt handler unparks at every position of a park. The other has two processors in parallel. Then faults are
/// seeded in the kernel, and each has to fail in its own way.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this board
    #[arg(long, value_name = "NAME", value_parser = BOARDS.map(|board| board.name))]
    board: Option<String>,
    /// Leave out the seeded faults
    #[arg(long)]
    no_faults: bool,
}

struct Board {
    name: &'static str,
    triple: &'static str,
    /// The emulator of the package.
    emulator: &'static str,
    machine: &'static [&'static str],
    /// What the kernel runs, and whether to compare it with a second run.
    modes: &'static [(&'static str, bool)],
}

const BOARDS: [Board; 2] = [
    Board {
        name: "mps2-an385",
        triple: "thumbv7m-none-eabi",
        emulator: "qemu-system-arm",
        machine: &["-icount", "shift=6,sleep=off"],
        modes: &[("counter", true), ("tick", true), ("sweep", true), ("first-park", false), ("stack", true)],
    },
    Board {
        name: "virt",
        triple: "aarch64-unknown-none-softfloat",
        emulator: "qemu-system-aarch64",
        machine: &["-cpu", "cortex-a57", "-smp", "2", "-m", "64", "-nic", "none", "-accel", "tcg,thread=multi"],
        modes: &[("counter", false)],
    },
];

/// How many instructions of a function the shots of a sweep have to hit at least. Functions by a part of their mangled
/// names that both of rustc's manglings have.
const POSITIONS: [(&str, &str, usize); 10] = [
    ("park", "15park_until_slow", 50),
    ("park", "6parker7park_on", 40),
    ("park", "7Backend17compare_and_block", 24),
    ("park", "4host4wait", 14),
    ("time-out", "6parker7park_on", 16),
    ("time-out", "7Backend17compare_and_block", 26),
    ("first park", "6kernel7install", 30),
    ("first park", "9Selection9choose_in", 22),
    ("first park", "9Selection5build", 18),
    ("first park", "6parker7park_on", 40),
];

/// Runs everything.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut report = Report::default();
    for board in BOARDS.iter().filter(|board| options.board.as_ref().is_none_or(|name| name == board.name)) {
        let mut setup = Setup::new(workspace);
        setup.needs_tool(Tool { program: board.emulator, package: QEMU, purpose: "QEMU, to run kernels" });
        let mut toolchain = setup.needs_target(Target::bare(board.triple))?;
        // Debian's Rust has no linker of its own.
        if toolchain.program().starts_with(toolchain::DEBIAN_BIN) {
            setup.needs_tool(LLD);
            let variable = format!("CARGO_TARGET_{}_LINKER", board.triple.to_uppercase().replace('-', "_"));
            toolchain = toolchain.with_env(variable, LLD.program);
        }
        setup.carry_out()?;
        report.group(board.name);
        board.check(workspace, &toolchain, &mut report)?;
        if !options.no_faults {
            board.check_faults(workspace, &toolchain, &mut report)?;
        }
    }
    report.summary()
}

impl Board {
    /// The kernel in `dir`, built.
    fn build(workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<Program> {
        let manifest = dir.join("Cargo.toml").display().to_string();
        let build = Build { manifest: Some(&manifest), ..Build::release("kernels", What::Programs) };
        build.one(workspace, toolchain)
    }

    fn boot(&self, kernel: &Program, mode: &str) -> Result<Finished> {
        let semihosting = format!("enable=on,target=native,arg=kernel,arg={mode}");
        let machine = if self.name == "virt" { "virt,gic-version=2" } else { self.name };
        let task = Task::new(self.emulator, RUN_LIMIT).args(["-M", machine, "-nographic"]).args(self.machine);
        task.args(["-semihosting-config", &semihosting, "-kernel"]).arg(&kernel.path).run(Output::Keep)
    }

    fn check(&self, workspace: &Workspace, toolchain: &Toolchain, report: &mut Report) -> Result<()> {
        let kernel = Self::build(workspace, toolchain, Path::new(DIR))?;
        let symbols = Symbols::read(&kernel.path)?;
        for (mode, is_compared) in self.modes {
            let mut output = String::new();
            let passed = report.step(mode, || {
                output = self.boot(&kernel, mode)?.check()?.output;
                ensure!(!is_compared || self.boot(&kernel, mode)?.output == output, "two runs differ:\n{output}");
                Ok(())
            })?;
            let (positions, counts): (Vec<_>, Vec<_>) = output.lines().partition(|line| symbols.sweep(line).is_some());
            counts.iter().filter(|_| passed).for_each(|line| println!("    {line}"));
            let sweeps: Vec<_> = positions.iter().filter_map(|line| symbols.sweep(line)).collect();
            for (name, hit) in sweeps {
                for (_, function, least) in POSITIONS.into_iter().filter(|(sweep, ..)| *sweep == name) {
                    let found = hit.iter().filter(|symbol| symbol.contains(function)).count();
                    report.step(&format!("{name}: {found} positions of {function}, at least {least}"), || {
                        ensure!(found >= least, "too few: the sweep does not reach every position any more");
                        Ok(())
                    })?;
                }
            }
        }
        let (text, data) = symbols.of_ntpark();
        println!("    ntpark in this kernel: {text} bytes of text, {data} bytes of RAM");
        Ok(())
    }

    /// Seeds the faults of this board's modes, each of which has to be noticed in its own way.
    fn check_faults(&self, workspace: &Workspace, toolchain: &Toolchain, report: &mut Report) -> Result<()> {
        let list: Faults = toml::from_str(&fs::read_to_string(workspace.root().join(DIR).join("faults.toml"))?)?;
        let copy = tempfile::tempdir_in(workspace.target())?;
        let dir = copy.path().join("kernels");
        for folder in ["kernels", "queue_lock"] {
            copy_folder(&workspace.root().join("examples").join(folder), &copy.path().join(folder))?;
        }
        let library = format!("path = {:?}", workspace.root());
        replace(&dir.join("Cargo.toml"), "path = \"../..\"", &library)?;
        for fault in list.fault.iter().filter(|fault| fault.board == self.name) {
            report.step(&format!("{} ({})", fault.name, fault.slip), || {
                let file = dir.join(&fault.file);
                let sound = replace(&file, &fault.find, &fault.replace)?;
                let finished = self.boot(&Self::build(workspace, toolchain, &dir)?, &fault.mode)?;
                fs::write(&file, sound)?;
                let is_noticed =
                    finished.code() == Some(fault.exit_code) && Regex::new(&fault.says)?.is_match(&finished.output);
                ensure!(is_noticed, "not noticed as expected: {}\n{}", finished.how(), finished.output);
                Ok(())
            })?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Faults {
    fault: Vec<Fault>,
}

/// A change of a file, and how the kernel has to fail then.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fault {
    name: String,
    slip: String,
    board: String,
    file: PathBuf,
    find: String,
    replace: String,
    mode: String,
    exit_code: i32,
    /// A regular expression.
    says: String,
}

/// Replaces the only occurrence of a text in a file. Returns what the file was.
fn replace(file: &Path, find: &str, replace: &str) -> Result<String> {
    let text = fs::read_to_string(file)?;
    ensure!(text.matches(find).count() == 1, "{} does not have exactly once: {find}", file.display());
    fs::write(file, text.replace(find, replace))?;
    Ok(text)
}

/// Copies a folder but for what was built in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = {
            let entry = entry?;
            (entry.path(), entry.file_name())
        };
        if !path.is_dir() {
            fs::copy(&path, to.join(name))?;
        } else if name != "target" {
            copy_folder(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// The kernel's functions and statics: address, size, mangled name.
struct Symbols {
    text: Vec<(u64, u64, String)>,
    data: Vec<(u64, u64, String)>,
}

impl Symbols {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path)?;
        let file = object::File::parse(&*bytes)?;
        let of_kind = |kind| {
            let symbols = file.symbols().filter(move |symbol| symbol.kind() == kind);
            // Thumb functions have odd addresses.
            symbols.map(|it| (it.address() & !1, it.size(), it.name().unwrap_or_default().to_owned())).collect()
        };
        Ok(Self { text: of_kind(SymbolKind::Text), data: of_kind(SymbolKind::Data) })
    }

    /// How many bytes of text and of RAM are ntpark's.
    fn of_ntpark(&self) -> (u64, u64) {
        let size = |symbols: &[(u64, u64, String)]| {
            symbols.iter().filter(|(.., name)| name.contains("6ntpark")).map(|(_, size, _)| size).sum()
        };
        (size(&self.text), size(&self.data))
    }

    /// The name of a sweep and the functions that its shots have hit, one for each position; none if the line is another.
    fn sweep<'l>(&self, line: &'l str) -> Option<(&'l str, Vec<&str>)> {
        let (name, positions) = line.split_once(": ")?;
        let positions =
            positions.split(' ').map(|at| u64::from_str_radix(at, 16)).collect::<Result<Vec<_>, _>>().ok()?;
        let function = |at: &u64| {
            let here = self.text.iter().find(|(start, size, _)| (*start..start + size).contains(at));
            here.map_or("?", |(.., name)| name.as_str())
        };
        Some((name, positions.iter().map(function).collect()))
    }
}
