//! What ntpark is given: five functions of this kernel, and two clocks to choose from.

use crate::kernel::Kernel;
use crate::machine;
use core::ffi::c_void;
use core::num::NonZeroU32;
use core::ptr;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use ntpark::{Host, HostFunctions, HostNow};

/// Tells the time by a counter that runs freely.
pub(crate) static BY_COUNTER: Host = host(now_by_counter, machine::COUNTER_GRANULE);
/// Tells the time by the ticks of processor 0.
pub(crate) static BY_TICKS: Host = host(now_by_ticks, machine::TICK_GRANULE);

const fn host(now: HostNow, granule: u32) -> Host {
    let granule = NonZeroU32::new(granule).expect("a clock has steps");
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // SAFETY: the functions do what their types ask for; they are called by threads of this kernel and by interrupt
    // handlers, do not unwind (a panic ends the machine), and need no context.
    unsafe { Host::new(ptr::null_mut(), functions, granule) }
}

/// Comparing and blocking are one step: no interrupt handler and no other processor gets between them.
pub(crate) unsafe extern "C" fn wait(_: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    // By ticks, it may end up to a tick early: ntpark looks at its clock, and waits again.
    let ticks = if timeout == u64::MAX { u64::MAX } else { timeout.div_ceil(machine::TICK) };
    machine::locked_then_switch(|kernel, cpu| {
        // SAFETY: ntpark's word is alive as long as this call, and only used as an atomic.
        let found = unsafe { AtomicUsize::from_ptr(word.cast_mut()) }.load(Relaxed);
        if found == expected {
            kernel.block(cpu, word.addr(), ticks);
        }
        found == expected
    });
}

/// Called by threads and by interrupt handlers.
unsafe extern "C" fn wake(_: *mut c_void, word: *const usize) {
    if let Some(cpu) = machine::locked(|kernel, _| kernel.wake(word.addr())) {
        machine::kick(cpu);
    }
}

unsafe extern "C" fn now_by_counter(_: *mut c_void) -> u64 {
    machine::counter()
}

unsafe extern "C" fn now_by_ticks(_: *mut c_void) -> u64 {
    machine::locked(|kernel, _| kernel.ticks(0)) * machine::TICK
}

unsafe extern "C" fn thread_yield(_: *mut c_void) {
    machine::locked_then_switch(|_, _| true);
}

unsafe extern "C" fn current_thread(_: *mut c_void) -> usize {
    machine::locked(|kernel, cpu| kernel.running(cpu)) + 1
}

/// The processor that runs the calling thread.
pub(crate) fn processor() -> usize {
    machine::locked(|kernel, cpu| Kernel::processor(kernel.running(cpu)))
}
