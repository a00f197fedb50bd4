//! What goes wrong in a store.

use alloc::{borrow::Cow, boxed::Box};
use core::{error::Error, fmt};

use crate::reply::ReplyCode;

/// What went wrong in a store, for the client (the kind chooses the reply code, the message is its text) and for the
/// operator (the source goes to the log).
///
/// ```
/// use sansftp::storage::{StorageError, StorageErrorKind};
///
/// let error = StorageError::new(StorageErrorKind::OverQuota, "Your 5 GB are used up.");
/// assert_eq!(error.kind().reply_code().number(), 552);
/// assert_eq!(error.to_string(), "Your 5 GB are used up.");
/// ```
pub struct StorageError {
    kind: StorageErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// An error with a sentence for the client, who sees nothing else of it. Characters that would break a reply are
    /// replaced.
    ///
    /// Programs search the text of a `550`, whose code is the same for so much: FileZilla goes on behind an `MKD` only
    /// if the text has "already exists" or "file exists" in it. So a sentence of your own begins best with that of its
    /// kind: `Permission denied: …`.
    #[must_use]
    pub fn new(kind: StorageErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause, which the log tells and the client does not see.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of error it is.
    #[must_use]
    pub const fn kind(&self) -> StorageErrorKind {
        self.kind
    }

    /// The sentence for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<StorageErrorKind> for StorageError {
    fn from(kind: StorageErrorKind) -> Self {
        Self::new(kind, kind.sentence())
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The kinds of [`StorageError`], each with the reply code that a client understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The file cannot be used right now, e.g. it is locked; trying again may help: `450`.
    Busy,
    /// The store failed, and it is not the client's doing: `451`.
    Failed,
    /// The store has no space left: `452`.
    NoSpace,
    /// The store does not offer this operation: `502`.
    Unsupported,
    /// The store offers this operation, but not with this parameter: `504`.
    UnsupportedParameter,
    /// The file became shorter while it was retrieved: `426`.
    Changed,
    /// There is no such file or directory: `550`.
    NotFound,
    /// The user may not do this: `550`.
    PermissionDenied,
    /// There is something at this pathname already: `550`.
    AlreadyExists,
    /// A file was wanted, and this is a directory: `550`.
    IsADirectory,
    /// A directory was wanted, and this is none: `550`.
    NotADirectory,
    /// The directory has entries: `550`.
    NotEmpty,
    /// The pathname leads to something that is neither file nor directory: `550`.
    NotAFile,
    /// The content is not acceptable, e.g. it does not pass a check: `551`.
    ContentRefused,
    /// The user's own allowance is used up: `552`.
    OverQuota,
    /// The name cannot be used in this store: `553` where a file is to get it, and `550` to other commands.
    NameRefused,
    /// The file has no byte at the offset of `REST`: `554`.
    BadOffset,
}

impl StorageErrorKind {
    /// The code of the reply that tells the client.
    #[must_use]
    pub const fn reply_code(self) -> ReplyCode {
        match self {
            Self::Changed => ReplyCode::TRANSFER_ABORTED,
            Self::Busy => ReplyCode::FILE_BUSY,
            Self::Failed => ReplyCode::LOCAL_ERROR,
            Self::NoSpace => ReplyCode::NO_SPACE,
            Self::Unsupported => ReplyCode::NOT_IMPLEMENTED,
            Self::UnsupportedParameter => ReplyCode::PARAMETER_NOT_IMPLEMENTED,
            Self::NotFound
            | Self::PermissionDenied
            | Self::AlreadyExists
            | Self::IsADirectory
            | Self::NotADirectory
            | Self::NotEmpty
            | Self::NotAFile => ReplyCode::FILE_UNAVAILABLE,
            Self::ContentRefused => ReplyCode::CONTENT_REFUSED,
            Self::OverQuota => ReplyCode::OVER_QUOTA,
            Self::NameRefused => ReplyCode::NAME_REFUSED,
            Self::BadOffset => ReplyCode::BAD_RESTART,
        }
    }

    /// Whether the operator has to do something about it, rather than the client: the store failed or is full.
    #[must_use]
    pub const fn is_servers_own(self) -> bool {
        matches!(self, Self::Failed | Self::NoSpace)
    }

    /// What the client reads where the store says nothing better. It has the words in it that programs search: those of
    /// the system's own errors, which most servers pass on.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Changed => "The file became shorter while it was sent.",
            Self::Busy => "The file is in use; try again later.",
            Self::Failed => "The store failed.",
            Self::NoSpace => "No space left in the store.",
            Self::Unsupported => "This store does not offer that.",
            Self::UnsupportedParameter => "This store does not offer that with this parameter.",
            Self::NotFound => "No such file or directory.",
            Self::PermissionDenied => "Permission denied.",
            Self::AlreadyExists => "File exists: that file or directory already exists.",
            Self::IsADirectory => "That is a directory.",
            Self::NotADirectory => "That is not a directory.",
            Self::NotEmpty => "Directory not empty.",
            Self::NotAFile => "That is not a regular file.",
            Self::ContentRefused => "The content was refused.",
            Self::OverQuota => "Quota exceeded: your allowance of space is used up.",
            Self::NameRefused => "That name cannot be used here.",
            Self::BadOffset => "The file has no byte at that offset.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{format, io, string::ToString};

    use super::*;

    #[test]
    fn the_cause_is_for_the_operator_only() {
        let error = StorageError::new(StorageErrorKind::NoSpace, "The store is full.");
        assert!(error.source().is_none());
        let error = error.with_source(io::Error::other("quota of /dev/sda1"));
        assert_eq!(error.source().unwrap().to_string(), "quota of /dev/sda1");
        assert_eq!(
            (error.to_string().as_str(), error.message()),
            ("The store is full.", "The store is full.")
        );
        let shown = format!("{error:?}");
        for part in ["NoSpace", "The store is full.", "quota of /dev/sda1"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    /// A client reads it as the reply's text, whichever kind it is.
    #[test]
    fn every_kind_has_a_sentence() {
        use StorageErrorKind::*;

        for kind in [
            Busy,
            Failed,
            NoSpace,
            Unsupported,
            UnsupportedParameter,
            Changed,
            NotFound,
            PermissionDenied,
            AlreadyExists,
            IsADirectory,
            NotADirectory,
            NotEmpty,
            NotAFile,
            ContentRefused,
            OverQuota,
            NameRefused,
            BadOffset,
        ] {
            let sentence = StorageError::from(kind).to_string();
            assert!(sentence.len() > 10 && sentence.ends_with('.'), "{kind:?}: {sentence}");
        }
    }

    #[test]
    fn what_failed_or_is_full_is_the_servers_own() {
        use StorageErrorKind::{Failed, NoSpace, NotFound, OverQuota};

        assert!(Failed.is_servers_own() && NoSpace.is_servers_own());
        assert!(!NotFound.is_servers_own() && !OverQuota.is_servers_own());
    }
}
