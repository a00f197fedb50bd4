//! Pathnames.
//!
//! Input: how long the first argument is; how often it stands there, for pathnames that become too long; the two
//! arguments. The first makes the working directory, the second is resolved in it.

use sansftp::{
    Pathname,
    listing::entry_name_is_sendable,
    pathname::PathnameError::{self, ForbiddenByte, NotASegment, TooLong},
};

#[path = "dialogue.rs"]
mod dialogue;
#[path = "input.rs"]
mod input;
use self::{dialogue::Dialogue, input::Input};

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let [length, times] = input.bytes();
    let first = input.piece(length.into()).repeat(usize::from(times).saturating_sub(192).max(1));
    let second = input.rest();

    let root = Pathname::root();
    let directory = check_resolve(&root, &first).unwrap_or(root);
    check_join(&directory, second);
    if let Ok(pathname) = check_resolve(&directory, second) {
        check_form(&pathname);
        assert_eq!(
            check_resolve(&directory, pathname.as_bytes()).as_ref(),
            Ok(&pathname),
            "it is what it means"
        );
        check_parts(&pathname);
        check_display(&pathname);
        check_quotes(&pathname);
        check_reply(&pathname, &directory, second);
    }
}

/// A stack of names, which `..` takes the last one from.
fn check_resolve(directory: &Pathname, argument: &[u8]) -> Result<Pathname, PathnameError> {
    let mut stack: Vec<&[u8]> = directory.segments().collect();
    if argument.first() == Some(&b'/') {
        stack.clear();
    }
    for name in argument.split(|&byte| byte == b'/') {
        if name == b".." {
            stack.pop();
        } else if !name.is_empty() && name != b"." {
            stack.push(name);
        }
    }
    let joined = [&b"/"[..], &stack.join(&b'/')].concat();
    let expected = match joined.len() {
        _ if has_forbidden_byte(argument) => Err(ForbiddenByte),
        ..=Pathname::LENGTH_LIMIT => Ok(joined),
        _ => Err(TooLong),
    };
    let resolved = directory.resolve(argument);
    assert_eq!(resolved.clone().map(|pathname| pathname.as_bytes().to_vec()), expected);
    resolved
}

fn has_forbidden_byte(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Promise 11, without looking at how it came to be.
fn check_form(pathname: &Pathname) {
    let bytes = pathname.as_bytes();
    assert!(bytes.len() <= Pathname::LENGTH_LIMIT && !has_forbidden_byte(bytes));
    let inner = bytes.strip_prefix(b"/").expect("it is absolute");
    let is_name = |segment: &[u8]| ![&b""[..], b".", b".."].contains(&segment);
    assert!(inner.is_empty() || inner.split(|&byte| byte == b'/').all(is_name), "it is normalised");
    assert_eq!(pathname.is_root(), inner.is_empty());
}

fn check_join(directory: &Pathname, name: &[u8]) {
    let is_segment = ![&b""[..], b".", b".."].contains(&name) && !name.contains(&b'/');
    let joined = directory.join(name);
    assert_eq!(entry_name_is_sendable(name), is_segment && !has_forbidden_byte(name));
    match &joined {
        Ok(pathname) => {
            assert!(is_segment);
            assert_eq!(pathname.parent().as_ref(), Some(directory));
            assert_eq!(pathname.name(), Some(name));
            assert_eq!(directory.resolve(name).as_ref(), Ok(pathname));
        }
        Err(NotASegment) => assert!(!is_segment),
        Err(ForbiddenByte) => assert!(is_segment && has_forbidden_byte(name)),
        Err(TooLong) => assert!(directory.as_bytes().len() + 1 + name.len() > Pathname::LENGTH_LIMIT),
        Err(other) => panic!("{other}"),
    }
}

fn check_parts(pathname: &Pathname) {
    let names: Vec<_> = pathname.segments().collect();
    let mut backwards: Vec<_> = pathname.segments().rev().collect();
    backwards.reverse();
    assert_eq!(names, backwards);
    let rebuilt = names.iter().try_fold(Pathname::root(), |pathname, name| pathname.join(name));
    assert_eq!(rebuilt.as_ref(), Ok(pathname));
    assert_eq!(pathname.name(), names.last().copied());

    let parents = std::iter::successors(pathname.parent(), Pathname::parent);
    let counts: Vec<_> = parents.map(|parent| parent.segments().count()).collect();
    assert!(counts.into_iter().eq((0..names.len()).rev()), "each parent has one name less, down to the root");
    assert_eq!(pathname.parent(), pathname.resolve(b"..").ok().filter(|_| !pathname.is_root()));
}

fn check_display(pathname: &Pathname) {
    let shown = pathname.to_string();
    assert!(!shown.contains(char::is_control), "a terminal could be confused");
    match str::from_utf8(pathname.as_bytes()) {
        Ok(text) => assert_eq!(shown, text.replace(char::is_control, "\u{FFFD}")),
        Err(_) => assert!(shown.contains('\u{FFFD}')),
    }
}

fn check_quotes(pathname: &Pathname) {
    let quoted = [&b"\""[..], &pathname.quoted(), b"\" is the directory"].concat();
    assert_eq!(unquote(&quoted), Some(pathname.as_bytes().to_vec()));
}

/// As a client reads a `257` (RFC 959 appendix II): up to the first quote that is not doubled.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.strip_prefix(b"\"")?.iter().copied().peekable();
    let mut name = vec![];
    while let Some(byte) = bytes.next() {
        if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
            return Some(name);
        }
        name.push(byte);
    }
    None
}

/// What a client asks for is what it reads back, over the control connection.
fn check_reply(pathname: &Pathname, directory: &Pathname, argument: &[u8]) {
    let mut dialogue = Dialogue::on_loopback();
    for name in [directory.as_bytes(), argument] {
        let said = dialogue.say(&[&b"CWD "[..], name].concat());
        if said.code() != 250 {
            let is_blank = name.iter().all(|&byte| byte == b' ');
            assert!(is_blank || name.len() > 4000, "{}", name.escape_ascii());
            return;
        }
    }
    let said = dialogue.say(b"PWD");
    assert_eq!(said.code(), 257);
    assert_eq!(unquote(&said.text()), Some(pathname.as_bytes().to_vec()));
}
