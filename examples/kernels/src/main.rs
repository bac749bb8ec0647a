//! Two small kernels that park on ntpark, each on a board that QEMU plays: one processor (`machine/mps2.rs`), and two
//! in parallel (`machine/virt.rs`). Threads with stacks of their own, preempted by a timer; nothing else below ntpark.
//!
//! `cargo xtask kernel` builds them, runs each of the modes below, and judges what they print and the code that they
//! exit with. The host to learn from is in `host.rs`, with `kernel.rs` below it; `docs/host.md` has the rules.

#![no_std]
#![no_main]

#[cfg(target_arch = "arm")]
mod cost;
mod host;
mod kernel;
#[cfg_attr(target_arch = "arm", path = "machine/mps2.rs")]
#[cfg_attr(target_arch = "aarch64", path = "machine/virt.rs")]
mod machine;
mod programs;
#[path = "../../queue_lock/queue_lock.rs"]
mod queue_lock;
mod random;
mod shot;
mod stack;
#[cfg(target_arch = "arm")]
mod sweep;
mod watchdog;

use crate::kernel::DIRECTOR;
use core::panic::PanicInfo;
use ntpark::{Backend, Host};
use semihosting::println;

/// The first function of every thread.
extern "C" fn thread_main(number: usize) -> ! {
    match number.checked_sub(DIRECTOR) {
        Some(0) => machine::exit(direct()),
        Some(worker) => programs::work(worker - 1),
        None => loop {
            machine::idle();
        },
    }
}

/// Runs the mode that the machine's argument names. Returns the machine's exit code.
fn direct() -> i32 {
    let mode = semihosting::experimental::env::args::<64>().expect("QEMU tells its arguments");
    let all_is_well = match (&mode).last().and_then(Result::ok) {
        Some("counter") => {
            install(&host::BY_COUNTER);
            programs::run_all()
        }
        Some("tick") => {
            install(&host::BY_TICKS);
            programs::run_all()
        }
        #[cfg(target_arch = "arm")]
        Some("sweep") => {
            install(&host::BY_COUNTER);
            sweep::run()
        }
        #[cfg(target_arch = "arm")]
        Some("first-park") => sweep::first_park(),
        #[cfg(target_arch = "arm")]
        Some("stack") => {
            install(&host::BY_COUNTER);
            cost::stack_of_a_park()
        }
        mode => panic!("there is no mode {mode:?}"),
    };
    if all_is_well { watchdog::SUCCESS } else { watchdog::WRONG_COUNT }
}

fn install(host: &'static Host) {
    Backend::install(host).expect("nothing has parked yet");
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("{info}");
    machine::exit(watchdog::PANIC)
}
