//! What was found out, for people and for programs.

use serde_json::{Map, Value, json};
use std::fmt;

/// Facts, and expectations that hold or don't.
#[derive(Default)]
pub(crate) struct Report {
    facts: Vec<Fact>,
    expectations: Vec<Expectation>,
}

struct Fact {
    section: &'static str,
    name: String,
    value: String,
}

struct Expectation {
    what: String,
    holds: bool,
    found: String,
}

impl Report {
    /// Something that may be one way or the other.
    pub(crate) fn fact(&mut self, section: &'static str, name: impl Into<String>, value: impl ToString) {
        self.facts.push(Fact { section, name: name.into(), value: value.to_string() });
    }

    /// Something that ntpark relies on.
    pub(crate) fn expect(&mut self, what: impl Into<String>, holds: bool, found: impl ToString) {
        self.expectations.push(Expectation { what: what.into(), holds, found: found.to_string() });
    }

    /// Whether all does.
    pub(crate) fn holds(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.holds)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut sections = Map::new();
        for Fact { section, name, value } in &self.facts {
            sections.entry(*section).or_insert_with(|| json!({}))[name] = json!(value);
        }
        let expectations: Vec<Value> = self
            .expectations
            .iter()
            .map(|Expectation { what, holds, found }| json!({ "expected": what, "holds": holds, "found": found }))
            .collect();
        json!({ "facts": sections, "expectations": expectations, "holds": self.holds() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sections: Vec<&str> = Vec::new();
        for fact in &self.facts {
            if !sections.contains(&fact.section) {
                sections.push(fact.section);
            }
        }
        for section in sections {
            writeln!(f, "{section}")?;
            for Fact { name, value, .. } in self.facts.iter().filter(|fact| fact.section == section) {
                writeln!(f, "  {name:<58} {value}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "expectations")?;
        for Expectation { what, holds, found } in &self.expectations {
            writeln!(f, "  {} {what}: {found}", if *holds { "yes" } else { "NO " })?;
        }
        let failed = self.expectations.iter().filter(|expectation| !expectation.holds).count();
        match failed {
            0 => writeln!(f, "\nAll {} hold.", self.expectations.len()),
            _ => writeln!(f, "\n{failed} of {} do not hold.", self.expectations.len()),
        }
    }
}
