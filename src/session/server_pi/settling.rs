//! Whether an upload is whole when its data connection has ended (promise 13).
//!
//! A client that is killed closes both of its connections in good order, as far as TCP can tell, one after the other. If
//! that cut off a file in clear, nothing but the end of the control connection says so. It may come a moment after that
//! of the data connection, and it may be there already, unread. So an upload whose end is not certain waits a moment, and
//! then the driver is asked to look at the control connection.

use core::time::Duration;

use crate::{
    config::Truncation,
    reply::Reply,
    session::{
        action::{Action, TransferId},
        event::{ControlState, DataEnd, Outcome},
        machines::{
            timer::Timer,
            transfer::{Phase, Settling, Subject, Transfer},
        },
        server_pi::{ServerPi, departure::ORPHANED},
    },
    storage::AbortReason,
};

/// A file that comes in one go is not one that a killed client was in the middle of: it has at most so many bytes, …
const ONE_GO_LIMIT: u64 = 64 << 10;
/// … and its end comes at most so long after the last of them.
const ONE_GO_PAUSE: Duration = Duration::from_micros(500);

const SENT: Reply = Reply::from_static("226 Transfer complete.\r\n");
const LOST: Reply =
    Reply::from_static("426 The data connection was lost before the end of the transfer.\r\n");
const TRUNCATED: Reply = Reply::from_static(
    "426 The data connection ended without TLS's close_notify, so the file may be cut off, and does not count.\r\n",
);
const SHORT: Reply =
    Reply::from_static("426 The file ended before the size that ALLO announced, and does not count.\r\n");
const NOT_SEEN: Reply = Reply::from_static(
    "451 The server could not find out in time whether you are still there, so the upload is not stored.\r\n",
);

impl ServerPi {
    pub(crate) fn handle_transfer_ended(&mut self, id: TransferId, outcome: Outcome) {
        let Some(transfer) = self.moving(id) else { return };
        if let Outcome::Sent { bytes } | Outcome::Received { bytes, .. } = outcome {
            transfer.bytes = bytes;
        }
        let is_upload = matches!(transfer.subject, Subject::Upload(_));
        self.data.handle_transfer_over();
        self.timers.stop(Timer::DataStall);
        match outcome {
            Outcome::Received { end, .. } if is_upload => self.handle_received(id, end),
            Outcome::Sent { .. } if !is_upload => self.complete(SENT),
            Outcome::StoreFailed(error) => {
                let reply = self.failure_reply(&error);
                self.break_transfer_off(AbortReason::StoreFailed, reply);
            }
            // Only a wrong driver has sent what was to be received, or received what was to be sent.
            Outcome::Lost | Outcome::Sent { .. } | Outcome::Received { .. } => {
                self.break_transfer_off(AbortReason::DataConnectionLost, LOST);
            }
        }
    }

    /// A download or a listing is over by itself, and an upload is aborted.
    fn break_transfer_off(&mut self, why: AbortReason, reply: Reply) {
        match self.transfer.as_ref().map(|transfer| &transfer.subject) {
            Some(Subject::Upload(_)) => self.abort(why, reply),
            _ => self.complete(reply),
        }
    }

    /// The data connection of an upload has ended in good order.
    fn handle_received(&mut self, id: TransferId, end: DataEnd) {
        let is_private = self.security.protects_data();
        let is_authentic = is_private && end == DataEnd::CloseNotify;
        let is_certain = is_authentic || self.transfer.as_ref().is_some_and(Transfer::has_announced_size);
        if is_private && !is_authentic && self.config.tls.truncation == Truncation::Refuse {
            self.abort(AbortReason::Truncated, TRUNCATED);
        } else if self.has_left() && !is_certain {
            self.abort(AbortReason::ControlConnectionLost, ORPHANED);
        } else if self.transfer.as_ref().is_some_and(Transfer::is_short) {
            self.abort(AbortReason::Incomplete, SHORT);
        } else if is_certain {
            self.finish(id);
        } else {
            self.settle(end);
        }
    }

    fn settle(&mut self, end: DataEnd) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.phase = Phase::Settling(Settling::Waiting);
        let bytes = transfer.bytes;
        match self.settling_time(end, bytes) {
            Duration::ZERO => self.look_at_control(),
            time => self.timers.start(Timer::Settle, self.now, time),
        }
    }

    /// How long the end of the control connection may take to follow that of an upload of so many bytes, if the client
    /// was killed.
    fn settling_time(&self, end: DataEnd, bytes: u64) -> Duration {
        match end {
            DataEnd::Fin { pause: Some(pause) }
                if pause < ONE_GO_PAUSE
                    && (1..=ONE_GO_LIMIT).contains(&bytes)
                    && !self.security.protects_data() =>
            {
                Duration::ZERO
            }
            DataEnd::Fin { .. } | DataEnd::CloseNotify => self.config.killed_client_grace,
        }
    }

    /// The time is over for the end of an upload to settle, or for the driver to look.
    pub(crate) fn handle_settled(&mut self) {
        match self.transfer.as_ref().map(|transfer| &transfer.phase) {
            Some(Phase::Settling(Settling::Waiting)) => self.look_at_control(),
            Some(Phase::Settling(Settling::Looking)) => {
                self.abort(AbortReason::ControlConnectionLost, NOT_SEEN);
            }
            _ => {}
        }
    }

    fn look_at_control(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.phase = Phase::Settling(Settling::Looking);
        let id = transfer.id;
        self.timers.start(Timer::Settle, self.now, self.config.data_stall_timeout);
        self.act(Action::LookAtControl(id));
    }

    pub(crate) fn handle_control_looked_at(&mut self, id: TransferId, state: ControlState) {
        let is_looking = self
            .transfer_named(id)
            .is_some_and(|transfer| matches!(transfer.phase, Phase::Settling(Settling::Looking)));
        match state {
            _ if !is_looking => {}
            ControlState::Open => self.finish(id),
            ControlState::Ended => self.abort(AbortReason::ControlConnectionLost, ORPHANED),
        }
    }
}
