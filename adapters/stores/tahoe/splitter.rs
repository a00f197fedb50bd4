//! The gateway's JSON of a file or directory, taken apart as it comes: a directory of 100,000 entries has 28 MB of it.

use std::{mem, string::String, vec::Vec};

use serde_json::{Map, Value};

use super::{cap::Cap, node::Node};

/// The longest text of one entry, in bytes. Its name and capabilities are short; anything may have been noted about it.
const MEMBER_LIMIT: usize = 1 << 20;

/// How deep the members of the object itself are: `["dirnode", {"mutable": true}]`.
const PROPERTIES: usize = 2;
/// How deep the entries of a directory are: `["dirnode", {"children": {"name": …}}]`.
const CHILDREN: usize = 3;

/// An answer that is not what a gateway says of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway's JSON is malformed")]
pub(super) struct Malformed;

/// Takes such a text and yields the entries, one after the other.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// How many brackets and braces are open.
    depth: usize,
    string: Place,
    is_in_children: bool,
    /// The text since the last entry or property that came whole.
    member: Vec<u8>,
    kind: Option<String>,
    write_cap: Option<Cap>,
    is_whole: bool,
}

/// Where the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Outside,
    InString,
    /// In a string, behind a backslash.
    Escaped,
}

impl Splitter {
    /// Takes the next bytes, and yields the entries that end in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<(String, Node)>, Malformed> {
        let mut children = Vec::new();
        for &byte in bytes {
            if let Some(child) = self.take(byte)? {
                children.push(child);
            }
        }
        Ok(children)
    }

    /// What it is about, as soon as that has come: `dirnode`, `filenode` or `unknown`.
    pub(super) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The right to change the directory, once all of the text has come.
    pub(super) fn finish(self) -> Result<Option<Cap>, Malformed> {
        if self.is_whole { Ok(self.write_cap) } else { Err(Malformed) }
    }

    fn take(&mut self, byte: u8) -> Result<Option<(String, Node)>, Malformed> {
        self.string = match (self.string, byte) {
            (Place::Escaped, _) => Place::InString,
            (Place::InString, b'\\') => Place::Escaped,
            (Place::InString, b'"') => Place::Outside,
            (Place::Outside, b'"') => Place::InString,
            (Place::Outside, b'{' | b'[') => return self.open(byte).map(|()| None),
            (Place::Outside, b'}' | b']') => return self.close(byte),
            (Place::Outside, b',') if self.is_between_members() => return self.end_member(),
            (place, _) => place,
        };
        self.push(byte).map(|()| None)
    }

    const fn is_between_members(&self) -> bool {
        self.depth == PROPERTIES || (self.is_in_children && self.depth == CHILDREN)
    }

    fn push(&mut self, byte: u8) -> Result<(), Malformed> {
        let is_blank = byte.is_ascii_whitespace() && self.string == Place::Outside;
        if is_blank || (self.depth == 0 && self.is_whole) {
            return Ok(());
        }
        if self.member.len() >= MEMBER_LIMIT {
            return Err(Malformed);
        }
        self.member.push(byte);
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Malformed> {
        self.depth += 1;
        match (self.depth, self.member.as_slice()) {
            (1, b"") if !self.is_whole => Ok(()),
            (PROPERTIES, kind) => {
                let kind = kind.strip_suffix(b",").and_then(|kind| serde_json::from_slice(kind).ok());
                self.kind = Some(kind.ok_or(Malformed)?);
                self.member.clear();
                Ok(())
            }
            (CHILDREN, b"\"children\":") => {
                self.is_in_children = true;
                self.member.clear();
                Ok(())
            }
            (0 | 1, _) => Err(Malformed),
            _ => self.push(byte),
        }
    }

    fn close(&mut self, byte: u8) -> Result<Option<(String, Node)>, Malformed> {
        let closed = self.depth;
        self.depth = closed.checked_sub(1).ok_or(Malformed)?;
        match closed {
            1 => {
                self.is_whole = self.kind.is_some();
                Ok(None)
            }
            PROPERTIES => self.end_member_at(closed),
            CHILDREN if self.is_in_children => {
                let child = self.end_member_at(closed)?;
                self.is_in_children = false;
                Ok(child)
            }
            _ => self.push(byte).map(|()| None),
        }
    }

    fn end_member(&mut self) -> Result<Option<(String, Node)>, Malformed> {
        self.end_member_at(self.depth)
    }

    /// Reads the member that ends here, at that depth. There is none in `{}`, nor behind the entries of a directory.
    fn end_member_at(&mut self, depth: usize) -> Result<Option<(String, Node)>, Malformed> {
        let member = mem::take(&mut self.member);
        if member.is_empty() {
            return Ok(None);
        }
        let object = [b"{", member.as_slice(), b"}"].concat();
        let members: Map<String, Value> = serde_json::from_slice(&object).map_err(|_| Malformed)?;
        let (name, value) = members.into_iter().next().ok_or(Malformed)?;
        if depth == CHILDREN {
            let node = Node::from_json(value).ok_or(Malformed)?;
            return Ok(Some((name, node)));
        }
        if name == "rw_uri" {
            self.write_cap = value.as_str().and_then(Cap::parse);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString};

    use super::*;

    const DIRECTORY: &str = r#"[
 "dirnode",
 {
  "children": {
   "a, \"}]\\": ["filenode", {"mutable": false, "size": 3, "metadata": {"x": {"children": {"no": 1}}, "y": [1, "]"]},
    "ro_uri": "URI:CHK:a:b:2:4:3"}],
   "\u00e9": ["dirnode", {"mutable": true, "rw_uri": "URI:DIR2:a:b", "ro_uri": "URI:DIR2-RO:c:b"}],
   "children": ["unknown", {}]
  },
  "ro_uri": "URI:DIR2-RO:w:q",
  "rw_uri": "URI:DIR2:m:q",
  "mutable": true
 }
]
"#;

    type Split = (String, Vec<String>, Option<Cap>);

    fn split(text: &str, size: usize) -> Result<Split, Malformed> {
        let mut splitter = Splitter::default();
        let mut names = Vec::new();
        for bytes in text.as_bytes().chunks(size) {
            names.extend(
                splitter.feed(bytes)?.into_iter().map(|(name, node)| format!("{name} {:?}", node.kind)),
            );
        }
        let kind = splitter.kind().unwrap_or_default().to_string();
        Ok((kind, names, splitter.finish()?))
    }

    #[test]
    fn entries_are_found_however_the_text_is_split() {
        for size in [1, 2, 3, 7, 64, 10_000] {
            let (kind, names, cap) = split(DIRECTORY, size).unwrap();
            assert_eq!(kind, "dirnode");
            assert_eq!(names, ["a, \"}]\\ Immutable { size: 3 }", "é Directory", "children Unknown"]);
            assert_eq!(cap.unwrap().expose(), "URI:DIR2:m:q");
        }
    }

    #[test]
    fn there_may_be_no_entries_and_no_right_to_change() {
        let (kind, names, cap) = split(r#"["dirnode",{"children":{},"mutable":false}]"#, 5).unwrap();
        assert_eq!((kind.as_str(), names.len(), cap), ("dirnode", 0, None));
        let (kind, names, _) = split(r#"["filenode", {"size": 5, "metadata": {"a": {}}}]"#, 5).unwrap();
        assert_eq!((kind.as_str(), names.len()), ("filenode", 0));
        assert_eq!(split(r#"["unknown", {}]"#, 5).unwrap().0, "unknown");
    }

    #[test]
    fn a_text_that_was_cut_off_is_malformed() {
        let end = DIRECTORY.trim_end().len();
        for cut in 0..end {
            if DIRECTORY.is_char_boundary(cut) {
                assert_eq!(split(&DIRECTORY[..cut], 10), Err(Malformed), "{cut}");
            }
        }
    }

    #[test]
    fn another_text_is_malformed() {
        for text in [
            "",
            "<html>",
            "]",
            "{}",
            r#"["dirnode"]"#,
            r#"[["dirnode"]]"#,
            r#"{"error": "no"}"#,
            r#"["dirnode", {"children": {"a": 1}}]"#,
            r#"["dirnode", {"children": {"a" ["filenode", {}]}}]"#,
            r#"[5, {}]"#,
        ] {
            assert_eq!(split(text, 100).err(), Some(Malformed), "{text}");
        }
    }

    #[test]
    fn an_entry_without_end_does_not_fill_memory() {
        let mut splitter = Splitter::default();
        splitter.feed(br#"["dirnode", {"children": {""#).unwrap();
        let fed = (0..100).try_for_each(|_| splitter.feed(&[b'x'; 100_000]).map(drop));
        assert_eq!(fed, Err(Malformed));
    }
}
