//! What the walk has seen of the machines: which state followed which, and why.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Write as _},
};

use super::{
    super::{
        Action,
        machines::timer::Timer,
        server_pi::{ServerPi, state::States},
    },
    alphabet::MISFIT,
    world::{Step, World},
};
use crate::instant::Instant;

/// The name of a variant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Name {
    letters: [u8; 24],
    length: usize,
}

impl Name {
    /// What a `Debug` form begins with.
    pub(super) fn of(value: &dyn Debug) -> Self {
        let mut name = Self::default();
        // Fails on purpose when the first piece is taken: the rest would be formatted in vain.
        let _ = write!(name, "{value:?}");
        name
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).unwrap()
    }
}

impl fmt::Write for Name {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.length = piece.len();
        self.letters[..piece.len()].copy_from_slice(piece.as_bytes());
        Err(fmt::Error)
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The states of the machines.
#[derive(Clone, Copy)]
pub(super) struct Machines {
    pub(super) login: Name,
    pub(super) security: Name,
    pub(super) data: Name,
    /// `None` without a transfer.
    phase: Option<Name>,
    timers: [Option<Instant>; Timer::ALL.len()],
    /// When a finish that was detached is dropped.
    detached: Option<Instant>,
}

impl Machines {
    pub(super) fn of(pi: &ServerPi) -> Self {
        let States { login, security, data, phase, timers, detached } = pi.states();
        Self {
            login: Name::of(login),
            security: Name::of(security),
            data: Name::of(data),
            phase: phase.map(Name::of),
            timers,
            detached,
        }
    }

    /// The one deadline that has passed.
    fn due(&self, now: Instant) -> Option<Timer> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut due = Timer::ALL.into_iter().zip(self.timers).filter(|(_, at)| is_due(*at));
        let (timer, _) = due.next()?;
        let is_alone = due.next().is_none() && !is_due(self.detached);
        is_alone.then_some(timer)
    }
}

/// Why something changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A command, by its verb.
    Command(&'static str),
    /// An event, by its name.
    Event(&'static str),
    /// A deadline passed.
    Elapsed(Name),
    /// Whatever it was, the control connection was closed.
    SessionEnds,
}

/// A change of a machine's state; `None` is where a transfer begins and ends.
pub(super) type Edge = (Option<Name>, Option<Name>);

/// What a deadline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ticking {
    Starts,
    Restarts,
    Stops,
    Elapses,
}

/// Everything that was seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) login: BTreeSet<(Edge, Cause)>,
    pub(super) security: BTreeSet<(Edge, Cause)>,
    pub(super) data: BTreeSet<(Edge, Cause)>,
    pub(super) transfer: BTreeSet<(Edge, Cause)>,
    pub(super) timers: BTreeSet<(Name, Ticking, Cause)>,
    /// Commands that were executed.
    pub(super) commands: BTreeSet<Cause>,
    /// What is done when a deadline passes.
    pub(super) passing: BTreeSet<(Name, Name)>,
    /// Actions by name, and the reasons of aborts.
    pub(super) actions: BTreeSet<Name>,
    pub(super) reasons: BTreeSet<Name>,
    /// Actions of this step.
    turn: Vec<Name>,
}

impl Seen {
    pub(super) fn note_action(&mut self, action: &Action) {
        self.turn.push(Name::of(action));
        if let Action::Abort(_, why) = action {
            self.reasons.insert(Name::of(why));
        }
    }

    /// Notes what a step did, if it did one thing: no command waits, and one deadline has passed at most. What
    /// a shutdown ends as soon as it can is not noted either, for that would be an arrow from everywhere.
    pub(super) fn note_step(&mut self, before: &World, step: Step, after: &World) {
        let turn = std::mem::take(&mut self.turn);
        self.actions.extend(&turn);
        if before.waiting() + after.waiting() > 0 || before.is_ending() {
            return;
        }
        let (from, to) = (before.machines(), after.machines());
        let Some(cause) = cause(step, &from, after.now()) else { return };
        if let Cause::Elapsed(timer) = cause {
            self.passing.extend(turn.into_iter().map(|action| (timer, action)));
        }
        let cause = if after.is_closed() && !before.is_closed() { Cause::SessionEnds } else { cause };
        if matches!(cause, Cause::Command(_)) && !before.is_closed() {
            self.commands.insert(cause);
        }
        note(&mut self.login, Some(from.login), Some(to.login), cause);
        note(&mut self.security, Some(from.security), Some(to.security), cause);
        note(&mut self.data, Some(from.data), Some(to.data), cause);
        note(&mut self.transfer, from.phase, to.phase, cause);
        for (timer, (from, to)) in Timer::ALL.into_iter().zip(from.timers.into_iter().zip(to.timers)) {
            let name = Name::of(&timer);
            let ticking = match (from, to) {
                (Some(at), _) if at <= after.now() => Ticking::Elapses,
                (None, Some(_)) => Ticking::Starts,
                (Some(_), None) => Ticking::Stops,
                (Some(from), Some(to)) if from != to => Ticking::Restarts,
                _ => continue,
            };
            self.timers.insert((name, ticking, cause));
        }
    }
}

fn note(edges: &mut BTreeSet<(Edge, Cause)>, from: Option<Name>, to: Option<Name>, cause: Cause) {
    if from != to {
        edges.insert(((from, to), cause));
    }
}

fn cause(step: Step, machines: &Machines, now: Instant) -> Option<Cause> {
    match step {
        Step::Send(line) => Some(Cause::Command(line.split(' ').next().unwrap_or_default())),
        Step::Answer(MISFIT, _) => None,
        Step::Tell(text) | Step::Answer(text, _) | Step::Data(text, _) | Step::Transfer(text, _) => {
            // The second word tells how something ended; addresses and names tell nothing.
            let two = ["TransferEnded ", "ControlLookedAt ", "Finished ", "Denied "]
                .iter()
                .any(|start| text.starts_with(start));
            let end = text.match_indices(' ').nth(usize::from(two)).map_or(text.len(), |(at, _)| at);
            Some(Cause::Event(&text[..end]))
        }
        Step::Elapse | Step::ElapseEarly(_) => {
            machines.due(now).map(|timer| Cause::Elapsed(Name::of(&timer)))
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(text) | Self::Event(text) => f.write_str(text),
            Self::Elapsed(timer) => write!(f, "{timer:?} passes"),
            Self::SessionEnds => f.write_str("the session ends"),
        }
    }
}

/// The variants of an enum, read from its source, so that none can be forgotten.
pub(super) fn variants(source: &str, name: &str) -> Vec<String> {
    let start = source.find(&format!("enum {name} {{")).unwrap();
    let body = &source[start..start + source[start..].find("\n}").unwrap()];
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().into()).collect()
}
