//! Every command in every state: its reply codes are those of the RFCs, and it has exactly one final reply.
//!
//! The table is in `tests/notation/codes.rs`. Here each of its lines is sent before log-in, when logged in (with and
//! without a data connection, to a store that says yes and to one that says no), while an upload is received, while
//! it is finished, and when TLS protects the connections.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "test code")]

#[allow(dead_code, reason = "each test uses its part")]
mod notation;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use notation::{
    actions,
    codes::{self, Codes, TABLE},
    events::NOW,
    words::unescape,
};
use sansftp::{
    config::{Config, Endpoints, Settings, TlsSettings, TlsStart},
    instant::Instant,
    pathname::Pathname,
    session::{
        Action, Answer, ControlState, DataConnectionMode, DataEnd, DataId, Event, Extent, FinishKind,
        Movement, Outcome, Request, Resumption, Session, TlsClient, TransferId,
    },
    storage::{Metadata, StorageErrorKind, Stored},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NotLoggedIn,
    LoggedIn,
    Listening,
    DataConnectionThere,
    Receiving,
    Finishing,
    /// TLS protects both connections.
    Secured,
}

impl State {
    const ALL: [Self; 7] = [
        Self::NotLoggedIn,
        Self::LoggedIn,
        Self::Listening,
        Self::DataConnectionThere,
        Self::Receiving,
        Self::Finishing,
        Self::Secured,
    ];

    const fn is_in_transfer(self) -> bool {
        matches!(self, Self::Receiving | Self::Finishing)
    }
}

/// What the store says to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreMood {
    Willing,
    Refusing(StorageErrorKind),
}

/// How far the driver lets transfers go by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    ToTheEnd,
    HoldTransfer,
    HoldFinish,
}

/// A driver that does at once what the session says.
struct Driver {
    session: Session,
    mood: StoreMood,
    pace: Pace,
    held: Option<TransferId>,
    data: Option<DataId>,
    replies: Vec<u16>,
}

const LOCAL: ([u8; 4], u16) = ([192, 0, 2, 1], 21);
const PEER: ([u8; 4], u16) = ([198, 51, 100, 7], 50_000);

impl Driver {
    fn start() -> Self {
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let session = Session::new(Arc::new(config()), control, Instant::default());
        let (mood, pace) = (StoreMood::Willing, Pace::ToTheEnd);
        let mut driver = Self { session, mood, pace, held: None, data: None, replies: Vec::new() };
        driver.act();
        driver
    }

    /// Brings a session into a state, and forgets the replies on the way.
    fn in_state(state: State) -> Self {
        let mut driver = Self::start();
        if state == State::Secured {
            driver.send(b"AUTH TLS-P\r\n");
        }
        if state != State::NotLoggedIn {
            driver.send(b"USER anna\r\nPASS secret\r\nTYPE I\r\n");
        }
        if !matches!(state, State::NotLoggedIn | State::LoggedIn) {
            driver.send(b"PASV\r\n");
        }
        match state {
            State::DataConnectionThere => driver.connect(),
            State::Receiving | State::Finishing => {
                driver.pace = if state == State::Receiving { Pace::HoldTransfer } else { Pace::HoldFinish };
                driver.send(b"STOR a\r\n");
                driver.connect();
                assert!(driver.held.is_some(), "{state:?} was not reached: {:?}", driver.replies);
            }
            _ => {}
        }
        driver.replies.clear();
        driver
    }

    fn send(&mut self, bytes: &[u8]) {
        self.tell(Event::Received(bytes));
    }

    /// Connects to the passive port, if there is one.
    fn connect(&mut self) {
        if let Some(id) = self.data {
            self.tell(Event::DataConnected(id, PEER.into()));
        }
    }

    fn tell(&mut self, event: Event<'_>) {
        self.session.handle(Instant::default(), event);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            if let Some(event) = self.perform(action) {
                self.session.handle(Instant::default(), event);
            }
        }
        self.session.handle(Instant::default(), Event::RepliesSent);
    }

    fn perform(&mut self, action: Action) -> Option<Event<'static>> {
        match action {
            Action::SendReply(reply) => {
                assert_well_formed(reply.as_bytes());
                self.replies.push(reply.code().number());
                None
            }
            Action::Ask(id, request) => Some(Event::Answered(id, self.answer(&request))),
            Action::OpenDataConnection(id, DataConnectionMode::Listen) => {
                self.data = Some(id);
                Some(Event::Listening(id, SocketAddr::from((LOCAL.0, 4242))))
            }
            Action::OpenDataConnection(id, DataConnectionMode::Connect(peer)) => {
                Some(Event::DataConnected(id, peer))
            }
            Action::SecureControl => Some(Event::ControlSecured(TlsClient::default())),
            Action::SecureDataConnection(id, _) => Some(Event::DataSecured(id, Resumption::OfControl)),
            Action::Transfer(id, _) if self.pace == Pace::HoldTransfer => {
                self.held = Some(id);
                None
            }
            Action::Transfer(id, Movement::Receive(_)) => Some(received(id)),
            Action::Transfer(id, _) => Some(Event::TransferEnded(id, Outcome::Sent { bytes: 1 })),
            Action::LookAtControl(id) => Some(Event::ControlLookedAt(id, ControlState::Open)),
            Action::AwaitFinish(id) if self.pace == Pace::HoldFinish => {
                self.held = Some(id);
                None
            }
            Action::AwaitFinish(id) => Some(Event::Finished(id, Ok(Stored::default()))),
            Action::Abort(id, _) => Some(Event::Aborted(id)),
            _ => None,
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        if let StoreMood::Refusing(kind) = self.mood
            && !matches!(request, Request::LogIn(_))
        {
            return Answer::Failed(kind.into());
        }
        match request {
            Request::LogIn(_) => Answer::LoggedIn,
            Request::Stat(_) => Answer::Metadata {
                metadata: Metadata { modified: Some(NOW), ..Metadata::directory() },
                now: NOW,
            },
            Request::ListFirst(..) => {
                Answer::Entries { entries: Vec::new(), extent: Extent::Whole, now: NOW }
            }
            Request::OpenListing(..) | Request::OpenDownload { .. } => Answer::Opened,
            Request::OpenUpload { pathname, .. } => opened(pathname),
            Request::Available(_) => Answer::Available(1),
            Request::Site(_) => Answer::Text("done".into()),
            _ => Answer::Done,
        }
    }

    /// Lets everything that is held go on to its end.
    fn release(&mut self, state: State) {
        self.pace = Pace::ToTheEnd;
        if let Some(id) = self.held.take() {
            self.tell(match state {
                State::Finishing => Event::Finished(id, Ok(Stored::default())),
                _ => received(id),
            });
        }
        // A transfer that waits for its data connection gets it.
        self.connect();
    }
}

/// With TLS, so that no command is not offered that can be. No time passes here, so none is waited for.
fn config() -> Config {
    let tls = TlsSettings { start: TlsStart::Explicit, ..TlsSettings::default() };
    Config::new(Settings { tls, killed_client_grace: Duration::ZERO, ..Settings::default() }).unwrap()
}

const fn received(id: TransferId) -> Event<'static> {
    Event::TransferEnded(id, Outcome::Received { bytes: 1, end: DataEnd::CloseNotify })
}

fn opened(pathname: &Pathname) -> Answer {
    Answer::UploadOpened { pathname: pathname.clone(), offset: 0, finish: FinishKind::RunsToItsEnd }
}

/// A reply is lines that end with CR LF; all but the last begin with the code and `-` or with a blank.
fn assert_well_formed(wire: &[u8]) {
    let lines = actions::reply_lines(wire);
    let (last, first) = lines.split_last().unwrap();
    let code = &last[..3];
    assert!(last[3..].starts_with(' '), "{lines:?}");
    for (i, line) in first.iter().enumerate() {
        let is_right = if i == 0 { line.starts_with(&format!("{code}-")) } else { line.starts_with(' ') };
        assert!(is_right, "{lines:?}");
    }
}

/// Sends one line in one state; returns the command's own replies.
fn replies_to(row: &Codes, argument: &str, state: State, mood: StoreMood) -> Vec<u16> {
    let mut driver = Driver::in_state(state);
    driver.mood = mood;
    let line = [row.verb.as_bytes(), b" ", &unescape(argument).unwrap()].concat();
    let line = if argument.is_empty() { row.verb.as_bytes() } else { &line };
    driver.send(&[line, b"\r\n"].concat());
    driver.release(state);
    let mut replies = driver.replies;
    if state.is_in_transfer() {
        let is_at_once = row.verb == "NOOP" || (row.verb == "STAT" && argument.is_empty());
        let is_aborted = row.verb == "ABOR" && state == State::Receiving;
        let stor = if is_at_once { replies.pop() } else { Some(replies.remove(0)) };
        let expected = if is_aborted { 426 } else { 226 };
        assert_eq!(stor, Some(expected), "STOR, with {line:?} behind it in {state:?}, had {replies:?}");
    }
    replies
}

fn check(row: &Codes, argument: &str, state: State, mood: StoreMood) {
    let replies = replies_to(row, argument, state, mood);
    let what = format!("{} {argument}, {state:?}, the store is {mood:?}: {replies:?}", row.verb);
    for code in &replies {
        assert!(row.allows(*code), "{code} is not a code of this command: {what}");
    }
    match replies[..] {
        [last] => assert!(last >= 200, "no final reply: {what}"),
        [first, last] => assert!(first < 200 && last >= 200, "not one final reply: {what}"),
        _ => panic!("not one final reply: {what}"),
    }
}

#[test]
fn every_command_has_one_final_reply_that_the_rfcs_know() {
    for row in TABLE {
        for argument in row.good.iter().chain(row.bad) {
            for state in State::ALL {
                check(row, argument, state, StoreMood::Willing);
                for kind in [StorageErrorKind::NotFound, StorageErrorKind::NameRefused] {
                    check(row, argument, state, StoreMood::Refusing(kind));
                }
            }
        }
    }
}

/// A good argument, in a state that fits, leads to a reply that is not an error of syntax; a bad one leads to one.
#[test]
fn good_arguments_are_taken_and_bad_ones_are_not() {
    let out_of_sequence = ["PASS", "ACCT", "HOST", "RNTO", "AUTH"];
    for row in TABLE.iter().filter(|row| row.codes != [502] && row.verb != "SMNT") {
        for argument in row.good.iter().filter(|_| !out_of_sequence.contains(&row.verb)) {
            let replies = replies_to(row, argument, State::Secured, StoreMood::Willing);
            let code = *replies.last().unwrap();
            // The store's answer to STAT is a directory, so SIZE is refused.
            let is_taken = code < 400 || (row.verb == "SIZE" && code == 550);
            assert!(is_taken, "{} {argument}: {replies:?}", row.verb);
        }
        for argument in row.bad {
            let replies = replies_to(row, argument, State::Secured, StoreMood::Willing);
            // Any bytes may be a password; HELP tells nothing of a command that is not there.
            let is_refused = matches!(replies[..], [500..=504 | 522 | 536 | 550 | 553]);
            assert!(is_refused, "{} {argument}: {replies:?}", row.verb);
        }
    }
}

/// `553` is for the name that a file is to get; `RNTO` needs an answer before.
#[test]
fn a_name_that_cannot_be_is_a_553_of_an_upload_alone() {
    let mood = StoreMood::Refusing(StorageErrorKind::NameRefused);
    for row in TABLE.iter().filter(|row| row.codes != [502]) {
        for argument in row.good {
            let replies = replies_to(row, argument, State::DataConnectionThere, mood);
            let is_upload = ["STOR", "APPE", "STOU"].contains(&row.verb);
            assert_eq!(replies == [553], is_upload, "{} {argument}: {replies:?}", row.verb);
        }
    }
}

/// Before log-in, everything but these is a 530.
#[test]
fn before_log_in_only_these_commands_act() {
    let free = [
        "USER", "PASS", "ACCT", "HOST", "REIN", "QUIT", "OPTS", "LANG", "ABOR", "SYST", "STAT", "HELP",
        "FEAT", "CLNT", "CSID", "NOOP", "PBSZ", "PROT",
    ];
    for row in TABLE.iter().filter(|row| row.allows(530) && !free.contains(&row.verb)) {
        for argument in row.good {
            let replies = replies_to(row, argument, State::NotLoggedIn, StoreMood::Willing);
            let is_refused = matches!(replies[..], [530 | 502]);
            assert!(is_refused, "{} {argument}: {replies:?}", row.verb);
        }
    }
}

/// What `HELP` lists is in the table, so a new command cannot be forgotten here.
#[test]
fn every_command_that_help_lists_is_in_the_table() {
    let mut session = Session::new(
        Arc::new(config()),
        Endpoints { local: LOCAL.into(), peer: PEER.into() },
        Instant::default(),
    );
    session.handle(Instant::default(), Event::Received(b"HELP\r\n"));
    let mut listed = Vec::new();
    while let Some(action) = session.poll_action() {
        let Action::SendReply(reply) = action else { continue };
        let lines = actions::reply_lines(reply.as_bytes());
        listed.extend(
            lines.iter().filter(|line| line.starts_with(' ')).flat_map(|line| line.split(' ')).filter_map(
                |word| {
                    let is_verb = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
                    is_verb.then(|| word.to_owned())
                },
            ),
        );
    }
    assert!(listed.len() > 40, "{listed:?}");
    for verb in &listed {
        assert!(codes::find(verb).is_some(), "{verb} has no row");
    }
    for row in TABLE.iter().filter(|row| row.codes != [502] && row.verb != "SMNT") {
        assert!(listed.iter().any(|verb| verb == row.verb), "{} is not in HELP", row.verb);
    }
}

#[test]
fn an_unknown_command_is_a_500_in_every_state() {
    let unknown = Codes { verb: "FOO", codes: &[500], also: &[], good: &["", "a"], bad: &[] };
    for argument in unknown.good {
        for state in State::ALL {
            check(&unknown, argument, state, StoreMood::Willing);
        }
    }
}
