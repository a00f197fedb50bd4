//! A driver that does what a session says, and an observer that judges it by the promises.

#[path = "chance.rs"]
mod chance;
#[path = "judgement.rs"]
mod judgement;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use sansftp::{
    config::{Config, Endpoints},
    instant::Instant,
    session::{Action, Answer, Event, Outcome, RequestId, Session, TransferId},
    storage::StorageErrorKind,
};

use super::{replies::Replies, steps::Step};
use crate::notation::{Ledger, actions, words::escape};

pub const LOCAL: ([u8; 4], u16) = ([192, 0, 2, 1], 21);
pub const PEER: ([u8; 4], u16) = ([198, 51, 100, 7], 50_000);
const STRANGER: ([u8; 4], u16) = ([203, 0, 113, 9], 50_000);
const LOW_PORT: ([u8; 4], u16) = ([198, 51, 100, 7], 1023);

/// What a request opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Upload,
    Download,
    Listing,
    /// The one line of a file's listing.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Moving,
    Ended { is_whole: bool },
    Finishing,
    Detached,
    Aborting,
    Over,
}

#[derive(Debug, Clone, Copy)]
struct OpenRequest {
    id: RequestId,
    purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    LogIn,
    Open(Subject),
    Other,
}

#[derive(Debug)]
struct Transfer {
    subject: Subject,
    phase: Phase,
    is_stored: bool,
    /// How often it was told to finish, and to abort.
    ends: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Nothing,
    Preparing,
    Listening,
    Connecting(SocketAddr),
    Connected,
    InUse,
}

/// How promptly the client reads its replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Promptly,
    /// Only where a step says so; the order of replies is not looked at then.
    Hardly,
}

/// How a play ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    ControlLost,
    /// Client, network, accounts and store say nothing any more.
    Silence,
}

/// A session and everything around it.
pub struct World {
    session: Session,
    now: Instant,
    reading: Reading,
    replies: Replies,
    request: Option<OpenRequest>,
    last_request: u64,
    /// A listing turned out to be of a file, which the session asks about next.
    lists_file: bool,
    /// What the last request has opened and no transfer has yet.
    opened: Option<Subject>,
    transfers: BTreeMap<TransferId, Transfer>,
    latest: Option<TransferId>,
    data: Data,
    is_logged_in: bool,
    is_closed: bool,
    /// What has to come in this turn: a refusal of a stranger, the 226 of a finish that succeeded.
    wanted: Vec<&'static str>,
    ledger: Ledger,
    /// Everything that happened, and what the session did: the latter begins with `S` or `A`.
    pub transcript: Vec<String>,
}

type Judgement = Result<(), String>;

fn law(holds: bool, broken: &str) -> Judgement {
    if holds { Ok(()) } else { Err(broken.to_owned()) }
}

impl World {
    pub fn start(config: Config, reading: Reading) -> Result<Self, String> {
        let now = Instant::from_origin(Duration::from_secs(1000));
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let replies = Replies::new(config.line_limit);
        let mut world = Self {
            session: Session::new(Arc::new(config), control, now),
            now,
            reading,
            replies,
            request: None,
            last_request: 0,
            lists_file: false,
            opened: None,
            transfers: BTreeMap::new(),
            latest: None,
            data: Data::Nothing,
            is_logged_in: false,
            is_closed: false,
            wanted: Vec::new(),
            ledger: Ledger::default(),
            transcript: Vec::new(),
        };
        world.drain()?;
        Ok(world)
    }

    /// Does one step; `cut` splits the bytes that are sent.
    pub fn step(&mut self, step: &Step, cut: &dyn Fn(&[u8]) -> Vec<usize>) -> Judgement {
        match step {
            Step::Send(bytes) => {
                self.transcript.push(format!("> {}", escape(bytes)));
                let mut rest = &bytes[..];
                for length in cut(bytes) {
                    let (piece, tail) = rest.split_at(length.min(rest.len()));
                    rest = tail;
                    self.receive(piece)?;
                }
                self.receive(rest)
            }
            Step::Proceed(choice) => match self.possible_event(*choice) {
                Some(event) => self.happen(event),
                None => Ok(()),
            },
            Step::Disturb(disturbance, n) => match self.disturbing_event(*disturbance, *n) {
                Some(event) => self.happen(event),
                None => Ok(()),
            },
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(*milliseconds)),
            Step::Lose => self.happen(Event::ControlClosed),
            Step::ShutDown => self.happen(Event::ShutdownRequested),
            Step::EndNow => self.happen(Event::ShutdownOverdue),
        }
    }

    /// Nothing happens any more but time; the session has to come to its end.
    pub fn end(mut self, ending: Ending) -> Judgement {
        if ending == Ending::ControlLost {
            self.happen(Event::ControlClosed)?;
            law(self.is_closed, "a lost control connection does not end the session")?;
        }
        for _ in 0..100 {
            let Some(due) = self.session.poll_timeout() else { break };
            self.pass(due.saturating_since(self.now))?;
        }
        law(self.session.poll_timeout().is_none(), "promise 10: deadlines without an end")?;
        law(self.is_closed, "promise 10: a client that has vanished is not given up")?;
        law(self.opened.is_none(), "promise 2: what was opened is neither finished nor aborted")?;
        for (id, transfer) in &self.transfers {
            let is_upload = transfer.subject == Subject::Upload;
            law(transfer.phase == Phase::Over, &format!("{id:?} never ends: {transfer:?}"))?;
            law(!is_upload || transfer.ends == 1, &format!("promise 2: {id:?}: {transfer:?}"))?;
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8]) -> Judgement {
        if !self.is_closed {
            self.replies.note_sent(bytes);
        }
        self.tell(Event::Received(bytes))
    }

    fn happen(&mut self, event: Event<'_>) -> Judgement {
        self.transcript.push(format!("> {event:?}"));
        self.tell(event)
    }

    fn pass(&mut self, time: Duration) -> Judgement {
        self.transcript.push(format!("> +{time:?}"));
        let end = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.tell(Event::Elapsed)?;
            let next = self.session.poll_timeout();
            law(
                next.is_none_or(|next| next > self.now),
                "promise 10: the deadline does not move after Elapsed",
            )?;
        }
        self.now = end;
        Ok(())
    }

    /// Tells the session, takes its actions, and judges them.
    fn tell(&mut self, event: Event<'_>) -> Judgement {
        let is_closed = self.is_closed;
        self.foresee(&event);
        self.session.handle(self.now, event);
        self.drain()?;
        self.lists_file = false;
        let wanted = std::mem::take(&mut self.wanted);
        law(wanted.is_empty() || is_closed, &format!("this had to come: {wanted:?}"))?;
        self.check_rest()
    }

    fn drain(&mut self) -> Judgement {
        loop {
            let mut has_sent = false;
            let mut count = 0;
            while let Some(action) = self.session.poll_action() {
                count += 1;
                law(count < 10_000, "the actions do not end")?;
                has_sent |= matches!(action, Action::SendReply(_) | Action::SendTelnet(_));
                self.transcript.extend(actions::describe(&action, &mut self.ledger));
                self.judge(action)?;
            }
            law(self.session.poll_action().is_none(), "an action behind the last one")?;
            if !has_sent || self.reading == Reading::Hardly {
                return Ok(());
            }
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    /// What an event means for the store and for what may follow.
    fn foresee(&mut self, event: &Event<'_>) {
        match event {
            Event::Answered(id, answer) => self.foresee_answer(*id, answer),
            Event::Listening(_) if self.data == Data::Preparing => self.data = Data::Listening,
            Event::ListenFailed if self.data == Data::Preparing => self.data = Data::Nothing,
            Event::DataConnected { peer } => match self.data {
                Data::Listening if *peer == SocketAddr::from(PEER) => self.data = Data::Connected,
                Data::Listening => self.wanted.push("RefuseDataConnection"),
                Data::Connecting(_) => self.data = Data::Connected,
                _ => {}
            },
            Event::TransferEnded(id, outcome) => {
                let is_whole = matches!(outcome, Outcome::Complete { .. });
                if self.enter(*id, Phase::Moving, Phase::Ended { is_whole }) {
                    self.data = Data::Nothing;
                    if let Outcome::StoreFailed(error) = outcome {
                        self.replies.excuse(error.kind().reply_code().number());
                    }
                }
            }
            Event::Finished(id, result) => {
                let is_awaited = self.enter(*id, Phase::Finishing, Phase::Over);
                if !is_awaited && !self.enter(*id, Phase::Detached, Phase::Over) {
                    return;
                }
                match result {
                    Ok(_) => {
                        self.note_stored(*id);
                        if is_awaited && !self.is_closed {
                            self.wanted.push("226");
                        }
                    }
                    Err(error) if is_awaited => self.replies.excuse(error.kind().reply_code().number()),
                    Err(_) => {}
                }
            }
            Event::Aborted(id) => drop(self.enter(*id, Phase::Aborting, Phase::Over)),
            _ => {}
        }
    }

    fn foresee_answer(&mut self, id: RequestId, answer: &Answer) {
        let Some(request) = self.request.take_if(|open| open.id == id) else { return };
        match (request.purpose, answer) {
            (Purpose::LogIn, Answer::LoggedIn) => self.is_logged_in = true,
            (purpose, Answer::Failed(error)) => {
                let is_file = error.kind() == StorageErrorKind::NotADirectory;
                self.lists_file = is_file && purpose == Purpose::Open(Subject::Listing);
                self.replies.excuse(error.kind().reply_code().number());
            }
            (Purpose::Open(Subject::Text), Answer::Metadata { .. }) => self.opened = Some(Subject::Text),
            (Purpose::Open(subject), Answer::Opened | Answer::UploadOpened { .. }) => {
                self.opened = Some(subject)
            }
            _ => {}
        }
    }

    fn note_stored(&mut self, id: TransferId) {
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.is_stored = true;
        }
    }

    /// Moves a transfer from one phase to the next; `false` if it is not in the former.
    fn enter(&mut self, id: TransferId, from: Phase, to: Phase) -> bool {
        match self.transfers.get_mut(&id) {
            Some(transfer) if transfer.phase == from => {
                transfer.phase = to;
                true
            }
            _ => false,
        }
    }
}
