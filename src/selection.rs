//! The process's choice of a backend: made once, the same for all threads, without a thread waiting for another.
//!
//! Threads that race through the first use each build a backend. Then each tries to publish its *kind*, with one
//! Release compare-exchange, and goes on with a backend of the kind that has been published, by itself or by another:
//! they all find the same functions. Two protocols never mix on one word. The first thread builds its backend in
//! place, where it is stored for all; others build a copy on their stack, use it once, and do not wait.
//!
//! Handles differ: the first thread to store one wins, the others close theirs. If another kind is published in the
//! end, the handle is closed too, so at most one stays open.
//!
//! A kind is available only if *all* its functions are.
//!
//! If a thread is killed within the microsecond in which it stores the backend, it stays unstored. Then each later
//! park that has to wait, and each unpark that has to wake, builds its copy anew, which takes some microseconds.

use crate::backend::host::Host;
use crate::backend::keyed_event::{self, KeyedEvent, KeyedEventFunctions};
use crate::backend::polling::Polling;
use crate::backend::process::Process;
use crate::backend::wait_address::{WaitAddress, WaitAddressFunctions};
use crate::backend::{Backend, BackendKind, BackendKinds, SelectError};
use crate::state::Word;
use crate::sync::atomic::{AtomicPtr, AtomicU8};
use crate::sync::{UnsafeCell, const_constructor, process_static};
use crate::sys::last_error::LastError;
use crate::sys::loader::{Module, NTDLL, Nt};
use crate::time::Instant;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

process_static! {
    /// The process's own.
    static SELECTION: Selection = Selection::new();
}

/// The first choice.
const PREFERRED: BackendKind = BackendKind::WaitAddress;

/// The next choice where `kind` is not available. Polling always is.
const fn fallback_after(kind: BackendKind) -> BackendKind {
    match kind {
        BackendKind::WaitAddress => BackendKind::KeyedEventNull,
        BackendKind::KeyedEventNull => BackendKind::KeyedEvent,
        BackendKind::KeyedEvent | BackendKind::Host | BackendKind::Polling => BackendKind::Polling,
    }
}

impl Backend {
    /// The process's backend; chooses it if this is the first use.
    ///
    /// Lock-free: threads that race here all work out the choice, and one of them publishes it for all. Loads and
    /// allocates nothing, and cannot fail. The first call looks functions up, which takes the loader's lock: if another
    /// thread may hold that and wait for the caller, call this earlier.
    #[must_use]
    #[inline(never)]
    pub fn get() -> Self {
        Self::with(|backend| *backend)
    }

    /// Makes this kind the process's backend. [`BackendKind::Host`] is refused: [install](Backend::install) one.
    ///
    /// # Errors
    /// [`SelectError::InUse`] with the kind in use, once the choice has been made, even if it is the same kind;
    /// [`SelectError::Unavailable`] if this system lacks that kind.
    pub fn force(kind: BackendKind) -> Result<(), SelectError> {
        SELECTION.force(kind)
    }

    /// Makes the embedder's functions the process's backend.
    ///
    /// # Errors
    /// [`SelectError::InUse`] with the kind in use once the choice has been made. A refused host leaves no trace.
    pub fn install(host: &'static Host) -> Result<(), SelectError> {
        SELECTION.install(host)
    }

    /// The kinds that this process could use, found out anew on each call; chooses nothing. The host is among them once
    /// it is in use.
    #[must_use]
    pub fn available() -> BackendKinds {
        SELECTION.available()
    }

    /// Calls `work` with the process's backend; chooses it if this is the first use.
    #[inline(always)]
    pub(crate) fn with<R>(work: impl FnOnce(&Self) -> R) -> R {
        work(SELECTION.get_in(&mut MaybeUninit::uninit()))
    }

    /// As [`with`](Self::with), for what blocks: only where it is needed does it have a place for a backend on its
    /// stack. (The arguments are passed one by one, and not in a closure, so that the compiler sees constants: a
    /// program without timed waits has no code for them.)
    #[inline(always)]
    pub(crate) fn block<R>(word: &Word, deadline: Instant, work: impl FnOnce(&Word, &Self, Instant) -> R) -> R {
        #[cold]
        #[inline(never)]
        fn choose_and<R>(word: &Word, deadline: Instant, work: impl FnOnce(&Word, &Backend, Instant) -> R) -> R {
            work(word, SELECTION.choose_in(&mut MaybeUninit::uninit()), deadline)
        }
        match SELECTION.get() {
            Some(backend) => work(word, backend, deadline),
            None => choose_and(word, deadline, work),
        }
    }

    /// Whether the process is ending; chooses the backend if this is its first use.
    #[inline(never)]
    pub(crate) fn is_ending() -> bool {
        Self::with(Self::is_process_ending)
    }

    /// The process's backend, if it has been chosen and stored.
    pub(crate) fn chosen() -> Option<&'static Self> {
        SELECTION.stored()
    }
}

impl Instant {
    /// The time now on the clock of the process's backend, rounded up; chooses the backend if this is its first
    /// use. See [`Backend::now`].
    #[must_use]
    pub fn now() -> Self {
        Backend::with(Backend::now)
    }
}

/// The choice.
pub(crate) struct Selection {
    /// 0 until the choice is made, then a [`BackendKind`], for good.
    kind: AtomicU8,
    /// How far the storing of `backend` is: [`FREE`], [`CLAIMED`] or [`STORED`].
    init_state: AtomicU8,
    /// The backend of the published kind, written by the thread that has claimed it.
    backend: UnsafeCell<MaybeUninit<Backend>>,
    host: AtomicPtr<Host>,
    handle: AtomicPtr<c_void>,
}

/// No thread has begun to store the backend.
const FREE: u8 = 0;
/// A thread is storing it. Nobody waits for that.
const CLAIMED: u8 = 1;
/// It is stored, for good.
const STORED: u8 = 2;

// SAFETY: `backend` is written by the one thread that takes `init_state` from FREE, and read only once that is
// STORED.
unsafe impl Sync for Selection {}

impl Selection {
    const_constructor! {
        pub(crate) fn new() -> Self {
            Self {
                kind: AtomicU8::new(0),
                init_state: AtomicU8::new(FREE),
                backend: UnsafeCell::new(MaybeUninit::uninit()),
                host: AtomicPtr::new(ptr::null_mut()),
                handle: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    /// The chosen backend, if it has been stored.
    #[inline]
    fn stored(&self) -> Option<&Backend> {
        // Acquire: meets the Release in `choose_in`.
        if self.init_state.load(Acquire) != STORED {
            return None;
        }
        // SAFETY: it is.
        Some(unsafe { self.get_unchecked() })
    }

    /// The chosen backend.
    ///
    /// # Safety
    /// It has been stored.
    #[inline]
    unsafe fn get_unchecked(&self) -> &Backend {
        // SAFETY: nobody writes it any more.
        let backend = self.backend.with(|backend| unsafe { &*backend });
        // SAFETY: it has been stored.
        unsafe { backend.assume_init_ref() }
    }

    /// The chosen backend; chooses and stores it if nobody has yet. None while another thread does: then one
    /// can [choose](Self::choose_in) oneself.
    #[inline(always)]
    fn get(&self) -> Option<&Backend> {
        match self.stored() {
            None => self.choose_and_store(),
            stored => stored,
        }
    }

    /// The chosen backend; chooses if nobody has yet. Needs `own` while another thread is about to store it.
    #[inline(never)]
    pub(crate) fn get_in<'a>(&'a self, own: &'a mut MaybeUninit<Backend>) -> &'a Backend {
        self.get().unwrap_or_else(|| self.choose_in(own))
    }

    pub(crate) fn force(&self, kind: BackendKind) -> Result<(), SelectError> {
        let _last_error = LastError::keep();
        if let Some(in_use) = self.published() {
            return Err(SelectError::InUse(in_use));
        }
        if !Self::has(kind) {
            return Err(SelectError::Unavailable(kind));
        }
        if kind == BackendKind::KeyedEvent {
            // Before its kind is published, so that all threads find this one.
            self.open_handle();
        }
        self.publish(kind).map_err(SelectError::InUse)
    }

    pub(crate) fn install(&self, host: &'static Host) -> Result<(), SelectError> {
        if let Some(in_use) = self.published() {
            return Err(SelectError::InUse(in_use));
        }
        // null=>host. Release: threads that read the pointer read through it.
        let pointer = ptr::from_ref(host).cast_mut();
        let is_first = self.host.compare_exchange(ptr::null_mut(), pointer, Release, Relaxed).is_ok();
        // The loser publishes the winner's host, so the kind it reports really is in use.
        match self.publish(BackendKind::Host) {
            Ok(()) | Err(BackendKind::Host) if is_first => Ok(()),
            Ok(()) => Err(SelectError::InUse(BackendKind::Host)),
            // A pointer that was stored too late is never read: only a published host is.
            Err(in_use) => Err(SelectError::InUse(in_use)),
        }
    }

    pub(crate) fn available(&self) -> BackendKinds {
        let _last_error = LastError::keep();
        let found = BackendKind::ALL.iter().copied().filter(|&kind| Self::has(kind)).map(BackendKinds::from).collect();
        if self.published() == Some(BackendKind::Host) { BackendKinds::HOST | found } else { found }
    }

    /// What has been published.
    fn published(&self) -> Option<BackendKind> {
        // Acquire: meets the Release in `publish`, before which the host or the handle was stored.
        BackendKind::from_number(self.kind.load(Acquire))
    }

    /// The first use, by one thread; None for others.
    // Without a frame of its own.
    #[inline(always)]
    fn choose_and_store(&self) -> Option<&Backend> {
        // FREE=>CLAIMED. Relaxed: there is nothing to read yet.
        self.init_state.compare_exchange(FREE, CLAIMED, Relaxed, Relaxed).ok()?;
        // SAFETY: only the thread that has taken `init_state` from FREE comes here, once, and nobody reads before that
        // is STORED.
        Some(self.choose_in(self.backend.with_mut(|place| unsafe { &mut *place })))
    }

    /// Builds a backend of the published kind; if there is none yet, of the best that this system has, and
    /// publishes that. From then on the choice stands.
    ///
    /// A backend that is built where it is stored is declared stored here and not by the caller, whose frame would
    /// stand while this one does: nowhere is the stack deeper.
    #[inline(never)]
    fn choose_in<'a>(&'a self, place: &'a mut MaybeUninit<Backend>) -> &'a Backend {
        let _last_error = LastError::keep();
        self.build_chosen(place);
        // SAFETY: it has been built.
        let backend = unsafe { place.assume_init_mut() };
        // Once it stands which backend it is, so that nothing holds the clock meanwhile.
        if let Some(process) = backend.process_mut() {
            process.find_clock();
        }
        // By the addresses alone: another thread may be writing there.
        let offset = ptr::from_ref(backend).addr().wrapping_sub(ptr::from_ref(&self.backend).addr());
        if offset < size_of_val(&self.backend) {
            self.init_state.store(STORED, Release);
        }
        backend
    }

    /// Puts a backend of the chosen kind into its place, without a clock.
    fn build_chosen(&self, place: &mut MaybeUninit<Backend>) {
        let mut kind = PREFERRED;
        let in_use = loop {
            if let Some(in_use) = self.published() {
                break in_use;
            }
            if kind == BackendKind::KeyedEvent {
                self.open_handle();
            }
            if self.build(kind, place).is_none() {
                kind = fallback_after(kind);
            } else if self.publish(kind).is_ok() {
                return;
            }
        };
        // What another thread could build can be built here too. Should it not, polling lets this thread go on.
        if self.build(in_use, place).is_none() {
            self.build(BackendKind::Polling, place);
        }
    }

    /// 0=>kind. Errs with the kind that another thread has published before.
    fn publish(&self, kind: BackendKind) -> Result<(), BackendKind> {
        // Release: the host or the handle comes before it. Acquire: so does that of the other thread's kind.
        let published = match self.kind.compare_exchange(0, kind as u8, Release, Acquire) {
            Ok(_) => Ok(()),
            Err(number) => Err(BackendKind::from_number(number).unwrap_or(BackendKind::Polling)),
        };
        if published.err().unwrap_or(kind) != BackendKind::KeyedEvent {
            self.close_handle();
        }
        published
    }

    /// Whether this system has everything that this kind needs. Finds it out in a selection of its own, so that
    /// nothing of this one changes.
    fn has(kind: BackendKind) -> bool {
        let probe = Self::new();
        probe.kind.store(kind as u8, Relaxed);
        // If it cannot be built, the last resort is.
        if kind == BackendKind::KeyedEvent {
            probe.open_handle();
        }
        let found = probe.choose_in(&mut MaybeUninit::uninit()).kind();
        probe.close_handle();
        found == kind
    }

    /// Puts a backend of this kind into its place, without a clock. None if something is missing that it needs.
    #[inline(never)]
    fn build(&self, kind: BackendKind, place: &mut MaybeUninit<Backend>) -> Option<()> {
        let ntdll = Nt::detect().and_then(|nt| nt.module(NTDLL));
        let system = ntdll.and_then(|ntdll| Some((ntdll, Process::find(ntdll)?)));
        // SAFETY: ntdll's own function, which does what is documented where it is declared.
        let process = |(ntdll, is_ending): (Module, _)| unsafe { Process::new(ntdll.nt, is_ending) };
        match kind {
            // SAFETY: null or what `install` was given, a reference for ever.
            BackendKind::Host => place.write(Backend::Host(unsafe { self.host.load(Acquire).as_ref() }?)),
            BackendKind::Polling => match system {
                Some(system) => place.write(Backend::Polling(Polling { process: Some(process(system)) })),
                None => place.write(Backend::Polling(Polling { process: None })),
            },
            BackendKind::WaitAddress => {
                let functions = WaitAddressFunctions::find(system?.0.nt)?;
                // SAFETY: the system's own functions.
                place.write(Backend::WaitAddress(unsafe { WaitAddress::new(process(system?), functions) }))
            }
            BackendKind::KeyedEvent | BackendKind::KeyedEventNull => {
                let functions = KeyedEventFunctions::find(system?.0)?;
                let mut handle = ptr::null_mut();
                if kind == BackendKind::KeyedEvent {
                    handle = self.handle.load(Relaxed);
                }
                if handle.is_null() && (kind == BackendKind::KeyedEvent || !functions.know_null_handle()) {
                    return None;
                }
                let guarded = KeyedEvent::needs_guard(system?.0.nt);
                // SAFETY: ntdll's own functions; the handle stays open as long as this kind is in use.
                let backend = unsafe { KeyedEvent::new(process(system?), handle, functions, guarded) };
                place.write(Backend::KeyedEvent(backend))
            }
        };
        Some(())
    }

    /// Makes a keyed event without a name, the same for all threads; leaves null if there can be none.
    // Apart, so that its frame does not stand under what is looked up next.
    #[inline(never)]
    fn open_handle(&self) {
        if !self.handle.load(Relaxed).is_null() {
            return;
        }
        let Some(nt) = Nt::detect() else {
            return;
        };
        let handle = keyed_event::create(nt);
        // null=>handle. Relaxed: it is a number; publishing the kind orders it.
        let is_first = self.handle.compare_exchange(ptr::null_mut(), handle, Relaxed, Relaxed).is_ok();
        if !is_first && !handle.is_null() {
            nt.close(handle);
        }
    }

    /// Another kind has been published, and for good, so nobody uses or will use the handle.
    fn close_handle(&self) {
        let handle = self.handle.swap(ptr::null_mut(), Relaxed);
        if let (Some(nt), false) = (Nt::detect(), handle.is_null()) {
            nt.close(handle);
        }
    }
}
