//! The promises, action by action.

use std::net::SocketAddr;

use sansftp::{
    pathname::Pathname,
    reply::Reply,
    session::{Action, DataConnectionMode, Movement, Request, RequestId, TransferId},
};

use super::{Data, Judgement, OpenRequest, PEER, Phase, Purpose, Reading, Subject, Transfer, World, law};

impl World {
    pub(super) fn judge(&mut self, action: Action) -> Judgement {
        let is_cleaning_up = matches!(action, Action::Abort(..) | Action::Drop(_) | Action::Detach(_));
        law(!self.is_closed || is_cleaning_up, &format!("promise 12: {action:?} after CloseControl"))?;
        match action {
            Action::SendReply(reply) => self.judge_reply(&reply),
            Action::SendTelnet(bytes) => law(bytes.len() % 3 == 0, "half an answer to Telnet negotiation"),
            Action::CloseControl => {
                self.is_closed = true;
                Ok(())
            }
            Action::Ask(id, request) => self.judge_request(id, &request),
            Action::Cancel(id) => {
                let open = self.request.take();
                law(open.is_some_and(|open| open.id == id), "a request is cancelled that is not open")
            }
            Action::OpenDataConnection(mode) => self.judge_data_connection(mode),
            Action::RefuseDataConnection => {
                let is_stranger = self.wanted.pop() == Some("RefuseDataConnection");
                law(is_stranger, "promise 9: the right client is refused")
            }
            Action::CloseDataConnection => {
                self.data = Data::Nothing;
                Ok(())
            }
            Action::Transfer(id, movement) => self.judge_transfer(id, &movement),
            Action::AwaitFinish(id) => {
                let is_whole = self.enter(id, Phase::Ended { is_whole: true }, Phase::Finishing);
                law(is_whole, "promise 2: a finish without a clean end")?;
                self.note_end(id)
            }
            Action::Abort(id, _) => self.judge_abort(id),
            Action::Drop(id) => law(
                self.enter(id, Phase::Finishing, Phase::Over)
                    || self.enter(id, Phase::Detached, Phase::Over)
                    || self.enter(id, Phase::Aborting, Phase::Over),
                "something is dropped that does not run",
            ),
            Action::Detach(id) => law(
                self.enter(id, Phase::Finishing, Phase::Detached),
                "something is detached that does not run",
            ),
        }
    }

    fn judge_reply(&mut self, reply: &Reply) -> Judgement {
        let code = reply.code().number();
        check_form(reply.as_bytes(), code)?;
        self.lists_file = false;
        let latest = self.latest.and_then(|id| self.transfers.get(&id));
        let is_upload = latest.is_some_and(|transfer| transfer.subject == Subject::Upload);
        if self.wanted.last() == Some(&"226") {
            self.wanted.pop();
            law(code == 226, &format!("a file is stored, and the client is told {code}"))?;
        }
        if self.reading == Reading::Promptly {
            let was_in_transfer = self.replies.is_in_transfer();
            self.replies.note_reply(code)?;
            let has_ended = was_in_transfer && !self.replies.is_in_transfer();
            let is_stored = latest.is_some_and(|transfer| transfer.is_stored);
            if has_ended && is_upload && matches!(code, 226 | 250) {
                law(is_stored, "promise 1: 226 without a finish that succeeded")?;
            }
        }
        // USER and REIN log out.
        if matches!(code, 331 | 220) {
            self.is_logged_in = false;
        }
        Ok(())
    }

    fn judge_request(&mut self, id: RequestId, request: &Request) -> Judgement {
        law(self.request.is_none(), "two requests at once")?;
        law(id.0 > self.last_request, "the id of a request is used twice")?;
        self.last_request = id.0;
        let is_file = std::mem::take(&mut self.lists_file);
        let purpose = match request {
            Request::LogIn(_) => Purpose::LogIn,
            Request::OpenUpload { .. } => Purpose::Open(Subject::Upload),
            Request::OpenDownload { .. } => Purpose::Open(Subject::Download),
            Request::OpenListing(_) => Purpose::Open(Subject::Listing),
            Request::Stat(_) if is_file => Purpose::Open(Subject::Text),
            _ => Purpose::Other,
        };
        let is_allowed = self.is_logged_in || purpose == Purpose::LogIn;
        law(is_allowed, &format!("promise 4: {request:?} before log-in"))?;
        for pathname in pathnames(request) {
            law(is_normal(pathname), &format!("promise 11: {pathname:?}"))?;
        }
        self.request = Some(OpenRequest { id, purpose });
        if self.reading == Reading::Promptly { self.replies.note_request(request) } else { Ok(()) }
    }

    fn judge_data_connection(&mut self, mode: DataConnectionMode) -> Judgement {
        law(self.is_logged_in, "promise 4: a data connection before log-in")?;
        match mode {
            DataConnectionMode::Listen => {
                self.data = Data::Preparing;
                if self.reading == Reading::Promptly { self.replies.note_listening_wanted() } else { Ok(()) }
            }
            DataConnectionMode::Connect(address) => {
                self.data = Data::Connecting(address);
                let is_peer = address.ip() == SocketAddr::from(PEER).ip() && address.port() >= 1024;
                law(is_peer, &format!("promise 9: a connection to {address}"))
            }
        }
    }

    fn judge_transfer(&mut self, id: TransferId, movement: &Movement) -> Judgement {
        law(
            self.data == Data::Connected,
            "promise 9: a transfer without the right client's data connection",
        )?;
        self.data = Data::InUse;
        let subject = match movement {
            Movement::Receive(_) => Subject::Upload,
            Movement::Send(_) => Subject::Download,
            Movement::List(_) => Subject::Listing,
            Movement::Text(_) => Subject::Text,
        };
        law(self.opened.take() == Some(subject), "what moves was not opened")?;
        self.add(id, subject, Phase::Moving)
    }

    fn judge_abort(&mut self, id: TransferId) -> Judgement {
        self.data = Data::Nothing;
        if !self.transfers.contains_key(&id) {
            let subject = self.opened.take().ok_or("promise 2: an abort of what was not opened")?;
            self.add(id, subject, Phase::Aborting)?;
            return self.note_end(id);
        }
        let is_running = self.enter(id, Phase::Moving, Phase::Aborting)
            || self.enter(id, Phase::Ended { is_whole: false }, Phase::Aborting)
            // A file that is shorter than its ALLO
            || self.enter(id, Phase::Ended { is_whole: true }, Phase::Aborting);
        law(is_running, "promise 2: an abort of what does not run")?;
        self.note_end(id)
    }

    fn note_end(&mut self, id: TransferId) -> Judgement {
        let ends = self.transfers.get_mut(&id).map(|transfer| {
            transfer.ends += 1;
            transfer.ends
        });
        law(ends == Some(1), "promise 2: finish and abort of one upload")
    }

    fn add(&mut self, id: TransferId, subject: Subject, phase: Phase) -> Judgement {
        law(self.latest.is_none_or(|latest| latest < id), "the id of a transfer is used twice")?;
        self.latest = Some(id);
        self.transfers.insert(id, Transfer { subject, phase, is_stored: false, ends: 0 });
        Ok(())
    }

    /// What holds after every turn.
    pub(super) fn check_rest(&mut self) -> Judgement {
        // A download that has ended by itself is over; an upload never is.
        for transfer in self.transfers.values_mut() {
            if matches!(transfer.phase, Phase::Ended { .. }) {
                law(
                    transfer.subject != Subject::Upload,
                    "promise 2: an upload ends without finish or abort",
                )?;
                transfer.phase = Phase::Over;
            }
        }
        let is_running = self.transfers.values().any(|transfer| transfer.phase != Phase::Over);
        let has_deadline = self.session.poll_timeout().is_some();
        law(!is_running || has_deadline, "promise 10: a transfer without a deadline")?;
        law(self.is_closed || has_deadline, "promise 10: an open session without a deadline")?;
        law(!self.is_closed || !self.session.wants_input(), "a closed session wants input")?;
        if self.is_closed {
            law(self.request.is_none(), "a request outlives its session")?;
        }
        // One that is aborted before its first byte has an id already; the others are not under way.
        let is_busy = self.request.is_some()
            || self.opened.is_some()
            || self.data == Data::Preparing
            || self
                .transfers
                .values()
                .any(|transfer| !matches!(transfer.phase, Phase::Over | Phase::Detached));
        if self.reading == Reading::Promptly && !is_busy && !self.is_closed {
            self.replies.check_all_answered().map_err(|error| format!("promise 3: {error}"))?;
        }
        Ok(())
    }
}

fn pathnames(request: &Request) -> Vec<&Pathname> {
    match request {
        Request::LogIn(_) => Vec::new(),
        Request::Rename { from, to } => vec![from, to],
        Request::Site(call) => vec![&call.working_directory],
        Request::OpenDownload { pathname, .. } | Request::OpenUpload { pathname, .. } => vec![pathname],
        Request::Stat(pathname)
        | Request::ListFirst(pathname, _)
        | Request::OpenListing(pathname)
        | Request::MakeDirectory(pathname)
        | Request::RemoveDirectory(pathname)
        | Request::RemoveFile(pathname)
        | Request::SetModified(pathname, _)
        | Request::SetMode(pathname, _)
        | Request::Available(pathname) => vec![pathname],
    }
}

/// Absolute, without empty segments, `.`, `..`, NUL, CR and LF.
fn is_normal(pathname: &Pathname) -> bool {
    let bytes = pathname.as_bytes();
    let Some(rest) = bytes.strip_prefix(b"/") else { return false };
    let is_clean = !bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
    is_clean
        && (rest.is_empty()
            || rest.split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b"." | b"..")))
}

/// Promise 11: a reply is whole lines; all but the last begin with the code and `-` or with a blank.
fn check_form(wire: &[u8], code: u16) -> Judgement {
    let text = wire.strip_suffix(b"\r\n").ok_or("a reply without CR LF")?;
    law(!text.contains(&0), "NUL in a reply")?;
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let (last, first) = lines.split_last().ok_or("an empty reply")?;
    let code = code.to_string();
    law(last.starts_with(format!("{code} ").as_bytes()), "the last line of a reply")?;
    for (i, line) in first.iter().enumerate() {
        let line = line.strip_suffix(b"\r").ok_or("a bare LF in a reply")?;
        law(!line.contains(&b'\r'), "a bare CR in a reply")?;
        let is_right =
            if i == 0 { line.starts_with(format!("{code}-").as_bytes()) } else { line.starts_with(b" ") };
        law(is_right, "a line of a reply")?;
    }
    law(!last.contains(&b'\r'), "a bare CR in a reply")
}
