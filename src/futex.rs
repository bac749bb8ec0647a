//! Waiting on an atomic, until another thread wakes: futexes, on every system alike.
//!
//! ```
//! use core::sync::atomic::{AtomicU8, Ordering};
//! use ntpark::futex;
//!
//! static READY: AtomicU8 = AtomicU8::new(0);
//!
//! let worker = std::thread::spawn(|| {
//!     while READY.load(Ordering::Acquire) == 0 {
//!         futex::wait(&READY, 0);
//!     }
//! });
//! READY.store(1, Ordering::Release);
//! futex::wake_all(&READY);
//! worker.join().unwrap();
//! ```
//!
//! A thread that waits compares the atomic with what it expects and, if they are equal, blocks, all in one step as seen
//! by those who wake. So a waker first changes the atomic, by any atomic operation of its width with any ordering, and
//! then wakes: either the waiter sees the change, or the wake finds the waiter.
//!
//! # What is promised
//! - **No spurious wakeups, exact counts.** [`WaitResult::Woken`] means that a wake counted this thread; each thread
//!   that a wake counts returns `Woken`, even if its deadline passes meanwhile.
//! - **Any size.** Atomics of 1, 2, 4 and 8 bytes (where the target has them) and of pointer size, signed or not, and
//!   `AtomicBool`.
//! - **The key is the address alone.** Waiters at an address meet wakes at that address, whatever the sizes. 8 bytes at
//!   p and a wake at p + 4 do not meet. One address in one process: memory that processes share does not connect them.
//! - **Freed memory.** Waiting reads the atomic, which must live during the call. Waking never touches it: its address
//!   may be that of memory that is gone. A late wake may meet waiters on whatever lies there by then, as with every
//!   futex.
//! - **Ordering.** Everything before a wake is visible after the wait that it ended. [`WaitResult::Changed`] orders
//!   nothing, nor does `TimedOut`: load the atomic with the ordering that you need.
//! - **Order**, the **end of the process**, **suspension** and **two copies**: as with the [`lot`](crate::lot), which
//!   this is made of.
//!
//! On Windows this is not the system's `WaitOnAddress`, which has neither counts nor masks nor requeues, wakes
//! spuriously, and does not exist before Windows 8.

use crate::lot::callback::Callback;
use crate::lot::{
    Callbacks, DEFAULT_UNPARK_TOKEN, FilterOp, Key, Onto, ParkResult, ParkToken, Requeue, is_idle, park_dyn, wake_dyn,
};
use crate::time::Instant;
use core::num::NonZeroU32;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicUsize,
};
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicI64, AtomicU64};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitResult {
    /// A wake counted this thread.
    Woken,
    /// The atomic did not have the expected value, so the thread did not wait.
    Changed,
    /// The deadline passed, and no wake counted this thread.
    TimedOut,
}

/// A requeue was not done, since the atomic did not have the expected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Changed;

impl core::fmt::Display for Changed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the value is not the expected one")
    }
}

impl core::error::Error for Changed {}

/// How many threads a requeue has woken and moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requeued {
    /// Threads woken.
    pub woken: usize,
    /// Threads that wait at the other address now.
    pub requeued: usize,
}

/// All bits: a wait or a wake without a mask.
pub const ALL: NonZeroU32 = NonZeroU32::MAX;

mod sealed {
    pub trait Sealed {}
}

/// An atomic that threads can wait on. Implemented for the atomics of `core`.
pub trait Atomic: sealed::Sealed {
    /// What it holds.
    type Value: Copy + PartialEq + Send + Sync;

    /// Whether it holds this value. Relaxed.
    #[doc(hidden)]
    fn has(&self, value: Self::Value) -> bool;

    /// Where it lies.
    #[doc(hidden)]
    fn address(&self) -> usize;
}

macro_rules! atomics {
    ($($width:literal: $($atomic:ident $value:ident),+;)+) => {$($(
        #[cfg(target_has_atomic = $width)]
        impl sealed::Sealed for $atomic {}

        #[cfg(target_has_atomic = $width)]
        impl Atomic for $atomic {
            type Value = $value;

            #[inline]
            fn has(&self, value: $value) -> bool {
                self.load(Relaxed) == value
            }

            #[inline]
            fn address(&self) -> usize {
                core::ptr::from_ref(self).addr()
            }
        }
    )+)+};
}

atomics! {
    "8": AtomicU8 u8, AtomicI8 i8, AtomicBool bool;
    "16": AtomicU16 u16, AtomicI16 i16;
    "32": AtomicU32 u32, AtomicI32 i32;
    "64": AtomicU64 u64, AtomicI64 i64;
    "ptr": AtomicUsize usize, AtomicIsize isize;
}

/// Waits until woken, if the atomic has the expected value.
///
/// Returns [`WaitResult::Woken`] or [`WaitResult::Changed`]. While the process is ending, it ends the process.
#[inline]
pub fn wait<A: Atomic>(atomic: &A, expected: A::Value) -> WaitResult {
    wait_masked(atomic, expected, ALL, Instant::MAX)
}

/// As [`wait`], but no longer than until `deadline`. A past deadline does not block; [`Instant::MAX`] is never reached.
#[inline]
pub fn wait_until<A: Atomic>(atomic: &A, expected: A::Value, deadline: Instant) -> WaitResult {
    wait_masked(atomic, expected, ALL, deadline)
}

/// As [`wait_until`]; only wakes whose mask has a bit in common with `mask` count this thread.
#[inline]
pub fn wait_masked<A: Atomic>(atomic: &A, expected: A::Value, mask: NonZeroU32, deadline: Instant) -> WaitResult {
    wait_while(atomic.address(), Callback::new(&mut |()| atomic.has(expected)), mask, deadline)
}

/// Waits as long as nobody wakes, if the value at the address is still as expected.
fn wait_while(
    address: usize,
    mut is_expected: Callback<'_, (), bool>,
    mask: NonZeroU32,
    deadline: Instant,
) -> WaitResult {
    // Once without the lock: a page that is not in memory is fetched here, and not while the bucket is locked.
    if !is_expected.call(()) {
        return WaitResult::Changed;
    }
    let result = park_dyn(
        Key::futex(address),
        false,
        &mut Callbacks {
            validate: is_expected,
            before_sleep: Callback::new(&mut |()| {}),
            timed_out: Callback::new(&mut |_| {}),
        },
        ParkToken(mask.get() as usize),
        deadline,
    );
    match result {
        ParkResult::Unparked(_) => WaitResult::Woken,
        ParkResult::Invalid => WaitResult::Changed,
        ParkResult::TimedOut => WaitResult::TimedOut,
    }
}

/// Wakes up to `count` threads that wait at an address, first come, first served; returns how many.
///
/// If nobody waits, it takes no lock and writes nothing. The memory may be gone.
#[inline]
pub fn wake<A>(address: *const A, count: usize) -> usize {
    wake_masked(address, count, ALL)
}

/// Wakes all threads that wait at an address, and returns how many.
#[inline]
pub fn wake_all<A>(address: *const A) -> usize {
    wake(address, usize::MAX)
}

/// As [`wake`], among those whose mask has a bit in common with `mask`.
#[inline]
pub fn wake_masked<A>(address: *const A, count: usize, mask: NonZeroU32) -> usize {
    let key = Key::futex(address.addr());
    if is_idle(key) { 0 } else { wake_some(key, count, mask) }
}

#[inline(never)]
fn wake_some(key: Key, count: usize, mask: NonZeroU32) -> usize {
    let mut left = count;
    let mut filter = |token: ParkToken| {
        if left == 0 {
            FilterOp::Stop
        } else if token.0 & mask.get() as usize == 0 {
            FilterOp::Skip
        } else {
            left -= 1;
            FilterOp::Unpark
        }
    };
    let mut filter = Callback::new(&mut filter);
    let callback = &mut |_| DEFAULT_UNPARK_TOKEN;
    wake_dyn(key, 0, Some(&mut filter), None, Callback::new(callback), false).unparked_threads
}

/// Wakes up to `wake` threads that wait at `from`, and makes up to `requeue` others wait at `to`, as the last ones
/// there. Masks stay with their threads; all are woken or moved, whatever their mask.
#[inline]
pub fn requeue<A, B>(from: *const A, to: *const B, wake: usize, requeue: usize) -> Requeued {
    if is_idle(Key::futex(from.addr())) {
        return Requeued::default();
    }
    requeue_while(from.addr(), to.addr(), Callback::new(&mut |()| true), wake, requeue).unwrap_or_default()
}

/// As [`requeue`], if the atomic has the expected value: compared in one step with what is done, as seen by those
/// who wait and wake.
///
/// # Errors
/// [`Changed`], and nothing is done.
#[inline]
pub fn requeue_if<A: Atomic, B>(
    atomic: &A,
    expected: A::Value,
    to: *const B,
    wake: usize,
    requeue: usize,
) -> Result<Requeued, Changed> {
    requeue_while(atomic.address(), to.addr(), Callback::new(&mut |()| atomic.has(expected)), wake, requeue)
}

fn requeue_while(
    from: usize,
    to: usize,
    mut is_expected: Callback<'_, (), bool>,
    wake: usize,
    requeue: usize,
) -> Result<Requeued, Changed> {
    // As in `wait_while`.
    if !is_expected.call(()) {
        return Err(Changed);
    }
    let mut has_changed = false;
    let mut validate = |()| {
        has_changed = !is_expected.call(());
        (!has_changed).then_some(Requeue { unpark: wake, requeue })
    };
    let mut onto = Onto { key: Key::futex(to), validate: Callback::new(&mut validate) };
    let callback = &mut |_| DEFAULT_UNPARK_TOKEN;
    let result = wake_dyn(Key::futex(from), 0, None, Some(&mut onto), Callback::new(callback), false);
    if has_changed {
        return Err(Changed);
    }
    Ok(Requeued { woken: result.unparked_threads, requeued: result.requeued_threads })
}

/// An atomic of a size that is known at run time, for interpreters and emulators.
///
/// Values are given in 64 bits, of which as many count as it has.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    address: *const (),
    size: Size,
}

/// The size of an atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Size {
    /// 1 byte.
    Bytes1 = 1,
    /// 2 bytes.
    Bytes2 = 2,
    /// 4 bytes.
    Bytes4 = 4,
    /// 8 bytes.
    #[cfg(target_has_atomic = "64")]
    Bytes8 = 8,
}

impl Size {
    /// The size of so many bytes, if there are such atomics here.
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            1 => Some(Self::Bytes1),
            2 => Some(Self::Bytes2),
            4 => Some(Self::Bytes4),
            #[cfg(target_has_atomic = "64")]
            8 => Some(Self::Bytes8),
            _ => None,
        }
    }
}

// SAFETY: of the memory, that is what `new` was promised.
unsafe impl Send for Raw {}
// SAFETY: as for `Send`.
unsafe impl Sync for Raw {}

impl Raw {
    /// The atomic at this address.
    ///
    /// # Safety
    /// The address is aligned to the size. As long as anything waits through this value, the memory can be read, and is
    /// written by atomic operations of that size only.
    #[must_use]
    pub const unsafe fn new(address: *const (), size: Size) -> Self {
        Self { address, size }
    }
}

impl sealed::Sealed for Raw {}

impl Atomic for Raw {
    type Value = u64;

    fn has(&self, value: u64) -> bool {
        let address = self.address.cast_mut();
        match self.size {
            // SAFETY: aligned, readable, and an atomic of this size, as `new` was promised.
            Size::Bytes1 => unsafe { AtomicU8::from_ptr(address.cast()) }.has(value as u8),
            // SAFETY: likewise.
            Size::Bytes2 => unsafe { AtomicU16::from_ptr(address.cast()) }.has(value as u16),
            // SAFETY: likewise.
            Size::Bytes4 => unsafe { AtomicU32::from_ptr(address.cast()) }.has(value as u32),
            #[cfg(target_has_atomic = "64")]
            // SAFETY: likewise.
            Size::Bytes8 => unsafe { AtomicU64::from_ptr(address.cast()) }.has(value),
        }
    }

    fn address(&self) -> usize {
        self.address.addr()
    }
}
