//! What `MLST` and `MLSD` tell of a file or directory (RFC 3659 7.5).

use core::fmt;

use bytes::{BufMut, BytesMut};

use super::number::put_number;
use crate::{
    storage::{EntryKind, Metadata, UnixAttributes},
    time_value::TimePrecision,
};

/// Which facts `MLST` and `MLSD` tell; all of them by default, with times in whole seconds (RFC 3659 7.5).
///
/// ```
/// use bytes::BytesMut;
/// use sansftp::{listing::Facts, storage::Metadata};
///
/// let facts = Facts::select(b"Size;Type;Colour;");
/// let mut text = BytesMut::new();
/// facts.write(&Metadata::file(12), &mut text);
/// assert_eq!(&text[..], b"type=file;size=12;");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    selected: u8,
    times: TimePrecision,
}

#[derive(Clone, Copy)]
enum Fact {
    Type,
    Size,
    Modify,
    Perm,
    Unique,
    UnixMode,
    UnixOwner,
    UnixGroup,
}

impl Facts {
    /// The facts that are named in `argument`, each followed by a `;`, in either case; others are ignored. It is the
    /// argument of `OPTS MLST` (RFC 3659 7.9).
    #[must_use]
    pub fn select(argument: &[u8]) -> Self {
        let is_named = |fact: &Fact| {
            argument.split(|&byte| byte == b';').any(|name| name.eq_ignore_ascii_case(fact.name().as_bytes()))
        };
        Self { selected: Fact::ALL.into_iter().filter(is_named).map(Fact::bit).sum(), ..Self::default() }
    }

    /// The same facts, with times told in this precision.
    #[must_use]
    pub const fn with_times_in(self, times: TimePrecision) -> Self {
        Self { times, ..self }
    }

    /// The names of the selected facts, always in the same order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Fact::name)
    }

    /// Appends the selected facts that are known, `type=file;size=12;`, without the blank and the pathname that
    /// follow them in a line.
    pub fn write(self, metadata: &Metadata, out: &mut BytesMut) {
        for fact in self.iter() {
            fact.write(metadata, self.times, out);
        }
    }

    fn iter(self) -> impl Iterator<Item = Fact> {
        Fact::ALL.into_iter().filter(move |fact| self.selected & fact.bit() != 0)
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self { selected: Fact::ALL.into_iter().map(Fact::bit).sum(), times: TimePrecision::default() }
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")?;
        f.debug_set().entries(self.names()).finish()
    }
}

impl Fact {
    const ALL: [Self; 8] = [
        Self::Type,
        Self::Size,
        Self::Modify,
        Self::Perm,
        Self::Unique,
        Self::UnixMode,
        Self::UnixOwner,
        Self::UnixGroup,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Size => "size",
            Self::Modify => "modify",
            Self::Perm => "perm",
            Self::Unique => "unique",
            Self::UnixMode => "UNIX.mode",
            Self::UnixOwner => "UNIX.owner",
            Self::UnixGroup => "UNIX.group",
        }
    }

    fn write(self, metadata: &Metadata, times: TimePrecision, out: &mut BytesMut) {
        match self {
            Self::Type => out.put_slice(match metadata.kind {
                EntryKind::File => b"type=file;",
                EntryKind::Directory => b"type=dir;",
                EntryKind::Symlink => b"type=OS.unix=symlink;",
                EntryKind::Other => b"type=OS.unix=other;",
            }),
            Self::Size => {
                if metadata.kind == EntryKind::File {
                    out.put_slice(b"size=");
                    put_number::<10>(metadata.size, 0, out);
                    out.put_u8(b';');
                }
            }
            Self::Modify => {
                if let Some(modified) = metadata.modified {
                    out.put_slice(b"modify=");
                    modified.to_precision(times).write(out);
                    out.put_u8(b';');
                }
            }
            Self::Perm => {
                out.put_slice(b"perm=");
                out.extend(metadata.permissions.letters());
                out.put_u8(b';');
            }
            Self::Unique => {
                if let Some((volume, file)) = metadata.unique {
                    out.put_slice(b"unique=");
                    put_number::<16>(volume, 0, out);
                    out.put_u8(b'-');
                    put_number::<16>(file, 0, out);
                    out.put_u8(b';');
                }
            }
            Self::UnixMode => {
                if let Some(UnixAttributes { mode, .. }) = metadata.unix {
                    out.put_slice(b"UNIX.mode=");
                    out.put_slice(
                        &[mode >> 9, mode >> 6, mode >> 3, mode].map(|bits| b'0' + (bits & 7) as u8),
                    );
                    out.put_u8(b';');
                }
            }
            Self::UnixOwner => put_number_fact(b"UNIX.owner=", metadata.unix.map(|unix| unix.owner), out),
            Self::UnixGroup => put_number_fact(b"UNIX.group=", metadata.unix.map(|unix| unix.group), out),
        }
    }
}

/// A fact whose value is a number, if that is known.
fn put_number_fact(name: &[u8], number: Option<u32>, out: &mut BytesMut) {
    if let Some(number) = number {
        out.put_slice(name);
        put_number::<10>(number.into(), 0, out);
        out.put_u8(b';');
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use super::*;
    use crate::{storage::Permissions, time_value::TimeValue};

    fn facts(metadata: &Metadata) -> String {
        let mut out = BytesMut::new();
        Facts::default().write(metadata, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn unix(mode: u32) -> Option<UnixAttributes> {
        Some(UnixAttributes { mode, links: 2, owner: 1000, group: 65534 })
    }

    #[test]
    fn facts_tell_what_is_known() {
        assert_eq!(facts(&Metadata::file(12)), "type=file;size=12;perm=adfrw;");
        assert_eq!(facts(&Metadata::directory()), "type=dir;perm=cdeflmp;");
        let known = Metadata {
            kind: EntryKind::Symlink,
            size: 12,
            modified: Some(TimeValue::from_unix(1_000_000_000, 5_000_000)),
            permissions: Permissions::NONE,
            unix: unix(0o4750),
            unique: Some((0xFD01, u64::MAX)),
        };
        assert_eq!(
            facts(&known),
            "type=OS.unix=symlink;modify=20010909014640;perm=;unique=fd01-ffffffffffffffff;\
             UNIX.mode=4750;UNIX.owner=1000;UNIX.group=65534;"
        );
        assert_eq!(
            facts(&Metadata {
                kind: EntryKind::Other,
                unix: unix(0o644),
                unique: Some((0, 0)),
                ..Metadata::file(1)
            }),
            "type=OS.unix=other;perm=adfrw;unique=0-0;UNIX.mode=0644;UNIX.owner=1000;UNIX.group=65534;"
        );
    }

    #[test]
    fn times_have_milliseconds_where_that_is_wanted() {
        let facts = Facts::select(b"modify;").with_times_in(TimePrecision::Milliseconds);
        for (nanoseconds, expected) in
            [(5_999_999, "modify=20010909014640.005;"), (0, "modify=20010909014640;")]
        {
            let modified = Some(TimeValue::from_unix(1_000_000_000, nanoseconds));
            let mut out = BytesMut::new();
            facts.write(&Metadata { modified, ..Metadata::file(1) }, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn facts_are_selected_by_name() {
        let names = |argument: &[u8]| Facts::select(argument).names().collect::<Vec<_>>();
        assert_eq!(names(b"unix.MODE;TYPE;type;"), ["type", "UNIX.mode"]);
        assert_eq!(names(b"size"), ["size"]);
        assert_eq!(names(b""), [""; 0]);
        assert_eq!(names(b"colour;typ;types;;"), [""; 0]);
        let all: Vec<_> = Facts::default().names().collect();
        let every = ["type", "size", "modify", "perm", "unique", "UNIX.mode", "UNIX.owner", "UNIX.group"];
        assert_eq!(all, every);
        assert_eq!(Facts::select(all.join(";").as_bytes()), Facts::default());
        assert_eq!(format!("{:?}", Facts::select(b"size;type")), r#"Facts{"type", "size"}"#);
    }
}
