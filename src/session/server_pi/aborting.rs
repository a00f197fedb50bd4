//! A transfer is aborted, by `ABOR` or because the server cannot wait any longer.

use crate::{
    reply::Reply,
    session::{action::TransferId, server_pi::ServerPi},
    storage::AbortReason,
};

const ABORTED: Reply = Reply::from_static("426 Transfer aborted, as you asked.\r\n");
pub(super) const ABOR_DONE: Reply = Reply::from_static("226 ABOR done.\r\n");
const SHUTTING_DOWN: Reply =
    Reply::from_static("426 The server is shutting down; the transfer is aborted.\r\n");
const SHUT_DOWN_WHILE_STORING: Reply = Reply::from_static(
    "451 The server is shutting down; what was there before stays unless the file was just stored.\r\n",
);

impl ServerPi {
    pub(crate) fn abor(&mut self, _: &[u8]) {
        self.parameters.take_announced();
        if self.transfer.is_none() {
            self.close_data_connection();
            return self.send(ABOR_DONE);
        }
        self.step(|transfer| transfer.handle_abor(ABORTED));
    }

    pub(crate) fn handle_aborted(&mut self, id: TransferId) {
        self.step_of(id, |transfer| transfer.handle_aborted());
    }

    /// The store takes too long to abort.
    pub(crate) fn handle_abort_overdue(&mut self) {
        self.step(|transfer| transfer.handle_abort_overdue());
    }

    /// The server cannot wait any longer.
    pub(crate) fn handle_shutdown_overdue(&mut self) {
        self.handle_shutdown_requested();
        if self.transfer.is_none() {
            self.cancel_request();
        }
        self.step(|transfer| match transfer.is_finishing() {
            true => transfer.drop_finish(SHUT_DOWN_WHILE_STORING),
            false => transfer.give_up(AbortReason::ShuttingDown, SHUTTING_DOWN),
        });
    }
}
