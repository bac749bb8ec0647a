//! Backends: the process's choice, and the embedder's functions.

use crate::names::Names;
use crate::pointer::is_good;
use crate::status::{NTPARK_IN_USE, NTPARK_INVALID, NTPARK_OK, ntpark_status, of_selection};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use ntpark_core::{Backend, BackendKind, BackendKinds, Host};
use static_assertions::{assert_eq_align, assert_eq_size, const_assert, const_assert_eq};

/// The kind of a backend. The numbers never change.
pub type ntpark_kind = i32;

/// WaitOnAddress, since Windows 8.
pub const NTPARK_KIND_WAIT_ADDRESS: ntpark_kind = 1;
/// Keyed events with a handle of the library's own, since Windows XP.
pub const NTPARK_KIND_KEYED_EVENT: ntpark_kind = 2;
/// Keyed events with the null handle, which names an event that the system keeps for all processes. Since Windows
/// Vista.
pub const NTPARK_KIND_KEYED_EVENT_NULL: ntpark_kind = 3;
/// The embedder's functions.
pub const NTPARK_KIND_HOST: ntpark_kind = 4;
/// Periodic polling: always available, slow.
pub const NTPARK_KIND_POLLING: ntpark_kind = 5;

const_assert_eq!(NTPARK_KIND_WAIT_ADDRESS, BackendKind::WaitAddress as i32);
const_assert_eq!(NTPARK_KIND_KEYED_EVENT, BackendKind::KeyedEvent as i32);
const_assert_eq!(NTPARK_KIND_KEYED_EVENT_NULL, BackendKind::KeyedEventNull as i32);
const_assert_eq!(NTPARK_KIND_HOST, BackendKind::Host as i32);
const_assert_eq!(NTPARK_KIND_POLLING, BackendKind::Polling as i32);
// NTPARK_KIND_BIT, in the header, makes the same bits.
const_assert_eq!(BackendKinds::POLLING.bits(), 1 << NTPARK_KIND_POLLING);

/// The embedder's functions: what a kernel has to provide for threads to park on it. NTPARK_HOST_INIT fills it in.
///
/// Any thread that uses parkers may call them, at the same time as other threads. They do not throw. Functions that
/// take a host copy it. Fields of later versions come at the end.
#[repr(C)]
pub struct ntpark_host {
    /// sizeof(ntpark_host). A smaller size is refused; a greater one is that of a later version.
    pub size: usize,
    /// Passed to each function; may be NULL.
    pub context: *mut c_void,
    /// Blocks the calling thread while the word has the expected value, for at most this many units of 100 ns;
    /// NTPARK_FOREVER means no limit. It may return at any time, for any reason, and cut timeouts short.
    ///
    /// Comparing and going to sleep must be one step to wake: a wake after the comparison must find the thread asleep,
    /// or keep it from falling asleep. Other threads write the word atomically. Only its low 32 bits are used, so it
    /// is enough to compare those.
    pub wait: Option<unsafe extern "C" fn(context: *mut c_void, word: *const usize, expected: usize, timeout: u64)>,
    /// Wakes the thread that waits at this address, if there is one. Must not read the word: it may be freed.
    ///
    /// The caller has changed the word before, with release ordering. A host that checks for waiters without a lock
    /// needs a sequentially consistent fence before that check, and one in wait between announcing the waiter and
    /// comparing the word.
    pub wake: Option<unsafe extern "C" fn(context: *mut c_void, word: *const usize)>,
    /// Returns the time in units of 100 ns: that of the clock's last step, never a later one. It never goes backwards,
    /// and stands still while timed waits do.
    pub now: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Yields to another thread that is ready to run. Threads of a lower priority need not run.
    pub yield_thread: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Returns a number that identifies the calling thread: not 0, the same as long as the thread lives, and different
    /// from that of every other living thread.
    pub current_thread: Option<unsafe extern "C" fn(context: *mut c_void) -> usize>,
    /// The step of now's clock in units of 100 ns, rounded up: a clock that advances with a tick of 10 ms has a granule
    /// of 100,000. Not 0.
    pub granule: u32,
    /// How many times a thread may check for its token before it blocks; more than 10,000 count as that. All checks
    /// should take about half as long as blocking and being woken. 0 if there is one processor.
    pub spin: u32,
}

/// A backend for single two-phase parkers, initialised by ntpark_backend_from_host. All zero is no backend.
#[repr(C)]
pub struct ntpark_backend {
    /// Private.
    pub opaque: [u64; 20],
}

/// What a `ntpark_backend` holds.
#[repr(C)]
struct Own {
    /// [`SEAL`], if it is initialised.
    seal: MaybeUninit<u64>,
    host: MaybeUninit<Host>,
    /// Refers to `host`.
    backend: MaybeUninit<Backend>,
}

/// Marks an initialised backend.
const SEAL: u64 = u64::from_le_bytes(*b"ntpark 1");

assert_eq_size!(ntpark_host, Host);
assert_eq_align!(ntpark_host, Host);
const_assert!(size_of::<Own>() <= size_of::<ntpark_backend>());
const_assert!(align_of::<Own>() <= align_of::<ntpark_backend>());

/// Returns the kind of the process's backend. Chooses the backend if this is its first use.
///
/// The first use is also a park that has to wait, an unpark that has to wake a thread, ntpark_now and
/// ntpark_deadline. It calls GetModuleHandle and GetProcAddress, which take the loader's lock: a thread whose first use
/// comes while another thread holds that lock, in a DllMain that waits for it, waits for ever. Call this function
/// early, for instance in your own DllMain; later calls do not take the lock.
///
/// Two copies of the library in one process, such as a program and a DLL that each link the static library, can share
/// parkers if both chose their backend by themselves, on Windows Vista or later. They cannot if one was forced to
/// another kind, on a host, or on Windows XP, where each copy has a keyed event of its own.
///
/// Returns: one of NTPARK_KIND_...
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_in_use() -> ntpark_kind {
    Backend::get().kind() as ntpark_kind
}

/// Returns the kinds of backends that this process could use, detected at each call. Chooses none.
///
/// Returns: a set of bits, NTPARK_KIND_BIT(kind) for each kind. The host is in it once it is in use.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_available() -> u32 {
    Backend::available().bits().into()
}

/// Forces the process's backend, before its first use (see ntpark_backend_in_use).
///
/// Parameters:
/// - kind: one of NTPARK_KIND_... For the host, call ntpark_backend_install instead.
///
/// Returns: NTPARK_OK; NTPARK_IN_USE, a backend is already in use, possibly this one; NTPARK_UNAVAILABLE, this system
/// lacks this kind; NTPARK_INVALID, there is no such kind.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_force(kind: ntpark_kind) -> ntpark_status {
    match known(kind) {
        Some(kind) => of_selection(Backend::force(kind)),
        None => NTPARK_INVALID,
    }
}

/// Makes the embedder's functions the process's backend, before its first use (see ntpark_backend_in_use).
///
/// Parameters:
/// - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as the
///   process parks.
///
/// Returns: NTPARK_OK; NTPARK_IN_USE, a backend is already in use, or another host is being installed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_backend_install(host: *const ntpark_host) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get_host(host) } {
        Some(host) => PROCESS_HOST.install(host),
        None => NTPARK_INVALID,
    }
}

/// Initialises a backend of the embedder's functions for single two-phase parkers: see
/// ntpark_thread_parker_init_with.
///
/// Parameters:
/// - backend: memory that no parker uses as a backend.
/// - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as
///   parkers of this backend are used.
///
/// Threads: one, before others use the backend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_backend_from_host(
    backend: *mut ntpark_backend,
    host: *const ntpark_host,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let Some(host) = (unsafe { get_host(host) }) else {
        return NTPARK_INVALID;
    };
    if !is_good(backend) {
        return NTPARK_INVALID;
    }
    // SAFETY: writable, not shared, and in place as long as it is used, as the caller promises; an `Own` fits, and any
    // bytes are one.
    let own: &'static mut Own = unsafe { &mut *backend.cast::<Own>() };
    let host = copy_host(&mut own.host, host);
    own.backend.write(Backend::Host(host));
    own.seal.write(SEAL);
    NTPARK_OK
}

/// A function of its own, whose references cannot overlap: otherwise the compiler calls C's `memmove` on i686.
#[inline(never)]
fn copy_host(place: &'static mut MaybeUninit<Host>, host: &Host) -> &'static Host {
    place.write(*host)
}

/// Gets the time on a backend's clock, to make deadlines for its parkers from.
///
/// Parameters:
/// - backend: from ntpark_backend_from_host.
/// - now: receives the time in units of 100 ns, rounded up to the clock's next step.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that is not initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_backend_now(backend: *const ntpark_backend, now: *mut u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(backend), true) = (unsafe { get(backend) }, is_good(now)) else {
        return NTPARK_INVALID;
    };
    // SAFETY: writable, as the caller promises.
    unsafe { now.write(backend.now().ticks()) };
    NTPARK_OK
}

/// Returns a number that identifies the calling thread: unique among living threads, and the same as long as it lives.
/// Chooses the backend if this is its first use.
///
/// Returns: the number; 0 if there is none, with neither NT nor a host.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_current_thread() -> usize {
    Backend::get().current_thread().map_or(0, NonZeroUsize::get)
}

/// Returns the name of a kind of backends, such as "keyed-event", or "unknown". Never NULL; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_kind_name(kind: ntpark_kind) -> *const c_char {
    /// Indexed by kind.
    static NAMES: Names<17, 6> = Names::new([
        "unknown",
        BackendKind::WaitAddress.name(),
        BackendKind::KeyedEvent.name(),
        BackendKind::KeyedEventNull.name(),
        BackendKind::Host.name(),
        BackendKind::Polling.name(),
    ]);
    NAMES.of(kind)
}

/// The kind with this number.
fn known(kind: ntpark_kind) -> Option<BackendKind> {
    const {
        let mut index = 0;
        while index < BackendKind::ALL.len() {
            assert!(BackendKind::ALL[index] as usize == index + 1);
            index += 1;
        }
    }
    BackendKind::ALL.get((kind as usize).wrapping_sub(1)).copied()
}

/// The process's host.
static PROCESS_HOST: HostSlot =
    HostSlot { taken: AtomicBool::new(false), host: UnsafeCell::new(MaybeUninit::uninit()) };

/// Storage for one host, written once.
struct HostSlot {
    taken: AtomicBool,
    host: UnsafeCell<MaybeUninit<Host>>,
}

// SAFETY: the one thread that set `taken` writes `host`, and then passes a reference to it on.
unsafe impl Sync for HostSlot {}

impl HostSlot {
    fn install(&'static self, host: &Host) -> ntpark_status {
        // false=>true. Relaxed: only this thread uses the slot until `Backend::install` publishes it. If that refuses
        // it, a backend is in use for good, and so every later host is refused as well.
        if self.taken.swap(true, Relaxed) {
            return NTPARK_IN_USE;
        }
        // SAFETY: `taken` was false, so no other thread has written or will write it, and none reads it yet.
        let host = copy_host(unsafe { &mut *self.host.get() }, host);
        of_selection(Backend::install(host))
    }
}

/// # Safety
/// A good pointer points to a readable `size` and, unless that is too small, to a host that is readable as long as the
/// result is used, whose functions and context meet the requirements.
#[inline(never)]
unsafe fn get_host<'a>(host: *const ntpark_host) -> Option<&'a Host> {
    if !is_good(host) {
        return None;
    }
    // SAFETY: readable, as the caller promises.
    if unsafe { (*host).size } < size_of::<ntpark_host>() {
        return None;
    }
    // SAFETY: as large as its size says, and readable, as the caller promises.
    let ntpark_host { wait, wake, now, yield_thread, current_thread, granule, .. } = unsafe { &*host };
    let has_all =
        wait.is_some() && wake.is_some() && now.is_some() && yield_thread.is_some() && current_thread.is_some();
    // SAFETY: functions and context meet the requirements, as the caller promises. Both types have the same fields in
    // the same order; in `Host`, functions and granule are never zero, which has just been checked.
    (has_all && *granule != 0).then(|| unsafe { &*host.cast::<Host>() })
}

/// # Safety
/// A good pointer points to readable memory. If that begins with the seal, it is a backend that was initialised here
/// and lives as long as the result is used.
pub(crate) unsafe fn get(backend: *const ntpark_backend) -> Option<&'static Backend> {
    if !is_good(backend) {
        return None;
    }
    // SAFETY: readable, as the caller promises; `Own` begins with it, and any number is one.
    let seal = unsafe { backend.cast::<u64>().read() };
    if seal != SEAL {
        return None;
    }
    // SAFETY: `ntpark_backend_from_host` initialised it, as the seal and the caller say, and it stays.
    let own = unsafe { &*backend.cast::<Own>() };
    // SAFETY: as above.
    Some(unsafe { own.backend.assume_init_ref() })
}
