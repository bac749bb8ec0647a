//! A simulated NT: keyed events, `WaitOnAddress`, a clock, and the looking up of all that, as functions of
//! the types that the backends are made of. So the real backends run on any machine, without an instruction
//! changed, through [`ThreadParker::with_backend`](ntpark::ThreadParker::with_backend), and kernels and
//! faults can be had that no machine at hand has.
//!
//! - **Time** stands still until a test moves it ([`Nt::advance`]), so nothing depends on how fast a machine
//!   is. [`Nt::await_blocked`] says when a thread has come to rest in the kernel.
//! - **Faults** are told beforehand: [`Nt::fail_next`] and its kin make calls end with any status,
//!   [`Nt::interrupt`] ends those that block, [`Nt::end_early`] makes timed waits too short, [`Nt::hold`]
//!   stops threads at a [`Point`].
//! - **What was asked** is written down ([`Nt::requests`]). A call that breaks NT's rules, as with a positive
//!   timeout, fails the test when the system goes ([`Nt`]'s drop).
//! - NT's functions are given no context, so each thread must be told which system it calls: the one that
//!   [boots](Nt::boot) it is in it already, others are started with [`Nt::spawn`] or bring a [`Pass`]. Tests
//!   that run side by side do not see each other.

mod calls;
mod kernel;

#[allow(unused_imports, reason = "each test program uses a part of this")]
pub(crate) use calls::{address_of, close_handle, function, major_version, module};
use kernel::Kernel;
#[allow(unused_imports, reason = "each test program uses a part of this")]
pub(crate) use kernel::{Call, Class, Limit, Point, STATUS_INSUFFICIENT_RESOURCES};
use ntpark::sys::HANDLE;
use ntpark::sys::ntdll::KeyedEventAccess;
use ntpark::{Backend, Clock, Instant, KeyedEvent, WaitAddress};
use std::ptr;
use std::sync::Arc;

/// Units of 100 ns in a second.
pub(crate) const SECOND: u64 = 10_000_000;
/// Units of 100 ns in a millisecond.
pub(crate) const MILLISECOND: u64 = 10_000;

/// A system, with the one process that all callers are threads of. When it goes, it says what was wrong, and
/// it must not leave a thread behind in the kernel.
pub(crate) struct Nt(Arc<Kernel>);

/// Lets a thread that was not started by [`Nt::spawn`] call a system.
pub(crate) struct Pass(Arc<Kernel>);

impl Pass {
    /// From here on, this thread's calls go there.
    pub(crate) fn enter(self) {
        calls::enter(Some(self.0));
    }
}

impl Nt {
    /// Starts a system of this class, which the calling thread is in from here on.
    pub(crate) fn boot(class: Class) -> Self {
        let kernel = Arc::new(Kernel::new(class));
        calls::enter(Some(Arc::clone(&kernel)));
        Self(kernel)
    }

    /// For a thread that is to call this system.
    pub(crate) fn pass(&self) -> Pass {
        Pass(Arc::clone(&self.0))
    }

    /// Starts a thread that is in this system.
    pub(crate) fn spawn<'scope, T: Send + 'scope>(
        &self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        body: impl FnOnce() -> T + Send + 'scope,
    ) -> std::thread::ScopedJoinHandle<'scope, T> {
        let pass = self.pass();
        scope.spawn(move || {
            pass.enter();
            body()
        })
    }

    /// A backend on keyed events, with this handle. Such a backend is never freed.
    pub(crate) fn keyed_event(&self, handle: HANDLE, guarded: bool) -> &'static Backend {
        self.keyed_event_by(Self::clock(), handle, guarded)
    }

    /// A backend on keyed events that tells the time by this clock.
    pub(crate) fn keyed_event_by(&self, clock: Clock, handle: HANDLE, guarded: bool) -> &'static Backend {
        // SAFETY: the functions do what their types say, on the threads that are in a system; the handle is what the
        // test wants it to be, and the simulation stands all handles.
        let keyed_event =
            unsafe { KeyedEvent::new(handle, calls::nt_wait, calls::nt_release, calls::is_ending, clock, guarded) };
        Box::leak(Box::new(Backend::KeyedEvent(keyed_event)))
    }

    /// A backend on `WaitOnAddress`. Such a backend is never freed.
    pub(crate) fn wait_address(&self) -> &'static Backend {
        // SAFETY: the functions do what their types say, on the threads that are in a system.
        let wait_address = unsafe { WaitAddress::new(calls::wait_on_address, calls::wake_by_address, Self::clock()) };
        Box::leak(Box::new(Backend::WaitAddress(wait_address)))
    }

    /// The clock, exact to its unit.
    pub(crate) fn clock() -> Clock {
        // SAFETY: it writes the time to where it is told, on the threads that are in a system.
        unsafe { Clock::precise(calls::query_precise) }
    }

    /// The clock as it is seen from tick to tick.
    pub(crate) fn ticking_clock() -> Clock {
        // SAFETY: as for `clock`.
        unsafe { Clock::ticking(calls::query_ticking) }
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

    /// Takes a function away, as from an older system.
    pub(crate) fn lack(&self, function: &str) {
        self.0.lock().lack(function);
    }

    /// The time on the clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_ticks(self.0.lock().clock())
    }

    /// Lets time go by.
    pub(crate) fn advance(&self, units: u64) {
        self.0.advance(units, units);
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

    /// Lets threads go on from this point.
    pub(crate) fn let_go(&self, point: Point) {
        self.0.let_go(point);
    }

    /// Returns when so many threads are stopped at this point.
    pub(crate) fn await_held(&self, point: Point, threads: usize) {
        self.0.await_that(|state| state.held(point) == threads);
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

    /// The process begins to end: `RtlDllShutdownInProgress` says so.
    pub(crate) fn end_process(&self) {
        self.0.lock().set_ending(true);
    }

    /// The process does not end after all, so that a test can go on with it.
    pub(crate) fn unend_process(&self) {
        self.0.lock().set_ending(false);
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
        self.0.interrupt(Call::Wait, ntpark::sys::STATUS_SUCCESS);
    }
}

impl Drop for Nt {
    fn drop(&mut self) {
        calls::enter(None);
        // Under a panic, threads may well be left behind.
        if !std::thread::panicking() {
            self.0.lock().check_out();
        }
    }
}

/// The null handle: the keyed event that the system keeps for everyone.
pub(crate) const NULL: HANDLE = ptr::null_mut();
