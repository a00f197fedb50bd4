//! What the gateway's refusals mean to a client.

use std::{boxed::Box, error::Error, format, string::String};

use hyper::StatusCode;

use crate::storage::{StorageError, StorageErrorKind};

/// What the gateway's text is searched for, in this order: a text may name several of Tahoe's exceptions.
const CAUSES: [(&str, StorageErrorKind, &str); 9] = [
    (
        "UploadUnhappinessError",
        StorageErrorKind::Failed,
        "The grid has too few storage servers to keep the file safe; nothing was stored. Try again later.",
    ),
    (
        "NoServersError",
        StorageErrorKind::Failed,
        "The grid has no storage server right now; try again later.",
    ),
    (
        "UncoordinatedWriteError",
        StorageErrorKind::Busy,
        "Somebody else changed the directory at the same time; look at it before you try again.",
    ),
    ("NotEnoughServersError", StorageErrorKind::Failed, UNREADABLE),
    ("NotEnoughSharesError", StorageErrorKind::Failed, UNREADABLE),
    ("NoSharesError", StorageErrorKind::Failed, UNREADABLE),
    ("UnrecoverableFileError", StorageErrorKind::Failed, UNREADABLE),
    ("NotWriteableError", StorageErrorKind::PermissionDenied, READ_ONLY),
    ("Files have no children", StorageErrorKind::NotADirectory, "That is not a directory."),
];

const UNREADABLE: &str =
    "Too few of the grid's storage servers have the file or a directory on the way to it; try again later.";
const READ_ONLY: &str = "Permission denied: this directory can only be read.";

/// What a client is told if the directory is one that the store has no right to change.
pub(super) fn read_only() -> StorageError {
    StorageError::new(StorageErrorKind::PermissionDenied, READ_ONLY)
}

/// What a client is told if the gateway cannot be reached, or the connection to it broke.
pub(super) fn lost(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError {
    StorageError::new(StorageErrorKind::Failed, "The gateway to the grid does not answer; try again later.")
        .with_source(error)
}

/// What a client is told if the gateway's answer is not what a gateway says.
pub(super) fn strange(error: impl Into<Box<dyn Error + Send + Sync>>) -> StorageError {
    StorageError::new(StorageErrorKind::Failed, "The gateway to the grid gave an answer that makes no sense.")
        .with_source(error)
}

/// The error of an answer that is no success.
///
/// The gateway's text is not passed on: it may have capabilities in it. The log gets the status and the exception.
pub(super) fn refusal(status: StatusCode, text: &str) -> StorageError {
    let cause = CAUSES.iter().find(|(name, ..)| text.contains(name));
    let error = match (status, cause) {
        (_, Some((_, kind, sentence))) => StorageError::new(*kind, *sentence),
        (StatusCode::NOT_FOUND, _) => StorageErrorKind::NotFound.into(),
        (StatusCode::CONFLICT, _) => StorageErrorKind::AlreadyExists.into(),
        (StatusCode::GONE, _) => StorageError::new(StorageErrorKind::Failed, UNREADABLE),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => {
            StorageError::new(StorageErrorKind::OverQuota, "The file is too large for the grid.")
        }
        _ => StorageError::new(StorageErrorKind::Failed, "The grid could not do it."),
    };
    error.with_source(source(status, cause.map(|(name, ..)| *name)))
}

fn source(status: StatusCode, cause: Option<&str>) -> String {
    match cause {
        Some(cause) => format!("the gateway answered {} ({cause})", status.as_u16()),
        None => format!("the gateway answered {}", status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use core::error::Error as _;
    use std::string::ToString;

    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        use StorageErrorKind::*;

        for (status, text, kind) in [
            (404, "No such child: x", NotFound),
            (
                409,
                "There was already a child by that name, and you asked me to not replace it.",
                AlreadyExists,
            ),
            (400, "<h1>Files have no children named 'x'</h1>", NotADirectory),
            (410, "NotEnoughSharesError: This indicates that some servers were unavailable", Failed),
            (410, "anything", Failed),
            (413, "FileTooLargeError", OverQuota),
            (500, "allmydata.interfaces.UploadUnhappinessError: shares could be placed on only 2", Failed),
            (500, "allmydata.mutable.common.NotWriteableError", PermissionDenied),
            (500, "UncoordinatedWriteError: I was changed", Busy),
            (500, "Traceback", Failed),
            (418, "", Failed),
        ] {
            let error = refusal(StatusCode::from_u16(status).unwrap(), text);
            assert_eq!(error.kind(), kind, "{status} {text}");
        }
    }

    #[test]
    fn the_gateways_text_is_not_passed_on() {
        let text = "UploadUnhappinessError in PUT /uri/URI:DIR2:secret:secret/file";
        let error = refusal(StatusCode::INTERNAL_SERVER_ERROR, text);
        assert_eq!(error.source().unwrap().to_string(), "the gateway answered 500 (UploadUnhappinessError)");
        assert!(!format!("{error} {error:?}").contains("URI:"));
    }
}
