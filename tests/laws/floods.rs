//! Promise 7 under floods: clients that send without end, or do not read, or both.

use std::{sync::Arc, time::Duration};

use sansftp::{
    config::{Config, Endpoints, FinishOverdue, Settings},
    instant::Instant,
    pathname::Pathname,
    session::{Action, Answer, ControlState, DataId, Event, FinishKind, Movement, Outcome, Request},
};

use crate::{
    allocator::Held,
    laws::{
        p07_bounded_memory,
        subject::{Begin, Subject, session},
        watch::{Broken, Judgement, LOCAL, PEER, law},
    },
    notation::events::FIN_AT_ONCE,
};

/// What a client sends before it looks whether the session wants more: what a driver reads at once.
const SEGMENT: usize = 4096;

/// What one client can make a session take, and what the limits add up to.
const TAKEN: usize = 64 << 10;

/// So much of a flood is as good as no end.
const ENDLESS: usize = 1 << 20;

/// A session whose store answers at once, or never.
struct Client {
    session: Box<dyn Subject>,
    now: Instant,
    reads: bool,
    has_store: bool,
    /// The latest passive port.
    data: Option<DataId>,
    held: Held,
    bound: usize,
}

impl Client {
    fn start(begin: Begin<'_>, settings: Settings) -> Self {
        let config = Config::new(settings).unwrap();
        let bound = p07_bounded_memory::bound(&config, SEGMENT);
        let held = Held::since_now();
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let now = Instant::default();
        let session = begin(Arc::new(config), control, now);
        let mut client = Self { session, now, reads: true, has_store: true, data: None, held, bound };
        client.send(b"USER anna\r\nPASS secret\r\n").unwrap();
        client
    }

    fn send(&mut self, bytes: &[u8]) -> Judgement {
        self.tell(Event::Received(bytes))
    }

    fn tell(&mut self, event: Event<'_>) -> Judgement {
        self.session.handle(self.now, event);
        self.drain();
        p07_bounded_memory::judge(self.held.bytes(), self.bound)
    }

    fn drain(&mut self) {
        loop {
            let mut has_sent = false;
            while let Some(action) = self.session.poll_action() {
                has_sent |=
                    matches!(action, Action::SendReply(_) | Action::SendReplyLine(_) | Action::SendTelnet(_));
                if let Some(event) = self.perform(action) {
                    self.session.handle(self.now, event);
                }
            }
            if !has_sent || !self.reads {
                break;
            }
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event<'static>> {
        match action {
            Action::Ask(id, request) if self.has_store => Some(Event::Answered(id, answer(&request))),
            Action::OpenDataConnection(id, _) => {
                self.data = Some(id);
                Some(Event::Listening(id, ([192, 0, 2, 1], 4242).into()))
            }
            Action::Transfer(id, Movement::Receive(_)) => {
                Some(Event::TransferEnded(id, Outcome::Received { bytes: 1, end: FIN_AT_ONCE }))
            }
            Action::Transfer(id, _) => Some(Event::TransferEnded(id, Outcome::Sent { bytes: 1 })),
            Action::LookAtControl(id) => Some(Event::ControlLookedAt(id, ControlState::Open)),
            Action::Abort(id, _) => Some(Event::Aborted(id)),
            _ => None,
        }
    }

    /// Connects to the passive port.
    fn connect(&mut self) -> Judgement {
        let id = self.data.unwrap();
        self.tell(Event::DataConnected(id, PEER.into()))
    }

    /// Sends `unit` again and again while the session wants input; how many bytes it took.
    fn flood(&mut self, unit: &[u8]) -> Result<usize, Broken> {
        let segment = unit.repeat(SEGMENT / unit.len());
        let mut sent = 0;
        while sent < ENDLESS && self.session.wants_input() {
            self.send(&segment)?;
            sent += segment.len();
        }
        Ok(sent)
    }

    /// Does the same, and the session has to stop it.
    fn flood_in_vain(&mut self, unit: &[u8]) -> Judgement {
        let taken = self.flood(unit)?;
        law(7, taken < TAKEN, || format!("{taken} bytes of {unit:?} were taken"))
    }
}

fn answer(request: &Request) -> Answer {
    match request {
        Request::LogIn(_) => Answer::LoggedIn,
        Request::OpenUpload { .. } => Answer::UploadOpened {
            pathname: Pathname::root().resolve(&[b'a'; 1000]).unwrap(),
            offset: 0,
            finish: FinishKind::RunsToItsEnd,
        },
        Request::Stat(_) => Answer::Metadata {
            metadata: sansftp::storage::Metadata::directory(),
            now: crate::notation::events::NOW,
        },
        Request::OpenListing(..) | Request::OpenDownload { .. } => Answer::Opened,
        _ => Answer::Done,
    }
}

/// A client that does not read its replies.
pub fn flood_unread(begin: Begin<'_>, unit: &[u8]) -> Judgement {
    let mut client = Client::start(begin, Settings::default());
    client.reads = false;
    client.flood_in_vain(unit)
}

/// A client whose store does not answer.
pub fn flood_unanswered(begin: Begin<'_>, unit: &[u8]) -> Judgement {
    let mut client = Client::start(begin, Settings::default());
    client.has_store = false;
    client.send(b"DELE a\r\n")?;
    client.flood_in_vain(unit)
}

/// A client whose line does not end, with a server that skips as much: it takes no memory.
pub fn flood_endlessly(begin: Begin<'_>, unit: &[u8]) -> Judgement {
    let settings = Settings { skip_limit: 2 * ENDLESS, ..Settings::default() };
    let taken = Client::start(begin, settings).flood(unit)?;
    law(7, taken >= ENDLESS, || format!("{unit:?} was not read to its end: {taken}"))
}

#[test]
fn replies_that_are_not_read_stop_a_flood_of_commands() {
    for unit in [&b"NOOP\r\n"[..], b"FEAT\r\n", b"HELP\r\n", b"FOO\r\n", b"\n", b"STAT\r\n", b"PWD\r\n"] {
        flood_unread(&session, unit).unwrap();
    }
}

#[test]
fn negotiation_that_is_not_read_stops_a_flood_of_it() {
    flood_unread(&session, b"\xff\xfd\x01").unwrap();
}

#[test]
fn a_store_that_does_not_answer_stops_a_flood_of_commands() {
    for unit in [&b"DELE a\r\n"[..], b"NOOP\r\n", b"ABOR\r\n", b"x\n"] {
        flood_unanswered(&session, unit).unwrap();
    }
}

#[test]
fn a_transfer_stops_a_flood_of_commands() {
    let mut client = Client::start(&session, Settings::default());
    client.send(b"PASV\r\nSTOR a\r\n").unwrap();
    client.flood_in_vain(b"DELE a\r\n").unwrap();
}

#[test]
fn endless_lines_take_no_memory() {
    for unit in [&b"x"[..], b"\r", b"\0", b"\xff\xff", b"\xff\xf1", b"\xff\xfa", b"\xff\xfc\x01"] {
        flood_endlessly(&session, unit).unwrap();
    }
}

#[test]
fn an_endless_line_is_the_last_one() {
    let settings = Settings::default();
    let most = settings.line_limit + settings.skip_limit + 2 * SEGMENT;
    for unit in [&b"x"[..], b"\r", b"\0", b"\xff\xff", b"\xff\xfa"] {
        let taken = Client::start(&session, settings.clone()).flood(unit).unwrap();
        assert!(taken <= most, "{taken} bytes of {unit:?} were taken");
    }
}

#[test]
fn a_working_directory_cannot_grow_without_end() {
    let mut client = Client::start(&session, Settings::default());
    let line = [b"CWD ", &[b'a'; 200][..], b"\r\n"].concat();
    for _ in 0..500 {
        client.send(&line).unwrap();
    }
}

#[test]
fn detached_finishes_are_remembered_up_to_their_limit() {
    let finish_timeout = Duration::from_secs(1);
    let settings = Settings {
        finish_timeout,
        finish_overdue: FinishOverdue::Detach,
        detached_timeout: Duration::from_secs(60 * 60 * 24),
        ..Settings::default()
    };
    let mut client = Client::start(&session, settings);
    for _ in 0..1000 {
        client.send(b"PASV\r\nSTOR a\r\n").unwrap();
        client.connect().unwrap();
        client.now = client.now + finish_timeout;
        client.tell(Event::Elapsed).unwrap();
    }
}

/// A session that lives long holds no more than one that is young.
#[test]
fn what_is_done_is_forgotten() {
    let mut client = Client::start(&session, Settings::default());
    let mut after_a_while = 0;
    for round in 0..2000 {
        client
            .send(b"TYPE I\r\nPASV\r\nREST 5\r\nRETR a\r\nRNFR a\r\nRNTO b\r\nOPTS MLST type;\r\nMKD a\r\nSTAT\r\n")
            .unwrap();
        client.connect().unwrap();
        client.send(b"RNFR a\r\nRNTO b\r\nMKD a\r\nREIN\r\nHOST a\r\nUSER anna\r\nPASS secret\r\n").unwrap();
        if round == 100 {
            after_a_while = client.held.bytes();
        }
    }
    let held = client.held.bytes();
    assert!(held <= after_a_while + 1024, "{held} bytes, and {after_a_while} after 100 rounds");
}
