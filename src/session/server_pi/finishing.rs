//! The store finishes an upload. Nothing but a finish that succeeded leads to `STORED` (promise 1).

use bytes::Bytes;

use crate::{
    config::{FinishOverdue, FinishPatience},
    reply::{Reply, ReplyCode},
    session::{
        action::{Action, TransferId},
        machines::{timer::Timer, transfer::Transfer},
        server_pi::ServerPi,
    },
    storage::{StorageError, Stored},
};

const STORED: Reply = Reply::from_static("226 Transfer complete; the file is stored.\r\n");
const STILL_STORING: Bytes = Bytes::from_static(b"226-Still storing the file.\r\n");

impl ServerPi {
    pub(crate) fn handle_finished(&mut self, id: TransferId, result: Result<Stored, StorageError>) {
        if !self.transfer_of(id).is_some_and(|transfer| transfer.is_finishing()) {
            return self.detached.handle_finished(id, result);
        }
        let reply = match result {
            Ok(stored) => self.stored_reply(&stored),
            Err(error) => self.failure_reply(&error),
        };
        self.complete(reply);
    }

    /// Begins the final reply, or goes on with it. Nothing is added to what a client does not read.
    pub(crate) fn handle_patience_over(&mut self) {
        let FinishPatience::ContinueAfter { every, .. } = self.config.finish_patience else { return };
        self.start_timer(Timer::Patience, every);
        if self.reads_replies() && self.transfer.as_mut().is_some_and(Transfer::continue_reply) {
            self.send_line(STILL_STORING);
        }
    }

    fn stored_reply(&mut self, stored: &Stored) -> Reply {
        let unique = self.transfer.as_ref().and_then(|transfer| transfer.subject().unique_name());
        if unique.is_none() && stored.note.is_none() {
            return STORED;
        }
        let mut reply =
            self.replies.compose(ReplyCode::TRANSFER_COMPLETE).text("Transfer complete; the file is stored");
        if let Some(pathname) = unique {
            reply = reply.text(" as ").bytes(pathname.as_bytes());
        }
        if let Some(note) = &stored.note {
            reply = reply.text(": ").text(note);
        }
        reply.text(".").finish()
    }

    pub(crate) fn failure_reply(&mut self, error: &StorageError) -> Reply {
        self.replies.line(error.kind().reply_code(), error.message())
    }

    pub(crate) fn handle_finish_overdue(&mut self) {
        let Some(transfer) = &self.transfer else { return };
        let (id, Some(pathname)) = (transfer.id(), transfer.subject().upload_pathname()) else { return };
        let has_begun = transfer.has_begun_reply();
        let deadline = self.now + self.config.detached_timeout;
        let is_detached = self.config.finish_overdue == FinishOverdue::Detach
            && self.detached.add(id, pathname, deadline, self.config.detached_limit).is_ok();
        let seconds = self.config.finish_timeout.as_secs();
        let reply = self.replies.compose(ReplyCode::LOCAL_ERROR).text("Storing the file takes longer than ");
        let reply = reply.value(seconds).text(" s; ");
        let reply = reply.text(match (is_detached, has_begun) {
            (true, false) => "it goes on, and STAT or SITE UPLOADS tells its outcome.",
            (true, true) => "it goes on, and its outcome is not told.",
            (false, _) => "it was stopped, and what was there before stays unless the store was just done.",
        });
        let reply = reply.finish();
        self.act(if is_detached { Action::Detach(id) } else { Action::Drop(id) });
        self.complete(reply);
    }
}
