//! However the bytes of a control connection are split, the same lines come.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sansftp::line::{Line, LineBuffer};

const LIMIT: usize = 64;

fn lines(pieces: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut buffer = LineBuffer::new(LIMIT);
    let mut lines = Vec::new();
    for piece in pieces {
        buffer.push(piece);
        while let Some(line) = buffer.next_line() {
            lines.push(match line {
                Line::Complete(line) => {
                    assert!(line.len() <= LIMIT && !line.contains(&b'\n'));
                    Some(line.to_vec())
                }
                Line::TooLong => None,
            });
        }
        assert!(buffer.buffered() <= LIMIT + 1, "what is left is one line that has not ended");
    }
    lines
}

fuzz_target!(|input: (u16, &[u8])| {
    let (at, bytes) = input;
    let (head, tail) = bytes.split_at(usize::from(at).min(bytes.len()));
    assert_eq!(lines(&[bytes]), lines(&[head, tail]));
});
