//! A host that does whatever a script says, with a clock that moves by hand and tells the time of its last tick: waits
//! that return too early, too late and for no reason, unparks at every moment at which the host is called, clocks that
//! jump and that stand still. The script is random, and the model is simple: a park returns "unparked" if and only if
//! there was an unpark, and "timed out" only once the time is over.
//!
//! Each test thread has a host of its own, and each case a process.

use crate::Watchdog;
use crate::backend::Backend;
use crate::backend::host::{Host, HostFunctions};
use crate::clocks::config;
use crate::nt::{Class, Nt};
use crate::parker::{Parker, UnparkReason};
use crate::thread_parker::ThreadParker;
use crate::time::Instant;
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// What the host does when it is called.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Lets so much of the time go by that it was asked to wait, in 256ths; nothing of that which is for
    /// ever.
    Portion(u8),
    /// Lets some time go by, whatever it was asked.
    Advance(u64),
    /// Unparks the thread, as another may do just then.
    Unpark,
    /// Sets the clock back, which it must not.
    GoBack(u64),
}

/// A host's state.
struct Kernel {
    clock: Cell<u64>,
    /// The step of the clock, as threads see it.
    granule: Cell<u64>,
    /// What to do at the next calls of `wait` and `now`. When nothing is left, time goes by as it was asked
    /// to, and what was to wait for ever is unparked.
    waits: RefCell<VecDeque<Act>>,
    readings: RefCell<VecDeque<Option<Act>>>,
    /// Unparks the parker under test.
    unpark: Cell<Option<fn()>>,
    unparks: Cell<u32>,
    calls: Cell<u32>,
    /// The deadline of the park, if it is known.
    deadline: Cell<Option<u64>>,
    /// Whether it was called in a way that is not allowed.
    wrong: Cell<bool>,
}

thread_local! {
    static KERNEL: Kernel = const {
        Kernel {
            clock: Cell::new(0),
            granule: Cell::new(1),
            waits: RefCell::new(VecDeque::new()),
            readings: RefCell::new(VecDeque::new()),
            unpark: Cell::new(None),
            unparks: Cell::new(0),
            calls: Cell::new(0),
            deadline: Cell::new(None),
            wrong: Cell::new(false),
        }
    };
    static PARKER: Parker = const { Parker::new() };
    static THREAD_PARKER: ThreadParker = const { ThreadParker::new() };
}

impl Kernel {
    fn act(&self, act: Act, asked: u64) {
        let clock = self.clock.get();
        match act {
            Act::Portion(_) if asked == u64::MAX => {}
            Act::Portion(part) => {
                let units = (u128::from(asked) * u128::from(part) / 256) as u64;
                self.clock.set(clock.saturating_add(units));
            }
            Act::Advance(units) => self.clock.set(clock.saturating_add(units)),
            Act::GoBack(units) => self.clock.set(clock.saturating_sub(units)),
            Act::Unpark => {
                if let Some(unpark) = self.unpark.get() {
                    self.unparks.set(self.unparks.get() + 1);
                    unpark();
                }
            }
        }
    }

    /// The time of the last tick.
    fn reading(&self) -> u64 {
        self.clock.get() - self.clock.get() % self.granule.get()
    }
}

fn host(granule: u32) -> Host {
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    let granule = NonZeroU32::new(granule).expect("clocks advance");
    // SAFETY: the functions wait only as long as the script says, which a host may; they wake nobody, since nobody
    // sleeps. They do not unwind: a panic aborts the test.
    unsafe { Host::new(ptr::null_mut(), functions, granule) }.with_spin_limit(3)
}

unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    KERNEL.with(|kernel| {
        kernel.calls.set(kernel.calls.get() + 1);
        // What is left must be asked for, and all of it; a panic here would abort.
        let least = kernel.deadline.get().map_or(1, |deadline| deadline.saturating_sub(kernel.reading()).max(1));
        if timeout < least || u32::try_from(expected).is_err() {
            kernel.wrong.set(true);
        }
        // SAFETY: the word is alive while this runs, and all who use it do so atomically.
        let found = unsafe { AtomicUsize::from_ptr(word.cast_mut()) }.load(Relaxed);
        if found != expected {
            // Compared and not blocked.
            return;
        }
        let act = kernel.waits.borrow_mut().pop_front();
        match act {
            Some(act) => kernel.act(act, timeout),
            None if timeout == u64::MAX => kernel.act(Act::Unpark, timeout),
            None => kernel.act(Act::Advance(timeout), timeout),
        }
    });
}

unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}

unsafe extern "C" fn now(_: *mut c_void) -> u64 {
    KERNEL.with(|kernel| {
        let act = kernel.readings.borrow_mut().pop_front().flatten();
        if let Some(act) = act {
            kernel.act(act, 0);
        }
        kernel.reading()
    })
}

unsafe extern "C" fn thread_yield(_: *mut c_void) {}

unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
    1
}

/// Starts a process on the host.
fn boot(granule: u32) -> Nt {
    let nt = Nt::boot(Class::Vista);
    assert_eq!(Backend::install(Box::leak(Box::new(host(granule)))), Ok(()));
    KERNEL.with(|kernel| kernel.granule.set(u64::from(granule)));
    nt
}

/// Gives the host of this thread a script.
fn play(clock: u64, waits: Vec<Act>, readings: Vec<Option<Act>>, unpark: fn()) {
    KERNEL.with(|kernel| {
        kernel.clock.set(clock);
        kernel.waits.replace(waits.into());
        kernel.readings.replace(readings.into());
        kernel.unpark.set(Some(unpark));
        kernel.unparks.set(0);
        kernel.calls.set(0);
        kernel.deadline.set(None);
    });
}

/// Ends the script: from here on, the host does what it should. The calls so far must have been right.
fn calm() {
    KERNEL.with(|kernel| {
        assert!(!kernel.wrong.get(), "the host was asked for a wait of no time, or of too little");
        kernel.waits.borrow_mut().clear();
        kernel.readings.borrow_mut().clear();
    });
}

fn clock() -> u64 {
    KERNEL.with(|kernel| kernel.clock.get())
}

fn unparks() -> u32 {
    KERNEL.with(|kernel| kernel.unparks.get())
}

/// Numbers of every length.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![(0..64_u32, any::<u64>()).prop_map(|(bits, number)| number >> bits), Just(0), Just(u64::MAX)]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => any::<u8>().prop_map(Act::Portion),
        1 => numbers().prop_map(Act::Advance),
        1 => Just(Act::Unpark),
    ]
}

fn scripts() -> impl Strategy<Value = (Vec<Act>, Vec<Option<Act>>)> {
    let waits = proptest::collection::vec(acts(), 0..12);
    let readings = proptest::collection::vec(proptest::option::weighted(0.2, acts()), 0..16);
    (waits, readings)
}

/// How a park is limited.
#[derive(Clone, Copy, Debug)]
enum Limit {
    None,
    Timeout(Duration),
    Deadline(u64),
}

fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        1 => Just(Limit::None),
        3 => (numbers(), 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanos)| Limit::Timeout(Duration::new(seconds, nanos))),
        2 => numbers().prop_map(|nanos| Limit::Timeout(Duration::from_nanos(nanos))),
        3 => numbers().prop_map(Limit::Deadline),
    ]
}

/// Whether a park with this limit, begun at `start`, may say now that its time is over.
fn is_over(limit: Limit, start: u64) -> bool {
    match limit {
        Limit::None => false,
        Limit::Timeout(timeout) => u128::from(clock() - start) * 100 >= timeout.as_nanos(),
        Limit::Deadline(deadline) => deadline != u64::MAX && clock() >= deadline,
    }
}

/// The two protocols, which promise the same here.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Token,
    TwoPhase,
}

impl Protocol {
    /// Unparks the parker of this thread. True if it was parked.
    fn unpark(self) -> bool {
        match self {
            Self::Token => PARKER.with(Parker::unpark),
            Self::TwoPhase => THREAD_PARKER.with(|parker| parker.unpark_lock().unpark()),
        }
    }

    /// What the script's unparks call.
    fn unpark_from_script(self) -> fn() {
        match self {
            Self::Token => || _ = Self::Token.unpark(),
            Self::TwoPhase => || _ = Self::TwoPhase.unpark(),
        }
    }

    fn prepare(self) {
        if let Self::TwoPhase = self {
            THREAD_PARKER.with(ThreadParker::prepare_park);
        }
    }

    fn park(self, limit: Limit) -> UnparkReason {
        let set_deadline = |deadline| KERNEL.with(|kernel| kernel.deadline.set(Some(deadline)));
        match (self, limit) {
            (Self::Token, Limit::None) => PARKER.with(Parker::park),
            (Self::Token, Limit::Timeout(timeout)) => PARKER.with(|parker| parker.park_timeout(timeout)),
            (Self::Token, Limit::Deadline(deadline)) => {
                set_deadline(deadline);
                PARKER.with(|parker| parker.park_until(Instant::from_ticks(deadline)))
            }
            (Self::TwoPhase, limit) => THREAD_PARKER.with(|parker| {
                let deadline = match limit {
                    Limit::None => Instant::MAX,
                    Limit::Timeout(timeout) => parker.backend().deadline(timeout),
                    Limit::Deadline(deadline) => {
                        set_deadline(deadline);
                        Instant::from_ticks(deadline)
                    }
                };
                let reason = parker.try_park_until(deadline);
                assert_eq!(parker.timed_out(), reason == UnparkReason::TimedOut);
                reason
            }),
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parks_on_any_host(
        protocol in prop_oneof![Just(Protocol::Token), Just(Protocol::TwoPhase)],
        start in numbers(),
        granule in prop_oneof![Just(1), 1..400_000_u32],
        parks in proptest::collection::vec((limits(), scripts(), any::<bool>()), 1..6),
    ) {
        let _watchdog = Watchdog::new();
        let _nt = boot(granule);
        play(start, vec![], vec![], || {});
        for (limit, (waits, readings), unpark_before) in parks {
            let start = clock();
            play(start, waits, readings, protocol.unpark_from_script());
            protocol.prepare();
            if unpark_before {
                assert!(!protocol.unpark(), "nobody is parked");
            }
            let mut reason = protocol.park(limit);
            let is_too_late = KERNEL.with(|kernel| kernel.calls.get()) == 0 && is_over(limit, start);
            if matches!(protocol, Protocol::Token) && reason == UnparkReason::TimedOut && unparks() > 0 && is_too_late {
                // Out of time before it could wait, and the token came just then: it is still there.
                reason = protocol.park(Limit::Deadline(0));
            }
            let expected = if unpark_before || unparks() > 0 { UnparkReason::Unparked } else { UnparkReason::TimedOut };
            assert_eq!(reason, expected);
            let is_over = reason == UnparkReason::Unparked || is_over(limit, start);
            assert!(is_over, "early: {limit:?} from {start} to {}", clock());
            // One park has taken all the tokens there were.
            calm();
            protocol.prepare();
            assert_eq!(protocol.park(Limit::Deadline(0)), UnparkReason::TimedOut);
        }
    }
}

/// How often a host returns for nothing.
const WAITS: usize = if cfg!(miri) { 20 } else { 10_000 };

/// A kernel that always returns at once is looked at again and again, and time still ends the wait.
#[test]
fn a_host_that_never_blocks() {
    let _watchdog = Watchdog::new();
    let _nt = boot(1);
    let waits = std::iter::repeat_n(Act::Portion(0), WAITS).chain([Act::Advance(10_000_000)]);
    play(5, waits.collect(), vec![], || {});
    PARKER.with(|parker| {
        assert_eq!(parker.park_timeout(Duration::from_secs(1)), UnparkReason::TimedOut);
        assert_eq!(
            KERNEL.with(|kernel| kernel.calls.get()),
            WAITS as u32 + 2,
            "as many as the script, and one for the unit that has begun"
        );
    });
}

/// A clock that stands still ends nothing: a wait lasts until it is unparked.
#[test]
fn a_clock_that_stands_still() {
    let _watchdog = Watchdog::new();
    let _nt = boot(1);
    let waits = std::iter::repeat_n(Act::Portion(0), WAITS).chain([Act::Unpark]);
    play(5, waits.collect(), vec![], || PARKER.with(|parker| assert!(parker.unpark(), "it is parked")));
    PARKER.with(|parker| assert_eq!(parker.park_timeout(Duration::from_nanos(1)), UnparkReason::Unparked));
}

/// A clock that is set back makes a wait longer, by as much.
#[test]
fn a_clock_that_goes_back() {
    let _watchdog = Watchdog::new();
    let _nt = boot(1);
    let waits = vec![Act::Portion(128), Act::GoBack(4_000_000), Act::GoBack(u64::MAX), Act::Portion(128)];
    play(50_000_000, waits, vec![], || {});
    PARKER.with(|parker| {
        assert_eq!(parker.park_timeout(Duration::from_secs(1)), UnparkReason::TimedOut);
        assert_eq!(clock(), 60_000_001);
    });
}

/// A clock that jumps ahead ends the waits whose deadline it passes, and none for ever.
#[test]
fn a_clock_that_jumps_to_its_end() {
    let _watchdog = Watchdog::new();
    let _nt = boot(1);
    play(5, vec![Act::Advance(u64::MAX)], vec![], || {});
    PARKER.with(|parker| {
        assert_eq!(parker.park_timeout(Duration::from_secs(1 << 30)), UnparkReason::TimedOut);
        assert_eq!(clock(), u64::MAX);
        // There is no time left after that: what would last beyond is for ever.
        play(u64::MAX, vec![Act::Portion(255), Act::Unpark], vec![], || {
            PARKER.with(|parker| assert!(parker.unpark(), "it is parked"));
        });
        assert_eq!(parker.park_timeout(Duration::from_nanos(1)), UnparkReason::Unparked);
        assert_eq!(parker.park_timeout(Duration::ZERO), UnparkReason::TimedOut);
        assert_eq!(parker.park_until(Instant::from_ticks(u64::MAX - 1)), UnparkReason::TimedOut);
    });
}

/// A host whose wake does nothing, and whose waits only end with their time, costs time but no token: this is
/// not what a host may do, but it fails in the way that loses least.
#[test]
fn a_host_that_wakes_nobody() {
    let _watchdog = Watchdog::new();
    let nt = boot(1);
    play(5, vec![], vec![], || {});
    let parker = Parker::new();
    thread::scope(|scope| {
        let waiter = nt.spawn(scope, || {
            play(5, vec![Act::Portion(0); if cfg!(miri) { 1_000 } else { 1_000_000 }], vec![], || {});
            parker.park_timeout(Duration::from_secs(1))
        });
        while parker.park_timeout(Duration::ZERO) == UnparkReason::TimedOut {
            thread::yield_now();
        }
        assert!(parker.unpark());
        assert_eq!(waiter.join().expect("a park does not panic"), UnparkReason::Unparked);
    });
}
