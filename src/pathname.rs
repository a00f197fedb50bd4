//! Pathnames as a server understands them: absolute, normalised, made of bytes.
//!
//! RFC 959 says nothing about what is inside a pathname. This library takes the `/` and the `.` and `..` of TVFS
//! (RFC 3659 6), and every byte but NUL, CR and LF, because those cannot be sent over a control connection.

use alloc::vec::Vec;
use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr_iter, memchr3, memrchr};

/// The absolute pathname of a file or directory.
///
/// It starts with `/`, ends without one (but for the root), and has no empty, `.` or `..` segment, nor NUL, CR or LF.
/// It need not be UTF-8. A clone shares its memory, and so does [`parent`](Self::parent).
///
/// ```
/// use sansftp::pathname::Pathname;
///
/// let directory = Pathname::root().resolve(b"/pub/music")?;
/// let file = directory.resolve(b"../films/./night.mkv")?;
/// assert_eq!(file.as_bytes(), b"/pub/films/night.mkv");
/// assert_eq!(file.name(), Some(&b"night.mkv"[..]));
/// assert_eq!(directory.resolve(b"../../../../..")?, Pathname::root());
/// # Ok::<(), sansftp::pathname::PathnameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pathname(Bytes);

impl Pathname {
    /// The longest pathname, in bytes: twice what most systems take. It keeps a working directory that goes ever
    /// deeper from filling memory.
    pub const LENGTH_LIMIT: usize = 8192;

    /// The directory `/`.
    #[must_use]
    pub const fn root() -> Self {
        Self(Bytes::from_static(b"/"))
    }

    /// What `argument` means in the working directory `self`.
    ///
    /// An argument that starts with `/` is absolute. An empty one means the working directory. Slashes that repeat or
    /// end it say nothing, and `..` in the root stays there.
    ///
    /// # Errors
    ///
    /// [`PathnameError::ForbiddenByte`] and [`PathnameError::TooLong`].
    pub fn resolve(&self, argument: &[u8]) -> Result<Self, PathnameError> {
        refuse_forbidden_bytes(argument)?;
        let mut resolved = Vec::with_capacity(self.0.len() + argument.len() + 1);
        if !argument.starts_with(b"/") && !self.is_root() {
            resolved.extend_from_slice(&self.0);
        }
        for segment in argument.split(|&byte| byte == b'/') {
            match segment {
                b"" | b"." => {}
                b".." => resolved.truncate(memrchr(b'/', &resolved).unwrap_or(0)),
                name => {
                    resolved.push(b'/');
                    resolved.extend_from_slice(name);
                }
            }
        }
        match resolved.len() {
            0 => Ok(Self::root()),
            1..=Self::LENGTH_LIMIT => Ok(Self(resolved.into())),
            _ => Err(PathnameError::TooLong),
        }
    }

    /// The entry `name` of the directory `self`.
    ///
    /// # Errors
    ///
    /// Any [`PathnameError`]: here a name is one segment, and `.` and `..` are none.
    pub fn join(&self, name: &[u8]) -> Result<Self, PathnameError> {
        refuse_non_segment(name)?;
        self.resolve(name)
    }

    /// Its bytes, as a client would send them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes as they stand between the quotes of a `257` reply: every `"` is doubled (RFC 959, appendix II).
    #[must_use]
    pub fn quoted(&self) -> Bytes {
        let quotes = memchr_iter(b'"', &self.0).count();
        if quotes == 0 {
            return self.0.clone();
        }
        let mut quoted = BytesMut::with_capacity(self.0.len() + quotes);
        for piece in self.0.split_inclusive(|&byte| byte == b'"') {
            quoted.put_slice(piece);
            if piece.ends_with(b"\"") {
                quoted.put_u8(b'"');
            }
        }
        quoted.freeze()
    }

    /// Its segments from the root on; none for the root itself.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &[u8]> + Clone {
        self.0.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty())
    }

    /// The directory that it is in; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match memrchr(b'/', &self.0) {
            _ if self.is_root() => None,
            None | Some(0) => Some(Self::root()),
            Some(slash) => Some(Self(self.0.slice(..slash))),
        }
    }

    /// Its last segment; `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.segments().next_back()
    }

    /// Whether it is the directory `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }
}

/// For logs: what is not UTF-8, and control characters that could confuse a terminal, is shown as U+FFFD.
impl fmt::Display for Pathname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        for chunk in self.0.utf8_chunks() {
            for piece in chunk.valid().split_inclusive(char::is_control) {
                let text = piece.trim_end_matches(char::is_control);
                f.write_str(text)?;
                if text.len() < piece.len() {
                    f.write_char(char::REPLACEMENT_CHARACTER)?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Why an argument is no pathname.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PathnameError {
    /// It has a NUL, CR or LF, which no pathname can have here.
    #[error("a pathname cannot have NUL, CR or LF in it")]
    ForbiddenByte,
    /// It is longer than [`Pathname::LENGTH_LIMIT`].
    #[error("the pathname is too long")]
    TooLong,
    /// The name for [`Pathname::join`] is empty, `.` or `..`, or has a `/`.
    #[error("a name in a directory cannot be empty, \".\" or \"..\", nor have a slash in it")]
    NotASegment,
}

fn refuse_forbidden_bytes(bytes: &[u8]) -> Result<(), PathnameError> {
    match memchr3(b'\0', b'\r', b'\n', bytes) {
        Some(_) => Err(PathnameError::ForbiddenByte),
        None => Ok(()),
    }
}

/// Whether this can only be the name of a directory: it ends in a slash, or in `.` or `..`.
pub(crate) fn names_directory(argument: &[u8]) -> bool {
    matches!(argument.rsplit(|&byte| byte == b'/').next(), Some(b"" | b"." | b".."))
}

/// What [`Pathname::join`] refuses at once, wherever the name should go.
pub(crate) fn refuse_non_segment(name: &[u8]) -> Result<(), PathnameError> {
    if matches!(name, b"" | b"." | b"..") || memchr(b'/', name).is_some() {
        return Err(PathnameError::NotASegment);
    }
    refuse_forbidden_bytes(name)
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec};

    use proptest::prelude::*;

    use super::*;

    fn pathname(text: &[u8]) -> Pathname {
        Pathname::root().resolve(text).unwrap()
    }

    /// What an argument means, by a stack of names.
    fn oracle(working_directory: &Pathname, argument: &[u8]) -> Vec<u8> {
        let mut stack: Vec<Vec<u8>> = match argument.first() {
            Some(b'/') => vec![],
            _ => working_directory.segments().map(<[u8]>::to_vec).collect(),
        };
        for segment in argument.split(|&byte| byte == b'/') {
            match segment {
                b"" | b"." => {}
                b".." => drop(stack.pop()),
                name => stack.push(name.to_vec()),
            }
        }
        [b"/".as_slice(), &stack.join(&b'/')].concat()
    }

    /// Arguments in which dots and slashes are not rare.
    fn argument() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'/'), Just(b'.'), Just(b'"'), any::<u8>()];
        prop::collection::vec(byte, 0..40)
            .prop_filter("no forbidden byte", |argument| refuse_forbidden_bytes(argument).is_ok())
    }

    #[test]
    fn resolves_what_clients_send() {
        for (argument, expected) in [
            (&b""[..], &b"/home/me"[..]),
            (b".", b"/home/me"),
            (b"a", b"/home/me/a"),
            (b"a//b/", b"/home/me/a/b"),
            (b"./a/./b/.", b"/home/me/a/b"),
            (b"..", b"/home"),
            (b"../you", b"/home/you"),
            (b"../../..", b"/"),
            (b"/", b"/"),
            (b"//", b"/"),
            (b"/..", b"/"),
            (b"/../etc/passwd", b"/etc/passwd"),
            (b"/a/../../b", b"/b"),
            (b"...", b"/home/me/..."),
            (b"..a", b"/home/me/..a"),
            (b" a ", b"/home/me/ a "),
            (b"-la", b"/home/me/-la"),
            (b"a\\..\\b", b"/home/me/a\\..\\b"),
            (b"\xFF\xFE", b"/home/me/\xFF\xFE"),
        ] {
            let resolved = pathname(b"/home/me").resolve(argument).unwrap();
            assert_eq!(resolved.as_bytes(), expected, "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn some_names_are_directories_only() {
        for argument in [&b"/"[..], b"a/", b"a//", b".", b"..", b"a/.", b"a/..", b"/.."] {
            assert!(names_directory(argument), "{}", argument.escape_ascii());
        }
        for argument in [&b"a"[..], b"/a", b"a/b", b"...", b"..a", b"a.", b"a/b.."] {
            assert!(!names_directory(argument), "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn refuses_what_would_break_a_line() {
        for argument in [&b"a\rb"[..], b"a\nb", b"a\0b", b"/\r", b"\n/..", b"a\0/../b"] {
            assert_eq!(Pathname::root().resolve(argument), Err(PathnameError::ForbiddenByte));
        }
    }

    #[test]
    fn joins_one_segment() {
        let directory = pathname(b"/a");
        assert_eq!(directory.join(b"b").unwrap().as_bytes(), b"/a/b");
        assert_eq!(Pathname::root().join(b"b").unwrap().as_bytes(), b"/b");
        for name in [&b""[..], b".", b"..", b"b/c", b"/b", b"b/"] {
            assert_eq!(directory.join(name), Err(PathnameError::NotASegment));
        }
        assert_eq!(directory.join(b"b\n"), Err(PathnameError::ForbiddenByte));
    }

    #[test]
    fn does_not_grow_without_end() {
        let deepest = pathname(&b"/abc".repeat(Pathname::LENGTH_LIMIT / 4));
        assert_eq!(deepest.as_bytes().len(), Pathname::LENGTH_LIMIT);
        assert_eq!(deepest.join(b"d"), Err(PathnameError::TooLong));
        assert_eq!(deepest.resolve(b"../d").unwrap().name(), Some(&b"d"[..]));
    }

    #[test]
    fn knows_its_parts() {
        let file = pathname(b"/a/b/c");
        assert_eq!(file.segments().collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert_eq!(file.parent(), Some(pathname(b"/a/b")));
        assert_eq!(pathname(b"/a").parent(), Some(Pathname::root()));
        assert_eq!(Pathname::root().parent(), None);
        assert_eq!(Pathname::root().name(), None);
        assert_eq!(Pathname::root().segments().count(), 0);
        assert!(Pathname::root().is_root() && !pathname(b"/a").is_root());
    }

    #[test]
    fn clones_and_parents_share_memory() {
        let file = pathname(b"/a/b");
        assert_eq!(file.clone().as_bytes().as_ptr(), file.as_bytes().as_ptr());
        assert_eq!(file.parent().unwrap().as_bytes().as_ptr(), file.as_bytes().as_ptr());
        assert_eq!(file.quoted().as_ptr(), file.as_bytes().as_ptr());
    }

    #[test]
    fn doubles_quotes() {
        assert_eq!(&pathname(b"/a\"b\"\"").quoted()[..], b"/a\"\"b\"\"\"\"");
    }

    #[test]
    fn is_shown_without_harm() {
        assert_eq!(pathname("/Müller".as_bytes()).to_string(), "/Müller");
        assert_eq!(
            pathname(b"/a\xFFb\x1B[2Jc\x07\x07").to_string(),
            "/a\u{FFFD}b\u{FFFD}[2Jc\u{FFFD}\u{FFFD}"
        );
    }

    proptest! {
        #[test]
        fn resolves_like_a_stack_of_names(first in argument(), second in argument()) {
            let directory = pathname(&first);
            let resolved = directory.resolve(&second).unwrap();
            prop_assert_eq!(resolved.as_bytes(), oracle(&directory, &second));
        }

        #[test]
        fn is_what_it_resolves_to(argument in argument(), elsewhere in argument()) {
            let file = pathname(&argument);
            prop_assert_eq!(pathname(&elsewhere).resolve(file.as_bytes()).unwrap(), file);
        }

        #[test]
        fn is_its_name_in_its_parent(argument in argument()) {
            let file = pathname(&argument);
            match (file.parent(), file.name()) {
                (Some(parent), Some(name)) => prop_assert_eq!(parent.join(name).unwrap(), file),
                (None, None) => prop_assert!(file.is_root()),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn never_has_what_a_store_must_not_see(argument in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(file) = Pathname::root().resolve(&argument) {
                prop_assert!(file.as_bytes().starts_with(b"/"));
                prop_assert!(file.segments().all(|segment| refuse_non_segment(segment).is_ok()));
                prop_assert_eq!(file.as_bytes().iter().filter(|&&byte| byte == b'/').count(), file.segments().count().max(1));
            }
        }

        #[test]
        fn quotes_can_be_undone(argument in argument()) {
            let file = pathname(&argument);
            let quoted = file.quoted();
            prop_assert_eq!(quoted.split(|&byte| byte == b'"').count() % 2, 1);
            let unquoted = std::string::String::from_utf8_lossy(&quoted).replace("\"\"", "\"");
            prop_assert_eq!(unquoted, std::string::String::from_utf8_lossy(file.as_bytes()));
        }
    }
}
