//! The promises of a session, as the documentation of `session` numbers them, over random sessions.
//!
//! A random session is a list of steps (`laws/steps.rs`): command lines and junk, what drivers, stores and networks
//! tell in order and out of order, and time. A world (`laws/world.rs`) plays them against a [`Session`] and judges
//! each action: promises 1 to 4 and 8 to 12 at every step. Promise 6 compares two worlds that differ in how the
//! client's bytes are cut; promise 7 counts the memory.
//!
//! [`Session`]: sansftp::session::Session

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[allow(dead_code, reason = "the world comes next")]
#[path = "laws/mod.rs"]
mod laws;
#[path = "laws/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test uses its part")]
mod notation;
#[path = "laws/replies.rs"]
mod replies;
#[path = "laws/steps.rs"]
mod steps;
#[path = "laws/world.rs"]
mod world;

use std::time::Duration;

use proptest::prelude::*;
use sansftp::config::{Config, FinishOverdue, Settings};
use steps::{Step, steps};
use world::{Ending, Reading, World};

fn configs() -> impl Strategy<Value = Config> {
    let limits = (
        prop_oneof![Just(1_usize), Just(100), Just(16 << 10)],
        prop_oneof![Just(1_usize), Just(16 << 10)],
        1_usize..3,
    );
    (limits, any::<bool>(), 5_u64..1000).prop_map(|((backlog, replies, detached), detaches, stall)| {
        let settings = Settings {
            line_limit: 256,
            backlog_limit: backlog,
            reply_limit: replies,
            detached_limit: detached,
            finish_overdue: if detaches { FinishOverdue::Detach } else { FinishOverdue::Abort },
            data_stall_timeout: Duration::from_secs(stall),
            log_in_timeout: Duration::from_secs(60 * 60),
            ..Settings::default()
        };
        Config::new(settings).unwrap()
    })
}

/// How a session begins: most often with a log-in.
fn beginnings() -> impl Strategy<Value = Vec<Step>> {
    let log_in =
        || vec![Step::Send(b"USER anna\r\nPASS secret\r\nTYPE I\r\nPASV\r\n".to_vec()), Step::Proceed(0)];
    let listening = move || [log_in(), vec![Step::Proceed(100)]].concat();
    let uploading = move || {
        [listening(), vec![Step::Send(b"STOR a\r\n".to_vec()), Step::Proceed(0), Step::Proceed(0)]].concat()
    };
    prop_oneof![Just(Vec::new()), Just(log_in()), Just(listening()), Just(uploading())]
}

fn play(config: Config, reading: Reading, steps: &[Step], ending: Ending) -> Result<(), String> {
    let mut world = World::start(config, reading)?;
    for step in steps {
        if let Err(error) = world.step(step, &|_| Vec::new()) {
            return Err(format!("{error}\n{}", world.transcript.join("\n")));
        }
    }
    let transcript = world.transcript.join("\n");
    world.end(ending).map_err(|error| format!("{error}, at the end of\n{transcript}"))
}

/// What a session does, however it is told the bytes.
fn actions(config: Config, steps: &[Step], cut: &dyn Fn(&[u8]) -> Vec<usize>) -> Result<Vec<String>, String> {
    let mut world = World::start(config, Reading::Promptly)?;
    for step in steps {
        world.step(step, cut)?;
    }
    Ok(world.transcript.into_iter().filter(|line| !line.starts_with('>')).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_a_client_that_reads(
        config in configs(),
        beginning in beginnings(),
        steps in steps(),
        ending in prop_oneof![Just(Ending::ControlLost), Just(Ending::Silence)],
    ) {
        let steps = [beginning, steps].concat();
        let judgement = play(config, Reading::Promptly, &steps, ending);
        prop_assert!(judgement.is_ok(), "{}", judgement.unwrap_err());
    }

    #[test]
    fn promises_hold_for_a_client_that_hardly_reads(
        config in configs(),
        beginning in beginnings(),
        steps in steps(),
        ending in prop_oneof![Just(Ending::ControlLost), Just(Ending::Silence)],
    ) {
        let steps = [beginning, steps].concat();
        let judgement = play(config, Reading::Hardly, &steps, ending);
        prop_assert!(judgement.is_ok(), "{}", judgement.unwrap_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Promise 6.
    #[test]
    fn however_bytes_are_cut_the_actions_are_the_same(
        config in configs(),
        beginning in beginnings(),
        steps in steps(),
        lengths in proptest::collection::vec(1_usize..12, 1..8),
    ) {
        // Where replies stop the commands, it matters when the driver tells that they are sent.
        let config = Config::new(Settings { reply_limit: 16 << 10, ..(*config).clone() }).unwrap();
        let steps = [beginning, steps].concat();
        let whole = actions(config.clone(), &steps, &|_| Vec::new());
        let bytes = actions(config.clone(), &steps, &|bytes| vec![1; bytes.len()]);
        let pieces = actions(config, &steps, &|_| lengths.clone());
        prop_assert!(whole.is_ok(), "{whole:?}");
        prop_assert_eq!(&whole, &bytes);
        prop_assert_eq!(&whole, &pieces);
    }
}
