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
//! `find` must occur exactly once; it may span lines. `noticed-by` is `build`, which is the compile-time model, or a
//! test program of this package and the test in it. `[[without]]` names text that can have no fault, and the reason.

use serde::Deserialize;
use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// All faults, and all text that needs none.
pub(crate) struct Catalogue {
    pub(crate) faults: Vec<Fault>,
    pub(crate) without: Vec<Without>,
}

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) slip: String,
    /// The product's file, from the root.
    pub(crate) file: PathBuf,
    /// What is replaced there, by what.
    pub(crate) place: Range<usize>,
    pub(crate) replace: String,
    /// What of it really changes, in whole words: neither the text around it nor what stays.
    pub(crate) change: Range<usize>,
    /// Whether all that changes is that an ordering becomes Relaxed.
    pub(crate) weakens: bool,
    pub(crate) net: Net,
    pub(crate) says: String,
}

/// Who notices it.
pub(crate) enum Net {
    Build,
    Test { program: String, test: String },
}

/// Text of the product that can have no fault.
pub(crate) struct Without {
    pub(crate) file: PathBuf,
    pub(crate) place: Range<usize>,
    pub(crate) text: String,
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
    noticed_by: String,
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    find: String,
    reason: String,
}

impl Catalogue {
    /// Reads `verify/faults` of the tree at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
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
        let place = place_of(&entry.find, source).map_err(|error| format!("{}: {error}", entry.name))?;
        let (change, instead) = change(source, &place, &entry.replace);
        let weakens = matches!(&source[change.clone()], "Acquire" | "Release") && instead == "Relaxed";
        if change.is_empty() && instead.is_empty() {
            return Err(format!("{} changes nothing", entry.name));
        }
        let net = match entry.noticed_by.split_once(' ') {
            Some((program, test)) => Net::Test { program: program.to_owned(), test: test.to_owned() },
            None if entry.noticed_by == "build" => Net::Build,
            None => return Err(format!("{}: noticed by {}: which test there?", entry.name, entry.noticed_by)),
        };
        Ok(Self {
            name: entry.name,
            slip: entry.slip,
            file: file.to_owned(),
            place,
            replace: entry.replace,
            change,
            weakens,
            net,
            says: entry.says,
        })
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

/// What of `place` changes, and what it becomes: without what is the same at the beginning and at the end, but in whole
/// words.
fn change<'a>(source: &str, place: &Range<usize>, replace: &'a str) -> (Range<usize>, &'a str) {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let find = &source[place.clone()];
    let same = find.chars().zip(replace.chars()).take_while(|(old, new)| old == new);
    let same: String = same.map(|(old, _)| old).collect();
    let before = same.trim_end_matches(is_word).len();
    let (old, new) = (&find[before..], &replace[before..]);
    let same = old.chars().rev().zip(new.chars().rev()).take_while(|(old, new)| old == new);
    let same: String = same.map(|(old, _)| old).collect();
    let after = same.trim_end_matches(is_word).len();
    (place.start + before..place.end - after, &new[..new.len() - after])
}
