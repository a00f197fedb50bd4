//! A driver that does what a session says, plays steps around it, and has it judged by the [`Watch`].

use std::{sync::Arc, time::Duration};

use sansftp::{
    config::{Config, Endpoints},
    instant::Instant,
    session::{Action, Event},
};

use super::{
    p11_harmless_names,
    steps::Step,
    subject::{Begin, Subject},
    watch::{Judgement, LOCAL, PEER, Reading, Watch, law},
};
use crate::notation::{Ledger, actions, words::escape};

/// How a play ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    ControlLost,
    /// Client, network, accounts and store say nothing any more.
    Silence,
}

/// Whether a driver keeps its side of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// It does, though it may tell things too late or twice.
    Right,
    /// It does, and hands over what the client sends only while the session wants it.
    Heedful,
    /// It tells that things were opened that were not asked for: nothing is judged but what needs no driver.
    Wrong,
}

/// What a play is like.
#[derive(Debug, Clone)]
pub struct Conditions {
    pub config: Config,
    pub reading: Reading,
    pub driver: Driver,
}

/// A session and everything around it.
pub struct World {
    pub(super) session: Box<dyn Subject>,
    pub(super) watch: Watch,
    pub(super) driver: Driver,
    pub(super) ledger: Ledger,
    reading: Reading,
    now: Instant,
    /// The latest time that the session was told; the clock may have gone back since.
    latest: Instant,
    record: Record,
}

/// What happened in a play.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Every event, and every action; the latter begin with `S` or `A`.
    pub transcript: Vec<String>,
    /// What was sent to the client.
    pub sent: Vec<u8>,
}

/// How what is sent at once is cut into pieces: their lengths. What is left over is the last piece.
pub type Cut<'a> = &'a dyn Fn(&[u8]) -> Vec<usize>;

/// Everything in one piece.
pub const fn whole(_: &[u8]) -> Vec<usize> {
    Vec::new()
}

/// A broken promise is enough to end a play.
const MOST_ACTIONS: usize = 10_000;

impl World {
    pub fn new(begin: Begin<'_>, conditions: &Conditions) -> Self {
        let now = Instant::from_origin(Duration::from_secs(1000));
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let Conditions { config, reading, driver } = conditions;
        Self {
            session: begin(Arc::new(config.clone()), control, now),
            watch: Watch::new(config, *reading),
            driver: *driver,
            ledger: Ledger::default(),
            reading: *reading,
            now,
            latest: now,
            record: Record::default(),
        }
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What is left when everything around the session has gone.
    pub fn into_session(self) -> Box<dyn Subject> {
        self.session
    }

    /// Begins, plays the steps, and ends.
    pub fn play(&mut self, steps: &[Step], cut: Cut<'_>, ending: Ending) -> Judgement {
        self.play_on(steps, cut)?;
        self.end(ending)
    }

    /// Begins, if it has not yet, and plays the steps.
    pub fn play_on(&mut self, steps: &[Step], cut: Cut<'_>) -> Judgement {
        self.drain()?;
        steps.iter().try_for_each(|step| self.step(step, cut))
    }

    fn step(&mut self, step: &Step, cut: Cut<'_>) -> Judgement {
        match step {
            Step::Send(bytes) => {
                self.note(|| format!("> {}", escape(bytes)));
                let mut rest = &bytes[..];
                for length in cut(bytes) {
                    let (piece, tail) = rest.split_at(length.min(rest.len()));
                    rest = tail;
                    self.receive(piece)?;
                }
                self.receive(rest)
            }
            Step::Proceed(choice) => self.happen(self.possible_event(*choice)),
            Step::Disturb(disturbance, n) => self.happen(self.disturbing_event(*disturbance, *n)),
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(*milliseconds)),
            Step::GoBack(milliseconds) => {
                let elapsed = self.now.since_origin();
                self.now = Instant::from_origin(elapsed.saturating_sub(Duration::from_millis(*milliseconds)));
                Ok(())
            }
            Step::Leave => self.happen(Some(Event::ControlEnded)),
            Step::Lose => self.happen(Some(Event::ControlClosed)),
            Step::ShutDown => self.happen(Some(Event::ShutdownRequested)),
            Step::EndNow => self.happen(Some(Event::ShutdownOverdue)),
        }
    }

    /// Nothing happens any more but time; the session has to come to its end.
    fn end(&mut self, ending: Ending) -> Judgement {
        if ending == Ending::ControlLost {
            self.happen(Some(Event::ControlClosed))?;
        }
        // Each command that waits may have a request, and each request its deadline.
        for _ in 0..MOST_ACTIONS {
            let Some(due) = self.session.poll_timeout() else { break };
            self.pass(due.saturating_since(self.now))?;
        }
        law(10, self.session.poll_timeout().is_none(), || "deadlines without an end".into())?;
        if self.driver == Driver::Wrong { Ok(()) } else { self.watch.end() }
    }

    fn receive(&mut self, bytes: &[u8]) -> Judgement {
        if self.driver == Driver::Heedful && !self.session.wants_input() {
            return Ok(());
        }
        self.tell(Event::Received(bytes))
    }

    fn happen(&mut self, event: Option<Event<'_>>) -> Judgement {
        let Some(event) = event else { return Ok(()) };
        self.note(|| format!("> {event:?}"));
        self.tell(event)
    }

    fn pass(&mut self, time: Duration) -> Judgement {
        self.note(|| format!("> +{time:?}"));
        let end = self.now + time;
        let mut count = 0;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            count += 1;
            law(10, count < MOST_ACTIONS, || "deadlines without an end".into())?;
            self.now = self.now.max(due);
            self.tell(Event::Elapsed)?;
        }
        self.now = end;
        Ok(())
    }

    /// Tells the session, takes its actions, and has them judged.
    fn tell(&mut self, event: Event<'_>) -> Judgement {
        self.latest = self.latest.max(self.now);
        self.watch.tell(self.latest, &event);
        self.session.handle(self.now, event);
        self.drain()
    }

    fn drain(&mut self) -> Judgement {
        loop {
            let mut has_sent = false;
            let mut count = 0;
            while let Some(action) = self.session.poll_action() {
                count += 1;
                law(8, count < MOST_ACTIONS, || "the actions do not end".into())?;
                has_sent |=
                    matches!(action, Action::SendReply(_) | Action::SendReplyLine(_) | Action::SendTelnet(_));
                self.see(&action)?;
            }
            self.rest()?;
            if !has_sent || self.reading == Reading::Hardly {
                return Ok(());
            }
            self.watch.tell(self.latest, &Event::RepliesSent);
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    fn see(&mut self, action: &Action) -> Judgement {
        let Record { transcript, sent } = &mut self.record;
        transcript.extend(actions::describe(action, &mut self.ledger));
        match action {
            Action::SendReply(reply) => sent.extend_from_slice(reply.as_bytes()),
            Action::SendReplyLine(bytes) | Action::SendTelnet(bytes) => sent.extend_from_slice(bytes),
            _ => {}
        }
        if self.driver == Driver::Wrong { p11_harmless_names::see(action) } else { self.watch.see(action) }
    }

    fn rest(&mut self) -> Judgement {
        law(0, self.session.poll_action().is_none(), || "an action behind the last one".into())?;
        if self.driver == Driver::Wrong {
            return Ok(());
        }
        let wants_input = self.session.wants_input();
        let is_closed = self.watch.facts().is_closed();
        law(12, !is_closed || !wants_input, || "a closed session wants input".into())?;
        self.watch.rest(self.latest, self.session.poll_timeout())
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        self.record.transcript.push(line());
    }
}
