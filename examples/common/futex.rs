//! Linux as a host: `futex` compares and blocks, which is all that ntpark asks for.

use ntpark::{Host, HostFunctions};
use std::ffi::c_void;
use std::num::NonZeroU32;
use std::ptr;

/// The host. A look takes some 25 ns, so 400 of them take about as long as a block and a wake.
pub(crate) static HOST: Host = host(400);

/// A host on which a parker looks at its word so many times before it blocks. It needs no context.
pub(crate) const fn host(spin: u32) -> Host {
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: the functions below do what their types ask for, on any thread, and do not unwind.
    unsafe { Host::new(ptr::null_mut(), functions, NonZeroU32::MIN) }.with_spin_limit(spin)
}

const UNITS_PER_SECOND: u64 = 10_000_000;
const NANOS_PER_UNIT: u64 = 100;

unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    let timespec = libc::timespec {
        // At most 1.8e12, which is far from the ends of any time_t of 64 bits.
        tv_sec: (timeout / UNITS_PER_SECOND).min(libc::time_t::MAX as u64) as libc::time_t,
        tv_nsec: (timeout % UNITS_PER_SECOND * NANOS_PER_UNIT) as libc::c_long,
    };
    let timeout = if timeout == u64::MAX { ptr::null() } else { ptr::from_ref(&timespec) };
    // SAFETY: the word is live, and so is the timespec, if it is passed. All ways to return are good: the parker
    // looks again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            low_half(word),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected as u32,
            timeout,
        )
    };
}

unsafe extern "C" fn wake(_: *mut c_void, word: *const usize) {
    // SAFETY: the address is not read; if there is no such memory any more, the call fails and there is nobody to
    // wake.
    unsafe { libc::syscall(libc::SYS_futex, low_half(word), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}

/// A futex is a word of 32 bits.
fn low_half(word: *const usize) -> *const u32 {
    let halves = word.cast::<u32>();
    if cfg!(all(target_endian = "big", target_pointer_width = "64")) { halves.wrapping_add(1) } else { halves }
}

/// `CLOCK_MONOTONIC` stands still while the machine sleeps, and so do futex timeouts.
unsafe extern "C" fn now(_: *mut c_void) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is live.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * UNITS_PER_SECOND + time.tv_nsec as u64 / NANOS_PER_UNIT
}

unsafe extern "C" fn thread_yield(_: *mut c_void) {
    // SAFETY: takes nothing and does not fail.
    unsafe { libc::sched_yield() };
}

unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
    // SAFETY: takes nothing and does not fail.
    unsafe { libc::gettid() as usize }
}
