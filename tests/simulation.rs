//! The real driver and server in simulated worlds; see `simulation/mod.rs`.
//!
//! `SIM_SEED=17 cargo test --test simulation` plays the world of that seed alone and prints all that happens in it.
//! `scripts/simulate` plays many.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]
#![cfg(feature = "adapters")]

#[path = "simulation/mod.rs"]
mod simulation;

use std::env;

use simulation::{
    counts::Counts,
    log::Log,
    play::{End, play_seed},
};

/// Worlds of the default run.
const SEEDS: u64 = 600;

#[test]
fn whatever_happens_the_replies_are_true() {
    if let Some(seed) = number("SIM_SEED") {
        let end = play_seed(seed, Log::kept());
        println!("{}\n{}", end.log, end.counts);
        return report(seed, &end);
    }
    let first = number("SIM_FIRST").unwrap_or(0);
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let mut counts = Counts::default();
    for seed in first..first + seeds {
        let end = play_seed(seed, Log::default());
        report(seed, &end);
        counts.merge(&end.counts);
        counts.add("worlds", 1);
    }
    println!("{counts}");
}

fn report(seed: u64, end: &End) {
    let violations = end.violations.join("\n  ");
    assert!(
        violations.is_empty(),
        "seed {seed}:\n  {violations}\nreplay: SIM_SEED={seed} cargo test --test simulation -- --nocapture",
    );
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}
