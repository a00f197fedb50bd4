//! What happens to a transfer between its command and its final reply. `transfer` has the picture of it.

use bytes::Bytes;

use crate::{
    config::{FinishOverdue, FinishPatience},
    pathname::Pathname,
    reply::{Reply, ReplyCode},
    session::{
        action::{Action, Movement, TransferId},
        event::FinishKind,
        machines::{data_connection::Readiness, timer::Timer, transfer::Transfer},
        server_pi::ServerPi,
    },
    storage::{AbortReason, StorageError, Stored},
};

const OPENING: Reply = Reply::from_static("150 Opening the data connection.\r\n");
const ALREADY_OPEN: Reply = Reply::from_static("125 The data connection is open; the transfer starts.\r\n");
const STORED: Reply = Reply::from_static("226 Transfer complete; the file is stored.\r\n");
const STILL_STORING: Bytes = Bytes::from_static(b"226-Still storing the file.\r\n");
const ABORTED: Reply = Reply::from_static("426 Transfer aborted, as you asked.\r\n");
const ABOR_DONE: Reply = Reply::from_static("226 ABOR done.\r\n");
const STALLED: Reply = Reply::from_static("426 Nothing moved on the data connection for too long.\r\n");
const SHUTTING_DOWN: Reply =
    Reply::from_static("426 The server is shutting down; the transfer is aborted.\r\n");
const SHUT_DOWN_WHILE_STORING: Reply = Reply::from_static(
    "451 The server is shutting down; what was there before stays unless the file was just stored.\r\n",
);

impl ServerPi {
    // Opening.

    pub(crate) fn handle_upload_opened(&mut self, pathname: Pathname, offset: u64, finish: FinishKind) {
        if let Some(transfer) = &mut self.transfer {
            transfer.handle_upload_opened(pathname, offset, finish);
        }
        self.handle_opened();
    }

    /// The store has opened what is transferred: the data connection is next.
    pub(crate) fn handle_opened(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.handle_opened();
        if let Readiness::Unfit(why) = self.data.readiness() {
            return self.refuse_data_connection(why);
        }
        self.reply_preliminarily();
        match self.data.readiness() {
            Readiness::Ready | Readiness::Securing(_) => return self.move_if_ready(),
            Readiness::ToConnect => self.connect(),
            Readiness::Awaited | Readiness::Missing | Readiness::Unfit(_) => {}
        }
        self.start_timer(Timer::DataConnect, self.config.data_connect_timeout);
    }

    /// RFC 1123 4.1.2.9: for `STOU` the preliminary reply tells the name, in this form.
    fn reply_preliminarily(&mut self) {
        let is_ready = matches!(self.data.readiness(), Readiness::Ready | Readiness::Securing(_));
        let reply = match self.transfer.as_mut().and_then(Transfer::announce) {
            Some(pathname) => {
                let code = if is_ready { ReplyCode::DATA_ALREADY_OPEN } else { ReplyCode::DATA_OPENING };
                self.replies.compose(code).text("FILE: ").bytes(pathname.as_bytes()).finish()
            }
            None if is_ready => ALREADY_OPEN,
            None => OPENING,
        };
        self.send(reply);
    }

    /// What is listed is not what it was taken for.
    pub(crate) fn replace_movement(&mut self, other: Movement) {
        if let Some(transfer) = &mut self.transfer {
            transfer.replace_movement(other);
        }
    }

    /// The store did not open it.
    pub(crate) fn refuse_transfer(&mut self, code: ReplyCode, text: &str) {
        let reply = self.replies.line(code, text);
        self.step(|transfer| transfer.handle_not_opened(reply));
    }

    // Moving.

    pub(crate) fn handle_progressed(&mut self, id: TransferId, bytes: u64) {
        self.step_of(id, |transfer| transfer.handle_progressed(bytes));
    }

    pub(crate) fn handle_moved(&mut self, id: TransferId) {
        self.step_of(id, |transfer| transfer.handle_moved());
    }

    pub(crate) fn handle_data_stalled(&mut self) {
        self.step(|transfer| transfer.abort(AbortReason::DataStalled, STALLED));
    }

    // Finishing (promise 1: nothing but a finish that succeeded leads to STORED).

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

    // Aborting.

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

    /// The final reply (promise 3), and the `226` of an `ABOR` behind it.
    pub(crate) fn complete(&mut self, reply: Reply) {
        self.stop_timers(&Timer::OF_A_TRANSFER);
        self.start_idle();
        let transfer = self.transfer.take();
        let has_begun = transfer.as_ref().is_some_and(Transfer::has_begun_reply);
        if has_begun && reply.code() != ReplyCode::TRANSFER_COMPLETE {
            return self.break_off(&reply);
        }
        self.send(reply);
        if transfer.is_some_and(|transfer| !transfer.is_abortable()) {
            self.send(ABOR_DONE);
        }
    }

    /// Ends the session in the middle of a `226` that must not be completed.
    fn break_off(&mut self, reply: &Reply) {
        let reason = reply.as_bytes().trim_ascii_end();
        let line = self.replies.compose(ReplyCode::TRANSFER_COMPLETE).text("No: ").bytes(reason);
        let line = line.finish_line();
        self.send_line(line);
        self.close();
    }
}
