//! What the threads do: programs in which no token may be lost and no wait may end early, and their counts.

use crate::host;
use crate::kernel::{START, WORKERS};
use crate::machine::{self, JUDGE_NANOS, NAME, ROUNDS, TICK, TICK_COUNTS};
use crate::queue_lock::QueueLock;
use crate::random::Random;
use crate::{shot, watchdog};
use core::hint::spin_loop;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use core::time::Duration;
use lock_api::Mutex;
use ntpark::{Backend, Parker, UnparkReason};
use semihosting::println;

/// A program: what each worker does, and how its counts read. It returns how many of them are wrong.
struct Program {
    work: fn(usize),
    report: fn() -> u32,
}

const PROGRAMS: [Program; 5] = [
    Program { work: |worker| pass::<2>(worker, &PING_PONG), report: || report_ring("ping-pong", 2, &PING_PONG) },
    Program { work: |worker| pass::<4>(worker, &RING), report: || report_ring("ring of four", 4, &RING) },
    Program { work: time_out, report: report_time_outs },
    Program { work: unparks_from_an_interrupt, report: report_interrupts },
    Program { work: lock_and_count, report: report_locks },
];

/// Lets a worker begin the next program.
static BEGIN: [Parker; WORKERS] = [const { Parker::new() }; WORKERS];
/// Workers that have not finished it.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// Lets the director go on.
static FINISHED: Parker = Parker::new();

/// What the director does. True if all is well.
pub(crate) fn run_all() -> bool {
    println!("{NAME}, a clock with a granule of {} ns", Backend::get().clock_granule() * 100);
    while let Some(cpu) = machine::locked(|kernel, _| kernel.wake(START)) {
        machine::kick(cpu);
    }
    let mut wrong = 0;
    for program in &PROGRAMS {
        AT_WORK.store(WORKERS, Relaxed);
        for worker in &BEGIN {
            worker.unpark();
        }
        FINISHED.park();
        wrong += (program.report)();
    }
    println!("lost or doubled {}, early {}, wrong {wrong}", LOST.load(Relaxed), EARLY.load(Relaxed));
    wrong == 0
}

/// What a worker does.
pub(crate) fn work(worker: usize) -> ! {
    for program in &PROGRAMS {
        BEGIN[worker].park();
        (program.work)(worker);
        if AT_WORK.fetch_sub(1, AcqRel) == 1 {
            FINISHED.unpark();
        }
    }
    loop {
        BEGIN[worker].park();
    }
}

/// Tokens that did not come, or came too often.
static LOST: AtomicU32 = AtomicU32::new(0);
/// Waits that ended before their time.
static EARLY: AtomicU32 = AtomicU32::new(0);

// ---- Rings

/// A ring of threads that pass a ball on.
struct Ring {
    parkers: [Parker; WORKERS],
    ball: AtomicU32,
    /// The processor that it comes from.
    from: AtomicUsize,
    /// How often it has changed the processor.
    crossings: AtomicU32,
}

impl Ring {
    const fn new() -> Self {
        Self {
            parkers: [const { Parker::new() }; WORKERS],
            ball: AtomicU32::new(0),
            from: AtomicUsize::new(0),
            crossings: AtomicU32::new(0),
        }
    }
}

static PING_PONG: Ring = Ring::new();
static RING: Ring = Ring::new();

/// A worker's part in a ring of the first `SIZE` workers. Who has the ball counts it up; each knows the count that it
/// has to find. The ball is read and written by loads and stores alone: the tokens have to order them.
fn pass<const SIZE: usize>(worker: usize, ring: &Ring) {
    if worker >= SIZE {
        return;
    }
    if worker == 0 {
        ring.parkers[0].unpark();
    }
    for round in 0..ROUNDS {
        ring.parkers[worker].park();
        let ball = ring.ball.load(Relaxed);
        if ball != round * SIZE as u32 + worker as u32 {
            LOST.fetch_add(1, Relaxed);
        }
        let here = host::processor();
        if ball > 0 && ring.from.load(Relaxed) != here {
            ring.crossings.store(ring.crossings.load(Relaxed) + 1, Relaxed);
        }
        ring.from.store(here, Relaxed);
        ring.ball.store(ball + 1, Relaxed);
        watchdog::feed();
        if round + 1 < ROUNDS || worker + 1 < SIZE {
            ring.parkers[(worker + 1) % SIZE].unpark();
        }
    }
}

fn report_ring(name: &str, size: u32, ring: &Ring) -> u32 {
    let (handoffs, crossings) = (ring.ball.load(Relaxed), ring.crossings.load(Relaxed));
    println!(
        "{name}: {handoffs} handoffs, {crossings} of them to another processor, out of turn {}",
        LOST.load(Relaxed)
    );
    // Each neighbour in a ring is on the next processor, where there are two; the first handoff comes from nowhere.
    let expected = if machine::CPUS == 1 { 0 } else { size * ROUNDS - 1 };
    u32::from(handoffs != size * ROUNDS) + u32::from(crossings != expected) + u32::from(LOST.load(Relaxed) != 0)
}

// ---- Time-outs

static TIME_OUTS: AtomicU32 = AtomicU32::new(0);

/// Calls `wait`, which is to take at least `timeout` if it returns true, and judges that by another timer.
fn judged(timeout: Duration, wait: impl FnOnce() -> bool) -> bool {
    let start = machine::judge();
    let has_timed_out = wait();
    // The longest time that it can have been: the counts, and a part of another.
    let counts = u64::from(machine::judge().wrapping_sub(start)) + 1;
    if has_timed_out && u128::from(counts * JUDGE_NANOS) < timeout.as_nanos() {
        EARLY.fetch_add(1, Relaxed);
    }
    has_timed_out
}

/// Waits that begin anywhere within a tick, from zero up. All workers do it at the same time.
fn time_out(worker: usize) {
    /// In units of 100 ns, beside random ones.
    const UNITS: [u64; 8] = [0, 1, 10, TICK / 2, TICK - 1, TICK, TICK + 1, 3 * TICK];
    let parker = Parker::new();
    let mut random = Random::new(worker);
    for round in 0..ROUNDS / 8 {
        let phase = random.below(TICK_COUNTS);
        let start = machine::judge();
        while machine::judge().wrapping_sub(start) < phase {
            spin_loop();
        }
        let units = UNITS.get(round as usize % 16).copied().unwrap_or(u64::from(random.below(4 * TICK as u32)));
        let timeout = Duration::from_nanos(units * 100);
        if judged(timeout, || parker.park_timeout(timeout) == UnparkReason::TimedOut) {
            TIME_OUTS.fetch_add(1, Relaxed);
        }
        watchdog::feed();
    }
}

fn report_time_outs() -> u32 {
    let (done, early) = (TIME_OUTS.load(Relaxed), EARLY.load(Relaxed));
    println!("time-outs: {done}, early {early}");
    u32::from(done != ROUNDS / 8 * WORKERS as u32) + u32::from(early != 0)
}

// ---- Unparks from an interrupt handler

/// The worker that the handler unparks. It arms the timer, so on two processors the handler runs on its own.
const SHOT_AT: usize = 0;
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// One worker waits for shots; the others keep the processors busy.
fn unparks_from_an_interrupt(worker: usize) {
    if worker != SHOT_AT {
        while !IS_OVER.load(Acquire) {
            spin_loop();
        }
        return;
    }
    let mut random = Random::new(worker);
    for round in 0..ROUNDS / 8 {
        machine::shoot_in(1 + random.below(2 * TICK_COUNTS));
        shot::TARGET.park();
        shot::wait_for(round + 1);
        // A second token would be one too many.
        if shot::TARGET.park_timeout(Duration::ZERO) != UnparkReason::TimedOut {
            LOST.fetch_add(1, Relaxed);
        }
        watchdog::feed();
    }
    IS_OVER.store(true, Release);
}

fn report_interrupts() -> u32 {
    println!("unparks from an interrupt handler: {}, doubled {}", shot::count(), LOST.load(Relaxed));
    u32::from(shot::count() != ROUNDS / 8) + u32::from(LOST.load(Relaxed) != 0)
}

// ---- The lock of the example `queue_lock`

static COUNTED: Mutex<QueueLock, u32> = Mutex::new(0);
static GAVE_UP: AtomicU32 = AtomicU32::new(0);

/// Counts under the lock. Every other time there is a limit to the patience.
fn lock_and_count(worker: usize) {
    let mut random = Random::new(worker);
    for round in 0..ROUNDS / 8 {
        let timeout = Duration::from_nanos(u64::from(random.below(TICK as u32 / 10)) * 100);
        let mut guard = None;
        if round % 2 == 0 {
            guard = Some(COUNTED.lock());
        } else {
            judged(timeout, || {
                guard = COUNTED.try_lock_for(timeout);
                guard.is_none()
            });
        }
        match guard {
            Some(mut counted) => {
                let before = *counted;
                // Others get the processor while the lock is held.
                for _ in 0..random.below(100) {
                    spin_loop();
                }
                Backend::get().thread_yield();
                *counted = before + 1;
            }
            None => {
                GAVE_UP.fetch_add(1, Relaxed);
            }
        }
        watchdog::feed();
    }
}

fn report_locks() -> u32 {
    let (counted, gave_up, early) = (*COUNTED.lock(), GAVE_UP.load(Relaxed), EARLY.load(Relaxed));
    println!("queue lock: taken {counted} times, given up {gave_up} times, early {early}");
    u32::from(counted + gave_up != ROUNDS / 8 * WORKERS as u32) + u32::from(early != 0)
}
