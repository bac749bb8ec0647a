//! The very code of the lot and of futexes, over a simulated parker, under Shuttle: schedules at random, and all with
//! few preemptions.
//!
//! `cargo test -p ntpark-verify --test lot`. Each call is compared with a plain [model](queues), under the bucket's
//! lock, where it takes effect. Orderings are loom's matter: here, all are `SeqCst`.

#![cfg(not(windows))]

mod backend;
mod bounded;
mod futexes;
mod memory;
mod queues;
mod races;
mod random;
mod schedules;
mod spin;
mod steps;
mod sync;
mod thread_parker;
mod time;
mod unwinding;
#[path = "../simulated/watchdog.rs"]
mod watchdog;

ntpark_verify::product!(futex, lot);

use schedules::{KEYS, explore, sample, spawn, step};

/// Two keys of one bucket, and one of the other; see `queues::keys_are_where_tests_need_them`.
const A: usize = KEYS[0];
const B: usize = 4;
const C: usize = KEYS[1];
