//! The lines of a control connection.
//!
//! Input: the line limit, and how much of a longer line is skipped; eight bytes that say how the stream is split and
//! what is asked of the buffer in between; the stream.

use std::collections::VecDeque;

use sansftp::line::{Line, LineBuffer};

#[path = "input.rs"]
mod input;
use self::input::Input;

#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnedLine {
    Complete(Vec<u8>),
    TooLong,
    Endless,
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let limits = input.bytes().map(usize::from);
    let schedule: [u8; 8] = input.bytes();
    let stream = input.rest();
    check_splitting(stream, limits, &schedule);
    check_operations(stream, limits, &schedule);
}

/// Of a line, and of what is skipped behind it.
type Limits = [usize; 2];

/// Promise 6: the same lines and the same answers come, however the stream is split, and they are the model's.
fn check_splitting(stream: &[u8], limits: Limits, schedule: &[u8; 8]) {
    let mut model = Model::new(limits);
    model.receive(stream);
    let expected = (Vec::from(model.lines), model.answers);

    let mut sizes = schedule.iter().cycle().map(|size| usize::from(size & 31) + 1);
    let mut pieces = vec![];
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, following) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        pieces.push(piece);
        rest = following;
    }
    assert_eq!(read(&[stream], limits), expected, "in one piece");
    assert_eq!(read(&pieces, limits), expected, "in {} pieces", pieces.len());
    assert_eq!(read(&stream.chunks(1).collect::<Vec<_>>(), limits), expected, "byte by byte");
}

fn read(pieces: &[&[u8]], limits: Limits) -> (Vec<OwnedLine>, Vec<u8>) {
    let mut buffer = LineBuffer::new(limits[0], limits[1]);
    let (mut lines, mut answers) = (vec![], vec![]);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            rest = buffer.push(rest);
            answers.extend(buffer.take_negotiation().unwrap_or_default());
            lines.extend(take_lines(&mut buffer));
            assert!(buffer.buffered() <= limits[0], "what is left is one line that has not ended");
        }
    }
    lines.extend(buffer.is_endless().then_some(OwnedLine::Endless));
    (lines, answers)
}

/// All but the one without end, of which there is no end.
fn take_lines(buffer: &mut LineBuffer) -> Vec<OwnedLine> {
    let mut lines = vec![];
    while let Some(line) = buffer.next_line().filter(|line| *line != Line::Endless) {
        lines.push(owned(line));
    }
    lines
}

fn push_all(buffer: &mut LineBuffer, piece: &[u8]) {
    let mut rest = piece;
    while !rest.is_empty() {
        rest = buffer.push(rest);
    }
}

/// The buffer does what the model does, whatever it is asked between two pieces.
fn check_operations(stream: &[u8], limits: Limits, schedule: &[u8; 8]) {
    let (mut buffer, mut model) = (LineBuffer::new(limits[0], limits[1]), Model::new(limits));
    let (mut answers, mut rest) = (vec![], stream);
    for step in schedule.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, following) = rest.split_at((usize::from(step & 31) + 1).min(rest.len()));
        rest = following;
        push_all(&mut buffer, piece);
        model.receive(piece);
        answers.extend(buffer.take_negotiation().unwrap_or_default());
        match step >> 5 {
            0..=2 => {}
            3 => assert_eq!(buffer.next_line().map(owned), model.take_line()),
            4 | 5 => assert_eq!(buffer.remove_first(is_wanted), model.remove_first()),
            6 => {
                for line in take_lines(&mut buffer) {
                    assert_eq!(Some(line), model.take_line());
                }
            }
            _ => {
                buffer.clear();
                model = Model { answers: model.answers, ..Model::new(limits) };
            }
        }
        assert_eq!(buffer.peek_line().map(owned), model.lines.front().cloned());
        assert!(buffer.buffered() <= model.held(), "memory is what was received and not taken");
    }
    for line in take_lines(&mut buffer) {
        assert_eq!(Some(line), model.take_line());
    }
    assert_eq!(buffer.next_line().map(owned), model.take_line());
    assert!(model.lines.iter().all(|line| *line == OwnedLine::Endless));
    assert_eq!(answers, model.answers);
}

fn is_wanted(line: &[u8]) -> bool {
    line.first().is_some_and(|first| first.eq_ignore_ascii_case(&b'a'))
}

fn owned(line: Line<'_>) -> OwnedLine {
    match line {
        Line::Complete(line) => OwnedLine::Complete(line.to_vec()),
        Line::TooLong => OwnedLine::TooLong,
        Line::Endless => OwnedLine::Endless,
    }
}

/// RFC 854 and RFC 959 5.3, one byte after the other, as the table in `sansftp::line` says.
struct Model {
    limits: Limits,
    /// The bytes of the Telnet command that has not ended, from its IAC on; empty amid data.
    telnet: Vec<u8>,
    is_after_cr: bool,
    line: Vec<u8>,
    /// The bytes that have come since the line became too long.
    skipped: Option<usize>,
    lines: VecDeque<OwnedLine>,
    answers: Vec<u8>,
}

impl Model {
    fn new(limits: Limits) -> Self {
        let (telnet, line, lines, answers) = (vec![], vec![], VecDeque::new(), vec![]);
        Self { limits, telnet, is_after_cr: false, line, skipped: None, lines, answers }
    }

    /// The line without end stays.
    fn take_line(&mut self) -> Option<OwnedLine> {
        match self.lines.front() {
            Some(OwnedLine::Endless) => Some(OwnedLine::Endless),
            _ => self.lines.pop_front(),
        }
    }

    fn receive(&mut self, stream: &[u8]) {
        for &byte in stream {
            if self.lines.back() == Some(&OwnedLine::Endless) {
                return;
            }
            if let Some(skipped) = &mut self.skipped {
                *skipped += 1;
                if *skipped > self.limits[1] {
                    return self.lines.push_back(OwnedLine::Endless);
                }
            }
            if self.telnet.is_empty() && byte != 255 {
                self.take_data(byte);
            } else {
                self.telnet.push(byte);
                self.look_at_telnet();
            }
        }
    }

    fn look_at_telnet(&mut self) {
        match self.telnet[..] {
            [_] | [_, 251..=254] => return,
            [_, 250, ..] => return self.look_at_subnegotiation(),
            [_, 251, option] => self.answers.extend([255, 254, option]),
            [_, 253, option] => self.answers.extend([255, 252, option]),
            [_, 252 | 254, _] => {}
            [_, 255] => self.take_data(255),
            [_, byte @ ..=235] => {
                self.take_data(255);
                self.take_data(byte);
            }
            _ => {}
        }
        self.telnet.clear();
    }

    /// It ends with IAC SE. Any other byte that follows an IAC is its own, and a longer one than a line may be spoils
    /// the line: what comes then is data again.
    fn look_at_subnegotiation(&mut self) {
        let parameters = &self.telnet[2..];
        let mut at = 0;
        while let Some(&byte) = parameters.get(at) {
            if at >= self.limits[0] {
                self.telnet.clear();
                self.pass_limit();
                return if byte == 255 { self.telnet.push(byte) } else { self.take_data(byte) };
            }
            match (byte, parameters.get(at + 1)) {
                (255, Some(240)) => return self.telnet.clear(),
                (255, _) => at += 2,
                _ => at += 1,
            }
        }
    }

    /// The line is too long, which is told once.
    fn pass_limit(&mut self) {
        if self.skipped.is_none() {
            self.lines.push_back(OwnedLine::TooLong);
            self.line.clear();
            self.is_after_cr = false;
            self.skipped = Some(0);
        }
    }

    fn take_data(&mut self, byte: u8) {
        if self.skipped.is_some() {
            if byte == b'\n' {
                self.skipped = None;
            }
            return;
        }
        match byte {
            b'\n' => {
                let line = std::mem::take(&mut self.line);
                self.lines.push_back(OwnedLine::Complete(line));
                self.is_after_cr = false;
                return;
            }
            0 if self.is_after_cr => self.line.push(b'\r'),
            b'\r' if self.is_after_cr => self.line.push(b'\r'),
            b'\r' => {}
            byte => {
                if self.is_after_cr {
                    self.line.push(b'\r');
                }
                self.line.push(byte);
            }
        }
        self.is_after_cr = byte == b'\r';
        if self.line.len() > self.limits[0] {
            self.pass_limit();
        }
    }

    fn remove_first(&mut self) -> bool {
        let found =
            self.lines.iter().position(|line| matches!(line, OwnedLine::Complete(line) if is_wanted(line)));
        found.is_some_and(|at| self.lines.remove(at).is_some())
    }

    /// What may be held of it all: each line with its end, one byte more than the limit where it was longer.
    fn held(&self) -> usize {
        let lines = self.lines.iter().map(|line| match line {
            OwnedLine::Complete(line) => line.len() + 1,
            OwnedLine::TooLong => self.limits[0] + 2,
            OwnedLine::Endless => 0,
        });
        lines.sum::<usize>() + self.limits[0]
    }
}
