//! The faults as they are written down: a file for each file of the product.
//!
//! ```toml
//! file = "src/state.rs"
//!
//! [[fault]]
//! name = "unpark-swaps"
//! slip = "an unpark erases PARKED"
//! find = "self.0.fetch_add(NOTIFIED, Release)"
//! replace = "self.0.swap(NOTIFIED, Release)"
//! noticed-by = "build"
//! says = "a second thread gets in before the first has left"
//! ```
//!
//! `find` must occur exactly once; it may span lines. `[[fault.and]]` has a further pair of `find` and `replace`.
//! `noticed-by` is `build`, which is the compile-time model, or a test program of this package and the test in it.
//! `[[without]]` names text that can have no fault, and the reason.

use serde::Deserialize;
use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// All faults, and all text that needs none.
pub struct Catalogue {
    /// In the order in which they are written down.
    pub faults: Vec<Fault>,
    /// What stands under `[[without]]`.
    pub without: Vec<Without>,
}

/// A fault.
pub struct Fault {
    /// No other fault has it.
    pub name: String,
    /// What goes wrong.
    pub slip: String,
    /// The product's file, from the root.
    pub file: PathBuf,
    /// What changes there, from the beginning on.
    pub changes: Vec<Change>,
    /// What notices it: `build`, which is the compile-time model, or a test program of this package.
    pub net: String,
    /// The test in that program; empty for the build.
    pub test: String,
    /// A part of what that says.
    pub says: String,
}

/// A replacement.
pub struct Change {
    /// What is replaced.
    pub place: Range<usize>,
    /// By what.
    pub replace: String,
    /// What of it really changes, in whole words: neither the text around it nor what stays.
    pub range: Range<usize>,
    /// Whether all that changes is that an ordering becomes a weaker one.
    pub weakens: bool,
}

/// Text of the product that can have no fault.
pub struct Without {
    /// The product's file, from the root.
    pub file: PathBuf,
    /// Where it is in the file.
    pub place: Range<usize>,
    /// The text itself.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    file: PathBuf,
    fault: Vec<Entry>,
    #[serde(default)]
    without: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    slip: String,
    find: String,
    replace: String,
    #[serde(default)]
    and: Vec<Replacement>,
    noticed_by: String,
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    find: String,
    replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    find: String,
    reason: String,
}

impl Catalogue {
    /// Reads `verify/faults` of the tree at `root`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let folder = root.join("verify/faults");
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut pages: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        pages.sort();
        let mut all = Self { faults: Vec::new(), without: Vec::new() };
        for page in pages {
            all.add(root, &page).map_err(|error| format!("{}: {error}", page.display()))?;
        }
        let mut names = HashSet::new();
        match all.faults.iter().find(|fault| !names.insert(&fault.name)) {
            Some(twice) => Err(format!("two faults are called {}", twice.name)),
            None => Ok(all),
        }
    }

    fn add(&mut self, root: &Path, page: &Path) -> Result<(), String> {
        let page = fs::read_to_string(page).map_err(|error| error.to_string())?;
        let page: Page = toml::from_str(&page).map_err(|error| error.to_string())?;
        let source = fs::read_to_string(root.join(&page.file)).map_err(|error| error.to_string())?;
        for entry in page.fault {
            let fault = Fault::new(&page.file, &source, entry)?;
            self.faults.push(fault);
        }
        for exception in page.without {
            if exception.reason.is_empty() {
                return Err(format!("no reason is given why this has no fault: {}", exception.find));
            }
            let place = place_of(&exception.find, &source)?;
            self.without.push(Without { file: page.file.clone(), place, text: exception.find });
        }
        Ok(())
    }
}

impl Fault {
    fn new(file: &Path, source: &str, entry: Entry) -> Result<Self, String> {
        let first = Replacement { find: entry.find, replace: entry.replace };
        let changes = [first].into_iter().chain(entry.and).map(|replacement| Change::new(source, replacement));
        let changes: Result<Vec<_>, _> = changes.collect();
        let mut changes = changes.map_err(|error| format!("{}: {error}", entry.name))?;
        changes.sort_by_key(|change| change.place.start);
        if !changes.is_sorted_by(|one, two| one.place.end <= two.place.start) {
            return Err(format!("{}: changes overlap", entry.name));
        }
        let (net, test) = entry.noticed_by.split_once(' ').unwrap_or((&entry.noticed_by, ""));
        if (net == "build") != test.is_empty() {
            return Err(format!("{}: noticed by {}: which test there?", entry.name, entry.noticed_by));
        }
        let (net, test) = (net.to_owned(), test.to_owned());
        Ok(Self { name: entry.name, slip: entry.slip, file: file.to_owned(), changes, net, test, says: entry.says })
    }

    /// Its file with the fault in it. `source` is what the catalogue was read with.
    pub fn seeded(&self, mut source: String) -> String {
        // From the end on, so that places stay where they are.
        for change in self.changes.iter().rev() {
            source.replace_range(change.place.clone(), &change.replace);
        }
        source
    }
}

/// The one place of a text.
fn place_of(text: &str, source: &str) -> Result<Range<usize>, String> {
    let mut places = source.match_indices(text);
    match (places.next(), places.next()) {
        (Some((start, _)), None) => Ok(start..start + text.len()),
        (None, _) => Err(format!("this text does not occur:\n{text}")),
        (Some(_), Some(_)) => Err(format!("this text occurs more than once:\n{text}")),
    }
}

impl Change {
    fn new(source: &str, Replacement { find, replace }: Replacement) -> Result<Self, String> {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let place = place_of(&find, source)?;
        let same = |one: &mut dyn Iterator<Item = char>, two: &mut dyn Iterator<Item = char>| -> String {
            one.zip(two).take_while(|(one, two)| one == two).map(|(one, _)| one).collect()
        };
        // What is the same at the beginning and at the end does not change; but a word changes as a whole.
        let before = same(&mut find.chars(), &mut replace.chars()).trim_end_matches(is_word).len();
        let (old, new) = (&find[before..], &replace[before..]);
        let after = same(&mut old.chars().rev(), &mut new.chars().rev()).trim_end_matches(is_word).len();
        let (old, new) = (&old[..old.len() - after], &new[..new.len() - after]);
        if old == new {
            return Err(format!("this changes nothing:\n{find}"));
        }
        let range = place.start + before..place.end - after;
        let weakens = matches!((old, new), ("Acquire" | "Release", "Relaxed") | ("AcqRel", "Acquire" | "Release"));
        Ok(Self { place, replace, range, weakens })
    }
}
