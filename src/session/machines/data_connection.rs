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
//! Each connection that is prepared has an id of its own. What is told of another one than the present one comes too late,
//! and changes nothing.
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
//!     InUse --> Closed: ABOR, ControlEnded, ShutdownOverdue, TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce, TransferEnded Lost, TransferEnded Sent, TransferEnded StoreFailed, DataStall passes, the session ends
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

use core::{
    mem,
    net::{Ipv4Addr, SocketAddr},
};

use crate::{
    config::{DataPeer, SessionReuse},
    session::{action::DataId, event::Resumption},
};

/// The machine; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct DataConnection(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Preparing(DataId, PassiveCommand),
    Listening(DataId),
    Addressed(SocketAddr),
    Connecting(DataId),
    /// It is there, and is used in clear.
    Connected(DataId),
    /// The client may begin a TLS handshake, or has begun it.
    Securing(DataId),
    /// It is there, and TLS protects it.
    Secured(DataId),
    /// It was there, but before a transfer wanted it, it turned out that none can take it.
    Unfit(Unfitness),
    InUse(DataId),
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
    Securing(DataId),
    /// Wait for the client to connect.
    Awaited,
    /// Connect to the client.
    ToConnect,
    /// Refuse: the client has not said how.
    Missing,
    /// Refuse: it was there.
    Unfit(Unfitness),
}

/// What follows from what has happened to the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum DataEffect {
    /// Nothing: it came too late, or nobody waits for it.
    Nothing,
    /// The connection that came is a stranger's, and is refused. The client's may still come.
    Refuse(DataId),
    /// It is there, and TLS protects it next, if that is agreed.
    Connected,
    /// TLS protects it.
    Secured,
    /// It could not be made.
    Failed,
    /// No transfer can take it, and it has to be closed.
    Unfit(DataId, Unfitness),
}

impl DataConnection {
    /// Its state by name, for the walk over all states.
    #[cfg(test)]
    pub(crate) const fn state(&self) -> &dyn core::fmt::Debug {
        &self.0
    }

    pub(crate) const fn new() -> Self {
        Self(State::Closed)
    }

    /// Whether a command waits for the passive port.
    pub(crate) const fn is_preparing(&self) -> bool {
        matches!(self.0, State::Preparing(..))
    }

    pub(crate) const fn readiness(&self) -> Readiness {
        match self.0 {
            State::Connected(_) | State::Secured(_) => Readiness::Ready,
            State::Securing(id) => Readiness::Securing(id),
            State::Listening(_) => Readiness::Awaited,
            State::Addressed(_) => Readiness::ToConnect,
            State::Unfit(why) => Readiness::Unfit(why),
            State::Closed | State::Preparing(..) | State::Connecting(_) | State::InUse(_) => {
                Readiness::Missing
            }
        }
    }

    // What the client wants.

    /// `PASV` or `EPSV`: a port is opened for the connection `id`, and what was prepared before is closed by that.
    pub(crate) const fn listen(&mut self, id: DataId, command: PassiveCommand) {
        self.0 = State::Preparing(id, command);
    }

    /// `PORT` or `EPRT`: a transfer will connect to this address. What was prepared before has to be closed.
    pub(crate) fn set_address(&mut self, address: SocketAddr) -> Option<DataId> {
        let closed = self.close();
        self.0 = State::Addressed(address);
        closed
    }

    /// Closes what has been prepared; `None` if there is nothing to be closed.
    pub(crate) fn close(&mut self) -> Option<DataId> {
        match mem::replace(&mut self.0, State::Closed) {
            State::Preparing(id, _)
            | State::Listening(id)
            | State::Connecting(id)
            | State::Connected(id)
            | State::Securing(id)
            | State::Secured(id)
            | State::InUse(id) => Some(id),
            State::Closed | State::Addressed(_) | State::Unfit(_) => None,
        }
    }

    // What a transfer wants.

    /// A transfer connects to the client by the connection `id`: where that is.
    pub(crate) const fn connect(&mut self, id: DataId) -> Option<SocketAddr> {
        let State::Addressed(address) = self.0 else { return None };
        self.0 = State::Connecting(id);
        Some(address)
    }

    /// A transfer uses the connection that is there.
    pub(crate) const fn take_for_transfer(&mut self) {
        if let State::Connected(id) | State::Secured(id) = self.0 {
            self.0 = State::InUse(id);
        }
    }

    /// The transfer is over or given up, which has closed its connection.
    pub(crate) const fn handle_transfer_over(&mut self) {
        self.0 = State::Closed;
    }

    // What happens to it.

    /// The passive port is open: the command that waits for it.
    pub(crate) fn handle_listening(&mut self, id: DataId) -> Option<PassiveCommand> {
        self.handle_prepared(id, State::Listening(id))
    }

    /// The passive port could not be opened: the command that waits for it.
    pub(crate) fn handle_listen_failed(&mut self, id: DataId) -> Option<PassiveCommand> {
        self.handle_prepared(id, State::Closed)
    }

    fn handle_prepared(&mut self, id: DataId, next: State) -> Option<PassiveCommand> {
        let State::Preparing(preparing, command) = self.0 else { return None };
        if preparing != id {
            return None;
        }
        self.0 = next;
        Some(command)
    }

    /// There is a connection with `peer`, on behalf of the user at `user` (promise 9).
    pub(crate) fn handle_connected(
        &mut self,
        id: DataId,
        peer: SocketAddr,
        user: SocketAddr,
        allowed: DataPeer,
    ) -> DataEffect {
        match self.0 {
            State::Listening(own) if own == id && !is_allowed(peer, user, allowed) => DataEffect::Refuse(id),
            State::Listening(own) | State::Connecting(own) if own == id => {
                self.0 = State::Connected(id);
                DataEffect::Connected
            }
            _ => DataEffect::Nothing,
        }
    }

    /// It could not be made, or its handshake did not succeed.
    pub(crate) fn handle_refused(&mut self, id: DataId) -> DataEffect {
        match self.0 {
            State::Connecting(own) if own == id => {
                self.0 = State::Closed;
                DataEffect::Failed
            }
            State::Securing(own) if own == id => self.reject(id, Unfitness::NotSecured),
            _ => DataEffect::Nothing,
        }
    }

    // Its protection.

    /// Begins the handshake on a connection that is there in clear: which one that is.
    pub(crate) const fn secure(&mut self) -> Option<DataId> {
        let State::Connected(id) = self.0 else { return None };
        self.0 = State::Securing(id);
        Some(id)
    }

    /// Data connections are to be clear. One on which a handshake has been waited for cannot be, and has to be closed.
    pub(crate) fn handle_clear_agreed(&mut self) -> Option<DataId> {
        match self.0 {
            State::Securing(_) | State::Secured(_) | State::Unfit(_) => self.close(),
            _ => None,
        }
    }

    /// The handshake has succeeded. Where resumption is required, it does not count without.
    pub(crate) fn handle_secured(
        &mut self,
        id: DataId,
        resumption: Resumption,
        required: SessionReuse,
    ) -> DataEffect {
        match self.0 {
            State::Securing(own) if own != id => DataEffect::Nothing,
            State::Securing(_) if required == SessionReuse::Require && resumption == Resumption::None => {
                self.reject(id, Unfitness::NotResumed)
            }
            State::Securing(_) => {
                self.0 = State::Secured(id);
                DataEffect::Secured
            }
            _ => DataEffect::Nothing,
        }
    }

    /// The handshake takes too long.
    pub(crate) const fn handle_handshake_overdue(&mut self) -> DataEffect {
        match self.0 {
            State::Securing(id) => self.reject(id, Unfitness::NotSecured),
            _ => DataEffect::Nothing,
        }
    }

    /// No transfer can take it.
    const fn reject(&mut self, id: DataId, why: Unfitness) -> DataEffect {
        self.0 = State::Unfit(why);
        DataEffect::Unfit(id, why)
    }
}

/// Whether a data connection may lead to or come from `address` (promise 9): the user's own host, unless the server
/// allows others, and no privileged port, behind which other services listen.
pub(crate) fn is_allowed(address: SocketAddr, user: SocketAddr, allowed: DataPeer) -> bool {
    let is_user = address.ip().to_canonical() == user.ip().to_canonical();
    address.port() >= 1024 && (is_user || allowed == DataPeer::AnyAddress)
}
