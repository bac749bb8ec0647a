//! `RwLock`.

use crate::random::{Random, dawdle};
use crate::{SHORT, begin, lasts};
use parking_lot::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

/// Threads read and write two numbers that are always equal, in every way that there is.
#[test]
fn readers_and_writers_agree() {
    const THREADS: u64 = 6;
    const ROUNDS: u64 = 500;
    let _watchdog = begin();
    let lock = RwLock::new((0_u64, 0_u64));
    let add = |pair: &mut (u64, u64), random: &mut Random| {
        pair.0 += 1;
        dawdle(random.below(200));
        pair.1 += 1;
    };
    let work = |seed| {
        let mut random = Random::new(seed);
        let mut written = 0;
        for _ in 0..ROUNDS {
            let timeout = Duration::from_micros(random.below(100));
            match random.below(8) {
                0 | 1 => {
                    let pair = lock.read();
                    assert_eq!(pair.0, pair.1);
                }
                2 => {
                    if let Some(pair) = lock.try_read_for(timeout) {
                        assert_eq!(pair.0, pair.1);
                    }
                }
                3 => {
                    add(&mut lock.write(), &mut random);
                    written += 1;
                }
                4 => {
                    if let Some(mut pair) = lock.try_write_for(timeout) {
                        add(&mut pair, &mut random);
                        written += 1;
                        RwLockWriteGuard::unlock_fair(pair);
                    }
                }
                5 => {
                    let mut pair = lock.write();
                    add(&mut pair, &mut random);
                    written += 1;
                    let here = *pair;
                    let pair = RwLockWriteGuard::downgrade(pair);
                    assert_eq!(*pair, here, "nobody wrote in between");
                }
                6 => {
                    let pair = lock.upgradable_read();
                    let here = *pair;
                    let mut pair = RwLockUpgradableReadGuard::upgrade(pair);
                    assert_eq!(*pair, here, "nobody wrote in between");
                    add(&mut pair, &mut random);
                    written += 1;
                    drop(RwLockWriteGuard::downgrade_to_upgradable(pair));
                }
                _ => {
                    let Some(pair) = lock.try_upgradable_read_for(timeout) else { continue };
                    match RwLockUpgradableReadGuard::try_upgrade_for(pair, timeout) {
                        Ok(mut pair) => {
                            add(&mut pair, &mut random);
                            written += 1;
                        }
                        Err(pair) => assert_eq!(pair.0, pair.1),
                    }
                }
            }
        }
        written
    };
    let written: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || work(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it works")).sum()
    });
    assert_eq!(lock.into_inner(), (written, written));
}

/// Runs on a thread of its own, to its end.
fn elsewhere(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(work);
    });
}

#[test]
fn each_kind_times_out() {
    let _watchdog = begin();
    let lock = RwLock::new(());
    let times_out = |kinds: &[fn(&RwLock<()>) -> bool]| {
        for try_for in kinds {
            elsewhere(|| assert!(!lasts(SHORT, || try_for(&lock)), "it should not have got the lock"));
        }
    };
    let read = |lock: &RwLock<()>| lock.try_read_for(SHORT).is_some();
    let write = |lock: &RwLock<()>| lock.try_write_for(SHORT).is_some();
    let upgradable_read = |lock: &RwLock<()>| lock.try_upgradable_read_for(SHORT).is_some();
    {
        let _writer = lock.write();
        times_out(&[read, write, upgradable_read]);
    }
    {
        let _reader = lock.read();
        times_out(&[write]);
        elsewhere(|| assert!(read(&lock) && upgradable_read(&lock), "the writer has gone"));
    }
    {
        let upgradable = lock.upgradable_read();
        times_out(&[write, upgradable_read]);
        let reader = lock.read();
        let upgradable = lasts(SHORT, || RwLockUpgradableReadGuard::try_upgrade_for(upgradable, SHORT));
        let upgradable = upgradable.expect_err("there is a reader");
        drop(reader);
        assert!(RwLockUpgradableReadGuard::try_upgrade_for(upgradable, SHORT).is_ok());
    }
    assert!(write(&lock), "nobody has left anything behind");
}

/// A writer that waits for readers holds up new ones; when it gives up, it wakes them.
#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    let _watchdog = begin();
    let lock = RwLock::new(());
    thread::scope(|scope| {
        let first = lock.read();
        let writer = scope.spawn(|| lasts(5 * SHORT, || lock.try_write_for(5 * SHORT)).is_none());
        // Once the writer waits, this fails; if it is late, nothing is held up, and nothing shown.
        while !writer.is_finished() && lock.try_read().is_some() {
            thread::yield_now();
        }
        let second = scope.spawn(|| drop(lock.read()));
        assert!(writer.join().expect("it waits"));
        second.join().expect("it reads");
        drop(first);
    });
}
