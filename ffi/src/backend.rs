//! What parkers block on: the process's choice, and the embedder's own functions.

use crate::names::Names;
use crate::pointer::is_good;
use crate::status::{NTPARK_IN_USE, NTPARK_INVALID, NTPARK_OK, ntpark_status, of_selection};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use ntpark_core::{Backend, BackendKind, BackendKinds, Host};
use static_assertions::{assert_eq_align, assert_eq_size, const_assert, const_assert_eq};

/// Which backend it is. The numbers are fixed for ever.
pub type ntpark_kind = i32;

/// WaitOnAddress, since Windows 8.
pub const NTPARK_KIND_WAIT_ADDRESS: ntpark_kind = 1;
/// Keyed events with a handle of our own, since Windows XP.
pub const NTPARK_KIND_KEYED_EVENT: ntpark_kind = 2;
/// Keyed events with the null handle, which names an event that the system keeps for everyone. Since Windows
/// Vista.
pub const NTPARK_KIND_KEYED_EVENT_NULL: ntpark_kind = 3;
/// Functions of the embedder.
pub const NTPARK_KIND_HOST: ntpark_kind = 4;
/// Looking at the word now and then: everywhere, slowly.
pub const NTPARK_KIND_POLLING: ntpark_kind = 5;

const_assert_eq!(NTPARK_KIND_WAIT_ADDRESS, BackendKind::WaitAddress as i32);
const_assert_eq!(NTPARK_KIND_KEYED_EVENT, BackendKind::KeyedEvent as i32);
const_assert_eq!(NTPARK_KIND_KEYED_EVENT_NULL, BackendKind::KeyedEventNull as i32);
const_assert_eq!(NTPARK_KIND_HOST, BackendKind::Host as i32);
const_assert_eq!(NTPARK_KIND_POLLING, BackendKind::Polling as i32);
// NTPARK_KIND_BIT, in the header, makes the same bits.
const_assert_eq!(BackendKinds::POLLING.bits(), 1 << NTPARK_KIND_POLLING);

/// Functions of the embedder: what a kernel has to provide to be parked on. It is copied wherever it is
/// taken.
///
/// They may be called by any thread that uses parkers, at the same time as each other, and do not throw.
#[repr(C)]
pub struct ntpark_host {
    /// sizeof(ntpark_host).
    pub size: usize,
    /// Handed to each function; may be NULL.
    pub context: *mut c_void,
    /// Blocks the calling thread while the word is what is expected, for at most so many units of 100 ns;
    /// NTPARK_FOREVER is for ever. It may return at any time, for any reason.
    ///
    /// The comparison and going to sleep must be one step in the eyes of wake: a wake that comes after the
    /// comparison must find the thread asleep or keep it from falling asleep. Others write the word,
    /// atomically; of it only the low 32 bits are ever used, so comparing those is enough.
    pub wait: Option<unsafe extern "C" fn(context: *mut c_void, word: *const usize, expected: usize, timeout: u64)>,
    /// Wakes the thread that waits at the word, if one does. Must not read the word: it may be gone.
    pub wake: Option<unsafe extern "C" fn(context: *mut c_void, word: *const usize)>,
    /// The time in units of 100 ns, rounded down. Never goes backwards, and stands still while timed waits
    /// do.
    pub now: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Gives way to another thread that is ready to run.
    pub yield_thread: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// A number that names the calling thread: not 0, the same as long as it lives, different from that of
    /// every other thread that lives.
    pub current_thread: Option<unsafe extern "C" fn(context: *mut c_void) -> usize>,
    /// The step of the clock in units of 100 ns, rounded up; not 0.
    pub granule: u32,
    /// How often a thread may look at its word before it blocks: 0 where there is one processor.
    pub spin: u32,
}

/// A backend that single two-phase parkers can have for their own. Made by ntpark_backend_from_host; all zero
/// it is none.
#[repr(C)]
pub struct ntpark_backend {
    /// The library's own.
    pub opaque: [u64; 20],
}

/// What a `ntpark_backend` holds.
#[repr(C)]
struct Own {
    /// [`SEAL`], if it was made here.
    seal: u64,
    host: Host,
    /// Of `host`, which therefore has to stay where it is.
    backend: Backend,
}

/// Tells a backend from memory that is none.
const SEAL: u64 = u64::from_le_bytes(*b"ntpark 1");

assert_eq_size!(ntpark_host, Host);
assert_eq_align!(ntpark_host, Host);
const_assert!(size_of::<Own>() <= size_of::<ntpark_backend>());
const_assert!(align_of::<Own>() <= align_of::<ntpark_backend>());

/// The backend that the process parks on. Chooses it, if this is its first use.
///
/// Returns: one of NTPARK_KIND_...
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_in_use() -> ntpark_kind {
    Backend::get().kind() as ntpark_kind
}

/// The backends that this process could use, asked anew each time. Chooses none.
///
/// Returns: a set of bits, for each backend NTPARK_KIND_BIT(kind).
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_available() -> u32 {
    Backend::available().bits().into()
}

/// Makes the process park on this backend: before the first use of any parker, clock or yield.
///
/// Parameters:
/// - kind: one of NTPARK_KIND_...; the host is forced by ntpark_backend_install.
///
/// Returns: NTPARK_OK; NTPARK_IN_USE, the choice has been made, even if it is the same; NTPARK_UNAVAILABLE,
/// this system lacks it; NTPARK_INVALID, there is no such kind.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_backend_force(kind: ntpark_kind) -> ntpark_status {
    match known(kind) {
        Some(kind) => of_selection(Backend::force(kind)),
        None => NTPARK_INVALID,
    }
}

/// Makes the process park on the embedder's functions: before the first use of any parker, clock or yield.
///
/// Parameters:
/// - host: the functions, none of them NULL. They are copied; they and what the context points to have to
///   stay for as long as the process parks.
///
/// Returns: NTPARK_OK; NTPARK_IN_USE, the choice has been made, or a host has been installed before;
/// NTPARK_INVALID.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_backend_install(host: *const ntpark_host) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get_host(host) } {
        Some(host) => PROCESS_HOST.install(host),
        None => NTPARK_INVALID,
    }
}

/// Makes a backend of the embedder's functions, for single two-phase parkers: see
/// ntpark_thread_parker_init_with.
///
/// Parameters:
/// - backend: memory for one, that no parker uses yet.
/// - host: the functions, none of them NULL. They are copied; they and what the context points to have to
///   stay for as long as parkers of this backend are used.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
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
    let own = backend.cast::<Own>();
    // SAFETY: writable, and nobody else's, as the caller promises; an `Own` fits.
    unsafe { (*own).seal = SEAL };
    // SAFETY: as above; what has been there needs no drop.
    unsafe { (*own).host = *host };
    // SAFETY: as above; the caller promises that it stays.
    let host = unsafe { &*&raw const (*own).host };
    // SAFETY: as above.
    unsafe { (*own).backend = Backend::Host(host) };
    NTPARK_OK
}

/// The time on a backend's clock, from which the deadlines of its parkers are made.
///
/// Parameters:
/// - backend: from ntpark_backend_from_host.
/// - now: where to write the time, in units of 100 ns.
///
/// Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that was not made.
///
/// Threads: any, at any time.
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

/// The name of a backend.
///
/// Parameters: any number.
///
/// Returns: its name, lower case, words joined by hyphens, such as "keyed-event"; "unknown" for a number that
/// is none. Never NULL, never to be freed.
///
/// Threads: any, at any time.
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

/// The process's host, once there is one.
static PROCESS_HOST: HostSlot =
    HostSlot { taken: AtomicBool::new(false), host: UnsafeCell::new(MaybeUninit::uninit()) };

/// A place for one host, filled once.
struct HostSlot {
    taken: AtomicBool,
    host: UnsafeCell<MaybeUninit<Host>>,
}

// SAFETY: `host` is written by the one thread that has set `taken`, and read through the reference that it
// made afterwards.
unsafe impl Sync for HostSlot {}

impl HostSlot {
    fn install(&'static self, host: &Host) -> ntpark_status {
        // false=>true. Relaxed: what follows is this thread's alone until `Backend::install` publishes it.
        if self.taken.swap(true, Relaxed) {
            return NTPARK_IN_USE;
        }
        // SAFETY: `taken` was false, so nobody else has come or will come here, and nobody reads.
        let slot = unsafe { &mut *self.host.get() };
        let host = slot.write(*host);
        of_selection(Backend::install(host))
    }
}

/// # Safety
/// If it is good, it points to a host that may be read while the result is used, whose functions and
/// context are what they should be.
#[inline(never)]
unsafe fn get_host<'a>(host: *const ntpark_host) -> Option<&'a Host> {
    if !is_good(host) {
        return None;
    }
    // SAFETY: readable, as the caller promises.
    let ntpark_host { size, wait, wake, now, yield_thread, current_thread, granule, .. } = unsafe { &*host };
    let is_whole = *size >= size_of::<ntpark_host>()
        && wait.is_some()
        && wake.is_some()
        && now.is_some()
        && yield_thread.is_some()
        && current_thread.is_some()
        && *granule != 0;
    // SAFETY: functions and context are what they should be, as the caller promises. Both types have the same
    // fields in the same order, but that here functions may be missing, which has been ruled out.
    is_whole.then(|| unsafe { &*host.cast::<Host>() })
}

/// # Safety
/// If it is good, it points to memory that may be read, and that holds what was made here if it
/// begins with the seal; which then stays while the result is used.
pub(crate) unsafe fn get(backend: *const ntpark_backend) -> Option<&'static Backend> {
    if !is_good(backend) {
        return None;
    }
    // SAFETY: readable, as the caller promises; `Own` begins with it, and any number is one.
    let seal = unsafe { backend.cast::<u64>().read() };
    if seal != SEAL {
        return None;
    }
    // SAFETY: it was made by `ntpark_backend_from_host`, as the seal and the caller say, and stays.
    Some(unsafe { &(*backend.cast::<Own>()).backend })
}
