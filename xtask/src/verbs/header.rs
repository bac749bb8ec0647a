use regex::Regex;
use std::collections::BTreeSet;

use crate::prelude::*;

/// Make the C header from the source of the C interface
#[derive(clap::Args)]
pub(crate) struct Options {}

/// The header that is generated.
pub(crate) const PATH: &str = "ffi/include/ntpark.h";
/// The files of `ffi/src` that speak to C, in the order in which their items stand in the header.
const SOURCES: &str = "status time parker backend thread_parker mutex rwlock condvar once semaphore event barrier \
                       futex lot spin version";

/// The calling convention, which cbindgen cannot write between a function's type and its name.
const CONVENTION: &str = "NTPARK_CALL ";

/// The functions that a header declares.
pub(crate) fn functions(header: &str) -> Result<BTreeSet<String>> {
    let function = Regex::new(r"NTPARK_(?:CALL|WINAPI) (ntpark_\w+)\(")?;
    Ok(function.captures_iter(header).map(|found| found[1].to_owned()).collect())
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
    let mut groups = String::new();
    for source in SOURCES.split_whitespace() {
        let path = dir.join(format!("src/{source}.rs"));
        let text = fs::read_to_string(&path)?;
        let title = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        let title = title.with_context(|| format!("{source}.rs has no title"))?.trim_end_matches('.');
        let mut group = Vec::new();
        let bindings = cbindgen::Builder::new().with_config(config.clone()).with_src(path).generate();
        bindings.context("cbindgen can't make a header of ffi/src")?.write(&mut group);
        groups += &format!("\n/* ---- {title} ---- */\n\n{}", with_enum(String::from_utf8(group)?.trim_start())?);
    }
    let template = fs::read_to_string(dir.join("package/ntpark.h.in"))?;
    Ok(template.replace("@GROUPS@", &with_convention(&groups)?))
}

/// Writes the constants of a group's `int32_t` as an enumeration, which debuggers know, and short comments on one line.
fn with_enum(group: &str) -> Result<String> {
    let text = Regex::new(r"(?m)^( *)/\*\*\n *\* (.*)\n *\*/$")?.replace_all(group, "$1/** $2 */");
    let Some((before, after)) = text.split_once("typedef int32_t ") else {
        return Ok(text.into_owned());
    };
    let name = after.split_once(';').context("a type without an end")?.0;
    let constant = Regex::new(r"(?m)^#define (\w+) (\d+)\n*")?;
    let constants = Regex::new(r"((?:/\*\*(?:[^*]|\*[^/])*\*/\n#define \w+ \d+\n+)+)")?.replace(
        after,
        |found: &regex::Captures<'_>| {
            let values = constant.replace_all(&found[1], "$1 = $2,\n");
            format!("enum {name}_names {{\n    {}\n}};\n\n", values.trim_end().replace('\n', "\n    "))
        },
    );
    Ok(format!("{before}typedef int32_t {constants}"))
}

/// Adds the calling convention to functions and to pointers to functions.
fn with_convention(header: &str) -> Result<String> {
    let function = Regex::new(r"(?m)^(NTPARK_API\s[^;(]*)\b(\w+\([^;]*;)")?;
    let text = function.replace_all(header, |found: &regex::Captures<'_>| {
        // A second line of parameters stays below the first one.
        let parameters = found[2].replace('\n', &format!("\n{}", " ".repeat(CONVENTION.len())));
        format!("{}{CONVENTION}{parameters}", &found[1])
    });
    // C++'s attribute comes first.
    let text = text.replace("NTPARK_API NTPARK_NODISCARD", "NTPARK_NODISCARD NTPARK_API");
    Ok(text.replace("(*", &format!("({CONVENTION}*")))
}
