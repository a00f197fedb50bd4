//! What may happen in a state: the reduced alphabet of the walk.

use super::{
    laws::facts::{Asked, Content},
    world::{Step, World},
};
use crate::session::{DataId, RequestId, TransferId};

/// What happens in a walk beside the outcomes of what the session does, which all happen in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alphabet {
    /// Lines that the client sends.
    pub(super) lines: &'static [&'static str],
    /// How many of them may wait.
    pub(super) waiting: usize,
    /// What else a driver tells.
    pub(super) events: &'static [&'static str],
    /// After how many seconds an `Elapsed` comes too early.
    pub(super) early: u64,
}

/// What every driver tells sooner or later, and sometimes too late, too often, or when nobody has asked.
const EVENTS: [&str; 5] =
    ["RepliesSent", "ControlSecured", "ControlClosed", "ShutdownRequested", "ShutdownOverdue"];

/// What is told of a data connection, however far it is, and of one that was closed.
const DATA_EVENTS: [&str; 7] = [
    "Listening 192.0.2.1:4242",
    "ListenFailed",
    "DataConnected 198.51.100.7:50000",
    "DataConnected 203.0.113.9:50000",
    "DataRefused",
    "DataSecured OfControl",
    "DataSecured None",
];

/// What is told of a transfer, whatever phase it is in.
const OUTCOMES: [&str; 14] = [
    "Progressed 1",
    "Moved",
    "TransferEnded Sent 1",
    "TransferEnded Fin 1",
    "TransferEnded FinAtOnce 1",
    "TransferEnded CloseNotify 1",
    "TransferEnded Lost",
    "TransferEnded StoreFailed NoSpace",
    "TransferEnded StoreFailed OverQuota",
    "ControlLookedAt Open",
    "ControlLookedAt Ended",
    "Finished ok",
    "Finished error OverQuota",
    "Aborted",
];

/// What is answered to a request that is over, or never was.
const LATE_ANSWERS: [&str; 3] = ["LoggedIn", "UploadOpened /a", "Failed Failed"];

/// An answer that no request of the alphabet wants.
pub(super) const MISFIT: &str = "Done";

/// Stands for all that are over, for a session only compares ids with the present one.
const NEVER: u64 = 0;

impl Alphabet {
    pub(super) fn steps(&self, world: &World) -> Vec<Step> {
        let mut steps = vec![Step::Elapse, Step::ElapseEarly(self.early)];
        if world.waiting() < self.waiting || world.is_closed() {
            steps.extend(self.lines.iter().map(|line| Step::Send(line)));
        }
        steps.extend(EVENTS.into_iter().chain(self.events.iter().copied()).map(Step::Tell));
        let facts = world.watch().facts();
        let mut answer = |texts: &[&'static str], id| {
            steps.extend(texts.iter().map(|text| Step::Answer(text, id)));
        };
        answer(&LATE_ANSWERS, RequestId(NEVER));
        match (facts.request, facts.last_request) {
            (Some(request), _) => answer(answers(request.asked), request.id),
            (None, Some(id)) => answer(&LATE_ANSWERS, id),
            (None, None) => {}
        }
        for id in [Some(DataId(NEVER)), facts.data_id].into_iter().flatten() {
            steps.extend(DATA_EVENTS.map(|text| Step::Data(text, id)));
        }
        let mut transfers = vec![Some(TransferId(NEVER)), facts.last_transfer, world.detached()];
        transfers.dedup();
        for id in transfers.into_iter().flatten() {
            steps.extend(OUTCOMES.map(|text| Step::Transfer(text, id)));
        }
        steps
    }
}

const fn answers(asked: Asked) -> &'static [&'static str] {
    match asked {
        Asked::LogIn => &[
            "LoggedIn",
            "Denied Refused",
            "Denied PasswordNeeded",
            "Denied AccountNeeded",
            "Denied Unavailable",
            "Failed Failed",
            MISFIT,
        ],
        Asked::Open(Content::Upload) => {
            &["UploadOpened /a", "UploadOpened /a CanStop", "Failed PermissionDenied", MISFIT]
        }
        Asked::Open(Content::Download) => &["Opened", "Failed NotFound", MISFIT],
        Asked::Open(Content::Listing) => &["Opened", "Failed NotFound", "Failed NotADirectory", MISFIT],
        Asked::Open(Content::Line) | Asked::Stat => &["Metadata file:12", "Failed NotFound", MISFIT],
        Asked::ListFirst => &["Entries a:file:12", "Failed NotADirectory", MISFIT],
        Asked::Available | Asked::Site | Asked::ToDo => &["Failed PermissionDenied", MISFIT],
    }
}
