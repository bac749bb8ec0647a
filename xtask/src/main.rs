//! The project's own commands: `cargo xtask VERB`.
//!
//! This file is the command line; each verb has a file under `verbs/`.

mod backend;
mod c_header;
mod c_library;
mod cargo;
mod coff;
mod debian;
mod msrv;
mod place;
mod process;
mod report;
mod setup;
mod toolchain;
mod verbs;
mod wine;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use verbs::{
    arm64, bench, demo, dist, header, lint, miri, mutants, probe, release, sanitize, size, stress, targets, test,
};
use workspace::Workspace;

/// ntpark's own commands. Windows programs run under Wine here, on Windows directly.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    setup: setup::Options,
}

#[derive(Subcommand)]
enum Verb {
    Test(test::Options),
    Demo(demo::Options),
    Lint(lint::Options),
    Probe(probe::Options),
    Stress(stress::Options),
    Sanitize(sanitize::Options),
    Miri(miri::Options),
    Mutants(mutants::Options),
    Size(size::Options),
    Bench(bench::Options),
    Header(header::Options),
    Dist(dist::Options),
    Targets(targets::Options),
    Arm64(arm64::Options),
    Release(release::Options),
}

fn main() -> ExitCode {
    let Cli { verb, setup } = Cli::parse();
    let result = process::end_children_on_interrupt().and_then(|()| Workspace::find(setup)).and_then(|workspace| {
        let workspace = &workspace;
        match &verb {
            Verb::Test(options) => test::run(workspace, options),
            Verb::Demo(options) => demo::run(workspace, options),
            Verb::Lint(options) => lint::run(workspace, options),
            Verb::Probe(options) => probe::run(workspace, options),
            Verb::Stress(options) => stress::run(workspace, options),
            Verb::Sanitize(options) => sanitize::run(workspace, options),
            Verb::Miri(options) => miri::run(workspace, options),
            Verb::Mutants(options) => mutants::run(workspace, options),
            Verb::Size(options) => size::run(workspace, options),
            Verb::Bench(options) => bench::run(workspace, options),
            Verb::Header(options) => header::run(workspace, options),
            Verb::Dist(options) => dist::run(workspace, options),
            Verb::Targets(options) => targets::run(workspace, options),
            Verb::Arm64(options) => arm64::run(workspace, options),
            Verb::Release(options) => release::run(workspace, options),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
