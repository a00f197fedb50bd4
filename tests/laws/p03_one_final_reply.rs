//! Promise 3: **each command gets exactly one final reply, in the order of the commands (but for `NOOP`, `STAT` and
//! `ABOR` in a transfer), and at most one preliminary reply before it.**
//!
//! [`Replies`] is a small model of who is answered next, for a client that reads its replies promptly. The commands wait
//! in a queue; the first one is taken by its final reply, or earlier by the request or the passive port that it leads to.
//! `NOOP` and a bare `STAT` may be answered from the front of the queue while a transfer runs, and an `ABOR` is taken
//! from wherever it waits and answered behind the transfer. Each code must be one that RFC 959 5.4 or a later RFC gives
//! the command (`tests/notation/codes.rs`), or that of the store's own error. When nothing is under way, the queue is
//! empty. Only `220` at the beginning and `421` belong to no command.

use std::{collections::VecDeque, fmt};

use sansftp::session::{Action, DataConnectionMode, Request};

use super::{
    facts::Facts,
    lines::Lines,
    watch::{Broken, Judgement, Reading, law},
};
use crate::notation::codes::{self, Codes};

pub fn see(facts: &Facts, replies: &mut Replies, action: &Action) -> Judgement {
    if facts.reading != Reading::Promptly {
        return Ok(());
    }
    match action {
        Action::SendReply(reply) => replies.note_reply(reply.code().number()),
        Action::Ask(_, request) => replies.note_request(request),
        Action::OpenDataConnection(DataConnectionMode::Listen) => replies.begin(false),
        _ => Ok(()),
    }
}

/// With nothing under way, nothing may be left without an answer.
pub fn rest(facts: &Facts, replies: &Replies) -> Judgement {
    let is_attentive = facts.unsent <= facts.reply_limit;
    if facts.reading != Reading::Promptly || facts.is_busy() || facts.is_closed() || !is_attentive {
        return Ok(());
    }
    match (&replies.current, replies.waiting.front()) {
        (Some(current), _) => broken(format!("{:?} has no final reply", current.command.text)),
        (None, Some(command)) => broken(format!("{:?} has no reply", command.text)),
        (None, None) => Ok(()),
    }
}

fn broken(what: String) -> Judgement {
    Err(Broken { promise: 3, what })
}

#[derive(Clone)]
struct Command {
    /// `None` for what is no command: it is a 500.
    row: Option<&'static Codes>,
    text: String,
    is_at_once: bool,
}

impl Command {
    fn parse(line: &[u8], line_limit: usize) -> Self {
        let text = String::from_utf8_lossy(line).into_owned();
        if line.len() > line_limit {
            return Self { row: None, text: "(a line that is too long)".into(), is_at_once: false };
        }
        let mut words = line.splitn(2, |&byte| byte == b' ');
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let argument = words.next().unwrap_or_default();
        let row = std::str::from_utf8(&verb).ok().and_then(codes::find);
        let is = |name| row.is_some_and(|row| row.verb == name);
        let is_at_once = is("NOOP") || (is("STAT") && argument.trim_ascii().is_empty());
        Self { row, text, is_at_once }
    }

    fn is_abor(&self) -> bool {
        self.row.is_some_and(|row| row.verb == "ABOR")
    }

    fn judge(&self, code: u16) -> Judgement {
        let is_allowed =
            self.row.map_or(code == 500, |row| row.allows(code) || (code, row.verb) == (234, "AUTH"));
        law(3, is_allowed, || format!("{code} to {:?}", self.text))
    }
}

/// The text says it all.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// A command that is being executed.
#[derive(Debug, Clone)]
struct Current {
    command: Command,
    is_transfer: bool,
    has_preliminary: bool,
    /// An `ABOR` was taken from those that wait, and is answered behind it.
    is_aborted: bool,
    /// Codes that the store's own errors lead to.
    excused: Vec<u16>,
}

/// Who is answered next.
#[derive(Debug, Clone)]
pub struct Replies {
    line_limit: usize,
    lines: Lines,
    waiting: VecDeque<Command>,
    current: Option<Current>,
    is_abor_due: bool,
    has_greeted: bool,
}

impl Replies {
    pub const fn new(line_limit: usize) -> Self {
        Self {
            line_limit,
            lines: Lines::new(line_limit),
            waiting: VecDeque::new(),
            current: None,
            is_abor_due: false,
            has_greeted: false,
        }
    }

    /// The client sends bytes.
    pub fn note_received(&mut self, bytes: &[u8]) {
        let Self { lines, waiting, line_limit, .. } = self;
        let whole = bytes.iter().filter_map(|byte| lines.take(*byte));
        waiting.extend(whole.map(|line| Command::parse(&line, *line_limit)));
        self.take_abor();
    }

    /// The store's own error has this code.
    pub fn excuse(&mut self, code: u16) {
        if let Some(current) = &mut self.current {
            current.excused.push(code);
        }
    }

    /// The verb of the command that the next final reply is for; `None` if it is no command that we know.
    pub fn verb_answered_next(&self) -> Option<&'static str> {
        if self.is_abor_due {
            return Some("ABOR");
        }
        let command = self.current.as_ref().map(|current| &current.command).or_else(|| self.waiting.front());
        command?.row.map(|row| row.verb)
    }

    fn note_request(&mut self, request: &Request) -> Judgement {
        let is_transfer = matches!(
            request,
            Request::OpenListing(_) | Request::OpenDownload { .. } | Request::OpenUpload { .. }
        );
        match &self.current {
            None => self.begin(is_transfer),
            // LIST and STAT of a file ask a second time.
            Some(_) if matches!(request, Request::Stat(_)) => Ok(()),
            Some(current) => {
                broken(format!("{request:?} while {:?} is being executed", current.command.text))
            }
        }
    }

    fn begin(&mut self, is_transfer: bool) -> Judgement {
        let Some(command) = self.waiting.pop_front() else {
            return broken("something is done without a command".into());
        };
        self.current = Some(Current {
            command,
            is_transfer,
            has_preliminary: false,
            is_aborted: false,
            // The deadline of a request
            excused: vec![451],
        });
        self.take_abor();
        Ok(())
    }

    /// An `ABOR` is found wherever it waits, if there is a transfer.
    fn take_abor(&mut self) {
        let Some(current) =
            self.current.as_mut().filter(|current| current.is_transfer && !current.is_aborted)
        else {
            return;
        };
        if let Some(at) = self.waiting.iter().position(Command::is_abor) {
            self.waiting.remove(at);
            current.is_aborted = true;
        }
    }

    fn note_reply(&mut self, code: u16) -> Judgement {
        if !std::mem::replace(&mut self.has_greeted, true) {
            return law(3, code == 220, || format!("{code} is no greeting"));
        }
        match code {
            421 => Ok(()),
            ..200 => self.note_preliminary(code),
            _ if std::mem::take(&mut self.is_abor_due) => law(3, code == 226, || format!("{code} to ABOR")),
            234 => self.note_handshake(),
            _ => self.note_final(code),
        }
    }

    fn note_preliminary(&mut self, code: u16) -> Judgement {
        match &mut self.current {
            Some(current) if current.is_transfer && !current.has_preliminary => {
                current.has_preliminary = true;
                Ok(())
            }
            current => broken(format!("{code} to {current:?}")),
        }
    }

    fn note_final(&mut self, code: u16) -> Judgement {
        match self.current.take() {
            Some(current) if current.is_transfer && self.is_at_once(code) => {
                self.waiting.pop_front();
                let is_open = current.has_preliminary;
                self.current = Some(current);
                law(3, is_open, || format!("{code} before the preliminary reply of the transfer"))
            }
            Some(current) => {
                self.is_abor_due = current.is_aborted;
                if current.excused.contains(&code) { Ok(()) } else { current.command.judge(code) }
            }
            None => match self.waiting.pop_front() {
                Some(command) => command.judge(code),
                None => broken(format!("{code} without a command")),
            },
        }
    }

    /// What came in clear behind `AUTH` gets no reply (promise 5).
    fn note_handshake(&mut self) -> Judgement {
        let judgement = self.note_final(234);
        self.waiting.clear();
        self.lines = Lines::new(self.line_limit);
        judgement
    }

    fn is_at_once(&self, code: u16) -> bool {
        matches!(code, 200 | 211) && self.waiting.front().is_some_and(|command| command.is_at_once)
    }
}
