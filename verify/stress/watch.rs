//! The watch over a run: shows that it moves, ends it when it does not, and says how to repeat what went
//! wrong.

use ntpark::{BackendKind, Parker};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Nothing may stand still for longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether anything moves.
const LOOK: Duration = Duration::from_millis(500);
/// How often progress is shown.
const SHOW: Duration = Duration::from_secs(5);
/// The most threads that a scenario has.
pub(crate) const THREADS: usize = 64;

/// What a thread is doing, for the report of one that hangs.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Doing {
    /// It has not begun, or has ended.
    Nothing,
    /// Its own work.
    Working,
    /// In a park without a limit.
    Parking,
    /// In a park with a limit.
    ParkingTimed,
    /// In an unpark.
    Unparking,
    /// Looking again and again for what another thread has to do.
    Polling,
}

impl Doing {
    const ALL: [Self; 6] =
        [Self::Nothing, Self::Working, Self::Parking, Self::ParkingTimed, Self::Unparking, Self::Polling];
}

/// What is known of one thread. Written by that thread, read by the watch. On a cache line of its own, so
/// that it does not slow down what it watches.
#[repr(align(64))]
pub(crate) struct Place {
    steps: AtomicU64,
    doing: AtomicU8,
    /// The parker that it waits on. Null unless it outlives the thread.
    parker: AtomicPtr<Parker>,
}

impl Place {
    const fn new() -> Self {
        Self {
            steps: AtomicU64::new(0),
            doing: AtomicU8::new(Doing::Nothing as u8),
            parker: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Tells what comes now; that is progress.
    pub(crate) fn set(&self, doing: Doing) {
        // One writer, so that no addition is needed.
        self.steps.store(self.steps.load(Relaxed) + 1, Relaxed);
        self.doing.store(doing as u8, Relaxed);
    }

    /// Names the parker that the thread waits on. It has to outlive the round.
    pub(crate) fn waits_on(&self, parker: &Parker) {
        self.parker.store(ptr::from_ref(parker).cast_mut(), Relaxed);
    }

    /// The thread has ended.
    pub(crate) fn clear(&self) {
        self.parker.store(ptr::null_mut(), Relaxed);
        self.set(Doing::Nothing);
    }
}

/// The watch. There is one, for the whole process.
pub(crate) struct Watch {
    backend: BackendKind,
    start: Instant,
    /// The scenario and the seed of the round that runs.
    round: Mutex<(&'static str, u64)>,
    rounds: AtomicU64,
    places: [Place; THREADS],
}

impl Watch {
    /// Sets it up, with a thread of its own that lasts as long as the process. From now on a panic ends the process, on
    /// any thread: others may wait for that one, for ever.
    pub(crate) fn start(backend: BackendKind) -> &'static Self {
        let watch: &'static Self = Box::leak(Box::new(Self {
            backend,
            start: Instant::now(),
            round: Mutex::new(("", 0)),
            rounds: AtomicU64::new(0),
            places: [const { Place::new() }; THREADS],
        }));
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            print(panic);
            watch.fail("a thread has panicked");
        }));
        std::thread::spawn(|| watch.look_on());
        watch
    }

    /// A round begins.
    pub(crate) fn begin(&self, scenario: &'static str, seed: u64) {
        *self.round.lock().unwrap_or_else(|error| error.into_inner()) = (scenario, seed);
        self.rounds.fetch_add(1, Relaxed);
    }

    /// Where thread `index` of the scenario tells what it does.
    pub(crate) fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// Says what went wrong and how to repeat it, and ends the process.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let (scenario, seed) = *self.round.lock().unwrap_or_else(|error| error.into_inner());
        eprintln!("FAILED on {} in {scenario} with seed {seed}: {what}", self.backend);
        for (index, place) in self.places.iter().enumerate() {
            let doing = Doing::ALL[usize::from(place.doing.load(Relaxed))];
            if matches!(doing, Doing::Nothing) {
                continue;
            }
            let parker = place.parker.load(Relaxed);
            let word = if parker.is_null() {
                String::new()
            } else {
                // SAFETY: a parker is one atomic word, promised by its documentation, and this one outlives its thread,
                // which is not over.
                let word = unsafe { AtomicUsize::from_ptr(parker.cast()) };
                format!(", its word is {:#x}", word.load(Relaxed))
            };
            eprintln!("  thread {index}: {doing:?} after {} steps{word}", place.steps.load(Relaxed));
        }
        eprintln!(
            "Repeat with: cargo xtask stress --backend {} --seconds 60 -- --scenario {scenario} --seed {seed}",
            self.backend
        );
        std::process::exit(1);
    }

    fn steps(&self) -> u64 {
        self.places.iter().map(|place| place.steps.load(Relaxed)).fold(0, u64::wrapping_add)
    }

    fn look_on(&self) {
        let mut last = (self.steps(), Instant::now());
        let mut shown = Instant::now();
        loop {
            std::thread::sleep(LOOK);
            let steps = self.steps();
            if steps != last.0 {
                last = (steps, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                self.fail(&format!("nothing has moved for {} s", PATIENCE.as_secs()));
            }
            if shown.elapsed() >= SHOW {
                shown = Instant::now();
                let (scenario, seed) = *self.round.lock().unwrap_or_else(|error| error.into_inner());
                eprintln!(
                    "{:>5} s  round {} ({scenario}, seed {seed}), {steps} steps",
                    self.start.elapsed().as_secs(),
                    self.rounds.load(Relaxed)
                );
            }
        }
    }
}
