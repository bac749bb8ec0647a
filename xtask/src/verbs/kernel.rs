use object::{Object as _, ObjectSymbol as _, SymbolKind};
use regex::Regex;
use serde::Deserialize;

use crate::prelude::*;
use crate::toolchain;

/// A run takes some seconds; the guest's own watchdog comes first.
const RUN_LIMIT: Duration = Duration::from_secs(5 * 60);
const DIR: &str = "examples/kernels";
const LLD: Tool = Tool { program: "ld.lld-19", package: "lld-19", purpose: "lld, to link kernels" };
const QEMU: &str = "QEMU, to run kernels";

/// Run ntpark in two kernels without an operating system, on QEMU
///
/// One board has a single processor and runs by counted instructions: two runs must print the same, and a timer's
/// interrupt handler unparks at every position of a park. The other has two processors in parallel. Then faults are
/// seeded in the kernels, and each has to fail in its own way.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this board
    #[arg(long, value_name = "NAME", value_parser = BOARDS.map(|board| board.name))]
    board: Option<String>,
    /// Leave out the seeded faults
    #[arg(long)]
    no_faults: bool,
}

pub(crate) struct Board {
    name: &'static str,
    pub(crate) triple: &'static str,
    emulator: Tool,
    machine: &'static str,
    /// Whether the emulator counts instructions: then two runs print the same.
    is_counted: bool,
    /// What the kernel runs.
    modes: &'static [&'static str],
}

pub(crate) const BOARDS: [Board; 2] = [
    Board {
        name: "mps2-an385",
        triple: "thumbv7m-none-eabi",
        emulator: Tool { program: "qemu-system-arm", package: "qemu-system-arm", purpose: QEMU },
        machine: "-M mps2-an385 -icount shift=6,sleep=off",
        is_counted: true,
        modes: &["counter", "tick", "sweep", "first-park", "stack"],
    },
    Board {
        name: "virt",
        triple: "aarch64-unknown-none-softfloat",
        emulator: Tool { program: "qemu-system-aarch64", package: "qemu-system-arm", purpose: QEMU },
        machine: "-M virt,gic-version=2 -cpu cortex-a57 -smp 2 -m 64 -nic none -accel tcg,thread=multi",
        is_counted: false,
        modes: &["counter"],
    },
];

/// What `checks.toml` asks for; the sizes are limits where instructions are counted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    text: u64,
    data: u64,
    positions: Vec<Positions>,
    fault: Vec<Fault>,
}

/// How many instructions of a function the shots of a sweep have to hit. The function by a part of its mangled name
/// that both of rustc's manglings have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Positions {
    sweep: String,
    function: String,
    least: usize,
}

/// A change of a file, and how a mode has to fail then.
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

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut report = Report::default();
    for board in BOARDS.iter().filter(|board| options.board.as_ref().is_none_or(|name| name == board.name)) {
        board.check(workspace, &board.set_up(workspace)?, !options.no_faults, &mut report)?;
    }
    report.summary()
}

impl Board {
    /// Installs what it takes to build for the board and to play it.
    pub(crate) fn set_up(&self, workspace: &Workspace) -> Result<Toolchain> {
        let mut setup = Setup::new(workspace);
        setup.needs_tool(self.emulator);
        let mut toolchain = setup.needs_target(Target::bare(self.triple))?;
        // Debian's Rust has no linker of its own.
        if toolchain.program.starts_with(toolchain::DEBIAN_BIN) {
            setup.needs_tool(LLD);
            toolchain.linker = Some(LLD);
        }
        setup.carry_out()?;
        Ok(toolchain)
    }

    fn boot(&self, kernel: &Program, mode: &str) -> Result<Finished> {
        let semihosting = format!("enable=on,target=native,arg=kernel,arg={mode}");
        let task = Task::new(self.emulator.program).limit(RUN_LIMIT).args(self.machine.split(' ')).arg("-nographic");
        task.args(["-semihosting-config", &semihosting, "-kernel"]).arg(&kernel.path).run(Output::Keep)
    }

    /// Runs all modes, holds what they print against the checks, and seeds the faults if it shall check all.
    pub(crate) fn check(&self, workspace: &Workspace, tools: &Toolchain, all: bool, report: &mut Report) -> Result<()> {
        report.group(self.name);
        let checks: Checks = toml::from_str(&fs::read_to_string(workspace.root.join(DIR).join("checks.toml"))?)?;
        let kernel = build(workspace, tools, Path::new(DIR))?;
        let bytes = fs::read(&kernel.path)?;
        let file = object::File::parse(&*bytes)?;
        let functions = file.symbol_map();
        let mut output = String::new();
        for mode in self.modes {
            let printed = report.step(mode, || {
                let printed = self.boot(&kernel, mode)?.check()?.output;
                ensure!(!self.is_counted || self.boot(&kernel, mode)?.output == printed, "two runs differ:\n{printed}");
                Ok(printed)
            })?;
            output += &printed.unwrap_or_default();
        }
        output.lines().filter(|it| !it.starts_with("positions")).for_each(|line| println!("    {line}"));
        for Positions { sweep, function, least } in checks.positions.iter().filter(|_| self.is_counted) {
            let line = format!("positions at {sweep}: ");
            let positions = output.lines().find_map(|it| it.strip_prefix(&line)).unwrap_or_default();
            // A Thumb function's symbol is odd.
            let name = |at: &str| Some(functions.get(u64::from_str_radix(at, 16).ok()? | 1)?.name());
            let found = positions.split(' ').filter_map(name).filter(|name| name.contains(function)).count();
            let enough = (found >= *least).then_some(());
            let name = format!("{sweep}: {found} positions of {function}, at least {least}");
            report.step(&name, || enough.context("too few"))?;
        }
        let own = || file.symbols().filter(|it| it.name().is_ok_and(|name| name.contains("6ntpark")));
        let size = |kind| own().filter(|it| it.kind() == kind).map(|it| it.size()).sum::<u64>();
        let (text, data) = (size(SymbolKind::Text), size(SymbolKind::Data));
        let within = (!self.is_counted || text <= checks.text && data <= checks.data).then_some(());
        let name = format!("ntpark: {text} bytes of code, {data} of data");
        report.step(&name, || within.context("more than checks.toml allows"))?;
        for fault in checks.fault.iter().filter(|fault| all && fault.board == self.name) {
            report.step(&format!("{}: {}", fault.name, fault.slip), || self.check_fault(workspace, tools, fault))?;
        }
        Ok(())
    }

    /// Seeds a fault in a copy of the checkout.
    fn check_fault(&self, workspace: &Workspace, tools: &Toolchain, it: &Fault) -> Result<()> {
        let copy = workspace.target.join("seeded");
        workspace.copy_to(&copy)?;
        let (dir, file) = (copy.join(DIR), copy.join(DIR).join(&it.file));
        let text = fs::read_to_string(&file)?;
        ensure!(text.matches(&it.find).count() == 1, "{} does not have exactly once: {}", file.display(), it.find);
        fs::write(&file, text.replace(&it.find, &it.replace))?;
        let ended = self.boot(&build(workspace, tools, &dir)?, &it.mode)?;
        let is_noticed = Regex::new(&it.says)?.is_match(&ended.output) && ended.code() == Some(it.exit_code);
        ensure!(is_noticed, "not noticed as expected: {}\n{}", ended.how(), ended.output);
        Ok(())
    }
}

/// The kernel in `dir`, built.
fn build(workspace: &Workspace, toolchain: &Toolchain, dir: &Path) -> Result<Program> {
    let manifest = dir.join("Cargo.toml").display().to_string();
    Build { manifest: Some(&manifest), ..Build::release("kernels", &["build", "--bins"]) }.one(workspace, toolchain)
}
