//! Patterns of names.
//!
//! Input: the length of the pattern, the pattern, and a name. Both are read again and compared by a table of every part of
//! the one against every part of the other, which knows nothing of going back.

use sansftp::pattern::Pattern;

#[path = "input.rs"]
mod input;
use self::input::Input;

/// The table has this many rows and columns at most.
const LENGTH_LIMIT: usize = 255;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let [length] = input.bytes();
    let text = input.piece(length.into());
    let name = input.rest();
    let name = &name[..name.len().min(LENGTH_LIMIT)];

    let pieces = read(&characters(text));
    let is_pattern = pieces.iter().any(|piece| !matches!(piece, Piece::Just(_)));
    let pattern = Pattern::parse(text, LENGTH_LIMIT);
    assert_eq!(pattern.is_some(), is_pattern, "{}", text.escape_ascii());
    assert!(Pattern::parse(text, text.len().saturating_sub(1)).is_none() || text.is_empty());
    let Some(pattern) = pattern else { return };
    assert_eq!(pattern.as_bytes(), text);

    let is_hidden = name.starts_with(b".") && !text.starts_with(b".");
    let expected = !is_hidden && table(&pieces, &characters(name));
    assert_eq!(pattern.matches(name), expected, "{} and {}", text.escape_ascii(), name.escape_ascii());
    assert!(pattern.matches(text) || !text.iter().all(|byte| *byte == b'*'), "stars match stars");
}

/// A character, or a byte that belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Of(char),
    Byte(u8),
}

enum Piece {
    Star,
    Mark,
    Just(Letter),
    Among(Vec<(Letter, Letter)>),
    Besides(Vec<(Letter, Letter)>),
}

fn characters(text: &[u8]) -> Vec<Letter> {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let valid: Vec<Letter> = chunk.valid().chars().map(Letter::Of).collect();
        valid.into_iter().chain(chunk.invalid().iter().copied().map(Letter::Byte)).collect::<Vec<_>>()
    };
    text.utf8_chunks().flat_map(chunk).collect()
}

fn read(text: &[Letter]) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut at = 0;
    while at < text.len() {
        let (piece, length) = match text[at] {
            Letter::Of('*') => (Piece::Star, 1),
            Letter::Of('?') => (Piece::Mark, 1),
            Letter::Of('[') => read_class(&text[at..]).unwrap_or((Piece::Just(text[at]), 1)),
            letter => (Piece::Just(letter), 1),
        };
        pieces.push(piece);
        at += length;
    }
    pieces
}

/// A class and its length: its end is the first `]` behind its first member.
fn read_class(text: &[Letter]) -> Option<(Piece, usize)> {
    let is_negated = matches!(text.get(1), Some(Letter::Of('!' | '^')));
    let start = if is_negated { 2 } else { 1 };
    // The second half of a range is no end, unless the range would have none.
    let (mut at, mut members) = (start, vec![]);
    while at == start || *text.get(at)? != Letter::Of(']') {
        let first = *text.get(at)?;
        let is_range = text.get(at + 1) == Some(&Letter::Of('-'))
            && text.get(at + 2).is_some_and(|last| *last != Letter::Of(']'));
        members.push((first, if is_range { text[at + 2] } else { first }));
        at += if is_range { 3 } else { 1 };
    }
    Some((if is_negated { Piece::Besides(members) } else { Piece::Among(members) }, at + 1))
}

fn table(pieces: &[Piece], name: &[Letter]) -> bool {
    // Whether the pieces so far match the name up to here.
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for piece in pieces {
        let before = row.clone();
        for at in 0..row.len() {
            row[at] = match piece {
                Piece::Star => before[..=at].contains(&true),
                _ => at > 0 && before[at - 1] && fits(piece, name[at - 1]),
            };
        }
    }
    row[name.len()]
}

fn fits(piece: &Piece, letter: Letter) -> bool {
    let is_among =
        |members: &[(Letter, Letter)]| members.iter().any(|(first, last)| (first..=last).contains(&&letter));
    match piece {
        Piece::Star | Piece::Mark => true,
        Piece::Just(own) => *own == letter,
        Piece::Among(members) => is_among(members),
        Piece::Besides(members) => !is_among(members),
    }
}
