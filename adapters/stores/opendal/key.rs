//! Keys of objects, made of pathnames.

use std::{
    format,
    string::{String, ToString},
};

use super::super::{hidden_name::is_hidden, unique_name::NAME_LIMIT};
use crate::{
    pathname::Pathname,
    storage::{StorageError, StorageErrorKind},
};

/// The longest key that S3 and its like take, in bytes of UTF-8; what is before the operator's root counts.
const KEY_LIMIT: usize = 1024;

/// The key of the object at a pathname; empty for the root.
///
/// OpenDAL takes blanks off both ends of a key and then means another object, so no such key is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(String);

impl Key {
    /// The key of something that may be there.
    pub(super) fn existing(path: &Pathname) -> Result<Self, StorageError> {
        if path.segments().any(is_hidden) {
            return Err(StorageErrorKind::NotFound.into());
        }
        Self::parse(path).ok_or_else(|| {
            let sentence = "No such file or directory: names here are UTF-8 without blanks at their ends.";
            StorageError::new(StorageErrorKind::NotFound, sentence)
        })
    }

    /// The key of something that is to be made. `prefix_length` is what the operator puts before it.
    pub(super) fn new(path: &Pathname, prefix_length: usize) -> Result<Self, StorageError> {
        let refused = |sentence| StorageError::new(StorageErrorKind::NameRefused, sentence);
        let Some(key) = Self::parse(path) else {
            return Err(refused("Names here are UTF-8 without blanks at their ends."));
        };
        let name = path.name().unwrap_or_default();
        if path.segments().any(is_hidden) {
            return Err(StorageErrorKind::NameRefused.into());
        }
        // One byte more for the slash at the end of a directory's key.
        if name.len() > NAME_LIMIT || prefix_length + key.0.len() >= KEY_LIMIT {
            return Err(refused("That name is too long."));
        }
        // Services list keys as XML, which cannot hold control characters: one such name would spoil whole listings.
        if key
            .0
            .chars()
            .any(|character| character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
        {
            return Err(refused("Names here have no control characters."));
        }
        Ok(key)
    }

    fn parse(path: &Pathname) -> Option<Self> {
        let key = core::str::from_utf8(path.as_bytes()).ok()?.strip_prefix('/')?;
        (key.trim() == key).then(|| Self(key.to_string()))
    }

    pub(super) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As OpenDAL names a file.
    pub(super) fn file(&self) -> &str {
        &self.0
    }

    /// As OpenDAL names a directory: with a slash at the end.
    pub(super) fn directory(&self) -> String {
        format!("{}/", self.0)
    }

    /// The directory that it is in; `None` for the root.
    pub(super) fn parent(&self) -> Option<Self> {
        match self.0.rfind('/') {
            Some(slash) => self.0.get(..slash).map(|parent| Self(parent.to_string())),
            None if self.is_root() => None,
            None => Some(Self(String::new())),
        }
    }

    /// The key of another file in the same directory.
    pub(super) fn sibling(&self, name: &str) -> Self {
        match self.parent() {
            Some(parent) if !parent.is_root() => Self(parent.directory() + name),
            _ => Self(name.to_string()),
        }
    }

    /// Whether it is below the directory `other`, at any depth.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        other.is_root() || self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(bytes: &[u8]) -> Pathname {
        Pathname::root().resolve(bytes).unwrap()
    }

    #[test]
    fn a_key_is_the_pathname_without_its_first_slash() {
        let key = Key::new(&path(b"/a/b c/d"), 0).unwrap();
        assert_eq!((key.file(), key.directory().as_str()), ("a/b c/d", "a/b c/d/"));
        assert_eq!(key.parent().unwrap().file(), "a/b c");
        assert_eq!(key.sibling("e").file(), "a/b c/e");
        let top = Key::new(&path(b"/a"), 0).unwrap();
        assert!(top.parent().unwrap().is_root() && top.sibling("b").file() == "b");
        assert!(key.is_below(&top) && !top.is_below(&top) && top.is_below(&top.parent().unwrap()));
        let root = Key::existing(&Pathname::root()).unwrap();
        assert_eq!((root.directory().as_str(), root.parent()), ("/", None));
    }

    /// OpenDAL would make another name of each, or the service would.
    #[test]
    fn a_name_that_would_become_another_is_refused() {
        for name in [
            &b"/ a"[..],
            b"/a ",
            b"/ ",
            b"/a/b ",
            b"/a\t",
            "/a\u{a0}".as_bytes(),
            "/\u{3000}a".as_bytes(),
            b"/a\xff",
        ] {
            assert_eq!(
                Key::new(&path(name), 0).unwrap_err().kind(),
                StorageErrorKind::NameRefused,
                "{name:?}"
            );
            assert_eq!(
                Key::existing(&path(name)).unwrap_err().kind(),
                StorageErrorKind::NotFound,
                "{name:?}"
            );
        }
        for name in [&b"/a/ b"[..], b"/a /b", b"/a b", b"/a\\b", b"/%20", b"/a?b=c&d#e"] {
            assert_eq!(Key::new(&path(name), 0).unwrap().file().as_bytes(), &name[1..]);
        }
        for name in ["/\x1b[2J", "/a\x07/b", "/\u{85}x", "/\u{ffff}", "/.sansftp-x", "/.SANSFTP-/x"] {
            let path = path(name.as_bytes());
            assert_eq!(Key::new(&path, 0).unwrap_err().kind(), StorageErrorKind::NameRefused, "{name:?}");
        }
    }

    #[test]
    fn a_key_has_at_most_1024_bytes_with_its_prefix_and_a_slash() {
        let deep = |length: usize| path("/abc".repeat(length / 4).as_bytes());
        assert!(Key::new(&deep(1024), 0).is_ok(), "1023 bytes");
        assert!(Key::new(&deep(1024), 1).is_err());
        assert!(Key::new(&deep(1028), 0).is_err());
        assert!(Key::new(&path(&[b'n'; 255]), 0).is_ok() && Key::new(&path(&[b'n'; 256]), 0).is_err());
        assert!(Key::existing(&deep(4000)).is_ok());
    }
}
