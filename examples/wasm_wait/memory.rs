//! WebAssembly's `memory.atomic.wait32`, `memory.atomic.wait64` and `memory.atomic.notify` on a linear memory, as its
//! threads proposal has them. No std, no allocation.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;
use core::time::Duration;
use ntpark::futex::{self, Raw, Size, WaitResult};
use ntpark::{Backend, Instant};

/// What a wait returns: a notify has counted the thread.
pub(crate) const OK: i32 = 0;
/// What a wait returns: the memory did not hold the expected value.
pub(crate) const NOT_EQUAL: i32 = 1;
/// What a wait returns: the time was out.
pub(crate) const TIMED_OUT: i32 = 2;

/// Why an instruction does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    Unaligned,
    NotShared,
    OutOfBounds,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unaligned => "unaligned atomic",
            Self::NotShared => "expected shared memory",
            Self::OutOfBounds => "out of bounds memory access",
        })
    }
}

/// A linear memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    start: *const AtomicU64,
    /// In bytes.
    length: u64,
    is_shared: bool,
    memory: PhantomData<&'a [AtomicU64]>,
}

// SAFETY: it stands for a `&[AtomicU64]`, which may be sent.
unsafe impl Send for Memory<'_> {}

impl<'a> Memory<'a> {
    /// The memory that these words are.
    ///
    /// # Safety
    /// The program that runs on it accesses each place where threads wait with one size only, atomically.
    pub(crate) const unsafe fn new(words: &'a [AtomicU64], is_shared: bool) -> Self {
        Self { start: words.as_ptr(), length: size_of_val(words) as u64, is_shared, memory: PhantomData }
    }

    /// Waits until notified, if there is the expected value; `timeout` is in ns, and none if negative.
    pub(crate) fn wait32(&self, address: u32, offset: u32, expected: i32, timeout: i64) -> Result<i32, Trap> {
        self.wait(address, offset, Size::Bytes4, u64::from(expected as u32), timeout)
    }

    /// As [`wait32`](Self::wait32), with a value of 64 bits.
    pub(crate) fn wait64(&self, address: u32, offset: u32, expected: i64, timeout: i64) -> Result<i32, Trap> {
        self.wait(address, offset, Size::Bytes8, expected as u64, timeout)
    }

    fn wait(&self, address: u32, offset: u32, size: Size, expected: u64, timeout: i64) -> Result<i32, Trap> {
        let place = self.place(address, offset, size)?;
        if !self.is_shared {
            return Err(Trap::NotShared);
        }
        let deadline = match u64::try_from(timeout) {
            Ok(nanos) => Backend::get().deadline(Duration::from_nanos(nanos)),
            Err(_) => Instant::MAX,
        };
        // SAFETY: aligned, within the memory, and accessed in this size only, as `new` was promised.
        let word = unsafe { Raw::new(place, size) };
        Ok(match futex::wait_until(&word, expected, deadline) {
            WaitResult::Woken => OK,
            WaitResult::Changed => NOT_EQUAL,
            WaitResult::TimedOut => TIMED_OUT,
        })
    }

    /// Wakes up to `count` threads, a number without a sign, that wait there in either size; returns how many.
    pub(crate) fn notify(&self, address: u32, offset: u32, count: i32) -> Result<i32, Trap> {
        let place = self.place(address, offset, Size::Bytes4)?;
        // In memory that is not shared, nobody can wait.
        Ok(futex::wake(place, count as u32 as usize) as i32)
    }

    /// The place of an access.
    pub(crate) fn place(&self, address: u32, offset: u32, size: Size) -> Result<*const (), Trap> {
        // Does not wrap: the sum of 32 bits each.
        let at = u64::from(address) + u64::from(offset);
        let bytes = size as u64;
        if at % bytes != 0 {
            return Err(Trap::Unaligned);
        }
        if at + bytes > self.length {
            return Err(Trap::OutOfBounds);
        }
        Ok(self.start.wrapping_byte_add(at as usize).cast())
    }
}
