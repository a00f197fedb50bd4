//! Promise 3: each command has exactly one final reply, in order.
//!
//! A small model of who is answered next. `NOOP` and `STAT` in a transfer, and `ABOR`, are the stated exceptions.

use std::collections::VecDeque;

use sansftp::session::Request;

use crate::notation::codes::{self, Codes};

#[derive(Debug)]
struct Command {
    /// `None` for what is no command: it is a 500.
    row: Option<&'static Codes>,
    text: String,
    is_at_once: bool,
    is_abor: bool,
}

impl Command {
    fn parse(line: &[u8], line_limit: usize) -> Self {
        let text = String::from_utf8_lossy(line).into_owned();
        if line.len() > line_limit {
            return Self { row: None, text, is_at_once: false, is_abor: false };
        }
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let row = codes::find(&verb.to_ascii_uppercase());
        let is = |name| row.is_some_and(|row| row.verb == name);
        let is_at_once = is("NOOP") || (is("STAT") && argument.trim().is_empty());
        Self { row, is_at_once, is_abor: is("ABOR"), text }
    }

    fn allows(&self, code: u16) -> bool {
        self.row.map_or(code == 500, |row| row.allows(code))
    }
}

/// A command that is being executed.
#[derive(Debug)]
struct Current {
    command: Command,
    is_transfer: bool,
    has_preliminary: bool,
    is_aborted: bool,
    /// Codes that the store's own errors lead to.
    excused: Vec<u16>,
}

/// Where in a Telnet command the client is.
#[derive(Debug, Clone, Copy, Default)]
enum Telnet {
    #[default]
    Text,
    /// Behind 0xff
    Command,
    /// Behind WILL, WONT, DO and DONT
    Option,
}

/// Who is answered next.
#[derive(Debug, Default)]
pub struct Replies {
    line_limit: usize,
    telnet: Telnet,
    line: Vec<u8>,
    waiting: VecDeque<Command>,
    current: Option<Current>,
    is_abor_due: bool,
    has_greeted: bool,
}

impl Replies {
    pub fn new(line_limit: usize) -> Self {
        Self { line_limit, ..Self::default() }
    }

    /// The client sends bytes.
    pub fn note_sent(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.telnet = match (self.telnet, byte) {
                (Telnet::Text, 0xff) => Telnet::Command,
                (Telnet::Command, 0xfb..=0xfe) => Telnet::Option,
                (Telnet::Text, byte) | (Telnet::Command, byte @ 0xff) => {
                    self.note_text(byte);
                    Telnet::Text
                }
                (Telnet::Command | Telnet::Option, _) => Telnet::Text,
            };
        }
        self.take_abor();
    }

    fn note_text(&mut self, byte: u8) {
        if byte != b'\n' {
            return self.line.push(byte);
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        self.waiting.push_back(Command::parse(line, self.line_limit));
    }

    pub fn note_request(&mut self, request: &Request) -> Result<(), String> {
        let is_transfer = matches!(
            request,
            Request::OpenListing(_) | Request::OpenDownload { .. } | Request::OpenUpload { .. }
        );
        match &self.current {
            None => self.begin(is_transfer),
            // LIST and STAT of a file ask a second time.
            Some(_) if matches!(request, Request::Stat(_)) => Ok(()),
            Some(current) => Err(format!("{request:?} while {:?} is being executed", current.command)),
        }
    }

    pub fn note_listening_wanted(&mut self) -> Result<(), String> {
        self.begin(false)
    }

    fn begin(&mut self, is_transfer: bool) -> Result<(), String> {
        let command = self.waiting.pop_front().ok_or("something is done without a command")?;
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
        if let Some(at) = self.waiting.iter().position(|command| command.is_abor) {
            self.waiting.remove(at);
            current.is_aborted = true;
        }
    }

    pub fn excuse(&mut self, code: u16) {
        if let Some(current) = &mut self.current {
            current.excused.push(code);
        }
    }

    pub fn note_reply(&mut self, code: u16) -> Result<(), String> {
        if !self.has_greeted {
            self.has_greeted = true;
            return if code == 220 { Ok(()) } else { Err(format!("{code} is no greeting")) };
        }
        if code == 421 {
            return Ok(());
        }
        if code < 200 {
            return self.note_preliminary(code);
        }
        if std::mem::take(&mut self.is_abor_due) {
            return if code == 226 { Ok(()) } else { Err(format!("{code} to ABOR")) };
        }
        match self.current.take() {
            Some(current) if current.is_transfer && self.is_at_once(code) => {
                self.waiting.pop_front();
                let is_open = current.has_preliminary;
                self.current = Some(current);
                if is_open {
                    Ok(())
                } else {
                    Err(format!("{code} before the preliminary reply of the transfer"))
                }
            }
            Some(current) => {
                self.is_abor_due = current.is_aborted;
                let is_right = current.command.allows(code) || current.excused.contains(&code);
                if is_right { Ok(()) } else { Err(format!("{code} to {:?}", current.command.text)) }
            }
            None => {
                let command = self.waiting.pop_front().ok_or(format!("{code} without a command"))?;
                if command.allows(code) { Ok(()) } else { Err(format!("{code} to {:?}", command.text)) }
            }
        }
    }

    fn is_at_once(&self, code: u16) -> bool {
        matches!(code, 200 | 211) && self.waiting.front().is_some_and(|command| command.is_at_once)
    }

    fn note_preliminary(&mut self, code: u16) -> Result<(), String> {
        match &mut self.current {
            Some(current) if current.is_transfer && !current.has_preliminary => {
                current.has_preliminary = true;
                Ok(())
            }
            current => Err(format!("{code} to {current:?}")),
        }
    }

    pub fn is_in_transfer(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.is_transfer)
    }

    /// With nothing under way, nothing may be left without an answer.
    pub fn check_all_answered(&self) -> Result<(), String> {
        match (&self.current, self.waiting.front()) {
            (Some(current), _) => Err(format!("{:?} has no final reply", current.command.text)),
            (None, Some(command)) => Err(format!("{:?} has no reply", command.text)),
            (None, None) => Ok(()),
        }
    }
}
