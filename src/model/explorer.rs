//! The threads, the kernels, and the visit of every snapshot that they can reach.

use crate::backend::rendezvous::Phase;
use crate::model::snapshot::*;
use crate::model::trace::Trace;
use crate::state::{Begin, Cell, EMPTY, Explored, MANY, NOTIFIED, PARKED, Prepare, TIMED_OUT, TOKENS, Take, Unpark};

/// Carries a transition out on a state's word: the parkers' own, as a `const fn`.
macro_rules! on_word {
    ($state:ident, $transition:ident($($argument:expr)?)) => {{
        let mut word = Explored(Cell { value: $state.word, operations: 0 });
        let found = word.$transition($($argument)?);
        assert!(word.0.operations == 1, "a transition is one atomic operation");
        $state.word = word.0.value;
        found
    }};
}

#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) two_phase: bool,
    pub(crate) kernel: Kernel,
    /// Whether very many tokens may come at once, as many as an unpark makes one of.
    pub(crate) many: bool,
}

/// How the kernel blocks and wakes a thread.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    /// Blocks while the word is PARKED. A wake reaches a thread that is asleep, or none.
    Compare,
    /// Waiter and waker wait for each other.
    Rendezvous,
    /// The same, but the waiter may be told of a timeout although a release has met it.
    XpClass,
}

/// What must never happen.
type Rule = &'static str;
const LOST: Rule = "a token is lost";
const DOUBLED: Rule = "a park ends with a token that no unpark left";
const TWO_WAIT: Rule = "a second thread gets in before the first has left";
const REFUSED: Rule = "a thread is refused though nobody waits";
const STUCK: Rule = "a waiter is stuck though its token is there";
const STUCK_RELEASE: Rule = "a release waits for a waiter that never comes";
const FREED: Rule = "an unpark touches the word after the parker may be gone";

/// How many states there may be in a setting, and places for them in the hash table. (With very many tokens there are
/// ten times as many as without; the room costs the build nothing that can be measured.)
const STATES: usize = 1 << 12;
const PLACES: usize = 2 * STATES;
/// A prime below it, by which all bits of a state have a say in its place.
const PRIME: u64 = 8_191;

struct Explorer {
    setting: Setting,
    states: [Snapshot; STATES],
    count: usize,
    /// The state that is being left; those behind it are still to do. And the thread that takes the step.
    from: usize,
    by: u8,
    /// A hash table: places in `states`, and 0 for none.
    places: [u16; PLACES],
}

/// Visits every state that can be reached, nearest first.
pub(crate) const fn explore(setting: Setting) -> usize {
    // The first is left out, since 0 stands for none.
    let (states, places) = ([BEGINNING; STATES], [0; PLACES]);
    let mut all = Explorer { setting, states, count: 1, from: 1, by: 0, places };
    all.arrive(&mut { BEGINNING });
    while all.from < all.count {
        let state = all.states[all.from];
        let threads = state.threads;
        let twins = threads ^ threads >> 16;
        let mut is_bound = all.parker(&state, 0) | all.unparker(&state, 2);
        // Of twins, one step is enough.
        if twins & 0xFFFF != 0 {
            is_bound |= all.parker(&state, 1);
        }
        if twins >> 32 & 0xFFFF != 0 {
            is_bound |= all.unparker(&state, 3);
        }
        if !is_bound {
            all.check_rest(&state);
        }
        all.from += 1;
    }
    all.count - 1
}

impl Explorer {
    /// Notes a state down, unless it is known.
    const fn arrive(&mut self, state: &mut Snapshot) {
        if state.owed && state.word & TOKENS == 0 {
            self.broken(LOST, state);
        }
        // Threads that behave alike are kept in one order.
        let mut threads = state.threads;
        let (one, two) = (threads & 0xFFFF, threads >> 16 & 0xFFFF);
        if one > two {
            threads = threads & !0xFFFF_FFFF | one << 16 | two;
        }
        let (three, four) = (threads >> 32 & 0xFFFF, threads >> 48);
        if three > four {
            threads = threads & 0xFFFF_FFFF | three << 48 | four << 32;
        }
        state.threads = threads;
        let word = state.word;
        let mut place = ((threads ^ word as u64) % PRIME) as usize;
        while self.places[place] != 0 {
            let known = self.places[place] as usize;
            let known = &self.states[known];
            if known.threads == threads && known.word == word && known.owed == state.owed {
                return;
            }
            place = (place + 1) % PLACES;
        }
        assert!(self.count < STATES, "ntpark model: more states than there is room for");
        state.before = self.from as u16;
        state.by = self.by;
        self.states[self.count] = *state;
        self.places[place] = self.count as u16;
        self.count += 1;
    }

    /// Arrives where a thread stands elsewhere and nothing else has changed.
    const fn go(&mut self, state: &Snapshot, thread: usize, at: At, detail: u8) {
        let mut next = *state;
        let place = 16 * thread;
        next.threads = next.threads & !(0xFFFF << place) | (at as u64 | (detail as u64) << 8) << place;
        self.arrive(&mut next);
    }

    /// The next step of a parker, in each way that it may go. True if it is bound to do something: threads may
    /// rest between two calls, and deadlines need not come.
    const fn parker(&mut self, state: &Snapshot, thread: usize) -> bool {
        self.by = thread as u8;
        match (state.threads >> (16 * thread)) as At {
            IDLE => {
                if self.setting.two_phase {
                    self.begin(state, thread);
                } else {
                    self.try_take(state, thread, NOTIFIED);
                }
                return false;
            }
            TRY_TAKE => self.try_take(state, thread, state.seen(thread)),
            PREPARE => self.prepare(state, thread, state.seen(thread)),
            BEGIN if self.setting.two_phase => self.begin_prepared(state, thread),
            BEGIN => self.begin_wait(state, thread),
            CALL => self.call(state, thread),
            ASLEEP => return self.wake_up(state, thread),
            UNMET | MET => return self.look(state, thread),
            RECHECK => self.recheck(state, thread),
            FINISH => self.finish_wait(state, thread),
            _ => self.ask_timed_out(state, thread),
        }
        true
    }

    /// The next step of an unparker.
    const fn unparker(&mut self, state: &Snapshot, thread: usize) -> bool {
        self.by = thread as u8;
        match (state.threads >> (16 * thread)) as At {
            IDLE => {
                self.begin_unpark(state, thread);
                return false;
            }
            SATURATE => self.saturate(state, thread),
            WAKE => self.wake(state, thread),
            RELEASE => self.release(state, thread),
            _ => return false,
        }
        true
    }

    // ---- A parker's steps: the transitions, and what follows from them

    /// One thread at a time prepares and parks; the other may try while that one waits, or has not left yet.
    const fn begin(&mut self, state: &Snapshot, thread: usize) {
        if !matches!(state.at(1 - thread), PREPARE | BEGIN | QUERY) {
            self.prepare(state, thread, EMPTY);
        }
    }

    const fn try_take(&mut self, state: &Snapshot, thread: usize, seen: usize) {
        let mut next = *state;
        match on_word!(next, try_take(seen)) {
            Take::Taken => self.unparked(&mut next, thread),
            Take::Empty => next.put(thread, BEGIN, 0),
            Take::Busy => self.refused(&mut next, thread),
            Take::Again { seen } => next.put_seen(thread, TRY_TAKE, seen),
        }
        self.arrive(&mut next);
    }

    const fn begin_wait(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        if on_word!(next, begin_wait()) {
            self.waits(&mut next, thread);
        } else {
            next.put_seen(thread, TRY_TAKE, NOTIFIED);
        }
        self.arrive(&mut next);
    }

    const fn prepare(&mut self, state: &Snapshot, thread: usize, seen: usize) {
        let mut next = *state;
        match on_word!(next, prepare(seen)) {
            Prepare::Prepared if next.waits(1 - thread) => self.broken(TWO_WAIT, &next),
            Prepare::Prepared => {
                // A token that was there was meant for an earlier wait.
                next.owed = false;
                next.put(thread, BEGIN, 0);
            }
            Prepare::Busy => self.refused(&mut next, thread),
            Prepare::Again { seen } => next.put_seen(thread, PREPARE, seen),
        }
        self.arrive(&mut next);
    }

    const fn begin_prepared(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        match on_word!(next, begin_prepared()) {
            Begin::Wait => self.waits(&mut next, thread),
            Begin::Unparked => self.unparked(&mut next, thread),
            Begin::Busy => self.broken(REFUSED, &next),
        }
        self.arrive(&mut next);
    }

    const fn recheck(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        let at = if on_word!(next, is_waiting()) { CALL } else { FINISH };
        self.go(&next, thread, at, WAIT);
    }

    const fn cancel_wait(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        let two_phase = self.setting.two_phase;
        if on_word!(next, cancel_wait(if two_phase { TIMED_OUT } else { EMPTY })) {
            next.put(thread, if two_phase { QUERY } else { IDLE }, 0);
        } else if matches!(self.setting.kernel, Kernel::Compare) {
            next.put(thread, FINISH, 0);
        } else {
            // `receive_wake` begins with a look at the word.
            next.put(thread, UNMET, RECEIVE);
        }
        self.arrive(&mut next);
    }

    const fn finish_wait(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        on_word!(next, finish_wait());
        self.unparked(&mut next, thread);
        self.arrive(&mut next);
    }

    const fn ask_timed_out(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        if !on_word!(next, is_timed_out()) {
            self.unparked(&mut next, thread);
        } else if state.owed {
            self.broken(LOST, &next);
        } else {
            next.put(thread, IDLE, 0);
        }
        self.arrive(&mut next);
    }

    /// A thread becomes the one who waits.
    const fn waits(&self, next: &mut Snapshot, thread: usize) {
        if next.waits(1 - thread) {
            self.broken(TWO_WAIT, next);
        }
        next.put(thread, CALL, WAIT);
    }

    /// A park returns with a token.
    const fn unparked(&self, next: &mut Snapshot, thread: usize) {
        if !next.owed {
            self.broken(DOUBLED, next);
        }
        next.owed = false;
        next.put(thread, IDLE, 0);
        if next.at(2) >= WAKE {
            next.put(2, next.at(2), OUTLIVED);
        }
        if next.at(3) >= WAKE {
            next.put(3, next.at(3), OUTLIVED);
        }
    }

    /// A park, or a try to prepare one, is refused.
    const fn refused(&self, next: &mut Snapshot, thread: usize) {
        if !next.waits(1 - thread) {
            self.broken(REFUSED, next);
        }
        next.put(thread, IDLE, 0);
    }

    // ---- An unparker's steps

    const fn begin_unpark(&mut self, state: &Snapshot, thread: usize) {
        let tokens = state.word & TOKENS;
        if self.setting.many && tokens == NOTIFIED {
            // As many come at once as an unpark makes one of.
            let mut next = *state;
            next.word += MANY - NOTIFIED;
            self.arrive(&mut next);
        } else if tokens < 2 || (self.setting.many && tokens < MANY + 2) {
            self.unpark(state, thread);
        }
    }

    const fn unpark(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        next.owed = true;
        match on_word!(next, unpark()) {
            Unpark::Done => next.put(thread, IDLE, 0),
            Unpark::Wake => next.put(thread, WAKE, 0),
            Unpark::Saturate { seen } => next.put_seen(thread, SATURATE, seen),
        }
        self.arrive(&mut next);
    }

    const fn saturate(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        match on_word!(next, saturate(state.seen(thread))) {
            Some(seen) => next.put_seen(thread, SATURATE, seen),
            None => next.put(thread, IDLE, 0),
        }
        self.arrive(&mut next);
    }

    const fn release(&mut self, state: &Snapshot, thread: usize) {
        let mut next = *state;
        on_word!(next, release());
        if state.detail(thread) == OUTLIVED {
            self.broken(FREED, &next);
        }
        self.go(&next, thread, IDLE, 0);
    }

    // ---- The kernels

    /// A waiter calls the kernel.
    const fn call(&mut self, state: &Snapshot, thread: usize) {
        let detail = state.detail(thread);
        if detail == WAIT {
            self.cancel_wait(state, thread);
        }
        if matches!(self.setting.kernel, Kernel::Compare) {
            self.go(state, thread, if state.word == PARKED { ASLEEP } else { RECHECK }, WAIT);
        } else if state.at(2) == RELEASING {
            self.meet(state, thread, 2, MET);
        } else if state.at(3) == RELEASING {
            self.meet(state, thread, 3, MET);
        } else {
            self.go(state, thread, ASLEEP, detail);
        }
    }

    /// A waiter wakes for its deadline, or for no reason.
    const fn wake_up(&mut self, state: &Snapshot, thread: usize) -> bool {
        if matches!(self.setting.kernel, Kernel::Compare) {
            self.recheck(state, thread);
            return false;
        }
        self.go(state, thread, UNMET, state.detail(thread));
        // A receiving thread calls again and again, so it does see it.
        matches!(state.phase(thread), Phase::Receive) && !matches!(self.next_phase(state, thread), Phase::Receive)
    }

    /// A waiter at a rendezvous looks at the word after its call.
    const fn look(&mut self, state: &Snapshot, thread: usize) -> bool {
        match self.next_phase(state, thread) {
            Phase::Leave => self.go(state, thread, if state.detail(thread) == WAIT { RECHECK } else { FINISH }, WAIT),
            Phase::Wait => self.go(state, thread, CALL, WAIT),
            Phase::Receive => self.go(state, thread, CALL, RECEIVE),
            Phase::Acknowledge => {
                // Looks again and again: bound to do nothing until the word changes.
                self.go(state, thread, UNMET, ACKNOWLEDGE);
                return state.detail(thread) != ACKNOWLEDGE;
            }
        }
        true
    }

    const fn next_phase(&self, state: &Snapshot, thread: usize) -> Phase {
        let is_guarded = matches!(self.setting.kernel, Kernel::XpClass);
        state.phase(thread).next(state.at(thread) == MET, state.word, is_guarded)
    }

    /// A waker calls the kernel.
    const fn wake(&mut self, state: &Snapshot, thread: usize) {
        if state.at(0) == ASLEEP {
            self.wake_parker(state, 0, thread);
        } else if state.at(1) == ASLEEP {
            self.wake_parker(state, 1, thread);
        } else if matches!(self.setting.kernel, Kernel::Compare) {
            self.go(state, thread, IDLE, 0);
        } else {
            self.go(state, thread, RELEASING, state.detail(thread));
        }
    }

    const fn wake_parker(&mut self, state: &Snapshot, parker: usize, thread: usize) {
        match self.setting.kernel {
            Kernel::Compare => {
                let mut next = *state;
                next.put(parker, RECHECK, WAIT);
                self.go(&next, thread, IDLE, 0);
            }
            Kernel::Rendezvous => self.meet(state, parker, thread, MET),
            Kernel::XpClass => {
                self.meet(state, parker, thread, MET);
                self.meet(state, parker, thread, UNMET);
            }
        }
    }

    /// Waiter and waker have met; `at` says what the waiter is told.
    const fn meet(&mut self, state: &Snapshot, parker: usize, waker: usize, at: At) {
        let mut next = *state;
        next.put(parker, at, state.detail(parker));
        let then = if matches!(self.setting.kernel, Kernel::XpClass) { RELEASE } else { IDLE };
        self.go(&next, waker, then, if then == IDLE { 0 } else { state.detail(waker) });
    }

    /// Nobody is bound to do anything: who must not be left waiting?
    const fn check_rest(&self, state: &Snapshot) {
        let mut thread = 0;
        while thread < THREADS {
            match (state.threads >> (16 * thread)) as At {
                RELEASING => self.broken(STUCK_RELEASE, state),
                ASLEEP if state.detail(thread) == WAIT && state.word & TOKENS == 0 => {}
                ASLEEP | UNMET => self.broken(STUCK, state),
                _ => {}
            }
            thread += 1;
        }
    }

    /// Stops the build: which rule, in which setting, and each step on the way.
    const fn broken(&self, rule: Rule, last: &Snapshot) {
        let mut trace = Trace::new();
        trace.tell("ntpark model: ");
        trace.tell(rule);
        trace.tell(if self.setting.two_phase { "\n  two-phase protocol, " } else { "\n  token protocol, " });
        trace.tell(match self.setting.kernel {
            Kernel::Compare => "a kernel that compares",
            Kernel::Rendezvous => "a rendezvous",
            Kernel::XpClass => "a rendezvous of the XP class",
        });
        // Back to the beginning, then told the other way round.
        let mut way = [0; 64];
        let (mut length, mut index) = (0, self.from);
        while index > 1 && length < way.len() {
            way[length] = index;
            length += 1;
            index = self.states[index].before as usize;
        }
        while length > 0 {
            length -= 1;
            let state = &self.states[way[length]];
            trace.step(&self.states[state.before as usize], state.by, state.word);
        }
        trace.step(&self.states[self.from], self.by, last.word);
        panic!("{}", trace.as_str());
    }
}
