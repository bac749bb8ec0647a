//! A DLL such as is injected into other people's processes: it starts threads of its own from `DllMain`,
//! parks under the loader's lock, and leaves without a trace. `host.rs` loads and unloads it. Of std it uses the
//! panic handler alone.
//!
//! How to leave: a thread that runs a DLL's code keeps the DLL loaded by a reference of its own, and ends
//! with `FreeLibraryAndExitThread`, so that code is never unmapped under it. `DllMain` waits for no thread:
//! each that starts or ends needs the loader's lock, which `DllMain` holds.
#![no_std]

extern crate std;

#[cfg(windows)]
mod dll {
    use core::ffi::{c_char, c_void};
    use core::ptr;
    use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
    use core::sync::atomic::{AtomicPtr, AtomicU32};
    use core::time::Duration;
    use ntpark::{Backend, BackendKind, BackendKinds, Parker, UnparkReason};

    type Handle = *mut c_void;

    windows_targets::link!("kernel32.dll" "system" fn CloseHandle(object: Handle) -> i32);
    windows_targets::link!("kernel32.dll" "system" fn CreateThread(attributes: *const c_void, stack_size: usize, start: unsafe extern "system" fn(*mut c_void) -> u32, parameter: *mut c_void, flags: u32, id: *mut u32) -> Handle);
    windows_targets::link!("kernel32.dll" "system" fn FreeLibrary(module: Handle) -> i32);
    windows_targets::link!("kernel32.dll" "system" fn FreeLibraryAndExitThread(module: Handle, code: u32) -> !);
    windows_targets::link!("kernel32.dll" "system" fn GetEnvironmentVariableA(name: *const c_char, buffer: *mut u8, size: u32) -> u32);
    windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleExA(flags: u32, address: *const c_void, module: *mut Handle) -> i32);

    const DLL_PROCESS_DETACH: u32 = 0;
    const DLL_PROCESS_ATTACH: u32 = 1;
    const GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS: u32 = 4;

    /// A worker and what it shares with whoever asks it.
    struct Desk {
        /// A number to square; 0: go.
        question: AtomicU32,
        answer: AtomicU32,
        /// Where the worker waits for questions.
        worker: Parker,
        /// Where the one who asks waits for the answer.
        client: Parker,
    }

    impl Desk {
        const fn new() -> Self {
            Self {
                question: AtomicU32::new(0),
                answer: AtomicU32::new(0),
                worker: Parker::new(),
                client: Parker::new(),
            }
        }
    }

    static DESKS: [Desk; 2] = [Desk::new(), Desk::new()];
    /// How many workers have been told to go and went.
    static GONE: AtomicU32 = AtomicU32::new(0);
    /// Gets a token from each of them.
    static LAST_WORD: Parker = Parker::new();
    /// This DLL.
    static MODULE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    /// Where `leave` wants the number of workers that have gone.
    static REPORT: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

    /// Called by the loader, which holds its lock meanwhile.
    #[unsafe(no_mangle)]
    extern "system" fn DllMain(module: Handle, reason: u32, is_process_ending: *mut c_void) -> i32 {
        let is_content = match reason {
            DLL_PROCESS_ATTACH => attach(module),
            DLL_PROCESS_DETACH if is_process_ending.is_null() => detach(),
            _ => true,
        };
        i32::from(is_content)
    }

    /// False makes the load fail.
    fn attach(module: Handle) -> bool {
        MODULE.store(module, Relaxed);
        choose_backend();
        // Both protocols of a parker, here of all places: a wait that runs out of time, and a token that was there
        // before.
        let parker = Parker::new();
        let nothing = parker.park_timeout(Duration::from_millis(1)) == UnparkReason::TimedOut;
        let nobody = !parker.unpark();
        let token = parker.park() == UnparkReason::Unparked;
        nothing && nobody && token && DESKS.iter().all(start)
    }

    /// What comes and goes should leave nothing behind: `WaitOnAddress` has no handle, and of the keyed
    /// events the one that belongs to the system needs none. A test may ask for others.
    fn choose_backend() {
        let mut buffer = [0; 32];
        // SAFETY: the name ends with 0; the buffer has that size.
        let length =
            unsafe { GetEnvironmentVariableA(c"NTPARK_BACKEND".as_ptr(), buffer.as_mut_ptr(), buffer.len() as u32) };
        let asked_for = buffer
            .get(..length as usize)
            .and_then(|name| BackendKind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name));
        let without_handle =
            (!Backend::available().contains(BackendKinds::WAIT_ADDRESS)).then_some(BackendKind::KeyedEventNull);
        if let Some(kind) = asked_for.or(without_handle) {
            // If there is no such kind, ntpark chooses.
            let _ = Backend::force(kind);
        }
    }

    /// Starts the worker of a desk. It begins when `DllMain` has returned, since a thread's start needs the
    /// loader's lock.
    fn start(desk: &'static Desk) -> bool {
        let mut module = MODULE.load(Relaxed);
        // SAFETY: a module's handle is an address in it. This takes one more reference to it.
        if unsafe { GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, module, &raw mut module) } == 0 {
            return false;
        }
        let desk = ptr::from_ref(desk).cast_mut().cast();
        // SAFETY: `work` takes a desk; all else is default.
        let thread = unsafe { CreateThread(ptr::null(), 0, work, desk, 0, ptr::null_mut()) };
        if thread.is_null() {
            // SAFETY: this gives the reference back; the loader still holds one.
            unsafe { FreeLibrary(module) };
            return false;
        }
        // SAFETY: the handle is this function's own; the thread goes on without it.
        unsafe { CloseHandle(thread) };
        true
    }

    unsafe extern "system" fn work(desk: *mut c_void) -> u32 {
        // SAFETY: `start` passes a static desk.
        let desk = unsafe { &*desk.cast::<Desk>() };
        loop {
            let _ = desk.worker.park();
            match desk.question.load(Relaxed) {
                0 => break,
                number => desk.answer.store(number.wrapping_mul(number), Relaxed),
            }
            desk.client.unpark();
        }
        GONE.fetch_add(1, AcqRel);
        LAST_WORD.unpark();
        // SAFETY: the reference is this thread's, and after it goes nothing of this DLL is run here, but for
        // `DllMain`, by the loader.
        unsafe { FreeLibraryAndExitThread(MODULE.load(Relaxed), 0) }
    }

    /// Squares a number, on the worker with that index. One caller at a time for each worker.
    #[unsafe(no_mangle)]
    extern "system" fn ask(worker: usize, number: u32) -> u32 {
        let Some(desk) = DESKS.get(worker) else {
            return 0;
        };
        desk.question.store(number, Relaxed);
        // The question goes along with the token, and the answer with the one that comes back.
        desk.worker.unpark();
        let _ = desk.client.park();
        desk.answer.load(Relaxed)
    }

    /// The backend in use, as `ntpark::BackendKind` numbers them.
    #[unsafe(no_mangle)]
    extern "system" fn backend() -> u32 {
        Backend::get().kind() as u32
    }

    /// Tells the workers to go. When the caller has freed the library, and the last worker is gone, it is
    /// unloaded; the number of workers that have gone is then stored in `report`, which has to be there
    /// until then.
    #[unsafe(no_mangle)]
    extern "system" fn leave(report: *mut AtomicU32) {
        REPORT.store(report, Release);
        for desk in &DESKS {
            desk.question.store(0, Relaxed);
            desk.worker.unpark();
        }
    }

    /// The last code of this DLL that is run.
    fn detach() -> bool {
        // The workers are gone; what is left of them is a token.
        let token = LAST_WORD.park_timeout(Duration::ZERO) == UnparkReason::Unparked;
        // SAFETY: null, or promised to `leave`.
        if let (true, Some(report)) = (token, unsafe { REPORT.load(Acquire).as_ref() }) {
            report.store(GONE.load(Acquire), Release);
        }
        true
    }
}
