//! The store opens what is transferred, and the client gets its preliminary reply.

use crate::{
    pathname::Pathname,
    reply::{Reply, ReplyCode},
    session::{
        action::Movement,
        event::FinishKind,
        machines::{data_connection::Readiness, timer::Timer, transfer::Transfer},
        server_pi::ServerPi,
    },
};

const OPENING: Reply = Reply::from_static("150 Opening the data connection.\r\n");
const ALREADY_OPEN: Reply = Reply::from_static("125 The data connection is open; the transfer starts.\r\n");

impl ServerPi {
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
}
