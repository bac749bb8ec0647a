//! A bounded queue for any number of threads on both sides, which wait for room and for values. No std, no allocation;
//! `const` to make.
//!
//! Each value has a ticket, and so has each thread that wants one. The slot of a ticket goes from hand to hand in
//! turns: the first sender, the first receiver, the second sender, … So a thread waits for its own turn only, and who
//! has had a turn wakes the next: with a mask, as several may wait for turns of one slot.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::num::NonZeroU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64};
use ntpark::Instant;
use ntpark::futex;

/// Room for `N` values.
pub(crate) struct Queue<T, const N: usize> {
    /// How many sends have begun, and how many receives: the next tickets.
    sends: AtomicU64,
    receives: AtomicU64,
    slots: [Slot<T>; N],
}

struct Slot<T> {
    /// Even for senders, odd for receivers.
    turn: AtomicU32,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: values only move from thread to thread, and the thread whose turn it is uses the slot alone.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T, const N: usize> Queue<T, N> {
    pub(crate) const fn new() -> Self {
        const { assert!(N > 0) };
        let slots = [const { Slot { turn: AtomicU32::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) } }; N];
        Self { sends: AtomicU64::new(0), receives: AtomicU64::new(0), slots }
    }

    /// Sends a value; waits while there is no room.
    pub(crate) fn send(&self, value: T) {
        let (slot, turn) = self.slot(self.sends.fetch_add(1, Relaxed), 0);
        slot.await_turn(turn);
        // SAFETY: it is this sender's turn: nobody else uses the slot, and it is empty.
        unsafe { slot.value.get().write(MaybeUninit::new(value)) };
        slot.end_turn(turn);
    }

    /// Receives a value; waits for one.
    pub(crate) fn receive(&self) -> T {
        let (slot, turn) = self.slot(self.receives.fetch_add(1, Relaxed), 1);
        slot.await_turn(turn);
        // SAFETY: it is this receiver's turn: nobody else uses the slot.
        let value = unsafe { slot.value.get().read() };
        slot.end_turn(turn);
        // SAFETY: the sender whose turn was before has filled it.
        unsafe { value.assume_init() }
    }

    /// The slot of a ticket, and which turn is meant there.
    fn slot(&self, ticket: u64, side: u32) -> (&Slot<T>, u32) {
        let round = (ticket / N as u64) as u32;
        (&self.slots[(ticket % N as u64) as usize], round.wrapping_mul(2).wrapping_add(side))
    }
}

impl<T> Slot<T> {
    fn await_turn(&self, turn: u32) {
        loop {
            // Acquire: meets the Release of the turn before.
            let seen = self.turn.load(Acquire);
            if seen == turn {
                return;
            }
            futex::wait_masked(&self.turn, seen, mask(turn), Instant::MAX);
        }
    }

    fn end_turn(&self, turn: u32) {
        let next = turn.wrapping_add(1);
        // Release: with the turn, the next thread gets the slot.
        self.turn.store(next, Release);
        futex::wake_masked(&self.turn, usize::MAX, mask(next));
    }
}

/// A turn's bit. Others have it too, and then wait on.
fn mask(turn: u32) -> NonZeroU32 {
    NonZeroU32::new(1_u32.rotate_left(turn)).expect("it is one bit")
}

/// What nobody received is dropped.
impl<T, const N: usize> Drop for Queue<T, N> {
    fn drop(&mut self) {
        while *self.receives.get_mut() < *self.sends.get_mut() {
            drop(self.receive());
        }
    }
}
