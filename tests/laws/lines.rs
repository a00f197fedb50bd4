//! How a client's bytes become lines, as the documentation of `line` has it: Telnet, and then CR LF.

const NUL: u8 = 0;
const CR: u8 = b'\r';
const LF: u8 = b'\n';
const IAC: u8 = 255;

/// Where in a Telnet command the client is.
#[derive(Debug, Clone, Copy)]
enum Telnet {
    Text,
    /// Behind IAC
    Command,
    /// Behind WILL, WONT, DO and DONT
    Option,
    /// So many bytes behind SB
    Subnegotiation(usize),
    /// Behind an IAC that came there
    SubnegotiationCommand(usize),
}

/// What a client has sent of a line that is not whole yet.
#[derive(Debug, Clone)]
pub struct Lines {
    line_limit: usize,
    telnet: Telnet,
    is_after_cr: bool,
    line: Vec<u8>,
    skip_limit: usize,
    /// The bytes that have come since the line was too long, if its end has not.
    skipped: Option<usize>,
}

impl Lines {
    pub const fn new(line_limit: usize, skip_limit: usize) -> Self {
        let telnet = Telnet::Text;
        Self { line_limit, telnet, is_after_cr: false, line: Vec::new(), skip_limit, skipped: None }
    }

    /// Takes a byte. The line that it ends, if it ends one. One that is longer than the limit ends as soon as it is, and
    /// what follows of it is no line. If that is too much, nothing that follows is one.
    pub fn take(&mut self, byte: u8) -> Option<Vec<u8>> {
        if let Some(skipped) = &mut self.skipped {
            *skipped += 1;
            if *skipped > self.skip_limit {
                return None;
            }
        }
        let ended = self.take_byte(byte);
        match (ended, self.skipped) {
            (Some(_), Some(_)) => {
                self.skipped = None;
                None
            }
            (None, None) if self.line.len() > self.line_limit => {
                self.skipped = Some(0);
                Some(std::mem::take(&mut self.line))
            }
            (ended, _) => ended,
        }
    }

    fn take_byte(&mut self, byte: u8) -> Option<Vec<u8>> {
        let telnet = std::mem::replace(&mut self.telnet, Telnet::Text);
        match (telnet, byte) {
            (Telnet::Text, byte) => return self.take_data(byte),
            (Telnet::Command, IAC) => self.append(IAC),
            (Telnet::Command, 250) => self.telnet = Telnet::Subnegotiation(0),
            (Telnet::Command, 251..=254) => self.telnet = Telnet::Option,
            (Telnet::Command, ..=235) => {
                self.append(IAC);
                return self.take_data(byte);
            }
            (Telnet::Command | Telnet::Option, _) | (Telnet::SubnegotiationCommand(_), 240) => {}
            (Telnet::Subnegotiation(length), byte) if length >= self.line_limit => {
                self.line = vec![NUL; self.line_limit + 1];
                return self.take_data(byte);
            }
            (Telnet::Subnegotiation(length), IAC) => self.telnet = Telnet::SubnegotiationCommand(length + 1),
            (Telnet::Subnegotiation(length) | Telnet::SubnegotiationCommand(length), _) => {
                self.telnet = Telnet::Subnegotiation(length + 1);
            }
        }
        None
    }

    fn take_data(&mut self, byte: u8) -> Option<Vec<u8>> {
        match byte {
            LF => {
                self.is_after_cr = false;
                return Some(std::mem::take(&mut self.line));
            }
            CR => {
                self.end_cr();
                self.is_after_cr = true;
            }
            IAC => self.telnet = Telnet::Command,
            byte => self.append(byte),
        }
        None
    }

    fn append(&mut self, byte: u8) {
        let is_after_cr = self.is_after_cr;
        self.end_cr();
        if !(is_after_cr && byte == NUL) {
            self.keep(byte);
        }
    }

    fn end_cr(&mut self) {
        if std::mem::take(&mut self.is_after_cr) {
            self.keep(CR);
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.line.len() <= self.line_limit {
            self.line.push(byte);
        }
    }
}
