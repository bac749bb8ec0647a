//! The system: who blocks, who is met, what time it is.

use ntpark::sys::ntdll::KeyedEventAccess;
use ntpark::sys::{
    HANDLE, NTSTATUS, STATUS_ACCESS_DENIED, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER_1,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, STATUS_TIMEOUT,
};
use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::yield_now;

/// What [`Call::Create`] fails with when memory or handles are used up.
pub(crate) const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009A_u32 as i32;
/// A truth of the Win32 layer.
const TRUE: i32 = 1;
/// The other one.
const FALSE: i32 = 0;
/// The time when the system starts, so that there are times before.
const START: u64 = 1 << 40;
/// Units in a clock tick.
const TICK: u64 = 156_250;

/// How a system behaves where NT's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Vista and later.
    Vista,
    /// XP and 2003: a timeout may hide that the thread was met, and the null handle names nothing.
    Xp,
    /// ReactOS: a timeout may hide that the thread was met; the null handle names an event, as in Vista; the
    /// version is that of 2003.
    ReactOs,
}

impl Class {
    fn timeout_hides_a_meeting(self) -> bool {
        self != Self::Vista
    }

    pub(super) fn major_version(self) -> u32 {
        if self == Self::Vista { 6 } else { 5 }
    }
}

/// The calls that can block or fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// `NtCreateKeyedEvent`
    Create,
    /// `NtWaitForKeyedEvent`
    Wait,
    /// `NtReleaseKeyedEvent`
    Release,
    /// `WaitOnAddress`
    WaitOnAddress,
    /// `WakeByAddressSingle`
    WakeByAddress,
}

/// Places at which a thread can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// On the way into `NtCreateKeyedEvent`.
    Creating,
    /// On the way into `NtWaitForKeyedEvent` or `WaitOnAddress`.
    Waiting,
    /// The time of a keyed event's wait or release is over, but the thread is still in its queue and can be
    /// met. Only where a timeout hides a meeting.
    Expired,
    /// On the way out of `NtReleaseKeyedEvent`, having met a waiter.
    Released,
}

/// How long a call was to take, as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// For ever, or not timed at all.
    Forever,
    /// In NT's units: negative is relative.
    Units(i64),
    /// In milliseconds.
    Milliseconds(u32),
}

/// What a handle names.
#[derive(Clone, Copy)]
enum Object {
    KeyedEvent { access: KeyedEventAccess },
    Other,
}

/// The rendezvous of a key: the event's handle, 0 for the default event, and the key. Of `WaitOnAddress`: 0
/// and the address.
type Named = (usize, usize);

/// A thread that blocks.
struct Blocked {
    id: u64,
    call: Call,
    named: Named,
    /// When its timeout comes.
    until: Option<u64>,
    /// What its call ends with, once that is known.
    result: Option<i32>,
    /// Whether it has been killed: nothing meets it, and its time does not run out.
    dead: bool,
}

struct Fault {
    call: Call,
    /// How many calls go well before.
    skip: usize,
    result: i32,
    forever: bool,
}

pub(super) struct State {
    class: Class,
    /// What the clock says.
    clock: u64,
    /// What timeouts are measured by.
    timer: u64,
    early: u64,
    handles: BTreeMap<usize, Object>,
    next_handle: usize,
    next_id: u64,
    lacking: Vec<String>,
    blocked: Vec<Blocked>,
    faults: Vec<Fault>,
    requests: BTreeMap<Call, Vec<Limit>>,
    holding: Vec<Point>,
    held: Vec<Point>,
    ending: bool,
    wrongs: Vec<String>,
}

/// A system. One lock, and one bell for everything that changes.
pub(super) struct Kernel {
    state: Mutex<State>,
    bell: Condvar,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Kernel {
    pub(super) fn new(class: Class) -> Self {
        let state = State {
            class,
            clock: START,
            timer: 0,
            early: 0,
            handles: BTreeMap::new(),
            next_handle: 4,
            next_id: 0,
            lacking: Vec::new(),
            blocked: Vec::new(),
            faults: Vec::new(),
            requests: BTreeMap::new(),
            holding: Vec::new(),
            held: Vec::new(),
            ending: false,
            wrongs: Vec::new(),
        };
        Self { state: Mutex::new(state), bell: Condvar::new() }
    }

    pub(super) fn lock(&self) -> Guard<'_> {
        self.state.lock().expect("no thread panics in the kernel")
    }

    fn sleep<'a>(&self, state: Guard<'a>) -> Guard<'a> {
        self.bell.wait(state).expect("no thread panics in the kernel")
    }

    pub(super) fn await_that(&self, condition: impl Fn(&State) -> bool) {
        let mut state = self.lock();
        while !condition(&state) {
            state = self.sleep(state);
        }
    }

    pub(super) fn advance(&self, clock: u64, timer: u64) {
        self.lock().pass_time(clock, timer);
        self.bell.notify_all();
    }

    pub(super) fn advance_to_next_timeout(&self) -> bool {
        let mut state = self.lock();
        let Some(next) =
            state.blocked.iter().filter_map(|blocked| blocked.until.filter(|_| blocked.is_waiting())).min()
        else {
            return false;
        };
        let units = next.saturating_sub(state.timer);
        state.pass_time(units, units);
        self.bell.notify_all();
        true
    }

    pub(super) fn interrupt(&self, call: Call, result: i32) {
        for blocked in self.lock().blocked.iter_mut().filter(|blocked| blocked.call == call && blocked.is_waiting()) {
            blocked.result = Some(result);
        }
        self.bell.notify_all();
    }

    pub(super) fn let_go(&self, point: Point) {
        self.lock().holding.retain(|&held| held != point);
        self.bell.notify_all();
    }

    pub(super) fn bury(&self) {
        for blocked in self.lock().blocked.iter_mut().filter(|blocked| blocked.dead) {
            blocked.result = Some(STATUS_TIMEOUT);
        }
        self.bell.notify_all();
    }

    pub(super) fn open(&self, access: u32) -> HANDLE {
        let access = KeyedEventAccess::from_bits_truncate(access);
        self.lock().add(Object::KeyedEvent { access })
    }

    pub(super) fn open_other(&self) -> HANDLE {
        self.lock().add(Object::Other)
    }

    pub(super) fn close(&self, handle: HANDLE) -> bool {
        self.lock().handles.remove(&handle.addr()).is_some()
    }

    /// `NtCreateKeyedEvent`
    pub(super) fn create(&self, access: u32, flags: u32) -> Result<HANDLE, NTSTATUS> {
        let (mut state, status) = self.ask(Call::Create, Limit::Forever);
        if let Some(status) = status {
            return Err(status);
        }
        state.insist(flags == 0, "the flags of a keyed event must be 0");
        drop(self.stop(state, Point::Creating));
        Ok(self.open(access))
    }

    /// `NtWaitForKeyedEvent` and `NtReleaseKeyedEvent`: whoever comes first waits for the other.
    pub(super) fn meet(&self, call: Call, handle: HANDLE, key: usize, timeout: Option<i64>) -> NTSTATUS {
        let (mut state, status) = self.ask(call, timeout.map_or(Limit::Forever, Limit::Units));
        if let Some(status) = status {
            return status;
        }
        state.insist(timeout.is_none_or(|timeout| timeout <= 0), "a positive timeout is a time of the wall clock");
        if call == Call::Wait {
            state = self.stop(state, Point::Waiting);
        }
        let named = match state.rendezvous(call, handle, key) {
            Ok(named) => named,
            Err(status) => return status,
        };
        let other = if call == Call::Wait { Call::Release } else { Call::Wait };
        let status = if state.end_one(other, named, STATUS_SUCCESS) {
            self.bell.notify_all();
            STATUS_SUCCESS
        } else if timeout == Some(0) {
            STATUS_TIMEOUT
        } else {
            let (again, status) = self.block(state, call, named, timeout.map(i64::unsigned_abs));
            state = again;
            status
        };
        if call == Call::Release && status == STATUS_SUCCESS {
            drop(self.stop(state, Point::Released));
        }
        status
    }

    /// `WaitOnAddress`
    ///
    /// # Safety
    /// The address is that of an `AtomicUsize` that lives.
    pub(super) unsafe fn wait_on_address(&self, address: *const usize, expected: usize, milliseconds: u32) -> i32 {
        let limit = if milliseconds == u32::MAX { Limit::Forever } else { Limit::Milliseconds(milliseconds) };
        let (mut state, result) = self.ask(Call::WaitOnAddress, limit);
        if let Some(result) = result {
            return result;
        }
        state = self.stop(state, Point::Waiting);
        // SAFETY: promised by the caller.
        let word = unsafe { &*address.cast::<AtomicUsize>() };
        // Whoever changes the word takes the lock to wake, later.
        if word.load(Relaxed) != expected {
            return TRUE;
        }
        let timeout = match limit {
            Limit::Milliseconds(0) => return FALSE,
            Limit::Milliseconds(milliseconds) => Some(u64::from(milliseconds) * super::MILLISECOND),
            _ => None,
        };
        self.block(state, Call::WaitOnAddress, (0, address.addr()), timeout).1
    }

    /// `WakeByAddressSingle`
    pub(super) fn wake_by_address(&self, address: usize) {
        let (mut state, result) = self.ask(Call::WakeByAddress, Limit::Forever);
        if result.is_none() {
            state.end_one(Call::WaitOnAddress, (0, address), TRUE);
            self.bell.notify_all();
        }
    }

    /// Enters the kernel with a call, which may end at once.
    fn ask(&self, call: Call, limit: Limit) -> (Guard<'_>, Option<i32>) {
        let mut state = self.lock();
        let result = state.ask(call, limit);
        self.bell.notify_all();
        if result.is_some() {
            // A thread whose calls all fail comes again and again, and would leave nobody else in.
            drop(state);
            yield_now();
            state = self.lock();
        }
        (state, result)
    }

    /// Blocks until met, woken or out of time.
    fn block<'a>(&'a self, mut state: Guard<'a>, call: Call, named: Named, timeout: Option<u64>) -> (Guard<'a>, i32) {
        let id = state.next_id;
        state.next_id += 1;
        let until = timeout.map(|timeout| state.timer.saturating_add(timeout.saturating_sub(state.early)));
        state.blocked.push(Blocked { id, call, named, until, result: None, dead: false });
        self.bell.notify_all();
        loop {
            if let Some(result) = state.of(id).result {
                state.blocked.retain(|blocked| blocked.id != id);
                return (state, result);
            }
            if state.of(id).is_over(state.timer) {
                break;
            }
            state = self.sleep(state);
        }
        if call != Call::WaitOnAddress && state.class.timeout_hides_a_meeting() {
            // The timer has fired, and that is what the call will say, whatever comes before the thread has taken
            // itself out of the queue.
            drop(state);
            yield_now();
            state = self.stop(self.lock(), Point::Expired);
        }
        state.blocked.retain(|blocked| blocked.id != id);
        (state, if call == Call::WaitOnAddress { FALSE } else { STATUS_TIMEOUT })
    }

    /// Stops the thread here for as long as a test wants it to.
    fn stop<'a>(&'a self, mut state: Guard<'a>, point: Point) -> Guard<'a> {
        if state.holding.contains(&point) {
            state.held.push(point);
            self.bell.notify_all();
            while state.holding.contains(&point) {
                state = self.sleep(state);
            }
            let place = state.held.iter().position(|&held| held == point).expect("it was put there");
            state.held.swap_remove(place);
        }
        state
    }
}

impl Blocked {
    /// Whether somebody can still meet or wake it.
    fn is_waiting(&self) -> bool {
        self.result.is_none() && !self.dead
    }

    fn is_over(&self, timer: u64) -> bool {
        !self.dead && self.until.is_some_and(|until| until <= timer)
    }
}

impl State {
    fn pass_time(&mut self, clock: u64, timer: u64) {
        self.clock = self.clock.saturating_add(clock);
        self.timer = self.timer.saturating_add(timer);
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// The clock at its last tick.
    pub(super) fn last_tick(&self) -> u64 {
        self.clock - self.clock % TICK
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    pub(super) fn set_ending(&mut self, ending: bool) {
        self.ending = ending;
    }

    pub(super) fn reset_clock(&mut self) {
        self.insist(self.blocked.is_empty(), "nobody may wait when time starts anew");
        self.clock = START;
        self.timer = 0;
    }

    pub(super) fn kill(&mut self, call: Call) {
        self.blocked.iter_mut().filter(|blocked| blocked.call == call).for_each(|blocked| blocked.dead = true);
    }

    pub(super) fn end_early(&mut self, units: u64) {
        self.early = units;
    }

    pub(super) fn fail(&mut self, call: Call, skip: usize, result: i32, forever: bool) {
        self.faults.push(Fault { call, skip, result, forever });
    }

    pub(super) fn hold(&mut self, point: Point) {
        self.holding.push(point);
    }

    pub(super) fn held(&self, point: Point) -> usize {
        self.held.iter().filter(|&&held| held == point).count()
    }

    pub(super) fn blocked(&self, call: Call) -> usize {
        self.blocked.iter().filter(|blocked| blocked.call == call && blocked.result.is_none()).count()
    }

    pub(super) fn requests(&self, call: Call) -> &[Limit] {
        self.requests.get(&call).map_or(&[], Vec::as_slice)
    }

    pub(super) fn handles(&self) -> usize {
        self.handles.len()
    }

    pub(super) fn lack(&mut self, function: &str) {
        self.lacking.push(function.to_owned());
    }

    pub(super) fn has(&self, function: &str) -> bool {
        !self.lacking.iter().any(|lacking| lacking == function)
    }

    /// Notes what is wrong, unless it is right. A panic here would take the process with it, and the message.
    pub(super) fn insist(&mut self, right: bool, message: &str) {
        if !right {
            self.wrongs.push(message.to_owned());
        }
    }

    pub(super) fn check_out(&self) {
        assert!(self.wrongs.is_empty(), "{:?}", self.wrongs);
        assert!(self.blocked.is_empty(), "{} threads are still in the kernel", self.blocked.len());
    }

    /// Notes a call, and what it ends with at once, if that has been told.
    fn ask(&mut self, call: Call, limit: Limit) -> Option<i32> {
        self.requests.entry(call).or_default().push(limit);
        let place = self.faults.iter().position(|fault| fault.call == call)?;
        let fault = &mut self.faults[place];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let result = fault.result;
        if !fault.forever {
            self.faults.remove(place);
        }
        Some(result)
    }

    fn add(&mut self, object: Object) -> HANDLE {
        let handle = self.next_handle;
        self.next_handle += 4;
        self.handles.insert(handle, object);
        ptr::without_provenance_mut(handle)
    }

    /// Where a wait or a release takes place, if it may.
    fn rendezvous(&self, call: Call, handle: HANDLE, key: usize) -> Result<Named, NTSTATUS> {
        let wanted = if call == Call::Wait { KeyedEventAccess::WAIT } else { KeyedEventAccess::WAKE };
        if key % 2 != 0 {
            return Err(STATUS_INVALID_PARAMETER_1);
        }
        match self.handles.get(&handle.addr()) {
            None if handle.is_null() && self.class != Class::Xp => Ok((0, key)),
            None => Err(STATUS_INVALID_HANDLE),
            Some(Object::Other) => Err(STATUS_OBJECT_TYPE_MISMATCH),
            Some(Object::KeyedEvent { access }) if access.contains(wanted) => Ok((handle.addr(), key)),
            Some(Object::KeyedEvent { .. }) => Err(STATUS_ACCESS_DENIED),
        }
    }

    /// Ends the call of the thread that has blocked there longest, if there is one.
    fn end_one(&mut self, call: Call, named: Named, result: i32) -> bool {
        let mut blocked = self.blocked.iter_mut();
        let found = blocked.find(|blocked| blocked.call == call && blocked.named == named && blocked.is_waiting());
        found.map(|blocked| blocked.result = Some(result)).is_some()
    }

    fn of(&self, id: u64) -> &Blocked {
        self.blocked.iter().find(|blocked| blocked.id == id).expect("a thread takes itself out")
    }
}
