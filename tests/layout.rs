//! What parkers are in memory: C and statics rely on it.

mod common;

use common::{await_parked, begin};
use ntpark::{
    Backend, BackendKind, BackendKinds, Host, HostFunctions, Instant, KeyedEvent, NoSpin, Parker, Polling, SelectError,
    SpinWait, ThreadParker, UnparkHandle, UnparkReason, WaitAddress,
};
use std::mem::{MaybeUninit, align_of, size_of};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::Duration;

const WORD: usize = size_of::<usize>();

#[test]
fn sizes_and_alignments() {
    let words = |size: usize| size / WORD;
    assert_eq!((words(size_of::<Parker>()), align_of::<Parker>()), (1, WORD));
    assert_eq!((words(size_of::<ThreadParker>()), align_of::<ThreadParker>()), (2, WORD));
    assert_eq!((words(size_of::<UnparkHandle>()), align_of::<UnparkHandle>()), (2, WORD));
    assert_eq!((size_of::<Instant>(), align_of::<Instant>()), (8, align_of::<u64>()));
    assert_eq!((size_of::<BackendKind>(), size_of::<BackendKinds>()), (1, 1));
    assert_eq!(size_of::<SpinWait>(), 4);
    // The size, the context, five functions, and two words of 32 bits.
    assert_eq!(size_of::<HostFunctions>(), 5 * WORD);
    assert_eq!(size_of::<Host>(), 7 * WORD + 8);
}

#[test]
fn the_numbers_of_the_kinds() {
    let numbers = BackendKind::ALL.map(|kind| kind as u8);
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let names = BackendKind::ALL.map(BackendKind::name);
    assert_eq!(names, ["wait-address", "keyed-event", "keyed-event-null", "host", "polling"]);
    let bits = BackendKind::ALL.map(|kind| BackendKinds::from(kind).bits());
    assert_eq!(bits, [1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5]);
    assert_eq!(BackendKind::ALL.into_iter().map(BackendKinds::from).collect::<BackendKinds>(), BackendKinds::all());
}

#[test]
fn zeroed_memory_is_a_parker_without_a_token() {
    let _test = begin();
    // SAFETY: all zero is a parker; this is what the test is about.
    let parker = unsafe { MaybeUninit::<Parker>::zeroed().assume_init() };
    assert_eq!(parker.park_timeout(Duration::from_micros(1)), UnparkReason::TimedOut);
    assert!(!parker.unpark());
    assert_eq!(parker.park(), UnparkReason::Unparked);

    // SAFETY: all zero is a parker of the process's backend.
    let parker = unsafe { MaybeUninit::<ThreadParker>::zeroed().assume_init() };
    assert_eq!(parker.backend().kind(), Backend::get().kind());
    parker.prepare_park();
    assert!(!parker.park_until(Instant::MIN));
    assert!(parker.timed_out());

    // SAFETY: all zero is a handle with nothing to do.
    let handle = unsafe { MaybeUninit::<UnparkHandle>::zeroed().assume_init() };
    assert!(!handle.unpark());
}

/// The bytes of a value without padding.
fn bytes<T>(value: T) -> Vec<u8> {
    let first = std::ptr::from_ref(&value).cast::<u8>();
    // SAFETY: the value has this size, lives until the bytes are copied, and has no padding: it is made of words.
    unsafe { std::slice::from_raw_parts(first, size_of::<T>()) }.to_vec()
}

#[test]
fn new_parkers_are_all_zero() {
    assert!(bytes(Parker::new()).iter().all(|&byte| byte == 0));
    assert!(bytes(Parker::default()).iter().all(|&byte| byte == 0));
    assert!(bytes(ThreadParker::new()).iter().all(|&byte| byte == 0));
    assert!(bytes(ThreadParker::default()).iter().all(|&byte| byte == 0));
    // A token is one word's business.
    let parker = Parker::new();
    parker.unpark();
    assert!(bytes(parker).iter().any(|&byte| byte != 0));
}

#[test]
fn parkers_are_constants() {
    static PARKER: Parker = Parker::new();
    static PARKERS: [ThreadParker; 3] = [const { ThreadParker::new() }; 3];
    let _test = begin();
    thread::scope(|scope| {
        scope.spawn(|| PARKER.unpark());
        assert_eq!(PARKER.park(), UnparkReason::Unparked);
        for parker in &PARKERS {
            parker.prepare_park();
            scope.spawn(|| parker.unpark_lock().unpark());
            parker.park();
        }
    });
}

#[test]
fn what_can_go_where() {
    fn everywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    fn plain<T: Copy + Send + Sync + std::fmt::Debug>() {}
    fn to_others<T: Send + std::fmt::Debug>() {}
    everywhere::<Parker>();
    everywhere::<ThreadParker>();
    plain::<Backend>();
    plain::<Host>();
    plain::<Instant>();
    plain::<KeyedEvent>();
    plain::<BackendKind>();
    plain::<BackendKinds>();
    plain::<SelectError>();
    plain::<SpinWait>();
    plain::<UnparkReason>();
    plain::<WaitAddress>();
    plain::<Polling>();
    plain::<NoSpin>();
    plain::<HostFunctions>();
    to_others::<UnparkHandle>();
    assert_eq!(format!("{:>16}|", BackendKind::KeyedEvent), "     keyed-event|");
}

#[test]
fn debug_names_the_state() {
    let _test = begin();
    let parker = Parker::new();
    assert_eq!(format!("{parker:?}"), "Parker(EMPTY)");
    parker.unpark();
    parker.unpark();
    assert_eq!(format!("{parker:?}"), "Parker(NOTIFIED)");
    assert_eq!(parker.park(), UnparkReason::Unparked);
    thread::scope(|scope| {
        scope.spawn(|| parker.park());
        await_parked(&parker);
        assert_eq!(format!("{parker:?}"), "Parker(PARKED)");
        parker.unpark();
    });
    let parker = ThreadParker::new();
    assert_eq!(format!("{parker:?}"), "ThreadParker(EMPTY)");
    parker.prepare_park();
    assert_eq!(format!("{parker:?}"), "ThreadParker(ARMED)");
    assert!(!parker.park_until(Instant::MIN));
    assert_eq!(format!("{parker:?}"), "ThreadParker(TIMED_OUT)");
    parker.prepare_park();
    assert!(!parker.unpark_lock().unpark());
    assert_eq!(format!("{parker:?}"), "ThreadParker(ARMED + NOTIFIED)");
}
