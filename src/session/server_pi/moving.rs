//! Bytes move over the data connection, or do not.

use crate::{
    reply::Reply,
    session::{action::TransferId, server_pi::ServerPi},
    storage::AbortReason,
};

const STALLED: Reply = Reply::from_static("426 Nothing moved on the data connection for too long.\r\n");

impl ServerPi {
    pub(crate) fn handle_progressed(&mut self, id: TransferId, bytes: u64) {
        self.step_of(id, |transfer| transfer.handle_progressed(bytes));
    }

    pub(crate) fn handle_moved(&mut self, id: TransferId) {
        self.step_of(id, |transfer| transfer.handle_moved());
    }

    pub(crate) fn handle_data_stalled(&mut self) {
        self.step(|transfer| transfer.abort(AbortReason::DataStalled, STALLED));
    }
}
