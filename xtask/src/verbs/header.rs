//! `cargo xtask header`: `ffi/include/ntpark.h`, made from the source of the C interface.

use regex::Regex;

use crate::prelude::*;

/// Make the C header from the source of the C interface
#[derive(clap::Args)]
pub(crate) struct Options {}

/// The files of `ffi/src` that speak to C, in the order in which their items stand in the header.
const SOURCES: &str = "status time parker thread_parker mutex rwlock condvar once semaphore event barrier futex lot \
                       backend spin version";

/// The calling convention, which cbindgen cannot write between a function's type and its name.
const CONVENTION: &str = "NTPARK_CALL ";

/// The header that is generated.
pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("ffi/include/ntpark.h")
}

/// The functions that a header declares.
pub(crate) fn functions(header: &str) -> impl Iterator<Item = &str> {
    let names = header.split(CONVENTION).skip(1).filter_map(|rest| Some(rest.split_once('(')?.0));
    names.filter(|name| name.starts_with("ntpark_"))
}

/// Writes the header.
pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    let path = path(workspace);
    fs::write(&path, generate(workspace)?).with_context(|| format!("cannot write {}", path.display()))
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
    for source in SOURCES.split_whitespace() {
        builder = builder.with_src(dir.join(format!("src/{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().context("cbindgen can't make a header of ffi/src")?.write(&mut header);
    with_convention(&String::from_utf8(header)?)
}

/// Adds the calling convention to functions and to pointers to functions.
fn with_convention(header: &str) -> Result<String> {
    let function = Regex::new(r"(?m)^(NTPARK_API\s[^;(]*)\b(\w+\([^;]*;)")?;
    let text = function.replace_all(header, |found: &regex::Captures<'_>| {
        // A second line of parameters stays below the first one.
        let parameters = found[2].replace('\n', &format!("\n{}", " ".repeat(CONVENTION.len())));
        format!("{}{CONVENTION}{parameters}", &found[1])
    });
    Ok(text.replace("(*", &format!("({CONVENTION}*")))
}
