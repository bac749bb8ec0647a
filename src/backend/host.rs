//! Functions of the embedder: compare and block, on a kernel that need not be NT.

use crate::state::{PARKED, Word};
use crate::sys::last_error::LastError;
use crate::time::{Instant, Remaining, Waited};
use core::ffi::c_void;
use core::num::{NonZeroU32, NonZeroUsize};

/// What a kernel provides so that threads can park on it: five functions and the step of its clock.
///
/// A static `Host` can be made the process's backend with [`Backend::install`](super::Backend::install), or that
/// of single parkers with [`ThreadParker::with_backend`](crate::ThreadParker::with_backend).
///
/// **Layout.** As C's `ntpark_host`: the size of the struct, the context, the functions in the order of
/// [`HostFunctions`], the granule, the spin limit. Fields of later versions come at the end.
///
/// # Example
/// A kernel of one lock and one condition variable, here std's. `wait` compares while it holds the lock that `wake`
/// takes, so no wake comes between the comparison and going to sleep.
///
/// ```
/// use ntpark::{Backend, Host, HostFunctions, Parker};
/// use std::ffi::c_void;
/// use std::num::NonZeroU32;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// use std::sync::{Condvar, LazyLock, Mutex};
/// use std::time::{Duration, Instant};
///
/// static LOCK: Mutex<()> = Mutex::new(());
/// static WOKEN: Condvar = Condvar::new();
/// static START: LazyLock<Instant> = LazyLock::new(Instant::now);
///
/// unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
///     let Ok(lock) = LOCK.lock() else { return };
///     // SAFETY: the word is alive while this runs, and only used as an atomic.
///     let word = unsafe { AtomicUsize::from_ptr(word.cast_mut()) };
///     if word.load(Relaxed) == expected {
///         if timeout == u64::MAX {
///             drop(WOKEN.wait(lock));
///         } else {
///             drop(WOKEN.wait_timeout(lock, Duration::from_nanos(timeout.saturating_mul(100))));
///         }
///     }
/// }
///
/// unsafe extern "C" fn wake(_: *mut c_void, _word: *const usize) {
///     let _lock = LOCK.lock();
///     WOKEN.notify_all(); // other words' waiters look again: a wait may return at any time
/// }
///
/// unsafe extern "C" fn now(_: *mut c_void) -> u64 {
///     (START.elapsed().as_nanos() / 100) as u64
/// }
///
/// unsafe extern "C" fn thread_yield(_: *mut c_void) {
///     std::thread::yield_now();
/// }
///
/// unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
///     thread_local!(static PLACE: u8 = const { 0 });
///     PLACE.with(|place| std::ptr::from_ref(place).addr())
/// }
///
/// static HOST: Host = {
///     let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
///     // SAFETY: the functions do what their types' documentation says, on any thread, and do not unwind.
///     unsafe { Host::new(std::ptr::null_mut(), functions, NonZeroU32::MIN) }
/// };
///
/// static PARKER: Parker = Parker::new();
///
/// Backend::install(&HOST)?;
/// std::thread::spawn(|| PARKER.unpark());
/// PARKER.park();
/// # Ok::<(), ntpark::SelectError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Host {
    size: usize,
    context: *mut c_void,
    functions: HostFunctions,
    granule: NonZeroU32,
    spin_limit: u32,
}

/// The functions of a [`Host`]. Each is given the host's context.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HostFunctions {
    /// Compares the word and blocks.
    pub wait: HostWait,
    /// Wakes the thread that waits on a word.
    pub wake: HostWake,
    /// Tells the time.
    pub now: HostNow,
    /// Yields the processor.
    pub thread_yield: HostYield,
    /// Identifies the calling thread.
    pub current_thread: HostCurrentThread,
}

/// Blocks the calling thread while the word at `word` is `expected`, for at most `timeout` units of 100 ns;
/// `u64::MAX` is for ever. Finite timeouts go up to `u64::MAX - 1` and may be cut short.
///
/// It may return at any time and for any reason. The comparison and going to sleep must be one step in the
/// eyes of [`HostWake`]: a wake that comes after the comparison must find the thread asleep or keep it from
/// falling asleep. In a kernel, that includes a wake from an interrupt handler between the two.
///
/// The word is an atomic `usize` that other threads write; read it atomically, and as a whole
/// (`AtomicUsize::from_ptr`). Only its low 32 bits are ever used, so a system call that compares these alone, as a
/// futex does, is enough.
pub type HostWait = unsafe extern "C" fn(context: *mut c_void, word: *const usize, expected: usize, timeout: u64);
/// Wakes the thread that waits at `word`, if one does. Must not read the word: it may be gone.
///
/// The caller has changed the word before, with Release. A host that first looks, without a lock, whether a thread
/// waits needs a sequentially consistent fence before that look, and one in [`HostWait`] between announcing the
/// waiter and comparing the word.
pub type HostWake = unsafe extern "C" fn(context: *mut c_void, word: *const usize);
/// Returns the time in units of 100 ns, rounded down to a granule: never later than it is. Never goes backwards, and
/// stands still whenever timed waits do.
pub type HostNow = unsafe extern "C" fn(context: *mut c_void) -> u64;
/// Yields to another thread that is ready to run. Threads of a lower priority need not get their turn: parkers never
/// wait for another thread by yielding alone.
pub type HostYield = unsafe extern "C" fn(context: *mut c_void);
/// Returns a number that identifies the calling thread: not 0, unique among live threads, and the same as long as the
/// thread lives.
pub type HostCurrentThread = unsafe extern "C" fn(context: *mut c_void) -> usize;

// SAFETY: `new` was promised that everything in it may be used on any thread.
unsafe impl Send for Host {}
// SAFETY: as for `Send`; nothing in it ever changes.
unsafe impl Sync for Host {}

impl Host {
    /// The highest spin limit. Greater values are clamped to it.
    pub const MAX_SPIN_LIMIT: u32 = 10_000;

    /// A host of these functions, on which parkers do not spin. Each function is given `context`, which may be null.
    ///
    /// `granule` is the step of the clock, in units of 100 ns, rounded up: how far [`HostNow`] may be behind. A
    /// clock that advances with a tick of 10 ms has a granule of 100,000.
    ///
    /// # Safety
    /// The functions do what their types' documentation says, may be called by any thread that uses parkers,
    /// at the same time as each other, and never unwind. `context` stays valid for them as long as any
    /// parker of this host is used.
    #[must_use]
    pub const unsafe fn new(context: *mut c_void, functions: HostFunctions, granule: NonZeroU32) -> Self {
        Self { size: size_of::<Self>(), context, functions, granule, spin_limit: 0 }
    }

    /// The same host with a spin limit: how often a thread looks at its word before it blocks, at most
    /// [`MAX_SPIN_LIMIT`](Self::MAX_SPIN_LIMIT) times.
    ///
    /// So many looks should take about half as long as blocking and being woken. Use 0 on a single processor.
    #[must_use]
    pub const fn with_spin_limit(mut self, looks: u32) -> Self {
        self.spin_limit = looks;
        self
    }

    pub(crate) fn spin_limit(&self) -> u32 {
        self.spin_limit.min(Self::MAX_SPIN_LIMIT)
    }

    /// The latest time that it can be now.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_ticks(self.reading().saturating_add(u64::from(self.granule.get())))
    }

    pub(crate) fn granule(&self) -> u32 {
        self.granule.get()
    }

    pub(crate) fn remaining(&self, deadline: Instant) -> Remaining {
        Remaining::until(deadline, || self.reading())
    }

    fn reading(&self) -> u64 {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`.
        unsafe { (self.functions.now)(self.context) }
    }

    pub(crate) fn thread_yield(&self) {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`.
        unsafe { (self.functions.thread_yield)(self.context) };
    }

    pub(crate) fn current_thread(&self) -> Option<NonZeroUsize> {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`.
        NonZeroUsize::new(unsafe { (self.functions.current_thread)(self.context) })
    }

    pub(crate) fn wait(&self, word: &Word, deadline: Instant) -> Waited {
        let timeout = match self.remaining(deadline) {
            Remaining::Passed => return Waited::Expired,
            Remaining::Units(units) => units,
            Remaining::Forever => u64::MAX,
        };
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`; the word is alive while the call runs.
        unsafe { (self.functions.wait)(self.context, word.address(), PARKED, timeout) };
        Waited::Woken
    }

    pub(crate) fn wake(&self, word: *const Word) {
        let _last_error = LastError::keep();
        // SAFETY: promised to `new`; the host does not read the word, so that may be gone.
        unsafe { (self.functions.wake)(self.context, word.cast()) };
    }
}
