//! `Session` driven by hand: threads and std::net, no async, no runtime. `cargo run --example sans_io`
//!
//! Every name and password logs in. RETR and STOR work on one folder of files in memory.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use sansftp::{
    Action, Config, Endpoints, Event, Instant, Pathname, Placement, Session, StorageErrorKind, Stored,
    session::{
        Answer, ControlState, DataConnectionMode, DataEnd, DataId, FinishKind, Movement, Outcome, Request,
        TransferId,
    },
};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2121".to_owned());
    let (listener, files) = (TcpListener::bind(address)?, Arc::default());
    println!("listening on {}", listener.local_addr()?);
    for control in listener.incoming() {
        let (control, files) = (control?, Arc::clone(&files));
        let open = (Pathname::root(), Bytes::new());
        let driver = Driver { control, passive: None, data: None, files, open, look: None, is_done: false };
        std::thread::spawn(move || driver.serve());
    }
    Ok(())
}

/// What belongs to one control connection.
struct Driver {
    control: TcpStream,
    passive: Option<(DataId, TcpListener)>,
    data: Option<TcpStream>,
    files: Arc<Mutex<BTreeMap<Pathname, Bytes>>>,
    open: (Pathname, Bytes),  // the file that is being stored or retrieved
    look: Option<TransferId>, // whose session wants to know whether the client is still there
    is_done: bool,
}

impl Driver {
    /// The one law: after every `handle`, `poll_action` until it returns `None`. Then wait for one thing.
    fn serve(mut self) -> io::Result<()> {
        self.control.set_nodelay(true)?;
        self.control.set_read_timeout(Some(Duration::from_millis(20)))?;
        let ends = Endpoints { local: self.control.local_addr()?, peer: self.control.peer_addr()? };
        let mut session = Session::new(Arc::new(Config::default()), ends, Instant::default());
        let started = std::time::Instant::now();
        let (mut events, mut input) = (VecDeque::new(), [0; 4096]);
        while !self.is_done {
            while let Some(action) = session.poll_action() {
                events.extend(self.perform(action)?);
            }
            let now = Instant::from_origin(started.elapsed());
            if let Some(event) = events.pop_front() {
                session.handle(now, event);
            } else if session.poll_timeout().is_some_and(|due| due <= now) {
                session.handle(now, Event::Elapsed);
            } else if let Some(event) = self.wait(session.wants_input(), &mut input) {
                session.handle(now, event);
            }
        }
        Ok(())
    }

    /// A data connection, or input if any is wanted, or nothing for 20 ms.
    fn wait<'a>(&mut self, wants_input: bool, input: &'a mut [u8]) -> Option<Event<'a>> {
        if let (None, Some((id, passive))) = (&self.data, &self.passive)
            && let Ok((data, peer)) = passive.accept()
        {
            self.data = Some(data);
            return Some(Event::DataConnected(*id, peer));
        }
        if !wants_input {
            std::thread::sleep(Duration::from_millis(20));
        }
        let read = if wants_input { self.control.read(input) } else { self.control.peek(&mut [0]) };
        match read {
            Ok(0) if wants_input => Some(Event::ControlEnded),
            Ok(0) => self.look.take().map(|id| Event::ControlLookedAt(id, ControlState::Ended)),
            Ok(length) if wants_input => input.get(..length).map(Event::Received),
            // Nothing more is there, or nothing that the session wants.
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Some(Event::ControlClosed)
            }
            Ok(_) | Err(_) => self.look.take().map(|id| Event::ControlLookedAt(id, ControlState::Open)),
        }
    }

    /// Does what the session says, and returns what came of it at once.
    fn perform(&mut self, action: Action) -> io::Result<Option<Event<'static>>> {
        Ok(match action {
            Action::SendReply(reply) => {
                self.control.write_all(reply.as_bytes())?;
                Some(Event::RepliesSent)
            }
            Action::SendReplyLine(bytes) | Action::SendTelnet(bytes) => {
                self.control.write_all(&bytes)?;
                None
            }
            Action::Ask(id, request) => Some(Event::Answered(id, self.answer(request))),
            Action::OpenDataConnection(id, DataConnectionMode::Connect(_)) => Some(Event::DataRefused(id)),
            Action::OpenDataConnection(id, DataConnectionMode::Listen) => Some(self.listen(id)?),
            Action::Transfer(id, movement) => {
                Some(Event::TransferEnded(id, self.transfer(movement).unwrap_or(Outcome::Lost)))
            }
            Action::LookAtControl(id) => {
                self.look = Some(id); // `wait` reads what is there, and then answers
                None
            }
            Action::AwaitFinish(id) => {
                let (pathname, content) = self.open.clone();
                self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(pathname, content);
                Some(Event::Finished(id, Ok(Stored::default())))
            }
            Action::Abort(id, _) => {
                (self.passive, self.data) = (None, None);
                Some(Event::Aborted(id))
            }
            Action::CloseDataConnection(_) => {
                (self.passive, self.data) = (None, None);
                None
            }
            Action::RefuseDataConnection(_) => {
                self.data = None;
                None
            }
            Action::CloseControl => {
                self.is_done = true;
                None
            }
            // Its settings have no TLS, so the session asks for none.
            Action::SecureControl | Action::ClearControl => None,
            Action::SecureDataConnection(..) | Action::ExpectTransfer(..) => None,
            // Nothing here takes time.
            Action::Cancel(_) | Action::PrepareFinish(_) | Action::Drop(_) | Action::Detach(_) => None,
        })
    }

    fn listen(&mut self, id: DataId) -> io::Result<Event<'static>> {
        self.data = None;
        let passive = TcpListener::bind((self.control.local_addr()?.ip(), 0))?;
        passive.set_nonblocking(true)?;
        let address = passive.local_addr()?;
        self.passive = Some((id, passive));
        Ok(Event::Listening(id, address))
    }

    fn answer(&mut self, request: Request) -> Answer {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            Request::LogIn(_) => Answer::LoggedIn,
            Request::OpenDownload { pathname, offset: 0 } => match files.get(&pathname) {
                Some(content) => {
                    self.open = (pathname, content.clone());
                    Answer::Opened
                }
                None => Answer::Failed(StorageErrorKind::NotFound.into()),
            },
            Request::OpenUpload { pathname, placement: Placement::Replace, .. } => {
                self.open = (pathname.clone(), Bytes::new());
                Answer::UploadOpened { pathname, offset: 0, finish: FinishKind::RunsToItsEnd }
            }
            _ => Answer::Failed(StorageErrorKind::Unsupported.into()),
        }
    }

    fn transfer(&mut self, movement: Movement) -> io::Result<Outcome> {
        self.passive = None;
        let mut data = self.data.take().ok_or(ErrorKind::NotConnected)?;
        data.set_nonblocking(false)?;
        data.set_read_timeout(Some(Duration::from_secs(60)))?;
        let (mut wire, mut content) = (Vec::new(), BytesMut::new());
        match movement {
            Movement::Receive(mut dtp) => {
                data.read_to_end(&mut wire)?;
                dtp.decode(&wire, &mut content);
                dtp.finish_decode(&mut content);
                self.open.1 = content.freeze();
                Ok(Outcome::Received { bytes: wire.len() as u64, end: DataEnd::Fin { waits: None } })
            }
            Movement::Send(mut dtp) => {
                dtp.encode(&self.open.1, &mut content);
                data.write_all(&content)?;
                data.shutdown(Shutdown::Write)?;
                // Some clients must not read the 226 together with the 125; one that closes has read that.
                data.set_read_timeout(Some(Duration::from_millis(20)))?;
                let _ = data.read(&mut [0]);
                Ok(Outcome::Sent { bytes: content.len() as u64 })
            }
            Movement::List(_) | Movement::Text(_) => Ok(Outcome::Lost), // no listing is ever opened
        }
    }
}
