//! Nothing that must have a fault is without one.
//!
//! Of each transition in `transitions!`: each arm, each operation, each operand, each ordering other than Relaxed. Of
//! those and of the functions in [`FUNCTIONS`]: each line that is more than punctuation, and each ordering. Something
//! has a fault if a fault *changes* it; to be near the change is not enough. An ordering has one if a fault changes it,
//! and nothing else, to Relaxed, or AcqRel to a half of it. Of the files in [`WRITES`], whose lines are many and whose
//! state is guarded by locks: each operation that writes it, each fence, and each ordering.

use ntpark_verify::catalogue::Catalogue;
use std::fs;
use std::ops::Range;
use std::path::Path;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ExprCall, ExprMethodCall, ExprPath, ImplItemFn, ItemFn, ItemMacro, Member};

/// The file with the transitions, and the macro that they stand in.
const TRANSITIONS: (&str, &str) = ("src/state.rs", "transitions");

/// What calls the transitions, and what decides when: by file, all functions of these names.
const FUNCTIONS: [(&str, &[&str]); 5] = [
    ("src/parker.rs", &["park_timeout_slow", "park_until_slow", "take", "park_on", "wait", "unpark", "saturate"]),
    (
        "src/thread_parker.rs",
        &["try_prepare_park", "try_park_until", "park_slow", "wait", "unpark_lock", "unpark", "wake"],
    ),
    ("src/backend/keyed_event.rs", &["receive_wake", "rendezvous", "wake"]),
    ("src/backend/rendezvous.rs", &["next"]),
    ("src/selection.rs", &["choose_and_store", "choose_in", "build_chosen", "publish"]),
];

/// Where each write must have a fault: in all functions of these files.
const WRITES: [&str; 14] = [
    "src/lot.rs",
    "src/lot/bucket_lock.rs",
    "src/lot/key.rs",
    "src/lot/queue.rs",
    "src/lot/table.rs",
    "src/futex.rs",
    "locks/src/barrier.rs",
    "locks/src/condvar.rs",
    "locks/src/event.rs",
    "locks/src/mutex.rs",
    "locks/src/once.rs",
    "locks/src/rwlock.rs",
    "locks/src/semaphore.rs",
    "locks/src/word.rs",
];

/// What writes, or calls the backend: methods of atomics, cells, locks and parkers.
const WRITING: [&str; 14] = [
    "change",
    "compare_exchange",
    "compare_exchange_weak",
    "fetch_and",
    "fetch_sub",
    "lock",
    "park_until",
    "replace",
    "set",
    "store",
    "unlock",
    "unpark",
    "unpark_lock",
    "update",
];

/// Words that say nothing by themselves: what is wrong with them is wrong with what they hold.
const EMPTY_WORDS: [&str; 5] = ["else", "loop", "match", "self", "unsafe"];

#[test]
fn coverage() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository");
    let missing = Catalogue::read(root).and_then(|catalogue| missing(root, &catalogue));
    let missing = missing.unwrap_or_else(|error| panic!("{error}"));
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// All that is without.
fn missing(root: &Path, catalogue: &Catalogue) -> Result<Vec<String>, String> {
    let mut missing = Vec::new();
    let mut excused = vec![false; catalogue.without.len()];
    let files = FUNCTIONS.iter().copied().chain([(TRANSITIONS.0, [].as_slice())]);
    for (file, functions) in
        files.map(|(file, functions)| (file, Some(functions))).chain(WRITES.map(|file| (file, None)))
    {
        let source = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        for unit in units(&source, functions).map_err(|error| format!("{file}: {error}"))? {
            let faults = catalogue.faults.iter().filter(|fault| fault.file == Path::new(file));
            let mut changes = faults.flat_map(|fault| &fault.changes);
            if changes.any(|change| touch(&change.range, &unit.range) && (change.weakens || !unit.is_ordering)) {
                continue;
            }
            let without = catalogue
                .without
                .iter()
                .position(|without| without.file == Path::new(file) && touch(&without.place, &unit.range));
            if let Some(index) = without {
                excused[index] = true;
            } else {
                let line = source[..unit.range.start].matches('\n').count() + 1;
                let text = source[unit.range.clone()].lines().next().unwrap_or_default().trim();
                missing.push(format!("  {file}:{line}: no fault in this {}: {text}", unit.what));
            }
        }
    }
    let stale = catalogue.without.iter().zip(excused).filter(|(_, excused)| !excused);
    missing.extend(stale.map(|(without, _)| {
        format!("  {}: said to be without a fault, but has one or needs none: {}", without.file.display(), without.text)
    }));
    Ok(missing)
}

fn touch(one: &Range<usize>, two: &Range<usize>) -> bool {
    one.start < two.end && two.start < one.end
}

/// Something that must have a fault.
struct Unit {
    what: &'static str,
    range: Range<usize>,
    is_ordering: bool,
}

/// All of a file: what is in its transitions, and in the functions of these names; or what writes.
fn units(source: &str, functions: Option<&[&str]>) -> Result<Vec<Unit>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let Some(functions) = functions else {
        let mut writes = Writes(Vec::new());
        writes.visit_file(&file);
        return Ok(writes.0);
    };
    let mut finder = Finder { source, functions, found: Vec::new(), units: Vec::new(), error: None };
    finder.visit_file(&file);
    if let Some(error) = finder.error {
        return Err(error.to_string());
    }
    match functions.iter().find(|name| !finder.found.iter().any(|found| found == *name)) {
        Some(missing) => Err(format!("there is no function {missing}")),
        None if finder.units.is_empty() => Err("nothing needs a fault".to_owned()),
        None => Ok(finder.units),
    }
}

/// Looks for the functions and for the transitions.
struct Finder<'a> {
    source: &'a str,
    functions: &'a [&'a str],
    found: Vec<String>,
    units: Vec<Unit>,
    error: Option<syn::Error>,
}

impl Finder<'_> {
    fn function(&mut self, name: &syn::Ident, body: &Block) {
        if self.functions.iter().any(|function| name == function) {
            self.found.push(name.to_string());
            self.body(body, false);
        }
    }

    fn body(&mut self, body: &Block, is_transition: bool) {
        let braces = body.brace_token.span;
        let range = braces.open().byte_range().end..braces.close().byte_range().start;
        let mut start = range.start;
        for line in self.source[range].split_inclusive('\n') {
            if is_code(line) {
                self.units.push(Unit { what: "line", range: start..start + line.len(), is_ordering: false });
            }
            start += line.len();
        }
        Inside { units: &mut self.units, is_transition }.visit_block(body);
    }
}

/// Whether a line is more than a comment, punctuation and empty words.
fn is_code(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.any(|word| !word.is_empty() && !EMPTY_WORDS.contains(&word))
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.function(&function.sig.ident, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.function(&function.sig.ident, &function.block);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if !item.mac.path.is_ident(TRANSITIONS.1) {
            return;
        }
        let parse = |input: ParseStream<'_>| {
            let mut transitions = Vec::new();
            while !input.is_empty() {
                transitions.push(input.parse::<ImplItemFn>()?);
            }
            Ok(transitions)
        };
        match parse.parse2(item.mac.tokens.clone()) {
            Ok(transitions) => transitions.iter().for_each(|transition| self.body(&transition.block, true)),
            Err(error) => self.error = Some(error),
        }
    }
}

/// Looks inside a body.
struct Inside<'a> {
    units: &'a mut Vec<Unit>,
    is_transition: bool,
}

impl Inside<'_> {
    fn push(&mut self, what: &'static str, range: Range<usize>) {
        self.units.push(Unit { what, range, is_ordering: what == "ordering" });
    }
}

impl<'ast> Visit<'ast> for Inside<'_> {
    fn visit_arm(&mut self, arm: &'ast Arm) {
        if self.is_transition {
            self.push("arm", arm.span().byte_range());
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if self.is_transition && is_cell(&call.receiver) {
            self.push("operation", call.method.span().byte_range());
            for operand in call.args.iter().filter(|operand| !is_path(operand, &["Acquire", "Release", "Relaxed"])) {
                self.push("operand", operand.span().byte_range());
            }
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        if ["Acquire", "Release", "AcqRel", "SeqCst"].iter().any(|ordering| path.path.is_ident(ordering)) {
            self.push("ordering", path.span().byte_range());
        }
    }
}

/// Looks for what writes, for fences, and for the orderings of what does not.
struct Writes(Vec<Unit>);

impl Writes {
    fn push(&mut self, what: &'static str, range: Range<usize>) {
        self.0.push(Unit { what, range, is_ordering: what == "ordering" });
    }
}

impl<'ast> Visit<'ast> for Writes {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if WRITING.iter().any(|method| call.method == method) {
            let end = call.paren_token.span.close().byte_range().end;
            self.push("write", call.method.span().byte_range().start..end);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if is_path(&call.func, &["fence"]) {
            return self.push("fence", call.span().byte_range());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        if ["Acquire", "Release", "AcqRel"].iter().any(|ordering| path.path.is_ident(ordering)) {
            self.push("ordering", path.span().byte_range());
        }
    }
}

/// Whether this is `self.0`, a transition's cell.
fn is_cell(receiver: &Expr) -> bool {
    matches!(receiver, Expr::Field(field)
        if is_path(&field.base, &["self"]) && matches!(&field.member, Member::Unnamed(index) if index.index == 0))
}

fn is_path(expression: &Expr, names: &[&str]) -> bool {
    matches!(expression, Expr::Path(path) if names.iter().any(|name| path.path.is_ident(name)))
}
