//! A session with a client that is logged in, and with a store that answers at once.
#![allow(dead_code, reason = "no target looks at everything")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sansftp::{
    Action, Config, Endpoints, Event, Instant, Metadata, Reply, Session, StorageErrorKind, TimeValue,
    session::{Answer, DataConnectionMode, Extent, Request},
};

const IAC: u8 = 255;
/// The answer to one line is a handful of actions.
const ACTIONS_LIMIT: usize = 16;

pub struct Dialogue {
    session: Session,
    now: Instant,
    /// Where the passive port is opened.
    listening: SocketAddr,
}

/// What a session does about one line.
#[derive(Debug)]
pub struct Said {
    /// The one reply.
    pub reply: Reply,
    /// What the store was asked first.
    pub request: Option<Request>,
    /// What it was asked then.
    pub further: Vec<Request>,
    /// Where a data connection was wanted.
    pub connection: Option<DataConnectionMode>,
}

impl Dialogue {
    pub fn begin(control: Endpoints, listening: SocketAddr) -> Self {
        let now = Instant::default();
        let mut session = Session::new(Arc::new(Config::default()), control, now);
        assert!(
            matches!(session.poll_action(), Some(Action::SendReply(reply)) if reply.code().number() == 220)
        );
        let mut dialogue = Self { session, now, listening };
        assert_eq!(dialogue.say(b"USER me").code(), 331);
        assert_eq!(dialogue.say(b"PASS secret").code(), 230);
        dialogue
    }

    /// One on the loopback interface, in `TYPE I` and with an open passive port.
    pub fn on_loopback() -> Self {
        let control = Endpoints { local: ([127, 0, 0, 1], 21).into(), peer: ([127, 0, 0, 1], 50000).into() };
        let mut dialogue = Self::begin(control, ([127, 0, 0, 1], 4242).into());
        assert_eq!(dialogue.say(b"TYPE I").code(), 200);
        assert_eq!(dialogue.say(b"PASV").code(), 227);
        dialogue
    }

    /// Sends a line, in the form that Telnet gives it. Each has exactly one reply here, because no transfer begins.
    pub fn say(&mut self, line: &[u8]) -> Said {
        self.now = self.now + Duration::from_millis(1);
        self.session.handle(self.now, Event::Received(&on_the_wire(line)));
        let (mut replies, mut requests, mut connection) = (vec![], vec![], None);
        for _ in 0..ACTIONS_LIMIT {
            let Some(action) = self.session.poll_action() else { break };
            match action {
                Action::SendReply(reply) => replies.push(reply),
                Action::Ask(id, asked) => {
                    self.session.handle(self.now, Event::Answered(id, answer(&asked)));
                    requests.push(asked);
                }
                Action::OpenDataConnection(id, mode) => {
                    assert!(connection.replace(mode).is_none(), "a line opens one data connection");
                    if mode == DataConnectionMode::Listen {
                        self.session.handle(self.now, Event::Listening(id, self.listening));
                    }
                }
                Action::CloseControl | Action::CloseDataConnection(_) => {}
                other => panic!("{other:?} is no answer to a line when no transfer begins"),
            }
        }
        assert!(self.session.poll_action().is_none(), "the session does not come to rest");
        self.session.handle(self.now, Event::RepliesSent);
        let [reply] = <[Reply; 1]>::try_from(replies).expect("each line has one reply");
        check_wire_form(reply.as_bytes());
        let mut requests = requests.into_iter();
        Said { reply, request: requests.next(), further: requests.collect(), connection }
    }
}

impl Said {
    pub fn code(&self) -> u16 {
        self.reply.code().number()
    }

    /// The reply's bytes behind the code, once its 0xFF are single again.
    pub fn text(&self) -> Vec<u8> {
        let mut bytes = self.reply.as_bytes().iter().skip(4).copied();
        let mut text = vec![];
        while let Some(byte) = bytes.next() {
            if byte == IAC {
                assert_eq!(bytes.next(), Some(IAC));
            }
            text.push(byte);
        }
        text.truncate(text.len() - 2);
        text
    }
}

fn answer(request: &Request) -> Answer {
    match request {
        Request::LogIn(_) => Answer::LoggedIn,
        Request::Stat(_) => {
            Answer::Metadata { metadata: Metadata::directory(), now: TimeValue::from_unix(0, 0) }
        }
        Request::ListFirst(..) => {
            Answer::Entries { entries: vec![], extent: Extent::Whole, now: TimeValue::from_unix(0, 0) }
        }
        Request::OpenListing(..) | Request::OpenDownload { .. } | Request::OpenUpload { .. } => {
            Answer::Failed(StorageErrorKind::NotFound.into())
        }
        Request::Available(_) => Answer::Available(0),
        Request::Site(_) => Answer::Text(String::new()),
        _ => Answer::Done,
    }
}

fn on_the_wire(line: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(line.len() + 2);
    for &byte in line {
        match byte {
            b'\r' => wire.extend(b"\r\0"),
            IAC => wire.extend([IAC, IAC]),
            b'\n' => panic!("an LF is the end of a line"),
            byte => wire.push(byte),
        }
    }
    wire.extend(b"\r\n");
    wire
}

/// RFC 959 4.2: every line ends with CR LF, the last one and no other begins with the code and a blank, and nothing in
/// a text can break that.
fn check_wire_form(wire: &[u8]) {
    let shown = wire.escape_ascii();
    let text = wire.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{shown} has no end"));
    let lines: Vec<&[u8]> =
        text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    assert_eq!(
        text.len() + 2,
        lines.iter().map(|line| line.len() + 2).sum::<usize>(),
        "{shown} has a bare LF"
    );
    assert!(lines.iter().all(|line| !line.contains(&b'\r') && !line.contains(&0)), "{shown} can be misread");
    let code = &wire[..3];
    assert!(code.iter().all(u8::is_ascii_digit));
    let is_last = |line: &&[u8]| line.starts_with(code) && line.get(3) == Some(&b' ');
    assert!(lines.last().is_some_and(is_last), "{shown} has no last line");
    assert_eq!(lines.iter().filter(|line| is_last(line)).count(), 1, "{shown} ends twice");
    assert!(wire.split(|&byte| byte != IAC).all(|run| run.len() % 2 == 0), "{shown} has a Telnet command");
}
