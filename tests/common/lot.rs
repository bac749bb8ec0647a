//! Threads that wait in the lot, and what is in its queues.

use ntpark::Instant;
use ntpark::lot::{self, DEFAULT_UNPARK_TOKEN, FilterOp, Key, ParkResult, ParkToken, UnparkResult, UnparkToken};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A key that nothing else in this program has: the address of nothing.
pub(crate) fn new_key() -> Key {
    static NEXT: AtomicUsize = AtomicUsize::new(0x1000);
    Key::from(NEXT.fetch_add(8, Relaxed))
}

/// A thread that is queued, and stays so until it is unparked.
pub(crate) struct Parked(pub(crate) JoinHandle<ParkResult>);

impl Parked {
    pub(crate) fn new(key: Key, token: usize) -> Self {
        Self::start(move |before_sleep| {
            // SAFETY: the key is the tests' own; the callbacks call nothing of the lot.
            unsafe { lot::park(key, || true, before_sleep, |_, _| {}, ParkToken(token), Instant::MAX) }
        })
    }

    pub(crate) fn in_front(key: Key, token: usize) -> Self {
        Self::start(move |before_sleep| {
            // SAFETY: as above.
            unsafe { lot::park_in_front(key, || true, before_sleep, |_, _| {}, ParkToken(token), Instant::MAX) }
        })
    }

    /// Starts a thread that parks, with this for a `before_sleep`, and returns once it is queued.
    pub(crate) fn start(park: impl FnOnce(&mut dyn FnMut()) -> ParkResult + Send + 'static) -> Self {
        let (queued, is_queued) = channel();
        let thread = thread::spawn(move || park(&mut || queued.send(()).expect("it is received")));
        is_queued.recv().expect("it is queued");
        Self(thread)
    }

    pub(crate) fn result(self) -> ParkResult {
        self.0.join().expect("a park does not panic")
    }

    /// Waits until it returns, unparked with this token.
    #[track_caller]
    pub(crate) fn expect_unparked(self, token: usize) {
        assert_eq!(self.result(), ParkResult::Unparked(UnparkToken(token)));
    }
}

/// The tokens of the threads that wait for a key, in order.
pub(crate) fn queue(key: Key) -> Vec<usize> {
    let mut tokens = Vec::with_capacity(64);
    let look = |token: ParkToken| {
        tokens.push(token.0);
        FilterOp::Skip
    };
    // SAFETY: nobody is unparked; the callbacks call nothing of the lot, and there is room for all that the tests park.
    let result = unsafe { lot::unpark_filter(key, look, |_| DEFAULT_UNPARK_TOKEN) };
    let has_any = !tokens.is_empty();
    assert_eq!((result.unparked_threads, result.have_more_threads, result.be_fair), (0, has_any, false));
    tokens
}

pub(crate) fn unpark_one(key: Key, token: usize) -> UnparkResult {
    // SAFETY: the tests' own key; the callback calls nothing of the lot.
    unsafe { lot::unpark_one(key, |_| UnparkToken(token)) }
}

pub(crate) fn unpark_all(key: Key, token: usize) -> usize {
    // SAFETY: the tests' own key.
    unsafe { lot::unpark_all(key, UnparkToken(token)) }
}

/// How long to watch something that must not move.
const STANDSTILL: Duration = Duration::from_millis(40);

/// Calls `work` while the bucket of this key is locked.
fn with_locked_bucket(key: Key, work: impl FnOnce()) {
    let (locked, is_locked) = channel();
    let (release, is_released) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let hold = |_| {
                locked.send(()).expect("it is received");
                is_released.recv().expect("it is sent");
                DEFAULT_UNPARK_TOKEN
            };
            // SAFETY: the tests' own key; the callback blocks, but calls nothing of the lot.
            unsafe { lot::unpark_one(key, hold) }
        });
        is_locked.recv().expect("it is locked");
        work();
        release.send(()).expect("it is received");
    });
}

/// Whether an unpark of `other` waits as long as the bucket of `key` is locked.
pub(crate) fn share_a_bucket(key: Key, other: Key) -> bool {
    let mut waits = false;
    thread::scope(|scope| {
        with_locked_bucket(key, || {
            let unpark = scope.spawn(move || unpark_one(other, 0));
            thread::sleep(STANDSTILL);
            waits = !unpark.is_finished();
        });
    });
    waits
}

/// A key of another address in the same bucket, found by trying.
pub(crate) fn colliding(key: Key) -> Key {
    /// Each call has a range of its own, so that what it finds is nobody else's.
    static NEXT: AtomicUsize = AtomicUsize::new(0x1000_0000);
    let tried = AtomicUsize::new(NEXT.fetch_add(0x10_0000, Relaxed));
    loop {
        let is_found = AtomicBool::new(false);
        thread::scope(|scope| {
            with_locked_bucket(key, || {
                scope.spawn(|| {
                    while !is_found.load(SeqCst) {
                        // Comes to a halt at the first that is in the bucket.
                        unpark_one(Key::from(tried.fetch_add(8, SeqCst) + 8), 0);
                    }
                });
                let mut seen = 0;
                while seen != tried.load(SeqCst) {
                    seen = tried.load(SeqCst);
                    thread::sleep(STANDSTILL);
                }
                is_found.store(true, SeqCst);
            });
        });
        let found = Key::from(tried.load(SeqCst));
        // On a busy machine, it may have stood still at any, and an unpark of that one may be slow as well.
        if (0..5).all(|_| share_a_bucket(key, found)) {
            return found;
        }
    }
}
