//! Reading the C header: its functions and its version. And the test that calls each function with each bad
//! argument.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// What marks a function.
const MARK: &str = "NTPARK_API ";

/// The header that is generated.
pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("ffi/include/ntpark.h")
}

/// The text of the header, without comments.
pub(crate) struct Header(String);

/// A function as the header declares it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    returns: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug, PartialEq, Eq)]
struct Parameter {
    /// Its type, such as `const ntpark_host *`.
    kind: String,
    name: String,
}

impl Header {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let path = path(workspace);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::new(&text))
    }

    fn new(text: &str) -> Self {
        let mut plain = String::new();
        let mut rest = text;
        while let Some((code, comment)) = rest.split_once("/*") {
            plain += code;
            rest = comment.split_once("*/").map_or("", |(_, code)| code);
        }
        Self(plain + rest)
    }

    /// The version in its macros.
    pub(crate) fn version(&self) -> Result<String> {
        let part = |name: &str| {
            let number = self.0.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
            number.map(str::trim).with_context(|| format!("the header has no {name}"))
        };
        Ok(format!(
            "{}.{}.{}",
            part("NTPARK_VERSION_MAJOR")?,
            part("NTPARK_VERSION_MINOR")?,
            part("NTPARK_VERSION_PATCH")?
        ))
    }

    /// All its functions.
    pub(crate) fn functions(&self) -> Result<Vec<Function>> {
        // In one line each; the mark is also defined somewhere, which no function is.
        let code: Vec<_> = self.0.lines().filter(|line| !line.starts_with('#')).collect();
        let code = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        let mut functions = Vec::new();
        for declaration in code.split(MARK).skip(1) {
            let declaration = declaration.split(';').next().unwrap_or_default();
            functions.push(Function::parse(declaration).with_context(|| format!("no function: {declaration}"))?);
        }
        Ok(functions)
    }
}

impl Function {
    fn parse(declaration: &str) -> Option<Self> {
        let (start, parameters) = declaration.strip_suffix(')')?.split_once('(')?;
        let (returns, name) = split_name(start)?;
        let parameters = match parameters {
            "void" => Vec::new(),
            parameters => parameters
                .split(',')
                .map(|parameter| split_name(parameter).map(|(kind, name)| Parameter { kind, name }))
                .collect::<Option<_>>()?,
        };
        Some(Self { name, returns, parameters })
    }
}

/// `const struct a *b` is a `const a *` and `b`.
fn split_name(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let start = text.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_')? + 1;
    let (kind, name) = text.split_at(start);
    Some((kind.replace("struct ", "").trim().to_owned(), name.to_owned()))
}

/// Arguments of a type, as C writes them.
struct Arguments {
    /// One that is fine, and lets no function block.
    good: &'static str,
    /// What it is called, and one that is not.
    bad: &'static [(&'static str, &'static str)],
}

/// The arguments of a type. `fixture` is what the test has prepared; a misaligned pointer points into it too.
fn arguments(kind: &str) -> Option<Arguments> {
    /// Bad pointers to a part of the fixture: null, misaligned, and those that the type itself adds.
    macro_rules! pointer {
        ($part:literal $(, $bad:expr)*) => {
            Arguments {
                good: concat!("&fixture.", $part),
                bad: &[("NULL", "NULL"), ("misaligned", concat!("MISALIGNED(&fixture.", $part, ")")) $(, $bad)*],
            }
        };
    }
    const NUMBERS: &[(&str, &str)] =
        &[("minus one", "-1"), ("a thousand", "1000"), ("the smallest", "INT32_MIN"), ("the largest", "INT32_MAX")];
    Some(match kind {
        "ntpark_parker *" => pointer!("parker"),
        "ntpark_thread_parker *" => pointer!("thread_parker"),
        "ntpark_spin_wait *" => pointer!("spin"),
        "ntpark_backend *" => pointer!("backend"),
        "const ntpark_backend *" => {
            pointer!("backend", ("not made", "&fixture.no_backend"), ("of garbage", "&fixture.garbage_backend"))
        }
        "const ntpark_host *" => pointer!(
            "host",
            ("without wait", "&fixture.hosts[0]"),
            ("without wake", "&fixture.hosts[1]"),
            ("without now", "&fixture.hosts[2]"),
            ("without yield_thread", "&fixture.hosts[3]"),
            ("empty", "&fixture.hosts[4]")
        ),
        "uint64_t *" => pointer!("time"),
        // A byte is never misaligned.
        "bool *" => Arguments { good: "&fixture.flag", bad: &[("NULL", "NULL")] },
        "ntpark_unpark_handle" => Arguments {
            good: "fixture.handle",
            bad: &[
                ("of a bad parker", "fixture.bad_handles[0]"),
                ("misaligned", "fixture.bad_handles[1]"),
                ("of a misaligned backend", "fixture.bad_handles[2]"),
            ],
        },
        "ntpark_kind" => Arguments { good: "NTPARK_KIND_POLLING", bad: NUMBERS },
        "ntpark_status" => Arguments { good: "NTPARK_OK", bad: NUMBERS },
        // Every number is a time.
        "uint64_t" => Arguments { good: "0", bad: &[] },
        _ => return None,
    })
}

/// What a function has to answer to a bad argument, as a condition on `answer`.
fn refusal(returns: &str) -> Option<&'static str> {
    Some(match returns {
        "ntpark_status" => "answer == NTPARK_INVALID",
        "ntpark_unpark_handle" => "ntpark_unpark_handle_unpark(answer) == NTPARK_INVALID",
        "const char *" => "strcmp(answer, \"unknown\") == 0",
        _ => return None,
    })
}

/// The source of a test that calls each function with each kind of bad argument, in C.
///
/// # Errors
/// When the header has a type that there are no arguments for: they have to be added here.
pub(crate) fn bad_arguments(functions: &[Function]) -> Result<String> {
    let mut text = "/* Written by `cargo xtask test` from ntpark.h. */\n\n#include \"bad_arguments.h\"\n\nvoid bad_arguments(void)\n{\n".to_owned();
    let mut calls = 0;
    for function in functions {
        let known: Vec<_> = function
            .parameters
            .iter()
            .map(|parameter| {
                arguments(&parameter.kind)
                    .with_context(|| format!("{}: no arguments are known of type {}", function.name, parameter.kind))
            })
            .collect::<Result<_>>()?;
        for (place, parameter) in function.parameters.iter().enumerate() {
            for (what, bad) in known[place].bad {
                let Some(condition) = refusal(&function.returns) else {
                    bail!("{} takes a bad {} but returns {}", function.name, parameter.name, function.returns);
                };
                let given: Vec<_> =
                    known.iter().enumerate().map(|(at, known)| if at == place { *bad } else { known.good }).collect();
                writeln!(
                    text,
                    "    BAD({}, {}({}), {condition},\n        \"{}: {} {what}\");",
                    function.returns,
                    function.name,
                    given.join(", "),
                    function.name,
                    parameter.name
                )?;
                calls += 1;
            }
        }
    }
    writeln!(text, "    printf(\"{} functions, {calls} calls\\n\");\n}}", functions.len())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "
/* NTPARK_API no(void); */
#define NTPARK_API __declspec(dllimport)
#define NTPARK_VERSION_MAJOR 1
#define NTPARK_VERSION_MINOR 22
#define NTPARK_VERSION_PATCH 3
NTPARK_API uint64_t ntpark_now(void);
/** A word. */
NTPARK_API
ntpark_status ntpark_a(struct ntpark_thread_parker *parker,
                       const struct ntpark_backend *backend);
NTPARK_API const char *ntpark_name(ntpark_kind kind);
";

    #[test]
    fn functions_and_version_are_read() {
        let header = Header::new(HEADER);
        assert_eq!(header.version().expect("all parts are there"), "1.22.3");
        let functions = header.functions().expect("all can be read");
        let parameter = |kind: &str, name: &str| Parameter { kind: kind.into(), name: name.into() };
        let expected = [
            Function { name: "ntpark_now".into(), returns: "uint64_t".into(), parameters: vec![] },
            Function {
                name: "ntpark_a".into(),
                returns: "ntpark_status".into(),
                parameters: vec![
                    parameter("ntpark_thread_parker *", "parker"),
                    parameter("const ntpark_backend *", "backend"),
                ],
            },
            Function {
                name: "ntpark_name".into(),
                returns: "const char *".into(),
                parameters: vec![parameter("ntpark_kind", "kind")],
            },
        ];
        assert_eq!(functions, expected);
    }

    #[test]
    fn every_bad_argument_gets_its_call() {
        let functions = Header::new(HEADER).functions().expect("all can be read");
        let test = bad_arguments(&functions).expect("all types are known");
        assert!(test.contains("ntpark_a(NULL, &fixture.backend), answer == NTPARK_INVALID"), "{test}");
        assert!(test.contains("ntpark_a(&fixture.thread_parker, MISALIGNED(&fixture.backend))"), "{test}");
        assert!(test.contains("3 functions, 10 calls"), "{test}");
    }

    #[test]
    fn a_type_without_arguments_is_an_error() {
        let functions = Header::new("NTPARK_API void ntpark_x(float f);").functions().expect("can be read");
        assert!(bad_arguments(&functions).is_err());
    }
}
