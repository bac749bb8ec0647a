//! What differs between systems: the raw primitives, processor time, and how ntpark's backend is chosen.

#[cfg(target_os = "linux")]
#[path = "../../examples/common/futex.rs"]
mod futex;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// Asks Linux, also where it is under Wine, to keep this process's futexes in so many lists, a power of two. From
/// 6.16 on it has only some for each processor otherwise, 16 with two; then each wake walks past all who wait in
/// the same list, whatever they wait with. An older kernel declines: it has one table for
/// all processes.
pub(crate) fn spread_futexes(lists: usize) {
    // As in `linux/prctl.h`.
    const PR_FUTEX_HASH: usize = 78;
    const PR_FUTEX_HASH_SET_SLOTS: usize = 1;
    prctl(PR_FUTEX_HASH, PR_FUTEX_HASH_SET_SLOTS, lists);
}

/// A counter that is cheap to read, for single operations of some tens of nanoseconds.
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86_64 has it.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// Nanoseconds in a tick, measured once against the system's clock.
pub(crate) fn nanos_per_tick() -> f64 {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};
    static SCALE: OnceLock<f64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        let (start, first) = (Instant::now(), ticks());
        std::thread::sleep(Duration::from_millis(50));
        let (elapsed, last) = (start.elapsed(), ticks());
        elapsed.as_secs_f64() * 1e9 / (last - first) as f64
    })
}
