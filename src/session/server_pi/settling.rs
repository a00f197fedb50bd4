//! Whether an upload is whole when its data connection has ended (promise 13).
//!
//! A client that is killed closes both of its connections in good order, as far as TCP can tell, one after the other. If
//! that cut off a file in clear, nothing but the end of the control connection says so. It may come a moment after that
//! of the data connection, and it may be there already, unread. So an upload whose end is not certain waits a moment, and
//! then the driver is asked to look at the control connection.

use crate::{
    config::Truncation,
    reply::Reply,
    session::{
        action::TransferId,
        event::{ControlState, DataEnd},
        server_pi::{ServerPi, ending::CONTROL_ENDED},
    },
    storage::AbortReason,
};

const TRUNCATED: Reply = Reply::from_static(
    "426 The data connection ended without TLS's close_notify, so the file may be cut off, and does not count.\r\n",
);
const SHORT: Reply =
    Reply::from_static("426 The file ended before the size that ALLO announced, and does not count.\r\n");
const NOT_SEEN: Reply = Reply::from_static(
    "451 The server could not find out in time whether you are still there, so the upload is not stored.\r\n",
);

impl ServerPi {
    /// The data connection of an upload has ended in good order.
    pub(super) fn handle_received(&mut self, end: DataEnd) {
        let is_private = self.security.protects_data();
        let is_authentic = is_private && end == DataEnd::CloseNotify;
        let is_refused = is_private && !is_authentic && self.config.tls.truncation == Truncation::Refuse;
        let has_ended = self.has_control_ended();
        let waits = match end {
            DataEnd::Fin { waits } if !is_private => waits,
            DataEnd::Fin { .. } | DataEnd::CloseNotify => None,
        };
        let (least, most) = (self.config.prompt_client_grace, self.config.killed_client_grace);
        let tempo = self.tempo;
        self.step(|transfer| {
            let is_certain = is_authentic || transfer.has_announced_size();
            if is_refused {
                transfer.abort(AbortReason::Truncated, TRUNCATED)
            } else if has_ended && !is_certain {
                transfer.abort(AbortReason::ControlConnectionLost, CONTROL_ENDED)
            } else if transfer.is_short() {
                transfer.abort(AbortReason::Incomplete, SHORT)
            } else if is_certain {
                transfer.finish()
            } else {
                transfer.settle(tempo.settling_time(transfer.bytes(), waits, least, most))
            }
        });
    }

    /// The time is over for the end of an upload to settle, or for the driver to look.
    pub(crate) fn handle_settled(&mut self) {
        self.step(|transfer| transfer.handle_settled(NOT_SEEN));
    }

    pub(crate) fn handle_control_looked_at(&mut self, id: TransferId, state: ControlState) {
        self.step_of(id, |transfer| transfer.handle_control_looked_at(state, CONTROL_ENDED));
    }
}
