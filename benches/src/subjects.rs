//! What is measured: ntpark, its peers, and the limits.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::thread::Thread;

use crossbeam_utils::sync::{Parker as CrossbeamParker, Unparker as CrossbeamUnparker};
use ntpark::BackendKind;

/// A way to park: at most one token, which `unpark` leaves and `park` takes or waits for.
pub(crate) trait Subject: 'static {
    const NAME: &'static str;
    /// The side of the thread that waits.
    type Parker: 'static;
    /// The other side.
    type Unparker: Clone + Send + 'static;

    /// A new one, for the calling thread to park on.
    fn pair() -> (Self::Parker, Self::Unparker);
    fn park(parker: &Self::Parker);
    fn unpark(unparker: &Self::Unparker);
}

/// Both sides of a subject that is one shared word.
type Shared<T> = Arc<Apart<T>>;

/// A word with so much space behind it that the next one does not lie in the same cache line or its neighbour. Not by alignment: systems hash the low bits of an address, which should be as
/// different as they are in other programs.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Apart<T> {
    word: T,
    _space: [usize; 15],
}

impl<T> Deref for Apart<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.word
    }
}

fn share<T: Default>() -> (Shared<T>, Shared<T>) {
    let shared = Shared::<T>::default();
    (Arc::clone(&shared), shared)
}

/// [`ntpark::Parker`].
pub(crate) struct Ntpark;

impl Subject for Ntpark {
    const NAME: &'static str = "ntpark";
    type Parker = Shared<ntpark::Parker>;
    type Unparker = Shared<ntpark::Parker>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        share()
    }

    fn park(parker: &Self::Parker) {
        let _ = parker.park();
    }

    fn unpark(unparker: &Self::Unparker) {
        unparker.unpark();
    }
}

/// [`ntpark::Parker::no_spin`].
pub(crate) struct NtparkNoSpin;

impl Subject for NtparkNoSpin {
    const NAME: &'static str = "ntpark-no-spin";
    type Parker = Shared<ntpark::Parker>;
    type Unparker = Shared<ntpark::Parker>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        share()
    }

    fn park(parker: &Self::Parker) {
        let _ = parker.no_spin().park();
    }

    fn unpark(unparker: &Self::Unparker) {
        unparker.unpark();
    }
}

/// [`std::thread::park`]. There is one token for each thread.
pub(crate) struct Std;

impl Subject for Std {
    const NAME: &'static str = "std";
    type Parker = ();
    type Unparker = Thread;

    fn pair() -> (Self::Parker, Self::Unparker) {
        // The thread may have a token already: std leaves one when the threads of a scope have ended.
        std::thread::park_timeout(std::time::Duration::ZERO);
        ((), std::thread::current())
    }

    fn park((): &Self::Parker) {
        std::thread::park();
    }

    fn unpark(unparker: &Self::Unparker) {
        unparker.unpark();
    }
}

/// crossbeam-utils: a mutex and a condition variable of std's behind an atomic.
pub(crate) struct Crossbeam;

impl Subject for Crossbeam {
    const NAME: &'static str = "crossbeam-utils";
    type Parker = CrossbeamParker;
    type Unparker = CrossbeamUnparker;

    fn pair() -> (Self::Parker, Self::Unparker) {
        let parker = CrossbeamParker::new();
        let unparker = parker.unparker().clone();
        (parker, unparker)
    }

    fn park(parker: &Self::Parker) {
        parker.park();
    }

    fn unpark(unparker: &Self::Unparker) {
        unparker.unpark();
    }
}

/// parking, on which async executors block.
pub(crate) struct Parking;

impl Subject for Parking {
    const NAME: &'static str = "parking";
    type Parker = parking::Parker;
    type Unparker = parking::Unparker;

    fn pair() -> (Self::Parker, Self::Unparker) {
        parking::pair()
    }

    fn park(parker: &Self::Parker) {
        parker.park();
    }

    fn unpark(unparker: &Self::Unparker) {
        unparker.unpark();
    }
}

/// What blocks a thread while a word holds a value, and wakes it.
pub(crate) trait Primitive: 'static {
    const NAME: &'static str;
    /// Blocks while the word is `value`; may return for no reason.
    fn wait(word: &AtomicU32, value: u32);
    /// Wakes the thread that waits on the word.
    fn wake(word: &AtomicU32);
}

/// The usual loop around a primitive: what one would write by hand. On a bare system call it is the limit for
/// whoever blocks there.
pub(crate) struct Raw<P>(P);

const EMPTY: u32 = 0;
const NOTIFIED: u32 = EMPTY + 1;
const PARKED: u32 = EMPTY.wrapping_sub(1);

impl<P: Primitive> Subject for Raw<P> {
    const NAME: &'static str = P::NAME;
    type Parker = Shared<AtomicU32>;
    type Unparker = Shared<AtomicU32>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        share()
    }

    fn park(word: &Self::Parker) {
        // NOTIFIED=>EMPTY, EMPTY=>PARKED
        if word.fetch_sub(1, Acquire) == NOTIFIED {
            return;
        }
        while word.load(Relaxed) == PARKED {
            P::wait(word, PARKED);
        }
        word.swap(EMPTY, Acquire);
    }

    fn unpark(word: &Self::Unparker) {
        if word.swap(NOTIFIED, Release) == PARKED {
            P::wake(word);
        }
    }
}

/// atomic-wait.
#[cfg(has_atomic_wait)]
pub(crate) struct AtomicWait;

#[cfg(has_atomic_wait)]
impl Primitive for AtomicWait {
    const NAME: &'static str = "atomic-wait";

    fn wait(word: &AtomicU32, value: u32) {
        atomic_wait::wait(word, value);
    }

    fn wake(word: &AtomicU32) {
        atomic_wait::wake_one(word);
    }
}

/// parking_lot_core: a queue of waiting threads for each address.
macro_rules! parking_lot_core {
    ($(#[$attribute:meta])* $subject:ident, $name:literal, $core:ident) => {
        $(#[$attribute])*
        pub(crate) struct $subject;

        $(#[$attribute])*
        impl Primitive for $subject {
            const NAME: &'static str = $name;

            fn wait(word: &AtomicU32, value: u32) {
                let validate = || word.load(Relaxed) == value;
                // SAFETY: the key is an address of our own, and the closures neither panic nor call into parking_lot.
                unsafe { $core::park(key(word), validate, || {}, |_, _| {}, $core::DEFAULT_PARK_TOKEN, None) };
            }

            fn wake(word: &AtomicU32) {
                // SAFETY: as above.
                unsafe { $core::unpark_one(key(word), |_| $core::DEFAULT_UNPARK_TOKEN) };
            }
        }
    };
}

parking_lot_core!(ParkingLotCore, "parking_lot_core", parking_lot_core);
parking_lot_core!(
    #[cfg(feature = "newer-peers")]
    ParkingLotCore010,
    "parking_lot_core-0.10",
    parking_lot_core_0_10
);

fn key(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

/// [`ntpark::futex`].
pub(crate) struct NtparkFutex;

impl Primitive for NtparkFutex {
    const NAME: &'static str = "ntpark-futex";

    fn wait(word: &AtomicU32, value: u32) {
        ntpark::futex::wait(word, value);
    }

    fn wake(word: &AtomicU32) {
        ntpark::futex::wake(word, 1);
    }
}

/// The limit for who does not wait: a token left by one swap, taken by another.
pub(crate) struct BareSwaps;

impl Subject for BareSwaps {
    const NAME: &'static str = "bare-swaps";
    type Parker = Shared<AtomicUsize>;
    type Unparker = Shared<AtomicUsize>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        share()
    }

    fn park(word: &Self::Parker) {
        std::hint::black_box(word.swap(0, Acquire));
    }

    fn unpark(word: &Self::Unparker) {
        std::hint::black_box(word.swap(1, Release));
    }
}

/// The limit for who waits on another processor: stores on one side, looks on the other.
pub(crate) struct BareSpin;

impl Subject for BareSpin {
    const NAME: &'static str = "bare-spin";
    type Parker = Shared<AtomicUsize>;
    type Unparker = Shared<AtomicUsize>;

    fn pair() -> (Self::Parker, Self::Unparker) {
        share()
    }

    fn park(word: &Self::Parker) {
        while word.load(Acquire) == 0 {
            std::hint::spin_loop();
        }
        word.store(0, Relaxed);
    }

    fn unpark(word: &Self::Unparker) {
        word.store(1, Release);
    }
}

/// A work, written once for all subjects.
pub(crate) trait Measure {
    type Output;
    fn measure<S: Subject>(&self) -> Self::Output;
}

/// The work on each peer that parks on the primitive of ntpark's backend. Others are left out, with the
/// reason in [`ABSENT`].
pub(crate) fn peers<M: Measure>(measure: &M) -> Vec<M::Output> {
    let mut outputs = Vec::new();
    #[cfg(windows)]
    {
        use crate::sys::{AutoResetEvent, KeyedEvents, WaitOnAddress};
        if is_keyed() {
            outputs.push(measure.measure::<Raw<KeyedEvents>>());
        } else {
            outputs.push(measure.measure::<Raw<WaitOnAddress>>());
        }
        outputs.push(measure.measure::<AutoResetEvent>());
    }
    #[cfg(target_os = "linux")]
    outputs.push(measure.measure::<Raw<crate::sys::Futex>>());
    if !is_keyed() {
        outputs.push(measure.measure::<Std>());
        outputs.push(measure.measure::<Crossbeam>());
        outputs.push(measure.measure::<Parking>());
        outputs.push(measure.measure::<Raw<ParkingLotCore>>());
        #[cfg(feature = "newer-peers")]
        outputs.push(measure.measure::<Raw<ParkingLotCore010>>());
        #[cfg(has_atomic_wait)]
        outputs.push(measure.measure::<Raw<AtomicWait>>());
    }
    outputs
}

/// The work on the bare loop around the primitive of ntpark's backend.
pub(crate) fn raw<M: Measure>(measure: &M) -> M::Output {
    #[cfg(windows)]
    return if is_keyed() {
        measure.measure::<Raw<crate::sys::KeyedEvents>>()
    } else {
        measure.measure::<Raw<crate::sys::WaitOnAddress>>()
    };
    #[cfg(target_os = "linux")]
    measure.measure::<Raw<crate::sys::Futex>>()
}

/// The name of that loop.
pub(crate) fn raw_name() -> &'static str {
    struct Name;
    impl Measure for Name {
        type Output = &'static str;
        fn measure<S: Subject>(&self) -> Self::Output {
            S::NAME
        }
    }
    raw(&Name)
}

/// Whether ntpark parks on keyed events.
pub(crate) fn is_keyed() -> bool {
    matches!(ntpark::Backend::get().kind(), BackendKind::KeyedEvent | BackendKind::KeyedEventNull)
}

/// Peers that do not run on the backend, and why.
pub(crate) fn absent() -> Vec<(&'static str, &'static str)> {
    let mut absent = Vec::new();
    if is_keyed() {
        absent.push(("std", "takes WaitOnAddress wherever there is one, and cannot be told otherwise"));
        absent.push(("parking_lot_core", "takes WaitOnAddress wherever there is one, and cannot be told otherwise"));
        absent.push(("crossbeam-utils", "blocks on std's mutex and condition variable, not on keyed events"));
        absent.push(("parking", "blocks on std's mutex and condition variable, not on keyed events"));
        absent.push(("atomic-wait", "knows WaitOnAddress alone"));
    }
    if cfg!(not(feature = "newer-peers")) {
        absent.push(("parking_lot_core-0.10", "needs Rust 1.95 and the feature newer-peers"));
    }
    if !is_keyed() && cfg!(not(has_atomic_wait)) {
        absent.push(("atomic-wait", "left out where it cannot be linked, for *-pc-windows-gnu, and for Windows 7"));
    }
    if !cfg!(windows) {
        absent.push(("WaitOnAddress, keyed events, auto-reset events", "are Windows'"));
    }
    absent
}
