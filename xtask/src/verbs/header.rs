//! `cargo xtask header`: `ffi/include/ntpark.h`, made from the source of the C interface.

use crate::prelude::*;

/// Make the C header from the source of the C interface
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if the header is not what would be written
    #[arg(long)]
    check: bool,
}

/// The files of `ffi/src` that speak to C, in the order in which their items stand in the header.
const SOURCES: [&str; 7] =
    ["status.rs", "time.rs", "parker.rs", "thread_parker.rs", "backend.rs", "spin.rs", "version.rs"];

/// What marks a function, and the calling convention, which cbindgen cannot write between its type and its name.
const FUNCTION: &str = "NTPARK_API";
const CONVENTION: &str = "NTPARK_CALL ";

/// The header that is generated.
pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("ffi/include/ntpark.h")
}

/// The functions that a header declares.
pub(crate) fn functions(header: &str) -> impl Iterator<Item = &str> {
    let declarations = header.split(CONVENTION).skip(1);
    declarations
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("ntpark_"))
}

/// Writes the header, or compares it with the one that is there.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.check {
        return check(workspace);
    }
    let path = path(workspace);
    let header = generate(workspace)?;
    fs::write(&path, header).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares the header that is there with what the source makes.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = path(workspace);
    let there = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        there == generate(workspace)?,
        "{} is not what `cargo xtask header` makes of ffi/src: run that, and commit it",
        path.display()
    );
    Ok(())
}

fn generate(workspace: &Workspace) -> Result<String> {
    let dir = workspace.root().join("ffi");
    let config = cbindgen::Config::from_file(dir.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(dir.join("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate().context("cbindgen can't make a header of ffi/src")?.write(&mut header);
    Ok(with_convention(&String::from_utf8(header)?))
}

/// Adds the calling convention to functions and to pointers to functions.
fn with_convention(header: &str) -> String {
    let mut text = String::new();
    let (mut is_function, mut indent) = (false, 0);
    for line in header.lines() {
        is_function |= line.starts_with(FUNCTION);
        let mut line = line.replace("(*", &format!("({CONVENTION}*"));
        if is_function {
            // A second line of parameters stays below the first one.
            line.insert_str(0, &" ".repeat(indent));
            if let (0, Some(end)) = (indent, line.find('(')) {
                let name = line[..end].rfind([' ', '*']).map_or(0, |at| at + 1);
                line.insert_str(name, CONVENTION);
                indent = CONVENTION.len();
            }
            if line.ends_with(';') {
                (is_function, indent) = (false, 0);
            }
        }
        text += &line;
        text.push('\n');
    }
    text
}
