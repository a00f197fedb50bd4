//! The server-PI (RFC 959 2.3): what a server does on one control connection.
//!
//! A [`Session`] does no I/O. Its driver tells it what has happened (an [`Event`]) and does what it says (an
//! [`Action`]).
//!
//! **The one law: after every [`handle`](Session::handle), call [`poll_action`](Session::poll_action) until it returns
//! `None`. Then wait for something to happen, until [`poll_timeout`](Session::poll_timeout) at the latest.**
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sansftp::{Action, Config, Endpoints, Event, Instant, Session};
//!
//! let control = Endpoints { local: "127.0.0.1:21".parse()?, peer: "127.0.0.1:50000".parse()? };
//! let start = Instant::default();
//! let mut session = Session::new(Arc::new(Config::default()), control, start);
//! let Some(Action::SendReply(greeting)) = session.poll_action() else { panic!("a session greets first") };
//! assert_eq!(greeting.as_bytes(), b"220 FTP server ready.\r\n");
//! assert!(session.poll_action().is_none());
//!
//! session.handle(start + Duration::from_secs(1), Event::Received(b"USER anna\r\n"));
//! let Some(Action::SendReply(reply)) = session.poll_action() else { panic!("a command is answered") };
//! assert_eq!(reply.code().number(), 331);
//! # Ok::<(), core::net::AddrParseError>(())
//! ```
//!
//! # The end of an upload
//!
//! In clear, the end of the data connection is the end of the file, and a client that was killed in the middle ends it in
//! the same way. The session finds out which it is, and needs two things from its driver for that:
//!
//! * After [`Event::TransferEnded`], read the control connection on and tell its end, like at any other time. The
//!   session may wait for that a moment, until [`poll_timeout`](Session::poll_timeout).
//! * Answer [`Action::LookAtControl`] by [`Event::ControlLookedAt`], when everything that was there has been read and told.
//!   If the client is still there then, the upload is finished.
//!
//! `examples/sans_io.rs` and `tests/plain_driver.rs` are drivers that do no more.
//!
//! # The promises
//!
//! Whatever bytes and events come, in whatever order:
//!
//! 1. A `226` to `STOR`, `STOU` or `APPE` is completed only after that upload's finish has succeeded.
//! 2. Every upload that was opened is finished or aborted, and not both; finished only after a clean end.
//! 3. Each command gets exactly one final reply, in the order of the commands (but for `NOOP`, `STAT` and `ABOR` in a
//!    transfer), and at most one preliminary reply before it.
//! 4. Before the log-in nothing acts but the few commands that the table of commands frees.
//! 5. What was sent in clear behind `AUTH` is not executed after the handshake.
//! 6. However the same bytes are split, the same replies come.
//! 7. The memory of a session is bounded by its [`Config`], whatever is sent and whatever is not read.
//! 8. Nothing panics.
//! 9. A data connection leads to the address of the control connection's peer and to no privileged port, unless the
//!    configuration allows others. A stranger who connects first gets nothing and costs the client nothing.
//! 10. Every wait for a peer has a deadline.
//! 11. Stores see only normalised, absolute pathnames, and no byte of a name can break a reply or a line of a listing.
//! 12. After [`Action::CloseControl`] nothing more is done but what ends the transfers that are still open.
//! 13. An upload is finished only if its control connection was still there when its end had settled, or if its end is
//!     certain: by TLS's `close_notify`, or because as many bytes have come as `ALLO` announced.
//!
//! Comments in the code name the promise that a place keeps; the tests in `tests/laws.rs` hold them, and
//! so does the walk over all states in `exploration`.
//!
//! # Reading order
//!
//! `action` and `event` say what a session does and what happens to it. `machines` has the states: small machines that do
//! not know each other. `server_pi` joins them. Its files follow a transfer: `purpose` and `answers` (what the store is
//! asked for, and says), `opening`, `connecting`, `moving`, `settling` (whether an upload is whole), `finishing` and
//! `aborting`; `effects` turns what follows from a step into actions, `handshakes` are those of TLS, and `ending` is the end
//! of the control connection. `commands` has the table of commands, `rules`, and the methods that it names, in the order of
//! RFC 959 4.1.

mod action;
mod commands;
mod event;
mod machines;
mod server_pi;

use alloc::sync::Arc;

pub use self::{
    action::{
        Action, DataConnectionMode, DataId, Direction, Movement, Request, RequestId, Selection, TransferId,
    },
    event::{
        Answer, ControlState, DataEnd, Event, Extent, FinishKind, Outcome, Resumption, TlsClient, Waits,
    },
};
use self::{
    commands::rules::{self, InTransfer},
    server_pi::{Accepts, ServerPi},
};
use crate::{
    command::Command,
    config::{Config, Endpoints},
    instant::Instant,
    line::{Line, LineBuffer},
};

/// One control connection; see [the module](self) for how to drive it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Session {
    lines: LineBuffer,
    pi: ServerPi,
}

impl Session {
    /// Begins a session; its first action is the `220`.
    #[must_use]
    pub fn new(config: Arc<Config>, control: Endpoints, now: Instant) -> Self {
        let lines = LineBuffer::new(config.line_limit, config.skip_limit);
        Self { lines, pi: ServerPi::new(config, control, now) }
    }

    /// Tells what has happened at `now`, which is never before the `now` of an earlier call.
    ///
    /// It never fails: what the client does wrong is answered by a reply, and an event that comes too late changes
    /// nothing.
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.pi.set_now(now);
        match event {
            Event::Received(bytes) => {
                self.pi.handle_heard();
                self.receive(bytes);
            }
            Event::RepliesSent => self.pi.handle_replies_sent(),
            Event::ControlEnded => self.pi.handle_control_ended(),
            Event::ControlClosed => self.pi.close(),
            Event::ControlSecured(client) => self.pi.handle_control_secured(client),
            Event::Elapsed => self.pi.handle_elapsed(),
            Event::ShutdownRequested => self.pi.handle_shutdown_requested(),
            Event::ShutdownOverdue => self.pi.handle_shutdown_overdue(),
            Event::Answered(id, answer) => self.pi.handle_answered(id, answer),
            Event::Listening(id, address) => self.pi.handle_listening(id, address),
            Event::ListenFailed(id) => self.pi.handle_listen_failed(id),
            Event::DataConnected(id, peer) => self.pi.handle_data_connected(id, peer),
            Event::DataRefused(id) => self.pi.handle_data_refused(id),
            Event::DataSecured(id, resumption) => self.pi.handle_data_secured(id, resumption),
            Event::Progressed(id, bytes) => self.pi.handle_progressed(id, bytes),
            Event::Moved(id) => self.pi.handle_moved(id),
            Event::TransferEnded(id, outcome) => self.pi.handle_transfer_ended(id, outcome),
            Event::ControlLookedAt(id, state) => self.pi.handle_control_looked_at(id, state),
            Event::Finished(id, result) => self.pi.handle_finished(id, result),
            Event::Aborted(id) => self.pi.handle_aborted(id),
        }
    }

    /// The next thing to do, in order; `None` when there is nothing before the next event.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        loop {
            if let Some(action) = self.pi.next_action() {
                return Some(action);
            }
            if !self.execute_next() {
                return None;
            }
        }
    }

    /// When to tell [`Event::Elapsed`], if nothing else happens before. It may change with every call of
    /// [`handle`](Self::handle); an `Elapsed` that is too early changes nothing.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pi.next_deadline()
    }

    /// Whether the control connection should be read.
    ///
    /// `false` while [`backlog_limit`](crate::config::Settings::backlog_limit) bytes of commands wait for their turn,
    /// while the client does not take its replies, while a handshake is under way on the control connection, behind a
    /// line without end, and after [`Event::ControlEnded`] and [`Action::CloseControl`].
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.pi.wants_input()
            && !self.pi.has_control_ended()
            && !self.lines.is_endless()
            && (self.lines.buffered() < self.pi.backlog_limit() || self.lines.peek_line().is_none())
    }

    /// Takes one line after the other, so that what is said about Telnet options keeps its place between the replies
    /// (promise 6).
    fn receive(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.pi.is_closed_or_securing() && !self.pi.has_control_ended() {
            rest = self.lines.push(rest);
            if let Some(answers) = self.lines.take_negotiation() {
                self.pi.send_telnet(answers);
            }
            while self.execute_next() {}
        }
    }

    /// Executes the next command that may be executed now. `false` if there is none.
    fn execute_next(&mut self) -> bool {
        let Self { lines, pi } = self;
        if pi.shut_down_if_idle() {
            return true;
        }
        match pi.accepts() {
            Accepts::AnyCommand => match lines.next_line() {
                Some(line) => {
                    pi.execute_line(line);
                    true
                }
                None => pi.close_if_ended(),
            },
            Accepts::InTransfer => {
                if pi.is_transfer_open() && lines.peek_line().is_some_and(is_answered_at_once) {
                    return lines.next_line().map(|line| pi.execute_line(line)).is_some();
                }
                let is_aborted = pi.is_abortable() && lines.remove_first(is_abor);
                if is_aborted {
                    pi.execute_line(Line::Complete(b"ABOR"));
                }
                is_aborted
            }
            Accepts::Nothing => {
                if pi.is_closed_or_securing() {
                    lines.clear();
                }
                false
            }
        }
    }
}

fn is_answered_at_once(line: Line<'_>) -> bool {
    let Line::Complete(line) = line else { return false };
    let Ok(command) = Command::parse(line) else { return false };
    match rules::find(command.verb).map(|rule| rule.in_transfer) {
        Some(InTransfer::AtOnce) => true,
        Some(InTransfer::AtOnceIfBare) => command.argument.trim_ascii().is_empty(),
        Some(InTransfer::Waits | InTransfer::Aborts) | None => false,
    }
}

fn is_abor(line: &[u8]) -> bool {
    Command::parse(line)
        .ok()
        .and_then(|command| rules::find(command.verb))
        .is_some_and(|rule| rule.in_transfer == InTransfer::Aborts)
}

#[cfg(test)]
mod exploration;

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::{vec, vec::Vec};

    use super::*;
    use crate::storage::Stored;

    const BLANK_LINES: usize = 16 << 10;

    /// A session whose client uploads to a store that answers at once.
    struct Upload {
        session: Session,
        transfer: TransferId,
        data: DataId,
    }

    impl Upload {
        /// Bytes can move.
        fn start() -> Self {
            let peer = ([198, 51, 100, 7], 50000).into();
            let control = Endpoints { local: ([192, 0, 2, 1], 21).into(), peer };
            let session = Session::new(Arc::new(Config::default()), control, Instant::default());
            let mut upload = Self { session, transfer: TransferId(0), data: DataId(0) };
            let codes = upload.tell(Event::Received(b"USER a\r\nPASS b\r\nPASV\r\nSTOR a\r\n"));
            assert_eq!(codes, [220, 331, 230, 227, 150]);
            assert_eq!(upload.tell(Event::DataConnected(upload.data, peer)), [0; 0]);
            upload
        }

        /// Tells what has happened, and what the driver tells then. Returns the codes of the replies.
        fn tell(&mut self, event: Event<'_>) -> Vec<u16> {
            let mut codes = vec![];
            self.session.handle(Instant::default(), event);
            while let Some(action) = self.session.poll_action() {
                if let Action::SendReply(reply) = &action {
                    codes.push(reply.code().number());
                }
                if let Some(event) = self.perform(action) {
                    self.session.handle(Instant::default(), event);
                }
            }
            codes
        }

        fn perform(&mut self, action: Action) -> Option<Event<'static>> {
            match action {
                Action::SendReply(_) => Some(Event::RepliesSent),
                Action::Ask(id, Request::LogIn(_)) => Some(Event::Answered(id, Answer::LoggedIn)),
                Action::Ask(id, Request::OpenUpload { pathname, .. }) => {
                    let finish = FinishKind::RunsToItsEnd;
                    Some(Event::Answered(id, Answer::UploadOpened { pathname, offset: 0, finish }))
                }
                Action::OpenDataConnection(id, _) => {
                    self.data = id;
                    Some(Event::Listening(id, ([192, 0, 2, 1], 4242).into()))
                }
                Action::Transfer(id, _) => {
                    self.transfer = id;
                    None
                }
                Action::LookAtControl(id) => Some(Event::ControlLookedAt(id, ControlState::Open)),
                Action::AwaitFinish(id) => Some(Event::Finished(id, Ok(Stored::default()))),
                Action::Abort(id, _) => Some(Event::Aborted(id)),
                _ => None,
            }
        }

        /// Sends blank lines, as many as a session holds back.
        fn send_blank_lines(&mut self) {
            assert_eq!(self.tell(Event::Received(&[b'\n'; BLANK_LINES])), [0; 0]);
            assert_eq!(self.session.lines.buffered(), BLANK_LINES);
            assert!(!self.session.wants_input());
        }

        /// How many lines a search for an `ABOR` would look at.
        fn unsearched(&mut self) -> usize {
            let looks = Cell::new(0);
            self.session.lines.remove_first(|_| {
                looks.set(looks.get() + 1);
                false
            });
            looks.get()
        }
    }

    /// If each were looked at again for every one that follows, or at every event, the server would stand still.
    #[test]
    fn blank_lines_in_a_transfer_are_searched_once() {
        let mut upload = Upload::start();
        upload.send_blank_lines();
        assert_eq!(upload.unsearched(), 0);
        assert_eq!(upload.tell(Event::Progressed(upload.transfer, 1)), [0; 0]);
        assert_eq!(upload.unsearched(), 0);

        let outcome = Outcome::Received { bytes: 1, end: DataEnd::Fin { waits: Some(Waits::default()) } };
        let codes = upload.tell(Event::TransferEnded(upload.transfer, outcome));
        assert_eq!(codes.len(), 1 + BLANK_LINES);
        assert_eq!((codes[0], codes[BLANK_LINES]), (226, 500));
        assert!(upload.session.wants_input());
    }

    #[test]
    fn abor_is_found_behind_blank_lines() {
        let mut upload = Upload::start();
        upload.send_blank_lines();
        let codes = upload.tell(Event::Received(b"ABOR\r\n"));
        assert_eq!(codes[..3], [426, 226, 500]);
        assert_eq!(codes.len(), 2 + BLANK_LINES);
    }

    /// While the first one has not been answered, nobody looks for the second.
    #[test]
    fn a_second_abor_is_found_in_the_next_transfer() {
        let mut upload = Upload::start();
        let codes =
            upload.tell(Event::Received(b"NOOP\r\nTYPE I\r\nABOR\r\nPASV\r\nSTOR b\r\nPWD\r\nABOR\r\n"));
        assert_eq!(codes, [200, 426, 226, 200, 227, 150, 426, 226, 257]);
    }
}
