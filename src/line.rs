//! The bytes of the control connection, made into lines (RFC 959 5.3, RFC 1123 4.1.2.10 and 4.1.2.12).
//!
//! The control connection is a Telnet connection (RFC 854). Two layers are taken off, in this order:
//!
//! | received | becomes |
//! |---|---|
//! | `IAC IAC` | the byte 0xFF |
//! | `IAC WILL x`, `IAC DO x` | nothing; `IAC DONT x`, `IAC WONT x` is the answer |
//! | `IAC WONT x`, `IAC DONT x` | nothing: it says how things are already |
//! | `IAC SB … IAC SE` | nothing; if it is longer than a line may be, the line is too long |
//! | `IAC` and another Telnet command (`IP`, `DM`, `NOP`, `AYT`, …) | nothing |
//! | `IAC` and what is no Telnet command | both bytes: the client has not doubled its 0xFF |
//! | `CR LF`, or `LF` alone | the end of a line |
//! | `CR NUL` | a CR in the line |
//! | `CR` and something else | both bytes |
//!
//! A line that is too long is told as soon as it is; what follows of it is skipped. One that does not even end then is
//! told, too, and is the last one.

use alloc::vec::Vec;
use core::{fmt, mem, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2, memchr3};

const NUL: u8 = 0;
const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// What follows it are commands: those of RFC 1184 and RFC 885, and from 240 on those of RFC 854.
const LAST_DATA_BYTE: u8 = 235;
const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// What an empty buffer may keep for the next commands, in bytes.
const IDLE_CAPACITY: usize = 4096;

/// A line of the control connection, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line. It has no LF; any other byte may be in it.
    Complete(&'a [u8]),
    /// A line that is longer than the limit. What was in it is gone, and what follows up to its end is skipped.
    TooLong,
    /// That line does not end: more was skipped than the limit for that. Nothing more is taken, and every further line
    /// is this one.
    Endless,
}

/// Takes what is received and gives out lines, in order.
///
/// A push ends at the end of a line, so that what is to be done about it is done before what follows is looked at.
///
/// However the same bytes are split, the same lines and the same answers come out. The memory in use goes with
/// [`buffered`](Self::buffered); once there is nothing more to take, it is 4 KiB at most, or twice the line that is
/// still coming.
///
/// ```
/// use sansftp::line::{Line, LineBuffer};
///
/// let mut lines = LineBuffer::new(4096, 65536);
/// let rest = lines.push(b"USER anonymous\r\nPA");
/// assert_eq!(lines.next_line(), Some(Line::Complete(b"USER anonymous")));
/// assert!(lines.push(rest).is_empty());
/// assert_eq!(lines.next_line(), None);
/// assert!(lines.push(b"SS guest\n").is_empty());
/// assert_eq!(lines.next_line(), Some(Line::Complete(b"PASS guest")));
/// ```
#[cfg_attr(test, derive(Clone))]
pub struct LineBuffer {
    line_limit: usize,
    skip_limit: usize,
    /// Decoded lines, each with an LF behind it, and then the line that is still coming. A line of more than
    /// `line_limit` bytes is [`Line::TooLong`]; one byte more is all that is kept of it, and it ends there.
    bytes: Vec<u8>,
    /// Where in `bytes` the oldest line starts. The ones before have been taken.
    first: usize,
    /// Where in `bytes` the line starts that is searched next, unless it has been taken: then it is the oldest one.
    /// The lines before were looked at and not wanted.
    unsearched: usize,
    /// Where in `bytes` the line starts that is still coming.
    coming: usize,
    course: Course,
    telnet: Telnet,
    /// A CR was received, and what comes next decides what it means.
    is_after_cr: bool,
    negotiation: BytesMut,
}

/// What becomes of the bytes of the line that is coming.
#[derive(Clone, Copy)]
enum Course {
    Kept,
    /// The line is too long. How many bytes have come since it was; those of Telnet commands count, too.
    Skipped(usize),
    /// It does not end.
    Endless,
}

/// What the next byte belongs to.
#[derive(Clone, Copy)]
enum Telnet {
    Data,
    /// The command whose IAC was received.
    Command,
    /// The option that this command (WILL, WONT, DO or DONT) is about.
    Option(u8),
    /// A subnegotiation, and how many bytes of it were received.
    Subnegotiation(usize),
    /// The command whose IAC was received in a subnegotiation, and the bytes of that.
    SubnegotiationCommand(usize),
}

impl LineBuffer {
    /// A buffer for lines of at most `line_limit` bytes, their ends not counted. Of a longer one `skip_limit` further
    /// bytes may come, its end included.
    #[must_use]
    pub fn new(line_limit: usize, skip_limit: usize) -> Self {
        Self {
            line_limit,
            skip_limit,
            bytes: Vec::new(),
            first: 0,
            unsearched: 0,
            coming: 0,
            course: Course::Kept,
            telnet: Telnet::Data,
            is_after_cr: false,
            negotiation: BytesMut::new(),
        }
    }

    /// Takes what was received, up to the end of a line: where it ends, or where it becomes too long. Returns what has
    /// not been taken.
    #[must_use = "what is left has not been taken"]
    pub fn push<'a>(&mut self, received: &'a [u8]) -> &'a [u8] {
        self.compact();
        let mut rest = received;
        let line = self.coming;
        while self.coming == line
            && let Some((&byte, following)) = rest.split_first()
        {
            rest = match (self.course, self.telnet) {
                (Course::Endless, _) => &[],
                (Course::Kept, Telnet::Data) => self.take_data(rest),
                (Course::Skipped(_), Telnet::Data) => self.skip_data(rest),
                _ => {
                    if self.count_skipped(1) {
                        self.take_command(byte);
                    }
                    following
                }
            };
        }
        rest
    }

    /// Takes the oldest line out. When there was none, memory that is not needed any more is given back.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        let Some(range) = self.line_from(self.first) else {
            self.compact();
            return self.is_endless().then_some(Line::Endless);
        };
        self.first = range.end + 1;
        Some(self.line_in(range))
    }

    /// The oldest line, which stays.
    #[must_use]
    pub fn peek_line(&self) -> Option<Line<'_>> {
        let line = self.line_from(self.first).map(|range| self.line_in(range));
        line.or_else(|| self.is_endless().then_some(Line::Endless))
    }

    /// Whether the last line is [`Line::Endless`], so that nothing more is taken.
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        matches!(self.course, Course::Endless)
    }

    /// Takes the oldest complete line that is `wanted` out, wherever it stands. `false` if there is none.
    ///
    /// That is how an `ABOR` gets ahead of the commands that were sent before it.
    ///
    /// No line is looked at twice: the buffer remembers up to where it was searched in vain, so a search costs what
    /// has come since the last one. Therefore `wanted` must say the same of the same line in every call; what one call
    /// did not want, no later call finds.
    pub fn remove_first(&mut self, wanted: impl Fn(&[u8]) -> bool) -> bool {
        let mut start = self.unsearched.max(self.first);
        while let Some(range) = self.line_from(start) {
            let next = range.end + 1;
            if matches!(self.line_in(range), Line::Complete(line) if wanted(line)) {
                self.bytes.drain(start..next);
                self.coming -= next - start;
                self.unsearched = start;
                self.compact();
                return true;
            }
            start = next;
        }
        self.unsearched = start;
        false
    }

    /// Bytes of lines that are held, the one that is still coming included.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.bytes.len() - self.first
    }

    /// The answers to the Telnet negotiation that was received, to be sent as they are. `None` if there are none.
    pub fn take_negotiation(&mut self) -> Option<Bytes> {
        if self.negotiation.is_empty() { None } else { Some(mem::take(&mut self.negotiation).freeze()) }
    }

    /// Forgets everything that was received, half a line or half a Telnet command, too.
    pub fn clear(&mut self) {
        *self = Self::new(self.line_limit, self.skip_limit);
    }

    /// What is held, and how much of it was searched; for the walk over all states, which sends whole lines.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> (&[u8], usize) {
        let is_amid_line = self.is_after_cr || self.coming < self.bytes.len();
        assert!(matches!((self.course, self.telnet), (Course::Kept, Telnet::Data)) && !is_amid_line);
        (&self.bytes[self.first..], self.unsearched.max(self.first) - self.first)
    }

    /// Takes data up to a byte that means something else, and that one. Returns what follows.
    fn take_data<'a>(&mut self, received: &'a [u8]) -> &'a [u8] {
        let text = received.get(..self.room()).unwrap_or(received);
        let length = memchr3(LF, CR, IAC, text).unwrap_or(text.len());
        if length > 0 {
            let (text, following) = received.split_at(length);
            self.append(text);
            return following;
        }
        let Some((special, following)) = received.split_first() else { return received };
        match *special {
            LF => self.end_line(),
            CR => {
                self.append(&[]);
                self.is_after_cr = matches!(self.course, Course::Kept);
            }
            _ => self.telnet = Telnet::Command,
        }
        following
    }

    /// Bytes of text that can be taken before the line is too long, the one that makes it so included.
    const fn room(&self) -> usize {
        let length = self.bytes.len() - self.coming + self.is_after_cr as usize;
        let room = self.line_limit.saturating_add(1).saturating_sub(length);
        if room == 0 { 1 } else { room }
    }

    /// Skips data up to the end of the line or a Telnet command. Returns what follows.
    fn skip_data<'a>(&mut self, received: &'a [u8]) -> &'a [u8] {
        let length = memchr2(LF, IAC, received).map_or(received.len(), |at| at + 1);
        let (skipped, following) = received.split_at(length);
        if self.count_skipped(length)
            && let Some(&last) = skipped.last()
        {
            self.skip(last);
        }
        following
    }

    fn skip(&mut self, byte: u8) {
        match byte {
            LF => self.course = Course::Kept,
            IAC => self.telnet = Telnet::Command,
            _ => {}
        }
    }

    /// Counts bytes of a line that is skipped. `false` if they are too many.
    fn count_skipped(&mut self, count: usize) -> bool {
        if let Course::Skipped(skipped) = self.course {
            let skipped = skipped.saturating_add(count);
            let is_endless = skipped > self.skip_limit;
            self.course = if is_endless { Course::Endless } else { Course::Skipped(skipped) };
        }
        !self.is_endless()
    }

    /// Takes a byte of a Telnet command.
    fn take_command(&mut self, byte: u8) {
        let state = mem::replace(&mut self.telnet, Telnet::Data);
        match (state, byte) {
            (Telnet::Command, IAC) => self.append(&[IAC]),
            (Telnet::Command, SB) => self.telnet = Telnet::Subnegotiation(0),
            (Telnet::Command, WILL | WONT | DO | DONT) => self.telnet = Telnet::Option(byte),
            (Telnet::Command, ..=LAST_DATA_BYTE) => {
                self.append(&[IAC]);
                self.take_data_byte(byte);
            }
            (Telnet::Option(WILL), option) => self.negotiation.put_slice(&[IAC, DONT, option]),
            (Telnet::Option(DO), option) => self.negotiation.put_slice(&[IAC, WONT, option]),
            (Telnet::Subnegotiation(length), _) if length >= self.line_limit => {
                self.spoil_line();
                self.take_data_byte(byte);
            }
            (Telnet::Subnegotiation(length), IAC) => self.telnet = Telnet::SubnegotiationCommand(length + 1),
            (Telnet::Subnegotiation(length), _) => self.telnet = Telnet::Subnegotiation(length + 1),
            (Telnet::SubnegotiationCommand(_), SE) => {}
            (Telnet::SubnegotiationCommand(length), _) => self.telnet = Telnet::Subnegotiation(length + 1),
            (Telnet::Data | Telnet::Command | Telnet::Option(_), _) => {}
        }
    }

    /// Takes a byte that was part of a Telnet command, and is data.
    fn take_data_byte(&mut self, byte: u8) {
        if let Course::Kept = self.course {
            self.take_data(&[byte]);
        } else {
            self.skip(byte);
        }
    }

    /// Adds to the line that is coming, once it is clear what the CR before means. The text has [`room`](Self::room).
    fn append(&mut self, text: &[u8]) {
        if !matches!(self.course, Course::Kept) {
            return;
        }
        if mem::take(&mut self.is_after_cr) {
            self.keep(&[CR]);
            self.keep(text.strip_prefix(&[NUL]).unwrap_or(text));
        } else {
            self.keep(text);
        }
        if self.bytes.len() - self.coming > self.line_limit {
            self.end_line();
            self.course = Course::Skipped(0);
        }
    }

    fn keep(&mut self, text: &[u8]) {
        let length = self.bytes.len() - self.coming;
        let room = self.line_limit.saturating_add(1).saturating_sub(length);
        self.bytes.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    fn end_line(&mut self) {
        self.is_after_cr = false;
        self.bytes.push(LF);
        self.coming = self.bytes.len();
    }

    /// Makes the line that is coming one that is too long, because a subnegotiation in it does not end: the client
    /// shall hear of it.
    fn spoil_line(&mut self) {
        if let Course::Kept = self.course {
            self.bytes.resize(self.coming + self.line_limit + 1, NUL);
            self.end_line();
            self.course = Course::Skipped(0);
        }
    }

    /// Makes room where lines were taken out, at a cost that their number pays for, and gives memory back that a
    /// burst of commands has left.
    fn compact(&mut self) {
        if self.first >= self.buffered() {
            self.bytes.drain(..self.first);
            self.coming -= self.first;
            self.unsearched = self.unsearched.saturating_sub(self.first);
            self.first = 0;
        }
        self.bytes.shrink_to(self.bytes.len().saturating_mul(2).max(IDLE_CAPACITY));
    }

    /// Where the line is that starts at `start`, if it has come as a whole.
    fn line_from(&self, start: usize) -> Option<Range<usize>> {
        let lines = self.bytes.get(start..self.coming)?;
        memchr(LF, lines).map(|length| start..start + length)
    }

    fn line_in(&self, range: Range<usize>) -> Line<'_> {
        match self.bytes.get(range) {
            Some(line) if line.len() <= self.line_limit => Line::Complete(line),
            _ => Line::TooLong,
        }
    }
}

/// Shows no byte of a line: it may be a password.
impl fmt::Debug for LineBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineBuffer")
            .field("line_limit", &self.line_limit)
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::{format, vec};

    use proptest::prelude::*;

    use super::*;

    const NOP: u8 = 241;
    const DM: u8 = 242;
    const IP: u8 = 244;
    const AYT: u8 = 246;

    /// A line that owns its bytes; `None` is one that was too long.
    type OwnedLine = Option<Vec<u8>>;

    /// Nothing is endless here, unless a test is about that.
    fn buffer_of(line_limit: usize) -> LineBuffer {
        LineBuffer::new(line_limit, usize::MAX)
    }

    fn push_all(buffer: &mut LineBuffer, received: &[u8]) {
        let mut rest = buffer.push(received);
        while !rest.is_empty() {
            rest = buffer.push(rest);
        }
    }

    fn take_lines(buffer: &mut LineBuffer) -> Vec<OwnedLine> {
        let mut lines = vec![];
        while let Some(line) = buffer.next_line() {
            lines.push(match line {
                Line::Complete(line) => Some(line.to_vec()),
                Line::TooLong => None,
                Line::Endless => panic!("nothing is endless here"),
            });
        }
        lines
    }

    fn lines_of(received: &[u8]) -> Vec<OwnedLine> {
        let mut buffer = buffer_of(16);
        push_all(&mut buffer, received);
        take_lines(&mut buffer)
    }

    fn complete(lines: &[&[u8]]) -> Vec<OwnedLine> {
        lines.iter().map(|line| Some(line.to_vec())).collect()
    }

    /// The table of the module's documentation, byte by byte and one layer after the other. `None` is a subnegotiation
    /// that was too long.
    fn data_and_answers(received: &[u8], limit: usize) -> (Vec<Option<u8>>, Vec<u8>) {
        let (mut data, mut answers) = (vec![], vec![]);
        let mut bytes = received.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if byte != IAC {
                data.push(Some(byte));
                continue;
            }
            match bytes.next() {
                Some(IAC) => data.push(Some(IAC)),
                Some(command @ (WILL | WONT | DO | DONT)) => match (command, bytes.next()) {
                    (WILL, Some(option)) => answers.extend([IAC, DONT, option]),
                    (DO, Some(option)) => answers.extend([IAC, WONT, option]),
                    _ => {}
                },
                Some(SB) => {
                    let mut length = 0;
                    while let Some(byte) = bytes.peek().copied() {
                        if length >= limit {
                            data.push(None);
                            break;
                        }
                        bytes.next();
                        length += 1;
                        if byte == IAC {
                            length += 1;
                            if bytes.next() == Some(SE) {
                                break;
                            }
                        }
                    }
                }
                // Looked at again, for it may be an end of line.
                Some(byte @ ..=LAST_DATA_BYTE) => data.extend([Some(IAC), Some(byte)]),
                Some(_) | None => {}
            }
        }
        (data, answers)
    }

    fn oracle(received: &[u8], limit: usize) -> (Vec<OwnedLine>, Vec<u8>) {
        let (data, answers) = data_and_answers(received, limit);
        let (mut lines, mut line, mut is_skipped) = (vec![], vec![], false);
        let mut data = data.into_iter().peekable();
        while let Some(byte) = data.next() {
            let is_spoilt = match byte {
                Some(LF) => {
                    let line = mem::take(&mut line);
                    if !mem::take(&mut is_skipped) {
                        lines.push(Some(line));
                    }
                    continue;
                }
                _ if is_skipped => continue,
                None => true,
                // What it means is not known before the next byte.
                Some(CR) => {
                    let is_text = matches!(data.peek(), Some(Some(next)) if *next != LF);
                    let _ = data.next_if_eq(&Some(NUL));
                    line.extend(is_text.then_some(CR));
                    false
                }
                Some(byte) => {
                    line.push(byte);
                    false
                }
            };
            if is_spoilt || line.len() > limit {
                lines.push(None);
                line.clear();
                is_skipped = true;
            }
        }
        (lines, answers)
    }

    /// Bytes among which those that mean something are not rare.
    fn received() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => b'a'..=b'z',
            2 => Just(LF),
            2 => Just(CR),
            1 => Just(NUL),
            2 => Just(IAC),
            1 => prop::sample::select(vec![WILL, WONT, DO, DONT, SB, SE, IP, DM, NOP, AYT]),
            1 => any::<u8>(),
        ];
        prop::collection::vec(byte, 0..200)
    }

    /// Bytes, and where they are split.
    fn split() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
        (received(), prop::collection::vec(0..8_usize, 1..40))
    }

    /// Pieces of the given lengths, over and over; a piece of length 0 is pushed, too.
    fn pieces<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = bytes;
        lengths.iter().copied().chain([1]).cycle().map_while(move |length| {
            if rest.is_empty() {
                return None;
            }
            let (piece, following) = rest.split_at(length.min(rest.len()));
            rest = following;
            Some(piece)
        })
    }

    #[test]
    fn ends_lines_with_lf() {
        assert_eq!(lines_of(b"NOOP\r\nQUIT\n\r\n\nhalf"), complete(&[b"NOOP", b"QUIT", b"", b""]));
    }

    #[test]
    fn keeps_cr_in_a_line() {
        assert_eq!(lines_of(b"a\r\0b\r\0\r\n"), complete(&[b"a\rb\r"]));
        assert_eq!(lines_of(b"a\rb\r\r\n"), complete(&[b"a\rb\r"]));
        assert_eq!(lines_of(b"a\0b\n"), complete(&[b"a\0b"]));
    }

    #[test]
    fn takes_telnet_commands_out() {
        let received =
            [&b"AB"[..], &[IAC, IP, IAC, DM], b"O", &[IAC, NOP], b"R", &[IAC, AYT], b"\r\n"].concat();
        assert_eq!(lines_of(&received), complete(&[b"ABOR"]));
        assert_eq!(lines_of(&[b'a', CR, IAC, NOP, LF]), complete(&[b"a"]), "between CR and LF");
    }

    #[test]
    fn knows_ff_doubled_or_not() {
        assert_eq!(lines_of(&[b'a', IAC, IAC, b'b', LF]), complete(&[&[b'a', 0xFF, b'b']]));
        assert_eq!(lines_of(&[b'a', IAC, b'b', LF]), complete(&[&[b'a', 0xFF, b'b']]));
        assert_eq!(lines_of(&[b'a', IAC, CR, LF]), complete(&[&[b'a', 0xFF]]), "the line ends all the same");
    }

    #[test]
    fn answers_negotiation() {
        let mut buffer = buffer_of(16);
        assert_eq!(buffer.take_negotiation(), None);
        push_all(&mut buffer, &[IAC, WILL, 1, IAC, DO, LF, IAC, WONT, 3, IAC, DONT, 4, IAC, DO]);
        assert_eq!(buffer.take_negotiation().as_deref(), Some(&[IAC, DONT, 1, IAC, WONT, LF][..]));
        push_all(&mut buffer, &[IAC]);
        assert_eq!(
            buffer.take_negotiation().as_deref(),
            Some(&[IAC, WONT, IAC][..]),
            "any byte is an option"
        );
        assert_eq!(buffer.next_line(), None);
    }

    #[test]
    fn drops_subnegotiation() {
        let received = [&[IAC, SB, 24, 1, LF, CR, IAC, IAC, IAC, NOP, IAC, SE][..], b"NOOP\r\n"].concat();
        assert_eq!(lines_of(&received), complete(&[b"NOOP"]));
    }

    #[test]
    fn tells_of_a_subnegotiation_without_end() {
        let received = [&[IAC, SB][..], &[b'x'; 100], b"\r\nNOOP\r\n"].concat();
        assert_eq!(lines_of(&received), [None, Some(b"NOOP".to_vec())]);
    }

    /// Each byte counts, also those of an IAC that is doubled.
    #[test]
    fn the_longest_subnegotiation_is_dropped_and_one_more_byte_is_told() {
        for (pairs, single, is_dropped) in [(0, 15, true), (0, 16, false), (7, 1, true), (8, 0, false)] {
            let content = [[IAC, IAC].repeat(pairs), b"x".repeat(single)].concat();
            let received = [&[IAC, SB][..], &content, &[IAC, SE], b"NOOP\r\n"].concat();
            let is_noop = lines_of(&received) == complete(&[b"NOOP"]);
            assert_eq!(is_noop, is_dropped, "{pairs} pairs and {single} bytes");
        }
    }

    #[test]
    fn tells_once_of_a_line_that_is_too_long() {
        let longest = [b'a'; 16];
        let received =
            [b"x\n", &longest[..], b"\r\n", &longest, b"b\r\n", &longest, b"\rc\n", b"y\n"].concat();
        assert_eq!(
            lines_of(&received),
            [Some(b"x".to_vec()), Some(longest.to_vec()), None, None, Some(b"y".to_vec())]
        );
    }

    #[test]
    fn tells_of_a_line_that_is_too_long_before_it_ends() {
        let mut buffer = buffer_of(16);
        push_all(&mut buffer, &[b'a'; 16]);
        assert_eq!(buffer.next_line(), None);
        push_all(&mut buffer, b"\r");
        assert_eq!(buffer.next_line(), None, "it may end here");
        push_all(&mut buffer, b"b");
        assert_eq!(buffer.next_line(), Some(Line::TooLong));
        push_all(&mut buffer, b"c\rd\r\0\xff\xff\r\nNOOP\r\n");
        assert_eq!(take_lines(&mut buffer), complete(&[b"NOOP"]));
    }

    /// Each byte counts that comes after the one that made it too long.
    #[test]
    fn tells_of_a_line_without_end() {
        for bytes in
            [&b"x"[..], b"\r", &[IAC, NOP], &[IAC, SB], &[IAC, DO, 1], &[IAC, IAC], &[IAC, SB, b'x', IAC, SE]]
        {
            let mut buffer = LineBuffer::new(16, 100);
            push_all(&mut buffer, &[b'a'; 17]);
            let skipped: Vec<u8> = bytes.iter().copied().cycle().take(100).collect();
            push_all(&mut buffer, &skipped);
            assert_eq!(take_lines(&mut buffer), [None], "{}", bytes.escape_ascii());
            assert!(!buffer.is_endless());
            push_all(&mut buffer, b"\n");
            assert!(buffer.is_endless());
            push_all(&mut buffer, b"NOOP\r\n");
            assert_eq!(buffer.buffered(), 0);
            assert_eq!(buffer.peek_line(), Some(Line::Endless));
            assert_eq!(buffer.next_line(), Some(Line::Endless));
            assert_eq!(buffer.next_line(), Some(Line::Endless), "there is nothing behind it");
            buffer.clear();
            push_all(&mut buffer, b"NOOP\r\n");
            assert_eq!(take_lines(&mut buffer), complete(&[b"NOOP"]));
        }
    }

    #[test]
    fn a_line_without_end_comes_behind_the_others() {
        let mut buffer = LineBuffer::new(16, 100);
        push_all(&mut buffer, b"NOOP\r\n");
        push_all(&mut buffer, &[b'a'; 1000]);
        assert_eq!(buffer.next_line(), Some(Line::Complete(b"NOOP")));
        assert_eq!(buffer.next_line(), Some(Line::TooLong));
        assert_eq!(buffer.next_line(), Some(Line::Endless));
    }

    #[test]
    fn a_line_that_ends_is_forgotten() {
        let mut buffer = LineBuffer::new(16, 100);
        for _ in 0..100 {
            push_all(&mut buffer, &[b'a'; 17 + 99]);
            push_all(&mut buffer, b"\n");
        }
        assert_eq!(take_lines(&mut buffer), vec![None; 100]);
    }

    #[test]
    fn keeps_little_of_a_line_that_is_too_long() {
        let mut buffer = buffer_of(16);
        for _ in 0..1000 {
            push_all(&mut buffer, &[b'a'; 1000]);
        }
        assert_eq!(buffer.buffered(), 18);
        assert_eq!(buffer.peek_line(), Some(Line::TooLong));
        push_all(&mut buffer, b"\nNOOP\n");
        assert_eq!(take_lines(&mut buffer), [None, Some(b"NOOP".to_vec())]);
        assert!(buffer.bytes.capacity() <= IDLE_CAPACITY);
    }

    #[test]
    fn takes_a_line_out_of_the_middle() {
        let is_abor = |line: &[u8]| line == b"ABOR";
        let mut buffer = buffer_of(8);
        push_all(&mut buffer, b"NOOP\r\nAAAAAAAAAABOR\r\nSTAT\r\nABOR\r\nABOR\r\nAB");
        assert!(buffer.remove_first(is_abor));
        assert!(buffer.remove_first(is_abor));
        assert!(!buffer.remove_first(is_abor), "the third has not come as a whole");
        push_all(&mut buffer, b"OR\r\nABOR\r\n");
        assert!(buffer.remove_first(is_abor));
        assert_eq!(
            take_lines(&mut buffer),
            [Some(b"NOOP".to_vec()), None, Some(b"STAT".to_vec()), Some(b"ABOR".to_vec())]
        );
    }

    #[test]
    fn searches_no_line_that_has_been_taken() {
        let mut buffer = buffer_of(8);
        push_all(&mut buffer, b"ABOR\r\nNOOP\r\nSTAT\r\n");
        assert_eq!(buffer.next_line(), Some(Line::Complete(b"ABOR")));
        assert!(!buffer.remove_first(|line| line == b"ABOR"));
        assert_eq!(take_lines(&mut buffer), complete(&[b"NOOP", b"STAT"]));
    }

    #[test]
    fn searches_neither_half_a_line_nor_one_that_is_too_long() {
        let mut buffer = buffer_of(8);
        push_all(&mut buffer, b"AAAAAAAAAAAA\r\nAB");
        assert!(!buffer.remove_first(|_| true));
        push_all(&mut buffer, b"OR\r\n");
        assert!(buffer.remove_first(|line| line == b"ABOR"));
        assert_eq!(take_lines(&mut buffer), [None]);
    }

    #[test]
    fn peeks_at_what_comes_next() {
        let mut buffer = buffer_of(8);
        push_all(&mut buffer, b"NOOP\r\nQUIT\r\n");
        assert_eq!(buffer.peek_line(), Some(Line::Complete(b"NOOP")));
        assert_eq!(buffer.next_line(), Some(Line::Complete(b"NOOP")));
        assert_eq!(buffer.peek_line(), Some(Line::Complete(b"QUIT")));
        assert_eq!(buffer.buffered(), 5, "its text and one byte for its end");
    }

    #[test]
    fn forgets_half_a_command_when_cleared() {
        for half in [&b"US"[..], b"US\r", &[IAC], &[IAC, WILL], &[IAC, SB], &[IAC, SB, IAC], &[IAC, DO, 1]] {
            let mut buffer = buffer_of(8);
            push_all(&mut buffer, half);
            buffer.clear();
            push_all(&mut buffer, b"\0QUIT\r\n");
            assert_eq!(take_lines(&mut buffer), complete(&[b"\0QUIT"]));
            assert_eq!(buffer.take_negotiation(), None);
        }
    }

    #[test]
    fn holds_little_memory_after_a_burst() {
        let mut buffer = buffer_of(4096);
        push_all(&mut buffer, &b"NOOP\r\n".repeat(100_000));
        push_all(&mut buffer, b"QU");
        assert_eq!(take_lines(&mut buffer).len(), 100_000);
        assert!(buffer.bytes.capacity() <= IDLE_CAPACITY);
        push_all(&mut buffer, b"IT\r\n");
        assert_eq!(take_lines(&mut buffer), complete(&[b"QUIT"]));
        assert!(buffer.bytes.capacity() <= IDLE_CAPACITY);
    }

    /// Else to take n lines, one after each push, would move n² bytes.
    #[test]
    fn moves_lines_only_when_more_were_taken_than_are_left() {
        let mut buffer = buffer_of(4096);
        push_all(&mut buffer, b"1\n2\n3\n4\n");
        for first in [2, 0] {
            assert!(buffer.next_line().is_some());
            push_all(&mut buffer, b"");
            assert_eq!(buffer.first, first);
        }
    }

    #[test]
    fn allocates_nothing_for_a_line_like_the_last_ones() {
        let mut buffer = buffer_of(4096);
        push_all(&mut buffer, b"RETR a file with a name\r\n");
        take_lines(&mut buffer);
        let memory = (buffer.bytes.as_ptr(), buffer.bytes.capacity());
        for _ in 0..1000 {
            push_all(&mut buffer, b"RETR a file ");
            push_all(&mut buffer, b"with a name\r\n");
            assert!(buffer.next_line().is_some());
        }
        assert_eq!((buffer.bytes.as_ptr(), buffer.bytes.capacity()), memory);
    }

    #[test]
    fn shows_no_password() {
        let mut buffer = buffer_of(4096);
        push_all(&mut buffer, b"PASS hunter2");
        assert_eq!(format!("{buffer:?}"), "LineBuffer { line_limit: 4096, buffered: 12, .. }");
    }

    /// Searches until nothing is found; returns how many lines were looked at.
    fn search(buffer: &mut LineBuffer, wanted: &[u8]) -> usize {
        let looks = Cell::new(0);
        while buffer.remove_first(|line| {
            looks.set(looks.get() + 1);
            line == wanted
        }) {}
        looks.get()
    }

    /// To look at the whole backlog again for each line that came stalled the server: 16 KiB of blank lines, sent in a
    /// transfer, were 134 million looks.
    #[test]
    fn looks_once_at_a_line_that_is_not_wanted() {
        let mut buffer = buffer_of(4096);
        for _ in 0..1000 {
            push_all(&mut buffer, b"\n");
            assert_eq!(search(&mut buffer, b"ABOR"), 1);
            assert_eq!(search(&mut buffer, b"ABOR"), 0);
        }
    }

    /// What was searched for in vain moves with the lines, and is forgotten with them.
    #[test]
    fn looks_at_every_line_that_came_after_the_search() {
        let mut buffer = buffer_of(4096);
        push_all(&mut buffer, b"1\n2\n3\n4\n5\n");
        assert_eq!(search(&mut buffer, b"ABOR"), 5);
        for _ in 0..4 {
            assert!(buffer.next_line().is_some());
        }
        push_all(&mut buffer, b"6\nABOR\n7\n");
        assert_eq!(search(&mut buffer, b"ABOR"), 3);
        assert_eq!(take_lines(&mut buffer), complete(&[b"5", b"6", b"7"]));
        push_all(&mut buffer, b"8\n");
        assert_eq!(search(&mut buffer, b"ABOR"), 1);
        buffer.clear();
        push_all(&mut buffer, b"9\n");
        assert_eq!(search(&mut buffer, b"ABOR"), 1);
    }

    proptest! {
        #[test]
        fn gives_what_the_table_says(received in received(), limit in 1..20_usize) {
            let mut buffer = buffer_of(limit);
            push_all(&mut buffer, &received);
            let answers = buffer.take_negotiation().unwrap_or_default();
            prop_assert_eq!((take_lines(&mut buffer), answers.to_vec()), oracle(&received, limit));
        }

        #[test]
        fn gives_the_same_however_it_is_split((received, lengths) in split(), limit in 1..20_usize) {
            let mut whole = buffer_of(limit);
            push_all(&mut whole, &received);
            let answers = whole.take_negotiation().unwrap_or_default();
            let lines = take_lines(&mut whole);

            let (mut late, mut prompt) = (buffer_of(limit), buffer_of(limit));
            let (mut prompt_lines, mut prompt_answers) = (vec![], vec![]);
            for piece in pieces(&received, &lengths) {
                push_all(&mut late, piece);
                push_all(&mut prompt, piece);
                prompt_answers.extend(prompt.take_negotiation().unwrap_or_default());
                prompt_lines.extend(take_lines(&mut prompt));
            }
            prop_assert_eq!(late.take_negotiation().unwrap_or_default(), &answers);
            prop_assert_eq!(take_lines(&mut late), &lines[..]);
            prop_assert_eq!(prompt_answers, answers);
            prop_assert_eq!(prompt_lines, lines);
        }

        /// Some lines are taken after each piece, some removed from the middle, but not after each; what stays is a
        /// list's.
        #[test]
        fn keeps_its_lines_in_order_like_a_list((received, lengths) in split(), takes in prop::collection::vec(0..3_usize, 1..20)) {
            let mut buffer = buffer_of(6);
            let mut list = std::collections::VecDeque::new();
            let (mut pushed, mut counted) = (vec![], 0);
            for (piece, takes) in pieces(&received, &lengths).zip(takes.iter().cycle()) {
                push_all(&mut buffer, piece);
                pushed.extend_from_slice(piece);
                let (all, _) = oracle(&pushed, 6);
                list.extend(all[counted..].iter().cloned());
                counted = all.len();

                let is_wanted = |line: &[u8]| line.len() == 2;
                if *takes != 1 {
                    let wanted = list.iter().position(|line| line.as_deref().is_some_and(is_wanted));
                    prop_assert_eq!(buffer.remove_first(is_wanted), wanted.is_some());
                    wanted.map(|wanted| list.remove(wanted));
                }
                for _ in 0..*takes {
                    let peeked = format!("{:?}", buffer.peek_line());
                    let line = buffer.next_line();
                    prop_assert_eq!(peeked, format!("{:?}", line));
                    let expected = list.pop_front();
                    let expected = expected.as_ref().map(|line| line.as_deref().map_or(Line::TooLong, Line::Complete));
                    prop_assert_eq!(line, expected);
                }
            }
            prop_assert_eq!(take_lines(&mut buffer), Vec::from(list));
        }

        /// Once, however often the search is repeated and whatever is taken or found meanwhile.
        #[test]
        fn looks_at_no_line_twice((received, lengths) in split(), takes in prop::collection::vec(0..3_usize, 1..20)) {
            let mut buffer = buffer_of(6);
            let (mut pushed, looks) = (vec![], Cell::new(0));
            for (piece, &takes) in pieces(&received, &lengths).zip(takes.iter().cycle()) {
                push_all(&mut buffer, piece);
                pushed.extend_from_slice(piece);
                let come = oracle(&pushed, 6).0.len();
                for _ in 0..3 {
                    buffer.remove_first(|line| {
                        looks.set(looks.get() + 1);
                        line.len() == 2
                    });
                    prop_assert!(looks.get() <= come, "{} looks at {come} lines", looks.get());
                }
                for _ in 0..takes {
                    buffer.next_line();
                }
            }
        }

        #[test]
        fn holds_no_more_than_it_was_given((received, lengths) in split(), limit in 1..20_usize) {
            let mut buffer = buffer_of(limit);
            let mut given = 0;
            for piece in pieces(&received, &lengths) {
                push_all(&mut buffer, piece);
                given += piece.len();
                let (lines, _) = oracle(&received[..given], limit);
                // A line that is too long has its end before that comes.
                prop_assert!(buffer.buffered() <= given + 1);
                prop_assert!(buffer.buffered() <= (lines.len() + 1) * (limit + 2));
            }
        }
    }
}
