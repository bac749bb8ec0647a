//! The locks of ntpark-locks, all at once: with time-outs, with many threads, freed by their last user, and used by
//! threads that are suspended anywhere.
//!
//! What is counted: `sent` is what was counted with a lock held, or by a notify; `taken` what the threads know of
//! themselves.

use crate::watch::{Doing, THREADS};
use crate::worker::{Bare, Counts, Round, Worker};
use ntpark::{Backend, Instant};
use ntpark_locks::{Barrier, BarrierWait, Begin, Condvar, Event, Once, RawMutex, RawRwLock, Semaphore};
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};

const PERMITS: u32 = 3;
/// How many threads meet.
const PARTY: u16 = 3;

/// What all threads use.
struct Locks {
    mutex: RawMutex,
    /// How often the mutex was locked. Bare: the lock has to order it.
    locked: Bare<u64>,
    rwlock: RawRwLock,
    /// How often it was locked exclusively, twice.
    written: Bare<[u64; 2]>,
    condvar: Condvar,
    semaphore: Semaphore,
    permits: AtomicU32,
    event: Event,
    sets: AtomicU64,
    passes: AtomicU64,
    barrier: Barrier,
    met: AtomicU64,
    last: AtomicU64,
    once: Once,
    is_running: AtomicBool,
}

impl Locks {
    fn new() -> Self {
        Self {
            mutex: RawMutex::new(),
            locked: Bare::default(),
            rwlock: RawRwLock::new(),
            written: Bare::default(),
            condvar: Condvar::new(),
            semaphore: Semaphore::new(PERMITS),
            permits: AtomicU32::new(PERMITS),
            event: Event::new(),
            sets: AtomicU64::new(0),
            passes: AtomicU64::new(0),
            barrier: Barrier::new(),
            met: AtomicU64::new(0),
            last: AtomicU64::new(0),
            once: Once::new(),
            is_running: AtomicBool::new(false),
        }
    }

    /// Uses one of them, in one of the ways that there are.
    fn use_one(&self, worker: &mut Worker<'_>) {
        match worker.rng.u8(..8) {
            0 | 1 => self.lock(worker),
            2 | 3 => self.read_or_write(worker),
            4 => {
                worker.place.set(Doing::Unparking);
                let notified = self.condvar.notify(worker.rng.usize(..4)) as u64;
                worker.counts.sent += notified;
                worker.counts.wakes += u64::from(notified > 0);
            }
            5 => self.acquire(worker),
            6 => self.pass(worker),
            _ => self.meet(worker),
        }
        worker.place.set(Doing::Working);
    }

    fn lock(&self, worker: &mut Worker<'_>) {
        if !timed(worker, |deadline| self.mutex.try_lock_until(deadline)) {
            return;
        }
        // SAFETY: with the mutex locked.
        unsafe { self.locked.with(|locked| *locked += 1) };
        worker.counts.taken += 1;
        worker.dawdle();
        match worker.rng.u8(..8) {
            0 => {
                let mut is_notified = false;
                // A notify need not come.
                always_timed(worker, |deadline| {
                    // SAFETY: locked.
                    is_notified = unsafe { self.condvar.wait_raw_until(&self.mutex, deadline) };
                    is_notified
                });
                worker.counts.taken += u64::from(is_notified);
                // SAFETY: locked; likewise below.
                unsafe { self.mutex.unlock() };
            }
            1 => {
                // SAFETY: see above.
                unsafe { self.mutex.bump() };
                // SAFETY: see above.
                unsafe { self.mutex.unlock_fair() };
            }
            // SAFETY: see above.
            _ => unsafe { self.mutex.unlock() },
        }
    }

    fn read_or_write(&self, worker: &mut Worker<'_>) {
        let lock = &self.rwlock;
        match worker.rng.u8(..6) {
            0 if timed(worker, |deadline| lock.try_lock_exclusive_until(deadline)) => {
                self.write(worker);
                match worker.rng.u8(..3) {
                    // SAFETY: held exclusively; likewise below.
                    0 => unsafe { lock.unlock_exclusive() },
                    1 => {
                        // SAFETY: see above.
                        unsafe { lock.downgrade() };
                        self.read(worker);
                        // SAFETY: held shared.
                        unsafe { lock.unlock_shared() };
                    }
                    _ => {
                        // SAFETY: see above.
                        unsafe { lock.downgrade_to_upgradable() };
                        self.read(worker);
                        // SAFETY: held upgradably.
                        unsafe { lock.unlock_upgradable() };
                    }
                }
            }
            1 if timed(worker, |deadline| lock.try_lock_upgradable_until(deadline)) => {
                self.read(worker);
                // SAFETY: held upgradably.
                if timed(worker, |deadline| unsafe { lock.try_upgrade_until(deadline) }) {
                    self.write(worker);
                    // SAFETY: held exclusively.
                    unsafe { lock.unlock_exclusive_fair() };
                } else {
                    // SAFETY: held upgradably.
                    unsafe { lock.downgrade_upgradable() };
                    self.read(worker);
                    // SAFETY: held shared.
                    unsafe { lock.unlock_shared() };
                }
            }
            2.. if timed(worker, |deadline| lock.try_lock_shared_until(deadline)) => {
                self.read(worker);
                if timed(worker, |_| lock.try_lock_shared_recursive()) {
                    // SAFETY: held shared twice.
                    unsafe { lock.unlock_shared() };
                }
                // SAFETY: held shared.
                unsafe { lock.unlock_shared_fair() };
            }
            _ => {}
        }
    }

    /// With the lock held exclusively.
    fn write(&self, worker: &mut Worker<'_>) {
        worker.counts.taken += 1;
        // SAFETY: as the caller knows.
        unsafe { self.written.with(|[first, second]| (*first, *second) = (*first + 1, *second + 1)) };
        worker.dawdle();
    }

    /// With the lock held.
    fn read(&self, worker: &mut Worker<'_>) {
        // SAFETY: nobody writes.
        let [first, second] = unsafe { self.written.get() };
        if first != second {
            worker.watch.fail("a reader was in together with a writer");
        }
        worker.dawdle();
    }

    fn acquire(&self, worker: &mut Worker<'_>) {
        let permits = worker.rng.u32(..=PERMITS);
        if timed(worker, |deadline| self.semaphore.try_acquire_until(permits, deadline)) {
            if self.permits.fetch_sub(permits, SeqCst) < permits {
                worker.watch.fail("there were not so many permits");
            }
            worker.dawdle();
            self.permits.fetch_add(permits, SeqCst);
            if self.semaphore.release(permits).is_err() {
                worker.watch.fail("there are too many permits");
            }
        }
    }

    fn pass(&self, worker: &mut Worker<'_>) {
        if worker.rng.bool() {
            self.sets.fetch_add(1, SeqCst);
            worker.place.set(Doing::Unparking);
            self.event.set();
        } else if always_timed(worker, |deadline| self.event.wait_until(deadline)) {
            self.passes.fetch_add(1, SeqCst);
        }
    }

    fn meet(&self, worker: &mut Worker<'_>) {
        if worker.rng.bool() {
            always_timed(worker, |deadline| {
                let result = self.barrier.wait_until(PARTY, deadline);
                match result {
                    BarrierWait::Last => self.last.fetch_add(1, SeqCst),
                    BarrierWait::Met => self.met.fetch_add(1, SeqCst),
                    BarrierWait::TimedOut => 0,
                };
                result != BarrierWait::TimedOut
            });
        } else {
            let mut begin = Begin::Done;
            timed(worker, |deadline| {
                begin = self.once.begin(deadline);
                begin != Begin::TimedOut
            });
            if let Begin::Run { .. } = begin {
                if self.is_running.swap(true, SeqCst) {
                    worker.watch.fail("two threads run at once");
                }
                worker.dawdle();
                self.is_running.store(false, SeqCst);
                // SAFETY: begun.
                unsafe { self.once.abandon() };
            }
        }
    }

    /// What the locks say at the end, added to what the threads have counted.
    fn settle(&self, round: &Round<'_>, counts: &mut Counts) {
        // SAFETY: all threads have ended; likewise below.
        counts.sent += unsafe { self.locked.get() };
        // SAFETY: see above.
        counts.sent += unsafe { self.written.get() }[0];
        let states = [
            (format!("{:?}", self.mutex), "RawMutex(free)".to_owned()),
            (format!("{:?}", self.rwlock), "RawRwLock(free)".to_owned()),
            (format!("{:?}", self.condvar), "Condvar(nobody waits)".to_owned()),
            (format!("{:?}", self.semaphore), format!("Semaphore({PERMITS} permits)")),
        ];
        if let Some((is, _)) = states.iter().find(|(is, should)| is != should) {
            round.watch.fail(&format!("nobody uses it, but it is {is}"));
        }
        let [sets, passes, met, last] =
            [&self.sets, &self.passes, &self.met, &self.last].map(|count| count.load(SeqCst));
        if passes > sets || met != last * u64::from(PARTY - 1) {
            round.watch.fail(&format!("{passes} passes of {sets} sets; {met} met in {last} rounds"));
        }
    }
}

/// Calls something that may wait, half of the time with a deadline. What it returns, false for a time-out.
fn timed(worker: &mut Worker<'_>, wait: impl FnOnce(Instant) -> bool) -> bool {
    if worker.rng.bool() {
        return always_timed(worker, wait);
    }
    worker.place.set(Doing::Parking);
    let is_done = wait(Instant::MAX);
    worker.place.set(Doing::Working);
    is_done
}

/// As [`timed`], with a deadline, which is not to be early.
fn always_timed(worker: &mut Worker<'_>, wait: impl FnOnce(Instant) -> bool) -> bool {
    let timeout = worker.timeout();
    worker.place.set(Doing::ParkingTimed);
    let start = std::time::Instant::now();
    let is_done = wait(Backend::get().deadline(timeout));
    let elapsed = start.elapsed();
    worker.place.set(Doing::Working);
    if !is_done {
        worker.counts.timeouts += 1;
        worker.counts.early += u64::from(elapsed < timeout);
    }
    is_done
}

/// Everything at once, with up to as many threads as there are places.
pub(crate) fn mixed(round: &Round<'_>) -> Counts {
    let locks = Locks::new();
    let threads = round.rng().usize(2..=THREADS);
    let each = 1 + round.often(12_000) / threads as u64;
    let mut counts = round.run(threads, |_, worker| (0..each).for_each(|_| locks.use_one(worker)));
    locks.settle(round, &mut counts);
    counts
}

/// Threads that are suspended anywhere, with a lock and without, waiting or just woken, and resumed.
#[cfg(windows)]
pub(crate) fn stopped(round: &Round<'_>) -> Counts {
    let locks = Locks::new();
    let mut counts = crate::stopped::run_suspended(round, |_, worker| locks.use_one(worker));
    locks.settle(round, &mut counts);
    counts
}

/// What a few threads use once each, and the last one frees at once.
#[derive(Default)]
struct Freed {
    mutex: RawMutex,
    rwlock: RawRwLock,
    event: Event,
    semaphore: Semaphore,
    condvar: Condvar,
    barrier: Barrier,
    users: AtomicUsize,
}

/// Which of them.
#[derive(Clone, Copy)]
enum Kind {
    Mutex,
    RwLock,
    Event,
    Semaphore,
    Condvar,
    Barrier,
}

/// Threads that share one after the other.
struct Lane {
    kind: Kind,
    slots: Vec<AtomicPtr<Freed>>,
    /// For the condition variable.
    mutex: RawMutex,
}

impl Lane {
    /// A thread uses it, and does not touch it any more. True for one of them: the last.
    fn use_once(&self, freed: &Freed, member: usize, worker: &mut Worker<'_>) -> bool {
        let members = self.slots.len();
        let is_last = |users| freed.users.fetch_add(1, Relaxed) + 1 == users;
        match self.kind {
            Kind::Mutex => {
                freed.mutex.lock();
                let is_last = is_last(members);
                // SAFETY: locked; likewise below.
                if worker.rng.bool() {
                    // SAFETY: locked; likewise below.
                    unsafe { freed.mutex.unlock() };
                } else {
                    // SAFETY: see above.
                    unsafe { freed.mutex.unlock_fair() };
                }
                is_last
            }
            Kind::RwLock => {
                freed.rwlock.lock_upgradable();
                // SAFETY: held upgradably.
                unsafe { freed.rwlock.upgrade() };
                let is_last = is_last(members);
                if worker.rng.bool() || !is_last {
                    // SAFETY: held exclusively.
                    unsafe { freed.rwlock.unlock_exclusive() };
                } else {
                    // SAFETY: as above.
                    unsafe { freed.rwlock.downgrade() };
                    // SAFETY: held shared.
                    unsafe { freed.rwlock.unlock_shared() };
                }
                is_last
            }
            Kind::Event => {
                freed.event.wait();
                let is_last = is_last(members);
                freed.event.set();
                is_last
            }
            Kind::Semaphore => {
                freed.semaphore.acquire(1);
                let is_last = is_last(members);
                freed.semaphore.release(1).unwrap_or_else(|_| worker.watch.fail("there are too many permits"));
                is_last
            }
            Kind::Condvar if member == 0 => {
                // All wait, and unlock the mutex when they do. None returns before this, so it is alive.
                worker.poll(|| freed.users.load(Relaxed) == members - 1);
                self.mutex.lock();
                // SAFETY: locked.
                unsafe { self.mutex.unlock() };
                if freed.condvar.notify_all() != members - 1 {
                    worker.watch.fail("a notify did not find all who waited");
                }
                false
            }
            Kind::Condvar => {
                self.mutex.lock();
                freed.users.fetch_add(1, Relaxed);
                // SAFETY: locked.
                unsafe { freed.condvar.wait_raw(&self.mutex) };
                let is_last = freed.users.fetch_sub(1, Relaxed) == 1;
                // SAFETY: locked.
                unsafe { self.mutex.unlock() };
                is_last
            }
            // Once they have met, the barrier orders nothing: who frees it has to meet the others itself.
            Kind::Barrier => !freed.barrier.wait(members as u16) && freed.users.fetch_add(1, SeqCst) + 1 == members - 1,
        }
    }
}

pub(crate) fn freed(round: &Round<'_>) -> Counts {
    const KINDS: [Kind; 6] = [Kind::Mutex, Kind::RwLock, Kind::Event, Kind::Semaphore, Kind::Condvar, Kind::Barrier];
    let mut rng = round.rng();
    let members = rng.usize(2..=4);
    let lanes: Vec<Lane> = (0..rng.usize(1..=3))
        .map(|_| Lane {
            kind: KINDS[rng.usize(..KINDS.len())],
            slots: (0..members).map(|_| AtomicPtr::default()).collect(),
            mutex: RawMutex::new(),
        })
        .collect();
    let generations = 1 + round.often(1_000) / lanes.len() as u64;
    round.run(lanes.len() * members, |index, worker| {
        let (lane, member) = (&lanes[index / members], index % members);
        for _ in 0..generations {
            if member == 0 {
                let freed = Box::new(Freed::default());
                // Free, as the others are when they are new.
                freed.event.set();
                freed.semaphore.release(1).unwrap_or_else(|_| worker.watch.fail("there is no room for a permit"));
                let freed = Box::into_raw(freed);
                for slot in &lane.slots {
                    worker.poll(|| slot.load(SeqCst).is_null());
                    slot.store(freed, SeqCst);
                }
                worker.counts.sent += 1;
            }
            let slot = &lane.slots[member];
            worker.poll(|| !slot.load(SeqCst).is_null());
            let freed = slot.swap(ptr::null_mut(), SeqCst);
            worker.place.set(Doing::Parking);
            // SAFETY: alive until the last one has used it.
            if lane.use_once(unsafe { &*freed }, member, worker) {
                // SAFETY: from a box, and nobody uses it any more.
                drop(unsafe { Box::from_raw(freed) });
                worker.counts.taken += 1;
            }
        }
    })
}
