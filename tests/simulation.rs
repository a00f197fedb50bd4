//! The real driver and server in simulated worlds; see `simulation/mod.rs`.
//!
//! `SIM_SEED=17 cargo test --features tls --test simulation` plays the world of that seed alone and prints all that happens in it.
//! `scripts/simulate` plays many. Without the feature `tls` no world has TLS: one in four seeds is another world then.
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

#[path = "targets/driver.rs"]
mod driver;
#[path = "simulation/mod.rs"]
mod simulation;

use std::{
    env,
    time::{Duration, Instant},
};

use simulation::{
    chance::Chance,
    counts::Counts,
    log::Log,
    play::{End, play_seed},
};

/// How to build the same worlds again.
const FEATURES: &str = if cfg!(feature = "tls") { "--features tls " } else { "" };
/// Worlds of the default run.
const SEEDS: u64 = 700;
/// Worlds that are played twice.
const SEEDS_TWICE: u64 = 60;
/// What a run of this many worlds must have come to, so that it does not go soft unnoticed.
const OUTCOMES: [&str; 42] = [
    "answers: The server is shutting down",
    "answers: did not answer in time",
    "answers: it goes on, and STAT",
    "answers: it was stopped, and what was there",
    "clients: ABOR at once",
    "clients: ended their side, and got all answers",
    "clients: killed in an upload",
    "clients: lost the control connection in an upload",
    "clients: tired of waiting",
    "clients: uploads in one go",
    "clients: vanished in a transfer",
    "data connections: port taken by somebody else",
    "data connections: strangers who connected",
    "downloads and listings: whole",
    "downloads: the client talks, and loses nothing by it",
    "network: accepts that failed",
    "network: connections that fell silent",
    "network: hiccups",
    "network: resets",
    "replies: 421",
    "sessions: lost by a panic of the store",
    "store: finish is stored and never tells",
    "uploads: aborted, ClientAborted",
    "uploads: aborted, ControlConnectionLost",
    "uploads: aborted, DataConnectionLost",
    "uploads: aborted, DataStalled",
    "uploads: aborted, Incomplete",
    "uploads: aborted, NoDataConnection",
    "uploads: aborted, ShuttingDown",
    "uploads: aborted, StoreFailed",
    "uploads: answered 452",
    "uploads: answered 552",
    "uploads: dropped",
    "uploads: dropped in the finish",
    "uploads: finish failed",
    "uploads: finished for a client that had left, and certain all the same",
    "uploads: repeated in another session",
    "uploads: stored after the client was told that it may be",
    "uploads: stored, and nobody read it",
    "uploads: told later, given up",
    "uploads: told later, still being stored",
    "uploads: told later, stored",
];
/// The same of those that have TLS.
#[cfg(feature = "tls")]
const TLS_OUTCOMES: [&str; 9] = [
    "TLS: begun before the command",
    "TLS: ended by CCC",
    "TLS: ended by REIN",
    "TLS: no handshake on the data connection",
    "TLS: not resumed",
    "TLS: resumed",
    "clients: shook hands behind what was smuggled",
    "uploads: aborted, Truncated",
    "uploads: stored, perhaps cut off",
];
#[cfg(not(feature = "tls"))]
const TLS_OUTCOMES: [&str; 0] = [];

#[test]
fn whatever_happens_the_replies_are_true() {
    if let Some(seed) = number("SIM_SEED") {
        let end = play_seed(seed, Log::kept());
        println!("{}\n{}", end.log, end.counts);
        return check(seed, &end);
    }
    let first = number("SIM_FIRST").unwrap_or(0);
    let seconds = number("SIM_SECONDS");
    let seeds = number("SIM_SEEDS").unwrap_or(if seconds.is_some() { u64::MAX - first } else { SEEDS });
    let started = Instant::now();
    let is_over = |seconds| started.elapsed() >= Duration::from_secs(seconds);
    let mut counts = Counts::default();
    for seed in first..first + seeds {
        if seconds.is_some_and(is_over) {
            break;
        }
        let end = play_seed(seed, Log::default());
        check(seed, &end);
        counts.merge(&end.counts);
        counts.add("worlds", 1);
    }
    println!("{counts}");
    if counts.of("worlds") >= SEEDS {
        let outcomes = OUTCOMES.into_iter().chain(TLS_OUTCOMES);
        let missing: Vec<_> = outcomes.filter(|outcome| counts.of(outcome) == 0).collect();
        assert!(missing.is_empty(), "the worlds never came to {missing:#?}");
    }
}

#[test]
fn a_seed_is_played_the_same_way_twice_and_whether_or_not_the_log_is_kept() {
    for seed in 0..SEEDS_TWICE {
        let ends = [Log::kept(), Log::kept(), Log::default()].map(|log| play_seed(seed, log));
        assert!(ends[0].log == ends[1].log, "seed {seed}: the logs differ");
        assert!(!ends[0].log.is_empty() && ends[2].log.is_empty());
        assert_eq!(ends[0].counts, ends[2].counts, "seed {seed}");
    }
}

#[test]
fn any_bytes_make_a_world() {
    driver::run(b"");
    for seed in 0..200 {
        let mut chance = Chance::from_seed(seed);
        let length = chance.below(600);
        let data: Vec<u8> = (0..length).map(|_| chance.below(256) as u8).collect();
        driver::run(&data);
    }
}

fn check(seed: u64, end: &End) {
    let violations = end.violations.join("\n  ");
    assert!(
        violations.is_empty(),
        "seed {seed}:\n  {violations}\nreplay: SIM_SEED={seed} cargo test {FEATURES}--test simulation whatever -- --nocapture",
    );
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}
