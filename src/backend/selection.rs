//! The process's choice of a backend: made once, the same for all threads, and nobody waits for it.
//!
//! Threads that come to the first use at once all look the functions up. What they find is the same, so all of them may store it, in slots that are each kind's own. Then each tries to publish its
//! *kind*, with one Release compare-exchange; who comes second takes over what the first has chosen. Two protocols never mix on one word.
//!
//! A handle is not the same for all: the first to store one wins, the others close their own. If another kind is published in the end, the handle is closed too, so at most one stays open.
//!
//! Functions are looked up in modules that are loaded already. Nothing is ever loaded: we may hold the loader's lock, run before main, or in a process that
//! someone would like to plant a DLL in. A kind counts as there only if *all* its functions are.

use super::host::Host;
use super::keyed_event::KeyedEvent;
use super::last_error::LastError;
use super::wait_address::WaitAddress;
use super::{Backend, Kind, Kinds, SelectError};
use crate::sys::kernel32::{QueryTime, WaitOnAddress, WakeByAddressSingle};
use crate::sys::ntdll::{
    KUSER_INTERRUPT_TIME_BIAS, KeyedEventAccess, NtCreateKeyedEvent, NtReleaseKeyedEvent, NtWaitForKeyedEvent,
    RtlDllShutdownInProgress,
};
use crate::sys::{BOOL, FALSE, HANDLE, STATUS_TIMEOUT, is_error};
use crate::time::Clock;
use core::ffi::{CStr, c_char, c_void};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32};

/// The order of preference. A host, where there is one, comes before them all.
const PREFERENCE: [Kind; 4] = [Kind::WaitAddress, Kind::KeyedEvent, Kind::KeyedEventNull, Kind::Polling];

/// The first major version whose keyed events do not hide a release behind a timeout (see the `keyed_event` module).
const VISTA: u32 = 6;

/// The process's own.
pub(super) static SELECTION: Selection = Selection::new(Loader::SYSTEM);

/// How functions are found, and handles closed.
#[derive(Clone, Copy)]
pub(super) struct Loader {
    /// The handle of a module that is loaded already, or null.
    module: unsafe extern "system" fn(*const c_char) -> HANDLE,
    /// The address of one of its functions, or null.
    function: unsafe extern "system" fn(HANDLE, *const c_char) -> *mut c_void,
    /// Closes a handle.
    close: unsafe extern "system" fn(HANDLE) -> BOOL,
    /// The kernel's major version: 5 is XP, 2003 and ReactOS, 6 is Vista.
    major_version: fn() -> u32,
}

impl Loader {
    #[cfg(windows)]
    const SYSTEM: Self = {
        use crate::sys::kernel32::{CloseHandle, GetModuleHandleA, GetProcAddress};
        fn major_version() -> u32 {
            let version = ptr::with_exposed_provenance::<u32>(crate::sys::ntdll::KUSER_NT_MAJOR_VERSION);
            // SAFETY: readable in every process and aligned; see the declaration.
            unsafe { version.read_volatile() }
        }
        Self { module: GetModuleHandleA, function: GetProcAddress, close: CloseHandle, major_version }
    };

    /// No modules, hence no functions and no handles.
    #[cfg(not(windows))]
    const SYSTEM: Self = {
        extern "system" fn module(_: *const c_char) -> HANDLE {
            ptr::null_mut()
        }
        extern "system" fn function(_: HANDLE, _: *const c_char) -> *mut c_void {
            ptr::null_mut()
        }
        extern "system" fn close(_: HANDLE) -> BOOL {
            0
        }
        fn major_version() -> u32 {
            0
        }
        Self { module, function, close, major_version }
    };

    /// The address of a function in a module that is loaded already; null if there is no such module or function.
    fn find(&self, module: &CStr, function: &CStr) -> *mut c_void {
        // SAFETY: the name is a string that ends with 0.
        let module = unsafe { (self.module)(module.as_ptr()) };
        if module.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: the module stays loaded: these are ntdll, kernel32 and kernelbase, which no process unloads; the name is a string that ends with 0.
        unsafe { (self.function)(module, function.as_ptr()) }
    }
}

/// The choice, and what each kind needs. Every slot is written with the same value by all who write it, but for `handle`.
pub(super) struct Selection {
    loader: Loader,
    /// 0 until the choice is made, then a [`Kind`], for good.
    kind: AtomicU8,
    host: AtomicPtr<Host>,
    wait_on_address: Slot,
    wake_by_address: Slot,
    nt_wait: Slot,
    nt_release: Slot,
    is_ending: Slot,
    handle: Slot,
    guarded: AtomicU8,
    clock_precise: Slot,
    clock_counter: Slot,
    /// The counter's scale, low half first.
    clock_scale: [AtomicU32; 2],
    clock_ticking: Slot,
}

type Slot = AtomicPtr<c_void>;

const fn slot() -> Slot {
    AtomicPtr::new(ptr::null_mut())
}

impl Selection {
    pub(super) const fn new(loader: Loader) -> Self {
        Self {
            loader,
            kind: AtomicU8::new(0),
            host: AtomicPtr::new(ptr::null_mut()),
            wait_on_address: slot(),
            wake_by_address: slot(),
            nt_wait: slot(),
            nt_release: slot(),
            is_ending: slot(),
            handle: slot(),
            guarded: AtomicU8::new(0),
            clock_precise: slot(),
            clock_counter: slot(),
            clock_scale: [AtomicU32::new(0), AtomicU32::new(0)],
            clock_ticking: slot(),
        }
    }

    /// The chosen backend; chooses if nobody has yet.
    #[inline]
    pub(super) fn get(&self) -> Backend {
        match self.chosen() {
            Some(kind) => self.assemble(kind),
            None => self.choose(),
        }
    }

    pub(super) fn force(&self, kind: Kind) -> Result<(), SelectError> {
        let _last_error = LastError::keep();
        if let Some(in_use) = self.chosen() {
            return Err(SelectError::InUse(in_use));
        }
        if !self.prepare(kind) {
            return Err(SelectError::Unavailable(kind));
        }
        self.publish(kind).map_err(SelectError::InUse)
    }

    pub(super) fn install(&self, host: &'static Host) -> Result<(), SelectError> {
        if let Some(in_use) = self.chosen() {
            return Err(SelectError::InUse(in_use));
        }
        let host = ptr::from_ref(host).cast_mut();
        // null=>host. Release: whoever reads the pointer reads through it.
        if self.host.compare_exchange(ptr::null_mut(), host, Release, Relaxed).is_err() {
            return Err(SelectError::InUse(Kind::Host));
        }
        match self.publish(Kind::Host) {
            // A thread that saw the pointer may have published it for us.
            Ok(()) | Err(Kind::Host) => Ok(()),
            Err(in_use) => Err(SelectError::InUse(in_use)),
        }
    }

    pub(super) fn available(&self) -> Kinds {
        let _last_error = LastError::keep();
        // Looked for in a selection of its own, so that nothing of this one changes. A handle is made for it and closed again.
        let probe = Self::new(self.loader);
        probe.host.store(self.host.load(Acquire), Relaxed);
        let found = Kind::ALL.into_iter().filter(|&kind| probe.prepare(kind)).map(Kinds::from).collect();
        probe.close_handle();
        found
    }

    /// What has been published. Acquire: meets the Release in `publish`, after which the slots of that kind are filled.
    fn chosen(&self) -> Option<Kind> {
        let kind = self.kind.load(Acquire);
        Kind::ALL.into_iter().find(|&known| known as u8 == kind)
    }

    /// The first use. Afterwards the choice stands.
    #[cold]
    fn choose(&self) -> Backend {
        let _last_error = LastError::keep();
        let host = Some(Kind::Host).filter(|&host| self.prepare(host));
        let kind = host.into_iter().chain(PREFERENCE).find(|&kind| self.prepare(kind)).unwrap_or(Kind::Polling);
        self.assemble(match self.publish(kind) {
            Ok(()) => kind,
            Err(in_use) => in_use,
        })
    }

    /// 0=>kind. Errs with the kind that another thread has published before.
    fn publish(&self, kind: Kind) -> Result<(), Kind> {
        // Release: the slots come before it. Acquire: so do those of the other thread's kind.
        match self.kind.compare_exchange(0, kind as u8, Release, Acquire) {
            Ok(_) => Ok(()),
            Err(_) => {
                let in_use = self.chosen().unwrap_or(Kind::Polling);
                if in_use != Kind::KeyedEvent {
                    self.close_handle();
                }
                Err(in_use)
            }
        }
    }

    /// Finds all that the kind needs and fills its slots; false if anything is missing.
    fn prepare(&self, kind: Kind) -> bool {
        self.prepare_clock();
        match kind {
            Kind::WaitAddress => self.prepare_wait_address(),
            Kind::KeyedEvent => self.prepare_keyed_event().is_some() && self.prepare_handle(),
            Kind::KeyedEventNull => self.prepare_keyed_event().is_some_and(knows_null_handle),
            Kind::Host => !self.host.load(Acquire).is_null(),
            Kind::Polling => true,
        }
    }

    /// Fills the slots of the best clock there is.
    fn prepare_clock(&self) {
        const KERNEL32: &CStr = c"kernel32.dll";
        let precise = self.loader.find(c"api-ms-win-core-realtime-l1-1-1.dll", c"QueryUnbiasedInterruptTimePrecise");
        self.clock_precise.store(precise, Relaxed);
        self.clock_ticking.store(self.loader.find(KERNEL32, c"QueryUnbiasedInterruptTime"), Relaxed);

        // The counter serves where it counts through sleep: from Windows 8 on, which brought this function.
        let is_windows_8 = !self.loader.find(KERNEL32, c"GetSystemTimePreciseAsFileTime").is_null();
        let frequency = self.loader.find(KERNEL32, c"QueryPerformanceFrequency");
        // SAFETY: null or what the system exports under this name, which has this type.
        let frequency = unsafe { transmute::<*mut c_void, Option<QueryTime>>(frequency) };
        if let (true, Some(query)) = (is_windows_8, frequency) {
            let mut frequency = 0;
            // SAFETY: the address is that of a live u64.
            unsafe { query(&raw mut frequency) };
            if let Some(scale) = Clock::scale(frequency) {
                self.clock_scale[0].store(scale as u32, Relaxed);
                self.clock_scale[1].store((scale >> 32) as u32, Relaxed);
                self.clock_counter.store(self.loader.find(KERNEL32, c"QueryPerformanceCounter"), Relaxed);
            }
        }
    }

    fn prepare_wait_address(&self) -> bool {
        const SYNCH: &CStr = c"api-ms-win-core-synch-l1-2-0.dll";
        let wait = self.loader.find(SYNCH, c"WaitOnAddress");
        let wake = self.loader.find(SYNCH, c"WakeByAddressSingle");
        self.wait_on_address.store(wait, Relaxed);
        self.wake_by_address.store(wake, Relaxed);
        !wait.is_null() && !wake.is_null()
    }

    fn prepare_keyed_event(&self) -> Option<NtWaitForKeyedEvent> {
        let wait = self.loader.find(c"ntdll.dll", c"NtWaitForKeyedEvent");
        let release = self.loader.find(c"ntdll.dll", c"NtReleaseKeyedEvent");
        let is_ending = self.loader.find(c"ntdll.dll", c"RtlDllShutdownInProgress");
        self.nt_wait.store(wait, Relaxed);
        self.nt_release.store(release, Relaxed);
        self.is_ending.store(is_ending, Relaxed);
        if release.is_null() || is_ending.is_null() {
            return None;
        }
        // SAFETY: null or what ntdll exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<NtWaitForKeyedEvent>>(wait) }?;
        // Vista mended the race and brought the null handle. XP does not know the latter; ReactOS does, but tells its version.
        let guarded = (self.loader.major_version)() < VISTA || !knows_null_handle(wait);
        self.guarded.store(u8::from(guarded), Relaxed);
        Some(wait)
    }

    /// A keyed event of our own, without a name.
    fn prepare_handle(&self) -> bool {
        if !self.handle.load(Relaxed).is_null() {
            return true;
        }
        let create = self.loader.find(c"ntdll.dll", c"NtCreateKeyedEvent");
        if create.is_null() {
            return false;
        }
        // SAFETY: what ntdll exports under this name has this type.
        let create = unsafe { transmute::<*mut c_void, NtCreateKeyedEvent>(create) };
        let access = KeyedEventAccess::WAIT.union(KeyedEventAccess::WAKE).bits();
        let mut handle = ptr::null_mut();
        // SAFETY: the first argument points to a live handle, no attributes are allowed, and flags must be 0.
        let status = unsafe { create(&raw mut handle, access, ptr::null(), 0) };
        if is_error(status) || handle.is_null() {
            return false;
        }
        // null=>handle. Relaxed: it is a number; publishing the kind orders it.
        if self.handle.compare_exchange(ptr::null_mut(), handle, Relaxed, Relaxed).is_err() {
            self.close(handle);
        }
        true
    }

    /// Another kind has been published, and for good, so nobody uses or will use the handle.
    fn close_handle(&self) {
        let handle = self.handle.swap(ptr::null_mut(), Relaxed);
        if !handle.is_null() {
            self.close(handle);
        }
    }

    fn close(&self, handle: HANDLE) {
        // SAFETY: the handle is one of our own that no other thread knows.
        unsafe { (self.loader.close)(handle) };
    }

    /// The backend of a published kind, from its slots.
    fn assemble(&self, kind: Kind) -> Backend {
        match kind {
            Kind::WaitAddress => self.wait_address().map(Backend::WaitAddress),
            Kind::KeyedEvent => self.keyed_event(self.handle.load(Relaxed)).map(Backend::KeyedEvent),
            Kind::KeyedEventNull => self.keyed_event(ptr::null_mut()).map(Backend::KeyedEvent),
            // SAFETY: null or what `install` was given, a reference for ever.
            Kind::Host => unsafe { self.host.load(Acquire).as_ref() }.copied().map(Backend::Host),
            Kind::Polling => None,
        }
        .unwrap_or(Backend::Polling(self.clock()))
    }

    fn wait_address(&self) -> Option<WaitAddress> {
        // SAFETY: null or what the system exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<WaitOnAddress>>(self.wait_on_address.load(Relaxed)) };
        // SAFETY: as above.
        let wake = unsafe { transmute::<*mut c_void, Option<WakeByAddressSingle>>(self.wake_by_address.load(Relaxed)) };
        // SAFETY: the system's own functions, which do what is documented where they are declared.
        Some(unsafe { WaitAddress::new(wait?, wake?, self.clock()) })
    }

    fn keyed_event(&self, handle: HANDLE) -> Option<KeyedEvent> {
        // SAFETY: null or what ntdll exports under this name, which has this type.
        let wait = unsafe { transmute::<*mut c_void, Option<NtWaitForKeyedEvent>>(self.nt_wait.load(Relaxed)) };
        // SAFETY: as above.
        let release = unsafe { transmute::<*mut c_void, Option<NtReleaseKeyedEvent>>(self.nt_release.load(Relaxed)) };
        // SAFETY: as above.
        let ending =
            unsafe { transmute::<*mut c_void, Option<RtlDllShutdownInProgress>>(self.is_ending.load(Relaxed)) };
        let guarded = self.guarded.load(Relaxed) != 0;
        // SAFETY: ntdll's own functions, which do what is documented where they are declared; the handle is null or one that `prepare_handle` made, which is
        // closed only if this kind is not the one in use.
        Some(unsafe { KeyedEvent::new(handle, wait?, release?, ending?, self.clock(), guarded) })
    }

    fn clock(&self) -> Clock {
        let function = |slot: &Slot| {
            // SAFETY: null or what the system exports under the names in `prepare_clock`, all of which have this type.
            unsafe { transmute::<*mut c_void, Option<QueryTime>>(slot.load(Relaxed)) }
        };
        if let Some(query) = function(&self.clock_precise) {
            // SAFETY: the system's own function, which does what is documented where it is declared.
            return unsafe { Clock::precise(query) };
        }
        if let Some(query) = function(&self.clock_counter) {
            let [low, high] = [0, 1].map(|half: usize| u64::from(self.clock_scale[half].load(Relaxed)));
            let bias = ptr::with_exposed_provenance(KUSER_INTERRUPT_TIME_BIAS);
            // SAFETY: as above; the bias lies there in every process of a system that has this clock.
            return unsafe { Clock::counter(query, high << 32 | low, bias) };
        }
        match function(&self.clock_ticking) {
            // SAFETY: as above.
            Some(query) => unsafe { Clock::ticking(query) },
            None => Clock::SHARED_PAGE,
        }
    }
}

/// Whether the kernel has the keyed event behind the null handle.
fn knows_null_handle(wait: NtWaitForKeyedEvent) -> bool {
    let key = 0u64;
    let poll = 0;
    // SAFETY: the key is an even address of our own that nobody else uses; a timeout of 0 does not block.
    let status = unsafe { wait(ptr::null_mut(), (&raw const key).cast(), FALSE, &raw const poll) };
    status == STATUS_TIMEOUT
}
