//! The project's own commands: `cargo xtask VERB`.
//!
//! This file is the command line; each verb has a file under `verbs/`.

mod backend;
#[cfg(test)]
mod build_script;
mod cargo;
mod image;
mod libtest;
mod process;
mod report;
mod setup;
mod toolchain;
mod tools;
mod verbs;
mod wine;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

/// ntpark's own commands. Windows programs run under Wine here, on Windows directly.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Arm64(verbs::arm64::Options),
    Bench(verbs::bench::Options),
    Demo(verbs::demo::Options),
    Diagram(verbs::diagram::Options),
    Targets(verbs::targets::Options),
    Test(verbs::test::Options),
    Header(verbs::header::Options),
    Dist(verbs::dist::Options),
    Lint(verbs::lint::Options),
    Msrv(verbs::msrv::Options),
    Mutants(verbs::mutants::Options),
    Probe(verbs::probe::Options),
    Release(verbs::release::Options),
    Sanitize(verbs::sanitize::Options),
    Size(verbs::size::Options),
    Stress(verbs::stress::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Workspace::find().and_then(|workspace| match &cli.verb {
        Verb::Arm64(options) => verbs::arm64::run(&workspace, options),
        Verb::Bench(options) => verbs::bench::run(&workspace, options),
        Verb::Demo(options) => verbs::demo::run(&workspace, options),
        Verb::Diagram(options) => verbs::diagram::run(&workspace, options),
        Verb::Targets(options) => verbs::targets::run(&workspace, options),
        Verb::Test(options) => verbs::test::run(&workspace, options),
        Verb::Header(options) => verbs::header::run(&workspace, options),
        Verb::Dist(options) => verbs::dist::run(&workspace, options),
        Verb::Lint(options) => verbs::lint::run(&workspace, options),
        Verb::Msrv(options) => verbs::msrv::run(&workspace, options),
        Verb::Mutants(options) => verbs::mutants::run(&workspace, options),
        Verb::Probe(options) => verbs::probe::run(&workspace, options),
        Verb::Release(options) => verbs::release::run(&workspace, options),
        Verb::Sanitize(options) => verbs::sanitize::run(&workspace, options),
        Verb::Size(options) => verbs::size::run(&workspace, options),
        Verb::Stress(options) => verbs::stress::run(&workspace, options),
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
