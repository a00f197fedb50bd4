//! Patterns of names, as shells have them, in `LIST`, `NLST` and `STAT` (RFC 1123 4.1.2.7).

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ops::RangeInclusive, str};

use bytes::Bytes;

/// A pattern that names match or not.
///
/// `*` stands for any characters, `?` for one, `[a-z]` for one of these and `[!a-z]` or `[^a-z]` for one that is none of
/// these; a `[` without its `]` stands for itself. A character is one of UTF-8, or else a byte. A name that begins with
/// a dot is hidden: it matches only a pattern that begins with a dot, too.
///
/// Matching needs no memory, and no more steps than the name has bytes, times the bytes of both.
///
/// ```
/// use sansftp::pattern::Pattern;
///
/// let pattern = Pattern::parse(b"report-?.[ct]sv", 255).unwrap();
/// assert!(pattern.matches(b"report-1.csv") && pattern.matches("report-ü.tsv".as_bytes()));
/// assert!(!pattern.matches(b"report-10.csv"));
/// assert!(Pattern::parse(b"report-1.csv", 255).is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Bytes,
    elements: Box<[Element]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    /// `*`
    Any,
    /// `?`
    One,
    This(Unit),
    /// Whether it is the units of these ranges that match, or all others.
    Class(Membership, Box<[RangeInclusive<Unit>]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    In,
    Out,
}

/// A character, or a byte that is part of none; those have numbers that no character has.
type Unit = u32;

const FIRST_BYTE: Unit = 0x11_0000;

impl Pattern {
    /// The pattern that `text` is, which is a name or the last segment of a pathname; `None` if it has no `*`, `?` or
    /// `[…]`, or more bytes than `limit`.
    #[must_use]
    pub fn parse(text: &[u8], limit: usize) -> Option<Self> {
        if text.len() > limit {
            return None;
        }
        let mut elements = Vec::new();
        let mut rest = text;
        while let Some((element, behind)) = next_element(rest) {
            rest = behind;
            if element != Element::Any || elements.last() != Some(&Element::Any) {
                elements.push(element);
            }
        }
        let is_name = elements.iter().all(|element| matches!(element, Element::This(_)));
        (!is_name).then(|| Self { text: Bytes::copy_from_slice(text), elements: elements.into() })
    }

    /// What it was made of.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Whether this name is one of those that the pattern stands for.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        if name.first() == Some(&b'.') && self.elements.first() != Some(&Element::This(Unit::from(b'.'))) {
            return false;
        }
        let (mut elements, mut rest) = (&self.elements[..], name);
        // What follows the last `*`, and where in the name that was tried last. No `*` before it has to be tried again:
        // what it could take, the last one can take, too.
        let mut last = None;
        loop {
            match elements.split_first() {
                None if rest.is_empty() => return true,
                Some((Element::Any, behind)) => {
                    last = Some((behind, rest));
                    elements = behind;
                    continue;
                }
                Some((element, behind)) => {
                    if let Some((unit, tail)) = next_unit(rest)
                        && element.takes(unit)
                    {
                        (elements, rest) = (behind, tail);
                        continue;
                    }
                }
                None => {}
            }
            let Some((behind, (_, tail))) = last.and_then(|(behind, from)| Some((behind, next_unit(from)?)))
            else {
                return false;
            };
            last = Some((behind, tail));
            (elements, rest) = (behind, tail);
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl Element {
    fn takes(&self, unit: Unit) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::This(own) => *own == unit,
            Self::Class(membership, ranges) => {
                let is_in = ranges.iter().any(|range| range.contains(&unit));
                is_in == (*membership == Membership::In)
            }
        }
    }
}

fn next_element(text: &[u8]) -> Option<(Element, &[u8])> {
    let (unit, behind) = next_unit(text)?;
    let element = match text {
        [b'*', ..] => Element::Any,
        [b'?', ..] => Element::One,
        [b'[', ..] => return Some(class(behind).unwrap_or((Element::This(unit), behind))),
        _ => Element::This(unit),
    };
    Some((element, behind))
}

/// What stands behind a `[`, to its `]`, which may be a member itself if it is the first one.
fn class(text: &[u8]) -> Option<(Element, &[u8])> {
    let (membership, mut rest) = match text {
        [b'!' | b'^', behind @ ..] => (Membership::Out, behind),
        _ => (Membership::In, text),
    };
    let mut ranges = Vec::new();
    loop {
        if let [b']', behind @ ..] = rest
            && !ranges.is_empty()
        {
            return Some((Element::Class(membership, ranges.into()), behind));
        }
        let (first, behind) = next_unit(rest)?;
        let last = match behind {
            [b'-', b']', ..] => None,
            [b'-', end @ ..] => next_unit(end),
            _ => None,
        };
        let (last, behind) = last.unwrap_or((first, behind));
        ranges.push(first..=last);
        rest = behind;
    }
}

fn next_unit(text: &[u8]) -> Option<(Unit, &[u8])> {
    let (&first, behind) = text.split_first()?;
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let character = text
        .split_at_checked(length)
        .and_then(|(bytes, tail)| Some((str::from_utf8(bytes).ok()?.chars().next()?.into(), tail)));
    Some(character.unwrap_or((FIRST_BYTE + Unit::from(first), behind)))
}

#[cfg(test)]
mod tests {
    use std::{format, vec};

    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 255;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern.as_bytes(), LIMIT).unwrap().matches(name.as_bytes())
    }

    #[test]
    fn patterns_match_names() {
        for (pattern, names, others) in [
            ("*", &["a", "a.csv", "*"][..], &[".a", "..."][..]),
            ("*.csv", &["a.csv", "a.b.csv", "ü.csv"], &["a.csv.gz", "a.CSV", "csv", ".csv", ".a.csv"]),
            ("a*", &["a", "ab", "a*"], &["ba", "A", ""]),
            ("a*b*c", &["abc", "aXbXc", "abbcc", "abcbc"], &["ab", "acb", "abcd"]),
            ("**", &["a", ""], &[".a"]),
            ("?", &["a", "ü", "*", "?"], &["", "ab", "."]),
            ("a?c", &["abc", "aüc", "a.c"], &["ac", "abbc"]),
            ("[abc]", &["a", "b", "c"], &["d", "abc", ""]),
            ("[a-c1]x", &["ax", "cx", "1x"], &["dx", "-x", "x"]),
            ("[!a-c]", &["d", "ü", "!"], &["a", "b", "", "."]),
            ("[^a]", &["b", "^"], &["a"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[!]]", &["a"], &["]"]),
            ("[a-]", &["a", "-"], &["b", "]"]),
            ("[-a]", &["a", "-"], &["b"]),
            ("[z-a]*", &[], &["a", "z", "-"]),
            ("[ä-ü]", &["ö"], &["a", "ý"]),
            ("[*]", &["*"], &["a"]),
            ("[?]", &["?"], &["a"]),
            ("[?", &["[a"], &["a", "?", "[?x"]),
            ("*[", &["a[", "["], &["a"]),
            ("[!]*", &["[!]", "[!]a"], &["a"]),
            (".*", &[".a", "...", "."], &["a", ""]),
            (".?", &[".a"], &["a.", ".", ".ab"]),
            ("[.]*", &[], &[".a", "a"]),
        ] {
            for name in names {
                assert!(matches(pattern, name), "{pattern} matches {name}");
            }
            for name in others {
                assert!(!matches(pattern, name), "{pattern} does not match {name}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_characters_match_one_by_one() {
        let pattern = |text: &[u8]| Pattern::parse(text, LIMIT).unwrap();
        assert!(pattern(b"a?c").matches(b"a\xFFc"));
        assert!(pattern(b"a??c").matches(b"a\xC3\xFFc"));
        assert!(pattern(b"a?c").matches("aüc".as_bytes()) && !pattern(b"a??c").matches("aüc".as_bytes()));
        assert!(pattern(b"\xFF*").matches(b"\xFF") && !pattern(b"\xFF*").matches(b"\xFE"));
        assert!(pattern(b"[\x80-\xFE]").matches(b"\x81") && !pattern(b"[\x80-\xFE]").matches(b"\xFF"));
    }

    #[test]
    fn names_are_no_patterns() {
        for name in ["", "a", "a.csv", "[", "[]", "[!]", "[a", "a]", "[!a", "\\", "{a,b}", "~"] {
            assert_eq!(Pattern::parse(name.as_bytes(), LIMIT), None, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_as_long_as_the_limit_at_most() {
        assert!(Pattern::parse(&[b'*'; LIMIT], LIMIT).is_some());
        assert!(Pattern::parse(&[b'*'; LIMIT + 1], LIMIT).is_none());
        assert!(Pattern::parse(b"*", 0).is_none());
    }

    #[test]
    fn a_pattern_shows_its_text() {
        let pattern = Pattern::parse(b"*.csv", LIMIT).unwrap();
        assert_eq!(
            (pattern.as_bytes(), format!("{pattern:?}")),
            (&b"*.csv"[..], "Pattern(b\"*.csv\")".into())
        );
    }

    /// With backtracking from every `*`, this would not end.
    #[test]
    fn many_stars_take_no_time() {
        let pattern = Pattern::parse("*a".repeat(100).as_bytes(), LIMIT).unwrap();
        let mut name = vec![b'a'; 255];
        assert!(pattern.matches(&name));
        name.push(b'b');
        assert!(!pattern.matches(&name));
    }

    proptest! {
        /// A pattern that is made from a name matches it.
        #[test]
        fn what_stands_for_a_part_of_a_name_matches(name in "[a-zäöü]{1,12}", cuts: (usize, usize)) {
            let ends: Vec<usize> = name.char_indices().map(|(at, _)| at).chain([name.len()]).collect();
            let (one, other) = (ends[cuts.0 % ends.len()], ends[cuts.1 % ends.len()]);
            let (start, end) = (one.min(other), one.max(other));
            let with_star = format!("{}*{}", &name[..start], &name[end..]);
            prop_assert!(matches(&with_star, &name));
            let marks = "?".repeat(name[start..end].chars().count());
            let with_marks = format!("{}{marks}{}", &name[..start], &name[end..]);
            if let Some(pattern) = Pattern::parse(with_marks.as_bytes(), LIMIT) {
                prop_assert!(pattern.matches(name.as_bytes()));
            }
        }

        #[test]
        fn nothing_panics(text: Vec<u8>, name: Vec<u8>) {
            if let Some(pattern) = Pattern::parse(&text, LIMIT) {
                let _ = pattern.matches(&name);
            }
        }
    }
}
