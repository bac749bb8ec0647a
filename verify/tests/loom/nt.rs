//! A simulated NT of loom's mutexes: `WaitOnAddress`, keyed events (with and without the flaw of XP), a host,
//! a loader and a clock that advances by ticks.
//!
//! Time stands still at 0 until [`advance`] takes it past all deadlines. So a wait's timeout, which its
//! caller has worked out from the time before, counts from 0, even if the call comes after. Only the slices
//! in which a waiter on an XP-class kernel receives its wake end by themselves, and only when there is something new to
//! see: to end them sooner would only mean more rounds of the same.

use crate::backend::Backend;
use crate::backend::host::{Host, HostFunctions};
use crate::backend::keyed_event::{KeyedEvent, KeyedEventFunctions};
use crate::backend::process::Process;
use crate::state::RELEASED;
use crate::sys::kernel32::{ERROR_TIMEOUT, INFINITE, WaitOnAddress, WakeByAddressSingle};
use crate::sys::last_error::set_last_error;
use crate::sys::loader::{NTDLL, SYNCH, VISTA};
use crate::sys::ntdll::{NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent, RtlDllShutdownInProgress};
use crate::sys::{BOOL, BOOLEAN, HANDLE, NTSTATUS, STATUS_INVALID_HANDLE, STATUS_SUCCESS, STATUS_TIMEOUT};
use core::ffi::{CStr, c_void};
use core::num::NonZeroU32;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::sync::atomic::{AtomicU64, AtomicUsize};
use loom::sync::{Condvar, Mutex, MutexGuard};
use std::cell::Cell;

/// What a process finds itself on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// With `WaitOnAddress`.
    Windows10,
    /// With keyed events and the null handle.
    Vista,
    /// With keyed events, whose timeouts may hide a release, and without the null handle.
    Xp,
    /// As XP, but with the null handle.
    ReactOs,
    /// As ReactOS, for a backend that takes it for something newer.
    Mistaken,
    /// No NT.
    None,
}

thread_local! {
    /// loom runs all threads of an execution on one thread of the system.
    static SYSTEM: Cell<System> = const { Cell::new(System::None) };
}

/// What the executions to come run on.
pub(crate) fn boot(system: System) {
    SYSTEM.set(system);
}

fn hides_releases() -> bool {
    matches!(SYSTEM.get(), System::Xp | System::ReactOs | System::Mistaken)
}

loom::lazy_static! {
    static ref KERNEL: Kernel = Kernel { now: AtomicU64::new(0), state: Mutex::new(State::default()), bell: Condvar::new() };
}

struct Kernel {
    /// In units of 100 ns. Reading it orders nothing, which the mutex would: so it is not in there.
    now: AtomicU64,
    state: Mutex<State>,
    /// Rung whenever something has happened that a blocked thread may wait for.
    bell: Condvar,
}

#[derive(Default)]
struct State {
    waiters: Vec<Blocked>,
    releasers: Vec<Blocked>,
    /// How many threads have blocked so far: the next one's name.
    blocked: usize,
    handles_made: usize,
    handles_closed: usize,
    /// The process is ending.
    is_ending: bool,
    /// All calls of keyed events fail, and how many have.
    is_broken: bool,
    failures: u32,
}

/// A thread that waits for another.
struct Blocked {
    name: usize,
    key: usize,
    is_met: bool,
}

impl State {
    fn block(&mut self, key: usize) -> Blocked {
        self.blocked += 1;
        Blocked { name: self.blocked, key, is_met: false }
    }
}

/// Meets a thread that is blocked with this key and not met yet, if there is one.
fn meet(blocked: &mut [Blocked], key: usize) -> bool {
    match blocked.iter_mut().find(|thread| thread.key == key && !thread.is_met) {
        Some(thread) => {
            thread.is_met = true;
            KERNEL.bell.notify_all();
            true
        }
        None => false,
    }
}

/// Whether a thread has been met; if so, it is blocked no more.
fn was_met(blocked: &mut Vec<Blocked>, name: usize) -> bool {
    let is_met = blocked.iter().any(|thread| thread.name == name && thread.is_met);
    if is_met {
        remove(blocked, name);
    }
    is_met
}

fn remove(blocked: &mut Vec<Blocked>, name: usize) {
    blocked.retain(|thread| thread.name != name);
}

fn lock() -> MutexGuard<'static, State> {
    KERNEL.state.lock().expect("a panic ends the test")
}

/// Blocks until the bell is rung.
fn await_bell(state: MutexGuard<'static, State>) -> MutexGuard<'static, State> {
    KERNEL.bell.wait(state).expect("a panic ends the test")
}

/// The time: the latest, which a load might miss.
fn now() -> u64 {
    KERNEL.now.fetch_add(0, Relaxed)
}

/// Lets time pass.
pub(crate) fn advance(units: u64) {
    let state = lock();
    KERNEL.now.fetch_add(units, Relaxed);
    KERNEL.bell.notify_all();
    drop(state);
}

/// Whether a thread is blocked at an address, and nobody has woken it.
pub(crate) fn is_blocked_at<T>(address: *const T) -> bool {
    lock().waiters.iter().any(|thread| thread.key == address.addr() && !thread.is_met)
}

/// Begins the end of the process.
pub(crate) fn end() {
    lock().is_ending = true;
}

/// Lets all calls of keyed events fail from now on.
pub(crate) fn break_keyed_events() {
    lock().is_broken = true;
}

/// How many calls have failed.
pub(crate) fn failures() -> u32 {
    lock().failures
}

/// Makes a call fail, if they do.
fn fails(state: &mut State) -> bool {
    state.failures += u32::from(state.is_broken);
    state.is_broken
}

/// The handles that are open.
pub(crate) fn open_handles() -> usize {
    let state = lock();
    state.handles_made - state.handles_closed
}

/// Compares and blocks, for at most that many units. Whether it was woken, or did not block.
///
/// # Safety
/// `word` is that of a live parker.
unsafe fn compare_and_block(word: *const c_void, expected: usize, units: Option<u64>) -> bool {
    let mut state = lock();
    // SAFETY: a parker's word is an atomic of loom's.
    let atomic = unsafe { &*word.cast::<AtomicUsize>() };
    if atomic.load(Relaxed) != expected {
        return true;
    }
    let thread = state.block(word.addr());
    let name = thread.name;
    state.waiters.push(thread);
    loop {
        if was_met(&mut state.waiters, name) {
            return true;
        }
        if units.is_some_and(|units| units <= now()) {
            remove(&mut state.waiters, name);
            return false;
        }
        state = await_bell(state);
    }
}

/// Wakes a thread that waits at an address, for a reason or for none.
pub(crate) fn wake_at(word: *const c_void) {
    meet(&mut lock().waiters, word.addr());
}

unsafe extern "system" fn wait_on_address(
    word: *const c_void,
    compare: *const c_void,
    size: usize,
    milliseconds: u32,
) -> BOOL {
    assert_eq!(size, size_of::<usize>());
    // SAFETY: promised by the caller; the address is that of a word of that size.
    let expected = unsafe { compare.cast::<usize>().read() };
    let units = (milliseconds != INFINITE).then(|| u64::from(milliseconds) * 10_000);
    // SAFETY: the word is that of a parker whose thread is here.
    let is_woken = unsafe { compare_and_block(word, expected, units) };
    if !is_woken {
        set_last_error(ERROR_TIMEOUT);
    }
    BOOL::from(is_woken)
}

unsafe extern "system" fn wake_by_address(word: *const c_void) {
    wake_at(word);
}

/// The last error after a function that is not there. (The real loader leaves it alone where there is one.)
const ERROR_PROC_NOT_FOUND: u32 = 127;

/// A millisecond: the slice of a waiter that receives its wake on an XP-class kernel.
const GUARDED_SLICE: i64 = -10_000;
/// A second: as good as for ever, to whoever waits for a thread that is certain to come.
const SLICE: i64 = -10_000_000;

unsafe extern "system" fn wait_for_keyed_event(
    handle: HANDLE,
    key: *const c_void,
    alertable: BOOLEAN,
    timeout: *const i64,
) -> NTSTATUS {
    assert_eq!(alertable, 0);
    assert_eq!(key.addr() % 2, 0, "an odd key");
    if handle.is_null() && SYSTEM.get() == System::Xp {
        return STATUS_INVALID_HANDLE;
    }
    // SAFETY: null, or that of a live timeout.
    let timeout = unsafe { timeout.as_ref() }.copied().filter(|&timeout| timeout != SLICE);
    assert!(timeout.is_none_or(|timeout| timeout <= 0), "a time of the wall clock");
    let mut state = lock();
    if fails(&mut state) {
        return STATUS_INVALID_HANDLE;
    }
    if meet(&mut state.releasers, key.addr()) {
        return STATUS_SUCCESS;
    }
    if timeout == Some(0) {
        return STATUS_TIMEOUT;
    }
    let thread = state.block(key.addr());
    let name = thread.name;
    state.waiters.push(thread);
    if timeout == Some(GUARDED_SLICE) {
        return receive(state, key, name);
    }
    loop {
        if was_met(&mut state.waiters, name) {
            return STATUS_SUCCESS;
        }
        if timeout.is_some_and(|timeout| timeout.unsigned_abs() <= now()) {
            if hides_releases() {
                // The flaw: the thread knows that its time is over, and can still be met.
                drop(state);
                state = lock();
            }
            remove(&mut state.waiters, name);
            return STATUS_TIMEOUT;
        }
        state = await_bell(state);
    }
}

/// Such a slice: ends when the release is met, or when the waker has said that
/// it is over.
fn receive(mut state: MutexGuard<'static, State>, key: *const c_void, name: usize) -> NTSTATUS {
    loop {
        // SAFETY: the key is the word of a parker whose thread is here, an atomic of loom's.
        let word = unsafe { &*key.cast::<AtomicUsize>() };
        if word.load(Acquire) & RELEASED != 0 {
            remove(&mut state.waiters, name);
            return STATUS_TIMEOUT;
        }
        if was_met(&mut state.waiters, name) {
            return STATUS_SUCCESS;
        }
        drop(state);
        loom::thread::yield_now();
        state = lock();
    }
}

/// Lets a thread go that waits with this key, as the system's call does.
pub(crate) fn release<T>(key: *const T) {
    // SAFETY: there is a handle of this number, or it does not matter; the key is not read.
    let status = unsafe { release_keyed_event(ptr::without_provenance_mut(4), key.cast(), 0, ptr::null()) };
    assert_eq!(status, STATUS_SUCCESS);
}

unsafe extern "system" fn release_keyed_event(
    handle: HANDLE,
    key: *const c_void,
    alertable: BOOLEAN,
    timeout: *const i64,
) -> NTSTATUS {
    assert_eq!(alertable, 0);
    if handle.is_null() && SYSTEM.get() == System::Xp {
        return STATUS_INVALID_HANDLE;
    }
    // SAFETY: null, or that of a live timeout.
    let timeout = unsafe { timeout.as_ref() };
    assert!(timeout.is_none_or(|&timeout| timeout == SLICE));
    assert!(
        timeout.is_none() || !hides_releases() || SYSTEM.get() == System::Mistaken,
        "a timed release has the flaw as well"
    );
    let mut state = lock();
    if fails(&mut state) {
        return STATUS_INVALID_HANDLE;
    }
    if meet(&mut state.waiters, key.addr()) {
        return STATUS_SUCCESS;
    }
    let thread = state.block(key.addr());
    let name = thread.name;
    state.releasers.push(thread);
    while !was_met(&mut state.releasers, name) {
        state = await_bell(state);
    }
    STATUS_SUCCESS
}

unsafe extern "system" fn create_keyed_event(
    handle: *mut HANDLE,
    _access: u32,
    attributes: *const c_void,
    flags: u32,
) -> NTSTATUS {
    assert!(attributes.is_null());
    assert_eq!(flags, 0);
    let mut state = lock();
    state.handles_made += 1;
    // SAFETY: the address is that of a live handle.
    unsafe { handle.write(ptr::without_provenance_mut(4 * state.handles_made)) };
    STATUS_SUCCESS
}

unsafe extern "system" fn is_ending() -> BOOLEAN {
    lock().is_ending.into()
}

/// The product's evidence that the process runs on NT, and its loader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nt(());

/// A module, whether or not it is there.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    name: &'static CStr,
    pub(crate) nt: Nt,
}

impl Module {
    pub(crate) fn function(self, name: &CStr) -> *mut c_void {
        self.nt.find(self.name, name)
    }
}

impl Nt {
    pub(crate) fn detect() -> Option<Self> {
        (SYSTEM.get() != System::None).then_some(Self(()))
    }

    pub(crate) fn module(self, name: &'static CStr) -> Option<Module> {
        Some(Module { name, nt: self })
    }

    fn find(self, module: &CStr, function: &CStr) -> *mut c_void {
        set_last_error(ERROR_PROC_NOT_FOUND);
        let has_wait_address = SYSTEM.get() == System::Windows10;
        match (module, function.to_bytes()) {
            (module, b"WaitOnAddress") if module == SYNCH && has_wait_address => {
                wait_on_address as WaitOnAddress as *mut c_void
            }
            (module, b"WakeByAddressSingle") if module == SYNCH && has_wait_address => {
                wake_by_address as WakeByAddressSingle as *mut c_void
            }
            (module, name) if module == NTDLL => match name {
                b"NtWaitForKeyedEvent" => wait_for_keyed_event as NtWaitForKeyedEvent as *mut c_void,
                b"NtReleaseKeyedEvent" => release_keyed_event as NtReleaseKeyedEvent as *mut c_void,
                b"NtCreateKeyedEvent" => create_keyed_event as NtCreateKeyedEvent as *mut c_void,
                b"RtlDllShutdownInProgress" => is_ending as RtlDllShutdownInProgress as *mut c_void,
                _ => ptr::null_mut(),
            },
            _ => ptr::null_mut(),
        }
    }

    pub(crate) fn version(self) -> u32 {
        match SYSTEM.get() {
            System::Windows10 => 0xA00,
            System::Vista => VISTA,
            System::Xp | System::ReactOs | System::Mistaken | System::None => 0x502,
        }
    }

    pub(crate) fn is_single_processor(self) -> bool {
        false
    }

    pub(crate) fn interrupt_time(self) -> u64 {
        now()
    }

    pub(crate) fn interrupt_time_bias(self) -> u64 {
        0
    }

    pub(crate) fn close(self, _: HANDLE) {
        lock().handles_closed += 1;
    }

    pub(crate) fn end_process(self) {
        panic!("the process is not ending");
    }

    pub(crate) fn current_thread(self) -> usize {
        1
    }
}

/// A keyed-event backend on an XP-class kernel that is taken for a newer one.
pub(crate) fn without_guard() -> Backend {
    let nt = Nt::detect().expect("an NT is simulated");
    let handle = ptr::without_provenance_mut(4);
    // SAFETY: the function is what its type asks for.
    let mut process = unsafe { Process::new(nt, is_ending) };
    process.find_clock();
    let functions = KeyedEventFunctions { wait: wait_for_keyed_event, release: release_keyed_event };
    // SAFETY: as above; any even number is a handle here.
    Backend::KeyedEvent(unsafe { KeyedEvent::new(process, handle, functions, false) })
}

/// A host, and a backend of it that no process has chosen.
pub(crate) static OWN_HOST: Backend = Backend::Host(&HOST);

// SAFETY: the functions do what their types ask for, on any thread, and a panic ends the test.
pub(crate) static HOST: Host = unsafe {
    Host::new(
        ptr::null_mut(),
        HostFunctions {
            wait: host_wait,
            wake: host_wake,
            now: host_now,
            thread_yield: host_yield,
            current_thread: host_current_thread,
        },
        NonZeroU32::MIN,
    )
};

unsafe extern "C" fn host_wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    // SAFETY: the word is that of a parker whose thread is here.
    unsafe { compare_and_block(word.cast(), expected, (timeout != u64::MAX).then_some(timeout)) };
}

unsafe extern "C" fn host_wake(_: *mut c_void, word: *const usize) {
    wake_at(word.cast());
}

unsafe extern "C" fn host_now(_: *mut c_void) -> u64 {
    now()
}

unsafe extern "C" fn host_yield(_: *mut c_void) {
    loom::thread::yield_now();
}

unsafe extern "C" fn host_current_thread(_: *mut c_void) -> usize {
    1
}
