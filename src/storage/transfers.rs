//! What a store opens: uploads, downloads and listings.

use alloc::{string::String, vec::Vec};
use core::future::{Future, ready};

use bytes::Bytes;

use super::{
    error::{StorageError, StorageErrorKind},
    metadata::Entry,
};
use crate::pathname::Pathname;

/// A file that is being stored; see [the module](super) for its life.
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

    /// Does what [`finish`](Self::finish) would have to do first, and what nobody sees: writing out what waits in memory,
    /// syncing it. Called at most once, after the last [`write`](Self::write), while the server makes sure that the file
    /// is whole; so an [`abort`](Self::abort) may follow as well as a finish, and a finish may come without it. Not
    /// worth it where it would leave something behind that costs, for the file may be part of one. The default does
    /// nothing.
    ///
    /// If the future is dropped before it resolves, nothing but `abort` follows, as with a `write`.
    ///
    /// # Errors
    ///
    /// As those of a `write`: the upload is aborted, and the client gets the error's code.
    fn prepare(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send {
        ready(Ok(()))
    }

    /// Puts the whole file in place. The `226` leaves when this resolves with success, so it resolves only when the
    /// file would survive whatever the store promises to survive.
    ///
    /// If the future is dropped before it resolves (its deadline passed, or the client aborted and
    /// [`finish_can_stop`](Self::finish_can_stop)), the store holds either what was there before or the whole new
    /// file, never a part.
    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send;

    /// Gives the file up; what was there before stays. There is nobody left to tell an error to.
    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send;

    /// The data connection has TLS, and ended without the `close_notify` by which a client says that this is the end of the
    /// file: anybody between client and server may have cut it off. Called before [`finish`](Self::finish), and only
    /// where the settings accept such an end ([`Truncation::Accept`](crate::config::Truncation::Accept)).
    fn handle_missing_close_notify(&mut self) {}

    /// Whether dropping the future of [`finish`](Self::finish) reliably leaves what was there before, so that an
    /// `ABOR` may still stop the upload after its last byte. If not (the default), the finish runs to its end and
    /// its own result answers the client.
    fn finish_can_stop(&self) -> bool {
        false
    }
}

/// A file that is being retrieved. Dropping it is how the server closes it.
pub trait Download: Send + 'static {
    /// The next bytes, at most `most` of them (which is never 0); none at the end of the file, however often it is asked.
    ///
    /// # Errors
    ///
    /// [`Changed`](super::StorageErrorKind::Changed) if the file became shorter than it was when it was opened. An error
    /// ends the transfer, and the client gets the error's code instead of `226`.
    fn read(&mut self, most: usize) -> impl Future<Output = Result<Bytes, StorageError>> + Send;
}

/// A directory that is being listed. Dropping it is how the server closes it.
pub trait Listing: Send + 'static {
    /// The next page of entries, of a size that the store likes; an empty page is the end, however often it is asked.
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
    /// file that is shorter is [`BadOffset`](super::StorageErrorKind::BadOffset); what it has beyond is dropped. `REST 0`
    /// is [`Replace`](Self::Replace).
    ///
    /// The client waits for the answer before it sends, and hears nothing else meanwhile. So a store that has to copy
    /// what stays does that best beside the writes, and waits for it in the finish.
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

impl<U> OpenedUpload<U> {
    /// Replaces the upload, for example by one with a layer around it.
    pub fn map<V>(self, change: impl FnOnce(U) -> V) -> OpenedUpload<V> {
        OpenedUpload { upload: change(self.upload), pathname: self.pathname, offset: self.offset }
    }
}

/// What [`Upload::finish`] tells about the file that is now in place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Added to the text of the `226`, e.g. an identifier that the store gave the file.
    pub note: Option<String>,
}

impl From<&StorageError> for AbortReason {
    /// The reason for an upload that ended with this error.
    fn from(error: &StorageError) -> Self {
        match error.kind() {
            StorageErrorKind::Changed => Self::StoreFailed,
            kind if kind.is_servers_own() => Self::StoreFailed,
            _ => Self::Refused,
        }
    }
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
    /// The data connection ended without TLS's `close_notify`: it may have been cut off.
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
    /// The store failed to write or to read on, or is full.
    #[error("the store failed")]
    StoreFailed,
    /// The store or a [`Layer`](crate::layer::Layer) does not want the file, for its content or for a quota. Nothing of it
    /// may be kept.
    #[error("the store refused the file")]
    Refused,
    /// The server is shutting down, and the time for transfers to end is over.
    #[error("the server is shutting down")]
    ShuttingDown,
}
