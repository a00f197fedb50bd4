//! A session, its judge, and the little that has to be remembered of the world around them.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Action, Event, Session},
    laws::watch::{Broken, Judgement, LOCAL, PEER, Reading, Watch},
    machines::Machines,
};
use crate::{
    config::{Config, Endpoints, FinishOverdue, FinishPatience, Settings, TlsSettings},
    instant::Instant,
    notation::{Ledger, events},
    session::{DataId, RequestId, TransferId},
};

/// For a client that hardly reads. Any reply stops the session then, and of what was not sent it only matters whether
/// it is nothing.
pub(super) const REPLY_LIMIT: usize = 1;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The client sends a line.
    Send(&'static str),
    /// An event without an id, in the words of `tests/notation`.
    Tell(&'static str),
    /// One about a request.
    Answer(&'static str, RequestId),
    /// One about a data connection.
    Data(&'static str, DataId),
    /// One about a transfer.
    Transfer(&'static str, TransferId),
    /// Time passes to the next deadline, and the session is told.
    Elapse,
    /// So many seconds pass, if the next deadline is further off, and the session is told that one has passed.
    ElapseEarly(u64),
}

/// Everything that a state of the walk is.
#[derive(Clone)]
pub(super) struct World {
    session: Session,
    watch: Watch,
    now: Instant,
    reading: Reading,
    /// The latest one, over or not.
    detached: Option<TransferId>,
    /// A shutdown was asked for. The session knows it, too.
    is_ending: bool,
}

impl World {
    /// A session that has greeted its client.
    pub(super) fn start(
        reading: Reading,
        finish_overdue: FinishOverdue,
        finish_patience: FinishPatience,
        tls: TlsSettings,
    ) -> Result<Self, Broken> {
        let mut settings = Settings { tls, finish_patience, ..settings(finish_overdue) };
        if reading == Reading::Hardly {
            settings.reply_limit = REPLY_LIMIT;
        }
        let config = Config::new(settings).unwrap();
        let now = Instant::from_origin(Duration::from_secs(1000));
        let watch = Watch::new(&config, reading);
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let session = Session::new(Arc::new(config), control, now);
        let mut world = Self { session, watch, now, reading, detached: None, is_ending: false };
        world.drain(&mut |_| ())?;
        Ok(world)
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    pub(super) const fn detached(&self) -> Option<TransferId> {
        self.detached
    }

    pub(super) const fn is_ending(&self) -> bool {
        self.is_ending
    }

    pub(super) fn is_closed(&self) -> bool {
        self.watch.facts().is_closed()
    }

    pub(super) fn machines(&self) -> Machines {
        Machines::of(&self.session.pi)
    }

    pub(super) const fn reading(&self) -> Reading {
        self.reading
    }

    /// How many lines the session has taken and not executed.
    pub(super) fn waiting(&self) -> usize {
        let (lines, _) = self.session.lines.waiting();
        lines.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Does one step, shows each action, and judges.
    pub(super) fn step(&mut self, step: Step, show: &mut dyn FnMut(&Action)) -> Judgement {
        let due = self.session.poll_timeout();
        match step {
            Step::Send(line) => return self.tell(Event::Received(format!("{line}\r\n").as_bytes()), show),
            Step::Elapse => self.now = due.unwrap_or(self.now).max(self.now),
            Step::ElapseEarly(seconds) => {
                let later = self.now + Duration::from_secs(seconds);
                self.now = if due.is_none_or(|due| later < due) { later } else { self.now };
            }
            Step::Tell(_) | Step::Answer(..) | Step::Data(..) | Step::Transfer(..) => {}
        }
        self.tell(event(step), show)
    }

    fn tell(&mut self, event: Event<'_>, show: &mut dyn FnMut(&Action)) -> Judgement {
        self.is_ending |= matches!(event, Event::ShutdownRequested | Event::ShutdownOverdue);
        self.watch.tell(self.now, &event);
        self.session.handle(self.now, event);
        self.drain(show)
    }

    fn drain(&mut self, show: &mut dyn FnMut(&Action)) -> Judgement {
        loop {
            let mut has_sent = false;
            while let Some(action) = self.session.poll_action() {
                show(&action);
                has_sent |= matches!(action, Action::SendReply(_));
                if let Action::Detach(id) = action {
                    self.detached = Some(id);
                }
                self.watch.see(&action)?;
            }
            self.watch.rest(self.now, self.session.poll_timeout())?;
            if !has_sent || self.reading == Reading::Hardly {
                return self.check_rest();
            }
            self.watch.tell(self.now, &Event::RepliesSent);
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    /// No state is stuck: where nothing is awaited any more, everything is over.
    fn check_rest(&self) -> Judgement {
        if self.session.poll_timeout().is_some() { Ok(()) } else { self.watch.end() }
    }
}

fn settings(finish_overdue: FinishOverdue) -> Settings {
    let seconds = Duration::from_secs;
    Settings {
        log_in_attempts: 2,
        log_in_timeout: seconds(3),
        control_idle_timeout: seconds(4),
        request_timeout: seconds(2),
        data_connect_timeout: seconds(1),
        data_stall_timeout: seconds(5),
        killed_client_grace: seconds(1),
        finish_timeout: seconds(2),
        finish_overdue,
        abort_timeout: seconds(1),
        detached_limit: 1,
        detached_timeout: seconds(2),
        ..Settings::default()
    }
}

/// The event of a step that is no line.
fn event(step: Step) -> Event<'static> {
    let mut ledger = Ledger::default();
    let text = match step {
        Step::Send(_) | Step::Elapse | Step::ElapseEarly(_) => return Event::Elapsed,
        Step::Tell(text) => text,
        Step::Answer(text, id) => {
            ledger.note_request(id);
            text
        }
        Step::Data(text, id) => {
            ledger.note_data(id);
            text
        }
        Step::Transfer(text, id) => {
            ledger.note_transfer(id);
            text
        }
    };
    events::parse(text, &ledger).unwrap()
}
