//! Connections: two pipes each, through which segments travel one after the other.

mod segments;

use std::{collections::VecDeque, fmt, io::ErrorKind, net::SocketAddr, task::Waker, time::Duration};

use super::{Happening, LAG, State, Weather};

/// Port of the server's control connections. What the server sends over them is kept for the oracle.
pub const CONTROL_PORT: u16 = 21;
/// The server holds a control connection no longer than this after its last words, which the client may not take, …
const LAST_WORDS: Duration = Duration::from_secs(10);
/// … and after which the client may not close its end.
const LINGERING: Duration = Duration::from_secs(2);
/// A connection whose other end is silent is given up by the system at last.
const SILENCE: Duration = Duration::from_secs(1000);

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    Dialler,
    Acceptor,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

/// One direction of a connection, by the end that it leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PipeId {
    pub connection: u64,
    pub to: Side,
}

pub struct Connection {
    pub dialler: SocketAddr,
    pub acceptor: SocketAddr,
    pub server: Side,
    /// Those that lead to the dialler and to the acceptor.
    pipes: [Pipe; 2],
    is_closed: [bool; 2],
    /// When the client closed it.
    pub client_closed: Option<Duration>,
    /// When the words arrive with which TLS ends what the client sends.
    pub said_end: Option<Duration>,
    /// Whether the network has done something to it, or it was closed with bytes that it did not take.
    pub is_harmed: bool,
    /// Whether TLS has begun on it, so that who looks at it does not see what is said.
    pub is_secret: bool,
    /// What the server has written, and by which stamp it had written how much.
    pub transcript: Vec<u8>,
    pub marks: Vec<(usize, u64)>,
    /// When it has written the last of it, or the end of what nobody else can read.
    pub last_written: Duration,
}

pub struct Pipe {
    in_flight: VecDeque<Load>,
    /// Bytes of them.
    flying: usize,
    pub arrived: VecDeque<u8>,
    pub end: End,
    /// Bytes that were taken from the sender, and whether it has ended.
    sent: u64,
    pub has_sent_end: bool,
    /// When the last segment arrives, or has arrived.
    last_arrival: Duration,
    /// When the last bytes and the end arrive or have arrived.
    pub bytes_arrival: Duration,
    end_arrival: Option<Duration>,
    /// The receiver's runtime notices what has arrived at this time.
    noticed: Duration,
    capacity: usize,
    latency: Duration,
    /// Nothing arrives any more.
    is_hole: bool,
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
}

/// What has arrived behind the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Open,
    Finished,
    Broken(ErrorKind),
}

enum Load {
    Bytes(Vec<u8>),
    End,
    Reset,
}

impl Pipe {
    fn new(latency: Duration, capacity: usize) -> Self {
        Self {
            in_flight: VecDeque::new(),
            flying: 0,
            arrived: VecDeque::new(),
            end: End::Open,
            sent: 0,
            has_sent_end: false,
            last_arrival: Duration::ZERO,
            bytes_arrival: Duration::ZERO,
            end_arrival: None,
            noticed: Duration::ZERO,
            capacity,
            latency,
            is_hole: false,
            reader: None,
            writer: None,
        }
    }

    /// How many bytes more the connection takes.
    pub fn room(&self) -> usize {
        self.capacity.saturating_sub(self.flying + self.arrived.len())
    }

    pub fn is_noticed(&self, now: Duration) -> bool {
        self.noticed <= now
    }

    /// When its end arrives; none if it does not.
    pub fn end_arrival(&self) -> Option<Duration> {
        self.end_arrival.filter(|_| !self.is_hole)
    }

    pub const fn is_hole(&self) -> bool {
        self.is_hole
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Connection {
    pub fn pipe(&mut self, to: Side) -> &mut Pipe {
        &mut self.pipes[to as usize]
    }

    pub fn is_open(&self) -> bool {
        self.is_closed.contains(&false)
    }

    pub fn client(&self) -> SocketAddr {
        if self.server == Side::Acceptor { self.dialler } else { self.acceptor }
    }

    /// How much the server has sent, and whether it has ended that in good order.
    pub fn sent_by_server(&self) -> (u64, bool) {
        let pipe = &self.pipes[self.server.other() as usize];
        (pipe.sent, pipe.has_sent_end)
    }

    /// The stamp by which the server had written so much.
    pub fn stamp_of(&self, length: usize) -> u64 {
        self.marks.iter().find(|(end, _)| *end >= length).map_or(u64::MAX, |(_, stamp)| *stamp)
    }

    /// Whether the server has begun to say that the session ends; under TLS, whether it has said all of that.
    pub fn has_said_good_bye(&self) -> bool {
        if self.is_secret {
            return self.sent_by_server().1;
        }
        let last = self.transcript.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
        last.starts_with(b"221") || last.starts_with(b"421")
    }

    /// When the client's end arrives at the server; none if it does not.
    pub fn client_ended(&self) -> Option<Duration> {
        let end = self.pipes[self.server as usize].end_arrival();
        [self.said_end, end].into_iter().flatten().min()
    }

    pub fn is_control(&self) -> bool {
        self.acceptor.port() == CONTROL_PORT
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {:?}", self.dialler, self.acceptor, self.is_closed)
    }
}

impl State {
    pub(super) fn connection_mut(&mut self, id: u64) -> &mut Connection {
        self.connections.get_mut(&id).unwrap()
    }

    pub fn connection(&self, id: u64) -> &Connection {
        &self.connections[&id]
    }

    pub fn connections(&self) -> impl Iterator<Item = (&u64, &Connection)> {
        self.connections.iter()
    }

    pub(super) fn connect(&mut self, dialler: SocketAddr, acceptor: SocketAddr, server: Side) -> u64 {
        let id = self.stamp();
        let pipes = [0, 1].map(|_| {
            let Weather { latency, narrow, .. } = self.weather;
            let capacities: &[usize] = if narrow { &[2048, 100, 700] } else { &[65536, 16384] };
            Pipe::new(self.chance.time(latency), self.chance.pick(capacities))
        });
        let connection = Connection {
            dialler,
            acceptor,
            server,
            pipes,
            is_closed: [false; 2],
            client_closed: None,
            said_end: None,
            is_harmed: false,
            is_secret: false,
            transcript: Vec::new(),
            marks: Vec::new(),
            last_written: Duration::ZERO,
        };
        self.note(|| format!("connection {id}: {dialler} -> {acceptor}"));
        self.connections.insert(id, connection);
        id
    }

    /// Nothing comes through any more, in neither direction. The systems notice late.
    pub(super) fn silence(&mut self, id: u64) {
        let connection = self.connection_mut(id);
        connection.is_harmed = true;
        for pipe in &mut connection.pipes {
            pipe.is_hole = true;
        }
        let at = self.now + SILENCE + self.chance.time(SILENCE);
        self.plan(at, Happening::Perished(id));
    }

    pub(super) fn perish(&mut self, id: u64) {
        for pipe in &mut self.connection_mut(id).pipes {
            if pipe.end == End::Open {
                pipe.end = End::Broken(ErrorKind::TimedOut);
            }
            pipe.wake();
        }
    }

    /// Closes an end as the system does: unread bytes make a reset of what should be an end in good order.
    pub(super) fn close(&mut self, id: u64, side: Side, earliest: Duration) {
        let now = self.now;
        let connection = self.connection_mut(id);
        if std::mem::replace(&mut connection.is_closed[side as usize], true) {
            return;
        }
        if connection.server != side {
            connection.client_closed = Some(now);
        }
        if connection.is_control() && connection.server == side && connection.has_said_good_bye() {
            self.check_last_words(id);
        }
        let connection = self.connection_mut(id);
        // Whoever closes it may have had more to say than the other one let it.
        connection.is_harmed |= connection.pipe(side.other()).room() == 0;
        let own = connection.pipe(side);
        own.reader = None;
        let is_read = own.arrived.is_empty();
        own.arrived.clear();
        let out = PipeId { connection: id, to: side.other() };
        self.note(|| format!("connection {id} is closed by the {side:?}"));
        if is_read { self.finish(out, earliest) } else { self.reset(out, earliest) }
    }

    /// Promise 10, for a client that neither takes the server's last words nor closes its end.
    fn check_last_words(&mut self, id: u64) {
        let held = self.now - self.connection(id).last_written;
        if held > LAST_WORDS + LINGERING + 2 * LAG {
            self.violate(format!("promise 10: connection {id} is held for {held:?} after the last reply"));
        }
    }

    /// An end vanishes: nothing is said, and nothing comes through any more.
    pub(super) fn vanish(&mut self, id: u64, side: Side) {
        self.note(|| format!("the {side:?} of connection {id} vanishes"));
        self.silence(id);
        self.connection_mut(id).is_closed[side as usize] = true;
    }
}
