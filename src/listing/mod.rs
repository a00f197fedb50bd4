//! The lines of `LIST`, `NLST` and `MLSD` (RFC 959 4.1.3, RFC 3659 7).

mod facts;
mod number;

use bytes::{BufMut, Bytes, BytesMut};

pub use self::facts::Facts;
use self::number::put_number;
use crate::{
    pathname::refuse_non_segment,
    storage::{Entry, EntryKind, Link, Metadata, Right, UnixAttributes},
    time_value::{Civil, TimeValue},
};

/// Half a year of the Gregorian calendar. `ls` shows the time of day of what is younger, and else the year.
const RECENT_SECONDS: i64 = 31_556_952 / 2;

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// What a line needs unless its name is a long one, in bytes.
const ROOM_FOR_A_LINE: usize = 256;

/// How the entries of a directory are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingFormat {
    /// `LIST`: as `ls -l` does, in English and UTC, with numbers for owner and group. Where the store has no unix
    /// attributes, they are made up from what the user may do.
    ///
    /// Something that is neither file, directory nor symbolic link has the letter of a FIFO (`p`), which clients
    /// neither enter nor retrieve. A symbolic link has ` -> ` and its target behind its name, or a `?` where that is not
    /// for clients, who take the line for broken without it.
    Long,
    /// `LIST -F`: the same, with a `/` behind the name of a directory, and a `*` behind that of a file that anybody may
    /// execute. Of a symbolic link, that stands behind its target, as with `ls -lF`: a client that cuts the target off
    /// would take a `@` for a part of the link's name.
    LongWithKinds,
    /// `NLST`: the names.
    Names {
        /// Stands before each name, so that the client can use the line as an argument: `dir/` for `NLST dir`.
        prefix: Bytes,
    },
    /// `MLSD`: facts and names.
    Machine(Facts),
}

impl ListingFormat {
    /// The format for what has a name of its own in the argument, or matches its last segment, where `self` is that for
    /// the entries of a directory of this name.
    pub(crate) fn beside_argument(&self) -> Self {
        match self {
            // The prefix is the argument, but for the slash that it has got.
            Self::Names { prefix } => {
                let argument = prefix.strip_suffix(b"/").unwrap_or(prefix);
                let start = argument.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
                Self::Names { prefix: prefix.slice(..start) }
            }
            other => other.clone(),
        }
    }

    /// Appends the line of `entry` with its CR LF; nothing if its name [cannot be sent](entry_name_is_sendable), but that
    /// `LIST` shows `.` and `..`, too.
    ///
    /// `now` is the time of day, which only `LIST` looks at.
    ///
    /// ```
    /// use bytes::{Bytes, BytesMut};
    /// use sansftp::{listing::ListingFormat, storage::{Entry, Metadata}, time_value::TimeValue};
    ///
    /// let modified = Some(TimeValue::parse(b"20261122210000").unwrap());
    /// let metadata = Metadata { modified, ..Metadata::file(1234) };
    /// let entry = Entry::new(Bytes::from_static(b"notes.txt"), metadata);
    /// let mut line = BytesMut::new();
    /// ListingFormat::Long.line(TimeValue::parse(b"20261224000000").unwrap(), &entry, &mut line);
    /// assert_eq!(&line[..], b"-rw-r--r--   1 ftp      ftp          1234 Nov 22 21:00 notes.txt\r\n");
    /// ```
    pub fn line(&self, now: TimeValue, entry: &Entry, out: &mut BytesMut) {
        let Entry { name, metadata, link } = entry;
        let is_list = matches!(self, Self::Long | Self::LongWithKinds);
        let is_shown = entry_name_is_sendable(name) || is_list && matches!(&name[..], b"." | b"..");
        if !is_shown {
            return;
        }
        out.reserve(ROOM_FOR_A_LINE);
        match self {
            Self::Long | Self::LongWithKinds => put_long(now, metadata, link.as_ref(), out),
            Self::Names { prefix } => out.put_slice(prefix),
            Self::Machine(facts) => {
                facts.write(metadata, out);
                out.put_u8(b' ');
            }
        }
        out.put_slice(name);
        let is_link = link.is_some() || metadata.kind == EntryKind::Symlink;
        if is_list && is_link {
            put_target(link.as_ref(), out);
        }
        if matches!(self, Self::LongWithKinds) {
            out.put_slice(kind_mark(metadata));
        }
        out.put_slice(b"\r\n");
    }
}

/// Whether a listing can show the name, and a client ask for it: it is neither empty, `.` nor `..`, and has no `/`,
/// NUL, CR or LF.
#[must_use]
pub fn entry_name_is_sendable(name: &[u8]) -> bool {
    refuse_non_segment(name).is_ok()
}

fn put_long(now: TimeValue, metadata: &Metadata, link: Option<&Link>, out: &mut BytesMut) {
    if let Some(Link { target, modified, unix }) = link {
        let (kind, size) = (EntryKind::Symlink, target.len() as u64);
        let of_link = Metadata { kind, size, modified: *modified, unix: *unix, ..metadata.clone() };
        return put_long(now, &of_link, None, out);
    }
    match metadata.unix {
        Some(UnixAttributes { mode, links, owner, group }) => {
            put_mode(metadata.kind, mode, out);
            out.put_u8(b' ');
            put_number::<10>(links, 3, out);
            put_owner(owner, out);
            put_owner(group, out);
        }
        None => {
            put_mode(metadata.kind, invented_mode(metadata), out);
            out.put_slice(b"   1 ftp      ftp     ");
        }
    }
    out.put_u8(b' ');
    put_number::<10>(metadata.size, 8, out);
    put_date(now, metadata.modified, out);
    out.put_u8(b' ');
}

/// What `ls -F` has behind a name.
fn kind_mark(metadata: &Metadata) -> &'static [u8] {
    let is_program = metadata.unix.is_some_and(|unix| unix.mode & 0o111 != 0);
    match metadata.kind {
        EntryKind::Directory => b"/",
        EntryKind::File if is_program => b"*",
        _ => b"",
    }
}

/// ` -> ` and what the link says, in which no byte may break the line.
fn put_target(link: Option<&Link>, out: &mut BytesMut) {
    out.put_slice(b" -> ");
    let target = link.map_or(&b"?"[..], |link| &link.target);
    out.extend(target.iter().map(|byte| if b"\r\n\0".contains(byte) { b'?' } else { *byte }));
}

/// Permission bits that say what the user may do; nobody else may change anything.
const fn invented_mode(metadata: &Metadata) -> u32 {
    let permissions = metadata.permissions;
    let (read, write, execute) = match metadata.kind {
        EntryKind::Symlink => return 0o777,
        EntryKind::Directory => {
            let changes = permissions.has(Right::Create) || permissions.has(Right::MakeDirectory);
            (permissions.has(Right::List), changes, permissions.has(Right::Enter))
        }
        EntryKind::File | EntryKind::Other => {
            (permissions.has(Right::Retrieve), permissions.has(Right::Store), false)
        }
    };
    0o444 * read as u32 + 0o200 * write as u32 + 0o111 * execute as u32
}

fn put_mode(kind: EntryKind, mode: u32, out: &mut BytesMut) {
    out.put_u8(match kind {
        EntryKind::File => b'-',
        EntryKind::Directory => b'd',
        EntryKind::Symlink => b'l',
        EntryKind::Other => b'p',
    });
    for (bits, special, letter) in
        [(mode >> 6, mode & 0o4000, b's'), (mode >> 3, mode & 0o2000, b's'), (mode, mode & 0o1000, b't')]
    {
        out.put_u8(if bits & 4 == 0 { b'-' } else { b'r' });
        out.put_u8(if bits & 2 == 0 { b'-' } else { b'w' });
        out.put_u8(match (bits & 1, special) {
            (0, 0) => b'-',
            (_, 0) => b'x',
            (0, _) => letter.to_ascii_uppercase(),
            (_, _) => letter,
        });
    }
}

/// A blank, and the number in a column of eight.
fn put_owner(number: u32, out: &mut BytesMut) {
    out.put_u8(b' ');
    let column_end = out.len() + 8;
    put_number::<10>(number.into(), 0, out);
    out.put_bytes(b' ', column_end.saturating_sub(out.len()));
}

/// ` Nov 22 21:00` or ` Nov 22  2026`. A time that is still to come has its year, too, because clients that read no
/// year take the time for past; a time that is not known is the first of January 1970.
fn put_date(now: TimeValue, modified: Option<TimeValue>, out: &mut BytesMut) {
    let is_recent = modified.is_some_and(|modified| {
        let age_seconds = now.unix_seconds().saturating_sub(modified.unix_seconds());
        (0..=RECENT_SECONDS).contains(&age_seconds)
    });
    let Civil { year, month, day, hour, minute, .. } = modified.unwrap_or(TimeValue::from_unix(0, 0)).civil();
    out.put_u8(b' ');
    out.put_slice(MONTHS.get(usize::from(month) - 1).copied().unwrap_or_default());
    put_number::<10>(day.into(), 3, out);
    out.put_u8(b' ');
    if is_recent {
        out.put_slice(&[b'0' + hour / 10, b'0' + hour % 10, b':', b'0' + minute / 10, b'0' + minute % 10]);
    } else {
        put_number::<10>(year.clamp(0, 9999).unsigned_abs(), 5, out);
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec};

    use proptest::prelude::*;

    use super::*;
    use crate::{pathname::Pathname, storage::Permissions};

    fn time(text: &str) -> TimeValue {
        TimeValue::parse(text.as_bytes()).unwrap()
    }

    fn entry(name: &[u8], metadata: Metadata) -> Entry {
        Entry::new(Bytes::copy_from_slice(name), metadata)
    }

    fn line(format: &ListingFormat, now: TimeValue, entry: &Entry) -> String {
        let mut out = BytesMut::new();
        format.line(now, entry, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn long(metadata: Metadata) -> String {
        line(&ListingFormat::Long, time("20261122213000"), &entry(b"name", metadata))
    }

    fn unix(mode: u32) -> Option<UnixAttributes> {
        Some(UnixAttributes { mode, links: 2, owner: 1000, group: 65534 })
    }

    #[test]
    fn long_lines_are_those_of_ls() {
        let modified = Some(time("20261122210000"));
        let file = Metadata { modified, ..Metadata::file(1234) };
        let directory = Metadata { modified, ..Metadata::directory() };
        for (metadata, expected) in [
            (file.clone(), "-rw-r--r--   1 ftp      ftp          1234 Nov 22 21:00 name\r\n"),
            (directory.clone(), "drwxr-xr-x   1 ftp      ftp             0 Nov 22 21:00 name\r\n"),
            (
                Metadata { unix: unix(0o640), ..file.clone() },
                "-rw-r-----   2 1000     65534        1234 Nov 22 21:00 name\r\n",
            ),
            (
                Metadata { unix: unix(0o1777), size: 4096, ..directory.clone() },
                "drwxrwxrwt   2 1000     65534        4096 Nov 22 21:00 name\r\n",
            ),
            (
                Metadata { permissions: Permissions::read_only(EntryKind::File), ..file.clone() },
                "-r--r--r--   1 ftp      ftp          1234 Nov 22 21:00 name\r\n",
            ),
            (
                Metadata { permissions: Permissions::read_only(EntryKind::Directory), ..directory.clone() },
                "dr-xr-xr-x   1 ftp      ftp             0 Nov 22 21:00 name\r\n",
            ),
            (
                Metadata { permissions: Permissions::NONE, ..directory },
                "d---------   1 ftp      ftp             0 Nov 22 21:00 name\r\n",
            ),
            (
                Metadata { kind: EntryKind::Symlink, ..file.clone() },
                "lrwxrwxrwx   1 ftp      ftp          1234 Nov 22 21:00 name -> ?\r\n",
            ),
            (
                Metadata { kind: EntryKind::Other, ..file },
                "prw-r--r--   1 ftp      ftp          1234 Nov 22 21:00 name\r\n",
            ),
        ] {
            assert_eq!(long(metadata), expected);
        }
    }

    #[test]
    fn long_lines_have_room_for_large_numbers() {
        let unix = Some(UnixAttributes { mode: 0o644, links: u64::MAX, owner: u32::MAX, group: 123_456_789 });
        assert_eq!(
            long(Metadata { unix, ..Metadata::file(u64::MAX) }),
            "-rw-r--r-- 18446744073709551615 4294967295 123456789 18446744073709551615 Jan  1  1970 name\r\n"
        );
    }

    /// `MLSD` tells of what a link leads to, `LIST` of the link.
    #[test]
    fn links_are_shown_as_ls_does() {
        let modified = Some(time("20261122210000"));
        let link = |target: &'static [u8]| {
            let unix = Some(UnixAttributes { mode: 0o777, links: 1, owner: 1000, group: 1000 });
            Some(Link { target: Bytes::from_static(target), modified, unix })
        };
        let leading_to = |metadata, target| Entry { link: link(target), ..entry(b"name", metadata) };
        let file = Metadata { unix: unix(0o640), ..Metadata::file(1234) };
        for (entry, long, machine) in [
            (
                leading_to(file.clone(), b"../a b"),
                "lrwxrwxrwx   1 1000     1000            6 Nov 22 21:00 name -> ../a b\r\n",
                "type=file;size=1234;perm=adfrw;UNIX.mode=0640; name\r\n",
            ),
            (
                leading_to(Metadata::directory(), b"d"),
                "lrwxrwxrwx   1 1000     1000            1 Nov 22 21:00 name -> d\r\n",
                "type=dir;perm=cdeflmp; name\r\n",
            ),
            (
                leading_to(Metadata { kind: EntryKind::Symlink, ..file.clone() }, b"a\r\n\0b"),
                "lrwxrwxrwx   1 1000     1000            5 Nov 22 21:00 name -> a???b\r\n",
                "type=OS.unix=symlink;perm=adfrw;UNIX.mode=0640; name\r\n",
            ),
        ] {
            let now = time("20261122213000");
            assert_eq!(line(&ListingFormat::Long, now, &entry), long);
            let facts = Facts::select(b"type;size;perm;UNIX.mode;");
            assert_eq!(line(&ListingFormat::Machine(facts), now, &entry), machine);
            assert_eq!(line(&ListingFormat::Names { prefix: Bytes::new() }, now, &entry), "name\r\n");
        }
    }

    #[test]
    fn special_bits_are_shown_as_ls_does() {
        for (mode, expected) in [
            (0o4755, "-rwsr-xr-x"),
            (0o4644, "-rwSr--r--"),
            (0o2755, "-rwxr-sr-x"),
            (0o2644, "-rw-r-Sr--"),
            (0o1755, "-rwxr-xr-t"),
            (0o1644, "-rw-r--r-T"),
            (0o7777, "-rwsrwsrwt"),
            (0o7000, "---S--S--T"),
            (0o100_644, "-rw-r--r--"),
        ] {
            assert!(
                long(Metadata { unix: unix(mode), ..Metadata::file(0) }).starts_with(&format!("{expected} "))
            );
        }
    }

    #[test]
    fn dates_within_half_a_year_have_a_time_of_day() {
        for (modified, now, expected) in [
            ("20261122213000", "20261122213000", "Nov 22 21:30"),
            ("20261122213001", "20261122213000", "Nov 22  2026"),
            ("20260601000000", "20261122213000", "Jun  1 00:00"),
            ("20260524063524", "20261122213000", "May 24 06:35"),
            ("20260524063523", "20261122213000", "May 24  2026"),
            ("20251231235959", "20260101000000", "Dec 31 23:59"),
            ("20240229123456", "20261122213000", "Feb 29  2024"),
            ("99991231235959", "20261122213000", "Dec 31  9999"),
        ] {
            let metadata = Metadata { modified: Some(time(modified)), ..Metadata::file(0) };
            let line = line(&ListingFormat::Long, time(now), &entry(b"name", metadata));
            assert!(line.ends_with(&format!(" {expected} name\r\n")), "{line:?}");
        }
        for (seconds, expected) in [(i64::MIN, "    0"), (i64::MAX, "  9999")] {
            let modified = Some(TimeValue::from_unix(seconds, 0));
            let line = long(Metadata { modified, ..Metadata::file(0) });
            assert!(line.ends_with(&format!("{expected} name\r\n")), "{line:?}");
        }
        let epoch = TimeValue::from_unix(0, 0);
        let line = line(&ListingFormat::Long, epoch, &entry(b"name", Metadata::file(0)));
        assert!(line.ends_with(" Jan  1  1970 name\r\n"), "an unknown time is never recent: {line:?}");
    }

    #[test]
    fn marks_are_those_of_ls() {
        let link = |metadata| Entry {
            link: Some(Link { target: Bytes::from_static(b"there"), modified: None, unix: None }),
            ..entry(b"name", metadata)
        };
        let file = |mode| Metadata { unix: unix(mode), ..Metadata::file(1) };
        for (entry, expected) in [
            (entry(b"name", Metadata::file(1)), " name"),
            (entry(b"name", file(0o644)), " name"),
            (entry(b"name", file(0o4644)), " name"),
            (entry(b"name", file(0o100)), " name*"),
            (entry(b"name", file(0o655)), " name*"),
            (entry(b"name", Metadata::directory()), " name/"),
            (entry(b".", Metadata::directory()), " ./"),
            (entry(b"..", Metadata::directory()), " ../"),
            (entry(b"name", Metadata { kind: EntryKind::Symlink, ..file(0o777) }), " name -> ?"),
            (entry(b"name", Metadata { kind: EntryKind::Other, ..file(0o777) }), " name"),
            (link(file(0o644)), " name -> there"),
            (link(file(0o755)), " name -> there*"),
            (link(Metadata::directory()), " name -> there/"),
        ] {
            let marked = line(&ListingFormat::LongWithKinds, time("20261122213000"), &entry);
            assert!(marked.ends_with(&format!("{expected}\r\n")), "{marked:?} should end with {expected:?}");
            let long = line(&ListingFormat::Long, time("20261122213000"), &entry);
            let unmarked = expected.trim_end_matches(['/', '*']);
            assert!(long.ends_with(&format!("{unmarked}\r\n")), "{long:?} has a mark");
        }
    }

    #[test]
    fn names_have_their_prefix() {
        let now = TimeValue::from_unix(0, 0);
        let entry = entry(b"a b", Metadata::file(0));
        assert_eq!(line(&ListingFormat::Names { prefix: Bytes::new() }, now, &entry), "a b\r\n");
        assert_eq!(
            line(&ListingFormat::Names { prefix: Bytes::from_static(b"x/") }, now, &entry),
            "x/a b\r\n"
        );
    }

    #[test]
    fn facts_stand_before_a_blank_and_the_name() {
        let format = ListingFormat::Machine(Facts::select(b"type;"));
        let line = line(&format, TimeValue::from_unix(0, 0), &entry(b" name; ", Metadata::file(1)));
        assert_eq!(line, "type=file;  name; \r\n");
        assert_eq!(
            self::line(
                &ListingFormat::Machine(Facts::select(b"")),
                TimeValue::from_unix(0, 0),
                &entry(b"a", Metadata::file(1))
            ),
            " a\r\n"
        );
    }

    #[test]
    fn names_that_cannot_be_sent_have_no_line() {
        let formats = [
            ListingFormat::Long,
            ListingFormat::Names { prefix: Bytes::from_static(b"x/") },
            ListingFormat::Machine(Facts::default()),
        ];
        for name in [b".", &b".."[..]] {
            assert!(!entry_name_is_sendable(name), "{}", name.escape_ascii());
            for format in &formats[1..] {
                assert_eq!(line(format, TimeValue::from_unix(0, 0), &entry(name, Metadata::file(1))), "");
            }
        }
        for name in [&b""[..], b"a/b", b"a\rb", b"a\nb", b"a\0b", b"a\r\nDELE b"] {
            assert!(!entry_name_is_sendable(name), "{}", name.escape_ascii());
            for format in &formats {
                assert_eq!(line(format, TimeValue::from_unix(0, 0), &entry(name, Metadata::file(1))), "");
            }
        }
        assert!(entry_name_is_sendable(b"..."));
        assert!(entry_name_is_sendable(b"\xFF \t\""));
    }

    fn metadata() -> impl Strategy<Value = Metadata> {
        let kind = prop::sample::select(vec![
            EntryKind::File,
            EntryKind::Directory,
            EntryKind::Symlink,
            EntryKind::Other,
        ]);
        let modified =
            prop::option::of((any::<i64>(), any::<u32>()).prop_map(|(s, n)| TimeValue::from_unix(s, n)));
        let unix = prop::option::of(
            any::<(u32, u64, u32, u32)>().prop_map(|(mode, links, owner, group)| UnixAttributes {
                mode,
                links,
                owner,
                group,
            }),
        );
        (kind, any::<u64>(), modified, unix, any::<Option<(u64, u64)>>()).prop_map(
            |(kind, size, modified, unix, unique)| {
                let permissions = Permissions::read_only(kind);
                Metadata { kind, size, modified, permissions, unix, unique }
            },
        )
    }

    proptest! {
        /// Promise 11: no byte of a name can break a line, and what is listed can be asked for.
        #[test]
        fn a_line_is_one_line(
            name in prop::collection::vec(any::<u8>(), 0..8),
            target in prop::option::of(prop::collection::vec(any::<u8>(), 0..8)),
            metadata in metadata(),
            now: i64,
        ) {
            let link = target.map(|target| Link { target: target.into(), modified: None, unix: None });
            let entry = Entry { link, ..entry(&name, metadata) };
            for format in [
                ListingFormat::Names { prefix: Bytes::new() },
                ListingFormat::Machine(Facts::default()),
                ListingFormat::Long,
                ListingFormat::LongWithKinds,
            ] {
                let mut out = BytesMut::new();
                format.line(TimeValue::from_unix(now, 0), &entry, &mut out);
                let is_list = matches!(format, ListingFormat::Long | ListingFormat::LongWithKinds);
                let is_dots = is_list && matches!(&name[..], b"." | b"..");
                if Pathname::root().join(&name).is_err() && !is_dots {
                    prop_assert!(out.is_empty());
                    continue;
                }
                let text = out.strip_suffix(b"\r\n").unwrap();
                prop_assert!(!text.iter().any(|byte| b"\r\n\0".contains(byte)));
                let is_link = entry.link.is_some() || entry.metadata.kind == EntryKind::Symlink;
                let arrow_and_target = match &entry.link {
                    _ if !is_link || !is_list => 0,
                    Some(link) => 4 + link.target.len(),
                    None => 5,
                };
                let mark = if format == ListingFormat::LongWithKinds { kind_mark(&entry.metadata) } else { b"" };
                let text = text.strip_suffix(mark).unwrap();
                let text = &text[..text.len() - arrow_and_target];
                prop_assert!(text.ends_with(&name));
                let before = &text[..text.len() - name.len()];
                prop_assert!(before.is_ascii());
                prop_assert!(before.is_empty() || before.ends_with(b" "));
            }
        }
    }
}
