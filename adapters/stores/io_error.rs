//! What the operating system's errors mean to a client.

use std::io::{Error, ErrorKind};

use crate::storage::{StorageError, StorageErrorKind};

/// The kind and sentence that tell a client as much as it may know; the error itself becomes the source, for the log.
/// A store of your own that works with files can use it, too.
///
/// ```
/// use sansftp::storage::{StorageError, StorageErrorKind};
///
/// let error = StorageError::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
/// assert_eq!(error.kind(), StorageErrorKind::NoSpace);
/// ```
impl From<Error> for StorageError {
    fn from(error: Error) -> Self {
        let refusal = match (kind(&error), sentence(&error)) {
            (kind, Some(sentence)) => Self::new(kind, sentence),
            (kind, None) => kind.into(),
        };
        refusal.with_source(error)
    }
}

fn kind(error: &Error) -> StorageErrorKind {
    if let Some(kind) = system_kind(error) {
        return kind;
    }
    match error.kind() {
        ErrorKind::NotFound => StorageErrorKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StorageErrorKind::PermissionDenied,
        ErrorKind::AlreadyExists => StorageErrorKind::AlreadyExists,
        ErrorKind::IsADirectory => StorageErrorKind::IsADirectory,
        ErrorKind::NotADirectory => StorageErrorKind::NotADirectory,
        ErrorKind::DirectoryNotEmpty => StorageErrorKind::NotEmpty,
        ErrorKind::StorageFull | ErrorKind::TooManyLinks => StorageErrorKind::NoSpace,
        ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StorageErrorKind::OverQuota,
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput | ErrorKind::CrossesDevices => {
            StorageErrorKind::NameRefused
        }
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy | ErrorKind::WouldBlock => {
            StorageErrorKind::Busy
        }
        ErrorKind::Unsupported => StorageErrorKind::Unsupported,
        _ => StorageErrorKind::Failed,
    }
}

/// Where the sentence of the kind is too general.
fn sentence(error: &Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => Some("Permission denied: the file system can only be read."),
        ErrorKind::FileTooLarge => Some("The file is too large for this store."),
        ErrorKind::CrossesDevices => Some("The new name is on another file system; store a copy instead."),
        ErrorKind::TooManyLinks => Some("No space left: the directory is full."),
        ErrorKind::OutOfMemory => Some("The server is short of memory; try again later."),
        _ if is_out_of_handles(error) => Some("The server has too many files open; try again later."),
        _ => None,
    }
}

/// The errors for which the standard library has no kind.
#[cfg(unix)]
fn system_kind(error: &Error) -> Option<StorageErrorKind> {
    use rustix::io::Errno;

    match Errno::from_io_error(error)? {
        // A circle of symbolic links leads nowhere.
        Errno::LOOP => Some(StorageErrorKind::NotFound),
        // A socket that was opened, or a FIFO that nobody reads, for writing.
        Errno::NXIO => Some(StorageErrorKind::NotAFile),
        // The file system wants its names in UTF-8.
        Errno::ILSEQ => Some(StorageErrorKind::NameRefused),
        _ => None,
    }
}

#[cfg(unix)]
fn is_out_of_handles(error: &Error) -> bool {
    use rustix::io::Errno;

    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(not(unix))]
fn system_kind(_: &Error) -> Option<StorageErrorKind> {
    None
}

#[cfg(not(unix))]
fn is_out_of_handles(_: &Error) -> bool {
    false
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use core::error::Error as _;
    use std::string::ToString;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn each_error_has_its_kind() {
        use StorageErrorKind::*;

        let kinds = [
            (Errno::NOENT, NotFound),
            (Errno::LOOP, NotFound),
            (Errno::ACCESS, PermissionDenied),
            (Errno::PERM, PermissionDenied),
            (Errno::ROFS, PermissionDenied),
            (Errno::EXIST, AlreadyExists),
            (Errno::ISDIR, IsADirectory),
            (Errno::NOTDIR, NotADirectory),
            (Errno::NOTEMPTY, NotEmpty),
            (Errno::NXIO, NotAFile),
            (Errno::NOSPC, NoSpace),
            (Errno::DQUOT, OverQuota),
            (Errno::FBIG, OverQuota),
            (Errno::NAMETOOLONG, NameRefused),
            (Errno::INVAL, NameRefused),
            (Errno::ILSEQ, NameRefused),
            (Errno::XDEV, NameRefused),
            (Errno::MLINK, NoSpace),
            (Errno::BUSY, Busy),
            (Errno::TXTBSY, Busy),
            (Errno::AGAIN, Busy),
            (Errno::NOSYS, Unsupported),
            (Errno::IO, Failed),
            (Errno::MFILE, Failed),
            (Errno::NOMEM, Failed),
        ];
        for (errno, kind) in kinds {
            let error = StorageError::from(Error::from(errno));
            assert_eq!(error.kind(), kind, "{errno:?}");
            assert!(error.source().is_some() && !error.to_string().contains("os error"), "{errno:?}");
        }
    }

    #[test]
    fn programs_find_the_words_that_they_search() {
        for (errno, words) in [
            (Errno::NOENT, "No such file or directory"),
            (Errno::ACCESS, "Permission denied"),
            (Errno::ROFS, "Permission denied"),
            (Errno::EXIST, "File exists"),
            (Errno::NOTEMPTY, "Directory not empty"),
            (Errno::NOSPC, "No space left"),
            (Errno::MLINK, "No space left"),
            (Errno::DQUOT, "Quota exceeded"),
        ] {
            let sentence = StorageError::from(Error::from(errno)).to_string();
            assert!(sentence.starts_with(words), "{errno:?}: {sentence}");
        }
    }
}
