//! A walk over every state that a session can reach, when a client may send a few commands only.
//!
//! A state is the [session](super::Session), its judge (`tests/laws`, the one that the random laws have) and the time
//! ([`world`]). In each, everything happens that may happen ([`alphabet`]): each command of the walk, unless too many
//! wait already; each outcome of each action; the same events where nobody awaits them, or with the id of what is over
//! or never was; deadlines that pass; `Elapsed` too early; the end of the control connection; shutdowns. What comes of
//! it is a state again: one that is known ([`key`]), or a new one. The judge looks at every step (promises 1 to 5 and 9
//! to 12), and [`walk`] asks that no state is stuck: something is awaited, with a deadline, until everything is over;
//! and from each state, time alone leads there.
//!
//! What is wrong is told as the shortest way to it ([`way`]), in the words of `tests/conversations`.
//!
//! # Why it ends
//!
//! Everything in a state has an end but counters, the clock and what waits. Ids count only in being the same or not, and
//! deadlines only from now; both are written so in the key. Deadlines are whole seconds, a few at most, and time moves
//! when one passes, or by a second. So many commands wait as the walk allows, for it sends none when they do; each command line is a whole
//! one. `Progressed` tells of one byte, so that a transfer has none or one. One finish is detached at most
//! (`detached_limit`), and two log-ins fail. Should a state be counted in some way after all, the walk runs into its
//! bound and fails.
//!
//! # Why not a model checker
//!
//! `stateright` would want the same state, key and alphabet, and take only the hundred lines of [`walk`] off us. What it
//! has beyond that (actors, networks, a web page) is of no use here, and it cannot be asked whether deadlines alone lead
//! to an end.
//!
//! # The walks
//!
//! Those of `cargo test` are small, so that they can be run for each change: some forty-five thousand states and two million
//! transitions in a minute or two, though nothing is optimised. Each has the commands of one side of a session, of
//! which one may wait. `scripts/explore` runs the large ones with all commands, of which two may wait, or one where
//! finishes are detached, the client hardly reads, or there is TLS: some 960,000 states and 40 million transitions, in
//! some minutes on two cores.
//!
//! The [`pictures`] in the machines' documentation are made from the small walks, and a test compares them.

mod alphabet;
mod key;
#[allow(dead_code, unreachable_pub, reason = "it is shared with the tests")]
#[path = "../../../tests/laws/mod.rs"]
mod laws;
mod machines;
mod pictures;
mod plans;
mod walk;
mod way;
mod world;

use std::{collections::BTreeSet, sync::OnceLock, time::Instant};

use self::{
    machines::{Edge, Name, Seen, Ticking, variants},
    plans::{FINISHES_ARE_DETACHED, OVER_TLS, Plan, SMALL, THE_CLIENT_HARDLY_READS, TWO_COMMANDS_WAIT},
    walk::{Counts, walk},
    world::World,
};
use super::machines::timer::Timer;

impl Plan {
    fn start(&self) -> World {
        World::start(self.reading, self.finish_overdue, self.finish_patience, self.tls).unwrap()
    }

    /// Walks, and tells how far, or the way to what is wrong.
    fn run(&self, seen: &mut Seen) -> Result<Counts, String> {
        let started = Instant::now();
        let mut world = self.start();
        for step in self.before {
            world.step(*step, &mut |_| ()).unwrap();
        }
        let counts = walk(world, self.alphabet, self.bound, seen).map_err(|violation| {
            let steps = [self.before, &violation.steps].concat();
            let way = way::tell(self.start(), &steps);
            format!("{}: {}, and this leads to it:\n{way}", self.name, violation.what)
        })?;
        println!("{}: {counts:?} in {:?}", self.name, started.elapsed());
        Ok(counts)
    }
}

/// What the small walks have seen, which are gone once for all tests.
fn seen() -> &'static Seen {
    static SEEN: OnceLock<Result<Seen, String>> = OnceLock::new();
    let seen = SEEN.get_or_init(|| {
        let mut seen = Seen::default();
        let counts: Vec<Counts> = SMALL.iter().map(|plan| plan.run(&mut seen)).collect::<Result<_, _>>()?;
        let sum = |count: fn(&Counts) -> usize| counts.iter().map(count).sum::<usize>();
        println!("{} states, {} transitions", sum(|counts| counts.states), sum(|counts| counts.transitions));
        Ok(seen)
    });
    seen.as_ref().unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn the_promises_hold_in_every_state() {
    seen();
}

fn run_alone(plan: &Plan) {
    if let Err(violation) = plan.run(&mut Seen::default()) {
        panic!("{violation}");
    }
}

#[test]
#[ignore = "it takes a minute, and wants --release; scripts/explore runs it"]
fn the_promises_hold_in_every_state_while_two_commands_wait() {
    run_alone(&TWO_COMMANDS_WAIT);
}

#[test]
#[ignore = "it takes a minute, and wants --release; scripts/explore runs it"]
fn the_promises_hold_in_every_state_with_detached_finishes() {
    run_alone(&FINISHES_ARE_DETACHED);
}

#[test]
#[ignore = "it takes a minute, and wants --release; scripts/explore runs it"]
fn the_promises_hold_in_every_state_when_the_client_hardly_reads() {
    run_alone(&THE_CLIENT_HARDLY_READS);
}

#[test]
#[ignore = "it takes a minute, and wants --release; scripts/explore runs it"]
fn the_promises_hold_in_every_state_over_tls() {
    run_alone(&OVER_TLS);
}

/// An alphabet that leads nowhere would prove nothing.
#[test]
fn the_small_walks_reach_everything() {
    let seen = seen();
    let states = |edges: &BTreeSet<(Edge, _)>| {
        let states = edges.iter().flat_map(|((from, to), _)| [*from, *to]).flatten();
        states.collect::<BTreeSet<Name>>()
    };
    let machines = [
        (include_str!("../machines/login.rs"), "State", states(&seen.login)),
        (include_str!("../machines/security.rs"), "State", states(&seen.security)),
        (include_str!("../machines/data_connection.rs"), "State", states(&seen.data)),
        (include_str!("../machines/transfer/mod.rs"), "Phase", states(&seen.transfer)),
        (include_str!("../action.rs"), "Action", seen.actions.clone()),
        (include_str!("../../storage/transfers.rs"), "AbortReason", seen.reasons.clone()),
    ];
    for (source, name, reached) in machines {
        let reached: Vec<&str> = reached.iter().map(Name::as_str).collect();
        let missing: Vec<String> =
            variants(source, name).into_iter().filter(|name| !reached.contains(&name.as_str())).collect();
        // No walk has a client that speaks of Telnet options: no state of a machine depends on them.
        assert!(
            missing.iter().all(|name| name == "SendTelnet"),
            "{name}: these are never reached: {missing:?}"
        );
    }
    for timer in Timer::ALL {
        for ticking in [Ticking::Stops, Ticking::Elapses] {
            let is_reached =
                seen.timers.iter().any(|(name, other, _)| (*name, *other) == (Name::of(&timer), ticking));
            assert!(is_reached, "{timer:?} never {ticking:?}");
        }
    }
}

/// `UPDATE_PICTURES=1 cargo test --lib pictures` writes them where they belong.
#[test]
fn the_pictures_are_right() {
    let wrong: Vec<String> = pictures::pictures(&SMALL[0].start().machines(), seen())
        .iter()
        .filter_map(|picture| picture.check().err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
