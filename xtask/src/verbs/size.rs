use object::pe::IMAGE_DIRECTORY_ENTRY_IMPORT;
use object::read::pe::PeFile64;
use object::{LittleEndian as LE, Object as _, ObjectSection as _};

use crate::prelude::*;
use crate::verbs::dist;

/// Programs that hand a token to and fro, once.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// Measure how large ntpark makes a program, what it imports, and how much stack a wait takes
///
/// Builds the programs under `benches/programs` for 64-bit Windows, optimised for size, and the C library, runs the
/// programs, and reads the files. Fails if a limit is exceeded. Without a limit, for comparison: the same program on
/// std and on parking_lot.
#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let mut report = Report::default();
    check(workspace, &mut report)?;
    let place = Place::windows(workspace, Target::X86_64_ABORT, None)?;
    for package in ["with-std", "with-parking-lot"] {
        for Program { path, .. } in build(&place, package)? {
            place.runner()?.task(&path).limit(RUN_LIMIT).run(Output::Keep)?.check()?;
            println!("{package}: {} bytes", fs::metadata(path)?.len());
        }
    }
    report.summary()
}

/// Checks what ntpark itself takes, each item as a step.
pub(crate) fn check(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let place = Place::windows(workspace, Target::X86_64_BARE, None)?;
    let (programs, runner) = (build(&place, "minimal")?, place.runner()?);
    let find = |name: &str| {
        let program = programs.iter().find(|program| program.name == name);
        program.map(|program| program.path.as_path()).with_context(|| format!("there is no program {name}"))
    };
    let (futex, park, spin, stack) = (find("futex")?, find("park")?, find("spin")?, find("stack")?);
    let (allocator, locks) = (find("allocator")?, find("locks")?);
    for program in [allocator, futex, locks, park, spin] {
        runner.task(program).limit(RUN_LIMIT).run(Output::Keep)?.check()?;
    }
    // On each of its three kinds of Windows it prints the stack of the first park, a later one, a futex and a lock.
    let mut stacks = [0; 4];
    for windows in ["0", "1", "2"] {
        let printed = runner.task(stack).limit(RUN_LIMIT).arg(windows).run(Output::Keep)?.check()?.output;
        let numbers: Vec<u64> = printed.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(numbers.len() == stacks.len(), "stack.exe has printed {printed}");
        stacks.iter_mut().zip(numbers).for_each(|(most, bytes)| *most = bytes.max(*most));
    }
    let dir = tempfile::tempdir()?;
    dist::build(workspace, &place.toolchain, &dir.path().join("c"))?;
    let dll = dir.path().join("c/bin/ntpark.dll");
    let c = dir.path().join("no_crt.exe");
    let linker = place.toolchain.linker.context("mingw-w64 compiles C as well")?;
    let task = Task::new(linker.program).dir(dir.path().join("c")).args(["-Os", "-s", "-nostdlib", "-Iinclude"]);
    let task = task.arg(workspace.root.join("ffi/examples/no_crt.c")).args(["lib/libntpark.a", "-lkernel32", "-o"]);
    task.arg(&c).run(Output::Keep)?.check()?;

    let without = bytes_before_imports(spin)?;
    let added = |program: &Path| bytes_before_imports(program).map(|bytes| bytes - without);

    report.group("size");
    // The limits, in bytes.
    for (name, value, limit) in [
        ("program", fs::metadata(park)?.len(), 4096),
        ("code and constants added", added(park)?, 3072),
        ("code and constants that a mutex and a condition variable add to that", added(locks)? - added(park)?, 5120),
        ("program with a futex", fs::metadata(futex)?.len(), 6144),
        ("program with a condition variable and an allocator's lock", fs::metadata(allocator)?.len(), 9216),
        ("C program that parks, linked statically", fs::metadata(&c)?.len(), 12_800),
        // With where its symbols lie.
        ("DLL", fs::metadata(&dll)?.len(), 35_840),
        ("stack of the first park", stacks[0], 232),
        ("stack of a park", stacks[1], 216),
        // With the 240 bytes that spread it.
        ("stack of a futex wait", stacks[2], 880),
        // On `WaitOnAddress` 64 less.
        ("stack of a contended lock", stacks[3], 944),
    ] {
        let is_within = (value <= limit).then_some(());
        report.step(&format!("{name}: {value} of {limit} bytes"), || is_within.context("more than the limit"))?;
    }
    for (name, path) in [("program", park), ("program with a futex", futex), ("DLL", dll.as_path())] {
        let bytes = fs::read(path)?;
        let imports = PeFile64::parse(&*bytes)?.imports()?;
        let is_alone = imports.iter().all(|import| import.library().eq_ignore_ascii_case(b"kernel32.dll"));
        report.step(&format!("{name}: {} imports, kernel32 alone", imports.len()), || {
            ensure!(is_alone, "it imports {imports:?}");
            Ok(())
        })?;
    }
    Ok(())
}

/// The bytes of a program's only section that lie before its imports: its code and constants.
fn bytes_before_imports(path: &Path) -> Result<u64> {
    let bytes = fs::read(path)?;
    let file = PeFile64::parse(&*bytes).context("no 64-bit Windows program")?;
    let directory = file.data_directory(IMAGE_DIRECTORY_ENTRY_IMPORT).context("it imports nothing")?;
    let imports = u64::from(directory.virtual_address.get(LE)) + file.relative_address_base();
    let section = file.sections().next().context("it has no section")?;
    let range = section.address()..section.address() + section.size();
    ensure!(range.contains(&imports), "its imports do not lie in its first section");
    Ok(imports - range.start)
}

fn build(place: &Place<'_>, package: &str) -> Result<Vec<Program>> {
    let manifest = Some("benches/programs/Cargo.toml");
    place.build(Build { manifest, ..Build::release(package, &["build", "--bins"]) })
}
