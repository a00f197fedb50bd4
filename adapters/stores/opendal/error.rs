//! What OpenDAL's errors mean to a client.

use core::error::Error as _;
use std::io;

use opendal::{Error, ErrorKind};

use crate::storage::{StorageError, StorageErrorKind};

/// The kind and sentence that tell a client as much as it may know; the error itself, which may name hosts and keys,
/// becomes the source, for the log.
pub(super) fn explain(error: Error) -> StorageError {
    let refusal = match system_error(&error) {
        Some(refusal) => refusal,
        None => match (kind(&error), sentence(&error)) {
            (kind, Some(sentence)) => StorageError::new(kind, sentence),
            (kind, None) => kind.into(),
        },
    };
    refusal.with_source(error)
}

/// The same, where a condition that is not met means `unmet`.
pub(super) fn explain_condition(error: Error, unmet: impl Into<StorageError>) -> StorageError {
    match error.kind() {
        ErrorKind::ConditionNotMatch | ErrorKind::Conflict => unmet.into().with_source(error),
        _ => explain(error),
    }
}

/// `None` if there is nothing of that name.
pub(super) fn found<T>(result: Result<T, Error>) -> Result<Option<T>, StorageError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(explain(error)),
    }
}

fn kind(error: &Error) -> StorageErrorKind {
    match error.kind() {
        ErrorKind::NotFound => StorageErrorKind::NotFound,
        ErrorKind::PermissionDenied => StorageErrorKind::PermissionDenied,
        ErrorKind::IsADirectory => StorageErrorKind::IsADirectory,
        ErrorKind::NotADirectory => StorageErrorKind::NotADirectory,
        ErrorKind::AlreadyExists => StorageErrorKind::AlreadyExists,
        ErrorKind::IsSameFile => StorageErrorKind::NameRefused,
        ErrorKind::Unsupported => StorageErrorKind::Unsupported,
        ErrorKind::RateLimited | ErrorKind::Conflict | ErrorKind::ConditionNotMatch => StorageErrorKind::Busy,
        _ => StorageErrorKind::Failed,
    }
}

/// Where the sentence of the kind is too general.
fn sentence(error: &Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::PermissionDenied => Some("Permission denied by the storage service."),
        ErrorKind::Unsupported => Some("The storage service does not offer that."),
        ErrorKind::RateLimited => Some("The storage service is busy; try again later."),
        ErrorKind::Conflict | ErrorKind::ConditionNotMatch => {
            Some("The file was changed meanwhile; try again.")
        }
        ErrorKind::ConfigInvalid => Some("The storage service is not set up right; tell the operator."),
        // Retried already, if the operator has a layer that retries.
        _ if error.is_temporary() || error.is_persistent() => {
            Some("The storage service cannot be reached or failed; try again later.")
        }
        _ => None,
    }
}

/// For some errors of the operating system OpenDAL has no kind, but keeps them as the source. Those that have nothing
/// to do with files, such as a connection's, say no more than OpenDAL does.
fn system_error(error: &Error) -> Option<StorageError> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            let same = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            let refusal = StorageError::from(same);
            return (refusal.kind() != StorageErrorKind::Failed).then_some(refusal);
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn each_error_has_its_kind_and_keeps_its_secrets() {
        let kinds = [
            (ErrorKind::NotFound, StorageErrorKind::NotFound),
            (ErrorKind::PermissionDenied, StorageErrorKind::PermissionDenied),
            (ErrorKind::IsADirectory, StorageErrorKind::IsADirectory),
            (ErrorKind::NotADirectory, StorageErrorKind::NotADirectory),
            (ErrorKind::AlreadyExists, StorageErrorKind::AlreadyExists),
            (ErrorKind::Unsupported, StorageErrorKind::Unsupported),
            (ErrorKind::RateLimited, StorageErrorKind::Busy),
            (ErrorKind::Conflict, StorageErrorKind::Busy),
            (ErrorKind::ConditionNotMatch, StorageErrorKind::Busy),
            (ErrorKind::ConfigInvalid, StorageErrorKind::Failed),
            (ErrorKind::Unexpected, StorageErrorKind::Failed),
        ];
        for (given, kind) in kinds {
            let url = "https://bucket.example/key?X-Amz-Signature=0123";
            let refusal = explain(Error::new(given, url).with_context("key", "AKIA0123"));
            assert_eq!(refusal.kind(), kind, "{given:?}");
            assert!(!refusal.message().contains("0123") && refusal.source().is_some(), "{refusal:?}");
        }
    }

    #[test]
    fn a_failure_that_may_pass_says_so() {
        for error in [
            Error::new(ErrorKind::Unexpected, "503").set_temporary(),
            Error::new(ErrorKind::Unexpected, "503").set_persistent(),
        ] {
            assert!(explain(error).message().contains("try again later"));
        }
    }

    #[test]
    fn a_condition_that_is_not_met_means_what_the_caller_says() {
        for kind in [ErrorKind::ConditionNotMatch, ErrorKind::Conflict] {
            let refusal = explain_condition(Error::new(kind, "412"), StorageErrorKind::AlreadyExists);
            assert_eq!((refusal.kind(), refusal.source().is_some()), (StorageErrorKind::AlreadyExists, true));
        }
        let other = Error::new(ErrorKind::RateLimited, "429");
        assert_eq!(explain_condition(other, StorageErrorKind::Changed).kind(), StorageErrorKind::Busy);
    }

    #[test]
    fn errors_of_the_system_are_told_as_the_filesystem_store_tells_them() {
        let of_system = |kind: io::ErrorKind| {
            explain(Error::new(ErrorKind::Unexpected, "io").set_source(io::Error::from(kind)).set_temporary())
        };
        assert_eq!(of_system(io::ErrorKind::DirectoryNotEmpty).kind(), StorageErrorKind::NotEmpty);
        assert_eq!(of_system(io::ErrorKind::StorageFull).kind(), StorageErrorKind::NoSpace);
        let refused = of_system(io::ErrorKind::ConnectionRefused);
        assert_eq!(refused.kind(), StorageErrorKind::Failed);
        assert!(refused.to_string().contains("cannot be reached"));
    }
}
