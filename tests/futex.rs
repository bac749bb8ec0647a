//! Futexes: what the documentation of the module promises, on the backend under test.

mod common;

use WaitResult::{TimedOut, Woken};
use common::begin;
use common::random::{Random, dawdle};
use ntpark::futex::{self, ALL, Atomic, Changed, Raw, Requeued, Size, WaitResult};
use ntpark::{Backend, Instant};
use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize,
};
use std::sync::mpsc::channel;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{self, Duration};

/// Returns once so many threads wait at an address.
fn await_waiters<A>(address: *const A, count: usize) {
    // To the same address: moves all, in order, and counts them.
    while futex::requeue(address, address, 0, usize::MAX).requeued < count {
        thread::yield_now();
    }
}

fn mask(bits: u32) -> NonZeroU32 {
    NonZeroU32::new(bits).expect("masks are not zero")
}

/// Waits in a thread, which does so when this returns. It must be known how many others wait there.
fn wait_masked<'scope>(
    scope: &'scope Scope<'scope, '_>,
    word: &'scope AtomicU32,
    bits: u32,
    others: usize,
) -> ScopedJoinHandle<'scope, WaitResult> {
    let waiting = scope.spawn(move || futex::wait_masked(word, word.load(Relaxed), mask(bits), Instant::MAX));
    await_waiters(word, others + 1);
    waiting
}

/// All return, woken.
fn are_woken<'scope>(waiting: impl IntoIterator<Item = ScopedJoinHandle<'scope, WaitResult>>) {
    for thread in waiting {
        assert_eq!(thread.join().expect("a wait does not panic"), Woken);
    }
}

/// An atomic with a value, and a value that it does not have.
fn waits_while_equal<A: Atomic + Sync>(atomic: &A, value: A::Value, other: A::Value)
where
    A::Value: Send,
{
    assert_eq!(futex::wait(atomic, other), WaitResult::Changed);
    for deadline in [Instant::MIN, Instant::MAX] {
        assert_eq!(futex::wait_until(atomic, other, deadline), WaitResult::Changed);
        assert_eq!(futex::wait_masked(atomic, other, mask(1), deadline), WaitResult::Changed);
    }
    assert_eq!(futex::wait_until(atomic, value, Instant::MIN), TimedOut);
    assert_eq!(futex::wait_masked(atomic, value, ALL, Instant::now() + Duration::from_millis(1)), TimedOut);
    assert_eq!(futex::requeue_if(atomic, other, ptr::null::<u8>(), 1, 1), Err(Changed));
    assert_eq!(futex::requeue_if(atomic, value, ptr::null::<u8>(), 1, 1), Ok(Requeued::default()));
    thread::scope(|scope| {
        let waiting = scope.spawn(move || futex::wait(atomic, value));
        await_waiters(atomic, 1);
        assert_eq!(futex::wake(atomic, 1), 1);
        are_woken([waiting]);
    });
    assert_eq!(futex::wake_all(atomic), 0);
}

#[test]
fn every_size() {
    let _test = begin();
    waits_while_equal(&AtomicBool::new(true), true, false);
    waits_while_equal(&AtomicU8::new(0xFF), 0xFF, 0x7F);
    waits_while_equal(&AtomicI8::new(-1), -1, 1);
    waits_while_equal(&AtomicU16::new(0x8000), 0x8000, 0);
    waits_while_equal(&AtomicI16::new(i16::MIN), i16::MIN, i16::MAX);
    waits_while_equal(&AtomicU32::new(1 << 31), 1 << 31, 0);
    waits_while_equal(&AtomicI32::new(-2), -2, 2);
    // Either half alone makes a difference.
    waits_while_equal(&AtomicU64::new(1 << 32), 1 << 32, 0);
    waits_while_equal(&AtomicU64::new(1 << 32), 1 << 32, 1 << 32 | 1);
    waits_while_equal(&AtomicI64::new(-1), -1, 0xFFFF_FFFF);
    waits_while_equal(&AtomicUsize::new(usize::MAX), usize::MAX, 0);
    waits_while_equal(&AtomicIsize::new(-1), -1, 1);
}

/// Of the value, as many bits count as the atomic has.
#[test]
fn raw() {
    let _test = begin();
    for (bytes, size, value) in [
        (1, Size::Bytes1, 0xA5),
        (2, Size::Bytes2, 0xA5C3),
        (4, Size::Bytes4, 0xA5C3_0F1E),
        (8, Size::Bytes8, 0xA5C3_0F1E_2D4B_8796),
    ] {
        assert_eq!(Size::from_bytes(bytes), Some(size));
        assert_eq!(size as usize, bytes);
        // The bytes beside it have another value. On a big-endian machine it is the same one.
        let memory = [AtomicU64::new(0), AtomicU64::new(0)];
        let address = memory.as_ptr().cast::<()>();
        match size {
            Size::Bytes1 => atomic_at::<AtomicU8>(address).store(value as u8, SeqCst),
            Size::Bytes2 => atomic_at::<AtomicU16>(address).store(value as u16, SeqCst),
            Size::Bytes4 => atomic_at::<AtomicU32>(address).store(value as u32, SeqCst),
            _ => atomic_at::<AtomicU64>(address).store(value, SeqCst),
        }
        struct Shared(Raw);
        // SAFETY: the memory is shared, and lives in the test.
        unsafe impl Sync for Shared {}
        // SAFETY: aligned to 8, and used in this size only.
        let raw = Shared(unsafe { Raw::new(address, size) });
        let bits = 8 * bytes as u32;
        let beyond = if bits < 64 { u64::MAX << bits } else { 0 };
        for expected in [value, value | beyond] {
            assert_eq!(futex::wait_until(&raw.0, expected, Instant::MIN), TimedOut);
            assert_eq!(futex::requeue_if(&raw.0, expected, ptr::null::<u8>(), 1, 1), Ok(Requeued::default()));
        }
        for bit in 0..bits {
            assert_eq!(futex::wait(&raw.0, value ^ 1 << bit), WaitResult::Changed);
            assert_eq!(futex::requeue_if(&raw.0, value ^ 1 << bit, ptr::null::<u8>(), 1, 1), Err(Changed));
        }
        thread::scope(|scope| {
            let shared = &raw;
            let waiting = scope.spawn(move || futex::wait(&shared.0, value | beyond));
            await_waiters(address, 1);
            assert_eq!(futex::wake_all(address), 1);
            are_woken([waiting]);
        });
    }
    for bytes in [0, 3, 5, 6, 7, 9, 16, usize::MAX] {
        assert_eq!(Size::from_bytes(bytes), None);
    }
}

/// The atomic at an address, which is one.
fn atomic_at<'a, A>(address: *const ()) -> &'a A {
    // SAFETY: aligned to 8, in memory that lives on in the test that calls, and not used in another size.
    unsafe { &*address.cast::<A>() }
}

#[test]
fn a_wait_is_never_early() {
    let _test = begin();
    let word = AtomicU8::new(0);
    for timeout in [0, 1, 99, 100_000, 1_000_000, 20_000_000].map(Duration::from_nanos) {
        for wait in [futex::wait_until as fn(&AtomicU8, u8, Instant) -> WaitResult, |word, expected, deadline| {
            futex::wait_masked(word, expected, mask(2), deadline)
        }] {
            let start = time::Instant::now();
            assert_eq!(wait(&word, 0, Backend::get().deadline(timeout)), TimedOut);
            assert!(common::is_at_least(start.elapsed(), timeout), "{timeout:?} became {:?}", start.elapsed());
        }
    }
    let past = Instant::now() - Duration::from_millis(20);
    assert_eq!(futex::wait_until(&word, 0, past), TimedOut);
    assert_eq!(futex::wake_all(&word), 0, "nobody is left");
}

/// A wake is for who is in the queue, whatever the value; a change alone wakes nobody.
#[test]
fn only_a_wake_wakes() {
    let _test = begin();
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| futex::wait(&word, 0));
        await_waiters(&word, 1);
        word.store(1, SeqCst);
        for _ in 0..common::rounds(20) {
            thread::yield_now();
            assert_eq!(futex::wake(&word, 0), 0);
            await_waiters(&word, 1);
        }
        assert!(!waiting.is_finished());
        word.store(0, SeqCst);
        assert_eq!(futex::wake(&word, usize::MAX), 1);
        are_woken([waiting]);
    });
}

#[test]
fn first_come_first_served() {
    let _test = begin();
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        let mut waiting: Vec<_> = (0..12).map(|others| wait_masked(scope, &word, u32::MAX, others)).collect();
        let mut left = 12;
        for (count, woken) in [(1, 1), (0, 0), (3, 3), (1, 1), (100, 7)] {
            assert_eq!(futex::wake(&word, count), woken);
            are_woken(waiting.drain(..woken));
            left -= woken;
            await_waiters(&word, left);
        }
    });
}

#[test]
fn masks() {
    let _test = begin();
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        let bits = [0b0001, 0b0010, 0b0011, 0b0100, 1 << 31, u32::MAX];
        let mut waiting: Vec<_> =
            bits.iter().enumerate().map(|(others, &bits)| Some(wait_masked(scope, &word, bits, others))).collect();
        let mut wakes = |count, bits, woken: &[usize]| {
            assert_eq!(futex::wake_masked(&word, count, mask(bits)), woken.len());
            are_woken(woken.iter().map(|&index| waiting[index].take().expect("it waits")));
        };
        wakes(usize::MAX, 0b1000, &[5]);
        wakes(usize::MAX, 0b1000, &[]);
        wakes(0, 0b0001, &[]);
        // The first of those that it is for.
        wakes(1, 0b0010, &[1]);
        wakes(2, 0b0101, &[0, 2]);
        wakes(usize::MAX, 1 << 31, &[4]);
        // A wake without a mask is for all.
        assert_eq!(futex::wake_all(&word), 1);
        are_woken(waiting[3].take());
    });
}

#[test]
fn to_another_address() {
    let _test = begin();
    let (word, to) = (AtomicU32::new(5), AtomicU8::new(0));
    for (wake, requeue, woken, requeued) in
        [(0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1), (1, 2, 1, 2), (2, usize::MAX, 2, 2), (usize::MAX, usize::MAX, 4, 0)]
    {
        for expected in [None, Some(5)] {
            thread::scope(|scope| {
                // Their masks do not matter to the requeue.
                let mut waiting: Vec<_> = (0..4).map(|others| wait_masked(scope, &word, 1 << others, others)).collect();
                let there = scope.spawn(|| futex::wait(&to, 0));
                await_waiters(&to, 1);
                if expected.is_some() {
                    assert_eq!(futex::requeue_if(&word, 4, &to, wake, requeue), Err(Changed));
                    await_waiters(&word, 4);
                }
                let done = match expected {
                    None => futex::requeue(&word, &to, wake, requeue),
                    Some(value) => futex::requeue_if(&word, value, &to, wake, requeue).expect("it has that value"),
                };
                assert_eq!(done, Requeued { woken, requeued });
                are_woken(waiting.drain(..woken));
                // They come after the one that waits there, in order, with their masks.
                assert_eq!(futex::wake(&to, 1), 1);
                are_woken([there]);
                for moved in 0..requeued {
                    let bit = 1 << (woken + moved);
                    assert_eq!(futex::wake_masked(&to, 4, mask(1 << 8)), 0);
                    assert_eq!(futex::wake_masked(&to, 4, mask(bit)), 1);
                    are_woken(waiting.drain(..1));
                }
                assert_eq!(futex::wake_all(&to), 0);
                assert_eq!(futex::wake_all(&word), 4 - woken - requeued);
                are_woken(waiting);
            });
        }
    }
}

/// Who has been moved can run out of time, and leaves the queue that it is in.
#[test]
fn out_of_time_after_a_requeue() {
    let _test = begin();
    let words = [const { AtomicU32::new(0) }; 8];
    let mut moves = 0;
    while moves < 10 {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| futex::wait_until(&words[0], 0, Instant::now() + Duration::from_millis(10)));
            let mut at = 0;
            while !waiting.is_finished() {
                let to = (at + 1) % words.len();
                let moved = futex::requeue(&words[at], &words[to], 0, 1).requeued;
                moves += moved;
                at = if moved == 1 { to } else { at };
                thread::yield_now();
            }
            assert_eq!(waiting.join().expect("a wait does not panic"), TimedOut);
        });
        assert_eq!(words.iter().map(|word| futex::wake_all(word)).sum::<usize>(), 0);
    }
}

/// The key is the address: the size does not matter, and what lies within an atomic is another address.
#[test]
fn an_address_is_a_key() {
    let _test = begin();
    let word = AtomicU64::new(0);
    let bytes = ptr::from_ref(&word).cast::<u8>();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| futex::wait(&word, 0));
        await_waiters(&word, 1);
        for offset in 1..8 {
            let within = bytes.wrapping_add(offset);
            assert_eq!(futex::wake_all(within), 0);
            assert_eq!(futex::requeue(within, bytes, 1, 1), Requeued::default());
        }
        assert_eq!(futex::wake_all(bytes.cast::<AtomicU32>().wrapping_add(1)), 0);
        assert_eq!(futex::wake_all(bytes), 1);
        are_woken([waiting]);
    });
}

/// Wakes of memory that is gone, and of what never was any.
#[test]
fn memory_that_is_gone() {
    let _test = begin();
    for _ in 0..common::rounds(100) {
        let word = Box::new(AtomicU32::new(0));
        let address = ptr::from_ref(&*word);
        thread::scope(|scope| {
            let waker = scope.spawn({
                let address = address.addr();
                move || futex::wake_all(ptr::without_provenance::<AtomicU32>(address))
            });
            let result = futex::wait_until(&*word, 0, Instant::now() + Duration::from_micros(20));
            // The waker may be late.
            drop(word);
            assert_eq!(waker.join().expect("a wake does not panic"), usize::from(result == Woken));
        });
        assert_eq!(futex::wake_all(address), 0);
    }
    assert_eq!(futex::wake_all(ptr::null::<u8>()), 0);
    assert_eq!(futex::wake(ptr::without_provenance::<u64>(usize::MAX), 1), 0);
}

/// Either a wait sees the change, or the wake finds it waiting: else this would hang. What came before is visible.
#[test]
fn no_wake_is_missed() {
    let _test = begin();
    let rounds = common::rounds(500) as u32;
    let words = [const { AtomicU32::new(0) }; 2];
    let woken = [const { AtomicU32::new(0) }; 2];
    // Relaxed: futexes have to order.
    thread::scope(|scope| {
        for me in 0..2 {
            let (mine, other) = (&words[me], &words[1 - me]);
            let (has_woken, other_has_woken) = (&woken[me], &woken[1 - me]);
            scope.spawn(move || {
                let mut random = Random::new(me as u64);
                for round in 1..=rounds {
                    dawdle(random.below(60));
                    mine.store(round, Relaxed);
                    assert!(futex::wake(mine, 1) <= 1);
                    has_woken.store(round, SeqCst);
                    // Until the other has come as far.
                    loop {
                        let seen = other.load(Relaxed);
                        if seen >= round {
                            break;
                        }
                        if futex::wait(other, seen) == Woken {
                            assert!(other.load(Relaxed) > seen, "what came before the wake is visible");
                        }
                    }
                    // A wake that comes late would be that of the round before for the next wait.
                    while other_has_woken.load(SeqCst) < round {
                        thread::yield_now();
                    }
                }
            });
        }
    });
}

/// A thread moves a waiter from one address to another, if the value is the old one; another changes the value, and
/// wakes at the second address. So if the first still found the old value, the other finds the waiter.
#[test]
fn a_requeue_compares_in_one_step() {
    let _test = begin();
    for round in 0..common::rounds(100) {
        let (word, to) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            let waiting = wait_masked(scope, &word, 1, 0);
            let moving = scope.spawn(|| futex::requeue_if(&word, 0, &to, 0, usize::MAX));
            dawdle(round % 64);
            word.store(1, Relaxed);
            let woken = futex::wake_all(&to);
            match moving.join().expect("it does not panic") {
                Ok(done) => assert_eq!((done, woken), (Requeued { woken: 0, requeued: 1 }, 1)),
                Err(Changed) => assert_eq!((woken, futex::wake_all(&word)), (0, 1)),
            }
            are_woken([waiting]);
        });
    }
}

/// Time-outs race wakes and requeues of every kind: what these count is what returns woken.
#[test]
fn counts_are_exact() {
    let _test = begin();
    let words = [const { AtomicU32::new(0) }; 3];
    let rounds = common::rounds(500);
    let running = AtomicUsize::new(6);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|seed| {
                let (words, running) = (&words, &running);
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    let mut woken = 0;
                    for _ in 0..rounds {
                        let word = &words[random.below(3) as usize];
                        let deadline = Instant::now() + Duration::from_micros(random.below(100));
                        let result = futex::wait_masked(word, 0, mask(1 << random.below(3)), deadline);
                        woken += usize::from(result == Woken);
                    }
                    running.fetch_sub(1, SeqCst);
                    woken
                })
            })
            .collect();
        let mut random = Random::new(99);
        let mut counted = 0;
        while running.load(SeqCst) > 0 {
            let [word, to] = [(); 2].map(|()| &words[random.below(3) as usize]);
            let count = random.below(4) as usize;
            counted += match random.below(4) {
                0 => futex::wake(word, count),
                1 => futex::wake_masked(word, count, mask(1 + random.below(7) as u32)),
                2 => futex::requeue(word, to, count, 2).woken,
                _ => futex::requeue_if(word, 0, to, count / 2, usize::MAX).expect("it never changes").woken,
            };
            if random.below(4) == 0 {
                thread::yield_now();
            }
        }
        let woken: usize = threads.into_iter().map(|thread| thread.join().expect("it counts")).sum();
        assert_eq!(woken, counted);
    });
}

/// One table for many addresses at once.
#[test]
fn many_addresses() {
    let _test = begin();
    let words: Vec<AtomicU8> = (0..1_024).map(|_| AtomicU8::new(0)).collect();
    thread::scope(|scope| {
        let (ready, is_ready) = channel();
        for chunk in words.chunks(128) {
            let ready = ready.clone();
            scope.spawn(move || {
                for word in chunk {
                    ready.send(ptr::from_ref(word).addr()).expect("it is received");
                    while word.load(SeqCst) == 0 {
                        futex::wait(word, 0);
                    }
                }
            });
        }
        drop(ready);
        for address in is_ready {
            let word = &words[address - words.as_ptr().addr()];
            word.store(1, SeqCst);
            assert!(futex::wake_all(word) <= 1);
        }
    });
}

#[test]
fn changed_is_an_error() {
    let error: &dyn std::error::Error = &Changed;
    assert_eq!(error.to_string(), "the value is not the expected one");
}

/// Another copy of the library has another table.
#[cfg(windows)]
#[test]
fn two_copies_do_not_meet() {
    let _test = begin();
    let dll = common::dll::Dll::load();
    let word = AtomicU32::new(0);
    let address = ptr::from_ref(&word).addr();
    let parked = common::lot::Parked::new(address.into(), 1);
    thread::scope(|scope| {
        let waiting = wait_masked(scope, &word, 1, 0);
        assert_eq!(dll.wake_all(address), 0);
        await_waiters(&word, 1);
        assert_eq!(futex::wake_all(&word), 1);
        are_woken([waiting]);
    });
    assert_eq!(common::lot::unpark_all(address.into(), 2), 1);
    parked.expect_unparked(2);
}

/// A wait only reads: also eight bytes on a machine of 32 bits.
#[cfg(all(not(miri), any(windows, target_os = "linux")))]
mod read_only {
    use super::*;
    use std::ffi::c_void;

    #[test]
    fn memory() {
        let _test = begin();
        let page = Page::new();
        for size in [Size::Bytes1, Size::Bytes2, Size::Bytes4, Size::Bytes8] {
            // SAFETY: a page is aligned, is there until the end of the test, and is not written.
            let raw = unsafe { Raw::new(page.0.cast(), size) };
            assert_eq!(futex::wait(&raw, 1), WaitResult::Changed);
            assert_eq!(futex::wait_until(&raw, 0, Instant::MIN), TimedOut);
            assert_eq!(futex::wait_until(&raw, 0, Instant::now() + Duration::from_millis(1)), TimedOut);
            assert_eq!(futex::requeue_if(&raw, 1, page.0, 1, 1), Err(Changed));
        }
        thread::scope(|scope| {
            let word = atomic_at::<AtomicU64>(page.0.cast());
            let waiting = scope.spawn(move || futex::wait(word, 0));
            await_waiters(word, 1);
            assert_eq!(futex::wake_all(word), 1);
            are_woken([waiting]);
        });
    }

    /// A page of zeros that cannot be written.
    struct Page(*mut c_void);

    #[cfg(target_os = "linux")]
    impl Page {
        const BYTES: usize = 4_096;

        fn new() -> Self {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: new memory, wherever there is room.
            let page = unsafe { libc::mmap(ptr::null_mut(), Self::BYTES, libc::PROT_READ, flags, -1, 0) };
            assert_ne!(page, libc::MAP_FAILED);
            Self(page)
        }
    }

    #[cfg(target_os = "linux")]
    impl Drop for Page {
        fn drop(&mut self) {
            // SAFETY: it is this one's, and nobody uses it any more.
            assert_eq!(unsafe { libc::munmap(self.0, Self::BYTES) }, 0);
        }
    }

    #[cfg(windows)]
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn VirtualAlloc(address: *mut c_void, bytes: usize, kind: u32, protect: u32) -> *mut c_void;
        fn VirtualProtect(address: *mut c_void, bytes: usize, protect: u32, before: *mut u32) -> i32;
        fn VirtualFree(address: *mut c_void, bytes: usize, kind: u32) -> i32;
    }

    #[cfg(windows)]
    impl Page {
        fn new() -> Self {
            const MEM_COMMIT_AND_RESERVE: u32 = 0x3000;
            const PAGE_READWRITE: u32 = 4;
            const PAGE_READONLY: u32 = 2;
            // SAFETY: new memory, wherever there is room.
            let page = unsafe { VirtualAlloc(ptr::null_mut(), 1, MEM_COMMIT_AND_RESERVE, PAGE_READWRITE) };
            assert!(!page.is_null());
            let mut before = 0;
            // SAFETY: the page is this one's.
            let changed = unsafe { VirtualProtect(page, 1, PAGE_READONLY, &raw mut before) };
            assert_ne!(changed, 0);
            assert_eq!(before, PAGE_READWRITE);
            Self(page)
        }
    }

    #[cfg(windows)]
    impl Drop for Page {
        fn drop(&mut self) {
            const MEM_RELEASE: u32 = 0x8000;
            // SAFETY: it is this one's, and nobody uses it any more.
            assert_ne!(unsafe { VirtualFree(self.0, 0, MEM_RELEASE) }, 0);
        }
    }
}
