//! The bits of the words, as `ntpark-gdb.py`, `locks.natvis` and docs/hang.md read them.

use ntpark::{Parker, ThreadParker};
use ntpark_locks::{Barrier, Condvar, Event, Once, RawMutex, RawRwLock, Semaphore};
use std::fmt::Debug;
use std::mem;

/// What a type says of a word.
fn says<T: Debug, Word: Copy>(word: Word) -> String {
    assert_eq!(size_of::<T>(), size_of::<Word>());
    // SAFETY: of the same size, and all these types are words, of which each value may be looked at.
    format!("{:?}", unsafe { mem::transmute_copy::<Word, T>(&word) })
}

#[test]
fn words_say_what_debuggers_make_of_them() {
    assert_eq!(says::<RawMutex, u32>(0), "RawMutex(free)");
    assert_eq!(says::<RawMutex, u32>(1 + 2 + 4), "RawMutex(locked + threads wait + one is on its way)");
    let rwlock = says::<RawRwLock, usize>;
    assert_eq!(rwlock(1 + 4 + 8), "RawRwLock(exclusive + threads wait + some are on their way)");
    assert_eq!(rwlock(2 + (1 << 19)), "RawRwLock(shared + upgradable)");
    assert_eq!(rwlock(1 + 16 + (3 << 19)), "RawRwLock(shared + claimed by a writer)");
    assert_eq!(rwlock((1 << 19) - 1 - 31), "RawRwLock(free)", "below the readers is the time");
    assert_eq!(says::<Condvar, usize>(0), "Condvar(nobody waits)");
    assert_eq!(says::<Once, u8>(1), "Once(done)");
    assert_eq!(says::<Once, u8>(2 + 4 + 8), "Once(poisoned + a thread is at it + threads wait)");
    assert_eq!(says::<Semaphore, u32>((5 << 1) + 1), "Semaphore(5 permits + threads wait)");
    assert_eq!(says::<Event, u8>(1 + 2 + 4), "Event(set + manual + threads wait)");
    assert_eq!(says::<Barrier, u32>((2 << 16) + 3), "Barrier(3 arrived, round 2)");
    assert_eq!(says::<Parker, usize>(1 << 28), "Parker(PARKED)");
    assert_eq!(says::<Parker, usize>(2), "Parker(NOTIFIED)");
    let thread_parker = says::<ThreadParker, [usize; 2]>;
    assert_eq!(thread_parker([7 << 29, 0]), "ThreadParker(ARMED + TIMED_OUT + RELEASED)");
}
