//! A bounded channel from one thread to another: a ring of slots and two parkers. No std, no allocation;
//! `const` to make.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicUsize};
use core::time::Duration;
use ntpark::{Backend, Instant, Parker};

/// Room for `N` values on their way from a [`Sender`] to a [`Receiver`]. `N` is a power of two.
pub(crate) struct Channel<T, const N: usize> {
    slots: [UnsafeCell<MaybeUninit<T>>; N],
    /// How many values were ever sent. Wraps around, as does `received`; the slot is the count modulo `N`.
    sent: AtomicUsize,
    /// How many were ever received.
    received: AtomicUsize,
    /// One of the two ends is gone.
    closed: AtomicBool,
    /// Gets a token when a value was received: where the sender waits for room.
    room: Parker,
    /// Gets a token when a value was sent: where the receiver waits.
    values: Parker,
}

// SAFETY: values only move from one thread to the other. The two ends never use a slot at the same time: the
// counts, with Release and Acquire, say whose it is.
unsafe impl<T: Send, const N: usize> Sync for Channel<T, N> {}

/// The other end is gone. The value comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed<T>(pub(crate) T);

impl<T: fmt::Debug> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver is gone")
    }
}

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// The channel is empty and the sender gone.
    Closed,
    /// None came in time.
    TimedOut,
}

impl<T, const N: usize> Channel<T, N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N.is_power_of_two(), "the capacity of a channel is a power of two") };
        Self {
            slots: [const { UnsafeCell::new(MaybeUninit::uninit()) }; N],
            sent: AtomicUsize::new(0),
            received: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            room: Parker::new(),
            values: Parker::new(),
        }
    }

    /// The two ends, of which there is one each.
    pub(crate) fn ends(&mut self) -> (Sender<'_, T, N>, Receiver<'_, T, N>) {
        *self.closed.get_mut() = false;
        (Sender { channel: self }, Receiver { channel: self })
    }

    fn slot(&self, count: usize) -> *mut MaybeUninit<T> {
        self.slots[count % N].get()
    }

    /// Takes the oldest value out.
    ///
    /// # Safety
    /// Nobody else takes one out at the same time.
    unsafe fn take(&self) -> Option<T> {
        let received = self.received.load(Relaxed);
        // Acquire: what the sender wrote comes before this reads it.
        if received == self.sent.load(Acquire) {
            return None;
        }
        // SAFETY: sent and not received, so the slot is this end's, and full.
        let value = unsafe { self.slot(received).read() };
        // Release: with the count, the sender gets the slot.
        self.received.store(received.wrapping_add(1), Release);
        self.room.unpark();
        // SAFETY: as above.
        Some(unsafe { value.assume_init() })
    }
}

/// What nobody received is dropped.
impl<T, const N: usize> Drop for Channel<T, N> {
    fn drop(&mut self) {
        // SAFETY: there are no ends any more.
        while unsafe { self.take() }.is_some() {}
    }
}

/// Where values go in. Dropping it closes the channel; what is in it can still be received.
pub(crate) struct Sender<'a, T, const N: usize> {
    channel: &'a Channel<T, N>,
}

impl<T, const N: usize> Sender<'_, T, N> {
    /// Sends a value; waits while there is no room.
    pub(crate) fn send(&mut self, value: T) -> Result<(), Closed<T>> {
        let channel = self.channel;
        // Only this end writes it.
        let sent = channel.sent.load(Relaxed);
        // Acquire: what the receiver did with the slot comes before this writes to it.
        while sent.wrapping_sub(channel.received.load(Acquire)) == N {
            if channel.closed.load(Acquire) {
                return Err(Closed(value));
            }
            // No wake is missed: one that came since the look at the count has left its token.
            let _ = channel.room.park();
        }
        if channel.closed.load(Acquire) {
            return Err(Closed(value));
        }
        // SAFETY: there is room, so the slot is this end's and empty.
        unsafe { channel.slot(sent).write(MaybeUninit::new(value)) };
        // Release: with the count, the receiver gets the slot.
        channel.sent.store(sent.wrapping_add(1), Release);
        channel.values.unpark();
        Ok(())
    }
}

impl<T, const N: usize> Drop for Sender<'_, T, N> {
    fn drop(&mut self) {
        self.channel.closed.store(true, Release);
        self.channel.values.unpark();
    }
}

/// Where values come out. Dropping it closes the channel.
pub(crate) struct Receiver<'a, T, const N: usize> {
    channel: &'a Channel<T, N>,
}

#[allow(dead_code, reason = "not every program that includes this file uses every way to receive")]
impl<T, const N: usize> Receiver<'_, T, N> {
    /// Receives a value; waits for one.
    pub(crate) fn receive(&mut self) -> Result<T, Nothing> {
        self.receive_until(Instant::MAX)
    }

    /// Receives a value; waits for one, but no longer than `timeout`.
    pub(crate) fn receive_timeout(&mut self, timeout: Duration) -> Result<T, Nothing> {
        self.receive_until(Backend::get().deadline(timeout))
    }

    /// Receives a value, if there is one.
    pub(crate) fn try_receive(&mut self) -> Option<T> {
        // SAFETY: there is one receiver, and `&mut` says that only one thread uses it.
        unsafe { self.channel.take() }
    }

    fn receive_until(&mut self, deadline: Instant) -> Result<T, Nothing> {
        loop {
            // Before the look: what was sent before the channel was closed is received.
            let closed = self.channel.closed.load(Acquire);
            if let Some(value) = self.try_receive() {
                return Ok(value);
            }
            if closed {
                return Err(Nothing::Closed);
            }
            // A token may be an old one, of a value that was received without waiting for it. Then this goes round once
            // more.
            if self.channel.values.park_until(deadline) == ntpark::UnparkReason::TimedOut {
                return self.try_receive().ok_or(Nothing::TimedOut);
            }
        }
    }
}

impl<T, const N: usize> Drop for Receiver<'_, T, N> {
    fn drop(&mut self) {
        self.channel.closed.store(true, Release);
        self.channel.room.unpark();
    }
}
