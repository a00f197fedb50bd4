//! Names that nothing has yet.

use std::{
    format,
    hash::{BuildHasher, Hasher, RandomState},
    vec::Vec,
};

/// The longest name that the usual file systems take.
pub(super) const NAME_LIMIT: usize = 255;
/// What follows the last dot is not taken for an extension if it is longer, dot included.
const EXTENSION_LIMIT: usize = 16;

/// A number that differs from call to call and from process to process.
///
/// Hash maps need one as well, so the standard library has the operating system's randomness at hand.
pub(super) fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// `hint` with eight digits of `number` before its extension, as in `report-0a1b2c3d.pdf`; not longer than
/// [`NAME_LIMIT`].
pub(super) fn unique_name(hint: &[u8], number: u64) -> Vec<u8> {
    let dot = hint.iter().rposition(|&byte| byte == b'.');
    let is_extension = |dot: &usize| *dot > 0 && hint.len() - dot <= EXTENSION_LIMIT;
    let (stem, extension) = hint.split_at(dot.filter(is_extension).unwrap_or(hint.len()));
    let tag = format!("-{:08x}", number & 0xFFFF_FFFF);
    let room = NAME_LIMIT - EXTENSION_LIMIT - tag.len();

    let mut name = Vec::with_capacity(NAME_LIMIT);
    name.extend_from_slice(shorten(stem, room));
    name.extend_from_slice(tag.as_bytes());
    name.extend_from_slice(extension);
    name
}

/// The first `limit` bytes, or up to three fewer so as not to cut a character of UTF-8.
fn shorten(text: &[u8], limit: usize) -> &[u8] {
    let is_start_of_character = |end: &usize| text.get(*end).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (limit.saturating_sub(3)..=limit).rev().find(is_start_of_character).unwrap_or(limit);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_comes_before_the_extension() {
        assert_eq!(unique_name(b"report.pdf", 0x1_0a1b_2c3d), b"report-0a1b2c3d.pdf");
        assert_eq!(unique_name(b"a.tar.gz", 1), b"a.tar-00000001.gz");
        assert_eq!(unique_name(b"README", 1), b"README-00000001");
        assert_eq!(unique_name(b".profile", 1), b".profile-00000001");
        assert_eq!(unique_name(b"end.", 1), b"end-00000001.");
        assert_eq!(unique_name(b"v1.this is no extension", 1), b"v1.this is no extension-00000001");
    }

    #[test]
    fn a_long_name_is_shortened_between_characters() {
        assert_eq!(unique_name(&[b'x'; 300], 1).len(), 230 + 9);
        let longest = unique_name(&[&[b'x'; 400][..], b".123456789012345"].concat(), 1);
        assert_eq!(longest.len(), NAME_LIMIT);
        for prefix in ["", "a", "aa"] {
            let name = [prefix, &"€".repeat(100)].concat();
            let unique = unique_name(name.as_bytes(), 1);
            assert!(core::str::from_utf8(&unique).is_ok() && unique.len() > 230, "{prefix:?}");
        }
    }

    #[test]
    fn numbers_differ() {
        assert_ne!(random_number(), random_number());
    }
}
