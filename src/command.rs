//! A command line and the arguments that are not pathnames (RFC 959 5.3).

use alloc::{format, string::String};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use memchr::memchr;

use crate::{dtp::Representation, time_value::TimeValue};

/// A command line, taken apart: the verb and what follows it.
///
/// ```
/// use sansftp::command::Command;
///
/// let command = Command::parse(b"stor my file ")?;
/// assert_eq!(command.verb.to_string(), "STOR");
/// assert_eq!(command.argument, b"my file ", "blanks belong to a pathname");
/// assert!(Command::parse(b"!").is_err());
/// # Ok::<(), sansftp::command::CommandError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Which command it is.
    pub verb: Verb,
    /// Everything behind the one blank that follows the verb; empty if there is none.
    pub argument: &'a [u8],
}

impl<'a> Command<'a> {
    /// Takes a line (without its line end) apart. Any bytes may come.
    ///
    /// # Errors
    ///
    /// The line does not begin with a [`Verb`].
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        let (verb, argument) = split_word(line);
        Ok(Self { verb: Verb::parse(verb)?, argument })
    }
}

/// The name of a command: three or four letters (RFC 959 5.3), in either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verb([u8; 4]);

impl Verb {
    /// Reads a verb.
    ///
    /// # Errors
    ///
    /// It is no word of three or four ASCII letters.
    pub fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let mut letters = [b' '; 4];
        if !(3..=4).contains(&word.len()) || !word.iter().all(u8::is_ascii_alphabetic) {
            return Err(CommandError);
        }
        for (letter, byte) in letters.iter_mut().zip(word) {
            *letter = byte.to_ascii_uppercase();
        }
        Ok(Self(letters))
    }

    /// Its letters, in upper case.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|&letter| fmt::Write::write_char(f, char::from(letter)))
    }
}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The line does not begin with a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command begins with three or four letters")]
pub struct CommandError;

/// How a command is written, as `HELP` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// The verb, in upper case.
    pub(crate) verb: &'static str,
    /// What follows it, or nothing.
    pub(crate) argument: &'static str,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blank = if self.argument.is_empty() { "" } else { " " };
        [self.verb, blank, self.argument].iter().try_for_each(|part| f.write_str(part))
    }
}

/// A `SITE` command of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SiteVerb {
    Chmod,
    Help,
    Uploads,
    Utime,
}

impl SiteVerb {
    /// In the order of `SITE HELP`.
    pub(crate) const ALL: [Self; 4] = [Self::Chmod, Self::Help, Self::Uploads, Self::Utime];

    /// Reads the first word behind `SITE`, in either case.
    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| split_word(verb.syntax().as_bytes()).0.eq_ignore_ascii_case(word))
    }

    /// Its name and what follows it.
    pub(crate) const fn syntax(self) -> &'static str {
        match self {
            Self::Chmod => "CHMOD <octal mode> <file>",
            Self::Help => "HELP",
            Self::Uploads => "UPLOADS",
            Self::Utime => "UTIME <YYYYMMDDhhmmss> <file>",
        }
    }
}

/// An argument that a command cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// It does not have the command's form.
    #[error("the argument does not have the form of the command")]
    Malformed,
    /// It has, but what it asks for is not implemented.
    #[error("not implemented for that parameter")]
    NotImplemented,
}

/// Whether there is nothing, or blanks alone, which are no name.
pub(crate) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|&byte| byte == b' ')
}

/// Splits at the first blank, which belongs to neither part.
pub(crate) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text).and_then(|blank| text.split_at_checked(blank)) {
        Some((word, [_, rest @ ..])) => (word, rest),
        _ => (text, &[]),
    }
}

/// A decimal number that fits; blanks around it are forgiven.
pub(crate) fn parse_number(argument: &[u8]) -> Result<u64, ArgumentError> {
    let digits = argument.trim_ascii();
    if digits.is_empty() {
        return Err(ArgumentError::Malformed);
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(10).ok_or(ArgumentError::Malformed)?;
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(digit)))
            .ok_or(ArgumentError::Malformed)
    })
}

/// `ALLO size [R record-size]`: the size. Records have no meaning in file structure.
pub(crate) fn parse_allo(argument: &[u8]) -> Result<u64, ArgumentError> {
    let (size, record) = split_word(argument.trim_ascii());
    if !record.trim_ascii().is_empty() {
        let (letter, record_size) = split_word(record.trim_ascii());
        if !letter.eq_ignore_ascii_case(b"R") {
            return Err(ArgumentError::Malformed);
        }
        parse_number(record_size)?;
    }
    parse_number(size)
}

/// `TYPE`: A, A N, A T, I and L 8. EBCDIC, carriage control and other byte sizes are not implemented. Nothing is printed
/// here, so T is N (RFC 1123 4.1.2.2).
pub(crate) fn parse_type(argument: &[u8]) -> Result<Representation, ArgumentError> {
    let (letter, format) = split_word(argument.trim_ascii());
    match (single_letter(letter), format.trim_ascii()) {
        (b'A', b"" | b"N" | b"n" | b"T" | b"t") => Ok(Representation::Ascii),
        (b'I', b"") | (b'L', b"8") => Ok(Representation::Image),
        (b'A', b"C" | b"c") => Err(ArgumentError::NotImplemented),
        (b'E', b"" | b"N" | b"n" | b"T" | b"t" | b"C" | b"c") => Err(ArgumentError::NotImplemented),
        (b'L', size) if parse_number(size).is_ok_and(|size| size > 0) => Err(ArgumentError::NotImplemented),
        _ => Err(ArgumentError::Malformed),
    }
}

/// The letter that a word is made of, in upper case; NUL for every other word.
const fn single_letter(word: &[u8]) -> u8 {
    match word {
        [letter] => letter.to_ascii_uppercase(),
        _ => 0,
    }
}

/// `STRU` and `MODE`: one letter, of which only `only` is implemented and `known` are the others.
pub(crate) fn parse_only(argument: &[u8], only: u8, known: &[u8]) -> Result<(), ArgumentError> {
    match single_letter(argument.trim_ascii()) {
        letter if letter == only => Ok(()),
        letter if known.contains(&letter) => Err(ArgumentError::NotImplemented),
        _ => Err(ArgumentError::Malformed),
    }
}

/// `HOST`: a name, an IPv4 address, or an IPv6 address in brackets (RFC 7151 3.1), in the one form that is compared:
/// lower case, and the address as RFC 5952 writes it. There is no port behind it.
pub(crate) fn parse_host(argument: &[u8]) -> Result<String, ArgumentError> {
    let text = core::str::from_utf8(argument.trim_ascii()).map_err(|_| ArgumentError::Malformed)?;
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| ArgumentError::Malformed)?;
        return Ok(format!("[{address}]"));
    }
    // A name never ends in a number, so that it cannot be taken for an address (RFC 1123 2.1).
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = text.rsplit('.').next().is_some_and(is_number);
    let is_host = if is_address { text.parse::<Ipv4Addr>().is_ok() } else { is_host_name(text) };
    if is_host { Ok(text.to_ascii_lowercase()) } else { Err(ArgumentError::Malformed) }
}

/// Labels as DNS takes them (RFC 1123 2.1), and underscores, which machines in private networks have in their names.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// `MFMT time pathname`.
pub(crate) fn parse_mfmt(argument: &[u8]) -> Result<(TimeValue, &[u8]), ArgumentError> {
    let (time, pathname) = split_word(argument);
    if is_blank(pathname) {
        return Err(ArgumentError::Malformed);
    }
    Ok((TimeValue::parse(time).map_err(|_| ArgumentError::Malformed)?, pathname))
}

/// `MDTM time pathname`, by which some clients set a time, as the argument looks if no file has it for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldMdtm<'a> {
    /// It has not that form.
    No,
    /// A time in UTC, and a pathname.
    Set(TimeValue, &'a [u8]),
    /// A time with minutes behind a sign. Some count them towards the east and some towards the west of Greenwich.
    InSomeZone,
}

impl<'a> OldMdtm<'a> {
    pub(crate) fn parse(argument: &'a [u8]) -> Self {
        let (time, pathname) = split_word(argument);
        let zoned = match time.split_at_checked(14) {
            Some((utc, [b'+' | b'-', minutes @ ..])) if minutes.iter().all(u8::is_ascii_digit) => utc,
            _ => time,
        };
        match TimeValue::parse(zoned) {
            Ok(_) if is_blank(pathname) => Self::No,
            Ok(_) if zoned.len() < time.len() => Self::InSomeZone,
            Ok(modified) => Self::Set(modified, pathname),
            Err(_) => Self::No,
        }
    }
}

/// `SITE CHMOD mode pathname`, the mode in octal.
pub(crate) fn parse_chmod(argument: &[u8]) -> Result<(u32, &[u8]), ArgumentError> {
    let (digits, pathname) = split_word(argument);
    let is_octal = !digits.is_empty() && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let mode = core::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    match mode {
        Some(mode) if is_octal && mode <= 0o7777 && !is_blank(pathname) => Ok((mode, pathname)),
        _ => Err(ArgumentError::Malformed),
    }
}

/// `SITE UTIME`, in the two forms that clients send: `time pathname`, and
/// `pathname access-time modification-time change-time UTC`, of which only the modification time is used.
pub(crate) fn parse_utime(argument: &[u8]) -> Result<(TimeValue, &[u8]), ArgumentError> {
    if let Some(long) = parse_long_utime(argument) {
        return Ok(long);
    }
    let (time, pathname) = split_word(argument);
    let modified = parse_utime_time(time).ok_or(ArgumentError::Malformed)?;
    if is_blank(pathname) { Err(ArgumentError::Malformed) } else { Ok((modified, pathname)) }
}

fn parse_long_utime(argument: &[u8]) -> Option<(TimeValue, &[u8])> {
    let mut words = argument.trim_ascii_end().rsplitn(5, |&byte| byte == b' ');
    let (zone, change, modification, access) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let pathname = words.next().filter(|pathname| !is_blank(pathname))?;
    let is_long = zone.eq_ignore_ascii_case(b"UTC")
        && parse_utime_time(change).is_some()
        && parse_utime_time(access).is_some();
    if is_long { Some((parse_utime_time(modification)?, pathname)) } else { None }
}

/// A time with or without its seconds.
fn parse_utime_time(text: &[u8]) -> Option<TimeValue> {
    let mut padded = *b"00000000000000";
    match text.len() {
        12 => {
            for (to, from) in padded.iter_mut().zip(text) {
                *to = *from;
            }
            TimeValue::parse(&padded).ok()
        }
        _ => TimeValue::parse(text).ok(),
    }
}

/// `LIST`, `NLST` and `STAT`: the pathname behind what looks like flags of `ls` (`-la`), which say nothing here.
pub(crate) fn skip_list_flags(mut argument: &[u8]) -> &[u8] {
    let pathname = loop {
        let (word, rest) = split_word(argument);
        match word {
            b"--" => break rest,
            [b'-', flags @ ..] if !flags.is_empty() && flags.iter().all(u8::is_ascii_alphanumeric) => {
                argument = rest;
            }
            _ => break argument,
        }
    };
    if is_blank(pathname) { &[] } else { pathname }
}

/// Whether one of the flags that [`skip_list_flags`] skips is this letter.
pub(crate) fn has_list_flag(argument: &[u8], letter: u8) -> bool {
    let flags = argument.len() - skip_list_flags(argument).len();
    let words = argument.get(..flags).unwrap_or_default().split(|&byte| byte == b' ');
    words.take_while(|word| *word != b"--").any(|word| word.contains(&letter))
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn numbers_fit_or_are_refused() {
        assert_eq!(parse_number(b"18446744073709551615"), Ok(u64::MAX));
        for bad in [&b"18446744073709551616"[..], b"", b"-1", b"+1", b"1 2", b"0x10", b"\xd9\xa3"] {
            assert_eq!(parse_number(bad), Err(ArgumentError::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn allo_may_name_a_record_size() {
        assert_eq!(parse_allo(b"12"), Ok(12));
        assert_eq!(parse_allo(b"12 R 80"), Ok(12));
        assert_eq!(parse_allo(b" 12 "), Ok(12));
        assert!(
            parse_allo(b"12 X 80").is_err() && parse_allo(b"12 R").is_err() && parse_allo(b"R 80").is_err()
        );
    }

    #[test]
    fn types() {
        for good in [&b"A"[..], b"a n", b"A N", b"a t", b"A T"] {
            assert_eq!(parse_type(good), Ok(Representation::Ascii));
        }
        for good in [&b"I"[..], b"i", b"L 8"] {
            assert_eq!(parse_type(good), Ok(Representation::Image));
        }
        for other in [&b"E"[..], b"A C", b"E N", b"L 7", b"L 36"] {
            assert_eq!(parse_type(other), Err(ArgumentError::NotImplemented));
        }
        for bad in [&b""[..], b"X", b"L", b"L x", b"L 0", b"A Q", b"I N"] {
            assert_eq!(parse_type(bad), Err(ArgumentError::Malformed));
        }
    }

    #[test]
    fn chmod_wants_an_octal_mode() {
        assert_eq!(parse_chmod(b"0644 a b"), Ok((0o644, &b"a b"[..])));
        for bad in [&b"+644 a"[..], b"888 a", b"17777 a", b"644", b"644 ", b" a", b"99999999999999 a"] {
            assert!(parse_chmod(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn mdtm_has_an_old_form() {
        let time = TimeValue::parse(b"20240102030405").unwrap();
        assert_eq!(OldMdtm::parse(b"20240102030405 a b"), OldMdtm::Set(time, b"a b"));
        for zoned in [&b"20240102030405+120 a"[..], b"20240102030405-300 a", b"20240102030405+ a"] {
            assert_eq!(OldMdtm::parse(zoned), OldMdtm::InSomeZone, "{}", zoned.escape_ascii());
        }
        for other in [
            &b""[..],
            b"a",
            b"20240102030405",
            b"20240102030405 ",
            b"20240102030405  ",
            b"20240102030405+120",
            b"202401020304 a",
            b"20241302030405 a",
            b"20240102030405+1h a",
            b"20240102030405.25+60 a",
        ] {
            assert_eq!(OldMdtm::parse(other), OldMdtm::No, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn utime_has_two_forms() {
        let time = TimeValue::parse(b"20240102030405").unwrap();
        assert_eq!(parse_utime(b"20240102030405 a b"), Ok((time, &b"a b"[..])));
        let long = b"a b 20200101000000 20240102030405 20200101000000 UTC";
        assert_eq!(parse_utime(long), Ok((time, &b"a b"[..])));
        assert_eq!(parse_utime(&[&long[..], b" "].concat()), Ok((time, &b"a b"[..])));
        let minute = TimeValue::parse(b"20240102030400").unwrap();
        assert_eq!(parse_utime(b"202401020304 a"), Ok((minute, &b"a"[..])));
        assert!(parse_utime(b"a").is_err() && parse_utime(b"20240102030405").is_err());
        for bad in [
            &b"a b 20200101000000 20240102030405 20200101000000 GMT"[..],
            b"a b 20200101000000 20240102030405 yesterday UTC",
            b"a b 20200101000000 yesterday 20200101000000 UTC",
            b"a b yesterday 20240102030405 20200101000000 UTC",
            b" 20200101000000 20240102030405 20200101000000 UTC",
        ] {
            assert_eq!(parse_utime(bad), Err(ArgumentError::Malformed), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        assert_eq!(parse_host(b" FTP.example_1-a.ORG ").as_deref(), Ok("ftp.example_1-a.org"));
        assert_eq!(parse_host(b"[2001:DB8:0::1]").as_deref(), Ok("[2001:db8::1]"));
        assert_eq!(parse_host(b"192.0.2.1").as_deref(), Ok("192.0.2.1"));
        assert_eq!(parse_host(b"1and1.2b").as_deref(), Ok("1and1.2b"));
        let longest =
            [&b"a".repeat(63)[..], &b"b".repeat(63), &b"c".repeat(63), &b"d".repeat(61)].join(&b'.');
        assert_eq!(parse_host(&longest).map(|host| host.len()), Ok(253));
        for bad in [
            &b""[..],
            b" ",
            b"a b",
            b"a/b",
            b"\xff",
            b"m\xc3\xbcller",
            b"ftp.example.com:21",
            b"ftp.example.com:",
            b"ftp.example.com.",
            b".example.com",
            b".",
            b"a..b",
            b"-a.org",
            b"a-.org",
            b"2001:db8::1",
            b"[2001:db8::1",
            b"2001:db8::1]",
            b"[2001:db8::1]:21",
            b"[fe80::1%eth0]",
            b"[192.0.2.1]",
            b"[]",
            b"192.0.2",
            b"192.0.2.256",
            b"192.0.2.1.",
            b"192.0.2.1:21",
            &[b'a'; 64],
            &[&longest[..], b"e"].concat(),
        ] {
            assert_eq!(parse_host(bad), Err(ArgumentError::Malformed), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn list_flags_are_not_names() {
        assert_eq!(skip_list_flags(b"-la"), b"");
        assert_eq!(skip_list_flags(b"-la  "), b"");
        assert_eq!(skip_list_flags(b"-la --  "), b"");
        assert_eq!(skip_list_flags(b"-l -a some dir"), b"some dir");
        assert_eq!(skip_list_flags(b"-la -- -odd"), b"-odd");
        assert_eq!(skip_list_flags(b"plain -a"), b"plain -a");
        assert_eq!(skip_list_flags(b"-"), b"-");
    }

    #[test]
    fn list_flags_are_letters() {
        for argument in [&b"-F"[..], b"-lF", b"-l -aF some -dir", b"-F -- -l", b"-lF  "] {
            assert!(has_list_flag(argument, b'F'), "{}", argument.escape_ascii());
        }
        for argument in [&b""[..], b"F", b"-l F", b"-l -- -F", b"-la -Fx.txt", b"-f", b"- F"] {
            assert!(!has_list_flag(argument, b'F'), "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn verbs() {
        let verb = Verb::parse(b"pwd").unwrap();
        assert_eq!(verb.as_bytes(), b"PWD");
        assert_eq!((format!("{verb}"), format!("{verb:?}")), ("PWD".into(), "PWD".into()));
        for bad in [&b""[..], b"PW", b"QUITS", b"P D", b"\xff\xff\xff", b"12a"] {
            assert!(Verb::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_first_blank_separates() {
        let command = Command::parse(b"RETR  two  blanks").unwrap();
        assert_eq!(command.argument, b" two  blanks");
        assert_eq!(Command::parse(b"NOOP").unwrap().argument, b"");
    }
}
