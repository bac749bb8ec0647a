//! The token protocol on the simulated NT. (`Parker` has no backend of its own, as `ThreadParker` can have;
//! those that the latter's tests try are in `tests/simulated_nt.rs`.)

use super::*;
use crate::fake_nt::{Call, Class, Limit, MILLISECOND, NULL, Nt, Point, SECOND};
use crate::state::NOTIFIED;
use crate::sys::ntdll::KeyedEventAccess;
use crate::sys::{STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_TIMEOUT};
use crate::watchdog::Watchdog;
use core::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

/// A `Parker` with a backend of its own.
struct Token {
    word: Word,
    backend: &'static Backend,
}

impl Token {
    fn new(backend: &'static Backend) -> Self {
        Self { word: Word::new(), backend }
    }

    fn park_until(&self, deadline: Instant) -> Outcome {
        match self.word.apply(Event::Take { seen: NOTIFIED }) {
            Step::Return(Outcome::Unparked) => Outcome::Unparked,
            _ => self.backend.take_token_here(&self.word, deadline),
        }
    }

    fn unpark(&self) -> bool {
        let step = self.word.apply(Event::Unpark);
        if step == Step::Wake {
            self.backend.wake(&raw const self.word);
        }
        step == Step::Wake
    }
}

/// Runs a test on keyed events of every kind, and on `WaitOnAddress`.
fn on_all(test: impl Fn(&Nt, &'static Backend, Call)) {
    for (class, is_null, guarded) in [
        (Class::Vista, false, false),
        (Class::Vista, true, false),
        (Class::Xp, false, true),
        (Class::ReactOs, true, true),
    ] {
        let nt = Nt::boot(class);
        let handle = if is_null { NULL } else { nt.open(KeyedEventAccess::all()) };
        test(&nt, nt.keyed_event(handle, guarded), Call::Wait);
    }
    let nt = Nt::boot(Class::Vista);
    test(&nt, nt.wait_address(), Call::WaitOnAddress);
}

/// Lets a thread park until `deadline` while something else goes on.
fn park_while(nt: &Nt, token: &Token, deadline: Instant, meanwhile: impl FnOnce()) -> Outcome {
    thread::scope(|scope| {
        let parked = nt.spawn(scope, || token.park_until(deadline));
        meanwhile();
        parked.join().expect("a park does not panic")
    })
}

#[test]
fn the_first_unpark_wakes_and_the_others_call_nobody() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let token = Token::new(backend);
        let outcome = park_while(nt, &token, Instant::MAX, || {
            nt.await_blocked(wait, 1);
            assert_eq!(token.park_until(Instant::MAX), Outcome::Busy);
            assert!(token.unpark());
        });
        assert_eq!(outcome, Outcome::Unparked);
        assert_eq!(nt.requests(wait), [Limit::Forever]);
        assert!(!token.unpark());
        assert!(!token.unpark());
        assert_eq!(token.park_until(Instant::MAX), Outcome::Unparked);
        assert_eq!(token.park_until(Instant::MIN), Outcome::TimedOut);
        assert_eq!(nt.requests(wait).len(), 1);
        assert_eq!(nt.requests(Call::Release).len() + nt.requests(Call::WakeByAddress).len(), 1);
    });
}

#[test]
fn a_timeout_that_crosses_an_unpark_takes_the_token() {
    let _watchdog = Watchdog::new();
    for status in [STATUS_TIMEOUT, STATUS_ALERTED, STATUS_INVALID_HANDLE] {
        on_all(|nt, backend, wait| {
            let token = Token::new(backend);
            let deadline = backend.now() + Duration::from_millis(10);
            let outcome = park_while(nt, &token, deadline, || {
                nt.await_blocked(wait, 1);
                // The unpark, taken apart: the token is there, and its wake on its way.
                assert_eq!(token.word.apply(Event::Unpark), Step::Wake);
                assert_eq!(token.word.apply(Event::Unpark), Step::Return(Outcome::Done), "one wake is enough");
                if wait == Call::Wait {
                    nt.fail_next(wait, status);
                }
                nt.advance(SECOND);
                if wait == Call::Wait {
                    nt.await_calls(wait, 3);
                    nt.await_blocked(wait, 1);
                    // It has not left, so nobody else can take its token.
                    assert_eq!(token.park_until(Instant::MIN), Outcome::Busy);
                }
                backend.wake(&raw const token.word);
            });
            assert_eq!(outcome, Outcome::Unparked);
            assert_eq!(token.park_until(Instant::MIN), Outcome::TimedOut, "both unparks were one token");
        });
    }
}

#[test]
fn a_release_that_a_timeout_hides_is_seen_by_the_guard() {
    let _watchdog = Watchdog::new();
    for class in [Class::Xp, Class::ReactOs] {
        let nt = Nt::boot(class);
        let token = Token::new(nt.keyed_event(nt.open(KeyedEventAccess::all()), true));
        nt.hold(Point::Expired);
        let deadline = token.backend.now() + Duration::from_millis(10);
        let outcome = park_while(&nt, &token, deadline, || {
            nt.await_blocked(Call::Wait, 1);
            nt.advance(SECOND);
            nt.await_held(Point::Expired, 1);
            assert!(token.unpark());
            nt.let_go(Point::Expired);
        });
        assert_eq!(outcome, Outcome::Unparked);
        assert_eq!(nt.requests(Call::Wait).len(), 1);
        assert_eq!(token.park_until(Instant::MIN), Outcome::TimedOut, "nothing of it is left");
    }
}

/// A word, and how the next one to read the time of [`crossing_clock`] unparks it.
static CROSSING: Mutex<Option<(usize, Event)>> = Mutex::new(None);

/// A clock on which every deadline is over, and on which an unpark comes just before that is seen.
unsafe extern "system" fn crossing_clock(time: *mut u64) {
    if let Some((word, event)) = CROSSING.lock().expect("no panic").take() {
        // SAFETY: the test keeps it alive.
        let word = unsafe { &*std::ptr::with_exposed_provenance::<Word>(word) };
        assert_eq!(word.apply(event), Step::Wake, "it is parked");
    }
    // SAFETY: promised by the caller.
    unsafe { time.write(SECOND) };
}

#[test]
fn a_wake_that_the_deadline_crosses_is_received() {
    let _watchdog = Watchdog::new();
    // SAFETY: it writes the time to where it is told.
    let clock = unsafe { Clock::precise(crossing_clock) };
    let deadline = Instant::from_ticks(MILLISECOND);
    for (class, guarded) in [(Class::Vista, false), (Class::Xp, true)] {
        for event in [Event::Unpark, Event::Notify] {
            let nt = Nt::boot(class);
            let backend = nt.keyed_event_by(clock, nt.open(KeyedEventAccess::all()), guarded);
            let word = Word::new();
            *CROSSING.lock().expect("no panic") = Some(((&raw const word).expose_provenance(), event));
            thread::scope(|scope| {
                nt.spawn(scope, || {
                    while CROSSING.lock().expect("no panic").is_some() {
                        thread::yield_now();
                    }
                    backend.wake(&raw const word);
                });
                let outcome = if event == Event::Unpark {
                    backend.take_token_here(&word, deadline)
                } else {
                    word.apply(Event::Arm);
                    word.apply(Event::Block);
                    backend.await_notice_here(&word, deadline)
                };
                assert_eq!(outcome, Outcome::Unparked);
            });
            // The wait of the settle, which nothing but the wake has ended.
            assert!(!nt.requests(Call::Wait).is_empty());
            assert_eq!(nt.requests(Call::Release).len(), 1);
        }
    }
}

#[test]
fn timeouts_run_out_and_leave_nothing_behind() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, wait| {
        let token = Token::new(backend);
        for _ in 0..3 {
            let deadline = backend.now() + Duration::from_millis(10);
            let outcome = park_while(nt, &token, deadline, || {
                nt.await_blocked(wait, 1);
                nt.advance(SECOND);
            });
            assert_eq!(outcome, Outcome::TimedOut);
            assert!(!token.unpark(), "there is nobody to wake");
            assert_eq!(token.park_until(Instant::MIN), Outcome::Unparked);
        }
    });
}

#[test]
fn a_token_is_not_lost_however_time_goes_by() {
    let _watchdog = Watchdog::new();
    on_all(|nt, backend, _| {
        let token = Token::new(backend);
        let (left, taken) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_over = AtomicBool::new(false);
        let tokens = 300;
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(SeqCst) {
                    nt.advance(MILLISECOND / 8);
                    thread::yield_now();
                }
            });
            nt.spawn(scope, || {
                let mut timeout = 0;
                while taken.load(SeqCst) < tokens {
                    timeout = (timeout + 3) % 20;
                    let deadline = backend.now() + Duration::from_micros(50 * timeout);
                    if token.park_until(deadline) == Outcome::Unparked {
                        assert!(taken.fetch_add(1, SeqCst) < left.load(SeqCst), "doubled");
                    }
                }
            });
            for number in 1..=tokens {
                left.store(number, SeqCst);
                token.unpark();
                while taken.load(SeqCst) < number {
                    thread::yield_now();
                }
            }
            is_over.store(true, SeqCst);
        });
        assert_eq!(token.park_until(Instant::MIN), Outcome::TimedOut);
    });
}

#[test]
fn polling_needs_a_clock_alone() {
    let _watchdog = Watchdog::new();
    let nt = Nt::boot(Class::Vista);
    let token = Token::new(Box::leak(Box::new(Backend::Polling(Nt::clock()))));
    let outcome = park_while(&nt, &token, Instant::MAX, || {
        while token.park_until(Instant::MIN) != Outcome::Busy {
            thread::yield_now();
        }
        assert!(token.unpark());
    });
    assert_eq!(outcome, Outcome::Unparked);
    let deadline = token.backend.now() + Duration::from_secs(1);
    let outcome = park_while(&nt, &token, deadline, || {
        while token.park_until(Instant::MIN) != Outcome::Busy {
            thread::yield_now();
        }
        nt.advance(2 * SECOND);
    });
    assert_eq!(outcome, Outcome::TimedOut);
    assert!(nt.now() >= deadline);
}

#[test]
fn a_host_is_asked_for_what_is_needed_and_no_more() {
    static YIELDS: AtomicU64 = AtomicU64::new(0);
    static READINGS: AtomicU64 = AtomicU64::new(0);
    /// Blocks until the word is unparked, which it is at once.
    unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, _: usize, timeout: u64) {
        assert_eq!(timeout, u64::MAX);
        // SAFETY: the word of a thread that waits is alive.
        let word = unsafe { &*word.cast::<Word>() };
        assert_eq!(word.apply(Event::Unpark), Step::Wake);
    }
    unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}
    unsafe extern "C" fn now(_: *mut c_void) -> u64 {
        READINGS.fetch_add(1, SeqCst)
    }
    unsafe extern "C" fn thread_yield(_: *mut c_void) {
        YIELDS.fetch_add(1, SeqCst);
    }
    // SAFETY: they may return at any time, and the clock does not go backwards.
    let host = unsafe { Host::new(std::ptr::null_mut(), wait, wake, now, thread_yield, 7) };
    assert_eq!(host.spin(), 7);
    let backend = Backend::Host(host);
    backend.thread_yield();
    assert_eq!(YIELDS.load(SeqCst), 1);
    // What has no limit needs no clock.
    assert_eq!(backend.take_token_here(&Word::new(), Instant::MAX), Outcome::Unparked);
    assert_eq!(READINGS.load(SeqCst), 0);
    assert_eq!(backend.now(), Instant::from_ticks(1), "a unit that has begun may be over");
}

/// Where a wake for nobody does no harm. The waiter may have come by its backend before that was there for
/// all.
#[test]
#[cfg(not(windows))]
fn a_wake_may_be_the_first_use() {
    let word = Word::new();
    word.apply(Event::Commit);
    assert_eq!(word.apply(Event::Unpark), Step::Wake);
    Backend::with(|backend| backend.wake(&raw const word));
    assert!(SELECTION.get().is_some());
}
