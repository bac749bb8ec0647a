//! Wait queues by address.

use crate::pointer::{is_good, is_optional, tell};
use crate::status::{NTPARK_CHANGED, NTPARK_INVALID, NTPARK_OK, NTPARK_TIMEOUT, ntpark_status};
use core::ffi::c_void;
use ntpark_core::Instant;
use ntpark_core::lot::{self, FilterOp, Key, ParkResult, ParkToken, RequeueOp, UnparkResult, UnparkToken};

/// What threads wait for: an address, which is never touched, in a space of its own. Threads that wait for one address
/// in two spaces do not meet.
///
/// The queues behind it are those of parking_lot, for who builds locks: a bit in a lock that says "somebody waits" is
/// enough. Callbacks run while a part of the table of queues is locked: they must not call ntpark_lot_...,
/// ntpark_futex_... or a lock of this library's, and should neither block nor call the system. They may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ntpark_key {
    /// Usually that of an object of the caller's own.
    pub address: usize,
    /// A number of the caller's choice, less than NTPARK_KEY_SPACES.
    pub space: u32,
}

/// From here on, spaces are this library's own.
pub const NTPARK_KEY_SPACES: u32 = 0xFF00;

/// What a park calls.
#[repr(C)]
pub struct ntpark_lot_park_callbacks {
    /// Passed to each.
    pub context: *mut c_void,
    /// Returns whether there is something to wait for. Called once, with the queue locked. What another thread writes
    /// before it unparks this key is either seen here, or that unpark finds this thread. NULL: there is.
    pub validate: Option<unsafe extern "C" fn(context: *mut c_void) -> bool>,
    /// Usually unlocks something. Called once the thread is queued, without a lock. It must not park here.
    pub before_sleep: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// Called with the queue locked if the deadline has passed: the key that the thread has waited for last, and
    /// whether it was the last one in that key's queue.
    pub timed_out: Option<unsafe extern "C" fn(context: *mut c_void, key: ntpark_key, was_last: bool)>,
}

/// What an unpark has done, or is about to do.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ntpark_unpark_result {
    /// How many threads are unparked.
    pub unparked: usize,
    /// How many threads are moved to the other key.
    pub requeued: usize,
    /// Whether other threads stay in the queue.
    pub has_more: bool,
    /// Set for one unpark in some 0.5 ms, if it unparks a thread: time for a lock to hand itself over.
    pub be_fair: bool,
}

/// What is to be done with a thread. The numbers never change.
pub type ntpark_filter_op = i32;

/// Unpark it, and go on.
pub const NTPARK_FILTER_UNPARK: ntpark_filter_op = 0;
/// Leave it, and go on.
pub const NTPARK_FILTER_SKIP: ntpark_filter_op = 1;
/// Leave it, and all that come after it.
pub const NTPARK_FILTER_STOP: ntpark_filter_op = 2;

/// Which token the unparked threads receive. Called with the queue locked, before anything is changed, whether there
/// are threads or not. NULL: 0.
pub type ntpark_unpark_callback =
    Option<unsafe extern "C" fn(context: *mut c_void, result: *const ntpark_unpark_result) -> usize>;

/// Blocks in the queue of a key until unparked. There are no spurious returns.
///
/// Parameters:
/// - callbacks: may be NULL.
/// - token: what those that filter are told of this thread.
/// - deadline: a time of ntpark_now's clock. A past one does not block; NTPARK_FOREVER never passes.
/// - received: receives the token of the unpark, unless it is NULL.
///
/// Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, not in time; NTPARK_CHANGED, validate returned false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_park(
    key: ntpark_key,
    callbacks: *const ntpark_lot_park_callbacks,
    token: usize,
    deadline: u64,
    received: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { park(key, false, callbacks, token, deadline, received) }
}

/// As ntpark_lot_park, but as the first in the queue: for a thread that has been unparked, and has come too late.
///
/// Returns: as ntpark_lot_park.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_park_in_front(
    key: ntpark_key,
    callbacks: *const ntpark_lot_park_callbacks,
    token: usize,
    deadline: u64,
    received: *mut usize,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { park(key, true, callbacks, token, deadline, received) }
}

/// Unparks the first thread in the queue of a key, if there is one.
///
/// Parameters:
/// - callback, context: see ntpark_unpark_callback.
/// - result: receives what was done, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_unpark_one(
    key: ntpark_key,
    callback: ntpark_unpark_callback,
    context: *mut c_void,
    result: *mut ntpark_unpark_result,
) -> ntpark_status {
    // SAFETY: passed on from the caller.
    unsafe { unpark(key, None, callback, context, result) }
}

/// Unparks all threads in the queue of a key.
///
/// Parameters:
/// - token: what they receive.
/// - unparked: receives how many they are, exactly, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_unpark_all(key: ntpark_key, token: usize, unparked: *mut usize) -> ntpark_status {
    let (Some(key), true) = (checked(key), is_optional(unparked)) else {
        return NTPARK_INVALID;
    };
    // SAFETY: the key is the caller's.
    let count = unsafe { lot::unpark_all(key, UnparkToken(token)) };
    // SAFETY: null, or good and writable, as the caller promises.
    unsafe { tell(unparked, count) };
    NTPARK_OK
}

/// Unparks those threads in the queue of a key that a filter chooses.
///
/// Parameters:
/// - filter: called for each in order, with the token that it parked with, while the queue is locked. Not NULL. What is
///   not one of NTPARK_FILTER_... counts as NTPARK_FILTER_STOP.
/// - callback, context: see ntpark_unpark_callback; the filter has the same context.
/// - result: receives what was done, unless it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_unpark_filter(
    key: ntpark_key,
    filter: Option<unsafe extern "C" fn(context: *mut c_void, token: usize) -> ntpark_filter_op>,
    callback: ntpark_unpark_callback,
    context: *mut c_void,
    result: *mut ntpark_unpark_result,
) -> ntpark_status {
    if filter.is_none() {
        return NTPARK_INVALID;
    }
    // SAFETY: passed on from the caller.
    unsafe { unpark(key, filter, callback, context, result) }
}

/// Unparks the first threads in the queue of a key, and has the next ones wait for another, behind those that do so
/// already.
///
/// Parameters:
/// - validate: says with both queues locked how many threads are to be unparked and how many more to be moved, or
///   returns false to do nothing. Not NULL.
/// - callback, context: see ntpark_unpark_callback; validate has the same context.
/// - result: receives what was done, unless it is NULL.
///
/// Returns: NTPARK_OK; NTPARK_CHANGED, validate returned false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpark_lot_requeue(
    from: ntpark_key,
    to: ntpark_key,
    validate: Option<unsafe extern "C" fn(context: *mut c_void, unpark: *mut usize, requeue: *mut usize) -> bool>,
    callback: ntpark_unpark_callback,
    context: *mut c_void,
    result: *mut ntpark_unpark_result,
) -> ntpark_status {
    let (Some(from), Some(to), Some(validate), true) = (checked(from), checked(to), validate, is_optional(result))
    else {
        return NTPARK_INVALID;
    };
    let mut is_valid = false;
    let validate = || {
        let (mut unpark, mut requeue) = (0, 0);
        // SAFETY: the caller's callback, with the caller's context.
        is_valid = unsafe { validate(context, &raw mut unpark, &raw mut requeue) };
        if is_valid { RequeueOp::Count { unpark, requeue } } else { RequeueOp::Abort }
    };
    // SAFETY: the caller's callbacks keep the rules, and the keys are the caller's.
    let done = unsafe { lot::unpark_requeue(from, to, validate, |_, done| call(callback, context, done)) };
    if !is_valid {
        return NTPARK_CHANGED;
    }
    // SAFETY: null, or good and writable, as the caller promises.
    unsafe { tell(result, done.into()) };
    NTPARK_OK
}

/// # Safety
/// The callbacks keep the rules, the key is the caller's, and pointers that are not null are good.
unsafe fn park(
    key: ntpark_key,
    in_front: bool,
    callbacks: *const ntpark_lot_park_callbacks,
    token: usize,
    deadline: u64,
    received: *mut usize,
) -> ntpark_status {
    /// Does nothing.
    const NONE: ntpark_lot_park_callbacks = ntpark_lot_park_callbacks {
        context: core::ptr::null_mut(),
        validate: None,
        before_sleep: None,
        timed_out: None,
    };
    let (Some(key), true, true) = (checked(key), is_optional(callbacks), is_optional(received)) else {
        return NTPARK_INVALID;
    };
    // SAFETY: good, and live as long as the call, as the caller promises.
    let calls = if is_good(callbacks) { unsafe { &*callbacks } } else { &NONE };
    // SAFETY: the caller's callback, with its context.
    let validate = || calls.validate.is_none_or(|validate| unsafe { validate(calls.context) });
    let before_sleep = || {
        if let Some(before_sleep) = calls.before_sleep {
            // SAFETY: the caller's callback, with its context.
            unsafe { before_sleep(calls.context) };
        }
    };
    let timed_out = |key: Key, was_last| {
        if let Some(timed_out) = calls.timed_out {
            let key = ntpark_key { address: key.address(), space: key.space().map_or(u32::MAX, u32::from) };
            // SAFETY: the caller's callback, with its context.
            unsafe { timed_out(calls.context, key, was_last) };
        }
    };
    let (token, deadline) = (ParkToken(token), Instant::from_ticks(deadline));
    let result = if in_front {
        // SAFETY: as the caller promises.
        unsafe { lot::park_in_front(key, validate, before_sleep, timed_out, token, deadline) }
    } else {
        // SAFETY: as the caller promises.
        unsafe { lot::park(key, validate, before_sleep, timed_out, token, deadline) }
    };
    match result {
        ParkResult::Unparked(token) => {
            // SAFETY: null, or good and writable, as the caller promises.
            unsafe { tell(received, token.0) };
            NTPARK_OK
        }
        ParkResult::Invalid => NTPARK_CHANGED,
        ParkResult::TimedOut => NTPARK_TIMEOUT,
    }
}

/// Unparks those that the filter chooses, without one the first.
///
/// # Safety
/// The callbacks keep the rules, the key is the caller's, and pointers that are not null are good.
#[inline(never)]
unsafe fn unpark(
    key: ntpark_key,
    filter: Option<unsafe extern "C" fn(*mut c_void, usize) -> ntpark_filter_op>,
    callback: ntpark_unpark_callback,
    context: *mut c_void,
    result: *mut ntpark_unpark_result,
) -> ntpark_status {
    let (Some(key), true) = (checked(key), is_optional(result)) else {
        return NTPARK_INVALID;
    };
    let mut is_first = true;
    let filter = |token: ParkToken| {
        let op = match filter {
            // SAFETY: the caller's callback, with the caller's context.
            Some(filter) => unsafe { filter(context, token.0) },
            None if is_first => NTPARK_FILTER_UNPARK,
            None => NTPARK_FILTER_STOP,
        };
        is_first = false;
        match op {
            NTPARK_FILTER_UNPARK => FilterOp::Unpark,
            NTPARK_FILTER_SKIP => FilterOp::Skip,
            _ => FilterOp::Stop,
        }
    };
    // SAFETY: the caller's callbacks keep the rules, and the key is the caller's.
    let done = unsafe { lot::unpark_filter(key, filter, |done| call(callback, context, done)) };
    // SAFETY: null, or good and writable, as the caller promises.
    unsafe { tell(result, done.into()) };
    NTPARK_OK
}

/// The key, if it is in a space of the user's.
fn checked(key: ntpark_key) -> Option<Key> {
    let space = u16::try_from(key.space).ok().filter(|_| key.space < NTPARK_KEY_SPACES)?;
    Some(Key::in_space(space, key.address))
}

/// Asks the callback for the token.
fn call(callback: ntpark_unpark_callback, context: *mut c_void, done: UnparkResult) -> UnparkToken {
    let done = done.into();
    // SAFETY: the caller's callback, with its context.
    UnparkToken(callback.map_or(0, |callback| unsafe { callback(context, &raw const done) }))
}

impl From<UnparkResult> for ntpark_unpark_result {
    fn from(result: UnparkResult) -> Self {
        Self {
            unparked: result.unparked_threads,
            requeued: result.requeued_threads,
            has_more: result.have_more_threads,
            be_fair: result.be_fair,
        }
    }
}
