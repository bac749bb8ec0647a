//! The process's choice of a backend: made once, the same for all threads, and nobody waits for it.
//!
//! Threads that come to the first use at once all build a backend. Then each tries to publish its *kind*, with
//! one Release compare-exchange, and goes on with one of the kind that has been published, whoever did it: they
//! find the same functions. Two protocols never mix on one word. The first to come builds its backend where it
//! is then stored for everyone to come; the others build theirs on the stack, use it once, and do not wait.
//!
//! A handle is not the same for all: the first to store one wins, the others close their own. If another kind
//! is published in the end, the handle is closed too, so at most one stays open.
//!
//! Functions are looked up in modules that are loaded already. Nothing is ever loaded: we may hold the
//! loader's lock, run before main, or in a process that someone would like to plant a DLL in. A kind counts
//! as there only if *all* its functions are.

use super::host::Host;
use super::keyed_event::KeyedEvent;
use super::last_error::LastError;
use super::wait_address::WaitAddress;
use super::{Backend, Kind, Kinds, SelectError};
use crate::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32};
use crate::sync::{UnsafeCell, const_unless_loom};
use crate::sys::kernel32::{QueryTime, WaitOnAddress, WakeByAddressSingle};
use crate::sys::ntdll::{
    KUSER_INTERRUPT_TIME_BIAS, KeyedEventAccess, NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent,
    RtlDllShutdownInProgress,
};
use crate::sys::{FALSE, HANDLE, STATUS_TIMEOUT, is_error};
use crate::time::Clock;
use core::ffi::{CStr, c_void};
use core::mem::{MaybeUninit, transmute};
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The first choice.
const PREFERRED: Kind = Kind::Host;

/// The next choice if this system lacks `kind`. It never lacks polling.
const fn instead_of(kind: Kind) -> Kind {
    match kind {
        Kind::Host => Kind::WaitAddress,
        Kind::WaitAddress => Kind::KeyedEvent,
        Kind::KeyedEvent => Kind::KeyedEventNull,
        Kind::KeyedEventNull | Kind::Polling => Kind::Polling,
    }
}

/// The first major version whose keyed events do not hide a release behind a timeout (see the `keyed_event`
/// module). The kernel's own word decides. That it knows the null handle, which Vista brought too, would not:
/// ReactOS, whose version is 5, knows it as well.
const VISTA: u32 = 6;

/// What stands in for the clock until the kind has been chosen.
const NO_CLOCK: Clock = Clock::SHARED_PAGE;

const KERNEL32: &CStr = c"kernel32.dll";
const NTDLL: &CStr = c"ntdll.dll";
const REALTIME: &CStr = c"api-ms-win-core-realtime-l1-1-1.dll";
const SYNCH: &CStr = c"api-ms-win-core-synch-l1-2-0.dll";

/// The process's own.
#[cfg(not(loom))]
pub(super) static SELECTION: Selection<System> = Selection::new(System);
#[cfg(loom)]
loom::lazy_static! {
    pub(super) static ref SELECTION: Selection<System> = Selection::new(System);
}

/// How functions are found, and handles closed.
pub(crate) trait Loader: Copy {
    /// The handle of a module that is loaded already, or null.
    fn module(self, name: &CStr) -> HANDLE;
    /// The address of a function of a module that is loaded already, or null.
    fn function(self, module: HANDLE, name: &CStr) -> *mut c_void;
    /// Closes a handle of our own that no other thread knows.
    fn close(self, handle: HANDLE);
    /// The kernel's major version: 5 is XP, 2003 and ReactOS, 6 is Vista.
    fn major_version(self) -> u32;

    /// The address of a function in a module that is loaded already; null if there is no such module or
    /// function.
    #[inline(never)]
    fn find(self, module: &CStr, function: &CStr) -> *mut c_void {
        let module = self.module(module);
        if module.is_null() { ptr::null_mut() } else { self.function(module, function) }
    }
}

/// The loader of the system.
#[derive(Clone, Copy)]
pub(crate) struct System;

#[cfg(windows)]
impl Loader for System {
    fn module(self, name: &CStr) -> HANDLE {
        // SAFETY: the name is a string that ends with 0.
        unsafe { crate::sys::kernel32::GetModuleHandleA(name.as_ptr()) }
    }

    fn function(self, module: HANDLE, name: &CStr) -> *mut c_void {
        // SAFETY: the module stays loaded: these are ntdll, kernel32 and kernelbase, which no process unloads; the
        // name is a string that ends with 0.
        unsafe { crate::sys::kernel32::GetProcAddress(module, name.as_ptr()) }
    }

    fn close(self, handle: HANDLE) {
        // SAFETY: the handle is one of our own that no other thread knows.
        unsafe { crate::sys::kernel32::CloseHandle(handle) };
    }

    fn major_version(self) -> u32 {
        let version = ptr::with_exposed_provenance::<u32>(crate::sys::ntdll::KUSER_NT_MAJOR_VERSION);
        // SAFETY: readable in every process and aligned; see the declaration.
        unsafe { version.read_volatile() }
    }
}

/// No modules, hence no functions and no handles. Under loom, the tests' simulated NT takes its place.
#[cfg(all(not(windows), not(all(loom, test))))]
impl Loader for System {
    fn module(self, _: &CStr) -> HANDLE {
        ptr::null_mut()
    }

    fn function(self, _: HANDLE, _: &CStr) -> *mut c_void {
        ptr::null_mut()
    }

    fn close(self, _: HANDLE) {}

    fn major_version(self) -> u32 {
        0
    }
}

/// The choice.
pub(super) struct Selection<L> {
    loader: L,
    /// 0 until the choice is made, then a [`Kind`], for good.
    kind: AtomicU8,
    /// How far the storing of `backend` is: [`FREE`], [`CLAIMED`] or [`STORED`].
    stage: AtomicU8,
    /// How often a parker may look at its word before it blocks; 0 until the backend is stored.
    looks: AtomicU32,
    /// The backend of the published kind, written by the thread that has claimed it.
    backend: UnsafeCell<MaybeUninit<Backend>>,
    host: AtomicPtr<Host>,
    handle: AtomicPtr<c_void>,
}

/// No thread has begun to store the backend.
const FREE: u8 = 0;
/// A thread is storing it. Nobody waits for that.
const CLAIMED: u8 = 1;
/// It stands, for good.
const STORED: u8 = 2;

// SAFETY: `backend` is written by the one thread that takes `stage` from FREE, and read only once that is
// STORED.
unsafe impl<L: Sync> Sync for Selection<L> {}

impl<L> Selection<L> {
    const_unless_loom! {
        pub(super) fn new(loader: L) -> Self {
            Self {
                loader,
                kind: AtomicU8::new(0),
                stage: AtomicU8::new(FREE),
                looks: AtomicU32::new(0),
                backend: UnsafeCell::new(MaybeUninit::uninit()),
                host: AtomicPtr::new(ptr::null_mut()),
                handle: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }
}

impl<L: Loader> Selection<L> {
    /// The chosen backend, if it has been stored.
    #[inline]
    fn stored(&self) -> Option<&Backend> {
        // Acquire: meets the Release in `choose_and_store`.
        if self.stage.load(Acquire) != STORED {
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

    /// How often a parker may look at its word before it blocks. The first park of a process does not: it has
    /// the choice to make.
    pub(super) fn looks(&self) -> &AtomicU32 {
        &self.looks
    }

    /// The chosen backend; chooses and stores it if nobody has yet. None while another thread does: then one
    /// can [`choose`](Self::choose) oneself.
    #[inline]
    pub(super) fn get(&self) -> Option<&Backend> {
        self.stored().or_else(|| self.choose_and_store())
    }

    /// The chosen backend; chooses if nobody has yet. Needs `own` while another thread is about to store it.
    #[inline(never)]
    pub(super) fn get_in<'a>(&'a self, own: &'a mut MaybeUninit<Backend>) -> &'a Backend {
        self.get().unwrap_or_else(|| self.choose(own))
    }

    pub(super) fn force(&self, kind: Kind) -> Result<(), SelectError> {
        let _last_error = LastError::keep();
        if let Some(in_use) = self.published() {
            return Err(SelectError::InUse(in_use));
        }
        if !self.has(kind) {
            return Err(SelectError::Unavailable(kind));
        }
        self.publish(kind).map_err(SelectError::InUse)
    }

    pub(super) fn install(&self, host: &'static Host) -> Result<(), SelectError> {
        if let Some(in_use) = self.published() {
            return Err(SelectError::InUse(in_use));
        }
        // null=>host. Release: whoever reads the pointer reads through it.
        let pointer = ptr::from_ref(host).cast_mut();
        let is_first = self.host.compare_exchange(ptr::null_mut(), pointer, Release, Relaxed).is_ok();
        // Who sees the first host's pointer publishes it too, so that what a second is told is in use really is.
        match self.publish(Kind::Host) {
            Ok(()) | Err(Kind::Host) if is_first => Ok(()),
            Ok(()) => Err(SelectError::InUse(Kind::Host)),
            Err(in_use) => Err(SelectError::InUse(in_use)),
        }
    }

    pub(super) fn available(&self) -> Kinds {
        let _last_error = LastError::keep();
        // Looked for in a selection of its own, so that nothing of this one changes. A handle is made for it and
        // closed again.
        let probe = Self::new(self.loader);
        probe.host.store(self.host.load(Acquire), Relaxed);
        let found = Kind::ALL.iter().copied().filter(|&kind| probe.has(kind)).map(Kinds::from).collect();
        probe.close_handle();
        found
    }

    /// What has been published.
    fn published(&self) -> Option<Kind> {
        // Acquire: meets the Release in `publish`, before which the host or the handle was stored.
        Kind::from_number(self.kind.load(Acquire))
    }

    /// The first use, by one thread; None for others.
    #[cold]
    fn choose_and_store(&self) -> Option<&Backend> {
        // FREE=>CLAIMED. Relaxed: there is nothing to read yet.
        let claim = self.stage.compare_exchange(FREE, CLAIMED, Relaxed, Relaxed);
        claim.is_ok().then(|| self.choose_in(None))
    }

    /// Builds a backend of the published kind; if there is none yet, of the best that this system has, and
    /// publishes that. From then on the choice stands.
    pub(super) fn choose<'a>(&'a self, own: &'a mut MaybeUninit<Backend>) -> &'a Backend {
        self.choose_in(Some(own))
    }

    /// Chooses. Builds the backend in `own`, or, for the thread that has claimed it, where it is stored, so that
    /// no stack holds it. What is left to do then is done here and not by the callers, whose frames would stand
    /// while this one does: nowhere is the stack deeper.
    #[inline(never)]
    fn choose_in<'a>(&'a self, mut own: Option<&'a mut MaybeUninit<Backend>>) -> &'a Backend {
        let place = match &mut own {
            Some(own) => &mut **own,
            // SAFETY: only the thread that has taken `stage` from FREE asks for it, once, and nobody reads before that is
            // STORED.
            None => self.backend.with_mut(|place| unsafe { &mut *place }),
        };
        let _last_error = LastError::keep();
        let mut kind = self.published().unwrap_or(PREFERRED);
        loop {
            if self.build(kind, place).is_none() {
                kind = instead_of(kind);
                continue;
            }
            match self.publish(kind) {
                Err(in_use) if in_use != kind => kind = in_use,
                // What another thread has published under the same kind is the same.
                Ok(()) | Err(_) => break,
            }
        }
        // SAFETY: it has been built.
        let backend = unsafe { place.assume_init_mut() };
        if let Some(clock) = backend.clock_mut() {
            *clock = self.clock();
        }
        let looks = backend.first_looks();
        let Some(own) = own else {
            self.looks.store(looks, Relaxed);
            self.stage.store(STORED, Release);
            // SAFETY: now it is.
            return unsafe { self.get_unchecked() };
        };
        // SAFETY: it has been built.
        unsafe { own.assume_init_ref() }
    }

    /// 0=>kind. Errs with the kind that another thread has published before.
    fn publish(&self, kind: Kind) -> Result<(), Kind> {
        // Release: the host or the handle comes before it. Acquire: so does that of the other thread's kind.
        let Err(number) = self.kind.compare_exchange(0, kind as u8, Release, Acquire) else {
            return Ok(());
        };
        let in_use = Kind::from_number(number).unwrap_or(Kind::Polling);
        if in_use != Kind::KeyedEvent {
            self.close_handle();
        }
        Err(in_use)
    }

    /// Whether everything is there that this kind needs.
    fn has(&self, kind: Kind) -> bool {
        self.build(kind, &mut MaybeUninit::uninit()).is_some()
    }

    /// Puts a backend of this kind into its place, without a clock. None if something is missing that it needs.
    fn build(&self, kind: Kind, place: &mut MaybeUninit<Backend>) -> Option<()> {
        match kind {
            Kind::WaitAddress => self.wait_address(place)?,
            Kind::KeyedEvent | Kind::KeyedEventNull => self.keyed_event(kind, place)?,
            Kind::Host => {
                // SAFETY: null or what `install` was given, a reference for ever.
                let host = unsafe { self.host.load(Acquire).as_ref() }?;
                place.write(Backend::Host(*host));
            }
            Kind::Polling => {
                place.write(Backend::Polling(NO_CLOCK));
            }
        }
        Some(())
    }

    fn wait_address(&self, place: &mut MaybeUninit<Backend>) -> Option<()> {
        let wait = self.wait_on_address()?;
        let wake = self.loader.find(SYNCH, c"WakeByAddressSingle");
        // SAFETY: null or what the system exports under this name, which has this type.
        let wake = unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(wake) }?;
        // SAFETY: the system's own functions, which do what is documented where they are declared.
        place.write(Backend::WaitAddress(unsafe { WaitAddress::new(wait, wake, NO_CLOCK) }));
        Some(())
    }

    fn wait_on_address(&self) -> Option<WaitOnAddress> {
        let wait = self.loader.find(SYNCH, c"WaitOnAddress");
        // SAFETY: null or what the system exports under this name, which has this type.
        unsafe { transmute::<*mut c_void, Option<WaitOnAddress>>(wait) }
    }

    fn keyed_event(&self, kind: Kind, place: &mut MaybeUninit<Backend>) -> Option<()> {
        let wait = self.loader.find(NTDLL, c"NtWaitForKeyedEvent");
        // SAFETY: null or what ntdll exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<NtWaitForKeyedEvent>>(wait) }?;
        let release = self.loader.find(NTDLL, c"NtReleaseKeyedEvent");
        // SAFETY: as above.
        let release = unsafe { transmute::<*mut c_void, Option<NtReleaseKeyedEvent>>(release) }?;
        let ending = self.loader.find(NTDLL, c"RtlDllShutdownInProgress");
        // SAFETY: as above.
        let ending = unsafe { transmute::<*mut c_void, Option<RtlDllShutdownInProgress>>(ending) }?;
        let handle = match kind {
            Kind::KeyedEventNull if knows_null_handle(wait) => ptr::null_mut(),
            Kind::KeyedEventNull => return None,
            _ => self.own_handle()?,
        };
        let guarded = self.loader.major_version() < VISTA;
        // SAFETY: ntdll's own functions, which do what is documented where they are declared; the handle is null or
        // one that `own_handle` made, which is closed only if this kind is not the one in use.
        place.write(Backend::KeyedEvent(unsafe { KeyedEvent::new(handle, wait, release, ending, NO_CLOCK, guarded) }));
        Some(())
    }

    /// A keyed event without a name, the same for all threads.
    fn own_handle(&self) -> Option<HANDLE> {
        let stored = self.handle.load(Relaxed);
        if !stored.is_null() {
            return Some(stored);
        }
        let create = self.loader.find(NTDLL, c"NtCreateKeyedEvent");
        // SAFETY: null or what ntdll exports under this name, which has this type.
        let create = unsafe { transmute::<*mut c_void, Option<NtCreateKeyedEvent>>(create) }?;
        let access = KeyedEventAccess::WAIT.union(KeyedEventAccess::WAKE).bits();
        let mut handle = ptr::null_mut();
        // SAFETY: the first argument points to a live handle, no attributes are allowed, and flags must be 0.
        let status = unsafe { create(&raw mut handle, access, ptr::null(), 0) };
        if is_error(status) || handle.is_null() {
            return None;
        }
        // null=>handle. Relaxed: it is a number; publishing the kind orders it.
        match self.handle.compare_exchange(ptr::null_mut(), handle, Relaxed, Relaxed) {
            Ok(_) => Some(handle),
            Err(others) => {
                self.loader.close(handle);
                Some(others)
            }
        }
    }

    /// Another kind has been published, and for good, so nobody uses or will use the handle.
    fn close_handle(&self) {
        let handle = self.handle.swap(ptr::null_mut(), Relaxed);
        if !handle.is_null() {
            self.loader.close(handle);
        }
    }

    /// The best clock there is.
    fn clock(&self) -> Clock {
        if let Some(query) = self.query_time(REALTIME, c"QueryUnbiasedInterruptTimePrecise") {
            // SAFETY: the system's own function, which does what is documented where it is declared.
            return unsafe { Clock::precise(query) };
        }
        // The counter serves where it counts through sleep: from Windows 8 on, which brought this function.
        if self.wait_on_address().is_some() {
            let frequency = self.query_time(KERNEL32, c"QueryPerformanceFrequency");
            let counter = self.query_time(KERNEL32, c"QueryPerformanceCounter");
            if let (Some(frequency), Some(counter)) = (frequency, counter) {
                let mut counts = 0;
                // SAFETY: the address is that of a live u64.
                unsafe { frequency(&raw mut counts) };
                if let Some(scale) = Clock::scale(counts) {
                    let bias = ptr::with_exposed_provenance(KUSER_INTERRUPT_TIME_BIAS);
                    // SAFETY: as above; the bias lies there in every process of a system that has this clock.
                    return unsafe { Clock::counter(counter, scale, bias) };
                }
            }
        }
        match self.query_time(KERNEL32, c"QueryUnbiasedInterruptTime") {
            // SAFETY: as above.
            Some(query) => unsafe { Clock::ticking(query) },
            None => Clock::SHARED_PAGE,
        }
    }

    fn query_time(&self, module: &CStr, function: &CStr) -> Option<QueryTime> {
        // SAFETY: null or what the system exports under a name that `QueryTime` lists: it has this type.
        unsafe { transmute::<*mut c_void, Option<QueryTime>>(self.loader.find(module, function)) }
    }
}

/// Whether the kernel has the keyed event behind the null handle.
fn knows_null_handle(wait: NtWaitForKeyedEvent) -> bool {
    let poll = 0i64;
    // SAFETY: the key is an even address of our own that nobody else uses, and not read; a timeout of 0, which lies
    // there, does not block.
    let status = unsafe { wait(ptr::null_mut(), (&raw const poll).cast(), FALSE, &raw const poll) };
    status == STATUS_TIMEOUT
}

#[cfg(all(test, not(loom)))]
mod tests;
