//! Locks that nobody else wants.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Acquire;
use std::time::Instant;

use super::figures;
use crate::locks::{BarePair, Mutex, RwLock, peers};
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};

const BARE_LOAD: &str = "bare-load";

/// Locking and unlocking, each way, and asking whether it has been done.
pub(super) fn uncontended(plan: &Plan) -> Vec<Outcome> {
    let mut mutexes = peers!(mutex mutex());
    mutexes.push(mutex::<BarePair>());
    let mut readers = peers!(rwlock reader());
    readers.push(reader::<BarePair>());
    let mut writers = peers!(rwlock writer());
    writers.push(writer::<BarePair>());
    let (done, once) = (AtomicBool::new(true), ntpark_locks::Once::new());
    let (std, parking_lot, usync) = (std::sync::Once::new(), parking_lot::Once::new(), usync::Once::new());
    once.call_once(|| {});
    std.call_once(|| {});
    parking_lot.call_once(|| {});
    usync.call_once(|| {});
    let onces = vec![
        case(BARE_LOAD, done, |done| assert!(done.load(Acquire))),
        case("ntpark-locks", once, |once| once.call_once(|| {})),
        case("std", std, |once| once.call_once(|| {})),
        case("parking_lot", parking_lot, |once| once.call_once(|| {})),
        case("usync", usync, |once| once.call_once(|| {})),
    ];
    let rows = [
        ("lock", "lock and unlock a mutex, alone", BarePair::NAME, mutexes),
        ("read", "lock and unlock for reading, alone", BarePair::NAME, readers),
        ("write", "lock and unlock for writing, alone", BarePair::NAME, writers),
        ("once", "call a once that is done", BARE_LOAD, onces),
    ];
    rows.map(|(work, description, limit, mut cases)| {
        rounds(work, &mut cases, plan);
        Outcome {
            work: work.into(),
            description,
            limit: Some(limit),
            figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
            goals: vec![("ntpark-locks", Goal::Mean(limit, 1.1))],
        }
    })
    .into()
}

fn mutex<M: Mutex>() -> Case {
    case(M::NAME, M::default(), |mutex| mutex.with(|| {}))
}

fn reader<L: RwLock>() -> Case {
    case(L::NAME, L::default(), |lock| lock.read(|| {}))
}

fn writer<L: RwLock>() -> Case {
    case(L::NAME, L::default(), |lock| lock.write(|| {}))
}

fn case<T: 'static>(subject: &'static str, object: T, operation: impl Fn(&T) + 'static) -> Case {
    Case::new(subject, move |operations| {
        let start = Instant::now();
        for _ in 0..operations {
            operation(black_box(&object));
        }
        Sample::new(start.elapsed(), operations)
    })
}
