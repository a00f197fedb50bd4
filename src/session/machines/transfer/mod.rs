//! The life of a transfer (RFC 959 5.2), above all of an upload.
//!
//! ```text
//! STOR ─► Opening ─opened─► Connecting ─connected─► Moving ─clean end─► Settling ─client is there─► Finishing ─Ok─► 226
//!           │refused           │no data connection    │reset, write error,   │ABOR,                   │Err, deadline
//!           ▼                  ▼                      │stall, ABOR, short    │control lost            ▼
//!       550/553/452…     Aborting, then 425           │of ALLO, control lost ▼                    4xx/5xx that says why
//!                                                     └───────────────► Aborting ─done─► the reply that it carries
//! ```
//!
//! An end that is certain needs no settling (`settling` tells which). A download or a listing goes the same way, but for
//! `Settling` and `Finishing`: its clean end is the `226`.
//!
//! This is what the walk over all states has seen; `STOR` and `LIST` stand for their like:
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Opening: LIST, RETR, STOR
//!     Aborting --> [*]: Aborted, Abort passes, the session ends
//!     Connecting --> Aborting: ABOR, ControlEnded, DataRefused, DataSecured, ShutdownOverdue, DataConnect passes, Handshake passes, the session ends
//!     Connecting --> Moving: DataConnected, DataSecured
//!     Finishing --> [*]: ABOR, Finished error, Finished ok, ShutdownOverdue, Finish passes, the session ends
//!     Moving --> [*]: TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce, TransferEnded Lost, TransferEnded Sent, TransferEnded StoreFailed, the session ends
//!     Moving --> Aborting: ABOR, ControlEnded, ShutdownOverdue, TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce, TransferEnded Lost, TransferEnded Sent, TransferEnded StoreFailed, DataStall passes, the session ends
//!     Moving --> Finishing: TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce
//!     Moving --> Settling: TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce
//!     Opening --> [*]: ABOR, ControlEnded, Failed, Request passes, the session ends
//!     Opening --> Aborting: Metadata, Opened, UploadOpened
//!     Opening --> Connecting: Metadata, Opened, UploadOpened
//!     Opening --> Moving: Metadata, Opened, UploadOpened
//!     Settling --> Aborting: ABOR, ControlEnded, ControlLookedAt Ended, ShutdownOverdue, Settle passes, the session ends
//!     Settling --> Finishing: ControlLookedAt Open
//! ```

mod effect;
mod subject;
#[cfg(test)]
mod walk;

use alloc::string::String;
use core::{mem, time::Duration};

pub(crate) use self::{
    effect::TransferEffect,
    subject::{Announced, Naming, Subject, UploadSubject},
};
use crate::{
    instant::Instant,
    pathname::Pathname,
    reply::Reply,
    session::{
        action::{Movement, TransferId},
        event::{ControlState, FinishKind},
    },
    storage::AbortReason,
};

/// A transfer from its command to its final reply; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Transfer {
    id: TransferId,
    subject: Subject,
    phase: Phase,
    /// Bytes that have moved over the data connection.
    bytes: u64,
    /// When the bytes began to move.
    since: Instant,
    /// Whether the client has its preliminary reply.
    is_announced: bool,
    /// Whether an `ABOR` gets its `226` behind the final reply.
    is_abor_waiting: bool,
}

/// Where a transfer stands.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Phase {
    /// The store is asked to open it.
    Opening(Movement),
    /// It is open, and the data connection is not there yet.
    Connecting(Movement),
    /// Bytes move.
    Moving,
    /// Every byte of an upload has come, unless its client was killed.
    Settling(Settling),
    /// Every byte of an upload has come, and the store puts it in place.
    Finishing(FinalReply),
    /// It is given up, and the client is told this when that is done.
    Aborting(Reply),
}

/// What is awaited before it is known whether an upload is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settling {
    /// The end of the control connection, which may follow.
    Waiting,
    /// What the driver sees of the control connection.
    Looking,
}

/// How much of its final reply a client has got while the store finishes its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FinalReply {
    Nothing,
    /// Lines of a `226`: nothing else can be said before its last one.
    Begun,
}

impl Transfer {
    pub(crate) const fn new(id: TransferId, subject: Subject, movement: Movement, now: Instant) -> Self {
        Self {
            id,
            subject,
            phase: Phase::Opening(movement),
            bytes: 0,
            since: now,
            is_announced: false,
            is_abor_waiting: false,
        }
    }

    // Opening.

    /// What is listed is not what it was taken for.
    pub(crate) fn replace_movement(&mut self, other: Movement) {
        if let (Phase::Opening(movement), Subject::Listing) = (&mut self.phase, &self.subject) {
            *movement = other;
        }
    }

    /// The store has opened an upload, in its own way.
    pub(crate) fn handle_upload_opened(&mut self, pathname: Pathname, offset: u64, finish: FinishKind) {
        if let (Phase::Opening(_), Subject::Upload(upload)) = (&self.phase, &mut self.subject) {
            upload.handle_opened(pathname, offset, finish);
        }
    }

    /// The store has opened it.
    pub(crate) fn handle_opened(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Moving) {
            Phase::Opening(movement) => Phase::Connecting(movement),
            other => other,
        };
    }

    /// The store has not opened it.
    pub(crate) fn handle_not_opened(&self, reply: Reply) -> TransferEffect {
        match self.phase {
            Phase::Opening(_) => TransferEffect::NotOpened(reply),
            _ => TransferEffect::Nothing,
        }
    }

    /// The client gets its preliminary reply; with this name, if the store has chosen it.
    pub(crate) fn announce(&mut self) -> Option<&Pathname> {
        self.is_announced = true;
        self.subject.unique_name()
    }

    // Moving.

    /// Its data connection is there.
    pub(crate) fn handle_connected(&mut self, now: Instant) -> TransferEffect {
        match mem::replace(&mut self.phase, Phase::Moving) {
            Phase::Connecting(movement) => {
                self.since = now;
                TransferEffect::Move(self.id, movement)
            }
            other => {
                self.phase = other;
                TransferEffect::Nothing
            }
        }
    }

    /// Bytes have moved; this is how many in all.
    pub(crate) fn handle_progressed(&mut self, bytes: u64) -> TransferEffect {
        if bytes <= self.bytes || !self.is_moving() {
            return TransferEffect::Nothing;
        }
        self.bytes = bytes;
        TransferEffect::HasMoved
    }

    /// Something has moved that is not counted.
    pub(crate) const fn handle_moved(&self) -> TransferEffect {
        if self.is_moving() { TransferEffect::HasMoved } else { TransferEffect::Nothing }
    }

    /// No more bytes move; this is how many have in all.
    pub(crate) const fn handle_last_byte(&mut self, bytes: u64) {
        if self.is_moving() {
            self.bytes = bytes;
        }
    }

    /// It has ended, and there is nothing to be finished.
    pub(crate) fn handle_sent(&self, reply: Reply) -> TransferEffect {
        match self.phase {
            Phase::Moving if !self.subject.is_upload() => TransferEffect::Complete(reply),
            _ => TransferEffect::Nothing,
        }
    }

    /// It has ended before its time: a download or a listing is over by itself, an upload is aborted.
    pub(crate) fn break_off(&mut self, why: AbortReason, reply: Reply) -> TransferEffect {
        if self.subject.is_upload() { self.abort(why, reply) } else { self.handle_sent(reply) }
    }

    // Settling and finishing (promises 1, 2 and 13: nothing is finished but an upload of which every byte has come).

    /// Every byte of an upload has come, unless the end of its control connection follows in this time.
    pub(crate) fn settle(&mut self, time: Duration) -> TransferEffect {
        match self.phase {
            Phase::Moving if self.subject.is_upload() && time.is_zero() => self.look_at_control(),
            Phase::Moving if self.subject.is_upload() => {
                self.phase = Phase::Settling(Settling::Waiting);
                TransferEffect::Settle(self.id, time)
            }
            _ => TransferEffect::Nothing,
        }
    }

    fn look_at_control(&mut self) -> TransferEffect {
        self.phase = Phase::Settling(Settling::Looking);
        TransferEffect::LookAtControl(self.id)
    }

    /// The time to settle is over, or that for the driver to look: then this is the reply.
    pub(crate) fn handle_settled(&mut self, not_seen: Reply) -> TransferEffect {
        match self.phase {
            Phase::Settling(Settling::Waiting) => self.look_at_control(),
            Phase::Settling(Settling::Looking) => self.abort(AbortReason::ControlConnectionLost, not_seen),
            _ => TransferEffect::Nothing,
        }
    }

    /// The driver has looked at the control connection. If that has ended, this is the reply.
    pub(crate) fn handle_control_looked_at(&mut self, state: ControlState, ended: Reply) -> TransferEffect {
        match (&self.phase, state) {
            (Phase::Settling(Settling::Looking), ControlState::Open) => self.finish(),
            (Phase::Settling(Settling::Looking), ControlState::Ended) => {
                self.abort(AbortReason::ControlConnectionLost, ended)
            }
            _ => TransferEffect::Nothing,
        }
    }

    /// Every byte of an upload has come for certain.
    pub(crate) fn finish(&mut self) -> TransferEffect {
        match self.phase {
            Phase::Moving | Phase::Settling(_) if self.subject.is_upload() => {
                self.phase = Phase::Finishing(FinalReply::Nothing);
                TransferEffect::Finish(self.id)
            }
            _ => TransferEffect::Nothing,
        }
    }

    /// Begins the final reply of an upload that is being finished, or goes on with it. `false` if there is none.
    pub(crate) fn continue_reply(&mut self) -> bool {
        let is_finishing = self.is_finishing();
        if is_finishing {
            self.phase = Phase::Finishing(FinalReply::Begun);
        }
        is_finishing
    }

    /// What becomes of a finish that cannot be waited for.
    pub(crate) fn drop_finish(&self, reply: Reply) -> TransferEffect {
        if self.is_finishing() { TransferEffect::Drop(self.id, reply) } else { TransferEffect::Nothing }
    }

    // Giving up.

    /// `ABOR`: it is given up, unless its own result has to come first.
    pub(crate) fn handle_abor(&mut self, reply: Reply) -> TransferEffect {
        self.is_abor_waiting = true;
        if self.is_finishing() && self.subject.can_stop() {
            self.drop_finish(reply)
        } else {
            self.give_up(AbortReason::ClientAborted, reply)
        }
    }

    /// Gives up what has not come whole; the client gets `reply` when that is done. What has goes on.
    pub(crate) fn give_up(&mut self, why: AbortReason, reply: Reply) -> TransferEffect {
        match self.phase {
            Phase::Opening(_) => TransferEffect::NotOpened(reply),
            _ => self.abort(why, reply),
        }
    }

    /// Gives up what is open and has not come whole.
    pub(crate) fn abort(&mut self, why: AbortReason, reply: Reply) -> TransferEffect {
        match self.phase {
            Phase::Connecting(_) | Phase::Moving | Phase::Settling(_) => {
                self.phase = Phase::Aborting(reply);
                TransferEffect::Abort(self.id, why)
            }
            Phase::Opening(_) | Phase::Finishing(_) | Phase::Aborting(_) => TransferEffect::Nothing,
        }
    }

    pub(crate) fn handle_aborted(&self) -> TransferEffect {
        match &self.phase {
            Phase::Aborting(reply) => TransferEffect::Complete(reply.clone()),
            _ => TransferEffect::Nothing,
        }
    }

    /// The store takes too long to abort: dropping the upload is as good.
    pub(crate) fn handle_abort_overdue(&self) -> TransferEffect {
        match &self.phase {
            Phase::Aborting(reply) => TransferEffect::Drop(self.id, reply.clone()),
            _ => TransferEffect::Nothing,
        }
    }

    // What others have to know.

    pub(crate) const fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) const fn id(&self) -> TransferId {
        self.id
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it waits for its data connection.
    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting(_))
    }

    pub(crate) const fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Moving)
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing(_))
    }

    /// Whether an `ABOR` acts on it. A second one waits for its turn.
    pub(crate) const fn is_abortable(&self) -> bool {
        !self.is_abor_waiting
    }

    /// Whether commands that act in a transfer are answered: once it has its preliminary reply, until its final one
    /// begins.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_announced && !self.has_begun_reply()
    }

    /// Whether lines of its final reply have been sent, but not the last one.
    pub(crate) const fn has_begun_reply(&self) -> bool {
        matches!(self.phase, Phase::Finishing(FinalReply::Begun))
    }

    /// Whether it may still come to an end that counts when the control connection has ended: what the client gets always, and what
    /// it sends if TLS or an announced size will show that it is whole.
    pub(crate) fn may_become_certain(&self, is_private: bool) -> bool {
        match (&self.subject, &self.phase) {
            // Its end has come, and is not certain.
            (Subject::Upload(_), Phase::Settling(_)) => false,
            (subject, _) => !subject.is_upload() || subject.announces_whole() || is_private,
        }
    }

    /// Whether an upload has just the bytes that its `ALLO` announced: then it is whole, however it ended.
    pub(crate) fn has_announced_size(&self) -> bool {
        self.subject.has_announced_size(self.bytes)
    }

    /// Whether an upload that ended in good order has fewer bytes than its `ALLO` promised.
    pub(crate) fn is_short(&self) -> bool {
        self.subject.is_short(self.bytes)
    }

    /// For `STAT`.
    pub(crate) fn describe(&self, now: Instant) -> String {
        let what = match (&self.phase, &self.subject) {
            (Phase::Opening(_) | Phase::Connecting(_), _) => "Waiting for the data connection",
            (Phase::Moving, Subject::Upload(_)) => "Receiving",
            (Phase::Moving, Subject::Download) => "Sending",
            (Phase::Moving, Subject::Listing) => "Sending a listing",
            (Phase::Settling(_), _) => "Received, and not yet stored",
            (Phase::Finishing(_), _) => "Storing",
            (Phase::Aborting(_), _) => "Aborting",
        };
        let seconds = now.saturating_since(self.since).as_secs();
        alloc::format!("{what}: {} bytes in {seconds} s", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtp::{Dtp, Representation};

    const REPLY: Reply = Reply::from_static("426 Over.\r\n");

    fn transfer(subject: Subject) -> Transfer {
        let movement = Movement::Send(Dtp::new(Representation::Image));
        Transfer::new(TransferId(1), subject, movement, Instant::default())
    }

    fn upload() -> Transfer {
        transfer(Subject::Upload(UploadSubject::new(Pathname::root(), Announced::Nothing, Naming::Given)))
    }

    /// Each step leads from one phase only. The session asks for none out of turn; the machine does not rely on it.
    #[test]
    fn what_comes_out_of_turn_changes_nothing() {
        let (start, later) = (Instant::default(), Instant::default() + Duration::from_secs(1));
        let mut transfer = transfer(Subject::Download);
        assert!(matches!(transfer.handle_connected(later), TransferEffect::Nothing));
        assert!(matches!(transfer.phase, Phase::Opening(_)) && transfer.since == start);
        transfer.handle_opened();
        transfer.handle_opened();
        assert!(matches!(transfer.phase, Phase::Connecting(_)));
        assert!(matches!(transfer.handle_connected(later), TransferEffect::Move(..)));
        assert!(matches!(transfer.phase, Phase::Moving) && transfer.since == later);
        transfer.handle_opened();
        assert!(matches!(transfer.handle_connected(start), TransferEffect::Nothing));
        assert!(matches!(transfer.phase, Phase::Moving) && transfer.since == later);
    }

    /// Promises 1 and 2, whatever the session asks for.
    #[test]
    fn only_an_upload_that_moves_or_settles_is_finished() {
        let mut opening = upload();
        assert!(matches!(opening.finish(), TransferEffect::Nothing));
        assert!(matches!(opening.settle(Duration::ZERO), TransferEffect::Nothing));
        let mut download = transfer(Subject::Download);
        download.handle_opened();
        let _ = download.handle_connected(Instant::default());
        assert!(matches!(download.finish(), TransferEffect::Nothing));
        assert!(matches!(download.settle(Duration::ZERO), TransferEffect::Nothing));

        let mut moving = upload();
        moving.handle_opened();
        let _ = moving.handle_connected(Instant::default());
        assert!(matches!(moving.settle(Duration::from_secs(1)), TransferEffect::Settle(..)));
        let looked_at = moving.handle_control_looked_at(ControlState::Open, REPLY);
        assert!(matches!(looked_at, TransferEffect::Nothing), "nobody was to look yet");
        assert!(matches!(moving.handle_settled(REPLY), TransferEffect::LookAtControl(_)));
        let looked_at = moving.handle_control_looked_at(ControlState::Open, REPLY);
        assert!(matches!(looked_at, TransferEffect::Finish(_)));
        assert!(matches!(moving.finish(), TransferEffect::Nothing));
        assert!(matches!(moving.abort(AbortReason::ClientAborted, REPLY), TransferEffect::Nothing));
    }

    #[test]
    fn what_is_aborted_is_not_finished() {
        let mut aborting = upload();
        aborting.handle_opened();
        let _ = aborting.handle_connected(Instant::default());
        assert!(matches!(aborting.abort(AbortReason::ClientAborted, REPLY), TransferEffect::Abort(..)));
        assert!(matches!(aborting.finish(), TransferEffect::Nothing));
        assert!(matches!(aborting.abort(AbortReason::ClientAborted, REPLY), TransferEffect::Nothing));
        assert!(matches!(aborting.handle_aborted(), TransferEffect::Complete(_)));
    }
}
