//! What to do: what a session tells its driver.

use core::net::SocketAddr;

use bytes::Bytes;

use crate::{
    accounts::Credentials,
    dtp::Dtp,
    listing::ListingFormat,
    pathname::Pathname,
    pattern::Pattern,
    reply::Reply,
    storage::{AbortReason, Placement, SiteCall},
    time_value::TimeValue,
};

/// Something to do, in the order in which actions come.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub enum Action {
    /// Send a reply over the control connection.
    SendReply(Reply),
    /// Send this line of a reply, which is not complete: the last one comes by [`SendReply`](Self::SendReply), or never, if
    /// the session ends before. See [`FinishPatience`](crate::config::FinishPatience).
    SendReplyLine(Bytes),
    /// Send these bytes over the control connection: answers to Telnet option negotiation, which are not replies.
    SendTelnet(Bytes),
    /// Do the server's part of a TLS handshake on the control connection once everything is sent, and tell
    /// [`Event::ControlSecured`](super::Event::ControlSecured), or
    /// [`Event::ControlClosed`](super::Event::ControlClosed) if it does not succeed. What is read meanwhile belongs to
    /// the handshake.
    SecureControl,
    /// End TLS on the control connection by a `close_notify` once everything is sent, and go on in clear behind that of
    /// the client, if it sends one. Nothing is told.
    ClearControl,
    /// Close the control connection once everything is sent. Transfers that are still open go on to their end; no
    /// reply follows.
    CloseControl,

    /// Ask the accounts or the user's store, and tell [`Event::Answered`](super::Event::Answered). One request is
    /// under way at most.
    Ask(RequestId, Request),
    /// Drop the request with everything that it would have opened. No answer is wanted.
    Cancel(RequestId),

    /// Prepare a data connection; what had been prepared is closed first.
    OpenDataConnection(DataId, DataConnectionMode),
    /// The connection that was just told is a stranger's: close it, and go on listening.
    RefuseDataConnection(DataId),
    /// Do the server's part of a TLS handshake on the data connection, whoever connected to whom, and tell
    /// [`Event::DataSecured`](super::Event::DataSecured), or [`Event::DataRefused`](super::Event::DataRefused) if it
    /// does not succeed. Which way the transfer goes is told if its command has come.
    SecureDataConnection(DataId, Option<Direction>),
    /// The command has come of the transfer that the data connection is for, on which a handshake is under way. Nothing is
    /// told.
    ExpectTransfer(DataId, Direction),
    /// Close the data connection and its passive port, whatever there is of them.
    CloseDataConnection(DataId),

    /// Start to move bytes between the data connection that is there and what the last request opened, and tell
    /// [`Event::Progressed`](super::Event::Progressed) or [`Event::Moved`](super::Event::Moved) from time to time and
    /// [`Event::TransferEnded`](super::Event::TransferEnded) at the end. The driver closes the data connection then.
    Transfer(TransferId, Movement),
    /// The data connection of this upload has ended, and the session makes sure that the file is whole: let the store use
    /// the time ([`Upload::prepare`](crate::storage::Upload::prepare)). Nothing is told: if that fails, it is the finish that
    /// has failed. A driver may leave it out.
    PrepareFinish(TransferId),
    /// Find out whether the client of this upload, whose data connection has ended, is still there, and tell
    /// [`Event::ControlLookedAt`](super::Event::ControlLookedAt). First read the control connection until nothing more is
    /// there or the session [wants no more](super::Session::wants_input), and tell what comes of that:
    /// [`Event::Received`](super::Event::Received), [`Event::ControlEnded`](super::Event::ControlEnded),
    /// [`Event::ControlClosed`](super::Event::ControlClosed). Then look for an end that nobody has read yet, for example
    /// behind what the session does not want, as far as the system can tell.
    ///
    /// A client that was killed closes both of its connections in good order, so that nothing else tells part of a file
    /// from a whole one. Answer soon: the upload is not finished before.
    LookAtControl(TransferId),
    /// Finish the upload, and tell [`Event::Finished`](super::Event::Finished).
    AwaitFinish(TransferId),
    /// Close the data connection and its passive port, whatever there is of them, stop moving bytes, abort an upload with
    /// this reason or close a download, and tell [`Event::Aborted`](super::Event::Aborted).
    Abort(TransferId, AbortReason),
    /// Drop the future of the finish or the abort. No event is wanted.
    Drop(TransferId),
    /// Let the finish go on in the background, beside further transfers, and tell
    /// [`Event::Finished`](super::Event::Finished) when it ends.
    Detach(TransferId),
}

/// Names a request, so that a late answer does no harm. Later ones of a session are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// Names a transfer, so that a late event does no harm. Later ones of a session are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub(super) u64);

/// Names a data connection with its passive port, so that a late event does no harm: one of a connection that was closed,
/// refused or replaced changes nothing. Later ones of a session are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataId(pub(super) u64);

/// How a data connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataConnectionMode {
    /// Listen at the server's end of the control connection, on a port of
    /// [`passive_ports`](crate::config::Settings::passive_ports); tell [`Event::Listening`](super::Event::Listening)
    /// or [`Event::ListenFailed`](super::Event::ListenFailed), and then
    /// [`Event::DataConnected`](super::Event::DataConnected) for each connection until one is not refused.
    Listen,
    /// Connect to this address; tell [`Event::DataConnected`](super::Event::DataConnected) or
    /// [`Event::DataRefused`](super::Event::DataRefused).
    Connect(SocketAddr),
}

/// Which way the bytes of a transfer go. It matters to TLS: a client that only sends may never read what a server
/// sends behind its handshake. So a server sends nothing there as long as it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the client.
    Retrieve,
    /// From the client.
    Store,
}

/// What moves over the data connection.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub enum Movement {
    /// From the client to the upload that is open.
    Receive(Dtp),
    /// From the download that is open to the client.
    Send(Dtp),
    /// From the listing that is open to the client, one line an entry.
    List(ListingFormat),
    /// These bytes to the client: the listing of a single file.
    Text(Bytes),
}

/// Which entries of a directory are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All that the store lists.
    All,
    /// The directory itself, as `.`, and the one above it, as `..`; then all that the store lists.
    WithSelfAndParent,
    /// Those whose names match. If there is none, the answer is
    /// [`NotFound`](crate::storage::StorageErrorKind::NotFound).
    Matching(Pattern),
}

/// What the accounts or the user's store are asked. Each has the answers that its comment names, or
/// [`Answer::Failed`](super::Answer::Failed).
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub enum Request {
    /// [`Accounts::log_in`](crate::accounts::Accounts::log_in): `LoggedIn` or `Denied`.
    LogIn(Credentials),
    /// [`Storage::stat`](crate::storage::Storage::stat): `Metadata`.
    Stat(Pathname),
    /// The first entries of a directory, at most so many of those that are wanted: `Entries`.
    ListFirst(Pathname, Selection, usize),
    /// [`Storage::list`](crate::storage::Storage::list): `Opened`. The listing has the entries that are wanted.
    OpenListing(Pathname, Selection),
    /// [`Storage::open_download`](crate::storage::Storage::open_download): `Opened`.
    OpenDownload {
        /// The file.
        pathname: Pathname,
        /// Its first byte to send.
        offset: u64,
    },
    /// [`Storage::open_upload`](crate::storage::Storage::open_upload): `UploadOpened`.
    OpenUpload {
        /// The file.
        pathname: Pathname,
        /// Where the bytes go.
        placement: Placement,
        /// The size announced by `ALLO`.
        announced: Option<u64>,
    },
    /// [`Storage::make_directory`](crate::storage::Storage::make_directory): `Done`.
    MakeDirectory(Pathname),
    /// [`Storage::remove_directory`](crate::storage::Storage::remove_directory): `Done`.
    RemoveDirectory(Pathname),
    /// [`Storage::remove_file`](crate::storage::Storage::remove_file): `Done`.
    RemoveFile(Pathname),
    /// [`Storage::rename`](crate::storage::Storage::rename): `Done`.
    Rename {
        /// The present name.
        from: Pathname,
        /// The new one.
        to: Pathname,
    },
    /// [`Storage::set_modified`](crate::storage::Storage::set_modified): `Done`.
    SetModified(Pathname, TimeValue),
    /// [`Storage::set_mode`](crate::storage::Storage::set_mode): `Done`.
    SetMode(Pathname, u32),
    /// [`Storage::available`](crate::storage::Storage::available): `Available`.
    Available(Pathname),
    /// [`Storage::site`](crate::storage::Storage::site): `Text`.
    Site(SiteCall),
}
