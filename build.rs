//! Turns what cannot work into an error that says why. Generates nothing.

use std::env;

/// The settings of this crate that are not features, each with whether it has a value: `--cfg NAME` or `--cfg
/// NAME="value"` in RUSTFLAGS. All are for the project's own checks.
const SETTINGS: [(&str, bool); 2] = [("loom", false), ("ntpark_mutant", true)];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();

    // Words as targets name them, such as "8,16,32,64,ptr".
    let atomics = env::var("CARGO_CFG_TARGET_HAS_ATOMIC").unwrap_or_default();
    if !atomics.split(',').any(|size| size == "ptr") {
        error(&format!(
            "a parker is one atomic word, and {target} has no atomic read-modify-write operations on words of the size of a pointer"
        ));
    }
    let width = env::var("CARGO_CFG_TARGET_POINTER_WIDTH").unwrap_or_default();
    if width != "32" && width != "64" {
        error(&format!("a parker needs a word of 32 or 64 bits, and those of {target} have {width}"));
    }

    // The compiler takes any name and any value on its command line, and says nothing when nobody asks for it.
    for (variable, value) in env::vars() {
        let Some(name) = variable.strip_prefix("CARGO_CFG_").map(str::to_lowercase) else {
            continue;
        };
        match SETTINGS.iter().find(|(setting, _)| *setting == name) {
            Some((_, false)) if !value.is_empty() => {
                error(&format!("`--cfg {name}` has no value, but was given {value:?}"))
            }
            Some((_, true)) if value.is_empty() => {
                error(&format!("`--cfg {name}=\"…\"` has a value, but was given none"))
            }
            Some(_) => {}
            None if name.starts_with("ntpark") => error(&format!(
                "there is no setting `--cfg {name}`; there are {}",
                SETTINGS.map(|(setting, _)| format!("`{setting}`")).join(" and ")
            )),
            None => {}
        }
    }
}

/// Makes the build fail, once all is said.
fn error(message: &str) {
    println!("cargo::error={message}");
}
