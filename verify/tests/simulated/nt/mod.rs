//! A simulated NT: keyed events, `WaitOnAddress`, clocks, and the look-up of all that. ntpark's own modules run on it,
//! without an instruction changed, since its `sys` (see `main.rs`) leads here. So they run on any machine, and kernels
//! and faults can be had that no machine at hand has.
//!
//! - **A process each.** What a process has once, as its choice of a backend, each system has once. Tests that run side
//!   by side do not see each other.
//! - **Time** stands still until a test moves it ([`Nt::advance`]), so nothing depends on how fast a machine
//!   is. [`Nt::await_blocked`] says when a thread has come to rest in the kernel.
//! - **Faults** are told beforehand: [`Nt::fail_next`] and its kin make calls end with any status,
//!   [`Nt::interrupt`] ends those that block, [`Nt::end_early`] makes timed waits too short, [`Nt::hold`]
//!   stops threads at a [`Point`].
//! - **What was asked** is written down ([`Nt::requests`]). A call that breaks NT's rules, as with a positive
//!   timeout, fails the test when the system goes ([`Nt`]'s drop); and so does a thread whose last error has changed.
//! - NT's functions are given no context, so each thread must be told which system it calls: the one that
//!   [boots](Nt::boot) it is in it already, others are started with [`Nt::spawn`].

mod calls;
mod kernel;

use crate::backend::Backend;
use crate::backend::keyed_event::{KeyedEvent, KeyedEventFunctions};
use crate::backend::process::Process;
use crate::sys::ntdll::KeyedEventAccess;
use crate::sys::{HANDLE, STATUS_SUCCESS, last_error, loader};
use crate::time::Instant;
use crate::time::clock::Clock;
use kernel::Kernel;
pub(crate) use kernel::{Call, Class, Limit, Point, STATUS_INSUFFICIENT_RESOURCES};
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::{Arc, Mutex};

/// Units of 100 ns in a second.
pub(crate) const SECOND: u64 = 10_000_000;
/// Units of 100 ns in a millisecond.
pub(crate) const MILLISECOND: u64 = 10_000;
/// A last error that nothing here sets.
const UNTOUCHED: u32 = 0x2BAD_CAFE;

/// A system, with the one process that all callers are threads of. When it goes, it says what was wrong, and
/// it must not leave a thread behind in the kernel.
pub(crate) struct Nt(Arc<Kernel>);

/// Unwinds a thread that has ended its process.
#[derive(Debug)]
pub(crate) struct ProcessEnded;

impl Nt {
    /// Starts a system of this class, which the calling thread is in from here on.
    pub(crate) fn boot(class: Class) -> Self {
        Self::boot_without(class, &[])
    }

    /// As [`boot`](Self::boot); the system lacks these functions and modules.
    pub(crate) fn boot_without(class: Class, lacking: &[&str]) -> Self {
        let kernel = Arc::new(Kernel::new(class));
        lacking.iter().for_each(|name| kernel.lock().lack(name));
        calls::enter(Some(Arc::clone(&kernel)));
        last_error::set(UNTOUCHED);
        Self(kernel)
    }

    /// Starts a thread that is in this system. Its last error must be the same at the end.
    pub(crate) fn spawn<'scope, T: Send + 'scope>(
        &self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        body: impl FnOnce() -> T + Send + 'scope,
    ) -> std::thread::ScopedJoinHandle<'scope, T> {
        let kernel = Arc::clone(&self.0);
        scope.spawn(move || {
            calls::enter(Some(kernel));
            last_error::set(UNTOUCHED);
            let result = body();
            assert_eq!(last_error::get(), UNTOUCHED, "the last error has changed");
            result
        })
    }

    /// A backend on keyed events, with this handle. Such a backend is never freed.
    pub(crate) fn keyed_event(&self, handle: HANDLE, guarded: bool) -> &'static Backend {
        // SAFETY: the function does what its type says, on the threads that are in a system.
        let mut process = unsafe { Process::new(here(), calls::is_ending) };
        process.clock = Self::clock();
        let functions = KeyedEventFunctions { wait: calls::nt_wait, release: calls::nt_release };
        // SAFETY: as above; the handle is what the test wants it to be, and the simulation stands all handles.
        let keyed_event = unsafe { KeyedEvent::new(process, handle, functions, guarded) };
        // Kept, so that it is not taken for a leak.
        static BACKENDS: Mutex<Vec<&Backend>> = Mutex::new(Vec::new());
        let backend: &Backend = Box::leak(Box::new(Backend::KeyedEvent(keyed_event)));
        BACKENDS.lock().expect("no panic").push(backend);
        backend
    }

    /// The backend that this process has chosen, or chooses now.
    pub(crate) fn chosen(&self) -> &'static Backend {
        let _ = Backend::get();
        Backend::chosen().expect("no other thread is about to store it")
    }

    /// A counter that counts units.
    pub(crate) fn clock() -> Clock {
        // SAFETY: it writes the count to where it is told, on the threads that are in a system.
        unsafe { Clock::counter(here(), calls::query_counter, SECOND) }.expect("it counts")
    }

    /// A new handle of a new keyed event.
    pub(crate) fn open(&self, access: KeyedEventAccess) -> HANDLE {
        self.0.open(access.bits())
    }

    /// A new handle of something that is no keyed event.
    pub(crate) fn open_other(&self) -> HANDLE {
        self.0.open_other()
    }

    /// Closes a handle, as somebody may who has a bug.
    pub(crate) fn close(&self, handle: HANDLE) {
        assert!(self.0.close(handle), "the handle was open");
    }

    /// How many handles are open.
    pub(crate) fn open_handles(&self) -> usize {
        self.0.lock().handles()
    }

    /// How often its performance counter counts in a second, from here on.
    pub(crate) fn set_frequency(&self, frequency: u64) {
        self.0.lock().set_frequency(frequency);
    }

    /// The time on the clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_ticks(self.0.lock().clock())
    }

    /// Lets time go by.
    pub(crate) fn advance(&self, units: u64) {
        self.0.advance(units, units);
    }

    /// Lets the machine sleep. Clocks and waits stand still, and the performance counter does not.
    pub(crate) fn sleep_for(&self, units: u64) {
        self.0.lock().sleep_for(units);
    }

    /// Sets the clock back to where it was at the start, while nobody waits.
    pub(crate) fn reset_clock(&self) {
        self.0.lock().reset_clock();
    }

    /// Lets time go by for what waits, while the clock stands still.
    pub(crate) fn advance_but_the_clock(&self, units: u64) {
        self.0.advance(0, units);
    }

    /// Lets time go by until the next timeout of a call that blocks, if there is one.
    pub(crate) fn advance_to_next_timeout(&self) -> bool {
        self.0.advance_to_next_timeout()
    }

    /// From here on, timed waits end so much too early.
    pub(crate) fn end_early(&self, units: u64) {
        self.0.lock().end_early(units);
    }

    /// The next call ends at once, and has done nothing.
    pub(crate) fn fail_next(&self, call: Call, result: i32) {
        self.fail_after(call, 0, result);
    }

    /// As [`fail_next`](Self::fail_next), but `calls` more go well first.
    pub(crate) fn fail_after(&self, call: Call, calls: usize, result: i32) {
        self.0.lock().fail(call, calls, result, false);
    }

    /// Every call ends at once, and does nothing.
    pub(crate) fn fail_always(&self, call: Call, result: i32) {
        self.0.lock().fail(call, 0, result, true);
    }

    /// Ends the calls that block, which have achieved nothing.
    pub(crate) fn interrupt(&self, call: Call, result: i32) {
        self.0.interrupt(call, result);
    }

    /// Stops threads that come to this point.
    pub(crate) fn hold(&self, point: Point) {
        self.0.lock().hold(point);
    }

    /// Lets one thread go on from this point. Others are still stopped.
    pub(crate) fn let_one_go(&self, point: Point) {
        self.0.let_one_go(point);
    }

    /// Lets threads go on from this point.
    pub(crate) fn let_go(&self, point: Point) {
        self.0.let_go(point);
    }

    /// Takes a function away, as no system does while it runs.
    pub(crate) fn lack(&self, function: &str) {
        self.0.lock().lack(function);
    }

    /// Returns when so many threads are stopped at this point.
    pub(crate) fn await_held(&self, point: Point, threads: usize) {
        self.0.await_that(|state| state.held(point) == threads);
    }

    /// How often threads have been stopped at this point, since the beginning.
    pub(crate) fn stops(&self, point: Point) -> usize {
        self.0.lock().stops(point)
    }

    /// Returns when threads have been stopped so often at this point, since the beginning.
    pub(crate) fn await_stops(&self, point: Point, stops: usize) {
        self.0.await_that(|state| state.stops(point) >= stops);
    }

    /// Returns when so many threads block in this call.
    pub(crate) fn await_blocked(&self, call: Call, threads: usize) {
        self.0.await_that(|state| state.blocked(call) == threads);
    }

    /// Returns when this call has been made so often, since the beginning.
    pub(crate) fn await_calls(&self, call: Call, calls: usize) {
        self.0.await_that(|state| state.requests(call).len() >= calls);
    }

    /// How many threads block in this call.
    pub(crate) fn blocked(&self, call: Call) -> usize {
        self.0.lock().blocked(call)
    }

    /// The time limits of all these calls, since the beginning.
    pub(crate) fn requests(&self, call: Call) -> Vec<Limit> {
        self.0.lock().requests(call).to_vec()
    }

    /// Begins the list of [requests](Self::requests) anew.
    pub(crate) fn forget_requests(&self) {
        self.0.lock().forget_requests();
    }

    /// How often threads have yielded.
    pub(crate) fn yields(&self) -> usize {
        self.0.lock().yields()
    }

    /// How often threads have napped.
    pub(crate) fn naps(&self) -> usize {
        self.0.lock().naps()
    }

    /// Returns when threads have napped so often, since the beginning.
    pub(crate) fn await_naps(&self, naps: usize) {
        self.0.await_that(|state| state.naps() >= naps);
    }

    /// How often threads have ended the process.
    pub(crate) fn ended(&self) -> usize {
        self.0.lock().ended()
    }

    /// The process begins to end: `RtlDllShutdownInProgress` says so.
    pub(crate) fn end_process(&self) {
        self.0.lock().set_ending();
    }

    /// Kills the threads that block in this call: nothing meets them any more, and their time does not run
    /// out.
    pub(crate) fn kill(&self, call: Call) {
        self.0.lock().kill(call);
    }

    /// Lets the killed go after all, for the end of a test: their calls time out.
    pub(crate) fn bury(&self) {
        self.0.bury();
    }

    /// Meets whatever waits for the key of a call that blocks, so that a thread that hangs comes free.
    pub(crate) fn rescue(&self) {
        self.0.interrupt(Call::Wait, STATUS_SUCCESS);
    }
}

impl Drop for Nt {
    fn drop(&mut self) {
        calls::enter(None);
        // Under a panic, threads may well be left behind.
        if !std::thread::panicking() {
            assert_eq!(last_error::get(), UNTOUCHED, "the last error has changed");
            self.0.lock().check_out();
        }
    }
}

/// The null handle: the keyed event that the system keeps for everyone.
pub(crate) const NULL: HANDLE = ptr::null_mut();

/// What ntpark's code holds that runs on a thread of a system.
pub(crate) fn here() -> loader::Nt {
    loader::Nt::detect().expect("this thread has entered a system")
}

/// What ntpark's `sys` does in the system that the calling thread is in.
pub(crate) mod sys {
    use super::*;

    /// Names the process; 0 outside of all systems.
    pub(crate) fn process() -> u64 {
        calls::try_system().map_or(0, |system| system.process)
    }

    pub(crate) fn is_nt() -> bool {
        calls::try_system().is_some()
    }

    pub(crate) fn module(name: &CStr) -> Option<usize> {
        calls::module(name)
    }

    pub(crate) fn function(module: usize, name: &CStr) -> *mut c_void {
        calls::function(module, name)
    }

    pub(crate) fn version() -> u32 {
        calls::system().lock().class().version()
    }

    pub(crate) fn interrupt_time() -> u64 {
        calls::system().read_clock().interrupt_time()
    }

    pub(crate) fn interrupt_time_bias() -> u64 {
        calls::system().lock().bias()
    }

    pub(crate) fn close(handle: HANDLE) {
        calls::close(handle);
    }

    /// Unwinds: the thread does not go on.
    pub(crate) fn end_process() {
        calls::system().note(|state| state.note_end());
        std::panic::resume_unwind(Box::new(ProcessEnded));
    }

    pub(crate) fn thread_yield() {
        if let Some(system) = calls::try_system() {
            system.note(|state| state.note_yield());
        }
        std::thread::yield_now();
    }

    pub(crate) fn nap() {
        if let Some(system) = calls::try_system() {
            system.note(|state| state.note_nap());
        }
        std::thread::yield_now();
    }
}
