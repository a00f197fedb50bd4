//! The fuzz target `session`: whatever client, driver, store, network and clock do, all promises hold.
//!
//! The first byte chooses the configuration and the kind of play, the others are its steps (`tests/laws/bytes.rs`).

use std::time::Duration;

use sansftp::config::{Config, FinishOverdue, Settings, TlsSettings, TlsStart};

use crate::laws::{
    bytes, p06_any_cutting,
    steps::Step,
    subject::session,
    watch::{Judgement, Reading},
    world::{Conditions, Cut, Driver, Ending, Record, World, whole},
};

const SMALL_REPLIES: u8 = 1;
const SMALL_BACKLOG: u8 = 2;
const DETACHES: u8 = 4;
const HARDLY_READS: u8 = 8;
const ENDS_IN_SILENCE: u8 = 16;
const WRONG_DRIVER: u8 = 32;
/// How long the pieces are in the second play.
const CUTS: [usize; 4] = [1, 2, 3, 7];

/// Plays what the bytes mean, and panics when a promise is broken.
pub fn run(data: &[u8]) {
    let Some((first, steps)) = data.split_first() else { return };
    let steps = bytes::decode(steps);
    let mut world = World::new(&session, &conditions(*first));
    if let Err(broken) = world.play(&steps, &whole, ending(*first)) {
        panic!("{broken}\n{}", world.record().transcript.join("\n"));
    }
    let length = CUTS[usize::from(first >> 6)];
    if let Err(broken) = judge_cutting(*first, &steps, length) {
        panic!("{broken}\n{steps:?} in pieces of {length}");
    }
}

/// What happens when the bytes are played, up to the ending.
pub fn record(data: &[u8]) -> Record {
    let Some((first, steps)) = data.split_first() else { return Record::default() };
    let mut world = World::new(&session, &conditions(*first));
    let judgement = world.play_on(&bytes::decode(steps), &whole);
    assert_eq!(judgement, Ok(()));
    world.record().clone()
}

/// Promise 6. Where replies stop the commands, it matters when the driver tells that they are sent.
fn judge_cutting(choice: u8, steps: &[Step], length: usize) -> Judgement {
    if choice & (SMALL_REPLIES | HARDLY_READS | WRONG_DRIVER) != 0 {
        return Ok(());
    }
    let play = |cut: Cut<'_>| {
        let mut world = World::new(&session, &conditions(choice));
        world.play_on(steps, cut).map(|()| world.record().clone())
    };
    p06_any_cutting::judge(&play(&whole)?, &play(&|bytes| vec![length; bytes.len() / length])?)
}

fn conditions(choice: u8) -> Conditions {
    let has = |bit| choice & bit != 0;
    let limit = |is_small| if is_small { 1 } else { 16 << 10 };
    let settings = Settings {
        line_limit: 256,
        skip_limit: 512,
        backlog_limit: limit(has(SMALL_BACKLOG)),
        reply_limit: limit(has(SMALL_REPLIES)),
        detached_limit: 2,
        finish_overdue: if has(DETACHES) { FinishOverdue::Detach } else { FinishOverdue::Abort },
        log_in_timeout: Duration::from_secs(60 * 60),
        tls: TlsSettings { start: TlsStart::Explicit, ..TlsSettings::default() },
        ..Settings::default()
    };
    Conditions {
        config: Config::new(settings).unwrap(),
        reading: if has(HARDLY_READS) { Reading::Hardly } else { Reading::Promptly },
        driver: if has(WRONG_DRIVER) { Driver::Wrong } else { Driver::Right },
    }
}

const fn ending(choice: u8) -> Ending {
    if choice & ENDS_IN_SILENCE != 0 { Ending::Silence } else { Ending::ControlLost }
}
