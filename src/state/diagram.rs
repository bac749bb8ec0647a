//! The transitions that the two protocols really make, found by walking through the table: what `cargo xtask
//! diagram` draws.
//!
//! One thread waits, again and again; another lets it go whenever the protocol allows. Time may run out in
//! every wait, and every wait may end for no reason. What kernels do is not in here: that a wake is received
//! is the model's affair.

extern crate std;

use super::*;
use std::collections::{BTreeSet, HashSet};
use std::format;
use std::println;
use std::string::String;
use std::vec::Vec;

/// The states that are drawn. RELEASED stands beside others for the moment in which an XP-class kernel lets
/// the waiter go, and is left out.
const STATES: [(usize, &str); 6] = [
    (EMPTY, "EMPTY"),
    (NOTIFIED, "NOTIFIED"),
    (PARKED, "PARKED"),
    (PARKED | NOTIFIED, "PARKED+NOTIFIED"),
    (ARMED, "ARMED"),
    (TIMED_OUT, "TIMED_OUT"),
];

/// The name of a state; how many tokens there are does not matter.
fn name(state: usize) -> &'static str {
    let known = STATES.iter().find(|&&(known, _)| known == one_token(state));
    known.unwrap_or_else(|| panic!("{state:#x} is no state that is drawn")).1
}

fn one_token(state: usize) -> usize {
    if has_token(state) { state & !TOKENS | NOTIFIED } else { state }
}

/// What the operation makes of a state.
const fn carry_out(operation: Operation, state: usize) -> usize {
    match operation {
        Operation::Load(_) => state,
        Operation::Store(new) | Operation::Swap(new, _) => new,
        Operation::Add(more, _) => state.wrapping_add(more),
        Operation::Or(bits, _) => state | bits,
        Operation::CompareExchange(from, to, ..) if from == state => to,
        Operation::CompareExchange(..) => state,
    }
}

/// Where the walk is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    state: usize,
    /// What the waiting thread does next; none if it is not in a park.
    waiter: Option<Step>,
    /// Two-phase: it is in somebody's queue, so it may be let go.
    queued: bool,
}

struct Walk {
    protocol: &'static str,
    seen: Vec<Place>,
    lines: BTreeSet<String>,
}

impl Walk {
    fn from(protocol: &'static str, go: fn(&mut Self, Place)) -> BTreeSet<String> {
        let mut walk = Self { protocol, seen: Vec::new(), lines: BTreeSet::new() };
        walk.reach(Place { state: EMPTY, waiter: None, queued: false });
        let mut next = 0;
        while let Some(&place) = walk.seen.get(next) {
            go(&mut walk, place);
            next += 1;
        }
        walk.lines
    }

    fn reach(&mut self, place: Place) {
        if !self.seen.contains(&place) {
            self.seen.push(place);
        }
    }

    /// Notes an event and tells what it leads to.
    fn apply(&mut self, who: &str, event: Event, state: usize) -> (usize, Step) {
        let after = carry_out(event.operation(), state);
        let step = event.step(state);
        let name_of = |event: Event| String::from(format!("{event:?}").split(' ').next().unwrap_or_default());
        let then = match step {
            Step::Do(event) => format!("Do {}", name_of(event)),
            Step::Wait { .. } => "Wait".into(),
            Step::Settle { .. } => "Settle".into(),
            Step::Wake => "Wake".into(),
            Step::Return(outcome) => format!("{outcome:?}"),
        };
        let (protocol, event) = (self.protocol, name_of(event));
        self.lines.insert(format!("transition: {protocol}, {who}, {event}, {}, {}, {then}", name(state), name(after)));
        (one_token(after), step)
    }

    /// The waiting thread's next event, or one of the two that may end its wait.
    fn events(step: Step) -> Vec<Event> {
        match step {
            Step::Do(event) | Step::Settle { then: event } => [event].into(),
            Step::Wait { woken, expired } => [woken, expired].into(),
            Step::Wake | Step::Return(_) => panic!("{step:?} is no step of a park that goes on"),
        }
    }

    fn token(&mut self, place: Place) {
        let (state, _) = self.apply("unpark", Event::Unpark, place.state);
        self.reach(Place { state, ..place });
        // Once it waits, it is woken when there is a token, and not before.
        let step = place.waiter.unwrap_or(Step::Do(Event::Take { seen: NOTIFIED }));
        for event in Self::events(step) {
            let (state, step) = self.apply("park", event, place.state);
            let waiter = (!matches!(step, Step::Return(_))).then_some(step);
            self.reach(Place { state, waiter, ..place });
        }
    }

    fn two_phase(&mut self, place: Place) {
        if place.queued {
            let (state, _) = self.apply("unpark", Event::Notify, place.state);
            self.reach(Place { state, queued: false, ..place });
        }
        let Some(step) = place.waiter else {
            let (state, _) = self.apply("park", Event::Arm, place.state);
            return self.reach(Place { state, waiter: Some(Step::Do(Event::Block)), queued: true });
        };
        for event in Self::events(step) {
            let (state, step) = self.apply("park", event, place.state);
            match (event, step) {
                // What it is asked after a wait that ran out of time.
                (Event::Abandon, Step::Return(Outcome::TimedOut)) => {
                    self.reach(Place { state, waiter: Some(Step::Do(Event::Query)), ..place });
                }
                (_, Step::Return(_)) => self.reach(Place { state, waiter: None, queued: false }),
                _ => self.reach(Place { state, waiter: Some(step), ..place }),
            }
        }
    }
}

/// Prints them, and makes sure that the walk has been everywhere.
#[test]
fn transitions() {
    let protocols = [Walk::from("token", Walk::token), Walk::from("two-phase", Walk::two_phase)];
    let lines: Vec<String> = protocols.into_iter().flatten().collect();
    for line in &lines {
        println!("{line}");
    }
    let reached: HashSet<&str> = lines.iter().filter_map(|line| line.split(", ").nth(4)).collect();
    for (_, state) in STATES {
        assert!(reached.contains(state) || state == "EMPTY", "the walk has not reached {state}");
    }
    for event in [
        "Take", "Look", "Commit", "Check", "GiveUp", "Leave", "Unpark", "Arm", "Block", "Recheck", "Abandon", "Query",
        "Notify",
    ] {
        assert!(lines.iter().any(|line| line.contains(&format!(", {event}, "))), "the walk has not met {event}");
    }
    let wakes: Vec<_> = lines.iter().filter(|line| line.ends_with("Wake")).collect();
    assert!(wakes.iter().all(|line| line.contains(", PARKED, ")) && wakes.len() == 2, "{wakes:?}");
}
