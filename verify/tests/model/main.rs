//! The setting of the compile-time model that the build leaves out: very many tokens.
//!
//! What an unpark does with them depends on their number alone, so the build need not combine it with everything else;
//! here it is combined, on each kernel.

mod diagram;

ntpark_verify::product!();

use model::explorer::{Kernel, Setting, explore};

/// Without [`Setting::many`] there are at most 246.
const AT_LEAST: usize = 1_000;

fn explore_many(kernel: Kernel) {
    let snapshots = explore(Setting { two_phase: false, kernel, many: true });
    println!("{snapshots} snapshots");
    assert!(snapshots > AT_LEAST, "{snapshots} snapshots");
}

#[test]
fn very_many_tokens_on_a_kernel_that_compares() {
    explore_many(Kernel::Compare);
}

#[test]
fn very_many_tokens_at_a_rendezvous() {
    explore_many(Kernel::Rendezvous);
}

#[test]
fn very_many_tokens_at_a_rendezvous_of_the_xp_class() {
    explore_many(Kernel::XpClass);
}
