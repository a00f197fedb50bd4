//! Sessions that break a promise on purpose: each law can fail.
//!
//! A [`Double`] is a real session behind a [`Fault`]. The random search of the laws has to find it, and to say which
//! promise is broken.

mod fault;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use sansftp::{
    config::{Config, Endpoints},
    instant::Instant,
    pathname::Pathname,
    reply::{Reply, ReplyCode},
    session::{
        Action, Answer, ControlState, DataConnectionMode, DataId, Event, FinishKind, Movement, Outcome,
        Request, RequestId, Resumption, Session,
    },
    storage::{AbortReason, Stored},
};

pub use self::fault::Fault;
use crate::{
    laws::{
        subject::Subject,
        watch::{PEER, STRANGER},
    },
    notation::events::FIN_AT_ONCE,
};

/// A session with a fault.
pub struct Double {
    session: Session,
    fault: Fault,
    /// What the session wanted to do, made wrong.
    actions: VecDeque<Action>,
    now: Instant,
    /// The due time that has passed.
    elapsed: Option<Instant>,
    finals: usize,
    pieces: usize,
    hoard: Vec<Vec<u8>>,
    /// What has come in clear behind `AUTH`.
    smuggled: Vec<u8>,
    is_securing: bool,
    is_closed: bool,
    /// The final reply of an upload that was answered too early is not sent.
    is_answered: bool,
    ids: Ids,
    /// Bytes of an upload move, or its end settles.
    is_receiving: bool,
    /// The client has ended the control connection.
    has_ended: bool,
}

/// What the session has named last.
#[derive(Debug, Default)]
struct Ids {
    request: Option<RequestId>,
    data: Option<DataId>,
    first_data: Option<DataId>,
}

impl Ids {
    fn note(&mut self, action: &Action) {
        match action {
            Action::Ask(id, _) => self.request = Some(*id),
            Action::OpenDataConnection(id, _) => {
                self.data = Some(*id);
                self.first_data.get_or_insert(*id);
            }
            _ => {}
        }
    }
}

impl Double {
    pub fn begin(fault: Fault, config: Arc<Config>, control: Endpoints, now: Instant) -> Box<dyn Subject> {
        let mut double = Self {
            session: Session::new(config, control, now),
            fault,
            actions: VecDeque::new(),
            now,
            elapsed: None,
            finals: 0,
            pieces: 0,
            hoard: Vec::new(),
            smuggled: Vec::new(),
            is_securing: false,
            is_closed: false,
            is_answered: false,
            ids: Ids::default(),
            is_receiving: false,
            has_ended: false,
        };
        if fault == Fault::LogsInUnasked {
            double.log_in();
        }
        Box::new(double)
    }

    fn log_in(&mut self) {
        self.actions.extend(self.session.poll_action());
        for line in ["USER anna\r\n", "PASS secret\r\n"] {
            self.session.handle(self.now, Event::RepliesSent);
            self.session.handle(self.now, Event::Received(line.as_bytes()));
            while let Some(action) = self.session.poll_action() {
                if let Action::Ask(id, _) = action {
                    self.session.handle(self.now, Event::Answered(id, Answer::LoggedIn));
                }
            }
        }
        self.session.handle(self.now, Event::RepliesSent);
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.pieces += 1;
        match self.fault {
            Fault::HoardsCommands => self.hoard.push(bytes.to_vec()),
            Fault::ExecutesWhatCameInClear if self.is_securing => self.smuggled.extend(bytes),
            Fault::OverlooksTheEndOfControl if self.has_ended => return,
            _ => {}
        }
        self.session.handle(self.now, Event::Received(bytes));
    }

    /// What becomes of what the session does.
    fn spoil(&mut self, action: Action) -> Vec<Action> {
        self.is_closed |= matches!(action, Action::CloseControl);
        self.is_securing |= matches!(action, Action::SecureControl);
        self.ids.note(&action);
        self.note_upload(&action);
        match (self.fault, action) {
            (Fault::Hasty, Action::AwaitFinish(id)) => {
                self.is_answered = true;
                vec![Action::AwaitFinish(id), reply(ReplyCode::TRANSFER_COMPLETE)]
            }
            (Fault::InterruptsReplies, Action::SendReplyLine(line)) => {
                vec![Action::SendReplyLine(line), reply(ReplyCode::OK)]
            }
            // Where the control connection has ended, promise 13 is broken, too.
            (Fault::SwallowsAborts, Action::Abort(_, why)) if why != AbortReason::ControlConnectionLost => {
                vec![]
            }
            (Fault::KeepsWhoHasEnded, Action::CloseControl) if self.has_ended => vec![],
            (Fault::LooksAway, Action::LookAtControl(id)) => {
                self.session.handle(self.now, Event::ControlLookedAt(id, ControlState::Open));
                vec![]
            }
            (Fault::PromisesAHandshake, Action::SecureControl) => vec![],
            (Fault::MovesBeforeTheHandshake, Action::SecureDataConnection(id, direction)) => {
                self.session.handle(self.now, Event::DataSecured(id, Resumption::OfControl));
                vec![Action::SecureDataConnection(id, direction)]
            }
            (Fault::FinishesAndAborts, Action::AwaitFinish(id)) => {
                vec![Action::AwaitFinish(id), Action::Abort(id, AbortReason::DataConnectionLost)]
            }
            (Fault::DropsFinishes, Action::AwaitFinish(id)) => {
                vec![Action::AwaitFinish(id), Action::Drop(id)]
            }
            (Fault::LosesPortsToStrangers, Action::RefuseDataConnection(id)) => {
                vec![Action::RefuseDataConnection(id), Action::CloseDataConnection(id)]
            }
            (Fault::ClosesAnother, Action::CloseDataConnection(id)) => {
                vec![Action::CloseDataConnection(self.ids.first_data.unwrap_or(id))]
            }
            (
                Fault::ConnectsToPort80,
                Action::OpenDataConnection(id, DataConnectionMode::Connect(mut address)),
            ) => {
                address.set_port(80);
                vec![Action::OpenDataConnection(id, DataConnectionMode::Connect(address))]
            }
            (Fault::ConnectsToStrangers, Action::OpenDataConnection(id, DataConnectionMode::Connect(_))) => {
                vec![Action::OpenDataConnection(id, DataConnectionMode::Connect(STRANGER.into()))]
            }
            (Fault::BreaksListings, Action::Transfer(id, Movement::Text(_))) => {
                vec![Action::Transfer(id, Movement::Text(Bytes::from_static(b"a\r\n226 b\r\n")))]
            }
            (Fault::SpeaksAfterClose, Action::CloseControl) => {
                vec![Action::CloseControl, reply(ReplyCode::CLOSING)]
            }
            (Fault::AsksAfterClose, Action::CloseControl) => {
                let question = |id| Action::Ask(id, Request::Stat(Pathname::root()));
                [Action::CloseControl].into_iter().chain(self.ids.request.map(question)).collect()
            }
            (_, Action::SendReply(reply)) => self.spoil_reply(reply),
            (_, action) => vec![action],
        }
    }

    /// What was kept from the session until its upload was finished comes then.
    fn note_upload(&mut self, action: &Action) {
        match action {
            Action::Transfer(_, Movement::Receive(_)) => self.is_receiving = true,
            Action::AwaitFinish(_) | Action::Abort(..) => {
                self.is_receiving = false;
                if self.fault == Fault::OverlooksTheEndOfControl && std::mem::take(&mut self.has_ended) {
                    self.session.handle(self.now, Event::ControlEnded);
                }
            }
            _ => {}
        }
    }

    fn spoil_reply(&mut self, said: Reply) -> Vec<Action> {
        let code = said.code().number();
        let is_final = code >= 200;
        self.finals += usize::from(is_final);
        let is_seventh = is_final && self.finals.is_multiple_of(7);
        match self.fault {
            Fault::Hasty if is_final && std::mem::take(&mut self.is_answered) => vec![],
            Fault::AnswersTwice if is_seventh => vec![reply(said.code()), Action::SendReply(said)],
            // Without the 4yz of an upload, the next 226 would break promise 1.
            Fault::DropsReplies if is_seventh && code < 400 => vec![],
            Fault::CountsPieces if code == 200 => {
                vec![Action::SendReply(Reply::new(said.code(), &format!("{} pieces.", self.pieces)))]
            }
            _ => vec![Action::SendReply(said)],
        }
    }

    /// Takes what the session does now, and spoils it.
    fn take_actions(&mut self) {
        while let Some(action) = self.session.poll_action() {
            if self.fault == Fault::HoardsReplies {
                self.session.handle(self.now, Event::RepliesSent);
            }
            let actions = self.spoil(action);
            self.actions.extend(actions);
        }
        let is_said = |action: &Action| matches!(action, Action::SendReply(_));
        match self.fault {
            Fault::SwapsReplies if self.actions.len() == 2 && self.actions.iter().all(is_said) => {
                self.actions.swap(0, 1);
            }
            // In a handshake, and behind the end, that would be another fault.
            Fault::NegotiatesLate if !self.is_securing && !self.is_closed => {
                let is_telnet = |action: &Action| matches!(action, Action::SendTelnet(_));
                let (late, early): (VecDeque<_>, VecDeque<_>) = self.actions.drain(..).partition(is_telnet);
                self.actions.extend(early.into_iter().chain(late));
            }
            _ => {}
        }
    }
}

impl Subject for Double {
    fn handle(&mut self, now: Instant, event: Event<'_>) {
        assert!(self.fault != Fault::PanicsAtOddClocks || now >= self.now, "the clock goes back");
        self.now = now;
        self.elapsed = self.session.poll_timeout().filter(|due| *due <= now);
        let event = match (self.fault, event) {
            (_, Event::Received(bytes)) => return self.receive(bytes),
            (Fault::Optimistic, Event::Finished(id, Err(_))) => Event::Finished(id, Ok(Stored::default())),
            (Fault::OverlooksWhatItSees, Event::ControlLookedAt(id, _)) => {
                Event::ControlLookedAt(id, ControlState::Open)
            }
            (Fault::WaitsForNobody, Event::TransferEnded(id, Outcome::Received { bytes, .. })) => {
                Event::TransferEnded(id, Outcome::Received { bytes, end: FIN_AT_ONCE })
            }
            (Fault::OverlooksTheEndOfControl, Event::ControlEnded) if self.is_receiving => {
                self.has_ended = true;
                return;
            }
            (Fault::KeepsWhoHasEnded, Event::ControlEnded) => {
                self.has_ended = true;
                Event::ControlEnded
            }
            (Fault::FinishesWhatBroke, Event::TransferEnded(id, Outcome::Lost)) => {
                Event::TransferEnded(id, Outcome::Received { bytes: 7, end: FIN_AT_ONCE })
            }
            (
                Fault::StopsWhatCannotStop,
                Event::Answered(id, Answer::UploadOpened { pathname, offset, .. }),
            ) => {
                let finish = FinishKind::CanStop;
                Event::Answered(id, Answer::UploadOpened { pathname, offset, finish })
            }
            (Fault::PanicsAtLateEvents, Event::Answered(id, _)) if self.ids.request != Some(id) => {
                panic!("this request is over")
            }
            (Fault::ServesStrangers, Event::DataConnected(id, peer)) if peer == STRANGER.into() => {
                Event::DataConnected(id, PEER.into())
            }
            (Fault::TakesLateConnections, Event::DataConnected(id, peer)) => {
                Event::DataConnected(self.ids.data.unwrap_or(id), peer)
            }
            (Fault::CancelsWhatIsOver, Event::Answered(id, answer)) => {
                self.actions.push_back(Action::Cancel(id));
                Event::Answered(id, answer)
            }
            (_, event) => event,
        };
        let is_secured = self.is_securing && matches!(event, Event::ControlSecured(_));
        self.session.handle(now, event);
        if is_secured {
            self.is_securing = false;
            let smuggled = std::mem::take(&mut self.smuggled);
            self.session.handle(now, Event::Received(&smuggled));
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() {
            self.take_actions();
        }
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.fault {
            Fault::StaysDue if self.elapsed.is_some() => self.elapsed,
            Fault::WaitsForEver if self.is_closed => None,
            Fault::WaitsTooLong => self.session.poll_timeout().map(|due| due + Duration::from_secs(1 << 20)),
            _ => self.session.poll_timeout(),
        }
    }

    fn wants_input(&self) -> bool {
        self.fault == Fault::HoardsReplies || self.session.wants_input()
    }
}

fn reply(code: ReplyCode) -> Action {
    Action::SendReply(Reply::new(code, "Done."))
}
