use regex::Regex;

use crate::prelude::*;

/// Make the C header from the source of the C interface
#[derive(clap::Args)]
pub(crate) struct Options {}

/// The header that is generated.
pub(crate) const PATH: &str = "ffi/include/ntpark.h";
/// The files of `ffi/src` that speak to C, in the order in which their items stand in the header.
const SOURCES: [&str; 7] =
    ["status.rs", "time.rs", "parker.rs", "thread_parker.rs", "backend.rs", "spin.rs", "version.rs"];

/// The calling convention, which cbindgen cannot write between a function's type and its name.
const CONVENTION: &str = "NTPARK_CALL ";

/// The functions that a header declares.
pub(crate) fn functions(header: &str) -> impl Iterator<Item = &str> {
    let names = header.split(CONVENTION).skip(1).filter_map(|rest| Some(rest.split_once('(')?.0));
    names.filter(|name| name.starts_with("ntpark_"))
}

pub(crate) fn run(workspace: &Workspace, Options {}: &Options) -> Result<()> {
    fs::write(workspace.root.join(PATH), generate(workspace)?).context(PATH)
}

/// Compares the header that is there with what the source makes.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let is_same = fs::read_to_string(workspace.root.join(PATH)).context(PATH)? == generate(workspace)?;
    ensure!(is_same, "{PATH} is not what `cargo xtask header` makes: run that, and commit it");
    Ok(())
}

fn generate(workspace: &Workspace) -> Result<String> {
    let dir = workspace.root.join("ffi");
    let config = cbindgen::Config::from_file(dir.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(dir.join("src").join(source));
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
