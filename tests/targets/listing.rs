//! The lines of `LIST`, `NLST` and `MLSD`.
//!
//! Input: the time of day, the prefix of `NLST` and the argument of `OPTS MLST`; then entry after entry until it is
//! used up: metadata and a name of any bytes.

use bytes::{Bytes, BytesMut};
use sansftp::{
    Entry, EntryKind, Metadata, Pathname, TimeValue,
    listing::{Facts, ListingFormat, entry_name_is_sendable},
    storage::{Link, Permissions, UnixAttributes},
    time_value::{
        Civil,
        TimePrecision::{self, Milliseconds, Seconds},
    },
};

#[path = "input.rs"]
mod input;
use self::input::Input;

const FIRST_SECOND_OF_0000: i64 = -62_167_219_200;
const LAST_SECOND_OF_9999: i64 = 253_402_300_799;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let now = TimeValue::from_unix(i64::from(u32::from_le_bytes(input.bytes())), 0);
    let prefix = Bytes::copy_from_slice(take_name(&mut input));
    let selected = take_name(&mut input);
    // A list with a doubled mark wants milliseconds: no byte of the input has to say so.
    let times = if selected.windows(2).any(|pair| pair == b";;") { Milliseconds } else { Seconds };
    let facts = Facts::select(selected).with_times_in(times);
    let mut entries = vec![];
    while !input.is_used_up() {
        entries.push(take_entry(&mut input));
    }
    // LIST shows the directory itself and the one above.
    let is_in_list = |name: &[u8]| is_askable(name) || matches!(name, b"." | b"..");
    check(
        &entries,
        is_in_list,
        |entry, out| ListingFormat::Long.line(now, entry, out),
        |entry, line| {
            check_long(now, entry, line);
        },
    );
    check(
        &entries,
        is_in_list,
        |entry, out| ListingFormat::LongWithKinds.line(now, entry, out),
        |entry, line| {
            check_marked(now, entry, line);
        },
    );
    if !prefix.iter().any(|byte| b"\r\n\0".contains(byte)) {
        let names = ListingFormat::Names { prefix: prefix.clone() };
        check(
            &entries,
            is_askable,
            |entry, out| names.line(now, entry, out),
            |entry, line| {
                assert_eq!(line, [&prefix[..], &entry.name].concat());
            },
        );
    }
    let machine = ListingFormat::Machine(facts);
    check(
        &entries,
        is_askable,
        |entry, out| machine.line(now, entry, out),
        |entry, line| {
            check_machine(facts, times, entry, line);
        },
    );
}

/// A length and so many bytes.
fn take_name<'a>(input: &mut Input<'a>) -> &'a [u8] {
    let [length] = input.bytes();
    input.piece(length.into())
}

fn take_entry(input: &mut Input<'_>) -> Entry {
    let [shape, scale, mode_high, mode_low] = input.bytes();
    let kinds = [EntryKind::File, EntryKind::Directory, EntryKind::Symlink, EntryKind::Other];
    let kind = kinds[usize::from(shape & 3)];
    let permissions = match shape >> 2 & 3 {
        0 | 1 => Permissions::all(kind),
        2 => Permissions::read_only(kind),
        _ => Permissions::NONE,
    };
    let mut number = || u64::from_le_bytes(input.bytes()) >> (scale & 63);
    let size = number();
    let modified = (shape & 0x10 != 0)
        .then(|| TimeValue::from_unix(number().cast_signed(), u32::from(scale) * 4_000_000));
    let unix = (shape & 0x20 != 0).then(|| UnixAttributes {
        mode: u32::from(u16::from_be_bytes([mode_high, mode_low])) & 0o7777,
        links: number(),
        owner: u32::from(mode_high) << (scale & 31),
        group: u32::from(mode_low) << (scale & 31),
    });
    let unique = (shape & 0x40 != 0).then(|| (number(), number()));
    let metadata = Metadata { kind, size, modified, permissions, unix, unique };
    let link = (shape & 0x80 != 0).then(|| Link {
        target: Bytes::copy_from_slice(take_name(input)),
        modified: metadata.modified,
        unix: metadata.unix,
    });
    Entry { name: Bytes::copy_from_slice(take_name(input)), metadata, link }
}

/// Promise 11: an entry is one line, or none if its name cannot be sent, whatever stands before and behind it.
fn check(
    entries: &[Entry],
    is_shown: impl Fn(&[u8]) -> bool,
    put: impl Fn(&Entry, &mut BytesMut),
    check_line: impl Fn(&Entry, &[u8]),
) {
    let mut listing = BytesMut::new();
    for entry in entries {
        let before = listing.clone();
        put(entry, &mut listing);
        let added = listing.strip_prefix(&before[..]).expect("what was there stays");
        if added.is_empty() {
            assert!(!is_shown(&entry.name), "{:?} is left out", entry.name);
        }
    }
    let listed: Vec<&Entry> = entries.iter().filter(|entry| is_shown(&entry.name)).collect();
    for entry in entries {
        assert_eq!(entry_name_is_sendable(&entry.name), is_askable(&entry.name));
    }
    let mut rest = &listing[..];
    for entry in listed {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("every line has its end");
        let line = &rest[..end];
        assert!(!line.iter().any(|byte| b"\r\n\0".contains(byte)), "{} is broken", line.escape_ascii());
        check_line(entry, line);
        rest = &rest[end + 2..];
    }
    assert!(rest.is_empty(), "{} belongs to no entry", rest.escape_ascii());
}

/// Whether a client can ask for it in its directory.
fn is_askable(name: &[u8]) -> bool {
    Pathname::root().join(name).is_ok()
}

/// `ls -F`: but for its mark, the line is that of `ls`.
fn check_marked(now: TimeValue, entry: &Entry, line: &[u8]) {
    let metadata = &entry.metadata;
    let mut unmarked = BytesMut::new();
    ListingFormat::Long.line(now, entry, &mut unmarked);
    let unmarked = unmarked.strip_suffix(b"\r\n").expect("it has the same entries");
    let mark: &[u8] = match (metadata.kind, metadata.unix) {
        (EntryKind::Directory, _) => b"/",
        (EntryKind::File, Some(unix)) if [0o100, 0o010, 0o001].iter().any(|bit| unix.mode & bit != 0) => b"*",
        _ => b"",
    };
    assert_eq!(line, [unmarked, mark].concat());
}

/// Reads the line as clients do: columns between blanks, and the name one blank behind the date.
fn check_long(now: TimeValue, entry: &Entry, line: &[u8]) {
    let Entry { name, metadata, link } = entry;
    let is_link = link.is_some() || metadata.kind == EntryKind::Symlink;
    let line = if is_link { without_target(link.as_ref(), line) } else { line };
    let columns =
        line.strip_suffix(&name[..]).and_then(|rest| rest.strip_suffix(b" ")).expect("the name is last");
    let text = str::from_utf8(columns).expect("all but the name is ASCII");
    assert!(text.is_ascii() && !text.ends_with(' '));
    let columns: Vec<&str> = text.split_ascii_whitespace().collect();
    let [mode, links, owner, group, size, month, day, year_or_time] = columns[..] else {
        panic!("{text:?} has {} columns", columns.len())
    };
    let (letter, bits) = mode.split_at(1);
    let expected = match metadata.kind {
        _ if is_link => "l",
        EntryKind::File => "-",
        EntryKind::Directory => "d",
        EntryKind::Symlink => "l",
        EntryKind::Other => "p",
    };
    assert_eq!(letter, expected);
    assert_eq!(size.parse(), Ok(link.as_ref().map_or(metadata.size, |link| link.target.len() as u64)));
    match metadata.unix {
        Some(unix) => {
            assert_eq!(mode_of(bits), unix.mode, "{bits}");
            assert_eq!(
                (links.parse(), owner.parse(), group.parse()),
                (Ok(unix.links), Ok(unix.owner), Ok(unix.group))
            );
        }
        None => {
            let is_known = letter == "-" || letter == "d";
            let is_readable = is_known && metadata.permissions != Permissions::NONE;
            let is_writable = is_known && metadata.permissions == Permissions::all(metadata.kind);
            assert_eq!(bits.starts_with('r'), is_readable || letter == "l");
            assert_eq!(mode_of(bits) & 0o200 != 0, is_writable || letter == "l");
            assert_eq!((links, owner, group), ("1", "ftp", "ftp"));
        }
    }
    check_date(now, metadata.modified, [month, day, year_or_time]);
}

/// The line before ` -> ` and what the link says, of which only bytes that break lines are not told.
fn without_target<'a>(link: Option<&Link>, line: &'a [u8]) -> &'a [u8] {
    let target = link.map_or(vec![b'?'], |link| link.target.to_vec());
    let (rest, shown) = line.split_at(line.len() - target.len());
    let is_told = |(told, byte): (&u8, &u8)| told == byte || (*told == b'?' && b"\r\n\0".contains(byte));
    assert!(shown.iter().zip(&target).all(is_told), "{}", line.escape_ascii());
    rest.strip_suffix(b" -> ").expect("an arrow stands before the target")
}

/// `rwsr-Sr-t`, read again.
fn mode_of(bits: &str) -> u32 {
    assert_eq!(bits.len(), 9, "{bits}");
    let mut mode = 0;
    for (at, letter) in bits.chars().enumerate() {
        let bit = 0o400 >> at;
        let special = 0o4000 >> (at / 3);
        mode |= match (at % 3, letter) {
            (_, '-') => 0,
            (0, 'r') | (1, 'w') | (2, 'x') => bit,
            (2, 's') if at < 8 => bit | special,
            (2, 'S') if at < 8 => special,
            (2, 't') if at == 8 => bit | special,
            (2, 'T') if at == 8 => special,
            _ => panic!("{letter} at {at} in {bits}"),
        };
    }
    mode
}

/// A time of day means the last half year; a client that adds the year that fits finds the minute.
fn check_date(now: TimeValue, modified: Option<TimeValue>, [month, day, year_or_time]: [&str; 3]) {
    let modified = modified.unwrap_or(TimeValue::from_unix(0, 0));
    let Civil { year, month: month_number, day: day_of_month, hour, minute, .. } = modified.civil();
    assert_eq!((month, day.parse()), (MONTHS[usize::from(month_number) - 1], Ok(day_of_month)));
    match year_or_time.split_once(':') {
        None => assert_eq!(year_or_time.parse(), Ok(year.clamp(0, 9999))),
        Some((hours, minutes)) => {
            assert_eq!((hours.len(), minutes.len()), (2, 2));
            assert_eq!((hours.parse(), minutes.parse()), (Ok(hour), Ok(minute)));
            assert!(
                modified.unix_seconds() <= now.unix_seconds(),
                "a time that is still to come has its year"
            );
            let today = now.civil();
            let is_past = (month_number, day_of_month, hour, minute)
                <= (today.month, today.day, today.hour, today.minute);
            assert_eq!(if is_past { today.year } else { today.year - 1 }, year);
        }
    }
}

/// RFC 3659 7.2: facts, each with its `;`, one blank, and the name.
fn check_machine(facts: Facts, times: TimePrecision, entry: &Entry, line: &[u8]) {
    let Entry { name, metadata, .. } = entry;
    let blank = line.iter().position(|&byte| byte == b' ').expect("a blank ends the facts");
    assert_eq!(&line[blank + 1..], name);
    let text = str::from_utf8(&line[..blank]).expect("facts are ASCII");
    let told: Vec<(&str, &str)> =
        text.split_terminator(';').map(|fact| fact.split_once('=').expect("a fact has a value")).collect();
    assert!(text.is_empty() || text.ends_with(';'));

    let expected: Vec<(&str, String)> =
        facts.names().filter_map(|name| Some((name, fact(name, times, metadata)?))).collect();
    assert_eq!(told.len(), expected.len(), "{text}");
    for ((name, value), (expected_name, expected)) in told.into_iter().zip(expected) {
        assert_eq!((name, value), (expected_name, &expected[..]));
        if name == "modify"
            && let Some(modified) = metadata.modified
        {
            check_modify(modified, times, value);
        }
    }
}

fn fact(name: &str, times: TimePrecision, metadata: &Metadata) -> Option<String> {
    let kind = metadata.kind;
    match name {
        "type" => Some(match kind {
            EntryKind::File => "file".into(),
            EntryKind::Directory => "dir".into(),
            EntryKind::Symlink => "OS.unix=symlink".into(),
            EntryKind::Other => "OS.unix=other".into(),
        }),
        "size" => (kind == EntryKind::File).then(|| metadata.size.to_string()),
        "modify" => metadata.modified.map(|modified| match times {
            Seconds => modified.to_string().chars().take(14).collect(),
            Milliseconds => modified.to_string(),
        }),
        "perm" => Some(metadata.permissions.letters().map(char::from).collect()),
        "unique" => metadata.unique.map(|(volume, file)| format!("{volume:x}-{file:x}")),
        "UNIX.mode" => metadata.unix.map(|unix| format!("{:04o}", unix.mode)),
        "UNIX.owner" => metadata.unix.map(|unix| unix.owner.to_string()),
        "UNIX.group" => metadata.unix.map(|unix| unix.group.to_string()),
        other => panic!("nobody knows the fact {other}"),
    }
}

fn check_modify(modified: TimeValue, times: TimePrecision, value: &str) {
    if (FIRST_SECOND_OF_0000..=LAST_SECOND_OF_9999).contains(&modified.unix_seconds()) {
        let read = TimeValue::parse(value.as_bytes()).expect("it is a time");
        assert_eq!(read.unix_seconds(), modified.unix_seconds());
        let milliseconds = match times {
            Seconds => 0,
            Milliseconds => modified.subsec_nanoseconds() / 1_000_000,
        };
        assert_eq!(read.subsec_nanoseconds(), milliseconds * 1_000_000);
    }
}
