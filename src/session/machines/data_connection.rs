//! How the data connection comes to be (RFC 959 3.2, RFC 2428).
//!
//! ```text
//!            PASV, EPSV            listening             the peer connects
//!          ┌───────────► Preparing ─────────► Listening ──────────────────┐
//!   Closed │                                                              ▼        a transfer
//!          │ PORT, EPRT              a transfer              connected    Connected ──────────► InUse
//!          └───────────► Addressed ────────────► Connecting ─────────────►  │                     ▲
//!                                                                           │ TLS                 │
//!                                                                           ▼       handshake     │
//!                                                                        Securing ──────────► Secured
//!                                                                           └─ it fails ─► Unfit
//! ```
//!
//! The end of a transfer, a refused one and `ABOR` lead back to `Closed`. `PASV`, `EPSV`, `PORT` and `EPRT` start
//! again from wherever the machine is. Where TLS is to protect it, a connection that is there is one that is `Securing`:
//! some clients begin the handshake before their command, and most behind its preliminary reply.
//!
//! This is what the walk over all states has seen; `PASV`, `PORT`, `STOR` and `LIST` stand for their like:
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Closed
//!     Addressed --> Closed: ABOR, Failed, Request passes, the session ends
//!     Addressed --> Connecting: UploadOpened
//!     Addressed --> Preparing: PASV
//!     Closed --> Addressed: PORT
//!     Closed --> Preparing: PASV
//!     Connected --> Addressed: PORT
//!     Connected --> Closed: ABOR, AUTH, REIN, ControlEnded, Failed, Request passes, the session ends
//!     Connected --> InUse: Metadata, Opened, UploadOpened
//!     Connected --> Preparing: PASV
//!     Connected --> Securing: PROT
//!     Connecting --> Closed: ABOR, ControlEnded, DataRefused, ShutdownOverdue, DataConnect passes, the session ends
//!     Connecting --> InUse: DataConnected
//!     Connecting --> Securing: DataConnected
//!     InUse --> Closed: ABOR, ControlEnded, ShutdownOverdue, TransferEnded Complete, TransferEnded Lost, TransferEnded Orphaned, TransferEnded StoreFailed, TransferEnded Truncated, DataStall passes, the session ends
//!     Listening --> Addressed: PORT
//!     Listening --> Closed: ABOR, AUTH, REIN, ControlEnded, Failed, ShutdownOverdue, DataConnect passes, Request passes, the session ends
//!     Listening --> Connected: DataConnected
//!     Listening --> InUse: DataConnected
//!     Listening --> Preparing: PASV
//!     Listening --> Securing: DataConnected
//!     Preparing --> Closed: ListenFailed, the session ends
//!     Preparing --> Listening: Listening
//!     Secured --> Addressed: PORT
//!     Secured --> Closed: ABOR, AUTH, PROT, REIN, Failed, Request passes, the session ends
//!     Secured --> InUse: Metadata, Opened, UploadOpened
//!     Secured --> Preparing: PASV
//!     Securing --> Addressed: PORT
//!     Securing --> Closed: ABOR, AUTH, PROT, REIN, DataRefused, DataSecured, Failed, ShutdownOverdue, Handshake passes, Request passes, the session ends
//!     Securing --> InUse: DataSecured
//!     Securing --> Preparing: PASV
//!     Securing --> Secured: DataSecured
//!     Securing --> Unfit: DataRefused, DataSecured
//!     Unfit --> Addressed: PORT
//!     Unfit --> Closed: ABOR, AUTH, LIST, PROT, REIN, STOR, Failed, Metadata, Opened, UploadOpened, Request passes, the session ends
//!     Unfit --> Preparing: PASV
//! ```

use core::net::{Ipv4Addr, SocketAddr};

use crate::config::DataPeer;

/// The machine; see [the module](self) for its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataConnection {
    Closed,
    Preparing(PassiveCommand),
    Listening,
    Addressed(SocketAddr),
    Connecting,
    /// It is there, and is used in clear.
    Connected,
    /// The client may begin a TLS handshake, or has begun it.
    Securing,
    /// It is there, and TLS protects it.
    Secured,
    /// It was there, but before a transfer wanted it, it turned out that none can take it.
    Unfit(Unfitness),
    InUse,
}

/// Why no transfer can take a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfitness {
    /// Its handshake did not succeed.
    NotSecured,
    /// It did not resume the TLS session of the control connection, as it has to here.
    NotResumed,
}

/// Which command waits for the passive port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassiveCommand {
    /// It tells the client this address.
    Pasv(Ipv4Addr),
    Epsv,
}

/// What a transfer has to do to get its data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing: it is there.
    Ready,
    /// Wait for its TLS handshake.
    Securing,
    /// Wait for the client to connect.
    Awaited,
    /// Connect to the client.
    ConnectTo(SocketAddr),
    /// Refuse: the client has not said how.
    Missing,
    /// Refuse: it was there.
    Unfit(Unfitness),
}

/// What a connection is that has just been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one that is wanted.
    Welcome,
    /// Somebody else's.
    Stranger,
    /// One that nobody waits for any more.
    Late,
}

impl DataConnection {
    /// Whether a command waits for the passive port.
    pub(crate) const fn is_preparing(self) -> bool {
        matches!(self, Self::Preparing(_))
    }

    /// Whether there is anything that would have to be closed.
    pub(crate) const fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Addressed(_) | Self::Unfit(_))
    }

    pub(crate) const fn readiness(self) -> Readiness {
        match self {
            Self::Connected | Self::Secured => Readiness::Ready,
            Self::Securing => Readiness::Securing,
            Self::Listening => Readiness::Awaited,
            Self::Addressed(address) => Readiness::ConnectTo(address),
            Self::Unfit(why) => Readiness::Unfit(why),
            Self::Closed | Self::Preparing(_) | Self::Connecting | Self::InUse => Readiness::Missing,
        }
    }

    /// The passive port is open, or could not be opened: the command that waits for it.
    pub(crate) fn handle_prepared(&mut self, next: Self) -> Option<PassiveCommand> {
        let Self::Preparing(command) = *self else { return None };
        *self = next;
        Some(command)
    }

    pub(crate) fn handle_connected(&mut self, arrival: Arrival) {
        if arrival == Arrival::Welcome {
            *self = Self::Connected;
        }
    }

    /// Judges a connection with `peer` on behalf of the user at `user` (promise 9).
    pub(crate) fn judge(self, peer: SocketAddr, user: SocketAddr, allowed: DataPeer) -> Arrival {
        match self {
            Self::Listening if !is_allowed(peer, user, allowed) => Arrival::Stranger,
            Self::Listening | Self::Connecting => Arrival::Welcome,
            _ => Arrival::Late,
        }
    }
}

/// Whether a data connection may lead to or come from `address` (promise 9): the user's own host, unless the server
/// allows others, and no privileged port, behind which other services listen.
pub(crate) fn is_allowed(address: SocketAddr, user: SocketAddr, allowed: DataPeer) -> bool {
    let is_user = address.ip().to_canonical() == user.ip().to_canonical();
    address.port() >= 1024 && (is_user || allowed == DataPeer::AnyAddress)
}
