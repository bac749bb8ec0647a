//! Threads that wait for futexes and wake are suspended anywhere, also with a bucket locked, and resumed, while
//! others go on.
#![cfg(windows)]

use crate::lot::futex_wait;
use crate::watch::Doing;
use crate::worker::{Counts, Round, Worker};
use ntpark::{Instant, futex};
use std::ffi::c_void;
use std::os::windows::io::AsRawHandle;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

windows_targets::link!("kernel32.dll" "system" fn SuspendThread(thread: *mut c_void) -> u32);
windows_targets::link!("kernel32.dll" "system" fn ResumeThread(thread: *mut c_void) -> u32);

const THREADS: usize = 8;

pub(crate) fn run(round: &Round<'_>) -> Counts {
    let words = [const { AtomicU32::new(0) }; 2];
    run_suspended(round, |index, worker| {
        let [word, to] = [(); 2].map(|()| &words[worker.rng.usize(..2)]);
        if index % 2 == 0 {
            let deadline = Instant::now() + Duration::from_micros(worker.rng.u64(..500));
            futex_wait(worker, word, deadline);
        } else {
            worker.place.set(Doing::Unparking);
            let woken = match worker.rng.u8(..3) {
                0 => futex::requeue(word, to, worker.rng.usize(..3), 2).woken,
                1 => futex::wake(word, worker.rng.usize(..3)),
                _ => futex::wake_all(word),
            };
            worker.place.set(Doing::Working);
            worker.counts.sent += woken as u64;
        }
    })
}

/// Runs threads that do a step again and again, and suspends one of them now and then.
pub(crate) fn run_suspended(round: &Round<'_>, step: impl Fn(usize, &mut Worker<'_>) + Sync) -> Counts {
    let end = AtomicBool::new(false);
    let mut rng = round.rng();
    let work = |index| {
        let (step, end) = (&step, &end);
        move || {
            let mut worker = round.worker(index);
            while !end.load(Relaxed) {
                step(index, &mut worker);
            }
            worker.place.clear();
            worker.counts
        }
    };
    // A scoped thread's handle cannot be had.
    // SAFETY: all are joined before this function returns, or the process ends.
    let start = |index| unsafe { thread::Builder::new().spawn_unchecked(work(index)) };
    let threads: Vec<_> = (0..THREADS).map(|index| start(index).expect("a thread")).collect();
    for _ in 0..1 + round.often(200) {
        let thread = threads[rng.usize(..THREADS)].as_raw_handle();
        // SAFETY: the thread lives, and this one needs none of its locks until it goes on.
        unsafe { SuspendThread(thread) };
        let start = std::time::Instant::now();
        let pause = Duration::from_micros(rng.u64(..1_000));
        while start.elapsed() < pause {
            std::hint::spin_loop();
        }
        // SAFETY: as above.
        unsafe { ResumeThread(thread) };
        thread::yield_now();
    }
    end.store(true, Relaxed);
    let mut sum = Counts::default();
    for thread in threads {
        sum += thread.join().expect("a panic ends the process");
    }
    sum
}
