use super::*;
use crate::ThreadParker;
use crate::fake_nt::{self, Call, Class, Nt, Point, STATUS_INSUFFICIENT_RESOURCES};
use crate::sys::{STATUS_ACCESS_DENIED, STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_SUCCESS};
use crate::watchdog::Watchdog;
use std::sync::Barrier;
use std::thread;

const LOADER: Simulated = Simulated;

#[derive(Clone, Copy)]
struct Simulated;

impl Loader for Simulated {
    fn module(self, name: &CStr) -> HANDLE {
        // SAFETY: the name is a string that ends with 0.
        unsafe { fake_nt::module(name.as_ptr()) }
    }

    fn function(self, module: HANDLE, name: &CStr) -> *mut c_void {
        // SAFETY: as above.
        unsafe { fake_nt::function(module, name.as_ptr()) }
    }

    fn close(self, handle: HANDLE) {
        // SAFETY: the handle is one of the simulation's.
        unsafe { fake_nt::close_handle(handle) };
    }

    fn major_version(self) -> u32 {
        fake_nt::major_version()
    }
}

const CLASSES: [Class; 3] = [Class::Vista, Class::Xp, Class::ReactOs];

/// What the backends need.
const FUNCTIONS: [&str; 6] = [
    "WaitOnAddress",
    "WakeByAddressSingle",
    "NtCreateKeyedEvent",
    "NtWaitForKeyedEvent",
    "NtReleaseKeyedEvent",
    "RtlDllShutdownInProgress",
];

/// All sets of them, told by the bits of a number.
fn without(functions: &[&'static str]) -> impl Iterator<Item = Vec<&'static str>> {
    let bits = 0..1_u32 << functions.len();
    bits.map(|set| (0..functions.len()).filter(|bit| set >> bit & 1 != 0).map(|bit| functions[bit]).collect())
}

fn boot(class: Class, lacking: &[&str]) -> Nt {
    let nt = Nt::boot(class);
    lacking.iter().for_each(|function| nt.lack(function));
    nt
}

/// What a process with this selection parks on.
fn chosen(selection: &Selection<Simulated>) -> Backend {
    *selection.get_in(&mut MaybeUninit::uninit())
}

fn is_guarded(backend: &Backend) -> bool {
    matches!(backend, Backend::KeyedEvent(keyed_event) if keyed_event.is_guarded())
}

#[test]
fn every_set_of_missing_functions_has_its_fallback() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in without(&FUNCTIONS) {
            for is_out_of_handles in [false, true] {
                let nt = boot(class, &lacking);
                if is_out_of_handles {
                    nt.fail_always(Call::Create, STATUS_INSUFFICIENT_RESOURCES);
                }
                let has = |functions: &[&str]| functions.iter().all(|function| !lacking.contains(function));
                let mut available = Kinds::POLLING;
                available.set(Kinds::WAIT_ADDRESS, has(&FUNCTIONS[..2]));
                available.set(Kinds::KEYED_EVENT, has(&FUNCTIONS[2..]) && !is_out_of_handles);
                available.set(Kinds::KEYED_EVENT_NULL, has(&FUNCTIONS[3..]) && class != Class::Xp);
                let order = [Kind::WaitAddress, Kind::KeyedEvent, Kind::KeyedEventNull, Kind::Polling];
                let expected = order.into_iter().find(|&kind| available.contains(kind.into()));

                let what = (class, &lacking, is_out_of_handles);
                let selection = Selection::new(LOADER);
                assert_eq!(selection.available(), available, "{what:?}");
                assert_eq!(nt.open_handles(), 0, "looking opens nothing");
                let backend = chosen(&selection);
                assert_eq!(Some(backend.kind()), expected, "{what:?}");
                assert_eq!(chosen(&selection).kind(), backend.kind());
                assert_eq!(is_guarded(&backend), class != Class::Vista && matches!(backend, Backend::KeyedEvent(_)));
                assert_eq!(nt.open_handles(), usize::from(expected == Some(Kind::KeyedEvent)), "{what:?}");
            }
        }
    }
}

#[test]
fn a_missing_module_has_none_of_its_functions() {
    let _watchdog = Watchdog::new();
    for (module, expected) in [
        ("api-ms-win-core-synch-l1-2-0.dll", Kind::KeyedEvent),
        ("ntdll.dll", Kind::WaitAddress),
        ("kernel32.dll", Kind::WaitAddress),
        ("api-ms-win-core-realtime-l1-1-1.dll", Kind::WaitAddress),
    ] {
        let nt = boot(Class::Vista, &[module]);
        assert_eq!(chosen(&Selection::new(LOADER)).kind(), expected, "{module}");
        drop(nt);
    }
}

#[test]
fn what_is_forced_is_taken_or_refused() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in without(&FUNCTIONS) {
            let nt = boot(class, &lacking);
            let available = Selection::new(LOADER).available();
            for kind in Kind::ALL {
                let handles = nt.open_handles();
                let selection = Selection::new(LOADER);
                if available.contains(kind.into()) {
                    assert_eq!(selection.force(kind), Ok(()));
                    assert_eq!(chosen(&selection).kind(), kind);
                    for other in Kind::ALL {
                        assert_eq!(selection.force(other), Err(SelectError::InUse(kind)));
                    }
                    assert_eq!(nt.open_handles() - handles, usize::from(kind == Kind::KeyedEvent));
                } else {
                    assert_eq!(selection.force(kind), Err(SelectError::Unavailable(kind)));
                    assert_eq!(nt.open_handles(), handles);
                    assert!(selection.published().is_none(), "nothing has been chosen");
                }
            }
        }
    }
}

#[test]
fn whether_the_null_handle_is_known_decides_about_its_kind_alone() {
    let _watchdog = Watchdog::new();
    for status in [STATUS_SUCCESS, STATUS_ALERTED, STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED] {
        let nt = boot(Class::Vista, &["WaitOnAddress"]);
        nt.fail_always(Call::Wait, status);
        let selection = Selection::new(LOADER);
        assert_eq!(selection.force(Kind::KeyedEventNull), Err(SelectError::Unavailable(Kind::KeyedEventNull)));
        let backend = chosen(&selection);
        assert_eq!(backend.kind(), Kind::KeyedEvent, "{status:#x}");
        assert!(!is_guarded(&backend), "{status:#x}");
    }
}

#[test]
fn a_handle_that_cannot_be_made_is_done_without() {
    let _watchdog = Watchdog::new();
    for (class, expected) in
        [(Class::Vista, Kind::KeyedEventNull), (Class::ReactOs, Kind::KeyedEventNull), (Class::Xp, Kind::Polling)]
    {
        let nt = boot(class, &["WaitOnAddress"]);
        nt.fail_always(Call::Create, STATUS_INSUFFICIENT_RESOURCES);
        let selection = Selection::new(LOADER);
        let backend = chosen(&selection);
        assert_eq!(backend.kind(), expected);
        assert_eq!(is_guarded(&backend), class == Class::ReactOs);
    }
}

#[test]
fn what_is_chosen_parks() {
    let _watchdog = Watchdog::new();
    for class in CLASSES {
        for lacking in [&[][..], &["WaitOnAddress"], &["WaitOnAddress", "NtCreateKeyedEvent"]] {
            // Polling has no thread that blocks.
            if class == Class::Xp && lacking.len() == 2 {
                continue;
            }
            let nt = boot(class, lacking);
            let backend = chosen(&Selection::new(LOADER));
            let parker = ThreadParker::with_backend(Box::leak(Box::new(backend)));
            let wait = if lacking.is_empty() { Call::WaitOnAddress } else { Call::Wait };
            parker.prepare_park();
            thread::scope(|scope| {
                nt.spawn(scope, || parker.park());
                nt.await_blocked(wait, 1);
                assert!(parker.unpark_lock().unpark());
            });
        }
    }
}

#[test]
fn a_backend_has_the_best_clock_there_is() {
    let _watchdog = Watchdog::new();
    const CLOCKS: [&str; 5] = [
        "QueryUnbiasedInterruptTimePrecise",
        "QueryUnbiasedInterruptTime",
        "QueryPerformanceCounter",
        "QueryPerformanceFrequency",
        "WaitOnAddress",
    ];
    let query = |name| {
        let address = fake_nt::address_of(name);
        // SAFETY: what lies there has this type.
        unsafe { transmute::<*mut c_void, QueryTime>(address) }
    };
    // SAFETY: these are not asked for the time, only compared.
    let precise = unsafe { Clock::precise(query(CLOCKS[0])) };
    // SAFETY: as above.
    let ticking = unsafe { Clock::ticking(query(CLOCKS[1])) };
    let bias = ptr::with_exposed_provenance(KUSER_INTERRUPT_TIME_BIAS);
    // SAFETY: as above.
    let counter = unsafe { Clock::counter(query(CLOCKS[2]), 1 << 32, bias) };
    for lacking in without(&CLOCKS) {
        let nt = boot(Class::Vista, &lacking);
        let has = |name: &str| !lacking.contains(&name);
        let expected = if has(CLOCKS[0]) {
            precise
        } else if has(CLOCKS[2]) && has(CLOCKS[3]) && has(CLOCKS[4]) {
            counter
        } else if has(CLOCKS[1]) {
            ticking
        } else {
            Clock::SHARED_PAGE
        };
        for kind in [Kind::WaitAddress, Kind::KeyedEvent, Kind::Polling] {
            let selection = Selection::new(LOADER);
            let is_there = selection.force(kind).is_ok();
            assert_eq!(is_there, kind != Kind::WaitAddress || has(CLOCKS[4]));
            if is_there {
                let mut backend = chosen(&selection);
                assert_eq!(backend.kind(), kind);
                let clock = backend.clock_mut().expect("they tell time by NT's");
                assert_eq!(format!("{clock:?}"), format!("{expected:?}"), "{kind}, without {lacking:?}");
            }
        }
        drop(nt);
    }
}

#[test]
fn who_makes_a_handle_second_closes_it() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, &["WaitOnAddress"]);
    let selection = Selection::new(LOADER);
    nt.hold(Point::Creating);
    thread::scope(|scope| {
        let threads = [(); 5].map(|()| nt.spawn(scope, || chosen(&selection)));
        nt.await_held(Point::Creating, 5);
        nt.let_go(Point::Creating);
        let backends = threads.map(|thread| format!("{:?}", thread.join().expect("it chooses")));
        assert!(backends.iter().all(|backend| *backend == backends[0]), "they have one handle");
    });
    assert_eq!(nt.requests(Call::Create).len(), 5);
    assert_eq!(nt.open_handles(), 1);
    assert_eq!(chosen(&selection).kind(), Kind::KeyedEvent);
}

#[test]
fn a_handle_is_closed_when_another_kind_is_published_first() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, &["WaitOnAddress"]);
    for other in [Kind::KeyedEventNull, Kind::Polling] {
        let selection = Selection::new(LOADER);
        nt.hold(Point::Creating);
        thread::scope(|scope| {
            let late = nt.spawn(scope, || selection.force(Kind::KeyedEvent));
            let adopter = nt.spawn(scope, || chosen(&selection).kind());
            nt.await_held(Point::Creating, 2);
            assert_eq!(selection.force(other), Ok(()));
            nt.let_go(Point::Creating);
            assert_eq!(late.join().expect("it is refused"), Err(SelectError::InUse(other)));
            assert_eq!(adopter.join().expect("it chooses"), other);
        });
        assert_eq!(nt.open_handles(), 0);
    }
}

#[test]
fn nobody_waits_for_the_thread_that_stores() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, &["WaitOnAddress"]);
    let selection = Selection::new(LOADER);
    nt.hold(Point::Creating);
    thread::scope(|scope| {
        let first = nt.spawn(scope, || chosen(&selection).kind());
        nt.await_held(Point::Creating, 1);
        assert_eq!(selection.force(Kind::KeyedEventNull), Ok(()));
        for _ in 0..2 {
            assert!(selection.get().is_none(), "it is being stored");
            assert_eq!(chosen(&selection).kind(), Kind::KeyedEventNull);
        }
        nt.let_go(Point::Creating);
        assert_eq!(first.join().expect("it adopts what has been forced"), Kind::KeyedEventNull);
    });
    assert_eq!(selection.get().map(Backend::kind), Some(Kind::KeyedEventNull));
    assert_eq!(nt.open_handles(), 0);
}

/// A host that is never waited on. It shows the time in its context.
const fn host(time: &'static u64) -> Host {
    unsafe extern "C" fn wait(_: *mut c_void, _: *const usize, _: usize, _: u64) {}
    unsafe extern "C" fn wake(_: *mut c_void, _: *const usize) {}
    unsafe extern "C" fn now(time: *mut c_void) -> u64 {
        // SAFETY: the context is that of this function.
        unsafe { time.cast::<u64>().read() }
    }
    unsafe extern "C" fn give_way(_: *mut c_void) {}
    // SAFETY: to return at once is to return for no reason, which a host may; the time lives for ever.
    unsafe { Host::new(ptr::from_ref(time).cast_mut().cast(), wait, wake, now, give_way, 0) }
}

static HOST: Host = host(&7);
static ANOTHER: Host = host(&9);

#[test]
fn threads_that_race_make_one_choice() {
    let _watchdog = Watchdog::new();
    const THREADS: usize = 6;
    for round in 0..120 {
        let nt = boot(Class::Vista, if round % 2 == 0 { &["WaitOnAddress"] } else { &[] });
        let selection = Selection::new(LOADER);
        let start = Barrier::new(THREADS);
        let results = thread::scope(|scope| {
            let racer = |index: usize| {
                let (selection, start) = (&selection, &start);
                nt.spawn(scope, move || {
                    start.wait();
                    // In some rounds all wish for keyed events, in some for all kinds of things.
                    let result = match (round / 2 % 3, (index + round) % THREADS) {
                        (0, _) | (1, 0 | 1) | (2, 0) => Some(selection.force(Kind::KeyedEvent)),
                        (1, 2) | (2, 1) => Some(selection.force(Kind::Polling)),
                        (2, 2) => Some(selection.install(&HOST)),
                        (2, 3) => Some(selection.install(&ANOTHER)),
                        _ => None,
                    };
                    (result, format!("{:?}", chosen(selection)))
                })
            };
            let threads: [_; THREADS] = std::array::from_fn(racer);
            threads.map(|thread| thread.join().expect("it chooses"))
        });
        let in_use = chosen(&selection);
        for (result, seen) in &results {
            assert_eq!(*seen, format!("{in_use:?}"), "in round {round}");
            let truth = [None, Some(Ok(())), Some(Err(SelectError::InUse(in_use.kind())))];
            assert!(truth.contains(result), "{result:?} in round {round}, where {in_use:?} is in use");
        }
        assert!(results.iter().filter(|(result, _)| *result == Some(Ok(()))).count() <= 1);
        assert_eq!(nt.open_handles(), usize::from(in_use.kind() == Kind::KeyedEvent), "in round {round}");
    }
}

#[test]
fn a_host_comes_first() {
    let _watchdog = Watchdog::new();
    let nt = boot(Class::Vista, &[]);
    let selection = Selection::new(LOADER);
    assert_eq!(selection.force(Kind::Host), Err(SelectError::Unavailable(Kind::Host)));
    assert_eq!(selection.install(&HOST), Ok(()));
    assert_eq!(chosen(&selection).kind(), Kind::Host);
    assert_eq!(chosen(&selection).now().ticks(), 8, "rounded up");
    assert_eq!(selection.install(&HOST), Err(SelectError::InUse(Kind::Host)));
    assert!(selection.available().contains(Kinds::HOST));
    // A host that another thread is just installing can be forced, and is what is chosen.
    for is_forced in [false, true] {
        let selection = Selection::new(LOADER);
        selection.host.store(ptr::from_ref(&HOST).cast_mut(), Release);
        assert!(!is_forced || selection.force(Kind::Host).is_ok());
        assert_eq!(chosen(&selection).kind(), Kind::Host);
    }
    // A second one that is installed meanwhile makes it the choice, and is told so.
    let selection = Selection::new(LOADER);
    selection.host.store(ptr::from_ref(&HOST).cast_mut(), Release);
    assert_eq!(selection.install(&ANOTHER), Err(SelectError::InUse(Kind::Host)));
    assert_eq!(chosen(&selection).now().ticks(), 8, "the first one is");
    drop(nt);
}
