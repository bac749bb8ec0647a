//! The system: who blocks, who is met, what time it is.

use crate::sys::kernel32::ERROR_TIMEOUT;
use crate::sys::ntdll::KeyedEventAccess;
use crate::sys::{
    HANDLE, NTSTATUS, STATUS_ACCESS_DENIED, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER_1,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, STATUS_TIMEOUT,
};
use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::yield_now;

/// What [`Call::Create`] fails with when memory or handles are used up.
pub(crate) const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009A_u32 as i32;
/// `TRUE` of the Win32 layer.
const TRUE: i32 = 1;
/// `FALSE` of the Win32 layer.
const FALSE: i32 = 0;
/// The last error of a wait that failed outright; also left by those that succeed, which set none that means anything.
const ERROR_INVALID_PARAMETER: u32 = 87;
/// The time when the system starts, so that there are times before.
const START: u64 = 1 << 40;
/// Units in a clock tick.
const TICK: u64 = 156_250;

/// How a system behaves where NT's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Vista.
    Vista,
    /// 7 and later: the time asleep is told.
    Seven,
    /// XP and 2003: a timeout may hide that the thread was met, and the null handle names nothing.
    Xp,
    /// ReactOS: a timeout may hide that the thread was met; the null handle names an event, as in Vista; the
    /// version is that of 2003.
    ReactOs,
}

impl Class {
    fn timeout_hides_a_meeting(self) -> bool {
        matches!(self, Self::Xp | Self::ReactOs)
    }

    /// The kernel's version, major times 256 plus minor.
    pub(super) fn version(self) -> u32 {
        match self {
            Self::Vista => 0x600,
            Self::Seven => 0x601,
            Self::Xp => 0x501,
            Self::ReactOs => 0x502,
        }
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
    /// On the way into a clock.
    Reading,
    /// On the way into `NtCreateKeyedEvent`.
    Creating,
    /// On the way into `NtWaitForKeyedEvent` or `WaitOnAddress`.
    Waiting,
    /// On the way into `NtReleaseKeyedEvent` or `WakeByAddressSingle`.
    Waking,
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
    /// How often `QueryPerformanceCounter` counts in a second.
    frequency: u64,
    /// How long the machine has slept, which the counter counts too.
    asleep: u64,
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
    /// Every stop of a thread since the beginning.
    stops: Vec<Point>,
    /// Each lets one thread pass its point.
    passes: Vec<Point>,
    yields: usize,
    naps: usize,
    ending: bool,
    /// How often the process has ended itself.
    ended: usize,
    wrongs: Vec<String>,
}

/// A system. One lock, and one bell for everything that changes.
pub(super) struct Kernel {
    /// Names its process, among all that there have been.
    pub(super) process: u64,
    state: Mutex<State>,
    bell: Condvar,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Kernel {
    pub(super) fn new(class: Class) -> Self {
        let state = State {
            class,
            clock: START,
            frequency: super::SECOND,
            asleep: 0,
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
            stops: Vec::new(),
            passes: Vec::new(),
            yields: 0,
            naps: 0,
            ending: false,
            ended: 0,
            wrongs: Vec::new(),
        };
        static PROCESSES: AtomicU64 = AtomicU64::new(1);
        let process = PROCESSES.fetch_add(1, Relaxed);
        Self { process, state: Mutex::new(state), bell: Condvar::new() }
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

    /// Notes something that threads may await.
    pub(super) fn note(&self, note: impl FnOnce(&mut State)) {
        note(&mut self.lock());
        self.bell.notify_all();
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

    pub(super) fn let_one_go(&self, point: Point) {
        self.lock().passes.push(point);
        self.bell.notify_all();
    }

    /// The state as a clock sees it.
    pub(super) fn read_clock(&self) -> Guard<'_> {
        self.stop(self.lock(), Point::Reading)
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
        state = self.stop(state, if call == Call::Wait { Point::Waiting } else { Point::Waking });
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
            status.unwrap_or(STATUS_TIMEOUT)
        };
        if call == Call::Release && status == STATUS_SUCCESS {
            drop(self.stop(state, Point::Released));
        }
        status
    }

    /// `WaitOnAddress`, and the last error that it leaves.
    ///
    /// # Safety
    /// The address is that of an `AtomicUsize` that lives.
    pub(super) unsafe fn wait_on_address(
        &self,
        address: *const usize,
        expected: usize,
        milliseconds: u32,
    ) -> (i32, u32) {
        let limit = if milliseconds == u32::MAX { Limit::Forever } else { Limit::Milliseconds(milliseconds) };
        let (mut state, result) = self.ask(Call::WaitOnAddress, limit);
        if let Some(result) = result {
            return (result, ERROR_INVALID_PARAMETER);
        }
        state = self.stop(state, Point::Waiting);
        // SAFETY: promised by the caller.
        let word = unsafe { &*address.cast::<AtomicUsize>() };
        // A thread that changes the word wakes afterwards, for which it takes the kernel's lock.
        if word.load(Relaxed) != expected {
            return (TRUE, ERROR_INVALID_PARAMETER);
        }
        let timeout = match limit {
            Limit::Milliseconds(0) => return (FALSE, ERROR_TIMEOUT),
            Limit::Milliseconds(milliseconds) => Some(u64::from(milliseconds) * super::MILLISECOND),
            _ => None,
        };
        let result = self.block(state, Call::WaitOnAddress, (0, address.addr()), timeout).1;
        result.map_or((FALSE, ERROR_TIMEOUT), |result| (result, ERROR_INVALID_PARAMETER))
    }

    /// `WakeByAddressSingle`
    pub(super) fn wake_by_address(&self, address: usize) {
        let (mut state, result) = self.ask(Call::WakeByAddress, Limit::Forever);
        if result.is_none() {
            state = self.stop(state, Point::Waking);
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

    /// Blocks until met or woken, which tells how the call ends; or until it is out of time.
    fn block<'a>(
        &'a self,
        mut state: Guard<'a>,
        call: Call,
        named: Named,
        timeout: Option<u64>,
    ) -> (Guard<'a>, Option<i32>) {
        let id = state.next_id;
        state.next_id += 1;
        let until = timeout.map(|timeout| state.timer.saturating_add(timeout.saturating_sub(state.early)));
        state.blocked.push(Blocked { id, call, named, until, result: None, dead: false });
        self.bell.notify_all();
        loop {
            if let Some(result) = state.of(id).result {
                state.blocked.retain(|blocked| blocked.id != id);
                return (state, Some(result));
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
        (state, None)
    }

    /// Stops the thread here for as long as a test wants it to.
    fn stop<'a>(&'a self, mut state: Guard<'a>, point: Point) -> Guard<'a> {
        if state.holding.contains(&point) {
            state.held.push(point);
            state.stops.push(point);
            self.bell.notify_all();
            while state.holding.contains(&point) {
                if let Some(pass) = state.passes.iter().position(|&pass| pass == point) {
                    state.passes.swap_remove(pass);
                    break;
                }
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

    /// What `QueryPerformanceCounter` says.
    pub(super) fn counts(&self) -> u64 {
        let units = u128::from(self.clock) + u128::from(self.asleep);
        let counts = units * u128::from(self.frequency) / u128::from(super::SECOND);
        counts.try_into().unwrap_or(u64::MAX)
    }

    pub(super) fn frequency(&self) -> u64 {
        self.frequency
    }

    pub(super) fn set_frequency(&mut self, frequency: u64) {
        self.frequency = frequency;
    }

    /// Lets the machine sleep: waits do not go on, and only the counter counts.
    pub(super) fn sleep_for(&mut self, units: u64) {
        self.asleep += units;
    }

    pub(super) fn note_yield(&mut self) {
        self.yields += 1;
    }

    pub(super) fn note_nap(&mut self) {
        self.naps += 1;
    }

    pub(super) fn yields(&self) -> usize {
        self.yields
    }

    pub(super) fn naps(&self) -> usize {
        self.naps
    }

    pub(super) fn note_end(&mut self) {
        self.ended += 1;
    }

    pub(super) fn ended(&self) -> usize {
        self.ended
    }

    /// The time since the start as of the last tick, time asleep and all.
    pub(super) fn interrupt_time(&self) -> u64 {
        self.clock - self.clock % TICK + self.asleep
    }

    /// The time asleep.
    pub(super) fn bias(&self) -> u64 {
        self.asleep
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    pub(super) fn set_ending(&mut self) {
        self.ending = true;
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

    pub(super) fn stops(&self, point: Point) -> usize {
        self.stops.iter().filter(|&&stop| stop == point).count()
    }

    pub(super) fn blocked(&self, call: Call) -> usize {
        self.blocked.iter().filter(|blocked| blocked.call == call && blocked.result.is_none()).count()
    }

    pub(super) fn requests(&self, call: Call) -> &[Limit] {
        self.requests.get(&call).map_or(&[], Vec::as_slice)
    }

    pub(super) fn forget_requests(&mut self) {
        self.requests.clear();
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
