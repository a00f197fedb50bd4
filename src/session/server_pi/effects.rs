//! What follows from the steps of the machines: the one place where it becomes actions, deadlines and replies.

use crate::{
    config::FinishPatience,
    reply::{Reply, ReplyCode},
    session::{
        action::{Action, TransferId},
        machines::{
            data_connection::DataEffect,
            login::LoginEffect,
            timer::Timer,
            transfer::{Transfer, TransferEffect},
        },
        server_pi::{ServerPi, aborting::ABOR_DONE},
    },
};

const NEED_PASSWORD: Reply = Reply::from_static("331 Send your password with PASS.\r\n");
const LOGGED_IN: Reply = Reply::from_static("230 Logged in.\r\n");
const LOGGED_IN_BY_CERTIFICATE: Reply = Reply::from_static("232 Logged in by your certificate.\r\n");
const DENIED: Reply = Reply::from_static("530 Login incorrect.\r\n");

impl ServerPi {
    /// Does what follows from what the accounts have said.
    pub(super) fn follow_login_effect(&mut self, effect: LoginEffect) {
        match effect {
            LoginEffect::Nothing => {}
            LoginEffect::Accept | LoginEffect::AcceptCertificate => {
                self.stop_timer(Timer::LogIn);
                let is_by_certificate = effect == LoginEffect::AcceptCertificate;
                self.send(if is_by_certificate { LOGGED_IN_BY_CERTIFICATE } else { LOGGED_IN });
            }
            LoginEffect::AskPassword => self.ask_password(),
            LoginEffect::AskAccount => self.reply(ReplyCode::NEED_ACCOUNT, "Send your account with ACCT."),
            LoginEffect::Refuse { failures } if failures < self.config.log_in_attempts => self.send(DENIED),
            LoginEffect::Refuse { .. } => self.close_because("Too many failed log-ins."),
            LoginEffect::Close => self.close_because("Nobody can log in right now; try again later."),
        }
    }

    pub(crate) fn ask_password(&mut self) {
        self.send(NEED_PASSWORD);
    }

    /// Does what follows from what has happened to the data connection.
    pub(crate) fn follow_data_effect(&mut self, effect: DataEffect) {
        match effect {
            DataEffect::Nothing => {}
            DataEffect::Refuse(id) => self.act(Action::RefuseDataConnection(id)),
            DataEffect::Connected => {
                self.secure_data_connection();
                self.move_if_ready();
            }
            DataEffect::Secured => self.move_if_ready(),
            DataEffect::Failed => self.handle_no_data_connection(),
            // The abort closes it, too.
            DataEffect::Unfit(_, why) if self.is_data_connection_awaited() => {
                self.refuse_data_connection(why);
            }
            DataEffect::Unfit(id, _) => self.act(Action::CloseDataConnection(id)),
        }
    }

    /// Takes a step of the running transfer, if there is one.
    pub(super) fn step(&mut self, step: impl FnOnce(&mut Transfer) -> TransferEffect) {
        let effect = self.transfer.as_mut().map_or(TransferEffect::Nothing, step);
        self.follow_transfer_effect(effect);
    }

    /// The same, if it is this one that runs.
    pub(super) fn step_of(&mut self, id: TransferId, step: impl FnOnce(&mut Transfer) -> TransferEffect) {
        let effect = self.transfer_of(id).map_or(TransferEffect::Nothing, step);
        self.follow_transfer_effect(effect);
    }

    /// The running transfer, if it is this one.
    pub(super) fn transfer_of(&mut self, id: TransferId) -> Option<&mut Transfer> {
        self.transfer.as_mut().filter(|transfer| transfer.id() == id)
    }

    /// Does what follows from a step of the running transfer.
    fn follow_transfer_effect(&mut self, effect: TransferEffect) {
        match effect {
            TransferEffect::Nothing => {}
            TransferEffect::Move(id, movement) => {
                self.data.take_for_transfer();
                self.stop_timers(&[Timer::DataConnect, Timer::Handshake]);
                self.start_timer(Timer::DataStall, self.config.data_stall_timeout);
                self.act(Action::Transfer(id, movement));
            }
            TransferEffect::HasMoved => self.start_timer(Timer::DataStall, self.config.data_stall_timeout),
            TransferEffect::Settle(id, time) => {
                self.start_timer(Timer::Settle, time);
                self.act(Action::PrepareFinish(id));
            }
            TransferEffect::LookAtControl(id) => {
                self.start_timer(Timer::Settle, self.config.data_stall_timeout);
                self.act(Action::LookAtControl(id));
            }
            TransferEffect::Finish(id) => {
                self.stop_timer(Timer::Settle);
                if let FinishPatience::ContinueAfter { silence, .. } = self.config.finish_patience {
                    self.start_timer(Timer::Patience, silence);
                }
                self.start_timer(Timer::Finish, self.config.finish_timeout);
                self.act(Action::AwaitFinish(id));
            }
            TransferEffect::Abort(id, why) => {
                self.data.handle_transfer_over();
                self.stop_timers(&[Timer::DataConnect, Timer::Handshake, Timer::DataStall, Timer::Settle]);
                self.start_timer(Timer::Abort, self.config.abort_timeout);
                self.act(Action::Abort(id, why));
            }
            TransferEffect::NotOpened(reply) => {
                self.cancel_request();
                self.close_data_connection();
                self.complete(reply);
            }
            TransferEffect::Drop(id, reply) => {
                self.act(Action::Drop(id));
                self.complete(reply);
            }
            TransferEffect::Complete(reply) => self.complete(reply),
        }
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
