//! Bytes move over the data connection, or do not.

use crate::{
    reply::Reply,
    session::{action::TransferId, event::Outcome, machines::timer::Timer, server_pi::ServerPi},
    storage::AbortReason,
};

const SENT: Reply = Reply::from_static("226 Transfer complete.\r\n");
const LOST: Reply =
    Reply::from_static("426 The data connection was lost before the end of the transfer.\r\n");
const STALLED: Reply = Reply::from_static("426 Nothing moved on the data connection for too long.\r\n");

impl ServerPi {
    pub(crate) fn handle_progressed(&mut self, id: TransferId, bytes: u64) {
        self.step_of(id, |transfer| transfer.handle_progressed(bytes));
    }

    pub(crate) fn handle_moved(&mut self, id: TransferId) {
        self.step_of(id, |transfer| transfer.handle_moved());
    }

    pub(crate) fn handle_transfer_ended(&mut self, id: TransferId, outcome: Outcome) {
        let Some(transfer) = self.transfer_of(id).filter(|transfer| transfer.is_moving()) else { return };
        if let Outcome::Sent { bytes } | Outcome::Received { bytes, .. } = outcome {
            transfer.handle_last_byte(bytes);
        }
        let is_upload = transfer.subject().is_upload();
        self.data.handle_transfer_over();
        self.stop_timer(Timer::DataStall);
        match outcome {
            Outcome::Received { end, .. } if is_upload => self.handle_received(end),
            Outcome::Sent { .. } if !is_upload => self.step(|transfer| transfer.handle_sent(SENT)),
            Outcome::StoreFailed(error) => {
                let (why, reply) = (AbortReason::from(&error), self.failure_reply(&error));
                self.step(|transfer| transfer.break_off(why, reply));
            }
            // Only a wrong driver has sent what was to be received, or received what was to be sent.
            Outcome::Lost | Outcome::Sent { .. } | Outcome::Received { .. } => {
                self.step(|transfer| transfer.break_off(AbortReason::DataConnectionLost, LOST));
            }
        }
    }

    pub(crate) fn handle_data_stalled(&mut self) {
        self.step(|transfer| transfer.abort(AbortReason::DataStalled, STALLED));
    }
}
