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

use core::mem;

use crate::{
    instant::Instant,
    pathname::Pathname,
    reply::Reply,
    session::{
        action::{Direction, Movement, TransferId},
        event::FinishKind,
    },
};

/// A transfer from its command to its final reply; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Transfer {
    pub(crate) id: TransferId,
    pub(crate) subject: Subject,
    pub(crate) phase: Phase,
    /// Bytes that have moved over the data connection.
    pub(crate) bytes: u64,
    /// When the bytes began to move.
    pub(crate) since: Instant,
    /// Whether the client has its preliminary reply.
    pub(crate) is_announced: bool,
    /// Whether an `ABOR` gets its `226` behind the final reply.
    pub(crate) is_abor_waiting: bool,
}

/// What is transferred.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Subject {
    Upload(UploadSubject),
    Download,
    Listing,
}

/// What the session has to know about an upload.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct UploadSubject {
    /// Where it goes.
    pub(crate) pathname: Pathname,
    /// Bytes of the file that were there before.
    pub(crate) offset: u64,
    /// What its size tells of it.
    pub(crate) announced: Announced,
    /// What an `ABOR` does to its finish.
    pub(crate) finish: FinishKind,
    /// What the client is told about its name.
    pub(crate) naming: Naming,
}

/// What the size that `ALLO` announced says of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Nothing,
    /// Fewer bytes on the wire are not the whole file. More are nothing special: in `TYPE A` the wire has more of them
    /// than the client's own file.
    Least(u64),
    /// Fewer bytes are not the whole file, and as many are.
    Whole(u64),
}

/// Whether the client chose the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// It did.
    Given,
    /// The store did (`STOU`), and the replies tell it.
    Unique,
}

/// Where a transfer stands.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Phase {
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
pub(crate) enum Settling {
    /// The end of the control connection, which may follow.
    Waiting,
    /// What the driver sees of the control connection.
    Looking,
}

/// How much of its final reply a client has got while the store finishes its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinalReply {
    Nothing,
    /// Lines of a `226`: nothing else can be said before its last one.
    Begun,
}

/// What an `ABOR` means for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AborEffect {
    /// Nothing is open yet: the request is cancelled.
    CancelOpening,
    /// It is aborted.
    Abort,
    /// Its finish is dropped.
    DropFinish,
    /// Its own result comes first, the answer to the ABOR after it.
    Wait,
}

impl Subject {
    pub(crate) const fn direction(&self) -> Direction {
        match self {
            Self::Upload(_) => Direction::Store,
            Self::Download | Self::Listing => Direction::Retrieve,
        }
    }
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

    /// The store has opened it.
    pub(crate) fn handle_opened(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Moving) {
            Phase::Opening(movement) => Phase::Connecting(movement),
            other => other,
        };
    }

    /// Its data connection is there: what is to move over it.
    pub(crate) fn handle_connected(&mut self, now: Instant) -> Option<Movement> {
        match mem::replace(&mut self.phase, Phase::Moving) {
            Phase::Connecting(movement) => {
                self.since = now;
                Some(movement)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    pub(crate) const fn abor_effect(&self) -> AborEffect {
        match (&self.phase, &self.subject) {
            (Phase::Opening(_), _) => AborEffect::CancelOpening,
            (Phase::Connecting(_) | Phase::Moving | Phase::Settling(_), _) => AborEffect::Abort,
            (Phase::Finishing(_), Subject::Upload(UploadSubject { finish: FinishKind::CanStop, .. })) => {
                AborEffect::DropFinish
            }
            (Phase::Finishing(_) | Phase::Aborting(_), _) => AborEffect::Wait,
        }
    }

    /// Whether lines of its final reply have been sent, but not the last one.
    pub(crate) const fn has_begun_reply(&self) -> bool {
        matches!(self.phase, Phase::Finishing(FinalReply::Begun))
    }

    /// Whether an upload has just the bytes that its `ALLO` announced: then it is whole, however it ended.
    pub(crate) fn has_announced_size(&self) -> bool {
        match &self.subject {
            Subject::Upload(upload) => {
                upload.announced == Announced::Whole(upload.offset.saturating_add(self.bytes))
            }
            Subject::Download | Subject::Listing => false,
        }
    }

    /// Whether an upload that ended in good order has fewer bytes than its `ALLO` promised.
    pub(crate) fn is_short(&self) -> bool {
        match &self.subject {
            Subject::Upload(UploadSubject {
                announced: Announced::Least(least) | Announced::Whole(least),
                offset,
                ..
            }) => offset.saturating_add(self.bytes) < *least,
            Subject::Upload(_) | Subject::Download | Subject::Listing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtp::{Dtp, Representation};

    /// Each step leads from one phase only. The session asks for none out of turn; the machine does not rely on it.
    #[test]
    fn what_comes_out_of_turn_changes_nothing() {
        let movement = Movement::Send(Dtp::new(Representation::Image));
        let (start, later) = (Instant::default(), Instant::default() + core::time::Duration::from_secs(1));
        let mut transfer = Transfer::new(TransferId(1), Subject::Download, movement, start);
        assert!(transfer.handle_connected(later).is_none());
        assert!(matches!(transfer.phase, Phase::Opening(_)) && transfer.since == start);
        transfer.handle_opened();
        transfer.handle_opened();
        assert!(matches!(transfer.phase, Phase::Connecting(_)));
        assert!(transfer.handle_connected(later).is_some() && transfer.since == later);
        transfer.handle_opened();
        assert!(matches!(transfer.phase, Phase::Moving));
        assert!(transfer.handle_connected(start).is_none() && transfer.since == later);
        assert!(matches!(transfer.phase, Phase::Moving));
    }
}
