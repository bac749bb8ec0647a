//! What a host is asked for: how often a thread that parks looks at its word before it blocks, when it blocks, also for
//! a bucket of the lot, and with which timeouts. The host counts; nothing here depends on how long anything takes.
//!
//! Each test has a process of its own, as what parkers learn is kept for the whole process.
#![cfg(not(miri))] // It starts processes.

mod common;

use common::Watchdog;
use common::child::in_own_process;
use common::random::Random;
use ntpark::lot::{self, DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, Key, ParkResult};
use ntpark::{Backend, BackendKind, Host, HostFunctions, Instant, Parker, SpinWait, ThreadParker, UnparkReason};
use std::cell::Cell;
use std::ffi::c_void;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// The spin limit of the host.
const LIMIT: u32 = 400;
/// A deadline so far away that it does not come: with it, the clock is read at every second look.
const FAR: Instant = Instant::from_ticks(u64::MAX - 1);

/// A few looks: more than there are readings of the clock in a park that does not spin.
const SOON: u32 = 6;

thread_local! {
    static STATE: State = const { State {
        time: Cell::new(1_000),
        readings: Cell::new(0),
        waits: Cell::new(0),
        yields: Cell::new(0),
        timeout: Cell::new(0),
        unpark: Cell::new(None),
        leap: Cell::new(u32::MAX),
        act: Cell::new(None),
    } };
}

/// How often any thread has waited.
static WAITS: AtomicUsize = AtomicUsize::new(0);
/// Whether waits block.
static BLOCKING: AtomicBool = AtomicBool::new(false);

/// What the host has counted, and what it does, on this thread.
struct State {
    time: Cell<u64>,
    readings: Cell<u32>,
    waits: Cell<u32>,
    yields: Cell<u32>,
    /// The timeout of the last wait.
    timeout: Cell<u64>,
    /// A parker, and the reading at which it is unparked. At the latest, its wait does that.
    unpark: Cell<Option<(&'static Parker, u32)>>,
    /// The reading before which a second passes.
    leap: Cell<u32>,
    /// What happens at the next reading.
    act: Cell<Option<fn()>>,
}

unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    WAITS.fetch_add(1, SeqCst);
    STATE.with(|state| {
        state.waits.set(state.waits.get() + 1);
        state.timeout.set(timeout);
        // SAFETY: the word of a thread that waits is alive, and all who use it do so atomically.
        if unsafe { AtomicUsize::from_ptr(word.cast_mut()) }.load(Relaxed) != expected {
            return;
        }
        while BLOCKING.load(SeqCst) {
            std::thread::yield_now();
        }
        match state.unpark.take() {
            Some((parker, _)) => _ = parker.unpark(),
            None if timeout == u64::MAX => {}
            None => state.time.set(state.time.get().saturating_add(timeout)),
        }
    });
}

unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}

unsafe extern "C" fn now(_: *mut c_void) -> u64 {
    STATE.with(|state| {
        state.readings.set(state.readings.get() + 1);
        if let Some(act) = state.act.take() {
            act();
        }
        if let Some((parker, _)) = state.unpark.get().filter(|&(_, reading)| reading == state.readings.get()) {
            state.unpark.set(None);
            parker.unpark();
        }
        if state.leap.get() == state.readings.get() {
            state.time.set(state.time.get() + 10_000_000);
        }
        state.time.get()
    })
}

unsafe extern "C" fn thread_yield(_: *mut c_void) {
    STATE.with(|state| state.yields.set(state.yields.get() + 1));
}

unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
    1
}

const fn host(spin_limit: u32) -> Host {
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: to return at once is to return for no reason, which a host may, and the clock is that of the one thread
    // that parks.
    unsafe { Host::new(ptr::null_mut(), functions, NonZeroU32::MIN) }.with_spin_limit(spin_limit)
}

static HOST: Host = host(LIMIT);
/// More than a host may ask for.
static EAGER: Host = host(u32::MAX - 1);

/// Runs a test in a process that parks on this host.
fn on(host: &'static Host, test: &str, body: impl FnOnce()) {
    in_own_process(test, || {
        let _watchdog = Watchdog::new();
        assert_eq!(Backend::install(host), Ok(()));
        assert_eq!(Backend::get().kind(), BackendKind::Host);
        body();
    });
}

fn new() -> &'static Parker {
    Box::leak(Box::new(Parker::new()))
}

/// How a park came by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Park {
    /// How often it looked at its word before it blocked, give or take one.
    looks: u32,
    /// Whether it blocked.
    blocked: bool,
}

/// Parks; the token comes once the thread has looked so often, or when it blocks.
fn park(parker: &'static Parker, token_after: Option<u32>) -> Park {
    STATE.with(|state| {
        state.readings.set(0);
        state.waits.set(0);
        // The first reading is whether the deadline has passed; the others come with every second look.
        state.unpark.set(Some((parker, token_after.map_or(u32::MAX, |looks| 1 + looks / 2))));
        assert_eq!(parker.park_until(FAR), UnparkReason::Unparked);
        let blocked = state.waits.get() > 0;
        // Two more before it blocks: whether it has passed meanwhile, and for the timeout.
        let spent = state.readings.get() - if blocked { 3 } else { 1 };
        Park { looks: 2 * spent, blocked }
    })
}

/// A park whose token does not come until it blocks: how often it looked before.
fn miss(parker: &'static Parker) -> u32 {
    let park = park(parker, None);
    assert!(park.blocked);
    park.looks
}

#[test]
fn each_miss_shortens_the_next_spin() {
    on(&HOST, "each_miss_shortens_the_next_spin", || {
        let parker = new();
        let looks: Vec<_> = (0..7).map(|_| miss(parker)).collect();
        assert_eq!(looks, [2 * LIMIT, LIMIT, LIMIT / 4, 24, 6, 0, 0]);
    });
}

#[test]
fn a_hit_starts_over() {
    on(&HOST, "a_hit_starts_over", || {
        let parker = new();
        for misses in 0..3 {
            (0..misses).for_each(|_| _ = miss(parker));
            let hit = park(parker, Some(SOON));
            assert_eq!((hit.blocked, hit.looks), (false, SOON), "after {misses} misses");
            assert_eq!(miss(parker), LIMIT, "after {misses} misses and a hit");
            // For the next round.
            assert!(!park(parker, Some(SOON)).blocked);
        }
    });
}

/// Once it has given up, a parker spins for the full length once in a while, and a hit invites the others.
#[test]
fn after_many_misses_it_tries_again() {
    on(&HOST, "after_many_misses_it_tries_again", || {
        let (parker, other) = far_apart();
        (0..10).for_each(|_| _ = miss(other));
        let spins = (0..1_000).map(|park| (park, miss(parker))).filter(|&(_, looks)| looks > 0);
        let (parks, looks): (Vec<_>, Vec<_>) = spins.unzip();
        let distances: Vec<_> = parks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A retry, and as none of them hits, all of the first spins.
        assert_eq!(distances, [1, 1, 1, 1, 1, 251, 1, 1, 1, 1, 1, 251, 1, 1, 1, 1, 1]);
        assert_eq!(looks, [2 * LIMIT, 2 * LIMIT, LIMIT, LIMIT / 4, 24, 6].repeat(3));
        assert_eq!(miss(other), 0, "it has given up");
        while park(parker, Some(SOON)).blocked {}
        assert_eq!([miss(other), miss(other)], [2 * LIMIT, LIMIT], "it starts anew");
    });
}

/// Two parkers that do not share what they have learnt.
fn far_apart() -> (&'static Parker, &'static Parker) {
    let parker = new();
    (0..8).for_each(|_| _ = miss(parker));
    // A parker that spins for the full length is one of whose kind nothing has been learnt.
    let other = (0..100).map(|_| new()).find(|other| miss(other) == 2 * LIMIT);
    (parker, other.expect("there are 64 bytes for them"))
}

/// Tokens that are there at the first look teach nothing, whatever their number.
#[test]
fn bursts_of_tokens_leave_what_was_learnt() {
    on(&HOST, "bursts_of_tokens_leave_what_was_learnt", || {
        let parker = new();
        (0..8).for_each(|_| _ = miss(parker));
        for tokens in [1, 2, 3, 10] {
            for _ in 0..4 {
                (0..tokens).for_each(|_| _ = parker.unpark());
                STATE.with(|state| state.readings.set(0));
                assert_eq!(parker.park_until(FAR), UnparkReason::Unparked);
                assert_eq!(STATE.with(|state| state.readings.get()), 0, "{tokens} tokens need no clock");
                assert_eq!(miss(parker), 0, "after {tokens} tokens");
            }
        }
    });
}

#[test]
fn a_deadline_ends_a_spin_and_teaches_nothing() {
    on(&HOST, "a_deadline_ends_a_spin_and_teaches_nothing", || {
        let parker = new();
        for misses in 0..2 {
            for reading in [5, 30, 50] {
                STATE.with(|state| {
                    state.readings.set(0);
                    state.waits.set(0);
                    state.unpark.set(None);
                    state.leap.set(reading);
                    let deadline = Backend::get().deadline(Duration::from_millis(10));
                    assert_eq!(parker.park_until(deadline), UnparkReason::TimedOut);
                    state.leap.set(u32::MAX);
                    // The one that tells, and one more before it would block.
                    assert_eq!((state.readings.get(), state.waits.get()), (reading + 1, 0));
                });
            }
            assert_eq!(miss(parker), (2 * LIMIT) >> misses, "after {misses} misses");
        }
    });
}

#[test]
fn a_token_that_is_there_at_the_first_look_teaches_nothing() {
    on(&HOST, "a_token_that_is_there_at_the_first_look_teaches_nothing", || {
        let parker = new();
        (0..2).for_each(|_| _ = miss(parker));
        for _ in 0..3 {
            // It comes just before the thread would spin.
            assert_eq!(park(parker, Some(0)), Park { looks: 0, blocked: false });
        }
        assert_eq!(miss(parker), LIMIT / 4, "two misses, and no hit");
    });
}

/// A thread that finds another one parked while it spins has neither missed nor hit.
#[test]
fn a_busy_parker_teaches_nothing() {
    static PARKER: Parker = Parker::new();
    on(&HOST, "a_busy_parker_teaches_nothing", || {
        (0..2).for_each(|_| _ = miss(&PARKER));
        // Until this is false again, as long as a host may.
        BLOCKING.store(true, SeqCst);
        STATE.with(|state| {
            state.unpark.set(None);
            state.act.set(Some(|| {
                std::thread::spawn(|| PARKER.no_spin().park());
                common::await_parked(&PARKER);
            }));
        });
        assert_eq!(PARKER.park_until(FAR), UnparkReason::Busy);
        BLOCKING.store(false, SeqCst);
        assert!(PARKER.unpark());
        while PARKER.park_timeout(Duration::ZERO) == UnparkReason::Busy {
            std::thread::yield_now();
        }
        assert_eq!(miss(&PARKER), LIMIT / 4, "two misses, and no hit");
    });
}

#[test]
fn a_past_deadline_neither_spins_nor_blocks() {
    on(&HOST, "a_past_deadline_neither_spins_nor_blocks", || {
        let parker = new();
        let two_phase = ThreadParker::new();
        for deadline in [Instant::from_ticks(1), Instant::from_ticks(1_000), Instant::MIN] {
            let counts = |park: &dyn Fn()| {
                STATE.with(|state| {
                    state.readings.set(0);
                    state.waits.set(0);
                    park();
                    (state.readings.get(), state.waits.get())
                })
            };
            let of_a_token = counts(&|| assert_eq!(parker.park_until(deadline), UnparkReason::TimedOut));
            // Before it spins, and before it blocks.
            let readings = if deadline == Instant::MIN { (0, 0) } else { (2, 1) };
            assert_eq!(of_a_token, (readings.0, 0), "{deadline:?}");
            let of_two_phases = counts(&|| {
                two_phase.prepare_park();
                assert!(!two_phase.park_until(deadline));
            });
            assert_eq!(of_two_phases, (readings.1, 0), "{deadline:?}");
        }
    });
}

#[test]
fn no_spin_does_not_spin() {
    on(&HOST, "no_spin_does_not_spin", || {
        let parker = new();
        STATE.with(|state| {
            state.readings.set(0);
            state.unpark.set(Some((parker, u32::MAX)));
            assert_eq!(parker.no_spin().park_until(FAR), UnparkReason::Unparked);
            assert_eq!((state.waits.get(), state.readings.get()), (1, 2), "whether it has passed, and for the timeout");
        });
        assert_eq!(miss(parker), 2 * LIMIT, "nor does it teach anything");
    });
}

#[test]
fn a_spin_wait_pauses_three_times_and_yields_seven_times() {
    on(&HOST, "a_spin_wait_pauses_three_times_and_yields_seven_times", || {
        let yields = || STATE.with(|state| state.yields.get());
        let (mut spin, mut no_yield) = (SpinWait::new(), SpinWait::new());
        for round in 1..=10_u32 {
            assert!(spin.spin());
            assert_eq!(yields(), round.saturating_sub(3), "round {round}");
            assert_ne!(spin, no_yield, "round {round}");
            no_yield.spin_no_yield();
            assert_eq!(spin, no_yield, "they count for the same");
        }
        let last = spin;
        assert!(!spin.spin());
        no_yield.spin_no_yield();
        assert_eq!((spin, no_yield, yields()), (last, last, 7));
    });
}

#[test]
fn spin_limits_are_clamped() {
    on(&EAGER, "spin_limits_are_clamped", || {
        assert_eq!(miss(new()), 2 * Host::MAX_SPIN_LIMIT);
    });
}

#[test]
fn timeouts_go_up_to_the_last_unit() {
    on(&HOST, "timeouts_go_up_to_the_last_unit", || {
        let parker = new();
        let asked = |park: &dyn Fn() -> UnparkReason| {
            STATE.with(|state| {
                state.unpark.set(Some((parker, u32::MAX)));
                assert_eq!(park(), UnparkReason::Unparked);
                state.timeout.get()
            })
        };
        STATE.with(|state| state.time.set(0));
        assert_eq!(asked(&|| parker.park_until(FAR)), u64::MAX - 1);
        assert_eq!(asked(&|| parker.park_until(Instant::from_ticks(1))), 1);
        STATE.with(|state| state.time.set(u64::MAX - 2));
        assert_eq!(asked(&|| parker.park_until(FAR)), 1);
        for park in [&(|| parker.park()) as &dyn Fn() -> _, &|| parker.park_until(Instant::MAX)] {
            assert_eq!(asked(park), u64::MAX, "for ever");
        }
    });
}

/// The bound of `src/spin.rs`: with 2 L for a block and a wake, spinning takes at most two thirds of the blocking that
/// it replaced, 43 % of the blocking that took place (1.1 % with one parker), and 10/3 L once for each parker.
#[test]
fn spinning_stays_within_its_bound() {
    on(&HOST, "spinning_stays_within_its_bound", || {
        let parkers: Vec<_> = (0..64).map(|_| new()).collect();
        for (seed, count) in (0..60).flat_map(|seed| [(seed, 1), (seed, 64)]) {
            let mut random = Random::new(seed);
            let first = random.below(64) as usize;
            let (mut looks, mut hits, mut blocks) = (0, 0, 0);
            // A history of phases: in each, tokens come early, late or not before the thread blocks.
            for _ in 0..20 {
                let (length, period, early) =
                    (random.below(400), 1 + random.below(300), random.below(2 * u64::from(LIMIT)));
                for step in 0..length {
                    let parker = parkers[(first + random.below(count) as usize) % 64];
                    let token_after = (step % period == 0).then(|| SOON + random.below(early + 1) as u32);
                    let park = park(parker, token_after);
                    looks += u64::from(park.looks);
                    blocks += u64::from(park.blocked);
                    hits += u64::from(!park.blocked);
                }
            }
            let block = 2.0 * f64::from(LIMIT);
            let retries = if count == 1 { 0.011 } else { 0.43 };
            let bound = block * (hits as f64 * 2.0 / 3.0 + blocks as f64 * retries + count as f64 * 5.0 / 3.0);
            assert!(looks as f64 <= bound, "seed {seed}, {count} parkers: {looks} looks, {hits} hits, {blocks} blocks");
        }
    });
}

#[test]
fn whoever_finds_a_bucket_locked_blocks() {
    on(&HOST, "whoever_finds_a_bucket_locked_blocks", || {
        let key = Key::from(8);
        std::thread::scope(|scope| {
            // Called with the bucket locked.
            let validate = || {
                // SAFETY: a key of this test's own.
                scope.spawn(move || unsafe { lot::unpark_all(key, DEFAULT_UNPARK_TOKEN) });
                while WAITS.load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                false
            };
            // SAFETY: as above, and the callbacks call nothing of the lot.
            let result = unsafe { lot::park(key, validate, || {}, |_, _| {}, DEFAULT_PARK_TOKEN, Instant::MAX) };
            assert_eq!(result, ParkResult::Invalid);
        });
    });
}
