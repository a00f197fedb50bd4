//! Steps as bytes, for fuzzers: one tag byte a step, and few operands.
//!
//! | tag | step |
//! |---|---|
//! | 0 to 47 | a usual line |
//! | 64, bytes up to LF | any line |
//! | 65, row, argument | a command of the table with an argument of its own |
//! | 66, row, row, argument | a command of the table with another one's argument |
//! | 67, length | a line that may be too long |
//! | 68, count, steps | the lines of these steps at once |
//! | 70 to 73, 74 to 76 | half a line, Telnet commands |
//! | 96 to 223 | something that could happen now |
//! | 224, choice | the same, with any choice |
//! | 225, what, n | an event out of order |
//! | 226, exponent; 227, exponent | time passes, goes back |
//! | 228, 229, 230 | the control connection is lost, the server wants to end, has to end |
//!
//! The others are usual lines, too: every byte means something.

use super::steps::{DISTURBANCES, Disturbance, PIECES, Step, TELNET, USUAL_LINES, arguments, line};
use crate::notation::{codes::TABLE, events::ERROR_KINDS};

/// More steps find nothing that so many do not.
const MOST_STEPS: usize = 500;

/// The steps that bytes mean; every byte string means some.
pub fn decode(bytes: &[u8]) -> Vec<Step> {
    let mut bytes = Bytes(bytes);
    std::iter::from_fn(|| bytes.next_step()).take(MOST_STEPS).collect()
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// An operand; zero if there is none.
    fn operand(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::from(self.operand()) % length
    }

    fn next_step(&mut self) -> Option<Step> {
        let tag = self.next()?;
        Some(match tag {
            96..=223 => Step::Proceed((tag - 96) * 2),
            224 => Step::Proceed(self.operand()),
            225 => Step::Disturb(self.disturbance(), self.index(8) + 1),
            226 => Step::Pass(1 << self.index(23)),
            227 => Step::GoBack(1 << self.index(23)),
            228 => Step::Lose,
            229 => Step::ShutDown,
            230 => Step::EndNow,
            231 => Step::Leave,
            tag => Step::Send(self.sent(tag)),
        })
    }

    fn disturbance(&mut self) -> Disturbance {
        let what = usize::from(self.operand());
        match DISTURBANCES.get(what) {
            Some(disturbance) => *disturbance,
            None => Disturbance::Failed(ERROR_KINDS[(what - DISTURBANCES.len()) % ERROR_KINDS.len()].1),
        }
    }

    fn sent(&mut self, tag: u8) -> Vec<u8> {
        match tag {
            64 => {
                let end = self.0.iter().position(|&byte| byte == b'\n').map_or(self.0.len(), |end| end + 1);
                let (line, rest) = self.0.split_at(end);
                self.0 = rest;
                line.to_vec()
            }
            65 => {
                let row = self.index(TABLE.len());
                self.table_line(row, row)
            }
            66 => {
                let row = self.index(TABLE.len());
                let other = self.index(TABLE.len());
                self.table_line(row, other)
            }
            67 => [&vec![b'x'; 16 * usize::from(self.operand())][..], b"\r\n"].concat(),
            68 => {
                let count = self.index(8) + 1;
                (0..count).filter_map(|_| self.next().map(|tag| self.sent_alone(tag))).flatten().collect()
            }
            tag => self.sent_alone(tag),
        }
    }

    /// What can be part of several lines that are sent at once.
    fn sent_alone(&mut self, tag: u8) -> Vec<u8> {
        match tag {
            64..=67 => self.sent(tag),
            70..=73 => PIECES[usize::from(tag - 70)].to_vec(),
            74..=76 => TELNET[usize::from(tag - 74)].to_vec(),
            tag => [USUAL_LINES[usize::from(tag) % USUAL_LINES.len()].as_bytes(), b"\r\n"].concat(),
        }
    }

    fn table_line(&mut self, row: usize, arguments_of: usize) -> Vec<u8> {
        let arguments = arguments(arguments_of);
        let index = self.index(arguments.len().max(1));
        line(row, arguments.get(index).map(Vec::as_slice).unwrap_or_default())
    }
}

/// Bytes that mean these steps. Only whole lines, at most eight at once, and powers of two of milliseconds can be told.
pub fn encode(steps: &[Step]) -> Vec<u8> {
    steps.iter().flat_map(encode_step).collect()
}

fn encode_step(step: &Step) -> Vec<u8> {
    match step {
        Step::Send(bytes) => {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
            let encoded = lines.iter().flat_map(|line| encode_line(line));
            match lines.len() {
                1 => encoded.collect(),
                count => [68, count.to_le_bytes()[0] - 1].into_iter().chain(encoded).collect(),
            }
        }
        Step::Proceed(choice) if choice.is_multiple_of(2) => vec![96 + choice / 2],
        Step::Proceed(choice) => vec![224, *choice],
        Step::Disturb(disturbance, n) => {
            let what = DISTURBANCES.iter().position(|plain| plain == disturbance);
            let what = what.or_else(|| {
                let kind =
                    ERROR_KINDS.iter().position(|(_, kind)| *disturbance == Disturbance::Failed(*kind));
                kind.map(|kind| DISTURBANCES.len() + kind)
            });
            vec![225, what.unwrap_or(0).to_le_bytes()[0], n.to_le_bytes()[0] - 1]
        }
        Step::Pass(milliseconds) => vec![226, milliseconds.ilog2().to_le_bytes()[0]],
        Step::GoBack(milliseconds) => vec![227, milliseconds.ilog2().to_le_bytes()[0]],
        Step::Lose => vec![228],
        Step::ShutDown => vec![229],
        Step::EndNow => vec![230],
        Step::Leave => vec![231],
    }
}

fn encode_line(line: &[u8]) -> Vec<u8> {
    let usual = USUAL_LINES.iter().position(|usual| line.strip_suffix(b"\r\n") == Some(usual.as_bytes()));
    match usual {
        Some(index) => vec![index.to_le_bytes()[0]],
        None => [&[64], line].concat(),
    }
}
