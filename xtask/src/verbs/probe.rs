use crate::prelude::*;

/// It takes a few seconds.
const LIMIT: Duration = Duration::from_secs(2 * 60);

/// Ask this Windows, or Wine, about all that ntpark expects of it
///
/// Builds and runs the example `probe`, and fails if an expectation does not hold. On a Windows without this
/// checkout, copy the program there: it is the `probe.exe` in the folder `examples` that cargo has built.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The Windows target: x86_64 or i686
    #[arg(long, value_name = "TARGET", value_parser = Target::windows, default_value = "x86_64")]
    target: Target,
    /// Run it under this Wine, as `cargo xtask test --wine` does
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(10..=10))]
    wine: Option<u32>,
    /// Arguments for the program: `--json`, `--backend NAME`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let place = Place::windows(workspace, options.target, options.wine)?;
    let (program, runner) = place.program(Build::new("ntpark", &["build", "--example=probe"]))?;
    runner.task(&program.path).limit(LIMIT).args(&options.arguments).run(Output::Show)?.check().map(drop)
}
