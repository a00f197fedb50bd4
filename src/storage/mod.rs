//! What a store implements: [`Storage`], and the transfers it opens.
//!
//! # The life of an upload
//!
//! [`Storage::open_upload`] yields an [`Upload`]. The server calls [`Upload::write`] for each chunk as it arrives,
//! and then **exactly one** of
//!
//! * [`Upload::finish`], when the whole file has come. The client's `226` waits for it. Its error is the client's
//!   `4xx` or `5xx`.
//! * [`Upload::abort`], when it has not: the connection was cut, the client sent `ABOR`, a write failed.
//!
//! Dropping an upload (a panic, a runtime that shuts down) means the same as `abort`.
//!
//! Every future here may be dropped before it resolves; that is how the server gives up waiting. The sections at
//! each method say what a store must make sure of then.

mod error;

use alloc::{string::String, vec::Vec};
use core::future::Future;

use bytes::Bytes;

pub use self::error::{StorageError, StorageErrorKind};
use crate::{pathname::Pathname, time_value::TimeValue};

/// One user's view of the files, as [`Accounts::log_in`](crate::accounts::Accounts::log_in) yields it.
///
/// [`stat`](Self::stat), [`list`](Self::list), [`open_download`](Self::open_download) and
/// [`open_upload`](Self::open_upload) are what every store has to say something about; the other methods answer
/// [`Unsupported`](StorageErrorKind::Unsupported) until a store overrides them, which the client reads as a `502`
/// or `504`.
///
/// Methods take `&self` and may run at the same time as transfers that the same store opened. A pathname is absolute
/// and normalised: it never has an empty, `.` or `..` segment, nor NUL, CR or LF; it need not be UTF-8.
pub trait Storage: Send + Sync + 'static {
    /// A file that is being stored.
    type Upload: Upload;
    /// A file that is being retrieved.
    type Download: Download;
    /// A directory that is being listed.
    type Listing: Listing;

    /// What the store knows about the file or directory at `path`; symbolic links are followed.
    fn stat(&self, path: &Pathname) -> impl Future<Output = Result<Metadata, StorageError>> + Send;

    /// Opens the directory at `path` to be listed.
    ///
    /// # Errors
    ///
    /// [`NotADirectory`](StorageErrorKind::NotADirectory) for a file: the server then lists that one file.
    fn list(&self, path: &Pathname) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send;

    /// Opens the file at `path` to be read from byte `offset` on.
    ///
    /// # Errors
    ///
    /// [`BadOffset`](StorageErrorKind::BadOffset) if the file is shorter than `offset`.
    fn open_download(
        &self,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send;

    /// Opens a file to be stored at `path`, as `placement` says.
    ///
    /// `announced` is the size that the client promised by `ALLO`: the file has at least so many bytes when it is
    /// finished. A store that has no room for it refuses here, before the client has sent a byte.
    ///
    /// What was at `path` stays whole and readable until [`Upload::finish`] succeeds.
    fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send;

    /// Makes the directory `path` (`MKD`).
    fn make_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Removes the directory `path`, which must be empty (`RMD`).
    fn remove_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Removes the file `path` (`DELE`); of a symbolic link, the link.
    fn remove_file(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Renames `from` to `to` (`RNFR`, `RNTO`), replacing a file that is there.
    fn rename(
        &self,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (from, to);
        unsupported()
    }

    /// Sets the modification time of `path` (`MFMT`, `SITE UTIME`).
    fn set_modified(
        &self,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (path, modified);
        unsupported()
    }

    /// Sets the permission bits of `path` (`SITE CHMOD`); `mode` is at most `0o7777`.
    fn set_mode(&self, path: &Pathname, mode: u32) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (path, mode);
        unsupported()
    }

    /// The bytes that can still be stored in the directory `path` (`AVBL`).
    fn available(&self, path: &Pathname) -> impl Future<Output = Result<u64, StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Runs a `SITE` command that the embedding program added to
    /// [`Settings::site_commands`](crate::config::Settings::site_commands); the text becomes the `200` reply.
    fn site(&self, command: SiteCall) -> impl Future<Output = Result<String, StorageError>> + Send {
        let _ = command;
        unsupported()
    }
}

fn unsupported<T>() -> core::future::Ready<Result<T, StorageError>> {
    core::future::ready(Err(StorageErrorKind::Unsupported.into()))
}

/// A file that is being stored; see [the module](self) for its life.
pub trait Upload: Send + 'static {
    /// Takes the next bytes of the file.
    ///
    /// The data connection is not read while this waits, so a slow store slows the client down instead of filling
    /// memory. If the future is dropped, nothing but [`abort`](Self::abort) follows.
    ///
    /// # Errors
    ///
    /// An error ends the transfer: the upload is aborted and the client gets the error's code.
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Puts the whole file in place. The `226` leaves when this resolves with success, so it resolves only when the
    /// file would survive whatever the store promises to survive.
    ///
    /// If the future is dropped before it resolves (its deadline passed, or the client aborted and
    /// [`finish_can_stop`](Self::finish_can_stop)), the store holds either what was there before or the whole new
    /// file, never a part.
    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send;

    /// Gives the file up; what was there before stays. There is nobody left to tell an error to.
    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send;

    /// The end of the data connection, which is told to be the end of the file, was not authenticated by TLS: anybody
    /// between client and server may have cut the file off. Called before [`finish`](Self::finish), and only where the
    /// settings accept such an end ([`Truncation::Accept`](crate::config::Truncation::Accept)).
    fn handle_unauthenticated_end(&mut self) {}

    /// Whether dropping the future of [`finish`](Self::finish) reliably leaves what was there before, so that an
    /// `ABOR` may still stop the upload after its last byte. If not (the default), the finish runs to its end and
    /// its own result answers the client.
    fn finish_can_stop(&self) -> bool {
        false
    }
}

/// A file that is being retrieved. Dropping it is how the server closes it.
pub trait Download: Send + 'static {
    /// The next bytes, at most `most` of them (which is never 0); none at the end of the file.
    ///
    /// # Errors
    ///
    /// [`Changed`](StorageErrorKind::Changed) if the file became shorter than it was when it was opened. An error
    /// ends the transfer, and the client gets the error's code instead of `226`.
    fn read(&mut self, most: usize) -> impl Future<Output = Result<Bytes, StorageError>> + Send;
}

/// A directory that is being listed. Dropping it is how the server closes it.
pub trait Listing: Send + 'static {
    /// The next page of entries, of a size that the store likes; an empty page is the end.
    ///
    /// Entries come in the order in which they are listed. `.` and `..` are not among them.
    fn next_page(&mut self) -> impl Future<Output = Result<Vec<Entry>, StorageError>> + Send;
}

/// Where the bytes of an upload go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The upload becomes the whole file (`STOR`).
    Replace,
    /// The first `offset` bytes of the present file stay, and the upload follows them (`REST`, `STOR`). A present
    /// file that is shorter is [`BadOffset`](StorageErrorKind::BadOffset); what it has beyond is dropped.
    Resume {
        /// How many bytes stay.
        offset: u64,
    },
    /// The upload follows the present file, if there is one (`APPE`).
    Append,
    /// The store picks a name that nothing has yet, in the directory of `path` and like its last segment (`STOU`).
    Unique,
}

/// An upload that is open, and what the server has to know about it.
#[derive(Debug)]
pub struct OpenedUpload<U> {
    /// The upload.
    pub upload: U,
    /// Where it goes: the pathname asked for, or the one that the store picked for [`Placement::Unique`].
    pub pathname: Pathname,
    /// How many bytes of the file are there already, before the first one that is sent.
    pub offset: u64,
}

/// What [`Upload::finish`] tells about the file that is now in place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Added to the text of the `226`, e.g. an identifier that the store gave the file.
    pub note: Option<String>,
}

/// Why an upload is aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AbortReason {
    /// The client sent `ABOR`.
    #[error("the client aborted the transfer")]
    ClientAborted,
    /// No data connection came to be.
    #[error("no data connection was made")]
    NoDataConnection,
    /// The data connection broke before the end of the file.
    #[error("the data connection was lost")]
    DataConnectionLost,
    /// The data connection ended without TLS's `close_notify`: somebody may have cut it off.
    #[error("the data connection ended without close_notify")]
    Truncated,
    /// No byte moved for [`data_stall_timeout`](crate::config::Settings::data_stall_timeout).
    #[error("the data connection stalled")]
    DataStalled,
    /// The control connection was gone before the end of the file.
    #[error("the control connection was lost")]
    ControlConnectionLost,
    /// The file ended before the size that the client had announced by `ALLO`.
    #[error("the file ended before its announced size")]
    Incomplete,
    /// The store refused a write or could not read on.
    #[error("the store failed")]
    StoreFailed,
    /// The server is shutting down, and the time for transfers to end is over.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// What a store knows about a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory or something else.
    pub kind: EntryKind,
    /// Bytes of a file; 0 where it has no meaning.
    pub size: u64,
    /// When the content last changed.
    pub modified: Option<TimeValue>,
    /// What the user may do with it (the `perm` fact).
    pub permissions: Permissions,
    /// Unix attributes, where the store has them.
    pub unix: Option<UnixAttributes>,
    /// The same for two names of one file and for nothing else in the store (the `unique` fact).
    pub unique: Option<(u64, u64)>,
}

impl Metadata {
    /// A file of `size` bytes with which its user may do everything.
    #[must_use]
    pub const fn file(size: u64) -> Self {
        Self::new(EntryKind::File, size)
    }

    /// A directory with which its user may do everything.
    #[must_use]
    pub const fn directory() -> Self {
        Self::new(EntryKind::Directory, 0)
    }

    const fn new(kind: EntryKind, size: u64) -> Self {
        Self { kind, size, modified: None, permissions: Permissions::all(kind), unix: None, unique: None }
    }
}

/// Unix attributes of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixAttributes {
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// Number of hard links.
    pub links: u64,
    /// Number of the owning user.
    pub owner: u32,
    /// Number of the owning group.
    pub group: u32,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file whose content can be retrieved.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. Only listings have it: [`Storage::stat`] follows links.
    Symlink,
    /// Something that can be neither retrieved nor entered: a device, a socket, a FIFO.
    Other,
}

/// What a user may do with a file or directory, as the `perm` fact tells it (RFC 3659 7.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permissions {
    /// A file: RETR, STOR, APPE, DELE, RNFR. A directory: CWD, LIST, STOR in it, MKD in it, RMD, RNFR, deletion in it.
    All(EntryKind),
    /// A file: RETR. A directory: CWD, LIST.
    ReadOnly(EntryKind),
    /// Nothing.
    None,
}

impl Permissions {
    /// Everything that can be done with such an entry.
    #[must_use]
    pub const fn all(kind: EntryKind) -> Self {
        Self::All(kind)
    }

    /// The letters of the `perm` fact.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::All(EntryKind::File) => "adfrw",
            Self::All(EntryKind::Directory) => "cdeflmp",
            Self::All(_) => "df",
            Self::ReadOnly(EntryKind::File) => "r",
            Self::ReadOnly(EntryKind::Directory) => "el",
            Self::ReadOnly(_) | Self::None => "",
        }
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last segment of its pathname. A name that has a NUL, CR, LF or `/` cannot be sent in a listing nor be
    /// asked for by a client, and listings leave it out.
    pub name: Bytes,
    /// What the store knows about it.
    pub metadata: Metadata,
}

/// A call of a `SITE` command that the embedding program added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCall {
    /// The command's name, in upper case.
    pub verb: String,
    /// What follows it, without the blank; not necessarily UTF-8.
    pub argument: Bytes,
    /// The user's working directory.
    pub working_directory: Pathname,
}

#[cfg(test)]
mod tests {
    use core::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// A store that has nothing and overrides nothing.
    struct Nothing;

    /// What it never opens.
    struct Never;

    impl Storage for Nothing {
        type Upload = Never;
        type Download = Never;
        type Listing = Never;

        async fn stat(&self, _: &Pathname) -> Result<Metadata, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn list(&self, _: &Pathname) -> Result<Never, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn open_download(&self, _: &Pathname, _: u64) -> Result<Never, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn open_upload(
            &self,
            _: &Pathname,
            _: Placement,
            _: Option<u64>,
        ) -> Result<OpenedUpload<Never>, StorageError> {
            Err(StorageErrorKind::NameRefused.into())
        }
    }

    impl Upload for Never {
        async fn write(&mut self, _: Bytes) -> Result<(), StorageError> {
            Ok(())
        }

        async fn finish(self) -> Result<Stored, StorageError> {
            Ok(Stored::default())
        }

        async fn abort(self, _: AbortReason) {}
    }

    impl Download for Never {
        async fn read(&mut self, _: usize) -> Result<Bytes, StorageError> {
            Ok(Bytes::new())
        }
    }

    impl Listing for Never {
        async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
            Ok(Vec::new())
        }
    }

    /// The kind of the error that a future yields without waiting.
    fn refusal<T>(future: impl Future<Output = Result<T, StorageError>>) -> Option<StorageErrorKind> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.err().map(|error| error.kind()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_a_store_does_not_override_is_unsupported() {
        let (path, time) = (Pathname::root(), TimeValue::from_unix(0, 0));
        let call =
            SiteCall { verb: "VERIFY".into(), argument: Bytes::new(), working_directory: path.clone() };
        for refusal in [
            refusal(Nothing.make_directory(&path)),
            refusal(Nothing.remove_directory(&path)),
            refusal(Nothing.remove_file(&path)),
            refusal(Nothing.rename(&path, &path)),
            refusal(Nothing.set_modified(&path, time)),
            refusal(Nothing.set_mode(&path, 0o644)),
            refusal(Nothing.available(&path)),
            refusal(Nothing.site(call)),
        ] {
            assert_eq!(refusal, Some(StorageErrorKind::Unsupported));
        }
    }

    /// Else an `ABOR` would drop a finish that may have stored the file, and say that it did not.
    #[test]
    fn a_finish_cannot_stop_unless_the_store_says_so() {
        assert!(!Never.finish_can_stop());
    }

    #[test]
    fn the_perm_fact_tells_what_may_be_done() {
        use EntryKind::{Directory, File, Other, Symlink};

        for (permissions, letters) in [
            (Permissions::all(File), "adfrw"),
            (Permissions::all(Directory), "cdeflmp"),
            (Permissions::all(Symlink), "df"),
            (Permissions::all(Other), "df"),
            (Permissions::ReadOnly(File), "r"),
            (Permissions::ReadOnly(Directory), "el"),
            (Permissions::ReadOnly(Other), ""),
            (Permissions::None, ""),
        ] {
            assert_eq!(permissions.letters(), letters, "{permissions:?}");
        }
    }
}
