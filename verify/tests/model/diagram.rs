//! The lists of `docs/protocols.md` are compared with what the word's methods do.

use crate::state::{
    ARMED, Begin, Cell, EMPTY, Explored, NOTIFIED, PARKED, Prepare, RELEASED, TIMED_OUT, TOKENS, Take, Unpark,
};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/protocols.md");

/// From, the transition, to, and whether it wakes the waiter.
type Edge = (String, String, String, bool);
/// A transition: None where it does not apply, else whether it wakes the waiter.
type Transition = (&'static str, fn(&mut Explored) -> Option<bool>);

const BOTH: [Transition; 3] = [
    ("unpark", |word| Some(matches!(word.unpark(), Unpark::Wake))),
    ("finish_wait", |word| is_notified_waiter(word).then(|| word.finish_wait()).map(|()| false)),
    // Once for each wake.
    ("release", |word| (is_notified_waiter(word) && word.0.value < RELEASED).then(|| word.release()).map(|()| false)),
];
const TOKEN: [Transition; 3] = [
    ("try_take", |word| matches!(word.try_take(NOTIFIED), Take::Taken).then_some(false)),
    ("begin_wait", |word| word.begin_wait().then_some(false)),
    ("cancel_wait", |word| word.cancel_wait(EMPTY).then_some(false)),
];
const TWO_PHASE: [Transition; 3] = [
    ("prepare", |word| match word.prepare(EMPTY) {
        Prepare::Again { seen } => matches!(word.prepare(seen), Prepare::Prepared).then_some(false),
        found => matches!(found, Prepare::Prepared).then_some(false),
    }),
    ("begin_prepared", |word| matches!(word.begin_prepared(), Begin::Wait).then_some(false)),
    ("cancel_wait", |word| word.cancel_wait(TIMED_OUT).then_some(false)),
];

/// What a thread knows that leaves, or acknowledges a wake: it has PARKED the word, or woken who has.
fn is_notified_waiter(word: &mut Explored) -> bool {
    word.0.value & PARKED != 0 && !word.is_waiting()
}

/// The state's name. One token stands for any number.
fn name(word: usize) -> String {
    let bits = [PARKED, ARMED, TIMED_OUT, TOKENS, RELEASED];
    let names = ["PARKED", "ARMED", "TIMED_OUT", "NOTIFIED", "RELEASED"];
    let set: Vec<_> = bits.into_iter().zip(names).filter(|(bits, _)| word & bits != 0).map(|(_, name)| name).collect();
    if set.is_empty() { "EMPTY".to_owned() } else { set.join("+") }
}

/// Every transition from every state that a protocol reaches.
fn performed(own: [Transition; 3]) -> BTreeSet<Edge> {
    let (mut edges, mut reached) = (BTreeSet::new(), vec![EMPTY]);
    let mut next = 0;
    while let Some(&from) = reached.get(next) {
        for (transition, perform) in BOTH.into_iter().chain(own) {
            let mut word = Explored(Cell { value: from, operations: 0 });
            if let Some(wakes) = perform(&mut word) {
                let to = if word.0.value & TOKENS > NOTIFIED { word.0.value - NOTIFIED } else { word.0.value };
                edges.insert((name(from), transition.to_owned(), name(to), wakes));
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
        }
        next += 1;
    }
    edges
}

/// What the page's list of this number says.
fn listed(number: usize) -> BTreeSet<Edge> {
    let list = PAGE.split("```text").nth(number).and_then(|rest| rest.split("```").next()).expect("a list");
    let edge = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [from, _, transition, _, to, ..] = words[..] else { panic!("no transition: {line}") };
        (from.to_owned(), transition.to_owned(), to.to_owned(), words.contains(&"wakes"))
    };
    list.lines().filter(|line| !line.is_empty()).map(edge).collect()
}

#[test]
fn the_page_lists_the_transitions_of_the_token_protocol() {
    assert_eq!(listed(1), performed(TOKEN));
}

#[test]
fn the_page_lists_the_transitions_of_the_two_phase_protocol() {
    assert_eq!(listed(2), performed(TWO_PHASE));
}
