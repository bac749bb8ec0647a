//! The project's own commands: `cargo xtask VERB`.
//!
//! This file is the command line; each verb has a file under `verbs/`.

mod backend;
mod cargo;
mod debian;
mod place;
mod process;
mod report;
mod setup;
mod toolchain;
mod verbs;
mod wine;
mod workspace;

/// What nearly every file of xtask uses.
mod prelude {
    pub(crate) use std::fs;
    pub(crate) use std::path::{Path, PathBuf};
    pub(crate) use std::time::{Duration, Instant};

    pub(crate) use anyhow::{Context as _, Result, bail, ensure};
    pub(crate) use which::which;

    pub(crate) use crate::backend::{BACKEND_VARIABLE, Backend};
    pub(crate) use crate::cargo::{Build, Program};
    pub(crate) use crate::place::Place;
    pub(crate) use crate::process::{Finished, Output, Task};
    pub(crate) use crate::report::{Counts, Judge, Report};
    pub(crate) use crate::setup::{Setup, Tool};
    pub(crate) use crate::toolchain::{Target, Toolchain};
    pub(crate) use crate::wine::Runner;
    pub(crate) use crate::workspace::Workspace;
}

use clap::{Parser, Subcommand};
use prelude::*;

use verbs::{bench, demo, dist, header, kernel, kit, lint, miri};
use verbs::{mutants, probe, release, sanitize, size, stress, targets, test};

/// ntpark's own commands. Windows programs run under Wine here, on Windows directly.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    setup: setup::Options,
}

/// Makes the subcommands, each of a module with `Options` and `run`.
macro_rules! verbs {
    ($($verb:ident: $module:ident,)*) => {
        #[derive(Subcommand)]
        enum Verb { $($verb($module::Options),)* }

        fn run(workspace: &Workspace, verb: &Verb) -> Result<()> {
            match verb { $(Verb::$verb(options) => $module::run(workspace, options),)* }
        }
    };
}

verbs! {
    Test: test, Demo: demo, Lint: lint, Probe: probe, Stress: stress, Sanitize: sanitize, Miri: miri, Mutants: mutants,
    Kernel: kernel, Kit: kit, Size: size, Bench: bench, Header: header, Dist: dist, Targets: targets, Release: release,
}

fn main() -> std::process::ExitCode {
    let Cli { verb, setup } = Cli::parse();
    let workspace = process::end_children_on_interrupt().and_then(|()| Workspace::find(setup));
    let done = workspace.and_then(|workspace| run(&workspace, &verb));
    u8::from(done.inspect_err(|error| eprintln!("error: {error:#}")).is_err()).into()
}

#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}
