//! Tests of the crate's build script: the errors that people make are told to them, and nothing else is.

use std::time::Duration;

use crate::process::{Output, Task};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Runs the build script as cargo would for a target with these properties, and returns the errors that it
/// tells cargo of.
fn errors(properties: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a folder for the program");
    let program = dir.path().join(format!("build-script{}", std::env::consts::EXE_SUFFIX));
    let workspace = Workspace::find().expect("cargo runs the tests");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compile = Task::new(rustc, LIMIT).args(["--edition", "2024", "-o"]).arg(&program);
    compile
        .arg(workspace.root().join("build.rs"))
        .run(Output::Keep)
        .expect("rustc starts")
        .check()
        .expect("it compiles");

    let mut task = Task::new(&program, LIMIT).env("TARGET", "a-target");
    for (name, value) in properties {
        task = task.env(format!("CARGO_CFG_{name}"), *value);
    }
    let output = task.run(Output::KeepStdout).expect("it starts").check().expect("it succeeds").output;
    output.lines().filter_map(|line| line.strip_prefix("cargo::error=").map(str::to_owned)).collect()
}

/// The properties of a target that is fine, and then some.
fn fine<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut properties = vec![("TARGET_HAS_ATOMIC", "8,16,32,64,ptr"), ("TARGET_POINTER_WIDTH", "64")];
    properties.extend(more);
    properties
}

#[track_caller]
fn assert_one_error(properties: &[(&str, &str)], words: &[&str]) {
    let errors = errors(properties);
    assert!(
        errors.len() == 1 && words.iter().all(|word| errors[0].contains(word)),
        "{errors:?} says nothing of {words:?}"
    );
}

#[test]
fn nothing_is_said_when_all_is_well() {
    assert_eq!(errors(&fine(&[("WINDOWS", ""), ("LOOM", ""), ("NTPARK_MUTANT", "any")])), Vec::<String>::new());
}

#[test]
fn a_target_without_atomic_words_is_refused() {
    assert_one_error(&[("TARGET_HAS_ATOMIC", "8,16,32"), ("TARGET_POINTER_WIDTH", "32")], &["a-target", "atomic"]);
    assert_one_error(&[("TARGET_POINTER_WIDTH", "32")], &["a-target", "atomic"]);
}

#[test]
fn a_target_with_small_words_is_refused() {
    assert_one_error(&[("TARGET_HAS_ATOMIC", "8,ptr"), ("TARGET_POINTER_WIDTH", "16")], &["a-target", "16"]);
}

#[test]
fn a_misspelt_setting_is_named() {
    assert_one_error(&fine(&[("NTPARK_MUTNAT", "any")]), &["ntpark_mutnat", "ntpark_mutant", "loom"]);
    assert_one_error(&fine(&[("LOOM", "yes")]), &["loom", "yes"]);
    assert_one_error(&fine(&[("NTPARK_MUTANT", "")]), &["ntpark_mutant"]);
}

/// Cargo itself, with a setting that does not exist: it fails and says so.
#[test]
fn cargo_passes_the_message_on() {
    let workspace = Workspace::find().expect("cargo runs the tests");
    let task = Toolchain::host(&workspace).cargo(&workspace, "check").args(["--package", "ntpark", "--lib"]);
    // A folder of its own, or flags that differ would make everything else be built anew.
    let task =
        task.env("RUSTFLAGS", "--cfg ntpark_typo").env("CARGO_TARGET_DIR", workspace.target().join("xtask/typo"));
    let error = task.run(Output::Keep).expect("cargo starts").check().err().expect("it fails");
    assert!(format!("{error:#}").contains("there is no setting `--cfg ntpark_typo`"), "{error:#}");
}
