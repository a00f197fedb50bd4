//! Promise 3: **each command gets exactly one final reply, in the order of the commands (but for `NOOP`, `STAT` and
//! `ABOR` in a transfer), and at most one preliminary reply before it.**
//!
//! [`Replies`] is a small model of who is answered next. The commands wait in a queue; the first one is taken by its
//! final reply, or earlier by the request or the passive port that it leads to.
//! `NOOP` and a bare `STAT` may be answered from the front of the queue while a transfer runs, and an `ABOR` is taken
//! from wherever it waits and answered behind the transfer. Each code must be one that RFC 959 5.4 or a later RFC gives
//! the command (`tests/notation/codes.rs`), or that of the store's own error. When nothing is under way, the queue is
//! empty. Only `220` at the beginning and `421` belong to no command.
//!
//! A reply whose lines come one by one is that of an upload which is being finished, and they have its `226`. Nothing is
//! said between them, and if that is not true in the end, the session ends without its last line.
//!
//! While a client does not read its replies, an `ABOR` may have to wait: then both is possible, that it was taken and
//! that it was not, until a reply tells.

use std::{collections::VecDeque, fmt};

use sansftp::{
    config::Config,
    session::{Action, DataConnectionMode, Request, Selection},
};

use super::{
    facts::{Due, Facts, Phase},
    lines::Lines,
    watch::{Broken, Judgement, Reading, law},
};
use crate::notation::codes::{self, Codes};

pub fn see(facts: &Facts, replies: &mut Replies, action: &Action) -> Judgement {
    match action {
        Action::SendReplyLine(line) => {
            let is_finishing = facts.transfers.values().any(|transfer| transfer.phase == Phase::Finishing);
            law(3, is_finishing || facts.has_begun_reply, || {
                format!("{line:?}, and nothing is being finished")
            })?;
            law(3, line.starts_with(b"226-"), || format!("{line:?} to an upload"))
        }
        Action::SendReply(reply) if facts.has_begun_reply && facts.due != Some(Due::Stored) => {
            broken(format!("{reply:?} within a 226 that is not complete"))
        }
        Action::SendReply(reply) => replies.note_reply(reply.code().number()),
        Action::Ask(_, request) => replies.keep_right(|order| order.note_request(request)),
        Action::OpenDataConnection(_, DataConnectionMode::Listen) => {
            replies.keep_right(|order| order.begin(false))
        }
        _ => Ok(()),
    }
}

/// With nothing under way, nothing may be left without an answer.
pub fn rest(facts: &Facts, replies: &Replies) -> Judgement {
    let reads_replies = facts.unsent <= facts.reply_limit;
    if facts.is_busy() || facts.is_closed() || !reads_replies {
        return Ok(());
    }
    let judgements = replies.orders.iter().map(Order::judge_rest);
    judgements.reduce(Judgement::or).unwrap_or(Ok(()))
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
        let is_allowed = self.row.map_or(code == 500, |row| row.allows(code));
        law(3, is_allowed, || format!("{code} to {:?}", self.text))
    }
}

/// The text says it all.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Command {}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// A command that is being executed.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    reading: Reading,
    line_limit: usize,
    skip_limit: usize,
    lines: Lines,
    /// Each is possible: one for a client that reads promptly.
    orders: Vec<Order>,
}

impl Replies {
    pub fn new(config: &Config, reading: Reading) -> Self {
        let (line_limit, skip_limit) = (config.line_limit, config.skip_limit);
        let lines = Lines::new(line_limit, skip_limit);
        Self { reading, line_limit, skip_limit, lines, orders: vec![Order::default()] }
    }

    /// The client sends bytes.
    pub fn note_received(&mut self, bytes: &[u8]) {
        let commands: Vec<Command> = bytes
            .iter()
            .filter_map(|byte| self.lines.take(*byte))
            .map(|line| Command::parse(&line, self.line_limit))
            .collect();
        for order in &mut self.orders {
            order.waiting.extend(commands.iter().cloned());
        }
        self.take_abor();
    }

    /// The store's own error has this code.
    pub fn excuse(&mut self, code: u16) {
        for order in &mut self.orders {
            order.excuse(code);
        }
    }

    /// The verb of the command that the next final reply is for; `None` if it is not known.
    pub fn verb_answered_next(&self) -> Option<&'static str> {
        let mut verbs = self.orders.iter().map(Order::verb_answered_next);
        let first = verbs.next()?;
        verbs.all(|verb| verb == first).then_some(first)?
    }

    /// Whether an `ABOR` may have been taken that is not answered yet.
    pub fn has_abor(&self) -> bool {
        self.orders.iter().filter_map(|order| order.current.as_ref()).any(|current| current.is_aborted)
    }

    /// An `ABOR` is found wherever it waits, if there is a transfer, and at once if the client reads.
    fn take_abor(&mut self) {
        match self.reading {
            Reading::Promptly => self.orders.iter_mut().for_each(Order::take_abor),
            Reading::Hardly => {
                for mut order in self.orders.clone() {
                    order.take_abor();
                    if !self.orders.contains(&order) {
                        self.orders.push(order);
                    }
                }
            }
        }
    }

    fn note_reply(&mut self, code: u16) -> Judgement {
        self.keep_right(|order| order.note_reply(code))?;
        if code == 234 {
            // What came in clear behind AUTH gets no reply (promise 5).
            self.lines = Lines::new(self.line_limit, self.skip_limit);
        }
        Ok(())
    }

    /// Notes something in every order, and keeps those in which it is right.
    fn keep_right(&mut self, note: impl Fn(&mut Order) -> Judgement) -> Judgement {
        let mut judgement = Ok(());
        self.orders.retain_mut(|order| {
            let noted = note(order);
            let is_right = noted.is_ok();
            judgement = std::mem::replace(&mut judgement, Ok(())).and(noted);
            is_right
        });
        if self.orders.is_empty() {
            return judgement;
        }
        // What was told may have made some the same, and they would become more and more.
        for order in std::mem::take(&mut self.orders) {
            if !self.orders.contains(&order) {
                self.orders.push(order);
            }
        }
        self.take_abor();
        Ok(())
    }
}

/// An order of replies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Order {
    waiting: VecDeque<Command>,
    current: Option<Current>,
    is_abor_due: bool,
    has_greeted: bool,
}

impl Order {
    fn excuse(&mut self, code: u16) {
        if let Some(current) = &mut self.current {
            current.excused.push(code);
        }
    }

    fn verb_answered_next(&self) -> Option<&'static str> {
        if self.is_abor_due {
            return Some("ABOR");
        }
        let command = self.current.as_ref().map(|current| &current.command).or_else(|| self.waiting.front());
        command?.row.map(|row| row.verb)
    }

    fn judge_rest(&self) -> Judgement {
        match (&self.current, self.waiting.front()) {
            (Some(current), _) => broken(format!("{:?} has no final reply", current.command.text)),
            (None, Some(command)) => broken(format!("{:?} has no reply", command.text)),
            (None, None) => law(3, !self.is_abor_due, || "\"ABOR\" has no reply".into()),
        }
    }

    fn note_request(&mut self, request: &Request) -> Judgement {
        let is_transfer = matches!(
            request,
            Request::OpenListing(..) | Request::OpenDownload { .. } | Request::OpenUpload { .. }
        );
        match &self.current {
            None => self.begin(is_transfer),
            Some(_) if is_further(request) => Ok(()),
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
        Ok(())
    }

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

    fn note_handshake(&mut self) -> Judgement {
        let judgement = self.note_final(234);
        self.waiting.clear();
        judgement
    }

    fn is_at_once(&self, code: u16) -> bool {
        matches!(code, 200 | 211) && self.waiting.front().is_some_and(|command| command.is_at_once)
    }
}

/// What is asked behind another question of the same command: LIST and STAT of a file, or of a pattern; MDTM that sets a
/// time; MFMT, which reads it back.
const fn is_further(request: &Request) -> bool {
    matches!(
        request,
        Request::Stat(_)
            | Request::SetModified(..)
            | Request::OpenListing(_, Selection::Matching(_))
            | Request::ListFirst(_, Selection::Matching(_), _)
    )
}
