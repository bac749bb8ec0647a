//! The token protocol.

use crate::pointer::{get, init, is_good, object};
use crate::status::{NTPARK_INVALID, NTPARK_OK, ntpark_status, of_park};
use crate::time::{NTPARK_FOREVER, duration};
use ntpark_core::{Instant, Parker};

/// Blocks a thread until another thread leaves it a token.
///
/// A parker holds at most one token, and starts with none. An unpark leaves one, if there is none. A park takes it, or
/// waits until there is one to take. So an unpark before the park is not lost, and two unparks with no park in between
/// leave one token. What happened before an unpark is visible after the park that takes its token.
///
/// Memory: all zero when new, so a static or calloc'ed parker needs no initialisation, others need
/// NTPARK_PARKER_INIT or ntpark_parker_init. It may be on the stack of the thread that parks, and be freed once the
/// park has returned NTPARK_OK. It may be moved while no thread uses it.
///
/// Address: a parker belongs to one address in one process. In memory that two processes share, or that is mapped
/// twice, an unpark through one address does not wake a park at the other; on keyed events both calls hang, timed
/// parks too.
///
/// Suspended threads: on keyed events, waiter and waker wait for each other. An unpark lasts as long as its waiter is
/// suspended between announcing itself and blocking; a timed park that an unpark has met lasts, beyond its deadline, as
/// long as the unparking thread is suspended. On the other backends a suspended thread delays no other.
///
/// End of the process: once ExitProcess has killed all other threads, and only DllMain functions and what they call
/// still run, an unpark wakes no thread, and a park without a time limit that finds no token ends the process, as
/// waiting for a critical section does.
#[repr(C)]
pub struct ntpark_parker {
    /// Private.
    pub state: usize,
}

object!(ntpark_parker, Parker);

/// Initialises memory that no thread uses as a parker. It has no token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_init(parker: *mut ntpark_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { init(parker, Parker::new()) }
}

/// Takes the token; if there is none, blocks until there is. There are no spurious returns.
///
/// Returns: NTPARK_OK, the token was taken; NTPARK_BUSY, another thread is parked here, and no token was taken.
///
/// Threads: any, at any time; one thread at a time can be parked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park(parker: *mut ntpark_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) => of_park(parker.park()),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_parker_park, for so many nanoseconds at most, 0 to take a token without waiting; else NTPARK_TIMEOUT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park_timeout(parker: *mut ntpark_parker, nanoseconds: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) if nanoseconds == NTPARK_FOREVER => of_park(parker.park()),
        Some(parker) => of_park(parker.park_timeout(duration(nanoseconds))),
        None => NTPARK_INVALID,
    }
}

/// As ntpark_parker_park, until a deadline, of which a past one does not wait; else NTPARK_TIMEOUT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_park_until(parker: *mut ntpark_parker, deadline: u64) -> ntpark_status {
    // SAFETY: passed on from the caller.
    match unsafe { get(parker) } {
        Some(parker) => of_park(parker.park_until(Instant::from_ticks(deadline))),
        None => NTPARK_INVALID,
    }
}

/// Leaves a token and wakes the parked thread, if there is one. Does not access the parker any more once the woken
/// thread can see the token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_unpark(parker: *mut ntpark_parker) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let Some(parker) = (unsafe { get(parker) }) else {
        return NTPARK_INVALID;
    };
    parker.unpark();
    NTPARK_OK
}

/// As ntpark_parker_unpark; `woke` receives whether a thread was parked and this call woke it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_parker_unpark_woke(parker: *mut ntpark_parker, woke: *mut bool) -> ntpark_status {
    // SAFETY: passed on from the caller.
    let (Some(parker), true) = (unsafe { get(parker) }, is_good(woke)) else {
        return NTPARK_INVALID;
    };
    let has_woken = parker.unpark();
    // SAFETY: writable, as the caller promises. The parker may be gone by now; this is not.
    unsafe { woke.write(has_woken) };
    NTPARK_OK
}
