//! A command line and its argument.
//!
//! Input: the line. What a session does about it is compared with what the RFCs say, read again here.

use std::net::{Ipv4Addr, Ipv6Addr};

use sansftp::{
    Command, Pathname, TimeValue,
    session::{Request, Selection},
    time_value::TimePrecision,
};

#[path = "dialogue.rs"]
mod dialogue;
use self::dialogue::{Dialogue, Said};

pub fn run(data: &[u8]) {
    check_parts(data);
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let said = Dialogue::on_loopback().say(line);
    check_case(line, &said);
    check_further(&said);
    match Command::parse(line) {
        Ok(command) if line.len() <= 4096 => {
            check_argument(&command.verb.to_string(), command.argument, &said);
            check_pathname(command, &said);
        }
        _ => assert!(said.code() == 500 && said.request.is_none()),
    }
}

/// A verb is three or four letters, and the argument is what follows its blank; both are parts of the line.
fn check_parts(line: &[u8]) {
    let word = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    let is_verb = matches!(word.len(), 3 | 4) && word.iter().all(u8::is_ascii_alphabetic);
    let Ok(command) = Command::parse(line) else {
        return assert!(!is_verb, "{} is refused", line.escape_ascii());
    };
    assert!(is_verb, "{} is taken", line.escape_ascii());
    assert_eq!(command.verb.as_bytes(), word.to_ascii_uppercase());
    assert_eq!(command.argument, line.get(word.len() + 1..).unwrap_or_default());
    let printed = [command.verb.to_string().as_bytes(), b" ", command.argument].concat();
    assert_eq!(Command::parse(&printed), Ok(command));
    for other in [line.to_ascii_uppercase(), line.to_ascii_lowercase()] {
        assert_eq!(Command::parse(&other).map(|other| other.verb), Ok(command.verb));
    }
}

/// RFC 959 5.3: the case of a verb says nothing.
fn check_case(line: &[u8], said: &Said) {
    let verb = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
    let mut other = line.to_vec();
    for letter in &mut other[..verb] {
        *letter = if letter.is_ascii_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
    }
    let other = Dialogue::on_loopback().say(&other);
    assert_eq!(format!("{other:?}"), format!("{said:?}"));
}

/// One question is enough for most lines; a time that was set is read back, and a name may be a pattern.
fn check_further(said: &Said) {
    match (&said.request, &said.further[..]) {
        (_, []) => {}
        (Some(Request::SetModified(pathname, _)), [Request::Stat(read)]) => assert_eq!(pathname, read),
        // Nothing is there, by the name of which the last segment is a pattern.
        (
            Some(Request::OpenListing(pathname, _)),
            [Request::OpenListing(above, Selection::Matching(pattern))],
        ) => {
            assert_eq!(pathname.parent().as_ref(), Some(above));
            assert_eq!(pathname.name(), Some(pattern.as_bytes()));
        }
        (first, further) => panic!("{first:?} is followed by {further:?}"),
    }
}

fn check_argument(verb: &str, argument: &[u8], said: &Said) {
    match verb {
        "REST" => check_number(verb, argument, said, 350, b"RETR file", |request| match request {
            Some(Request::OpenDownload { offset, .. }) => *offset,
            other => panic!("{other:?}"),
        }),
        "ALLO" => check_allo(argument, said),
        "TYPE" => check_type(argument, said),
        "STRU" => check_letter(argument, b'F', b"RP", said),
        "MODE" => check_letter(argument, b'S', b"BC", said),
        "OPTS" => check_opts(argument, said),
        "HOST" => check_host(argument, said),
        "MFMT" => check_mfmt(argument, said),
        "SITE" => check_site(argument, said),
        _ => {}
    }
}

/// Digits, with blanks around them.
fn number(text: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(text.trim_ascii()).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The number is taken, by what the next command asks, or refused.
fn check_number(
    verb: &str,
    argument: &[u8],
    said: &Said,
    code: u16,
    next: &[u8],
    taken: impl Fn(&Option<Request>) -> u64,
) {
    match number(argument) {
        None => assert_eq!(said.code(), 501, "{}", argument.escape_ascii()),
        Some(value) => {
            assert_eq!(said.code(), code, "{}", argument.escape_ascii());
            for form in [argument, value.to_string().as_bytes()] {
                let mut dialogue = Dialogue::on_loopback();
                assert_eq!(dialogue.say(&line_of(verb, form)).code(), code);
                assert_eq!(taken(&dialogue.say(next).request), value);
            }
            // Those are no digits, and a fuzzer hardly comes to them.
            for form in [format!("+{value}"), format!("-{value}"), format!("{value}.")] {
                let refused = Dialogue::on_loopback().say(&line_of(verb, form.as_bytes()));
                assert_eq!(refused.code(), 501, "{form}");
            }
        }
    }
}

fn line_of(verb: &str, argument: &[u8]) -> Vec<u8> {
    [verb.as_bytes(), b" ", argument].concat()
}

/// `ALLO size [R record-size]`.
fn check_allo(argument: &[u8], said: &Said) {
    let argument = argument.trim_ascii();
    let (size, record) = match argument.iter().position(|&byte| byte == b' ') {
        Some(blank) => (&argument[..blank], argument[blank..].trim_ascii()),
        None => (argument, &b""[..]),
    };
    let is_record = match record {
        [] => true,
        [b'R' | b'r', b' ', record_size @ ..] => number(record_size).is_some(),
        _ => false,
    };
    if !is_record {
        return assert_eq!(said.code(), 501, "{}", argument.escape_ascii());
    }
    check_number("ALLO", size, said, 200, b"STOR file", |request| match request {
        Some(Request::OpenUpload { announced: Some(announced), .. }) => *announced,
        other => panic!("{other:?}"),
    });
}

fn check_type(argument: &[u8], said: &Said) {
    let argument = argument.to_ascii_uppercase();
    let (letter, format) = split(argument.trim_ascii());
    let words: Vec<&[u8]> =
        [letter, format.trim_ascii()].into_iter().filter(|word| !word.is_empty()).collect();
    let (code, letter) = match words[..] {
        [b"A"] | [b"A", b"N" | b"T"] => (200, "A"),
        [b"I"] | [b"L", b"8"] => (200, "I"),
        [b"A", b"C"] | [b"E"] | [b"E", b"N" | b"T" | b"C"] => (504, "I"),
        [b"L", size] if number(size).is_some_and(|size| size > 0) => (504, "I"),
        _ => (501, "I"),
    };
    assert_eq!(said.code(), code, "{}", argument.escape_ascii());
    let mut dialogue = Dialogue::on_loopback();
    dialogue.say(&line_of("TYPE", &argument));
    let status = dialogue.say(b"STAT").text();
    assert!(status.windows(7).any(|piece| piece == format!("TYPE {letter},").as_bytes()), "{status:?}");
}

fn check_letter(argument: &[u8], only: u8, known: &[u8], said: &Said) {
    let code = match argument.trim_ascii().to_ascii_uppercase()[..] {
        [letter] if letter == only => 200,
        [letter] if known.contains(&letter) => 504,
        _ => 501,
    };
    assert_eq!(said.code(), code, "{}", argument.escape_ascii());
}

/// What `OPTS MLST` says is selected is what `FEAT` marks, and saying it again selects the same.
fn check_opts(argument: &[u8], said: &Said) {
    let text = said.text();
    let Some(facts) = text.strip_prefix(b"MLST OPTS ") else { return };
    assert_eq!(said.code(), 200);
    assert!(argument.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"MLST")));
    let mut dialogue = Dialogue::on_loopback();
    assert_eq!(dialogue.say(&[b"OPTS MLST ", facts].concat()).text(), text);
    let features = String::from_utf8(dialogue.say(b"FEAT").text()).expect("it is ASCII");
    let line = features.lines().find_map(|line| line.strip_prefix(" MLST ")).expect("MLST is a feature");
    let marked: String = line
        .split_terminator(';')
        .filter_map(|fact| fact.strip_suffix('*'))
        .map(|fact| fact.to_owned() + ";")
        .collect();
    assert_eq!(marked.as_bytes(), facts);
}

/// It comes too late after a log-in, if it is a host at all.
fn check_host(argument: &[u8], said: &Said) {
    let host = str::from_utf8(argument.trim_ascii()).unwrap_or_default();
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.parse::<Ipv4Addr>().is_ok() || is_host_name(host),
    };
    assert_eq!(said.code(), if is_host { 503 } else { 501 }, "{}", argument.escape_ascii());
}

fn is_host_name(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty()
            && label.len() < 64
            && label.bytes().all(is_inner)
            && label.trim_matches('-') == *label
    };
    let ends_in_letters = labels.last().is_some_and(|label| label.bytes().any(|byte| !byte.is_ascii_digit()));
    host.len() < 254 && labels.iter().all(is_label) && ends_in_letters
}

/// What is asked can be said again in its plain form; `None` if nothing was asked.
fn check_modified(
    said: &Said,
    plain: impl Fn(&TimeValue, &Pathname) -> Vec<u8>,
) -> Option<(TimeValue, Pathname)> {
    let Some(Request::SetModified(pathname, modified)) = &said.request else { return None };
    let mut dialogue = Dialogue::on_loopback();
    let again = dialogue.say(&plain(modified, pathname));
    let Some(Request::SetModified(pathname_again, modified_again)) = again.request else {
        panic!("{again:?} is no change of a time")
    };
    assert_eq!(&pathname_again, pathname);
    assert_eq!(Ok(modified_again), TimeValue::parse(modified.to_string().as_bytes()));
    Some((*modified, pathname.clone()))
}

fn check_mfmt(argument: &[u8], said: &Said) {
    let (time, name) = split(argument);
    let expected = TimeValue::parse(time).ok().zip(resolve(name));
    let plain = |modified: &TimeValue, pathname: &Pathname| {
        line_of("MFMT", &[modified.to_string().as_bytes(), b" ", pathname.as_bytes()].concat())
    };
    assert_eq!(check_modified(said, plain), expected, "{}", argument.escape_ascii());
    match expected {
        None => assert_eq!(said.code(), 501),
        Some((modified, _)) => {
            assert_eq!(said.code(), 213);
            let told = modified.to_precision(TimePrecision::Seconds);
            assert_eq!(said.text(), [format!("Modify={told}; ").as_bytes(), name].concat());
        }
    }
}

fn split(argument: &[u8]) -> (&[u8], &[u8]) {
    let blank = argument.iter().position(|&byte| byte == b' ');
    blank.map_or((argument, &[]), |blank| (&argument[..blank], &argument[blank + 1..]))
}

/// A name that is not empty nor blanks alone, in the root.
fn resolve(name: &[u8]) -> Option<Pathname> {
    if name.iter().all(|&byte| byte == b' ') { None } else { Pathname::root().resolve(name).ok() }
}

fn check_site(argument: &[u8], said: &Said) {
    let (word, rest) = split(argument);
    match word.to_ascii_uppercase().as_slice() {
        b"CHMOD" => check_chmod(rest, said),
        b"UTIME" => check_utime(rest, said),
        b"HELP" => assert_eq!(said.code(), 214),
        b"UPLOADS" => assert_eq!(said.code(), 211),
        _ if argument.iter().all(|&byte| byte == b' ') => assert_eq!(said.code(), 501),
        _ => assert_eq!(said.code(), 504),
    }
}

fn check_chmod(argument: &[u8], said: &Said) {
    let (digits, name) = split(argument);
    let is_octal = !digits.is_empty() && digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode =
        digits.iter().fold(0_u64, |mode, digit| mode.saturating_mul(8).saturating_add(u64::from(digit & 7)));
    match (&said.request, resolve(name).filter(|_| is_octal && mode <= 0o7777)) {
        (Some(Request::SetMode(pathname, bits)), Some(expected)) => {
            assert_eq!((pathname, u64::from(*bits), said.code()), (&expected, mode, 200));
        }
        (request, expected) => {
            assert!(request.is_none() && expected.is_none(), "{request:?} to {}", argument.escape_ascii());
            assert_eq!(said.code(), 501);
        }
    }
}

/// `time pathname`, or `pathname access-time modification-time change-time UTC`, which can carry every pathname.
fn check_utime(argument: &[u8], said: &Said) {
    let plain = |modified: &TimeValue, pathname: &Pathname| {
        let times = format!(" 19700101000000 {modified} 197001010000 utc");
        [b"SITE UTIME ", pathname.as_bytes(), times.as_bytes()].concat()
    };
    let asked = check_modified(said, plain);
    assert_eq!(said.code(), if asked.is_some() { 200 } else { 501 });

    let words: Vec<&[u8]> = argument.trim_ascii_end().split(|&byte| byte == b' ').collect();
    let long = match words[..] {
        [ref name @ .., access, modification, change, zone] if zone.eq_ignore_ascii_case(b"UTC") => {
            time(access)
                .and(time(change))
                .and(time(modification))
                .zip(Some(name.join(&b' ')).filter(|name| resolve(name).is_some()))
        }
        _ => None,
    };
    let (first, rest) = split(argument);
    let short = time(first).zip(Some(rest.to_vec()));
    let expected = long.or(short).and_then(|(modified, name)| Some((modified, resolve(&name)?)));
    assert_eq!(asked, expected, "{}", argument.escape_ascii());
}

/// A time with or without its seconds.
fn time(text: &[u8]) -> Option<TimeValue> {
    let seconds: &[u8] = if text.len() == 12 { b"00" } else { b"" };
    TimeValue::parse(&[text, seconds].concat()).ok()
}

/// A pathname that the store is asked about is absolute, and means the same when it is said.
fn check_pathname(command: Command<'_>, said: &Said) {
    let Some(pathname) = asked_about(&said.request) else { return };
    assert!(pathname.as_bytes().starts_with(b"/"));
    let again = Dialogue::on_loopback().say(&line_of(&command.verb.to_string(), pathname.as_bytes()));
    assert_eq!(asked_about(&again.request), Some(pathname));
}

fn asked_about(request: &Option<Request>) -> Option<&Pathname> {
    match request {
        Some(
            Request::Stat(pathname) | Request::ListFirst(pathname, ..) | Request::OpenListing(pathname, _),
        ) => Some(pathname),
        Some(Request::OpenDownload { pathname, .. } | Request::OpenUpload { pathname, .. }) => Some(pathname),
        Some(Request::MakeDirectory(pathname) | Request::RemoveDirectory(pathname)) => Some(pathname),
        Some(Request::RemoveFile(pathname) | Request::Available(pathname)) => Some(pathname),
        _ => None,
    }
}
