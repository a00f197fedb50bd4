//! The lines of a control connection.
//!
//! Input: the line limit; eight bytes that say how the stream is split and what is asked of the buffer in between;
//! the stream.

use std::collections::VecDeque;

use sansftp::line::{Line, LineBuffer};

#[path = "input.rs"]
mod input;
use self::input::Input;

/// `None` is a line that was too long.
type OwnedLine = Option<Vec<u8>>;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let [limit] = input.bytes();
    let schedule: [u8; 8] = input.bytes();
    let stream = input.rest();
    check_splitting(stream, usize::from(limit), &schedule);
    check_operations(stream, usize::from(limit), &schedule);
}

/// Promise 6: the same lines and the same answers come, however the stream is split, and they are the model's.
fn check_splitting(stream: &[u8], limit: usize, schedule: &[u8; 8]) {
    let mut model = Model::new(limit);
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
    assert_eq!(read(&[stream], limit), expected, "in one piece");
    assert_eq!(read(&pieces, limit), expected, "in {} pieces", pieces.len());
    assert_eq!(read(&stream.chunks(1).collect::<Vec<_>>(), limit), expected, "byte by byte");
}

fn read(pieces: &[&[u8]], limit: usize) -> (Vec<OwnedLine>, Vec<u8>) {
    let mut buffer = LineBuffer::new(limit);
    let (mut lines, mut answers) = (vec![], vec![]);
    for piece in pieces {
        buffer.push(piece);
        answers.extend(buffer.take_negotiation().unwrap_or_default());
        while let Some(line) = buffer.next_line() {
            lines.push(owned(line));
        }
        assert!(buffer.buffered() <= limit + 1, "what is left is one line that has not ended");
    }
    (lines, answers)
}

/// The buffer does what the model does, whatever it is asked between two pieces.
fn check_operations(stream: &[u8], limit: usize, schedule: &[u8; 8]) {
    let (mut buffer, mut model) = (LineBuffer::new(limit), Model::new(limit));
    let (mut answers, mut rest) = (vec![], stream);
    for step in schedule.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, following) = rest.split_at((usize::from(step & 31) + 1).min(rest.len()));
        rest = following;
        buffer.push(piece);
        model.receive(piece);
        answers.extend(buffer.take_negotiation().unwrap_or_default());
        match step >> 5 {
            0..=2 => {}
            3 => assert_eq!(buffer.next_line().map(owned), model.lines.pop_front()),
            4 | 5 => assert_eq!(buffer.remove_first(is_wanted), model.remove_first()),
            6 => {
                while let Some(line) = buffer.next_line() {
                    assert_eq!(Some(owned(line)), model.lines.pop_front());
                }
            }
            _ => {
                buffer.clear();
                model = Model { answers: model.answers, ..Model::new(limit) };
            }
        }
        assert_eq!(buffer.peek_line().map(owned), model.lines.front().cloned());
        assert!(buffer.buffered() <= model.held(), "memory is what was received and not taken");
    }
    while let Some(line) = buffer.next_line() {
        assert_eq!(Some(owned(line)), model.lines.pop_front());
    }
    assert!(model.lines.is_empty());
    assert_eq!(answers, model.answers);
}

fn is_wanted(line: &[u8]) -> bool {
    line.first().is_some_and(|first| first.eq_ignore_ascii_case(&b'a'))
}

fn owned(line: Line<'_>) -> OwnedLine {
    match line {
        Line::Complete(line) => Some(line.to_vec()),
        Line::TooLong => None,
    }
}

/// RFC 854 and RFC 959 5.3, one byte after the other, as the table in `sansftp::line` says.
struct Model {
    limit: usize,
    /// The bytes of the Telnet command that has not ended, from its IAC on; empty amid data.
    telnet: Vec<u8>,
    is_after_cr: bool,
    line: Vec<u8>,
    is_spoilt: bool,
    lines: VecDeque<OwnedLine>,
    answers: Vec<u8>,
}

impl Model {
    fn new(limit: usize) -> Self {
        let (telnet, line, lines, answers) = (vec![], vec![], VecDeque::new(), vec![]);
        Self { limit, telnet, is_after_cr: false, line, is_spoilt: false, lines, answers }
    }

    fn receive(&mut self, stream: &[u8]) {
        for &byte in stream {
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
            if at >= self.limit {
                self.is_spoilt = true;
                self.telnet.clear();
                return self.receive(&[byte]);
            }
            match (byte, parameters.get(at + 1)) {
                (255, Some(240)) => return self.telnet.clear(),
                (255, _) => at += 2,
                _ => at += 1,
            }
        }
    }

    fn take_data(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                let line = std::mem::take(&mut self.line);
                let is_whole = !std::mem::take(&mut self.is_spoilt) && line.len() <= self.limit;
                self.lines.push_back(is_whole.then_some(line));
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
    }

    fn remove_first(&mut self) -> bool {
        let found = self.lines.iter().position(|line| line.as_deref().is_some_and(is_wanted));
        found.is_some_and(|at| self.lines.remove(at).is_some())
    }

    /// What may be held of it all: each line with its end, one byte more than the limit where it was longer.
    fn held(&self) -> usize {
        let lines = self.lines.iter().map(|line| line.as_ref().map_or(self.limit + 1, Vec::len) + 1);
        lines.sum::<usize>() + self.limit + 1
    }
}
