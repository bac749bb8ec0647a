//! The token protocol.

use crate::pointer::is_good;
use crate::status::{NTPARK_INVALID, NTPARK_OK, ntpark_status, of_park};
use crate::time::{NTPARK_FOREVER, duration};
use ntpark_core::{Instant, Parker};
use static_assertions::{assert_eq_align, assert_eq_size};

/// Blocks a thread until another leaves it a token.
///
/// A parker holds one token at the most, and starts without. An unpark leaves one, if none is there. A park
/// takes it, or waits until there is one to take. So an unpark before the park is not lost, and two unparks
/// with no park in between leave one token. What happened before an unpark is visible after the park that its
/// token ends.
///
/// All zero when new: a static or calloc'ed one needs nothing, others NTPARK_PARKER_INIT or
/// ntpark_parker_init. The struct may be moved while nobody uses it. It may live on the stack of the thread
/// that parks, and go when the park has returned NTPARK_OK.
#[repr(C)]
pub struct ntpark_parker {
    /// The library's own.
    pub state: usize,
}

assert_eq_size!(ntpark_parker, Parker);
assert_eq_align!(ntpark_parker, Parker);

/// Makes a parker of any memory: without a token.
///
/// Parameters:
/// - parker: memory for one, that nobody uses as a parker.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: one, before others use the parker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_init(parker: *mut ntpark_parker) -> ntpark_status {
    if !is_good(parker) {
        return NTPARK_INVALID;
    }
    // SAFETY: writable, and nobody else's, as the caller promises; a `Parker` fits.
    unsafe { parker.cast::<Parker>().write(Parker::new()) };
    NTPARK_OK
}

/// Takes the token; if there is none, blocks until there is. Never returns for no reason.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: NTPARK_OK, the token is taken; NTPARK_BUSY, another thread is parked there; NTPARK_INVALID.
///
/// Threads: any, at any time; one at a time can be parked there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park(parker: *mut ntpark_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) => of_park(parker.park()),
        None => NTPARK_INVALID,
    }
}

/// Takes the token; if there is none, blocks until there is, but no longer than so many nanoseconds. Not
/// shorter either: it never returns NTPARK_TIMEOUT early. The time that the machine is asleep does not count.
///
/// Parameters:
/// - parker: a parker.
/// - nanoseconds: 0 only looks; NTPARK_FOREVER is for ever.
///
/// Returns: NTPARK_OK, the token is taken; NTPARK_TIMEOUT, there was none; NTPARK_BUSY, another thread is
/// parked there; NTPARK_INVALID.
///
/// Threads: any, at any time; one at a time can be parked there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park_timeout(parker: *mut ntpark_parker, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if nanoseconds == NTPARK_FOREVER => of_park(parker.park()),
        Some(parker) => of_park(parker.park_timeout(duration(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// Takes the token; if there is none, blocks until there is, or until a deadline.
///
/// Parameters:
/// - parker: a parker.
/// - deadline: a time of ntpark_now's clock, in units of 100 ns: see ntpark_deadline. A past one only looks;
///   NTPARK_FOREVER never comes.
///
/// Returns: NTPARK_OK, the token is taken; NTPARK_TIMEOUT, there was none; NTPARK_BUSY, another thread is
/// parked there; NTPARK_INVALID.
///
/// Threads: any, at any time; one at a time can be parked there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park_until(parker: *mut ntpark_parker, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) => of_park(parker.park_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Leaves a token, and wakes the thread that is parked, if one is.
///
/// Does not touch the parker any more once the thread that it wakes can know of it.
///
/// Parameters:
/// - parker: a parker.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_unpark(parker: *mut ntpark_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let Some(parker) = (unsafe { get(parker) }) else {
        return NTPARK_INVALID;
    };
    parker.unpark();
    NTPARK_OK
}

/// As ntpark_parker_unpark, and says whether it has woken a thread.
///
/// Parameters:
/// - parker: a parker.
/// - woke: where to write it: true if a thread was parked, and this call has let it go.
///
/// Returns: NTPARK_OK, NTPARK_INVALID.
///
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_unpark_woke(parker: *mut ntpark_parker, woke: *mut bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(parker), true) = (unsafe { get(parker) }, is_good(woke)) else {
        return NTPARK_INVALID;
    };
    let has_woken = parker.unpark();
    // SAFETY: writable, as the caller promises. The parker may be gone by now, but not this.
    unsafe { woke.write(has_woken) };
    NTPARK_OK
}

/// # Safety
/// If it is good, it points to a parker that lives while the result is used.
unsafe fn get<'a>(parker: *mut ntpark_parker) -> Option<&'a Parker> {
    if !is_good(parker) {
        return None;
    }
    // SAFETY: good, and a live parker, as the caller promises. Both types are one word of which every value
    // is a state.
    Some(unsafe { &*parker.cast::<Parker>() })
}
