//! What follows about a session from what it was told and from what it did.
//!
//! Only this: whether it was right is for the laws to say. So the facts are noted as if every action was a right one.

mod noting;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use sansftp::{
    accounts::ClientCertificate,
    config::{Config, DataPeer, TlsStart, Truncation},
    instant::Instant,
    session::{ControlState, DataId, Movement, Request, RequestId, TransferId},
};

use super::watch::PEER;

/// What a request opens, and what then moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Upload,
    Download,
    Listing,
    /// The one line of a file's listing.
    Line,
}

/// Where a transfer stands. One that is over is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Moving,
    /// No byte moves any more, and nothing was said of it yet.
    Ended {
        is_whole: bool,
    },
    /// Every byte of an upload has come, unless its client was killed.
    Settling(Settling),
    Finishing,
    Detached,
    Aborting,
}

/// How much is known of the control connection of an upload that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// Its end may still follow.
    Until(Instant),
    /// It does not follow any more, and may be there.
    Settled,
    /// The driver is asked to look.
    Looking,
    /// It has looked.
    Looked(ControlState),
}

#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    pub content: Content,
    pub phase: Phase,
    /// Whether TLS protects its data connection.
    pub is_secured: bool,
    /// Bytes after which it has the size that `ALLO` announced.
    pub awaited: Option<u64>,
}

/// What the store or the accounts are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    LogIn,
    Open(Content),
    Stat,
    ListFirst,
    Available,
    Site,
    /// Something that is done or not.
    ToDo,
}

#[derive(Debug, Clone, Copy)]
pub struct OpenRequest {
    pub id: RequestId,
    pub asked: Asked,
}

/// The data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    Nothing,
    Preparing,
    Listening,
    Connecting(SocketAddr),
    Connected,
    /// A handshake is under way.
    Securing,
    Secured,
    InUse,
}

/// The control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Open,
    /// The client has ended its side.
    Ended,
    /// The network has lost it.
    Lost,
    /// The session has closed it.
    Closed,
}

/// What protects the control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    Clear,
    /// `234` was sent, or TLS begins at once.
    Promised,
    /// The handshake is under way.
    Securing,
    /// It has just succeeded.
    Begun,
    Secured,
}

/// A transfer command that has no final reply yet.
#[derive(Debug, Clone, Copy)]
pub struct Answering {
    pub content: Content,
    /// The finish of its upload has succeeded.
    pub is_stored: bool,
}

/// What has to come before the session rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A stranger is refused, and nothing else.
    Refusal,
    /// The stranger was refused.
    NothingMore,
    /// The 226 of a finish that succeeded.
    Stored,
}

/// What is known of a session.
#[derive(Debug, Clone)]
pub struct Facts {
    pub reply_limit: usize,
    pub data_peer: DataPeer,
    /// The longest of the deadlines in the configuration.
    pub longest_wait: Duration,
    /// For the end of the control connection of a killed client to follow that of its upload.
    pub grace: Duration,
    /// The same if the bytes came without delay, and their end right behind them.
    pub prompt_grace: Duration,
    /// Bytes that the client has not read.
    pub unsent: usize,
    pub control: Control,
    pub protection: Protection,
    /// Whether the client has been greeted.
    pub is_greeted: bool,
    /// Whether an upload whose end TLS did not authenticate is whole.
    pub truncation: Truncation,
    pub is_logged_in: bool,
    /// A reply has lines, and its last one is still to come.
    pub has_begun_reply: bool,
    /// What the client has proved itself with, as long as TLS protects the control connection.
    pub certificate: Option<Arc<ClientCertificate>>,
    pub request: Option<OpenRequest>,
    pub last_request: Option<RequestId>,
    /// A listing turned out to be of a file, which the session asks about next.
    pub lists_file: bool,
    /// What the last request has opened and no transfer has yet.
    pub opened: Option<Content>,
    /// Of the upload that the last request opened: the size that was announced, less what is there already.
    pub awaited: Option<u64>,
    /// Those that are not over.
    pub transfers: BTreeMap<TransferId, Transfer>,
    /// The latest, over or not: what is not newer and not among `transfers` is over.
    pub last_transfer: Option<TransferId>,
    pub answering: Option<Answering>,
    pub data: Data,
    /// Of the data connection that is there or is made.
    pub data_id: Option<DataId>,
    pub due: Option<Due>,
    /// The event of this turn is `Elapsed`.
    pub has_elapsed: bool,
    /// The event of this turn is `Elapsed` or `ShutdownOverdue`.
    pub is_time_up: bool,
    /// The store can stop the finish of the upload that it has opened last.
    pub can_stop: bool,
}

impl Facts {
    pub fn new(config: &Config) -> Self {
        let waits = [
            config.log_in_timeout,
            config.control_idle_timeout,
            config.request_timeout,
            config.data_connect_timeout,
            config.data_stall_timeout,
            config.finish_timeout,
            config.abort_timeout,
            config.killed_client_grace,
            config.detached_timeout,
            config.tls.handshake_timeout,
        ];
        Self {
            reply_limit: config.reply_limit,
            data_peer: config.data_peer,
            longest_wait: waits.into_iter().max().unwrap_or_default(),
            grace: config.killed_client_grace,
            prompt_grace: config.prompt_client_grace,
            unsent: 0,
            control: Control::Open,
            protection: match config.tls.start {
                TlsStart::Never | TlsStart::Explicit => Protection::Clear,
                TlsStart::Implicit => Protection::Promised,
            },
            is_greeted: false,
            truncation: config.tls.truncation,
            is_logged_in: false,
            has_begun_reply: false,
            certificate: None,
            request: None,
            last_request: None,
            lists_file: false,
            opened: None,
            awaited: None,
            transfers: BTreeMap::new(),
            last_transfer: None,
            answering: None,
            data: Data::Nothing,
            data_id: None,
            due: None,
            has_elapsed: false,
            is_time_up: false,
            can_stop: false,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.control == Control::Closed
    }

    /// Whether the session forgets what the client sends.
    pub fn forgets_input(&self) -> bool {
        self.control != Control::Open
            || matches!(self.protection, Protection::Promised | Protection::Securing)
    }

    /// Whether a command is being executed that needs the store or the network.
    pub fn is_busy(&self) -> bool {
        self.request.is_some()
            || self.opened.is_some()
            || self.data == Data::Preparing
            || self.transfers.values().any(|transfer| transfer.phase != Phase::Detached)
    }

    pub fn phase(&self, id: TransferId) -> Option<Phase> {
        self.transfers.get(&id).map(|transfer| transfer.phase)
    }

    /// Whether a data connection may lead to or come from `address`.
    pub fn is_right_peer(&self, address: SocketAddr) -> bool {
        let is_peer = address.ip().to_canonical() == IpAddr::from(PEER.0);
        address.port() >= 1024 && (is_peer || self.data_peer == DataPeer::AnyAddress)
    }

    /// What a request is for.
    pub fn asked(&self, request: &Request) -> Asked {
        match request {
            Request::LogIn(_) => Asked::LogIn,
            Request::OpenUpload { .. } => Asked::Open(Content::Upload),
            Request::OpenDownload { .. } => Asked::Open(Content::Download),
            Request::OpenListing(..) => Asked::Open(Content::Listing),
            Request::Stat(_) if self.lists_file => Asked::Open(Content::Line),
            Request::Stat(_) => Asked::Stat,
            Request::ListFirst(..) => Asked::ListFirst,
            Request::Available(_) => Asked::Available,
            Request::Site(_) => Asked::Site,
            Request::MakeDirectory(_)
            | Request::RemoveDirectory(_)
            | Request::RemoveFile(_)
            | Request::Rename { .. }
            | Request::SetModified(..)
            | Request::SetMode(..) => Asked::ToDo,
        }
    }
}

/// What moves.
pub const fn content(movement: &Movement) -> Content {
    match movement {
        Movement::Receive(_) => Content::Upload,
        Movement::Send(_) => Content::Download,
        Movement::List(_) => Content::Listing,
        Movement::Text(_) => Content::Line,
    }
}

/// Whether a reply that comes while a transfer command is executed is its final one. The others are preliminary, or
/// those of NOOP and STAT, which no transfer has.
pub const fn is_final_of_transfer(code: u16) -> bool {
    code >= 200 && !matches!(code, 200 | 211)
}
