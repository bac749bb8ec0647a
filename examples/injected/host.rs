//! The process into which `dll.rs` is injected: loads it, uses its workers, unloads it, and checks that nothing was
//! left behind. Several times.

#[cfg(windows)]
mod host {
    use std::env;
    use std::error::Error;
    use std::ffi::{CString, c_char, c_void};
    use std::mem::transmute;
    use std::ptr;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Acquire;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    type Handle = *mut c_void;
    type Ask = unsafe extern "system" fn(usize, u32) -> u32;
    type Backend = unsafe extern "system" fn() -> u32;
    type Leave = unsafe extern "system" fn(*const AtomicU32);

    windows_targets::link!("kernel32.dll" "system" fn FreeLibrary(module: Handle) -> i32);
    windows_targets::link!("kernel32.dll" "system" fn GetHandleInformation(object: Handle, flags: *mut u32) -> i32);
    windows_targets::link!("kernel32.dll" "system" fn GetModuleHandleA(name: *const c_char) -> Handle);
    windows_targets::link!("kernel32.dll" "system" fn GetProcAddress(module: Handle, name: *const c_char) -> *mut c_void);
    windows_targets::link!("kernel32.dll" "system" fn LoadLibraryA(name: *const c_char) -> Handle);

    const WORKERS: u32 = 2;
    const QUESTIONS: u32 = 200;
    const VISITS: usize = 10;
    /// `BackendKind::KeyedEvent`: the one backend that keeps a handle, as long as the process lives.
    const WITH_HANDLE: u32 = 2;
    /// Handles are multiples of this, counted up from it.
    const HANDLE_STEP: usize = 4;
    /// More than this program will ever have.
    const MOST_HANDLES: usize = 2_048;
    const WATCHDOG: Duration = Duration::from_secs(60);

    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        let path = env::current_exe()?.with_file_name("injected_dll.dll");
        let name = CString::new(path.to_str().ok_or("the path is not Unicode")?)?;
        // What the system itself opens at the first load and at the first thread is not counted.
        let mut backend = visit(&name)?;
        let before = handles();
        for _ in 0..VISITS {
            backend = visit(&name)?;
        }
        let more = handles().saturating_sub(before);
        let allowed = if backend == WITH_HANDLE { VISITS } else { 0 };
        if more > allowed {
            return Err(format!("{more} handles were left open").into());
        }
        println!(
            "on backend {backend}, {VISITS} visits, {} questions each, and {more} handles left behind",
            WORKERS * QUESTIONS
        );
        Ok(())
    }

    /// Loads the DLL, uses it, and waits until it is gone. Returns the backend that it used.
    fn visit(name: &CString) -> Result<u32, Box<dyn Error>> {
        // SAFETY: the name ends with 0; what the DLL does when it is loaded is told there.
        let module = unsafe { LoadLibraryA(name.as_ptr()) };
        if module.is_null() {
            return Err(format!("cannot load {name:?}: {}", std::io::Error::last_os_error()).into());
        }
        let function = |name: &'static std::ffi::CStr| {
            // SAFETY: the module is loaded, and the name ends with 0.
            let function = unsafe { GetProcAddress(module, name.as_ptr()) };
            (!function.is_null()).then_some(function).ok_or("the DLL lacks a function")
        };
        // SAFETY: this is the function's type there.
        let ask = unsafe { transmute::<*mut c_void, Ask>(function(c"ask")?) };
        // SAFETY: as above.
        let backend = unsafe { transmute::<*mut c_void, Backend>(function(c"backend")?) };
        // SAFETY: as above.
        let leave = unsafe { transmute::<*mut c_void, Leave>(function(c"leave")?) };

        let wrong = (1..=QUESTIONS).flat_map(|number| (0..WORKERS).map(move |worker| (number, worker))).find(
            |&(number, worker)| {
                // SAFETY: nobody else asks.
                let answer = unsafe { ask(worker as usize, number) };
                answer != number * number
            },
        );
        // SAFETY: takes nothing.
        let kind = unsafe { backend() };

        // For ever, so that the DLL can never write to what is gone.
        let report: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
        // SAFETY: the report is there for ever.
        unsafe { leave(report) };
        // SAFETY: nothing of the DLL is used after this.
        unsafe { FreeLibrary(module) };
        let start = Instant::now();
        // SAFETY: the name ends with 0.
        while !unsafe { GetModuleHandleA(name.as_ptr()) }.is_null() || report.load(Acquire) != WORKERS {
            if start.elapsed() > WATCHDOG {
                return Err(format!("the DLL is still loaded, {} workers have gone", report.load(Acquire)).into());
            }
            sleep(Duration::from_millis(1));
        }
        match wrong {
            Some((number, worker)) => Err(format!("worker {worker} can't square {number}").into()),
            None => Ok(kind),
        }
    }

    /// How many handles are open, by asking for each in turn.
    fn handles() -> usize {
        let all = (1..=MOST_HANDLES).map(|number| ptr::without_provenance_mut(number * HANDLE_STEP));
        let is_open = |&handle: &Handle| {
            let mut flags = 0;
            // SAFETY: the flags are live; whether the handle is open is the question.
            unsafe { GetHandleInformation(handle, &raw mut flags) != 0 }
        };
        all.filter(is_open).count()
    }
}

#[cfg(windows)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    host::main()
}

#[cfg(not(windows))]
fn main() {
    println!("DLLs are a matter of Windows");
}
