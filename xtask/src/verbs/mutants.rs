use regex::Regex;

use crate::prelude::*;
use crate::setup;

const VERSION: &str = "27.1.0";
/// Several hundred builds and runs of the tests.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
const CONFIGURATION: &str = ".cargo/mutants.toml";

/// Let cargo-mutants change the sources, and see whether a test notices
///
/// First the tests of this machine have to notice, then, of what they miss, the tests on Windows. Mutants that
/// nobody can notice are left out by `.cargo/mutants.toml`, each with its reason; one that matches nothing any more
/// is an error. Takes an hour and a half.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Check the list of those that are left out, and stop
    #[arg(long)]
    list_only: bool,
    /// Arguments for cargo-mutants, such as `--re EXPRESSION`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::cargo_tool(workspace, "cargo-mutants", VERSION)?;
    let mutants = |args: &[&str]| Task::new("cargo").limit(LIMIT).dir(&workspace.root).arg("mutants").args(args);
    let list = mutants(&["--list", "--no-config", "--package", "ntpark", "--colors", "never"]);
    let all = list.run(Output::KeepStdout)?.check()?.output;
    let text = fs::read_to_string(workspace.root.join(CONFIGURATION)).context(CONFIGURATION)?;
    let left_out = left_out(&text, &all)?;
    println!("{left_out} kinds of mutants are left out, each for a reason, and each exists");
    if options.list_only {
        return Ok(());
    }

    let dir = workspace.target.join("cargo-mutants");
    fs::create_dir_all(&dir)?;
    let task = mutants(&["--package", "ntpark", "--no-shuffle", "--colors", "never", "--output"]).arg(&dir);
    let task = task.args(&options.arguments);
    if survivors(&task, &dir)? == 0 {
        return Ok(());
    }
    println!("\nThose that were missed, on Windows");
    let place = Place::windows(workspace, Target::X86_64, None)?;
    let mut task = place.toolchain.with_environment(task).arg("--iterate");
    task = task.args(place.toolchain.arguments().iter().map(|argument| format!("--cargo-arg={argument}")));
    task = place.runner()?.environment(task);
    if !cfg!(windows) {
        task = task.env(place.toolchain.variable("RUNNER"), "wine");
    }
    match survivors(&task, &dir)? {
        0 => Ok(()),
        survivors => bail!("no test notices {survivors} mutants"),
    }
}

/// Runs cargo-mutants. How many mutants no test has noticed.
fn survivors(task: &Task, dir: &Path) -> Result<usize> {
    // Nobody debugs them, and they link faster. Of the test programs' options, the first failure as an end is unstable.
    let task = task.clone().env("CARGO_PROFILE_DEV_DEBUG", "0").env("RUSTC_BOOTSTRAP", "1");
    let finished = task.run(Output::Show)?;
    // 2: some were missed; 3: some tests took too long, which counts as noticed. Others: it could not do its work.
    ensure!(matches!(finished.code(), Some(0 | 2 | 3)), "cargo-mutants: {}", finished.how());
    Ok(fs::read_to_string(dir.join("mutants.out/missed.txt"))?.lines().count())
}

/// How many expressions leave mutants out.
///
/// Each must stand under a comment, which is the reason, and match one of all mutants.
fn left_out(configuration: &str, all: &str) -> Result<usize> {
    let table: toml::Table = configuration.parse().context(CONFIGURATION)?;
    let expressions = table.get("exclude_re").and_then(toml::Value::as_array).context("no exclude_re")?;
    for expression in expressions {
        let expression = expression.as_str().context("exclude_re holds something else than text")?;
        let line = configuration.lines().position(|line| line.contains(expression)).context("is not on one line")?;
        let above = line.checked_sub(1).and_then(|above| configuration.lines().nth(above)).unwrap_or_default();
        ensure!(above.trim_start().starts_with('#'), "{CONFIGURATION} gives no reason for '{expression}'");
        let matcher = Regex::new(expression)?;
        ensure!(all.lines().any(|mutant| matcher.is_match(mutant)), "no mutant matches '{expression}' any more");
    }
    Ok(expressions.len())
}

#[cfg(test)]
mod tests {
    use super::left_out;

    #[test]
    fn reasons_are_asked_for_and_stale_expressions_are_noticed() {
        let all = "src/a.rs:1:2: replace < with <= in f\nsrc/b.rs:3:4: replace g with ()";
        let with = |lines: &str| left_out(&format!("exclude_re = [\n{lines}\n]\n"), all);
        assert_eq!(with("# Equal.\n'a\\.rs.* replace < with <= in f',").expect("in order"), 1);
        assert!(with("'a\\.rs.* replace < with <= in f',").is_err(), "no reason");
        assert!(with("# Gone.\n'replace h',").is_err(), "matches nothing");
    }
}
