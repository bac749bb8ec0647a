//! Linux: futexes.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::futex;
use crate::subjects::Primitive;

/// Installs the futex host, the only backend here, on which a parker looks so often before it blocks.
pub(crate) fn choose_backend(name: Option<&str>, spin: Option<u32>) -> Result<(), String> {
    if let Some(other) = name.filter(|&name| name != "host") {
        return Err(format!("there is no backend {other} here, only host"));
    }
    let host = match spin {
        Some(spin) => Box::leak(Box::new(futex::host(spin))),
        None => &futex::HOST,
    };
    ntpark::Backend::install(host).map_err(|error| error.to_string())
}

/// The futex itself.
pub(crate) struct Futex;

impl Primitive for Futex {
    const NAME: &'static str = "raw-futex";

    fn wait(word: &AtomicU32, value: u32) {
        let forever = std::ptr::null::<libc::timespec>();
        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word is live; all ways to return are good, since the caller looks again.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, forever) };
    }

    fn wake(word: &AtomicU32) {
        // SAFETY: the word is live.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
    }
}

/// Nothing has to be found for [`raw_call`].
pub(crate) fn prepare_raw_call() {}

/// One call of the futex that does not block.
pub(crate) fn raw_call() {
    Futex::wait(&AtomicU32::new(0), 1);
}

/// Keeps the calling thread on one processor, counted modulo those that there are.
pub(crate) fn pin(processor: usize) {
    // SAFETY: all zero is the empty set.
    let mut allowed = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
    // SAFETY: 0 is the calling thread, and the set is live.
    unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed) };
    // SAFETY: the index is below the size of the set.
    let is_allowed = |index: &usize| unsafe { libc::CPU_ISSET(*index, &allowed) };
    let processors: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(is_allowed).collect();
    if let Some(&index) = processors.get(processor % processors.len().max(1)) {
        // SAFETY: all zero is the empty set.
        let mut one = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
        // SAFETY: the index is below the size of the set.
        unsafe { libc::CPU_SET(index, &mut one) };
        // SAFETY: 0 is the calling thread, and the set is live.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const one) };
    }
}

/// The processor time that this process has used so far.
pub(crate) fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is live.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The system call, for operations that touch no memory of ours.
pub(super) fn prctl(operation: usize, first: usize, second: usize) {
    // SAFETY: as said above; an operation that the kernel does not know does nothing.
    unsafe { libc::prctl(operation as i32, first, second, 0, 0) };
}
