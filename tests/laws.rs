//! The promises of a session, as the documentation of `session` numbers them, over random sessions.
//!
//! A random session is a list of steps (`laws/steps.rs`, `laws/strategies.rs`): command lines and junk, what drivers,
//! stores and networks tell in order and out of order, and time. A world (`laws/world.rs`) plays them around a session
//! and has it watched (`laws/watch.rs`); each promise is a module there, with the law that judges it. The tests of
//! `broken` show that each law can fail.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[path = "laws/allocator.rs"]
mod allocator;
#[path = "laws/broken.rs"]
mod broken;
#[path = "laws/floods.rs"]
mod floods;
#[path = "laws/mod.rs"]
mod laws;
#[allow(dead_code, reason = "each test uses its part")]
mod notation;
#[path = "laws/seeds.rs"]
mod seeds;
#[path = "targets/session.rs"]
mod session_target;
#[path = "laws/strategies.rs"]
mod strategies;

use allocator::Held;
use broken::{Double, Fault};
use laws::{
    p06_any_cutting, p07_bounded_memory, p08_no_panic, p11_harmless_names,
    steps::Step,
    subject::{Begin, session},
    watch::{Broken, Judgement, Reading},
    world::{Conditions, Driver, Ending, World, whole},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use sansftp::config::{Config, Settings};
use strategies::{configs, endings, sessions, steps};

const CASES: u32 = 1500;
/// Each of these is several plays.
const CASES_OF_MANY: u32 = 300;

/// So many, or as many as `PROPTEST_CASES` wishes if that is more.
fn cases(least: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(least), failure_persistence: None, ..default }
}

/// All promises but 6 and 7, over one play.
fn judge(
    begin: Begin<'_>,
    conditions: &Conditions,
    steps: &[Step],
    ending: Ending,
) -> (Judgement, Vec<String>) {
    let mut world = World::new(begin, conditions);
    let judgement = p08_no_panic::judge(|| world.play(steps, &whole, ending));
    (judgement, world.record().transcript.clone())
}

/// Promise 6, over the same play whole, byte by byte and in pieces.
fn judge_cutting(begin: Begin<'_>, config: &Config, steps: &[Step], lengths: &[usize]) -> Judgement {
    // Where replies stop the commands, it matters when the driver tells that they are sent.
    let config = Config::new(Settings { reply_limit: 16 << 10, ..(**config).clone() }).unwrap();
    let conditions = Conditions { config, reading: Reading::Promptly, driver: Driver::Right };
    let play = |cut: laws::world::Cut<'_>| {
        let mut world = World::new(begin, &conditions);
        world.play_on(steps, cut).map(|()| world.record().clone())
    };
    let uncut = play(&whole)?;
    p06_any_cutting::judge(&uncut, &play(&|bytes| vec![1; bytes.len()])?)?;
    p06_any_cutting::judge(&uncut, &play(&|_| lengths.to_vec())?)
}

/// Promise 7, over a play that goes on and on.
fn judge_memory(begin: Begin<'_>, config: Config, steps: &[Step]) -> Judgement {
    const ROUNDS: usize = 20;
    let bound = p07_bounded_memory::bound(&config, longest(steps));
    let held = Held::since_now();
    let conditions = Conditions { config, reading: Reading::Hardly, driver: Driver::Heedful };
    let mut world = World::new(begin, &conditions);
    for _ in 0..ROUNDS {
        world.play_on(steps, &whole)?;
    }
    drop(conditions);
    let _session = world.into_session();
    p07_bounded_memory::judge(held.bytes(), bound)
}

/// The most that is sent at once.
fn longest(steps: &[Step]) -> usize {
    let lengths = steps.iter().map(|step| if let Step::Send(bytes) = step { bytes.len() } else { 0 });
    lengths.max().unwrap_or(0)
}

proptest! {
    #![proptest_config(cases(CASES))]

    #[test]
    fn promises_hold_for_a_client_that_reads(config in configs(), steps in sessions(), ending in endings()) {
        let conditions = Conditions { config, reading: Reading::Promptly, driver: Driver::Right };
        let (judgement, transcript) = judge(&session, &conditions, &steps, ending);
        prop_assert!(judgement.is_ok(), "{}\n{}", judgement.unwrap_err(), transcript.join("\n"));
    }

    #[test]
    fn promises_hold_for_a_client_that_hardly_reads(config in configs(), steps in sessions(), ending in endings()) {
        let conditions = Conditions { config, reading: Reading::Hardly, driver: Driver::Right };
        let (judgement, transcript) = judge(&session, &conditions, &steps, ending);
        prop_assert!(judgement.is_ok(), "{}\n{}", judgement.unwrap_err(), transcript.join("\n"));
    }

    #[test]
    fn promise_08_holds_for_a_driver_that_is_wrong(config in configs(), steps in sessions(), ending in endings()) {
        let conditions = Conditions { config, reading: Reading::Promptly, driver: Driver::Wrong };
        let (judgement, transcript) = judge(&session, &conditions, &steps, ending);
        prop_assert!(judgement.is_ok(), "{}\n{}", judgement.unwrap_err(), transcript.join("\n"));
    }
}

proptest! {
    #![proptest_config(cases(CASES_OF_MANY))]

    #[test]
    fn promise_06_holds_however_bytes_are_cut(
        config in configs(),
        steps in sessions(),
        lengths in proptest::collection::vec(1_usize..12, 1..8),
    ) {
        prop_assert_eq!(judge_cutting(&session, &config, &steps, &lengths), Ok(()));
    }

    /// What fuzzers do, without their guidance.
    #[test]
    fn promises_hold_for_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        session_target::run(&data);
    }

    #[test]
    fn promise_07_holds_however_long_a_session_lives(config in configs(), steps in steps()) {
        prop_assert_eq!(judge_memory(&session, config, &steps), Ok(()));
    }
}

/// The random search that the laws make, with each of these clients in turn; what it finds first.
fn first_broken(fault: Fault, readings: &[Reading]) -> Broken {
    let begin = move |config, control, now| Double::begin(fault, config, control, now);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(cases(CASES), rng);
    let lengths = proptest::collection::vec(1_usize..12, 1..8);
    let plays = (configs(), sessions(), endings(), lengths);
    for (case, reading) in (0..CASES).zip(readings.iter().cycle()) {
        let (config, steps, ending, lengths) = plays.new_tree(&mut runner).unwrap().current();
        let conditions = Conditions { config: config.clone(), reading: *reading, driver: Driver::Right };
        let mut judgements = judge(&begin, &conditions, &steps, ending).0;
        if judgements.is_ok() && case % 4 == 0 {
            judgements = p08_no_panic::judge(|| judge_cutting(&begin, &config, &steps, &lengths));
        }
        if let Err(broken) = judgements {
            println!("{fault:?}: found in play {}: {broken}", case + 1);
            return broken;
        }
    }
    panic!("{fault:?} was not found in {CASES} plays");
}

fn finds(promise: u8, faults: &[Fault]) {
    for fault in faults {
        let broken = first_broken(*fault, &[Reading::Promptly, Reading::Hardly]);
        assert_eq!(broken.promise, promise, "{fault:?}: {broken}");
    }
}

#[test]
fn a_broken_promise_01_is_found() {
    finds(1, &[Fault::Hasty, Fault::Optimistic]);
}

#[test]
fn a_broken_promise_02_is_found() {
    finds(2, &[Fault::SwallowsAborts, Fault::FinishesAndAborts, Fault::FinishesWhatBroke]);
    finds(2, &[Fault::DropsFinishes, Fault::StopsWhatCannotStop]);
}

#[test]
fn a_broken_promise_03_is_found() {
    let faults = [Fault::AnswersTwice, Fault::DropsReplies, Fault::SwapsReplies];
    finds(3, &faults);
    finds(3, &[Fault::InterruptsReplies]);
    for fault in faults {
        assert_eq!(first_broken(fault, &[Reading::Hardly]).promise, 3, "{fault:?}");
    }
}

#[test]
fn a_broken_promise_04_is_found() {
    finds(4, &[Fault::LogsInUnasked]);
}

#[test]
fn a_broken_promise_05_is_found() {
    finds(5, &[Fault::ExecutesWhatCameInClear, Fault::PromisesAHandshake, Fault::MovesBeforeTheHandshake]);
}

#[test]
fn a_broken_promise_06_is_found() {
    finds(6, &[Fault::NegotiatesLate, Fault::CountsPieces]);
}

#[test]
fn a_broken_promise_07_is_found() {
    let hoarding = |fault| move |config, control, now| Double::begin(fault, config, control, now);
    let judgements = [
        floods::flood_endlessly(&hoarding(Fault::HoardsCommands), b"x"),
        floods::flood_unread(&hoarding(Fault::HoardsReplies), b"NOOP\r\n"),
    ];
    for judgement in judgements {
        assert!(judgement.is_err_and(|broken| broken.promise == 7));
    }
}

#[test]
fn a_broken_promise_08_is_found() {
    finds(8, &[Fault::PanicsAtLateEvents, Fault::PanicsAtOddClocks]);
}

#[test]
fn a_broken_promise_09_is_found() {
    finds(
        9,
        &[
            Fault::ServesStrangers,
            Fault::TakesLateConnections,
            Fault::LosesPortsToStrangers,
            Fault::ConnectsToStrangers,
            Fault::ConnectsToPort80,
        ],
    );
}

#[test]
fn a_broken_promise_10_is_found() {
    finds(10, &[Fault::StaysDue, Fault::WaitsForEver, Fault::WaitsTooLong]);
}

#[test]
fn a_broken_promise_11_is_found() {
    finds(11, &[Fault::BreaksListings]);
    // No double can do these: the types hold them. So the law itself is asked.
    for name in
        [&b""[..], b"a", b"/a/", b"//", b"/a//b", b"/.", b"/a/..", b"/../a", b"/a\0b", b"/a\rb", b"/a\nb"]
    {
        assert!(!p11_harmless_names::is_normal(name), "{name:?}");
    }
    let harmful = [
        &b"200 a"[..],
        b"200 a\n",
        b"200 a\r\n226 b\r\n",
        b"200-a\r\n226 b\r\n200 c\r\n",
        b"200-a\r\n b\r\n",
        b"200-a\r\n b\n c\r\n200 d\r\n",
        b"200 a\rb\r\n",
        b"200 a\0b\r\n",
        b"200 a\xff\xf4b\r\n",
        b"201 a\r\n",
    ];
    for wire in harmful {
        assert!(p11_harmless_names::flaw(wire, 200).is_some(), "{wire:?}");
    }
    assert_eq!(p11_harmless_names::flaw(b"200-a\r\n b\xff\xff\r\n200 c\r\n", 200), None);
}

#[test]
fn a_broken_promise_12_is_found() {
    finds(12, &[Fault::SpeaksAfterClose, Fault::AsksAfterClose, Fault::KeepsWhoHasEnded]);
}

#[test]
fn a_broken_promise_13_is_found() {
    finds(
        13,
        &[
            Fault::LooksAway,
            Fault::OverlooksWhatItSees,
            Fault::WaitsForNobody,
            Fault::OverlooksTheEndOfControl,
        ],
    );
}

#[test]
fn a_broken_contract_is_found() {
    finds(0, &[Fault::CancelsWhatIsOver, Fault::ClosesAnother]);
}
