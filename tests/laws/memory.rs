//! Promise 7: a session's memory is bounded whatever is sent, and whatever is not read.
//!
//! An allocator counts the bytes that this thread holds.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
    time::Duration,
};

use sansftp::{
    config::{Config, Endpoints, FinishOverdue, Settings},
    instant::Instant,
    pathname::Pathname,
    session::{Action, Answer, Event, FinishKind, Outcome, Request, Session},
};

use crate::world::{LOCAL, PEER};

struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // While a thread ends, nobody counts any more.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the promises of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the promises of this very method.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> isize {
    HELD.get()
}

/// With the default limits (4 KiB a line, 16 KiB of commands, 16 KiB of replies), no session needs more.
const MOST: isize = 256 << 10;

/// What a client sends before it looks whether the session wants more: what a driver reads at once.
const SEGMENT: usize = 4096;

/// A session whose store answers at once, or never.
struct Client {
    session: Session,
    now: Instant,
    reads: bool,
    has_store: bool,
    before: isize,
}

impl Client {
    fn start(settings: Settings) -> Self {
        let before = held();
        let control = Endpoints { local: LOCAL.into(), peer: PEER.into() };
        let session = Session::new(Arc::new(Config::new(settings).unwrap()), control, Instant::default());
        let mut client = Self { session, now: Instant::default(), reads: true, has_store: true, before };
        client.send(b"USER anna\r\nPASS secret\r\n");
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.tell(Event::Received(bytes));
    }

    fn tell(&mut self, event: Event<'_>) {
        self.session.handle(self.now, event);
        self.drain();
        let held = held() - self.before;
        assert!(held < MOST, "the session holds {held} bytes");
    }

    fn drain(&mut self) {
        loop {
            let mut has_sent = false;
            while let Some(action) = self.session.poll_action() {
                has_sent |= matches!(action, Action::SendReply(_) | Action::SendTelnet(_));
                if let Some(event) = self.perform(action) {
                    self.session.handle(self.now, event);
                }
            }
            if !has_sent || !self.reads {
                break;
            }
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    fn perform(&self, action: Action) -> Option<Event<'static>> {
        match action {
            Action::Ask(id, request) if self.has_store => Some(Event::Answered(id, answer(&request))),
            Action::OpenDataConnection(_) => Some(Event::Listening(([192, 0, 2, 1], 4242).into())),
            Action::Transfer(id, _) => Some(Event::TransferEnded(id, Outcome::Complete { bytes: 1 })),
            Action::Abort(id, _) => Some(Event::Aborted(id)),
            _ => None,
        }
    }

    /// Sends `unit` again and again while the session wants input; returns how many bytes it took.
    fn flood(&mut self, unit: &[u8], most: usize) -> usize {
        let segment = unit.repeat(SEGMENT / unit.len());
        let mut sent = 0;
        while sent < most && self.session.wants_input() {
            self.send(&segment);
            sent += segment.len();
        }
        sent
    }
}

fn answer(request: &Request) -> Answer {
    match request {
        Request::LogIn(_) => Answer::LoggedIn,
        Request::OpenUpload { .. } => Answer::UploadOpened {
            pathname: Pathname::root().resolve(&[b'a'; 1000]).unwrap(),
            offset: 0,
            finish: FinishKind::RunsToItsEnd,
        },
        Request::Stat(_) => Answer::Metadata {
            metadata: sansftp::storage::Metadata::directory(),
            now: crate::notation::events::NOW,
        },
        Request::OpenListing(_) | Request::OpenDownload { .. } => Answer::Opened,
        _ => Answer::Done,
    }
}

/// What one client can make a session hold, and what the limits add up to.
const TAKEN: usize = 64 << 10;

#[test]
fn replies_that_are_not_read_stop_a_flood_of_commands() {
    for unit in [&b"NOOP\r\n"[..], b"FEAT\r\n", b"HELP\r\n", b"FOO\r\n", b"\n", b"STAT\r\n", b"PWD\r\n"] {
        let mut client = Client::start(Settings::default());
        client.reads = false;
        let taken = client.flood(unit, 1 << 20);
        assert!(taken < TAKEN, "{taken} bytes of {unit:?} were taken");
    }
}

#[test]
fn a_store_that_does_not_answer_stops_a_flood_of_commands() {
    for unit in [&b"DELE a\r\n"[..], b"NOOP\r\n", b"ABOR\r\n", b"x\n"] {
        let mut client = Client::start(Settings::default());
        client.has_store = false;
        client.send(b"DELE a\r\n");
        let taken = client.flood(unit, 1 << 20);
        assert!(taken < TAKEN, "{taken} bytes of {unit:?} were taken");
    }
}

#[test]
fn negotiation_that_is_not_read_stops_a_flood_of_it() {
    let mut client = Client::start(Settings::default());
    client.reads = false;
    let taken = client.flood(b"\xff\xfd\x01", 1 << 20);
    assert!(taken < TAKEN, "{taken} bytes were taken");
}

#[test]
fn a_transfer_stops_a_flood_of_commands() {
    let mut client = Client::start(Settings::default());
    client.send(b"PASV\r\nSTOR a\r\n");
    let taken = client.flood(b"DELE a\r\n", 1 << 20);
    assert!(taken < TAKEN, "{taken} bytes were taken");
}

/// These are read without end, and take no memory.
#[test]
fn endless_lines_take_no_memory() {
    for unit in [&b"x"[..], b"\r", b"\0", b"\xff\xff", b"\xff\xf1", b"\xff\xfa", b"\xff\xfc\x01"] {
        let mut client = Client::start(Settings::default());
        let taken = client.flood(unit, 1 << 20);
        assert!(taken >= 1 << 20, "{unit:?} was not read to its end: {taken}");
    }
}

#[test]
fn a_working_directory_cannot_grow_without_end() {
    let mut client = Client::start(Settings::default());
    let line = [b"CWD ", &[b'a'; 200][..], b"\r\n"].concat();
    for _ in 0..500 {
        client.send(&line);
    }
}

#[test]
fn detached_finishes_are_remembered_up_to_their_limit() {
    let finish_timeout = Duration::from_secs(1);
    let mut client = Client::start(Settings {
        finish_timeout,
        finish_overdue: FinishOverdue::Detach,
        detached_timeout: Duration::from_secs(60 * 60 * 24),
        ..Settings::default()
    });
    for _ in 0..1000 {
        client.send(b"PASV\r\nSTOR a\r\n");
        client.tell(Event::DataConnected { peer: PEER.into() });
        client.now = client.now + finish_timeout;
        client.tell(Event::Elapsed);
    }
}

/// A session that lives long holds no more than one that is young.
#[test]
fn what_is_done_is_forgotten() {
    let mut client = Client::start(Settings::default());
    let mut after_a_while = 0;
    for round in 0..2000 {
        client.send(
            b"TYPE I\r\nPASV\r\nREST 5\r\nRETR a\r\nRNFR a\r\nRNTO b\r\nOPTS MLST type;\r\nMKD a\r\nSTAT\r\n",
        );
        client.tell(Event::DataConnected { peer: PEER.into() });
        client.send(b"RNFR a\r\nRNTO b\r\nMKD a\r\nREIN\r\nHOST a\r\nUSER anna\r\nPASS secret\r\n");
        if round == 100 {
            after_a_while = held();
        }
    }
    assert!(held() <= after_a_while + 1024, "{} bytes more", held() - after_a_while);
}
