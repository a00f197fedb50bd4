//! How a transfer gets its data connection, and what becomes of one that none can take.

use core::net::{SocketAddr, SocketAddrV4};

use super::ServerPi;
use crate::{
    address::{ExtendedPort, HostPort},
    reply::{Reply, ReplyCode},
    session::{
        action::{Action, DataConnectionMode, DataId, Movement, Request, TransferId},
        event::Resumption,
        machines::{
            data_connection::{PassiveCommand, Readiness, Unfitness},
            timer::Timer,
            transfer::{Subject, Transfer},
        },
        server_pi::{ending::CONTROL_ENDED, purpose::Purpose},
    },
    storage::AbortReason,
};

const NO_DATA_CONNECTION: Reply = Reply::from_static("425 The data connection could not be made.\r\n");
const NOT_SECURED: Reply =
    Reply::from_static("522 The TLS handshake on the data connection did not succeed.\r\n");
const NOT_CERTIFIED: Reply = Reply::from_static(
    "522 The TLS handshake on the data connection did not succeed, or did not show the control connection's certificate.\r\n",
);
const NOT_RESUMED: Reply =
    Reply::from_static("522 A data connection has to resume the TLS session of the control connection.\r\n");

impl ServerPi {
    pub(crate) fn next_data_id(&mut self) -> DataId {
        DataId(self.next_id())
    }

    /// Closes what has been prepared for a data connection.
    pub(crate) fn close_data_connection(&mut self) {
        if let Some(id) = self.data.close() {
            self.act(Action::CloseDataConnection(id));
        }
    }

    // What the client wants.

    /// Opens a passive port.
    pub(crate) fn listen(&mut self, command: PassiveCommand) {
        let id = self.next_data_id();
        self.data.listen(id, command);
        self.act(Action::OpenDataConnection(id, DataConnectionMode::Listen));
    }

    pub(crate) fn handle_listening(&mut self, id: DataId, address: SocketAddr) {
        let reply = match self.data.handle_listening(id) {
            Some(PassiveCommand::Pasv(host)) => {
                let address = HostPort(SocketAddrV4::new(host, address.port()));
                let reply = self.replies.compose(ReplyCode::PASSIVE);
                reply.text("Entering Passive Mode (").value(address).text(").").finish()
            }
            Some(PassiveCommand::Epsv) => {
                let reply = self.replies.compose(ReplyCode::EXTENDED_PASSIVE);
                let port = ExtendedPort(address.port());
                reply.text("Entering Extended Passive Mode (").value(port).text(")").finish()
            }
            None => return,
        };
        self.send(reply);
    }

    pub(crate) fn handle_listen_failed(&mut self, id: DataId) {
        if self.data.handle_listen_failed(id).is_some() {
            self.reply(ReplyCode::NO_DATA_CONNECTION, "No passive port is free; try again later.");
        }
    }

    /// A transfer will connect to this address.
    pub(crate) fn connect_later_to(&mut self, address: SocketAddr) {
        if let Some(id) = self.data.set_address(address) {
            self.act(Action::CloseDataConnection(id));
        }
    }

    /// Connects to the client, where that is what it wants.
    pub(super) fn connect(&mut self) {
        let id = self.next_data_id();
        if let Some(address) = self.data.connect(id) {
            self.act(Action::OpenDataConnection(id, DataConnectionMode::Connect(address)));
        }
    }

    /// `PROT` has changed what is agreed, and there may be a data connection already.
    pub(crate) fn renew_data_connection(&mut self) {
        if self.security.protects_data() {
            self.secure_data_connection();
        } else if let Some(id) = self.data.handle_clear_agreed() {
            self.act(Action::CloseDataConnection(id));
        }
    }

    // What a transfer wants.

    /// Starts a transfer by asking the store to open its subject. An `ALLO` is for this one at most, whatever it is.
    pub(crate) fn begin(&mut self, subject: Subject, movement: Movement, request: Request, purpose: Purpose) {
        self.parameters.take_announced();
        if !self.is_data_secure_enough() {
            return;
        }
        match self.data.readiness() {
            Readiness::Missing => {
                return self.reply(
                    ReplyCode::NO_DATA_CONNECTION,
                    "Say how to connect first, with EPSV, PASV, EPRT or PORT.",
                );
            }
            Readiness::Unfit(why) => {
                self.close_data_connection();
                return self.send(self.unfitness_reply(why));
            }
            Readiness::Ready | Readiness::Securing(_) | Readiness::Awaited | Readiness::ToConnect => {}
        }
        let transfer = Transfer::new(TransferId(self.next_id()), subject, movement, self.now);
        if self.has_control_ended() && !transfer.may_become_certain(self.security.protects_data()) {
            return self.send(CONTROL_ENDED);
        }
        if let Readiness::Securing(id) = self.data.readiness() {
            self.act(Action::ExpectTransfer(id, transfer.subject().direction()));
        }
        self.transfer = Some(transfer);
        self.ask(request, purpose);
    }

    // What happens to it.

    pub(crate) fn handle_data_connected(&mut self, id: DataId, peer: SocketAddr) {
        let effect = self.data.handle_connected(id, peer, self.control.peer, self.config.data_peer);
        self.follow_data_effect(effect);
    }

    pub(crate) fn handle_data_refused(&mut self, id: DataId) {
        let effect = self.data.handle_refused(id);
        self.follow_data_effect(effect);
    }

    pub(crate) fn handle_data_secured(&mut self, id: DataId, resumption: Resumption) {
        let effect = self.data.handle_secured(id, resumption, self.config.tls.session_reuse);
        self.follow_data_effect(effect);
    }

    /// Begins the handshake on a data connection that is there, unless it is to be clear. The client may begin it at once
    /// or wait for the preliminary reply.
    pub(crate) fn secure_data_connection(&mut self) {
        if self.security.protects_data()
            && let Some(id) = self.data.secure()
        {
            let direction = self.transfer.as_ref().map(|transfer| transfer.subject().direction());
            self.act(Action::SecureDataConnection(id, direction));
        }
    }

    pub(crate) fn handle_no_data_connection(&mut self) {
        self.step(|transfer| transfer.abort(AbortReason::NoDataConnection, NO_DATA_CONNECTION));
    }

    // What it means for the transfer.

    /// A transfer that is open moves, or waits for the handshake. As long as none is open, that has as much time as the
    /// next command.
    pub(super) fn move_if_ready(&mut self) {
        if !self.is_data_connection_awaited() {
            return;
        }
        match self.data.readiness() {
            Readiness::Ready => {
                let now = self.now;
                self.step(|transfer| transfer.handle_connected(now));
            }
            Readiness::Securing(_) => {
                self.stop_timer(Timer::DataConnect);
                self.await_handshake();
            }
            _ => {}
        }
    }

    /// Whether the store has opened a transfer that waits for its data connection.
    pub(super) fn is_data_connection_awaited(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_connecting)
    }

    /// No transfer can take the data connection, and the one that waits for it is told why.
    pub(super) fn refuse_data_connection(&mut self, why: Unfitness) {
        let reply = self.unfitness_reply(why);
        self.step(|transfer| transfer.abort(AbortReason::NoDataConnection, reply));
    }

    /// A client that has shown a certificate on the control connection has to show the same one on the data connection.
    pub(crate) const fn unfitness_reply(&self, why: Unfitness) -> Reply {
        match why {
            Unfitness::NotSecured if self.login.has_certificate() => NOT_CERTIFIED,
            Unfitness::NotSecured => NOT_SECURED,
            Unfitness::NotResumed => NOT_RESUMED,
        }
    }
}
