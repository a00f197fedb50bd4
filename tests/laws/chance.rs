//! What may happen next, and what must not but does.

use std::net::SocketAddr;

use sansftp::{
    accounts::Denied,
    pathname::Pathname,
    session::{
        Answer, ControlState, DataEnd, DataId, Event, Extent, FinishKind, Outcome, Resumption, TlsClient,
        TransferId,
    },
    storage::{Entry, Metadata, StorageError, StorageErrorKind, Stored},
};

use super::{
    facts::{Asked, Content, Data, Phase, Protection, Settling, Transfer},
    steps::Disturbance,
    watch::{LOCAL, LOW_PORT, PEER, STRANGER},
    world::{Driver, World},
};
use crate::notation::events::{FIN, FIN_AT_ONCE, NOW, certificate};

/// A name that would break replies and listings.
const EVIL: &[u8] = b"a\r\n226 b\0\xff";

impl World {
    /// Something that a driver could tell now.
    pub(super) fn possible_event(&self, choice: u8) -> Option<Event<'static>> {
        let facts = self.watch.facts();
        let mut possible = Vec::new();
        if let Some(open) = facts.request {
            let answers = possible_answers(open.asked);
            let pick = usize::from(choice / 8) % answers.len();
            possible.extend(answers.into_iter().nth(pick).map(|answer| Event::Answered(open.id, answer)));
        }
        if facts.protection == Protection::Securing {
            possible.push(if choice < 240 { secured(choice) } else { Event::ControlClosed });
        }
        if let Some(id) = facts.data_id {
            possible.extend(possible_data_events(id, facts.data, choice));
        }
        for (id, transfer) in &facts.transfers {
            possible.extend(possible_transfer_event(*id, transfer, choice));
        }
        if possible.is_empty() {
            None
        } else {
            Some(possible.swap_remove(usize::from(choice) % possible.len()))
        }
    }

    /// An event about the n-th request, transfer or data connection, open or not; none if there is no such.
    pub(super) fn disturbing_event(&self, disturbance: Disturbance, n: usize) -> Option<Event<'static>> {
        use Disturbance as D;
        let request = self.ledger.request(Some(n)).ok();
        let transfer = self.ledger.transfer(Some(n)).ok();
        let data = self.ledger.data(Some(n)).ok();
        let is_open = self.watch.facts().request.is_some_and(|open| Some(open.id) == request);
        let answered = |answer| Some(Event::Answered(request?, answer));
        match disturbance {
            D::LoggedIn => answered(Answer::LoggedIn),
            D::Done => answered(Answer::Done),
            // A driver that opens what it was not asked for is beyond help.
            D::UploadOpened | D::Opened if is_open && self.driver != Driver::Wrong => None,
            D::UploadOpened => answered(opened_upload(FinishKind::CanStop)),
            D::Opened => answered(Answer::Opened),
            D::Failed(kind) => answered(Answer::Failed(kind.into())),
            D::Entries => answered(entries()),
            D::Available => answered(Answer::Available(1)),
            D::Text => answered(Answer::Text("one\r\ntwo\0".into())),
            D::Listening => Some(listening(data?)),
            D::ListenFailed => Some(Event::ListenFailed(data?)),
            D::Connected => Some(connected(data?, PEER)),
            D::Stranger => Some(connected(data?, STRANGER)),
            D::LowPort => Some(connected(data?, LOW_PORT)),
            D::Refused => Some(Event::DataRefused(data?)),
            D::Progressed => Some(Event::Progressed(transfer?, n as u64)),
            D::Moved => Some(Event::Moved(transfer?)),
            D::Complete => Some(complete(transfer?, self.watch.facts().transfers.get(&transfer?))),
            D::Lost => Some(Event::TransferEnded(transfer?, Outcome::Lost)),
            D::Finished => Some(Event::Finished(transfer?, Ok(Stored::default()))),
            D::FinishFailed => Some(Event::Finished(transfer?, Err(StorageErrorKind::NoSpace.into()))),
            D::Aborted => Some(Event::Aborted(transfer?)),
            D::Elapsed => Some(Event::Elapsed),
            D::RepliesSent => Some(Event::RepliesSent),
            D::ControlSecured => Some(secured(0)),
            D::DataSecured => Some(Event::DataSecured(data?, Resumption::OfControl)),
            D::Fin => Some(Event::TransferEnded(transfer?, Outcome::Received { bytes: 7, end: FIN })),
            D::SeenOpen => Some(Event::ControlLookedAt(transfer?, ControlState::Open)),
            D::SeenEnded => Some(Event::ControlLookedAt(transfer?, ControlState::Ended)),
        }
    }
}

/// Every second client shows a certificate.
fn secured(choice: u8) -> Event<'static> {
    let certificate = choice.is_multiple_of(2).then(|| certificate("anna"));
    Event::ControlSecured(TlsClient { certificate, ..TlsClient::default() })
}

fn possible_answers(asked: Asked) -> Vec<Answer> {
    let failed = |kind: StorageErrorKind| Answer::Failed(kind.into());
    let mut answers = match asked {
        Asked::LogIn => vec![
            Answer::LoggedIn,
            Answer::LoggedIn,
            Answer::LoggedIn,
            Answer::Denied(Denied::Refused),
            Answer::Denied(Denied::AccountNeeded),
            Answer::Denied(Denied::PasswordNeeded),
        ],
        Asked::Stat | Asked::Open(Content::Line) => vec![
            Answer::Metadata { metadata: Metadata::directory(), now: NOW },
            Answer::Metadata { metadata: Metadata::file(12), now: NOW },
        ],
        Asked::ListFirst => vec![entries(), failed(StorageErrorKind::NotADirectory)],
        Asked::Open(Content::Listing) => vec![
            Answer::Opened,
            failed(StorageErrorKind::NotADirectory),
            Answer::Opened,
            failed(StorageErrorKind::NotADirectory),
        ],
        Asked::Open(Content::Download) => vec![Answer::Opened, Answer::Opened, Answer::Opened],
        Asked::Open(Content::Upload) => vec![
            opened_upload(FinishKind::RunsToItsEnd),
            opened_upload(FinishKind::CanStop),
            opened_upload(FinishKind::RunsToItsEnd),
        ],
        Asked::Available => vec![Answer::Available(12)],
        Asked::Site => vec![Answer::Text("done".into())],
        Asked::ToDo => vec![Answer::Done, Answer::Done],
    };
    answers.push(failed(StorageErrorKind::PermissionDenied));
    answers
}

fn possible_transfer_event(id: TransferId, transfer: &Transfer, choice: u8) -> Option<Event<'static>> {
    let failed = || StorageError::from(StorageErrorKind::NoSpace);
    match transfer.phase {
        Phase::Moving => Some(match choice % 8 {
            0 => Event::TransferEnded(id, Outcome::Lost),
            1 => Event::TransferEnded(id, Outcome::StoreFailed(failed())),
            2 => Event::Progressed(id, u64::from(choice)),
            3 | 5 if transfer.content == Content::Upload => {
                Event::TransferEnded(id, Outcome::Received { bytes: 7, end: FIN })
            }
            _ => complete(id, Some(transfer)),
        }),
        Phase::Settling(Settling::Looking) => {
            let state = if choice % 8 == 7 { ControlState::Ended } else { ControlState::Open };
            Some(Event::ControlLookedAt(id, state))
        }
        Phase::Finishing | Phase::Detached if choice.is_multiple_of(4) => {
            Some(Event::Finished(id, Err(failed())))
        }
        Phase::Finishing | Phase::Detached => Some(Event::Finished(id, Ok(Stored::default()))),
        Phase::Aborting => Some(Event::Aborted(id)),
        Phase::Ended { .. } | Phase::Settling(_) => None,
    }
}

/// The end that a transfer wants most: at once, and by `close_notify` where there is TLS.
fn complete(id: TransferId, transfer: Option<&Transfer>) -> Event<'static> {
    let is_upload = transfer.is_some_and(|transfer| transfer.content == Content::Upload);
    let is_secured = transfer.is_some_and(|transfer| transfer.is_secured);
    let end = if is_secured { DataEnd::CloseNotify } else { FIN_AT_ONCE };
    let outcome = if is_upload { Outcome::Received { bytes: 7, end } } else { Outcome::Sent { bytes: 7 } };
    Event::TransferEnded(id, outcome)
}

fn possible_data_events(id: DataId, data: Data, choice: u8) -> Vec<Event<'static>> {
    match data {
        Data::Preparing if choice < 16 => vec![Event::ListenFailed(id)],
        Data::Preparing => vec![listening(id)],
        Data::Listening => {
            let stranger = if choice % 16 < 8 { STRANGER } else { LOW_PORT };
            vec![connected(id, PEER), connected(id, stranger)]
        }
        Data::Connecting(_) if choice < 64 => vec![Event::DataRefused(id)],
        Data::Connecting(peer) => vec![Event::DataConnected(id, peer)],
        Data::Securing if choice < 32 => vec![Event::DataRefused(id)],
        Data::Securing if choice < 64 => vec![Event::DataSecured(id, Resumption::None)],
        Data::Securing => vec![Event::DataSecured(id, Resumption::OfControl)],
        Data::Nothing | Data::Connected | Data::Secured | Data::InUse => vec![],
    }
}

fn connected(id: DataId, peer: ([u8; 4], u16)) -> Event<'static> {
    Event::DataConnected(id, peer.into())
}

fn opened_upload(finish: FinishKind) -> Answer {
    let pathname = Pathname::root().resolve(b"a").unwrap();
    Answer::UploadOpened { pathname, offset: 0, finish }
}

fn listening(id: DataId) -> Event<'static> {
    Event::Listening(id, SocketAddr::from((LOCAL.0, 4242)))
}

fn entries() -> Answer {
    let entry = Entry::new(EVIL.into(), Metadata::file(12));
    Answer::Entries { entries: vec![entry], extent: Extent::Whole, now: NOW }
}
