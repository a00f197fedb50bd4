//! A driver as a stranger would write it after the documentation of `session`, in the plainest way: one thread that
//! blocks, and no thought of clients that are killed. Part of a killed client's file must not be stored with it
//! (promise 13).
//!
//! Its client is a script: what happens on both of its connections, and when. Nothing here waits for real.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sansftp::{
    Action, Config, Endpoints, Event, Instant, Session, Settings,
    session::{Answer, ControlState, DataEnd, FinishKind, Movement, Outcome, Request, TransferId},
    storage::Stored,
};

const NEVER: Duration = Duration::MAX;
const MILLISECOND: Duration = Duration::from_millis(1);

/// When the client, or its system, ends its connections; both in good order.
#[derive(Clone, Copy)]
struct Client {
    data_ends: Duration,
    control_ends: Duration,
}

/// What becomes of an upload of 1000 bytes.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    Aborted,
}

struct PlainDriver {
    session: Session,
    client: Client,
    /// Time goes on when the driver blocks.
    now: Duration,
    /// What the client has said, a line a read.
    said: VecDeque<&'static [u8]>,
    events: VecDeque<Event<'static>>,
    look: Option<TransferId>,
    fate: Option<Fate>,
}

impl PlainDriver {
    fn new(client: Client, config: Config) -> Self {
        let control =
            Endpoints { local: ([192, 0, 2, 1], 21).into(), peer: ([198, 51, 100, 7], 50_000).into() };
        let lines: [&'static [u8]; 5] =
            [b"USER me\r\n", b"PASS secret\r\n", b"PASV\r\n", b"STOR a\r\n", b"QUIT\r\n"];
        Self {
            session: Session::new(Arc::new(config), control, Instant::default()),
            client,
            now: Duration::ZERO,
            said: lines.into(),
            events: VecDeque::new(),
            look: None,
            fate: None,
        }
    }

    /// The one law: after every `handle`, `poll_action` until it returns `None`. Then wait for one thing.
    fn run(mut self) -> Fate {
        loop {
            while let Some(action) = self.session.poll_action() {
                self.perform(action);
            }
            if let Some(fate) = self.fate {
                return fate;
            }
            let event = self.events.pop_front().unwrap_or_else(|| self.wait());
            self.session.handle(Instant::from_origin(self.now), event);
        }
    }

    /// Reads the control connection, until the next deadline at the latest. A look comes first if nothing is there.
    fn wait(&mut self) -> Event<'static> {
        if let Some(event) = self.read() {
            return event;
        }
        if let Some(id) = self.look.take() {
            let has_ended = self.now >= self.client.control_ends;
            return Event::ControlLookedAt(
                id,
                if has_ended { ControlState::Ended } else { ControlState::Open },
            );
        }
        let Some(due) = self.session.poll_timeout().map(Instant::since_origin) else {
            panic!("everything has a deadline");
        };
        self.now = if self.session.wants_input() { due.min(self.client.control_ends) } else { due };
        self.read().unwrap_or(Event::Elapsed)
    }

    /// What is there on the control connection, if the session wants it.
    fn read(&mut self) -> Option<Event<'static>> {
        if !self.session.wants_input() {
            return None;
        }
        let has_ended = self.now >= self.client.control_ends;
        self.said.pop_front().map(Event::Received).or_else(|| has_ended.then_some(Event::ControlEnded))
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::SendReply(_) => self.events.push_back(Event::RepliesSent),
            Action::Ask(id, Request::LogIn(_)) => {
                self.events.push_back(Event::Answered(id, Answer::LoggedIn))
            }
            Action::Ask(id, Request::OpenUpload { pathname, .. }) => {
                let answer = Answer::UploadOpened { pathname, offset: 0, finish: FinishKind::RunsToItsEnd };
                self.events.push_back(Event::Answered(id, answer));
            }
            Action::OpenDataConnection(id, _) => {
                self.events.push_back(Event::Listening(id, ([192, 0, 2, 1], 4242).into()));
                self.events.push_back(Event::DataConnected(id, ([198, 51, 100, 7], 50_001).into()));
            }
            Action::Transfer(id, Movement::Receive(_)) => self.receive(id),
            // First everything is read that is there.
            Action::LookAtControl(id) => self.look = Some(id),
            Action::AwaitFinish(id) => {
                self.fate = Some(Fate::Stored);
                self.events.push_back(Event::Finished(id, Ok(Stored::default())));
            }
            Action::Abort(id, _) => {
                self.fate = Some(Fate::Aborted);
                self.events.push_back(Event::Aborted(id));
            }
            _ => {}
        }
    }

    /// Reads the data connection to its end, and thinks of nothing else.
    fn receive(&mut self, id: TransferId) {
        self.now = self.now.max(self.client.data_ends);
        let end = DataEnd::Fin { waits: None };
        self.events.push_back(Event::TransferEnded(id, Outcome::Received { bytes: 1000, end }));
    }
}

/// What becomes of an upload whose client behaves like this.
fn fate(data_ends: Duration, control_ends: Duration, config: Config) -> Fate {
    PlainDriver::new(Client { data_ends, control_ends }, config).run()
}

fn without_grace() -> Config {
    Config::new(Settings { killed_client_grace: Duration::ZERO, ..Settings::default() }).unwrap()
}

/// The driver reads the data only, and sees the end of the control connection behind it.
#[test]
fn nothing_is_stored_if_the_control_connection_ended_before_the_data() {
    assert_eq!(fate(10 * MILLISECOND, 5 * MILLISECOND, Config::default()), Fate::Aborted);
    assert_eq!(fate(10 * MILLISECOND, 10 * MILLISECOND, Config::default()), Fate::Aborted);
    assert_eq!(fate(10 * MILLISECOND, 10 * MILLISECOND, without_grace()), Fate::Aborted);
}

/// As systems close the connections of a process that they kill.
#[test]
fn nothing_is_stored_if_the_control_connection_ends_a_moment_after_the_data() {
    for later in 1..=5 {
        let control_ends = (10 + later) * MILLISECOND;
        assert_eq!(fate(10 * MILLISECOND, control_ends, Config::default()), Fate::Aborted, "{later} ms");
    }
}

#[test]
fn the_file_of_a_client_that_is_still_there_is_stored() {
    assert_eq!(fate(10 * MILLISECOND, NEVER, Config::default()), Fate::Stored);
    assert_eq!(fate(10 * MILLISECOND, NEVER, without_grace()), Fate::Stored);
}
