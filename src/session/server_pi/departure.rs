//! What happens when the client leaves (RFC 959 4.1.1).
//!
//! A client that has said all that it wants to say may end its side of the control connection, and read on: a script
//! that is piped into `nc` does. What it has said is executed and answered. But a client that is killed ends both of its
//! connections in the same way, and then a file that it was sending is not whole.

use crate::{
    reply::Reply,
    session::{
        machines::transfer::TransferEffect,
        server_pi::{Presence, ServerPi},
    },
    storage::AbortReason,
};

pub(crate) const ORPHANED: Reply = Reply::from_static(
    "426 You ended the control connection before the upload was complete, so it is not stored.\r\n",
);
const LOST: Reply = Reply::from_static("426 The control connection was lost.\r\n");

impl ServerPi {
    /// Whether no further command will come.
    pub(crate) fn has_left(&self) -> bool {
        self.presence == Presence::Left
    }

    /// The client has ended its side of the control connection. An upload whose end could not be certain is given up
    /// at once; the client may still read why.
    pub(crate) fn handle_control_ended(&mut self) {
        if self.security.is_securing() {
            return self.close();
        }
        self.presence = Presence::Left;
        let is_private = self.security.protects_data();
        self.step(|transfer| match transfer.may_become_certain(is_private) {
            true => TransferEffect::Nothing,
            false => transfer.give_up(AbortReason::ControlConnectionLost, ORPHANED),
        });
    }

    /// Ends the session of a client that has left, once everything that it said is answered. `true` if this did it.
    pub(crate) fn end_if_left(&mut self) -> bool {
        let ends = self.has_left();
        if ends {
            self.close();
        }
        ends
    }

    /// The control connection is gone: what has not come whole is aborted, what has is finished.
    pub(crate) fn abandon_transfer(&mut self) {
        self.step(|transfer| transfer.give_up(AbortReason::ControlConnectionLost, LOST));
    }
}
