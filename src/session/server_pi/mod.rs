//! The place where the machines are joined.

mod aborting;
pub(super) mod answers;
mod connecting;
mod effects;
mod ending;
mod finishing;
mod handshakes;
mod moving;
mod opening;
pub(super) mod purpose;
mod settling;
#[cfg(test)]
pub(super) mod state;

use alloc::{collections::VecDeque, string::String, sync::Arc};
use core::{fmt, mem, time::Duration};

use bytes::Bytes;

use self::purpose::{Pending, Purpose};
use super::{
    action::{Action, Request, RequestId},
    event::ControlState,
    machines::{
        data_connection::DataConnection,
        detached::DetachedFinishes,
        login::Login,
        parameters::Parameters,
        security::Security,
        tempo::Tempo,
        timer::{Timer, Timers},
        transfer::Transfer,
    },
};
use crate::{
    command::{ArgumentError, Form},
    config::{Config, Endpoints, TlsStart},
    instant::Instant,
    reply::{Reply, ReplyBuffer, ReplyCode},
};

/// Everything of a session but its unread lines.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct ServerPi {
    pub(super) config: Arc<Config>,
    pub(super) control: Endpoints,
    now: Instant,
    pub(super) login: Login,
    pub(super) security: Security,
    pub(super) parameters: Parameters,
    data: DataConnection,
    transfer: Option<Transfer>,
    pub(super) detached: DetachedFinishes,
    timers: Timers,
    tempo: Tempo,
    pending: Option<Pending>,
    pub(super) replies: ReplyBuffer,
    control_state: ControlState,
    /// Of the command that is executed.
    pub(super) form: Form,
    stage: Stage,
    actions: VecDeque<Action>,
    unsent: usize,
    last_id: u64,
}

/// Whether commands are still executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// No further one after the transfer that is running.
    ShuttingDown,
    Closed,
}

/// Which commands are executed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    AnyCommand,
    /// Those that act in a transfer.
    InTransfer,
    Nothing,
}

impl ServerPi {
    pub(super) fn new(config: Arc<Config>, control: Endpoints, now: Instant) -> Self {
        let mut pi = Self {
            control,
            now,
            login: Login::new(),
            security: Security::new(config.tls.start),
            parameters: Parameters::new(&config),
            data: DataConnection::new(),
            transfer: None,
            detached: DetachedFinishes::default(),
            timers: Timers::default(),
            tempo: Tempo::default(),
            pending: None,
            replies: ReplyBuffer::default(),
            control_state: ControlState::Open,
            form: Form { verb: "", argument: "" },
            stage: Stage::Open,
            actions: VecDeque::new(),
            unsent: 0,
            last_id: 0,
            config,
        };
        pi.start_timer(Timer::LogIn, pi.config.log_in_timeout);
        pi.start_idle();
        match pi.config.tls.start {
            TlsStart::Never | TlsStart::Explicit => pi.greet(),
            TlsStart::Implicit => pi.secure_control(),
        }
        pi
    }

    pub(super) fn greet(&mut self) {
        let config = Arc::clone(&self.config);
        self.reply(ReplyCode::READY, &config.greeting);
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    // What commands may be executed.

    pub(super) fn accepts(&self) -> Accepts {
        if !self.wants_input() || self.data.is_preparing() {
            return Accepts::Nothing;
        }
        match (&self.transfer, &self.pending) {
            (None, None) => Accepts::AnyCommand,
            (None, Some(_)) => Accepts::Nothing,
            (Some(_), _) => Accepts::InTransfer,
        }
    }

    /// Whether the client may go on: no handshake is under way (promise 5), and it reads its replies (promise 7).
    pub(super) fn wants_input(&self) -> bool {
        !self.is_closed_or_securing() && self.reads_replies()
    }

    /// Whether the client takes what it is told.
    pub(super) fn reads_replies(&self) -> bool {
        self.unsent <= self.config.reply_limit
    }

    /// Whether nothing is said to the client, and what it says is forgotten.
    pub(super) fn is_closed_or_securing(&self) -> bool {
        self.is_closed() || self.security.is_securing()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Whether an `ABOR` would act on the transfer. A second one waits for its turn.
    pub(super) fn is_abortable(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_abortable)
    }

    /// Whether commands that act in a transfer are answered: once it has its preliminary reply, until its final one
    /// begins.
    pub(super) fn is_transfer_open(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_open)
    }

    /// How far the running transfer is, for `STAT`.
    pub(super) fn describe_transfer(&self) -> Option<String> {
        self.transfer.as_ref().map(|transfer| transfer.describe(self.now))
    }

    pub(super) fn backlog_limit(&self) -> usize {
        self.config.backlog_limit
    }

    // What is given out.

    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Sends a reply, unless nobody would read it or it would come between the messages of a handshake.
    pub(super) fn send(&mut self, reply: Reply) {
        if !self.is_closed_or_securing() {
            self.unsent = self.unsent.saturating_add(reply.as_bytes().len());
            self.act(Action::SendReply(reply));
        }
    }

    /// Sends a reply of one line.
    pub(super) fn reply(&mut self, code: ReplyCode, text: &str) {
        let reply = self.replies.line(code, text);
        self.send(reply);
    }

    /// Says what is wrong, in a sentence.
    pub(super) fn reply_error(&mut self, code: ReplyCode, error: impl fmt::Display) {
        let mut sentence = alloc::format!("{error}.");
        if let Some(first) = sentence.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        self.reply(code, &sentence);
    }

    /// The argument as it was parsed; if it could not be, the client is told why.
    pub(super) fn accept<T>(&mut self, parsed: Result<T, ArgumentError>) -> Option<T> {
        parsed.map_err(|error| self.reply_argument_error(error)).ok()
    }

    fn reply_argument_error(&mut self, error: ArgumentError) {
        match error {
            ArgumentError::Malformed => self.reply_form(),
            ArgumentError::NotImplemented => self.reply_error(ReplyCode::PARAMETER_NOT_IMPLEMENTED, error),
        }
    }

    /// Tells how the command is written, to a client that has written it in another way.
    pub(super) fn reply_form(&mut self) {
        let reply = self.replies.compose(ReplyCode::ARGUMENT_ERROR).text("The form is: ");
        let reply = reply.value(self.form).text(".").finish();
        self.send(reply);
    }

    /// Sends a line of a reply that is not complete, unless nobody would read it.
    pub(super) fn send_line(&mut self, line: Bytes) {
        if !self.is_closed_or_securing() {
            self.unsent = self.unsent.saturating_add(line.len());
            self.act(Action::SendReplyLine(line));
        }
    }

    pub(super) fn send_telnet(&mut self, answers: Bytes) {
        self.unsent = self.unsent.saturating_add(answers.len());
        self.act(Action::SendTelnet(answers));
    }

    pub(super) fn handle_replies_sent(&mut self) {
        self.unsent = 0;
        self.tempo.handle_replies_sent(self.now);
    }

    /// The client has said something.
    pub(super) fn handle_heard(&mut self) {
        self.tempo.handle_received(self.now);
    }

    /// Asks the accounts or the store; the answer will be used as `purpose` says.
    pub(super) fn ask(&mut self, request: Request, purpose: Purpose) {
        let id = RequestId(self.next_id());
        self.pending = Some(Pending { id, purpose });
        self.start_timer(Timer::Request, self.config.request_timeout);
        self.act(Action::Ask(id, request));
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    // Time.

    /// Starts a deadline, or starts it again.
    pub(super) fn start_timer(&mut self, timer: Timer, after: Duration) {
        self.timers.start(timer, self.now, after);
    }

    pub(super) fn stop_timer(&mut self, timer: Timer) {
        self.timers.stop(timer);
    }

    fn stop_timers(&mut self, timers: &[Timer]) {
        for timer in timers {
            self.timers.stop(*timer);
        }
    }

    /// When the first deadline passes (promise 10).
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [self.timers.next(), self.detached.next_deadline()].into_iter().flatten().min()
    }

    pub(super) fn handle_elapsed(&mut self) {
        while let Some(timer) = self.timers.pop_elapsed(self.now) {
            match timer {
                Timer::LogIn => self.close_because("You did not log in in time."),
                Timer::ControlIdle if self.is_busy() => self.start_idle(),
                Timer::ControlIdle => self.close_because("No command came for too long."),
                Timer::Request => self.handle_request_overdue(),
                Timer::DataConnect => self.handle_no_data_connection(),
                Timer::Handshake => self.handle_handshake_overdue(),
                Timer::DataStall => self.handle_data_stalled(),
                Timer::Settle => self.handle_settled(),
                Timer::Patience => self.handle_patience_over(),
                Timer::Finish => self.handle_finish_overdue(),
                Timer::Abort => self.handle_abort_overdue(),
            }
        }
        while let Some(id) = self.detached.pop_overdue(self.now) {
            self.act(Action::Drop(id));
        }
    }

    pub(super) fn start_idle(&mut self) {
        if !self.is_closed() {
            self.start_timer(Timer::ControlIdle, self.config.control_idle_timeout);
        }
    }

    fn is_busy(&self) -> bool {
        self.transfer.is_some() || self.pending.is_some()
    }

    // The end.

    pub(super) fn handle_shutdown_requested(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::ShuttingDown;
        }
    }

    /// Closes a session that was asked to shut down, once it has nothing more to do. `true` if this did it.
    pub(super) fn shut_down_if_idle(&mut self) -> bool {
        let ends = self.stage == Stage::ShuttingDown && !self.is_busy() && !self.data.is_preparing();
        if ends {
            self.close_because("The server is shutting down.");
        }
        ends
    }

    /// Tells the client why the session closes, and closes it.
    pub(super) fn close_because(&mut self, why: &str) {
        self.reply(ReplyCode::SERVICE_UNAVAILABLE, why);
        self.close();
    }

    /// Closes the session (promise 12). What is still to be said to the store is said; nothing more is said to the client.
    pub(super) fn close(&mut self) {
        if mem::replace(&mut self.stage, Stage::Closed) == Stage::Closed {
            return;
        }
        self.stop_timers(&[Timer::LogIn, Timer::ControlIdle, Timer::Handshake, Timer::Patience]);
        self.cancel_request();
        self.give_transfer_up();
        self.close_data_connection();
        self.act(Action::CloseControl);
    }

    /// Takes back a request whose answer is of no use any more.
    pub(super) fn cancel_request(&mut self) -> Option<Pending> {
        let pending = self.pending.take()?;
        self.stop_timer(Timer::Request);
        self.act(Action::Cancel(pending.id));
        Some(pending)
    }
}
