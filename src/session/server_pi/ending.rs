//! What happens when the control connection ends, or is lost (RFC 959 4.1.1).
//!
//! A client that has said all that it wants to say may end its side of the control connection, and read on: a script
//! that is piped into `nc` does. What it has said is executed and answered. But a client that is killed ends both of its
//! connections in the same way, and then a file that it was sending is not whole.

use crate::{
    reply::Reply,
    session::{event::ControlState, machines::transfer::TransferEffect, server_pi::ServerPi},
    storage::AbortReason,
};

pub(crate) const CONTROL_ENDED: Reply = Reply::from_static(
    "426 You ended the control connection before the upload was complete, so it is not stored.\r\n",
);
const CONTROL_LOST: Reply = Reply::from_static("426 The control connection was lost.\r\n");

impl ServerPi {
    /// Whether no further command will come.
    pub(crate) fn has_control_ended(&self) -> bool {
        self.control_state == ControlState::Ended
    }

    /// The client has ended its side of the control connection. An upload whose end could not be certain is given up
    /// at once; the client may still read why.
    pub(crate) fn handle_control_ended(&mut self) {
        if self.security.is_securing() {
            return self.close();
        }
        self.control_state = ControlState::Ended;
        let is_private = self.security.protects_data();
        self.step(|transfer| match transfer.may_become_certain(is_private) {
            true => TransferEffect::Nothing,
            false => transfer.give_up(AbortReason::ControlConnectionLost, CONTROL_ENDED),
        });
    }

    /// Closes the session of a client that has ended the control connection, once everything that it said is answered.
    /// `true` if this did it.
    pub(crate) fn close_if_ended(&mut self) -> bool {
        let has_ended = self.has_control_ended();
        if has_ended {
            self.close();
        }
        has_ended
    }

    /// The control connection is closed: what has not come whole is aborted, what has is finished.
    pub(crate) fn give_transfer_up(&mut self) {
        self.step(|transfer| transfer.give_up(AbortReason::ControlConnectionLost, CONTROL_LOST));
    }
}
