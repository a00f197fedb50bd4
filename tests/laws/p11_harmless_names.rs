//! Promise 11: **stores see only normalised, absolute pathnames, and no byte of a name can break a reply or a line of a
//! listing.**
//!
//! Each pathname of a request is looked at segment by segment. Each reply must have the form of RFC 959 4.2, with whole
//! lines, no bare CR or LF, no NUL, and every 0xFF doubled for Telnet. The line of a file's listing is one line, and no
//! prefix of names ends one. (`tests/stores` and the unit tests of `listing` look at the lines of a directory's.)

use sansftp::{
    listing::ListingFormat,
    pathname::Pathname,
    session::{Action, Movement, Request},
};

use super::watch::{Judgement, law};

pub fn see(action: &Action) -> Judgement {
    match action {
        Action::SendReply(reply) => {
            let wire = reply.as_bytes();
            let broken = flaw(wire, reply.code().number());
            law(11, broken.is_none(), || format!("{}: {reply:?}", broken.unwrap_or_default()))
        }
        Action::SendReplyLine(line) => {
            let text = line.strip_suffix(b"\r\n");
            law(11, text.is_some_and(is_harmless), || format!("this is no line of a reply: {line:?}"))
        }
        Action::Ask(_, request) => {
            let strange = pathnames(request).into_iter().find(|pathname| !is_normal(pathname.as_bytes()));
            law(11, strange.is_none(), || format!("the store sees {strange:?}"))
        }
        Action::Transfer(_, Movement::Text(line)) => {
            let text = line.strip_suffix(b"\r\n");
            law(11, text.is_some_and(is_harmless), || format!("this is no line of a listing: {line:?}"))
        }
        Action::Transfer(_, Movement::List(ListingFormat::Names { prefix })) => {
            law(11, is_harmless(prefix), || format!("this breaks a line of a listing: {prefix:?}"))
        }
        _ => Ok(()),
    }
}

fn is_harmless(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

fn pathnames(request: &Request) -> Vec<&Pathname> {
    match request {
        Request::LogIn(_) => Vec::new(),
        Request::Rename { from, to } => vec![from, to],
        Request::Site(call) => vec![&call.working_directory],
        Request::OpenDownload { pathname, .. } | Request::OpenUpload { pathname, .. } => vec![pathname],
        Request::Stat(pathname)
        | Request::ListFirst(pathname, ..)
        | Request::OpenListing(pathname, _)
        | Request::MakeDirectory(pathname)
        | Request::RemoveDirectory(pathname)
        | Request::RemoveFile(pathname)
        | Request::SetModified(pathname, _)
        | Request::SetMode(pathname, _)
        | Request::Available(pathname) => vec![pathname],
    }
}

/// Absolute, without empty segments, `.`, `..`, NUL, CR and LF.
pub fn is_normal(pathname: &[u8]) -> bool {
    let Some(rest) = pathname.strip_prefix(b"/") else { return false };
    is_harmless(rest)
        && (rest.is_empty()
            || rest.split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b"." | b"..")))
}

/// What is wrong with the form of a reply: it is whole lines, the first of several begins with the code and `-`, the
/// last one with the code, and those between with a blank.
pub fn flaw(wire: &[u8], code: u16) -> Option<&'static str> {
    let Some(text) = wire.strip_suffix(b"\r\n") else { return Some("a reply without CR LF") };
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let (last, first) = lines.split_last()?;
    let code = code.to_string();
    for (i, line) in first.iter().enumerate() {
        let Some(line) = line.strip_suffix(b"\r") else { return Some("a bare LF in a reply") };
        let is_right =
            if i == 0 { line.starts_with(format!("{code}-").as_bytes()) } else { line.starts_with(b" ") };
        if !is_right || !is_harmless(line) {
            return Some("a line of a reply");
        }
    }
    if !last.starts_with(format!("{code} ").as_bytes()) || !is_harmless(last) {
        return Some("the last line of a reply");
    }
    let has_single_ff = wire.split(|&byte| byte != 0xFF).any(|run| run.len() % 2 == 1);
    has_single_ff.then_some("a 0xFF that Telnet would take for a command")
}
