//! How the facts change with what a session is told and with what it does.

use std::time::Duration;

use sansftp::{
    config::Truncation,
    instant::Instant,
    session::{
        Action, Answer, DataConnectionMode, DataEnd, Event, FinishKind, Movement, Outcome, Request,
        RequestId, TransferId,
    },
    storage::StorageErrorKind,
};

use super::{
    Answering, Asked, Content, Control, Data, Due, Facts, OpenRequest, Phase, Protection, Settling, Transfer,
    content, is_final_of_transfer,
};
use crate::notation::events::FIN_AT_ONCE;

impl Facts {
    // What happens.

    /// Notes an event of this time. The code of the error, if the store says one that the client will be told.
    pub fn tell(&mut self, now: Instant, event: &Event<'_>) -> Option<u16> {
        self.settle(now);
        self.has_elapsed = matches!(event, Event::Elapsed);
        self.is_time_up = self.has_elapsed || matches!(event, Event::ShutdownOverdue);
        match event {
            Event::RepliesSent => self.unsent = 0,
            Event::ControlEnded if self.control == Control::Open => {
                let is_securing = matches!(self.protection, Protection::Promised | Protection::Securing);
                self.control = if is_securing { Control::Lost } else { Control::Ended };
            }
            Event::ControlClosed if !self.is_closed() => self.control = Control::Lost,
            Event::ControlSecured(client) if self.protection == Protection::Securing => {
                self.protection = Protection::Begun;
                self.certificate.clone_from(&client.certificate);
            }
            Event::Answered(id, answer) => return self.tell_answer(*id, answer),
            Event::Listening(id, _)
            | Event::ListenFailed(id)
            | Event::DataConnected(id, _)
            | Event::DataRefused(id)
            | Event::DataSecured(id, _)
                if self.data_id == Some(*id) =>
            {
                self.tell_data(event);
            }
            Event::TransferEnded(id, outcome) => return self.tell_end(now, *id, outcome),
            Event::ControlLookedAt(id, state)
                if self.phase(*id) == Some(Phase::Settling(Settling::Looking)) =>
            {
                self.enter(*id, Phase::Settling(Settling::Looked(*state)));
            }
            Event::Finished(id, result) => match (self.phase(*id), result) {
                (Some(Phase::Finishing), Ok(_)) => {
                    self.transfers.remove(id);
                    self.answering.iter_mut().for_each(|answering| answering.is_stored = true);
                    self.due = (!self.is_closed()).then_some(Due::Stored);
                }
                (Some(Phase::Finishing), Err(error)) => {
                    self.transfers.remove(id);
                    return Some(error.kind().reply_code().number());
                }
                (Some(Phase::Detached), _) => drop(self.transfers.remove(id)),
                _ => {}
            },
            Event::Aborted(id) if self.phase(*id) == Some(Phase::Aborting) => {
                self.transfers.remove(id);
            }
            _ => {}
        }
        None
    }

    /// Something happened to the data connection that is there or is made.
    fn tell_data(&mut self, event: &Event<'_>) {
        match (event, self.data) {
            (Event::Listening(..), Data::Preparing) => self.data = Data::Listening,
            (Event::ListenFailed(_), Data::Preparing) => self.close_data(),
            (Event::DataConnected(_, peer), Data::Listening) if !self.is_right_peer(*peer) => {
                self.due = Some(Due::Refusal);
            }
            (Event::DataConnected(..), Data::Listening | Data::Connecting(_)) => self.data = Data::Connected,
            (Event::DataSecured(..), Data::Securing) => self.data = Data::Secured,
            _ => {}
        }
    }

    fn tell_answer(&mut self, id: RequestId, answer: &Answer) -> Option<u16> {
        let request = self.request.take_if(|open| open.id == id)?;
        match (request.asked, answer) {
            (Asked::LogIn, Answer::LoggedIn) => self.is_logged_in = true,
            (asked, Answer::Failed(error)) => {
                let is_file = error.kind() == StorageErrorKind::NotADirectory;
                self.lists_file = is_file && asked == Asked::Open(Content::Listing);
                return Some(error.kind().reply_code().number());
            }
            (Asked::Open(Content::Line), Answer::Metadata { .. }) => self.opened = Some(Content::Line),
            (Asked::Open(content), Answer::Opened | Answer::UploadOpened { .. }) => {
                if let Answer::UploadOpened { offset, .. } = answer {
                    let size = self.awaited.filter(|size| *size > 0);
                    self.awaited = size.and_then(|size| size.checked_sub(*offset));
                }
                self.opened = Some(content);
                self.can_stop = matches!(answer, Answer::UploadOpened { finish: FinishKind::CanStop, .. });
            }
            _ => {}
        }
        None
    }

    fn tell_end(&mut self, now: Instant, id: TransferId, outcome: &Outcome) -> Option<u16> {
        let transfer = self.transfers.get(&id).filter(|transfer| transfer.phase == Phase::Moving)?;
        let phase = self.ended(now, transfer, outcome);
        self.enter(id, phase);
        self.close_data();
        match outcome {
            Outcome::StoreFailed(error) => Some(error.kind().reply_code().number()),
            _ => None,
        }
    }

    /// What is known of a transfer that ends like this.
    fn ended(&self, now: Instant, transfer: &Transfer, outcome: &Outcome) -> Phase {
        let is_upload = transfer.content == Content::Upload;
        let Outcome::Received { bytes, end } = outcome else {
            return Phase::Ended { is_whole: matches!(outcome, Outcome::Sent { .. }) && !is_upload };
        };
        let is_authentic = transfer.is_secured && *end == DataEnd::CloseNotify;
        let is_cut = transfer.is_secured && !is_authentic && self.truncation == Truncation::Refuse;
        if !is_upload || is_cut {
            return Phase::Ended { is_whole: false };
        }
        if is_authentic || transfer.awaited == Some(*bytes) {
            return Phase::Ended { is_whole: true };
        }
        let grace = match (!transfer.is_secured && *end == FIN_AT_ONCE, *bytes) {
            (true, 1..65536) => Duration::ZERO,
            (true, _) => self.prompt_grace.min(self.grace),
            (false, _) => self.grace,
        };
        Phase::Settling(if grace.is_zero() { Settling::Settled } else { Settling::Until(now + grace) })
    }

    /// What has settled by now.
    fn settle(&mut self, now: Instant) {
        for transfer in self.transfers.values_mut() {
            if let Phase::Settling(Settling::Until(end)) = transfer.phase
                && end <= now
            {
                transfer.phase = Phase::Settling(Settling::Settled);
            }
        }
    }

    // What the session does.

    /// Notes an action.
    pub fn see(&mut self, action: &Action) {
        match action {
            Action::SendReply(reply) => self.see_reply(reply.code().number(), reply.as_bytes().len()),
            Action::SendReplyLine(line) => {
                self.unsent += line.len();
                self.has_begun_reply = true;
            }
            Action::SendTelnet(bytes) => self.unsent += bytes.len(),
            Action::SecureControl => self.protection = Protection::Securing,
            Action::ClearControl => {
                self.protection = Protection::Clear;
                self.certificate = None;
            }
            Action::CloseControl => self.control = Control::Closed,
            Action::Ask(id, request) => self.see_request(*id, request),
            Action::Cancel(_) => self.request = None,
            Action::OpenDataConnection(id, mode) => {
                self.data_id = Some(*id);
                self.data = match mode {
                    DataConnectionMode::Listen => Data::Preparing,
                    DataConnectionMode::Connect(address) => Data::Connecting(*address),
                };
            }
            Action::RefuseDataConnection(_) => self.due = Some(Due::NothingMore),
            Action::SecureDataConnection(..) => self.data = Data::Securing,
            Action::ExpectTransfer(..) => {}
            Action::CloseDataConnection(_) => self.close_data(),
            Action::Transfer(id, movement) => {
                self.opened = None;
                // In TYPE A no number of bytes tells that a file is whole.
                self.awaited.take_if(|_| matches!(movement, Movement::Receive(dtp) if !dtp.is_identity()));
                self.add(*id, content(movement), Phase::Moving);
                self.data = Data::InUse;
            }
            Action::PrepareFinish(_) => {}
            Action::LookAtControl(id) => {
                if let Some(Phase::Settling(_)) = self.phase(*id) {
                    self.enter(*id, Phase::Settling(Settling::Looking));
                }
            }
            Action::AwaitFinish(id) => self.enter(*id, Phase::Finishing),
            Action::Abort(id, _) => {
                match self.opened.take() {
                    Some(content) => self.add(*id, content, Phase::Aborting),
                    None => self.enter(*id, Phase::Aborting),
                }
                self.close_data();
            }
            Action::Drop(id) => drop(self.transfers.remove(id)),
            Action::Detach(id) => self.enter(*id, Phase::Detached),
        }
    }

    fn see_reply(&mut self, code: u16, length: usize) {
        self.unsent += length;
        self.is_greeted = true;
        self.has_begun_reply = false;
        self.lists_file = false;
        self.due = self.due.filter(|due| *due != Due::Stored);
        match code {
            // USER, REIN and AUTH log out.
            331 | 220 => self.is_logged_in = false,
            234 => {
                self.is_logged_in = false;
                self.protection = Protection::Promised;
            }
            _ => {}
        }
        if is_final_of_transfer(code) {
            self.answering = None;
        }
    }

    fn see_request(&mut self, id: RequestId, request: &Request) {
        let asked = self.asked(request);
        if let Asked::Open(content @ (Content::Upload | Content::Download | Content::Listing)) = asked {
            self.answering = Some(Answering { content, is_stored: false });
            self.awaited = match request {
                Request::OpenUpload { announced, .. } => *announced,
                _ => None,
            };
        }
        self.lists_file = false;
        self.is_logged_in &= asked != Asked::LogIn;
        self.request = Some(OpenRequest { id, asked });
        self.last_request = Some(id);
    }

    fn add(&mut self, id: TransferId, content: Content, phase: Phase) {
        self.last_transfer = Some(id);
        let is_secured = self.data == Data::Secured;
        let awaited = self.awaited.take().filter(|_| content == Content::Upload);
        self.transfers.insert(id, Transfer { content, phase, is_secured, awaited });
    }

    fn close_data(&mut self) {
        self.data = Data::Nothing;
        self.data_id = None;
    }

    fn enter(&mut self, id: TransferId, phase: Phase) {
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.phase = phase;
        }
    }

    /// A download or a listing that has ended is over by itself.
    pub fn forget_ended(&mut self) {
        self.transfers.retain(|_, transfer| !matches!(transfer.phase, Phase::Ended { .. }));
    }

    /// The turn is over.
    pub fn rest(&mut self) {
        self.lists_file = false;
        self.due = None;
        self.has_elapsed = false;
        self.is_time_up = false;
        self.can_stop &= self.is_busy();
        if self.protection == Protection::Begun {
            self.protection = Protection::Secured;
        }
    }
}
