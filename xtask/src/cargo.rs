//! Building programs with cargo and finding what was built.

use serde_json::Value;

use crate::prelude::*;

/// What to build.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// One example of the package.
    Example(&'a str),
    /// All examples of the package that are programs.
    Examples,
    /// The programs of the package.
    Programs,
    /// All test programs of the package, with the examples beside them.
    Tests,
    /// The same without the examples.
    TestsAlone,
    /// One integration test.
    Test(&'a str),
    /// The unit tests of the package's programs.
    UnitTests,
}

/// A build.
#[derive(Clone, Copy)]
pub(crate) struct Build<'a> {
    pub(crate) package: &'a str,
    pub(crate) what: What<'a>,
    /// `None` is cargo's own choice.
    pub(crate) profile: Option<&'a str>,
    /// The manifest, seen from the checkout's root, of a package in a workspace of its own.
    pub(crate) manifest: Option<&'a str>,
    /// Flags for rustc. Different flags make cargo build everything anew, std included where it is built.
    pub(crate) rustflags: &'a str,
}

/// A program that cargo has built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of the cargo target: the example, the integration test, or the library itself.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The folder of its package, in which cargo runs it.
    pub(crate) package_dir: PathBuf,
}

impl<'a> Build<'a> {
    pub(crate) const fn new(package: &'a str, what: What<'a>) -> Self {
        Self { package, what, profile: None, manifest: None, rustflags: "" }
    }

    pub(crate) const fn release(package: &'a str, what: What<'a>) -> Self {
        Self { profile: Some("release"), ..Self::new(package, what) }
    }

    /// Builds with `toolchain`. Cargo's messages go to standard error.
    pub(crate) fn run(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<Program>> {
        let (subcommand, args): (&str, &[&str]) = match &self.what {
            What::Example(name) => ("build", &["--example", name]),
            What::Examples => ("build", &["--examples"]),
            What::Programs => ("build", &["--bins"]),
            What::Tests => ("test", &["--no-run"]),
            What::TestsAlone => ("test", &["--no-run", "--lib", "--tests"]),
            What::Test(name) => ("test", &["--no-run", "--test", name]),
            What::UnitTests => ("test", &["--no-run", "--bins"]),
        };
        let mut task = toolchain.cargo(workspace, subcommand).args(args).args(["--package", self.package]);
        task = task.arg("--message-format=json-render-diagnostics");
        task = task.args(self.profile.map(|profile| format!("--profile={profile}")));
        task = task.args(self.manifest.map(|path| format!("--manifest-path={path}")));
        if !self.rustflags.is_empty() {
            let users = std::env::var("RUSTFLAGS").unwrap_or_default();
            task = task.env("RUSTFLAGS", format!("{users} {}", self.rustflags).trim());
        }
        let mut finished = task.run(Output::KeepStdout)?;
        // The messages are for programs; what a person needs has been on standard error.
        let messages = std::mem::take(&mut finished.output);
        finished.check()?;
        let programs = programs(&messages, subcommand == "test")?;
        ensure!(!programs.is_empty(), "cargo built no program of {}", self.package);
        Ok(programs)
    }

    /// Builds the only program that comes out of it.
    pub(crate) fn one(&self, workspace: &Workspace, toolchain: &Toolchain) -> Result<Program> {
        self.run(workspace, toolchain)?.pop().context("cargo built no program")
    }
}

/// The programs in cargo's messages: the test programs, or the others.
fn programs(messages: &str, is_test: bool) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Value = serde_json::from_str(line).context("cargo's message can't be read")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let path = text(&message["executable"]).filter(|_| message["profile"]["test"] == is_test);
        if let (Some(path), Some(name)) = (path, text(&message["target"]["name"])) {
            let manifest = text(&message["manifest_path"]).context("cargo's message names no package")?;
            let package_dir = Path::new(&manifest).parent().context("a manifest lies in no folder")?.to_owned();
            programs.push(Program { name, path: path.into(), package_dir });
        }
    }
    // Cargo reports them as they are ready; two runs should look alike.
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

#[test]
fn tests_and_other_programs_are_distinguished() {
    let message = |name: &str, test: bool| {
        let manifest = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","executable":"/t/x","#;
        format!("{manifest}\"target\":{{\"name\":\"{name}\"}},\"profile\":{{\"test\":{test}}}}}\nnot JSON\n")
    };
    let messages = message("handoff", false) + &message("token", true) + r#"{"executable":null}"#;
    for (is_test, name) in [(true, "token"), (false, "handoff")] {
        let expected = Program { name: name.into(), path: "/t/x".into(), package_dir: "/p".into() };
        assert_eq!(programs(&messages, is_test).expect("readable"), [expected]);
    }
    assert!(programs("{\"reason\":", true).is_err(), "a broken message is an error");
}
