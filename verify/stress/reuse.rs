//! Parkers that go as soon as their park has returned, and new ones at the same address at once, while the
//! last waker may still be in its unpark.
//!
//! Each lane is one owner, which makes the parkers, a generation of one after the other, and two wakers that
//! take turns: one may be late while the next generation is already with the other. What is left of a parker
//! is filled with a pattern, and nobody may write there.

use crate::watch::Doing;
use crate::worker::{Counts, Round, SpinLock, Worker};
use ntpark::{Backend, Parker, ThreadParker};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Instant;

/// What a parker's memory is filled with once it is gone.
const PATTERN: usize = 0xA5A5_A5A5;

/// How the owner waits, and where the parker lies.
#[derive(Clone, Copy)]
enum Way {
    /// In a place on the stack that is used again and again.
    Stack,
    /// In memory of the allocator, which likes to hand out again what it was just given; AddressSanitizer
    /// watches over it.
    Heap,
    /// On the stack, with the two-phase protocol.
    TwoPhase,
}

/// What the owner and one waker share.
#[derive(Default)]
struct Desk {
    /// The parker to unpark next.
    parker: AtomicPtr<Parker>,
    /// The same in the two-phase protocol: a queue with room for one.
    queue: SpinLock<Option<Waiting>>,
    /// The generation that was unparked last. Relaxed: the token carries it.
    sent: AtomicU64,
    over: AtomicBool,
}

/// A parker in a queue.
struct Waiting(*const ThreadParker);

// SAFETY: it may be used by any thread, for as long as it is in the queue.
unsafe impl Send for Waiting {}

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let mut rng = round.rng();
    let way = [Way::Stack, Way::Heap, Way::TwoPhase][rng.usize(..3)];
    let lanes: Vec<[Desk; 2]> = (0..rng.usize(1..=3)).map(|_| <[Desk; 2]>::default()).collect();
    let generations = 1 + round.often(3000) / lanes.len() as u64;

    round.run(lanes.len() * 3, |index, worker| {
        let lane = &lanes[index % lanes.len()];
        match index / lanes.len() {
            0 => own(lane, way, generations, worker),
            waker => wake(&lane[waker - 1], way, waker as u64, worker),
        }
    })
}

fn own(lane: &[Desk; 2], way: Way, generations: u64, worker: &mut Worker<'_>) {
    let mut parker = MaybeUninit::<Parker>::uninit();
    let mut thread_parker = MaybeUninit::<ThreadParker>::uninit();
    for generation in 1..=generations {
        // Waker 1 serves generations 1, 3, …, waker 2 the others.
        let desk = &lane[(generation as usize - 1) % 2];
        match way {
            Way::Stack => {
                wait(desk, parker.write(Parker::new()), worker);
                spoil(&mut parker, worker);
            }
            Way::Heap => wait(desk, &Box::new(Parker::new()), worker),
            Way::TwoPhase => {
                wait_two_phase(desk, thread_parker.write(ThreadParker::new()), worker);
                spoil(&mut thread_parker, worker);
            }
        }
        worker.counts.taken += 1;
        let sent = desk.sent.load(Relaxed);
        if sent != generation {
            worker.counts.doubled += 1;
            worker.watch.fail(&format!("generation {generation} was let go when {sent} had been unparked"));
        }
    }
    lane.iter().for_each(|desk| desk.over.store(true, Relaxed));
}

fn wait(desk: &Desk, parker: &Parker, worker: &mut Worker<'_>) {
    // Release: the waker has to see the new parker, not the pattern.
    desk.parker.store(ptr::from_ref(parker).cast_mut(), Release);
    worker.dawdle();
    worker.park(parker);
}

fn wait_two_phase(desk: &Desk, parker: &ThreadParker, worker: &mut Worker<'_>) {
    loop {
        parker.prepare_park();
        desk.queue.with(|queue| *queue = Some(Waiting(parker)));
        worker.dawdle();
        if worker.rng.bool() {
            worker.place.set(Doing::Parking);
            parker.park();
            worker.place.set(Doing::Working);
            return;
        }
        let timeout = worker.timeout();
        worker.place.set(Doing::ParkingTimed);
        let start = Instant::now();
        let unparked = parker.park_until(Backend::get().deadline(timeout));
        let elapsed = start.elapsed();
        worker.place.set(Doing::Working);
        if unparked {
            return;
        }
        worker.counts.timeouts += 1;
        worker.counts.early += u64::from(elapsed < timeout);
        let timed_out = desk.queue.with(|queue| {
            let timed_out = parker.timed_out();
            // In the queue still, if and only if nobody has unparked it.
            if timed_out != queue.take().is_some() {
                worker.watch.fail("`timed_out` and the queue disagree");
            }
            timed_out
        });
        if !timed_out {
            return;
        }
    }
}

/// Fills what was a parker, waits a while, and looks whether anybody has written there.
fn spoil<T>(place: &mut MaybeUninit<T>, worker: &mut Worker<'_>) {
    let words = place.as_mut_ptr().cast::<usize>();
    let count = size_of::<T>() / size_of::<usize>();
    for index in 0..count {
        // SAFETY: parkers are made of words, and the index is that of one of them.
        let word = unsafe { words.add(index) };
        // SAFETY: the memory is ours. Volatile, so that it is not taken for pointless.
        unsafe { word.write_volatile(PATTERN) };
    }
    worker.dawdle();
    for index in 0..count {
        // SAFETY: as above.
        let word = unsafe { words.add(index) };
        // SAFETY: as above, and it was written to.
        let found = unsafe { word.read_volatile() };
        if found != PATTERN {
            worker.watch.fail(&format!("somebody wrote {found:#x} to word {index} of a parker that is gone"));
        }
    }
}

/// Unparks each parker that the owner puts on the desk, once. The first one is that of generation
/// `generation`, then it is every other one's turn.
fn wake(desk: &Desk, way: Way, mut generation: u64, worker: &mut Worker<'_>) {
    loop {
        let is_there = || match way {
            Way::Stack | Way::Heap => !desk.parker.load(Relaxed).is_null(),
            Way::TwoPhase => desk.queue.with(|queue| queue.is_some()),
        };
        worker.poll(|| is_there() || desk.over.load(Relaxed));
        if desk.over.load(Relaxed) {
            return;
        }
        worker.dawdle();
        let woken = match way {
            Way::Stack | Way::Heap => {
                // Acquire: meets the owner's Release.
                let parker = desk.parker.swap(ptr::null_mut(), Acquire);
                desk.sent.store(generation, Relaxed);
                worker.place.set(Doing::Unparking);
                // SAFETY: the owner lets no parker go before it has its token, and this is the only one to send it
                // that.
                unsafe { (*parker).unpark() }
            }
            Way::TwoPhase => {
                let handle = desk.queue.with(|queue| {
                    let parker = queue.take()?.0;
                    desk.sent.store(generation, Relaxed);
                    // SAFETY: the owner lets no parker go that it has not taken out of the queue.
                    Some(unsafe { (*parker).unpark_lock() })
                });
                // The owner may have given up meanwhile.
                let Some(handle) = handle else { continue };
                worker.dawdle();
                worker.place.set(Doing::Unparking);
                handle.unpark()
            }
        };
        worker.place.set(Doing::Working);
        worker.counts.wakes += u64::from(woken);
        worker.counts.sent += 1;
        generation += 2;
    }
}
