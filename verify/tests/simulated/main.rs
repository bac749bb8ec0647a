//! ntpark's own modules on a simulated NT, and on hosts that do whatever they may.
//!
//! The modules are compiled here a second time, as they are. What leads out of them is replaced: `sys::loader`,
//! `sys::thread` and `sys::last_error` lead to the [simulated NT](nt) that the calling thread is in, and what a
//! process has once, each system has once.

mod backends;
mod choice;
mod clocks;
mod ending;
mod hostile_host;
mod load;
mod nt;
mod platform;
mod token;
mod two_phase;
mod watchdog;

ntpark_verify::product!();

use watchdog::Watchdog;

mod sync {
    pub(crate) use crate::product::sync::{
        BATCH, Cell, LOOKS, TABLE_BITS, UnsafeCell, array, assert_words, atomic, const_constructor,
    };
    use std::collections::BTreeMap;
    use std::ops::Deref;
    use std::sync::Mutex;

    macro_rules! process_static {
        ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
            $(#[$attribute])*
            static $name: crate::sync::PerProcess<$type> = crate::sync::PerProcess::new(|| $value);
        };
    }
    pub(crate) use process_static;

    /// One for each process that there is or was.
    pub(crate) struct PerProcess<T: 'static> {
        new: fn() -> T,
        made: Mutex<BTreeMap<u64, &'static T>>,
    }

    impl<T> PerProcess<T> {
        pub(crate) const fn new(new: fn() -> T) -> Self {
            Self { new, made: Mutex::new(BTreeMap::new()) }
        }
    }

    impl<T> Deref for PerProcess<T> {
        type Target = T;

        fn deref(&self) -> &T {
            let mut made = self.made.lock().expect("no panic");
            made.entry(crate::nt::sys::process()).or_insert_with(|| Box::leak(Box::new((self.new)())))
        }
    }
}

mod sys {
    pub(crate) use crate::product::sys::*;

    pub(crate) mod loader {
        use crate::nt;
        pub(crate) use crate::product::sys::loader::{KERNEL32, NTDLL, SYNCH, VISTA, WINDOWS_7};
        use crate::sys::HANDLE;
        use std::ffi::{CStr, c_void};

        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Nt(());

        impl Nt {
            pub(crate) fn detect() -> Option<Self> {
                nt::sys::is_nt().then_some(Self(()))
            }

            pub(crate) fn module(self, name: &CStr) -> Option<Module> {
                nt::sys::module(name).map(|number| Module { number, nt: self })
            }

            pub(crate) fn version(self) -> u32 {
                nt::sys::version()
            }

            /// So parkers do not spin, and come to the kernel at once.
            pub(crate) fn is_single_processor(self) -> bool {
                true
            }

            pub(crate) fn interrupt_time(self) -> u64 {
                nt::sys::interrupt_time()
            }

            pub(crate) fn interrupt_time_bias(self) -> u64 {
                nt::sys::interrupt_time_bias()
            }

            pub(crate) fn close(self, handle: HANDLE) {
                nt::sys::close(handle);
            }

            pub(crate) fn end_process(self) {
                nt::sys::end_process();
            }

            pub(crate) fn current_thread(self) -> usize {
                thread_local! {
                    static HERE: u8 = const { 0 };
                }
                HERE.with(|here| std::ptr::from_ref(here).addr())
            }
        }

        #[derive(Clone, Copy)]
        pub(crate) struct Module {
            number: usize,
            pub(crate) nt: Nt,
        }

        impl Module {
            pub(crate) fn function(self, name: &CStr) -> *mut c_void {
                nt::sys::function(self.number, name)
            }
        }
    }

    pub(crate) mod thread {
        pub(crate) use crate::nt::sys::{nap, thread_yield};
    }

    /// Each thread has one, as on Windows.
    pub(crate) mod last_error {
        use std::cell::Cell;

        thread_local! {
            static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
        }

        pub(crate) fn get() -> u32 {
            LAST_ERROR.get()
        }

        pub(crate) fn set(error: u32) {
            LAST_ERROR.set(error);
        }

        pub(crate) struct LastError {
            kept: u32,
        }

        impl LastError {
            pub(crate) fn keep() -> Self {
                Self { kept: get() }
            }

            pub(crate) fn now(&self) -> u32 {
                get()
            }
        }

        impl Drop for LastError {
            fn drop(&mut self) {
                set(self.kept);
            }
        }
    }
}
