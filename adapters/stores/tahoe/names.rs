//! Pathnames as the gateway wants them: Unicode, in the normal form NFC, percent-encoded in a URL.

use std::{borrow::Cow, string::String, vec::Vec};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::cap::Cap;
use crate::{
    pathname::Pathname,
    storage::{StorageError, StorageErrorKind},
};

/// The longest name, in bytes, as with the usual file systems.
const NAME_LIMIT: usize = 255;
/// The longest path in a URL, in bytes: the gateway takes 16 KiB for a request's line and head.
const URL_LIMIT: usize = 12 * 1024;

/// A name in a directory, in NFC.
pub(super) fn new_name(name: &[u8]) -> Result<String, StorageError> {
    if name.len() > NAME_LIMIT {
        return Err(StorageErrorKind::NameRefused.into());
    }
    normalize(name)
        .ok_or_else(|| StorageError::new(StorageErrorKind::NameRefused, "Names have to be UTF-8 here."))
}

/// The same name in NFC; `None` if it is not UTF-8.
fn normalize(name: &[u8]) -> Option<String> {
    let name = str::from_utf8(name).ok()?;
    let normalized: Cow<'_, str> = match is_nfc_quick(name.chars()) {
        IsNormalized::Yes => name.into(),
        _ => name.nfc().collect(),
    };
    Some(normalized.into_owned())
}

/// The last segment of a pathname other than the root, as a name that may be there.
pub(super) fn present_name(path: &Pathname) -> Result<String, StorageError> {
    path.name().and_then(normalize).ok_or_else(|| StorageErrorKind::NotFound.into())
}

/// Where the gateway has what is at `path` below the directory `root`.
pub(super) fn url(root: &Cap, path: &Pathname) -> Result<String, StorageError> {
    let names: Option<Vec<String>> = path.segments().map(normalize).collect();
    // Nothing can have a name that is not UTF-8.
    url_of(root, &names.ok_or(StorageErrorKind::NotFound)?)
}

/// Where the gateway has a directory or file itself.
pub(super) fn url_of_cap(cap: &Cap) -> String {
    String::from("/uri/") + cap.expose()
}

/// Where the gateway has what has this name in a directory.
pub(super) fn url_in(directory: &Cap, name: &str) -> Result<String, StorageError> {
    url_of(directory, &[name.into()])
}

fn url_of(directory: &Cap, names: &[String]) -> Result<String, StorageError> {
    let mut url = url_of_cap(directory);
    for name in names {
        url.push('/');
        push_encoded(&mut url, name);
    }
    match url.len() {
        ..=URL_LIMIT => Ok(url),
        _ => Err(StorageError::new(StorageErrorKind::NameRefused, "That pathname is too long.")),
    }
}

/// Appends text in which nothing has a meaning of its own in a URL.
pub(super) fn push_encoded(url: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
            _ => url.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn url_of_path(path: &[u8]) -> Result<String, StorageErrorKind> {
        let root = Cap::parse("URI:DIR2:a:b").unwrap();
        url(&root, &Pathname::root().resolve(path).unwrap()).map_err(|error| error.kind())
    }

    #[test]
    fn each_segment_is_encoded_on_its_own() {
        for (path, expected) in [
            (&b"/"[..], "/uri/URI:DIR2:a:b"),
            (b"/a/b.c", "/uri/URI:DIR2:a:b/a/b%2Ec"),
            (b"/100% ?t=uri&x#y", "/uri/URI:DIR2:a:b/100%25%20%3Ft%3Duri%26x%23y"),
            (b"/ +;\\\x01", "/uri/URI:DIR2:a:b/%20%2B%3B%5C%01"),
            ("/é".as_bytes(), "/uri/URI:DIR2:a:b/%C3%A9"),
            ("/e\u{301}".as_bytes(), "/uri/URI:DIR2:a:b/%C3%A9"),
        ] {
            assert_eq!(url_of_path(path).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_utf_8_can_be_nowhere_and_is_no_new_name() {
        assert_eq!(url_of_path(b"/\xff\xfe/x"), Err(StorageErrorKind::NotFound));
        assert_eq!(new_name(b"\xff\xfe").unwrap_err().kind(), StorageErrorKind::NameRefused);
        assert_eq!(new_name("e\u{301}".as_bytes()).unwrap(), "\u{e9}");
    }

    #[test]
    fn names_and_pathnames_have_a_longest() {
        assert!(new_name(&[b'n'; 255]).is_ok());
        assert_eq!(new_name(&[b'n'; 256]).unwrap_err().kind(), StorageErrorKind::NameRefused);
        let long = "/ä".repeat(2000).to_string();
        assert_eq!(url_of_path(long.as_bytes()), Err(StorageErrorKind::NameRefused));
    }
}
