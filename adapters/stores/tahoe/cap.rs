//! Capabilities: strings that name a file or directory of the grid, and whose possession is the right to use it.

use std::{fmt, string::String, sync::Arc};

use super::gateway_error::GatewayError;

/// A capability. It is a secret, and no `Debug` form shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cap(Arc<str>);

impl Cap {
    /// A capability as the gateway writes it, without blanks around it; `None` if it cannot be one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_possible = text.starts_with("URI:")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-'));
        is_possible.then(|| Self(text.into()))
    }

    /// The capability of a directory that becomes the `/` of a store.
    pub(super) fn parse_root(text: &str) -> Result<Self, GatewayError> {
        Self::parse(text).filter(Self::is_directory).ok_or(GatewayError::NoDirectoryCap)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn is_directory(&self) -> bool {
        self.0.starts_with("URI:DIR2") && !self.0.contains("-Verifier:")
    }

    /// Whether it is the right to change a directory.
    pub(super) fn is_writable_directory(&self) -> bool {
        self.0.starts_with("URI:DIR2:") || self.0.starts_with("URI:DIR2-MDMF:")
    }

    /// The size of an immutable file, which its capability tells.
    pub(super) fn file_size(&self) -> Option<u64> {
        if let Some(content) = self.0.strip_prefix("URI:LIT:") {
            // The content itself, five bits to a letter.
            return u64::try_from(content.len() * 5 / 8).ok();
        }
        let fields = self.0.strip_prefix("URI:CHK:")?;
        fields.rsplit(':').next()?.parse().ok()
    }
}

impl fmt::Debug for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cap(..)")
    }
}

impl From<Cap> for String {
    fn from(cap: Cap) -> Self {
        cap.expose().into()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn cap(text: &str) -> Cap {
        Cap::parse(text).unwrap()
    }

    #[test]
    fn a_cap_is_not_shown() {
        let cap = Cap::parse_root(" URI:DIR2:m4cozgdenb:q7qi2u5jcr\n").unwrap();
        assert_eq!(format!("{cap:?}"), "Cap(..)");
        assert_eq!(cap.expose(), "URI:DIR2:m4cozgdenb:q7qi2u5jcr");
    }

    #[test]
    fn what_is_no_cap_of_a_directory_is_refused_and_not_shown() {
        for text in
            ["", "URI:CHK:a:b:2:4:2000", "URI:DIR2:a/b", "URI:DIR2:a b", "secret", "URI:DIR2-Verifier:a:b"]
        {
            let error = Cap::parse_root(text).unwrap_err();
            assert!(text.is_empty() || !format!("{error} {error:?}").contains(text), "{text}");
        }
    }

    #[test]
    fn a_directory_can_be_changed_or_only_read() {
        for text in ["URI:DIR2:a:b", "URI:DIR2-MDMF:a:b"] {
            assert!(cap(text).is_directory() && cap(text).is_writable_directory());
        }
        for text in ["URI:DIR2-RO:a:b", "URI:DIR2-CHK:a:b:2:4:100", "URI:DIR2-LIT:aa", "URI:DIR2-MDMF-RO:a:b"]
        {
            assert!(cap(text).is_directory() && !cap(text).is_writable_directory(), "{text}");
        }
        for text in ["URI:CHK:a:b:2:4:100", "URI:LIT:aa", "URI:SSK:a:b", "URI:DIR2-Verifier:a:b"] {
            assert!(!cap(text).is_directory() && !cap(text).is_writable_directory(), "{text}");
        }
    }

    #[test]
    fn the_cap_of_a_file_tells_its_size() {
        assert_eq!(cap("URI:CHK:ukxsctj:cohkqvq:2:4:2000").file_size(), Some(2000));
        // Of 0, 1, 2, 4, 5 and 55 bytes.
        for (letters, size) in [(0, 0), (2, 1), (4, 2), (7, 4), (8, 5), (88, 55)] {
            assert_eq!(cap(&format!("URI:LIT:{}", "a".repeat(letters))).file_size(), Some(size));
        }
        assert_eq!(cap("URI:SSK:a:b").file_size(), None);
    }
}
