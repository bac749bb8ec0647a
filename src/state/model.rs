//! The compile-time model: every interleaving of the protocol, explored whenever this crate is compiled.
//!
//! # What is explored
//! Two parkers and two unparkers on one word. Each may at any time begin another call, or never again, so the
//! number of calls has no bound. Between any two of a thread's atomic operations and kernel calls, the others
//! may take any number of steps. In the token protocol either parker may park, and the one that comes second
//! gets `Busy`; in the two-phase protocol one thread parks, and may unpark itself between its two phases.
//! Every wait may be timed: while it blocks, it may end for its deadline or for no reason.
//!
//! The operations, and what follows from what they find, are [`Event::operation`], [`Event::step`],
//! [`Turn::next`] and [`after_release`]: the very functions that the runtime calls. The model adds what
//! surrounds them: a word, a kernel of each kind, the queue of the two-phase protocol, and the rules
//! ([`Fault`]). The first state that breaks a rule stops the build and names the rule and the shortest way to
//! that state.
//!
//! # What is left out
//! - Memory order: the model's memory is sequentially consistent. The loom tests are there for that.
//! - More threads. What a thread does depends on the word alone, which says nothing of how many there are.
//! - Many tokens. Unparks stop at two, or leap from one to the fold mark ([`Setting::many`]).
//! - Calls that fail, the end of the process, and time itself: simulated and real kernels are there for that.

use super::rendezvous::{Turn, after_release};
use super::{
    ARMED, EMPTY, Event, FOLD, NOTIFIED, Operation, Outcome, PARKED, RELEASED, Step, TIMED_OUT, TOKENS, has_token,
};

/// Stops the build if a rule can be broken.
#[allow(long_running_const_eval, reason = "less than a second is what the certainty costs")]
const _: () = {
    let mut index = 0;
    while index < SETTINGS.len() {
        let explorer = explore::<STATES, KEYS>(SETTINGS[index]);
        if let Some((fault, ending)) = &explorer.broken {
            panic!("{}", explorer.story(*fault, ending).as_str());
        }
        index += 1;
    }
};

/// Room for the states of each of [`SETTINGS`].
const STATES: usize = 1 << 11;
/// Room for their keys, twice as many so that a free place is near.
const KEYS: usize = 2 * STATES;

/// What is explored in one go.
#[derive(Clone, Copy, Debug)]
struct Setting {
    protocol: Protocol,
    kernel: Kernel,
    /// How many threads park.
    parkers: usize,
    /// Whether, once a token is there, so many more may come at once that the next unpark finds as many as it
    /// folds.
    many: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Token,
    TwoPhase,
}

/// How the kernel blocks a thread and lets it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    /// Blocks while the word is PARKED. A wake is for whoever is blocked, and for nobody if nobody is.
    Compare,
    /// Waiter and waker wait for each other.
    Rendezvous,
    /// The same, but the waiter may be told of a timeout although a release has met it. Guarded.
    XpClass,
}

const SETTINGS: [Setting; 7] = [
    Setting { protocol: Protocol::Token, kernel: Kernel::Compare, parkers: 2, many: false },
    Setting { protocol: Protocol::Token, kernel: Kernel::Rendezvous, parkers: 2, many: false },
    Setting { protocol: Protocol::Token, kernel: Kernel::XpClass, parkers: 2, many: false },
    Setting { protocol: Protocol::Token, kernel: Kernel::XpClass, parkers: 1, many: true },
    Setting { protocol: Protocol::TwoPhase, kernel: Kernel::Compare, parkers: 1, many: false },
    Setting { protocol: Protocol::TwoPhase, kernel: Kernel::Rendezvous, parkers: 1, many: false },
    Setting { protocol: Protocol::TwoPhase, kernel: Kernel::XpClass, parkers: 1, many: false },
];

/// The rules, by what breaks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// An unpark is over, no park has taken its token, and the word does not have it; or a park says that
    /// there was none.
    Lost,
    /// A park has taken a token, and no unpark since the last one left it.
    Doubled,
    /// A park has reported a token, and the word had none.
    ForNothing,
    /// A thread was refused, though nobody else is parked.
    Refused,
    /// Nobody has anything left to do, a thread waits, and a token is there or a waker is what it waits for.
    StuckWaiter,
    /// Nobody has anything left to do, and a thread blocks in a release.
    StuckReleaser,
    /// An unparker has touched the word after the waiter that it let go has left, and perhaps freed it.
    Freed,
}

impl Fault {
    const fn message(self) -> &'static str {
        match self {
            Self::Lost => "a token is lost",
            Self::Doubled => "a token is doubled",
            Self::ForNothing => "a park ends for nothing",
            Self::Refused => "a thread is refused though nobody is parked",
            Self::StuckWaiter => "a waiter is stuck though a token is there",
            Self::StuckReleaser => "a releaser is stuck",
            Self::Freed => "an unpark touches the word after the parker may have been freed",
        }
    }
}

/// A wait, and how to go on after it.
#[derive(Clone, Copy)]
struct Wait {
    turn: Turn,
    woken: Event,
    expired: Event,
}

/// Where a thread stands.
#[derive(Clone, Copy)]
enum At {
    /// Between two calls.
    Idle,
    /// About to carry out an event.
    Do(Event),
    /// About to call the kernel, in order to wait.
    Call(Wait),
    /// Blocked in the kernel.
    Asleep(Wait),
    /// Back from a rendezvous, true if it has received a release, and about to look at the word.
    Back(Wait, bool),
    /// About to call the kernel, in order to let a waiter go.
    Wake,
    /// Blocked in the release.
    Releasing,
}

/// Parkers are threads 0 and 1, unparkers 2 and 3.
const THREADS: usize = 4;
const PARKERS: usize = 2;

/// Everything there is at a moment, and how it came to that.
#[derive(Clone, Copy)]
struct State {
    word: usize,
    at: [At; THREADS],
    /// `at` and `outlived` as numbers: equal if they are.
    codes: [u128; THREADS],
    /// Two-phase protocol: the waiter is in the queue.
    queued: bool,
    /// An unpark is over whose token no park has taken since: the word must have it.
    owed: bool,
    /// There was an unpark since a park last took a token, so one may.
    due: bool,
    /// Of an unparker at work: a park has returned with a token since it began.
    outlived: [bool; THREADS],
    /// The index of the state before.
    before: usize,
    /// What was done there, and by which thread.
    deed: Deed,
    by: usize,
    /// Whether the two parkers, and whether the two unparkers, have changed places after that.
    swapped: [bool; 2],
}

/// What a step was, for the story.
#[derive(Clone, Copy)]
enum Deed {
    Carry(Event),
    Other(&'static str),
}

const BEGINNING: State = State {
    word: EMPTY,
    at: [At::Idle; THREADS],
    codes: [0; THREADS],
    queued: false,
    owed: false,
    due: false,
    outlived: [false; THREADS],
    before: 0,
    deed: Deed::Other(""),
    by: 0,
    swapped: [false; 2],
};

impl State {
    /// The state as a number: equal for equal states, whatever came before, and never 0.
    const fn key(&self) -> u128 {
        let [one, two, three, four] = self.codes;
        let flags = (self.queued as u128) << 2 | (self.owed as u128) << 1 | self.due as u128;
        1 << 83 | one << 65 | two << 47 | three << 29 | four << 11 | code_of_word(self.word) << 3 | flags
    }

    const fn put(&mut self, thread: usize, at: At) {
        if matches!(at, At::Idle) {
            self.outlived[thread] = false;
        }
        self.at[thread] = at;
        self.codes[thread] = code_of_thread(at) << 1 | self.outlived[thread] as u128;
    }

    const fn outlive(&mut self, unparker: usize) {
        if !matches!(self.at[unparker], At::Idle) {
            self.outlived[unparker] = true;
            self.codes[unparker] |= 1;
        }
    }

    /// Brings two threads that behave alike into one order, so that states which differ only in which is
    /// which become one.
    const fn order(&mut self, first: usize) {
        let second = first + 1;
        if self.codes[first] > self.codes[second] {
            (self.at[first], self.at[second]) = (self.at[second], self.at[first]);
            (self.codes[first], self.codes[second]) = (self.codes[second], self.codes[first]);
            (self.outlived[first], self.outlived[second]) = (self.outlived[second], self.outlived[first]);
            self.swapped[first / 2] = true;
        }
    }

    /// Whether a parker has the word for itself: has brought it to PARKED and not left yet.
    const fn holds(&self, parker: usize) -> bool {
        match self.at[parker] {
            At::Call(_) | At::Asleep(_) | At::Back(..) => true,
            At::Do(event) => matches!(event, Event::Check | Event::Leave),
            At::Idle | At::Wake | At::Releasing => false,
        }
    }

    /// If nobody has anything left to do: who should not be blocked?
    const fn stuck(&self) -> Option<Fault> {
        let mut thread = 0;
        while thread < THREADS {
            match self.at[thread] {
                At::Releasing => return Some(Fault::StuckReleaser),
                At::Asleep(Wait { turn: Turn::Wait, .. }) if !has_token(self.word) => {}
                At::Asleep(_) | At::Back(..) => return Some(Fault::StuckWaiter),
                At::Idle | At::Do(_) | At::Call(_) | At::Wake => {}
            }
            thread += 1;
        }
        None
    }
}

/// 17 bits.
const fn code_of_thread(at: At) -> u128 {
    match at {
        At::Idle => 0,
        At::Do(event) => 1 | code_of_event(event) << 3,
        At::Call(wait) => 2 | code_of_wait(wait) << 3,
        At::Asleep(wait) => 3 | code_of_wait(wait) << 3,
        At::Back(wait, false) => 4 | code_of_wait(wait) << 3,
        At::Back(wait, true) => 5 | code_of_wait(wait) << 3,
        At::Wake => 6,
        At::Releasing => 7,
    }
}

/// 10 bits. No wait is followed by an event with a value that was seen.
const fn code_of_wait(wait: Wait) -> u128 {
    wait.turn as u128 | code_of_event(wait.woken) << 2 | code_of_event(wait.expired) << 6
}

/// 12 bits; 4 are enough for events without a value that was seen.
const fn code_of_event(event: Event) -> u128 {
    match event {
        Event::Take { seen } => code_of_word(seen) << 4,
        Event::Look => 1,
        Event::Commit => 2,
        Event::Check => 3,
        Event::GiveUp => 4,
        Event::Leave => 5,
        Event::Unpark => 6,
        Event::Fold { seen } => 7 | code_of_word(seen) << 4,
        Event::Arm => 8,
        Event::Block => 9,
        Event::Recheck => 10,
        Event::Abandon => 11,
        Event::Query => 12,
        Event::Notify => 13,
        Event::Release => 14,
        Event::Claim { seen } => 15 | code_of_word(seen) << 4,
    }
}

/// 8 bits: the flags, and the tokens as far as they occur here, from 0 and from the fold mark on.
const fn code_of_word(word: usize) -> u128 {
    let tokens = word & TOKENS;
    let code = if tokens < 8 {
        tokens
    } else {
        assert!(FOLD <= tokens && tokens < FOLD + 8, "ntpark model: a token count that cannot be");
        tokens - FOLD + 8
    };
    (word >> PARKED.trailing_zeros() << 4 | code) as u128
}

/// Carries an operation out: what it found, and the word after it.
const fn operate(operation: Operation, word: usize) -> (usize, usize) {
    match operation {
        Operation::Load(_) => (word, word),
        Operation::Store(new) => (new, new),
        Operation::Swap(new, _) => (word, new),
        Operation::Add(more, _) => (word, word + more),
        Operation::Or(bits, _) => (word, word | bits),
        Operation::CompareExchange(from, to, _, _) => (word, if word == from { to } else { word }),
    }
}

/// Visits every state that can be reached, nearest first, until one breaks a rule.
const fn explore<const STATES: usize, const KEYS: usize>(setting: Setting) -> Explorer<STATES, KEYS> {
    let mut explorer =
        Explorer { setting, states: [BEGINNING; STATES], count: 0, keys: [0; KEYS], from: 0, steps: 0, broken: None };
    explorer.arrive(BEGINNING);
    while explorer.from < explorer.count && explorer.broken.is_none() {
        let state = explorer.states[explorer.from];
        if !explorer.leave(&state) && explorer.broken.is_none() {
            if let Some(fault) = state.stuck() {
                let deed = Deed::Other("nobody can do anything");
                explorer.broken = Some((fault, State { before: explorer.from, deed, by: THREADS, ..state }));
            }
        }
        explorer.from += 1;
    }
    explorer
}

struct Explorer<const STATES: usize, const KEYS: usize> {
    setting: Setting,
    /// All that have been seen. Those from `from` on have not been left yet.
    states: [State; STATES],
    count: usize,
    from: usize,
    /// A hash table with open addressing; 0 is a free place.
    keys: [u128; KEYS],
    /// Steps taken, also to states that were known.
    steps: usize,
    /// The first rule that was broken, and the state that broke it.
    broken: Option<(Fault, State)>,
}

impl<const STATES: usize, const KEYS: usize> Explorer<STATES, KEYS> {
    const fn is_guarded(&self) -> bool {
        matches!(self.setting.kernel, Kernel::XpClass)
    }

    /// Notes a state down, unless it is known.
    const fn arrive(&mut self, mut state: State) {
        self.steps += 1;
        state.swapped = [false; 2];
        if self.setting.parkers == 2 {
            state.order(0);
        }
        state.order(PARKERS);
        let key = state.key();
        // A prime: all bits have a say.
        let mut place = (key % 0xFFFF_FFFB) as usize % KEYS;
        while self.keys[place] != 0 {
            if self.keys[place] == key {
                return;
            }
            place = (place + 1) % KEYS;
        }
        assert!(self.count < STATES, "ntpark model: more states than there is room for");
        self.keys[place] = key;
        state.before = self.from;
        self.states[self.count] = state;
        self.count += 1;
    }

    /// Takes every step that can be taken from a state. False if none has to be: threads may rest between two
    /// calls, and deadlines need not come.
    const fn leave(&mut self, state: &State) -> bool {
        let mut is_bound = false;
        let mut thread = 0;
        while thread < self.setting.parkers {
            // A twin would only repeat it.
            if thread == 0 || state.codes[1] != state.codes[0] {
                is_bound |= self.parker(state, thread);
            }
            thread += 1;
        }
        is_bound |= self.unparker(state, 2);
        if state.codes[3] != state.codes[2] {
            is_bound |= self.unparker(state, 3);
        }
        if self.setting.many && state.word & TOKENS == NOTIFIED {
            let mut state = *state;
            state.word += FOLD - NOTIFIED;
            (state.deed, state.by) = (Deed::Other("unpark very often"), THREADS);
            self.arrive(state);
        }
        is_bound
    }

    /// What a parker can do. True if it is bound to do something.
    const fn parker(&mut self, state: &State, thread: usize) -> bool {
        match state.at[thread] {
            At::Idle => {
                match self.setting.protocol {
                    Protocol::Token => self.carry(state, thread, Event::Take { seen: NOTIFIED }),
                    Protocol::TwoPhase => {
                        self.carry(state, thread, Event::Arm);
                        self.carry(state, thread, Event::Claim { seen: EMPTY });
                    }
                }
                false
            }
            At::Do(event) => {
                if matches!(event, Event::Block) && state.queued {
                    self.carry(state, thread, Event::Notify);
                }
                self.carry(state, thread, event);
                true
            }
            At::Call(wait) => {
                if matches!(wait.turn, Turn::Wait) {
                    self.carry(state, thread, wait.expired);
                }
                self.call(state, thread, wait);
                true
            }
            At::Asleep(wait) => {
                match self.setting.kernel {
                    Kernel::Compare => self.carry(state, thread, wait.woken),
                    Kernel::Rendezvous | Kernel::XpClass => {
                        self.go(state, thread, At::Back(wait, false), "wakes for no reason");
                    }
                }
                // A settle waits in slices, so it will see what is to be seen.
                matches!(wait.turn, Turn::Settle)
                    && !matches!(wait.turn.next(false, state.word, self.is_guarded()), Turn::Settle)
            }
            At::Back(wait, met) => match wait.turn.next(met, state.word, self.is_guarded()) {
                Turn::Leave => {
                    self.go(state, thread, At::Do(wait.woken), "leaves the rendezvous");
                    true
                }
                Turn::Acknowledge => {
                    // Looks again and again: bound to do nothing until the word changes.
                    let wait = Wait { turn: Turn::Acknowledge, ..wait };
                    self.go(state, thread, At::Back(wait, false), "waits for the waker to finish");
                    !matches!(state.at[thread], At::Back(Wait { turn: Turn::Acknowledge, .. }, _))
                }
                turn @ (Turn::Wait | Turn::Settle) => {
                    self.go(state, thread, At::Call(Wait { turn, ..wait }), "has to wait");
                    true
                }
            },
            // For the release of its own key.
            At::Wake => {
                self.wake(state, thread);
                true
            }
            At::Releasing => false,
        }
    }

    /// What an unparker can do. True if it is bound to do something.
    const fn unparker(&mut self, state: &State, thread: usize) -> bool {
        match state.at[thread] {
            At::Idle => {
                match self.setting.protocol {
                    Protocol::Token => {
                        let tokens = state.word & TOKENS;
                        let few = if self.setting.many { 1 } else { 2 };
                        if tokens < few || (FOLD <= tokens && tokens < FOLD + 1) {
                            self.carry(state, thread, Event::Unpark);
                        }
                    }
                    // Under the queue's lock: takes the waiter out and marks it.
                    Protocol::TwoPhase if state.queued => self.carry(state, thread, Event::Notify),
                    Protocol::TwoPhase => {}
                }
                false
            }
            At::Do(event) => {
                self.carry(state, thread, event);
                true
            }
            At::Wake => {
                self.wake(state, thread);
                true
            }
            At::Call(_) | At::Asleep(_) | At::Back(..) | At::Releasing => false,
        }
    }

    /// A step that changes nothing but where the thread stands.
    const fn go(&mut self, state: &State, thread: usize, at: At, deed: &'static str) {
        let mut state = *state;
        state.put(thread, at);
        (state.deed, state.by) = (Deed::Other(deed), thread);
        self.arrive(state);
    }

    /// A waiter's call.
    const fn call(&mut self, state: &State, thread: usize, wait: Wait) {
        if matches!(self.setting.kernel, Kernel::Compare) {
            if state.word == PARKED {
                self.go(state, thread, At::Asleep(wait), "blocks");
            } else {
                self.go(state, thread, At::Do(wait.woken), "does not block");
            }
            return;
        }
        let mut is_met = false;
        let mut releaser = 0;
        while releaser < THREADS {
            if matches!(state.at[releaser], At::Releasing) {
                is_met = true;
                let mut state = *state;
                state.put(thread, At::Back(wait, true));
                self.released(state, releaser, thread, "waits and meets a release");
            }
            releaser += 1;
        }
        if !is_met {
            self.go(state, thread, At::Asleep(wait), "blocks");
        }
    }

    /// A waker's call.
    const fn wake(&mut self, state: &State, thread: usize) {
        let mut is_met = false;
        let mut parker = 0;
        while parker < PARKERS {
            if let At::Asleep(wait) = state.at[parker] {
                is_met = true;
                let mut state = *state;
                if matches!(self.setting.kernel, Kernel::Compare) {
                    state.put(parker, At::Do(wait.woken));
                    self.released(state, thread, thread, "wakes the waiter");
                } else {
                    state.put(parker, At::Back(wait, true));
                    self.released(state, thread, thread, "releases the waiter");
                }
                if matches!(self.setting.kernel, Kernel::XpClass) {
                    state.put(parker, At::Back(wait, false));
                    self.released(state, thread, thread, "releases the waiter, which is told of a timeout");
                }
            }
            parker += 1;
        }
        if !is_met {
            match self.setting.kernel {
                Kernel::Compare => self.released(*state, thread, thread, "wakes nobody"),
                Kernel::Rendezvous | Kernel::XpClass => {
                    self.go(state, thread, At::Releasing, "releases, and blocks for want of a waiter");
                }
            }
        }
    }

    /// A waker whose call is over goes on.
    const fn released(&mut self, mut state: State, waker: usize, by: usize, deed: &'static str) {
        let event = match self.setting.kernel {
            // It has unparked itself, and parks now.
            _ if waker < PARKERS => Some(Event::Block),
            Kernel::Compare => None,
            Kernel::Rendezvous | Kernel::XpClass => after_release(self.is_guarded()),
        };
        state.put(
            waker,
            match event {
                Some(event) => At::Do(event),
                None => At::Idle,
            },
        );
        (state.deed, state.by) = (Deed::Other(deed), by);
        self.arrive(state);
    }

    /// A thread carries out an event.
    const fn carry(&mut self, state: &State, thread: usize, event: Event) {
        let mut state = *state;
        let operation = event.operation();
        let found;
        (found, state.word) = operate(operation, state.word);
        (state.deed, state.by) = (Deed::Carry(event), thread);
        let step = event.step(found);
        let mut fault = match event {
            Event::Unpark | Event::Fold { .. } | Event::Notify | Event::Release => {
                unparked(&mut state, thread, event, operation, step)
            }
            _ => self.parked(&mut state, thread, event, step, has_token(found)),
        };
        if state.owed && !has_token(state.word) {
            fault = Some(Fault::Lost);
        }
        match (fault, self.broken) {
            (Some(fault), None) => self.broken = Some((fault, State { before: self.from, ..state })),
            _ => self.arrive(state),
        }
    }

    /// What follows from an event of a parker.
    const fn parked(
        &self,
        state: &mut State,
        thread: usize,
        event: Event,
        step: Step,
        had_token: bool,
    ) -> Option<Fault> {
        let mut fault = None;
        let at = match step {
            Step::Do(event) => At::Do(event),
            Step::Wait { woken, expired } => At::Call(Wait { turn: Turn::Wait, woken, expired }),
            Step::Settle { then } => match self.setting.kernel {
                Kernel::Compare => At::Do(then),
                // Begins with a look, as in `KeyedEvent::settle`.
                Kernel::Rendezvous | Kernel::XpClass => {
                    At::Back(Wait { turn: Turn::Settle, woken: then, expired: then }, false)
                }
            },
            Step::Return(Outcome::Unparked) => {
                if !had_token {
                    fault = Some(Fault::ForNothing);
                } else if !state.due {
                    fault = Some(Fault::Doubled);
                }
                state.owed = false;
                state.due = false;
                state.outlive(2);
                state.outlive(3);
                At::Idle
            }
            Step::Return(Outcome::TimedOut) => match self.setting.protocol {
                // Under the queue's lock: either it is still in there and takes itself out, or it has been notified.
                Protocol::TwoPhase if !matches!(event, Event::Query) => At::Do(Event::Query),
                Protocol::TwoPhase => {
                    if state.due {
                        fault = Some(Fault::Lost);
                    }
                    state.queued = false;
                    At::Idle
                }
                Protocol::Token => At::Idle,
            },
            Step::Return(Outcome::Busy) => {
                if !state.holds(1 - thread) {
                    fault = Some(Fault::Refused);
                }
                At::Idle
            }
            // Armed; puts itself in the queue.
            Step::Return(Outcome::Done) | Step::Wake => {
                state.queued = true;
                At::Do(Event::Block)
            }
        };
        state.put(thread, at);
        fault
    }

    /// The rule that was broken, and the way there.
    const fn story(&self, fault: Fault, ending: &State) -> Story {
        let mut story = Story::EMPTY;
        story.tell("ntpark model: ");
        story.tell(fault.message());
        story.tell(match self.setting.protocol {
            Protocol::Token => " (token protocol, ",
            Protocol::TwoPhase => " (two-phase protocol, ",
        });
        story.tell(match self.setting.kernel {
            Kernel::Compare => "compare-and-block kernel)",
            Kernel::Rendezvous => "rendezvous kernel)",
            Kernel::XpClass => "rendezvous kernel of the XP class)",
        });
        // Back to the beginning, then told the other way round.
        let mut way = [0; 64];
        let mut length = 0;
        let mut index = ending.before;
        while index != 0 && length < way.len() {
            way[length] = index;
            length += 1;
            index = self.states[index].before;
        }
        // Which thread stands in each place.
        let mut places = [0, 1, 2, 3, 4];
        while length > 0 {
            length -= 1;
            let state = &self.states[way[length]];
            story.tell_step(state, places[state.by]);
            if state.swapped[0] {
                (places[0], places[1]) = (places[1], places[0]);
            }
            if state.swapped[1] {
                (places[2], places[3]) = (places[3], places[2]);
            }
        }
        story.tell_step(ending, places[ending.by]);
        story
    }
}

/// What follows from an event of an unparker, or of a parker that unparks itself.
const fn unparked(state: &mut State, thread: usize, event: Event, operation: Operation, step: Step) -> Option<Fault> {
    // An unpark that stores (which ours do not) leaves its token only then.
    if matches!(event, Event::Unpark | Event::Notify) || matches!(operation, Operation::Store(_)) {
        state.due = true;
        state.queued = false;
    }
    let outlived = state.outlived[thread];
    // The last operation of an unpark, but for the acknowledgement: from here on its token counts, unless a park
    // has taken it already.
    if !matches!(step, Step::Do(_)) && !matches!(event, Event::Release) && !outlived {
        state.owed = true;
    }
    state.put(
        thread,
        match step {
            Step::Do(event) => At::Do(event),
            Step::Wake => At::Wake,
            Step::Return(_) | Step::Wait { .. } | Step::Settle { .. } if thread < PARKERS => At::Do(Event::Block),
            Step::Return(_) | Step::Wait { .. } | Step::Settle { .. } => At::Idle,
        },
    );
    if outlived && matches!(event, Event::Release) { Some(Fault::Freed) } else { None }
}

/// Text.
struct Story {
    text: [u8; Self::ROOM],
    length: usize,
}

impl Story {
    const ROOM: usize = 4096;
    const EMPTY: Self = Self { text: [0; Self::ROOM], length: 0 };
    const NAMES: [&'static str; THREADS + 1] = ["parker 1", "parker 2", "unparker 1", "unparker 2", "the rest"];

    const fn tell_step(&mut self, state: &State, thread: usize) {
        self.tell("\n  ");
        self.tell(Self::NAMES[thread]);
        self.tell(": ");
        match state.deed {
            Deed::Carry(event) => self.tell(name_of_event(event)),
            Deed::Other(deed) => self.tell(deed),
        }
        self.tell(" => ");
        self.tell_word(state.word);
    }

    const fn tell_word(&mut self, word: usize) {
        const FLAGS: [(usize, &str); 4] =
            [(PARKED, "PARKED "), (ARMED, "ARMED "), (TIMED_OUT, "TIMED_OUT "), (RELEASED, "RELEASED ")];
        let mut index = 0;
        while index < FLAGS.len() {
            if word & FLAGS[index].0 != 0 {
                self.tell(FLAGS[index].1);
            }
            index += 1;
        }
        match word & TOKENS {
            0 if word == EMPTY => self.tell("EMPTY"),
            0 => {}
            1 => self.tell("NOTIFIED"),
            2..8 => self.tell("NOTIFIED, more than once"),
            _ => self.tell("NOTIFIED, very often"),
        }
    }

    const fn tell(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() && self.length < Self::ROOM {
            self.text[self.length] = bytes[index];
            self.length += 1;
            index += 1;
        }
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.text.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "ntpark model: a rule is broken",
        }
    }
}

const fn name_of_event(event: Event) -> &'static str {
    match event {
        Event::Take { .. } => "Take",
        Event::Look => "Look",
        Event::Commit => "Commit",
        Event::Check => "Check",
        Event::GiveUp => "GiveUp",
        Event::Leave => "Leave",
        Event::Unpark => "Unpark",
        Event::Fold { .. } => "Fold",
        Event::Arm => "Arm",
        Event::Claim { .. } => "Claim",
        Event::Block => "Block",
        Event::Recheck => "Recheck",
        Event::Abandon => "Abandon",
        Event::Query => "Query",
        Event::Notify => "Notify",
        Event::Release => "Release",
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::collections::BTreeSet;
    use std::{println, thread};

    /// Explores, prints how much there was, and hands the names of the events that occurred back.
    fn explored<const STATES: usize, const KEYS: usize>(setting: Setting) -> BTreeSet<&'static str> {
        let explore = move || {
            let explorer = explore::<STATES, KEYS>(setting);
            if let Some((fault, ending)) = &explorer.broken {
                panic!("{}", explorer.story(*fault, ending).as_str());
            }
            println!("{setting:?}: {} states, {} steps", explorer.count, explorer.steps);
            let states = &explorer.states[..explorer.count];
            states
                .iter()
                .filter_map(|state| if let Deed::Carry(event) = state.deed { Some(name_of_event(event)) } else { None })
                .collect()
        };
        // The states lie on the stack.
        let thread =
            thread::Builder::new().stack_size(4 * (size_of::<State>() * STATES + size_of::<u128>() * KEYS) + (1 << 20));
        thread.spawn(explore).expect("there is memory").join().expect("no rule is broken")
    }

    #[test]
    fn all_states_are_explored_and_all_events_occur() {
        let occurred: BTreeSet<_> = SETTINGS.into_iter().flat_map(explored::<STATES, KEYS>).collect();
        assert_eq!(occurred.len(), 16, "{occurred:?}");
    }

    #[test]
    fn two_parkers_and_many_tokens() {
        for kernel in [Kernel::Compare, Kernel::Rendezvous, Kernel::XpClass] {
            let setting = Setting { protocol: Protocol::Token, kernel, parkers: 2, many: true };
            assert!(explored::<{ 1 << 15 }, { 1 << 16 }>(setting).contains("Fold"));
        }
    }
}
