//! The page that NT shares with every process, on a real one: systems without `WaitOnAddress` read their time there.

#![cfg(windows)]

ntpark_verify::product!();

use std::thread;
use std::time::{Duration, Instant};
use sys::loader::Nt;
use time::clock::Clock;

#[test]
fn interrupt_time_goes_as_time_does() {
    let nt = Nt::detect().expect("this is NT");
    let granule = Duration::from_nanos(u64::from(Clock::ticking(nt).granule()) * 100);
    let before = nt.interrupt_time();
    let start = Instant::now();
    thread::sleep(Duration::from_millis(200));
    let elapsed = start.elapsed();
    let units = nt.interrupt_time().checked_sub(before).expect("it never goes back");
    assert!(Duration::from_nanos(units * 100) + granule >= elapsed, "{units} units in {elapsed:?}");
}
