//! Waiting by address: wakes that find nobody, and many keys.

use std::hint::black_box;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use super::figures;
use crate::measure::{Case, Plan, Sample, rounds};
use crate::report::{Goal, Outcome};
use crate::subjects::{NtparkFutex, ParkingLotCore, Primitive};

/// The limit: what makes sure that a wake which finds nobody misses nobody.
struct BareFence;

impl Primitive for BareFence {
    const NAME: &'static str = "bare-fence";

    fn wait(_: &AtomicU32, _: u32) {}

    fn wake(word: &AtomicU32) {
        std::sync::atomic::fence(SeqCst);
        black_box(word.load(Relaxed));
    }
}

/// Wakes with nobody there.
pub(super) fn wake_nobody(plan: &Plan) -> Vec<Outcome> {
    fn case<P: Primitive>() -> Case {
        Case::new(P::NAME, |operations| {
            let words: [AtomicU32; 64] = std::array::from_fn(|_| AtomicU32::new(0));
            let start = Instant::now();
            for operation in 0..operations {
                P::wake(black_box(&words[operation as usize % words.len()]));
            }
            Sample::new(start.elapsed(), operations)
        })
    }
    let mut cases = vec![case::<BareFence>(), case::<NtparkFutex>(), case::<ParkingLotCore>()];
    #[cfg(feature = "newer-peers")]
    cases.push(case::<crate::subjects::ParkingLotCore010>());
    #[cfg(windows)]
    if !crate::subjects::is_keyed() {
        cases.push(case::<crate::sys::WaitOnAddress>());
    }
    #[cfg(target_os = "linux")]
    cases.push(case::<crate::sys::Futex>());
    rounds("wake-nobody", &mut cases, plan);
    vec![Outcome {
        work: "wake-nobody".into(),
        description: "wake by address with nobody there",
        limit: Some(BareFence::NAME),
        figures: cases.iter().map(|case| figures(case, |sample| sample.nanos)).collect(),
        goals: vec![(NtparkFutex::NAME, Goal::Mean(BareFence::NAME, 1.5))],
    }]
}

/// Threads that use the table at the same time.
const THREADS: u64 = 16;
/// How many addresses they share.
const KEYS: [usize; 4] = [1, 16, 256, 4096];
/// How far apart those are. The first is what the others are compared with.
const STRIDES: [usize; 4] = [64, 8, 4096, 1 << 20];

/// Threads that queue, run out of time at once, and leave, with more and fewer keys at any distance.
pub(super) fn keys(plan: &Plan) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for keys in KEYS {
        let mut cases = Vec::new();
        for stride in STRIDES {
            cases.push(Case::new("ntpark-lot", move |operations| on_keys(operations, keys, stride, queue_in_lot)));
            cases.push(Case::new("parking_lot_core", move |operations| {
                on_keys(operations, keys, stride, queue_in_parking_lot)
            }));
        }
        rounds(&format!("keys-{keys}"), &mut cases, plan);
        let first: Vec<Vec<f64>> = cases[..2].iter().map(nanos).collect();
        for (pair, stride) in cases.chunks(2).zip(STRIDES) {
            let figures = pair.iter().zip(&first).map(|(case, first)| {
                let mut figures = figures(case, |sample| sample.nanos);
                figures.baseline = Some(first.clone());
                figures
            });
            outcomes.push(Outcome {
                work: format!("keys-{keys}-{stride}"),
                description: "16 threads queue on so many keys so many bytes apart; the limit is the same 64 bytes apart",
                limit: None,
                figures: figures.collect(),
                goals: vec![("ntpark-lot", Goal::Limit(1.25))],
            });
        }
    }
    outcomes
}

fn nanos(case: &Case) -> Vec<f64> {
    case.samples.iter().map(|sample| sample.nanos).collect()
}

fn on_keys(operations: u64, keys: usize, stride: usize, queue: fn(usize)) -> Sample {
    let begin = Barrier::new(THREADS as usize);
    let start = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut random = fastrand::Rng::new();
                begin.wait();
                start.lock().expect("nobody panics").get_or_insert_with(Instant::now);
                for _ in 0..operations.div_ceil(THREADS) {
                    queue((1 << 30) + stride * random.usize(..keys));
                }
            });
        }
    });
    let start = start.into_inner().expect("nobody panics").expect("each has begun");
    Sample::new(start.elapsed(), operations.div_ceil(THREADS) * THREADS)
}

fn queue_in_lot(key: usize) {
    use ntpark::lot::{DEFAULT_PARK_TOKEN, park};
    // SAFETY: the callbacks do nothing, and nobody else uses these keys.
    unsafe { park(key, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, ntpark::Instant::MIN) };
}

fn queue_in_parking_lot(key: usize) {
    use parking_lot_core::{DEFAULT_PARK_TOKEN, park};
    // SAFETY: as above.
    unsafe { park(key, || true, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Some(Instant::now())) };
}
