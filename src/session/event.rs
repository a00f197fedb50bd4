//! What has happened: what a driver tells a session.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use super::action::{DataId, RequestId, TransferId};
use crate::{
    accounts::{ClientCertificate, Denied},
    pathname::Pathname,
    storage::{Entry, Metadata, StorageError, Stored},
    time_value::TimeValue,
};

/// Something that happened.
///
/// An event that is too late (the answer to a request that was cancelled, the end of a transfer that was aborted, a
/// connection to a passive port that was closed) is known by its id and changes nothing.
#[derive(Debug)]
pub enum Event<'a> {
    /// Bytes came over the control connection. A session that [does not want input](super::Session::wants_input)
    /// takes them all the same, and holds them in memory; but it forgets those that it can never execute: during a
    /// handshake, behind a line without end, and after [`ControlEnded`](Self::ControlEnded) and
    /// [`Action::CloseControl`](super::Action::CloseControl).
    Received(&'a [u8]),
    /// All replies that were given out so far are written to the control connection. While more than
    /// [`reply_limit`](crate::config::Settings::reply_limit) bytes of them are not, no command is executed.
    RepliesSent,
    /// The client has ended its side of the control connection in good order, behind everything that was told as
    /// [`Received`](Self::Received); it may still read. What came whole is executed and answered, then the session ends.
    /// An upload is only finished if its end is certain all the same, for a client that was killed ends like this, too.
    /// So tell this as soon as it is known, also while bytes move, and also between the end of an upload and its finish.
    ControlEnded,
    /// The control connection is lost: an error, or a TLS connection that ended without a `close_notify`. Commands that
    /// were received before and have not been executed are not executed any more.
    ControlClosed,
    /// The handshake that [`Action::SecureControl`](super::Action::SecureControl) asked for has succeeded.
    ControlSecured(TlsClient),
    /// The time of [`poll_timeout`](super::Session::poll_timeout) has come.
    Elapsed,
    /// The server wants to end. A running transfer is completed; then, or at once if there is none, the client gets
    /// a `421`.
    ShutdownRequested,
    /// The server has to end now: a running transfer is aborted, and the client gets a `421`.
    ShutdownOverdue,

    /// The answer to [`Action::Ask`](super::Action::Ask).
    Answered(RequestId, Answer),

    /// The passive data port is open at this address.
    Listening(DataId, SocketAddr),
    /// The passive data port could not be opened.
    ListenFailed(DataId),
    /// There is a data connection with the other end at this address, by accepting or by connecting.
    DataConnected(DataId, SocketAddr),
    /// The data connection could not be made, or its TLS handshake did not succeed. It is closed.
    DataRefused(DataId),
    /// The handshake that [`Action::SecureDataConnection`](super::Action::SecureDataConnection) asked for has succeeded.
    DataSecured(DataId, Resumption),

    /// So many bytes of the transfer have moved over the data connection, in all.
    Progressed(TransferId, u64),
    /// Bytes have moved over the data connection since the last event of the transfer, but none that
    /// [`Progressed`](Self::Progressed) counts: a part of a TLS record. A driver without TLS has no need of it.
    Moved(TransferId),
    /// No more bytes will move in this transfer. Its data connection is closed. Whether an upload is whole is for the
    /// session to find out: it may wait a moment, and then ask by
    /// [`Action::LookAtControl`](super::Action::LookAtControl).
    TransferEnded(TransferId, Outcome),
    /// The answer to [`Action::LookAtControl`](super::Action::LookAtControl), which says what has to be told before.
    ControlLookedAt(TransferId, ControlState),
    /// The result of [`Action::AwaitFinish`](super::Action::AwaitFinish), also after
    /// [`Action::Detach`](super::Action::Detach).
    Finished(TransferId, Result<Stored, StorageError>),
    /// What [`Action::Abort`](super::Action::Abort) asked for is done.
    Aborted(TransferId),
}

/// What a handshake on the control connection has told of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsClient {
    /// The host that it wants (server name indication, RFC 6066 3).
    pub server_name: Option<String>,
    /// What it has proved itself with.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// How the movement of bytes ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every byte of the file or listing was handed to the data connection and it was shut down in good order, and the
    /// client has closed it or had its time for that
    /// ([`Settings::data_close_grace`](crate::Settings::data_close_grace)).
    Sent {
        /// Bytes that moved over the data connection.
        bytes: u64,
    },
    /// The client has ended the data connection of an upload in good order, and the store has taken every byte.
    Received {
        /// Bytes that moved over the data connection.
        bytes: u64,
        /// How it ended.
        end: DataEnd,
    },
    /// The data connection broke.
    Lost,
    /// The store returned an error.
    StoreFailed(StorageError),
}

/// How a client has ended the data connection of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataEnd {
    /// By a FIN alone: a read returned nothing. So everything ends on a connection in clear, also that of a client that was
    /// killed in the middle of its file. Where TLS protects the data connection, it is cut off.
    Fin {
        /// How the client kept the driver waiting; `None` if that is not measured. Whose bytes came without delay, and the
        /// end right behind them, need not be waited for as long.
        waits: Option<Waits>,
    },
    /// By the `close_notify` of TLS, which nobody but the client can send.
    CloseNotify,
}

/// How long a driver has waited for the bytes of an upload. Only that counts while it was ready to read, and nothing was
/// there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// The longest time at whose end bytes came.
    pub longest: Duration,
    /// The time at whose end the end came; zero if it was there with the last bytes.
    pub last: Duration,
}

/// Whether a client is still there, as far as its control connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlState {
    /// As far as the system knows right now, the client has not ended its side.
    Open,
    /// The client has ended its side, or the connection is lost.
    Ended,
}

/// Whether a handshake on a data connection resumed the TLS session of its own control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// It did: whoever made the data connection has made the control connection.
    OfControl,
    /// It did not: there is a new TLS session.
    None,
}

/// The answer to a [`Request`](super::Request).
#[derive(Debug)]
pub enum Answer {
    /// The user is logged in: later requests go to the store that the accounts gave.
    LoggedIn,
    /// The user is not logged in.
    Denied(Denied),
    /// It could not be done.
    Failed(StorageError),
    /// It is done: the answer to a request that wants no information.
    Done,
    /// The answer to [`Request::Stat`](super::Request::Stat).
    Metadata {
        /// What the store knows.
        metadata: Metadata,
        /// The time of day, for the lines of `ls`.
        now: TimeValue,
    },
    /// The answer to [`Request::ListFirst`](super::Request::ListFirst).
    Entries {
        /// At most as many as were asked for.
        entries: Vec<Entry>,
        /// Whether these are all.
        extent: Extent,
        /// The time of day, for the lines of `ls`.
        now: TimeValue,
    },
    /// An upload is open, and the driver holds it.
    UploadOpened {
        /// Where it goes.
        pathname: Pathname,
        /// Bytes of the file that are there already.
        offset: u64,
        /// What an `ABOR` does while it finishes.
        finish: FinishKind,
    },
    /// A download or a listing is open, and the driver holds it.
    Opened,
    /// The answer to [`Request::Available`](super::Request::Available), in bytes.
    Available(u64),
    /// The answer to [`Request::Site`](super::Request::Site).
    Text(String),
}

/// Whether a list of entries is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It is.
    Whole,
    /// There are more.
    Truncated,
}

/// Whether a finish can be stopped; see [`Upload::finish_can_stop`](crate::storage::Upload::finish_can_stop).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishKind {
    /// An `ABOR` waits for its result.
    RunsToItsEnd,
    /// An `ABOR` drops its future, and nothing was stored.
    CanStop,
}
