//! A client that a test leads by the hand.

use std::{io, net::SocketAddr, time::Duration};

#[cfg(feature = "tls")]
use sansftp::adapters::tls::Tls;
use sansftp::{Config, Settings, Stored, adapters::Server};

use super::{
    store::Store,
    world::{Socket, World},
};

/// Where the server of a test listens.
pub const SERVER: &str = "192.0.2.1:21";
/// Where its clients are, unless a test says otherwise.
const CLIENT: &str = "192.0.2.50";

/// The settings that the tests know, whatever the defaults are.
pub fn settings() -> Settings {
    Settings {
        reply_limit: 16 << 10,
        backlog_limit: 16 << 10,
        chunk_size: 256 << 10,
        log_in_timeout: Duration::from_secs(60),
        control_idle_timeout: Duration::from_secs(300),
        request_timeout: Duration::from_secs(120),
        data_connect_timeout: Duration::from_secs(20),
        data_stall_timeout: Duration::from_secs(60),
        killed_client_grace: Duration::ZERO,
        data_close_grace: Duration::ZERO,
        finish_timeout: Duration::from_secs(300),
        abort_timeout: Duration::from_secs(30),
        detached_timeout: Duration::from_secs(3600),
        passive_port_rest: Duration::from_secs(120),
        ..Settings::default()
    }
}

/// What is logged meanwhile.
pub fn logged(work: impl FnOnce()) -> String {
    let (reader, writer) = std::io::pipe().unwrap();
    let writer = std::sync::Mutex::new(writer);
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
    tracing::subscriber::with_default(subscriber, work);
    std::io::read_to_string(reader).unwrap()
}

/// A server, and all that it needs.
pub struct Scene {
    pub world: World,
    pub store: Store,
    pub server: Option<Server<World>>,
    address: SocketAddr,
    next_port: u16,
}

impl Scene {
    pub fn new(settings: Settings) -> Self {
        Self::at(SERVER, settings)
    }

    /// With a server that listens at this address.
    pub fn at(server: &str, settings: Settings) -> Self {
        Self::start(server, settings, Server::start)
    }

    /// With a server that has TLS.
    #[cfg(feature = "tls")]
    pub fn with_tls(settings: Settings, tls: Tls) -> Self {
        Self::start(SERVER, settings, |world, store, config, address| {
            Server::start_with_tls(world, store, config, tls, address)
        })
    }

    fn start(
        server: &str,
        settings: Settings,
        start: impl FnOnce(World, Store, Config, SocketAddr) -> io::Result<Server<World>>,
    ) -> Self {
        let address: SocketAddr = server.parse().unwrap();
        let (world, store) = (World::default(), Store::default());
        let config = Config::new(settings).unwrap();
        let server = start(world.clone(), store.clone(), config, address).unwrap();
        world.run();
        Self { world, store, server: Some(server), address, next_port: 50_000 }
    }

    /// Lets each write that waits, one after the other, end so many seconds later, and the client hear nothing
    /// meanwhile. Tells how many there were.
    pub fn let_writes_take(&mut self, seconds: u64, user: &mut Client) -> usize {
        let mut writes = 0;
        while self.store.is_waited_for() {
            self.advance(seconds);
            user.expect(&[]);
            self.store.release(Ok(Stored::default()));
            self.world.run();
            writes += 1;
        }
        writes
    }

    /// A client at its own address, which has read the greeting.
    pub fn client(&mut self) -> Client {
        let mut client = self.client_from(CLIENT);
        client.expect(&[220]);
        client
    }

    /// A client that has read nothing.
    pub fn client_from(&mut self, address: &str) -> Client {
        self.next_port += 1;
        let form = if address.contains(':') { format!("[{address}]:0") } else { format!("{address}:0") };
        let mut address: SocketAddr = form.parse().unwrap();
        address.set_port(self.next_port);
        let control = self.world.dial(address, self.address).expect("the server listens");
        Client { world: self.world.clone(), control: Some(control), address }
    }

    /// A client that is logged in.
    pub fn user(&mut self) -> Client {
        self.user_from(CLIENT)
    }

    /// The same at another address.
    pub fn user_from(&mut self, address: &str) -> Client {
        let mut client = self.client_from(address);
        client.say("USER anna");
        client.say("PASS secret");
        client.expect(&[220, 331, 230]);
        client.say("TYPE I");
        client.expect(&[200]);
        client
    }

    pub fn advance(&self, seconds: u64) {
        self.world.advance(Duration::from_secs(seconds));
    }
}

pub struct Client {
    pub world: World,
    control: Option<Socket>,
    pub address: SocketAddr,
}

impl Client {
    /// Sends a command, and lets happen what happens.
    pub fn say(&mut self, command: &str) {
        let line = format!("{command}\r\n");
        assert_eq!(self.control().send(line.as_bytes()), line.len(), "the server takes the command");
        self.world.run();
    }

    /// The codes of the final lines of all replies that have come must be these.
    #[track_caller]
    pub fn expect(&mut self, codes: &[u16]) {
        let replies = self.replies();
        let found: Vec<u16> = final_lines(&replies).map(|line| line[..3].parse().unwrap()).collect();
        assert_eq!(found, codes, "{replies}");
    }

    /// All that has come.
    pub fn replies(&mut self) -> String {
        self.world.run();
        let mut replies = Vec::new();
        loop {
            let some = self.control().receive();
            if some.is_empty() {
                return String::from_utf8(replies).unwrap();
            }
            replies.extend(some);
            self.world.run();
        }
    }

    /// The control connection, for what is not polite.
    pub fn control(&self) -> &Socket {
        self.control.as_ref().expect("the client is there")
    }

    /// A passive data connection.
    pub fn data(&mut self) -> Socket {
        let port = self.passive_port();
        self.data_from(self.address, port).expect("the passive port is open")
    }

    pub fn passive_port(&mut self) -> u16 {
        self.say("EPSV");
        let reply = self.replies();
        assert!(reply.starts_with("229"), "{reply}");
        reply.split('|').nth(3).unwrap().parse().unwrap()
    }

    /// A connection from `from` to a passive port.
    pub fn data_from(&self, from: SocketAddr, port: u16) -> Option<Socket> {
        let mut server: SocketAddr = SERVER.parse().unwrap();
        server.set_port(port);
        self.world.dial(from, server)
    }

    /// A `STOR` that has its data connection and its `150` or `125`.
    pub fn store(&mut self, name: &str) -> Socket {
        let data = self.data();
        self.say(&format!("STOR {name}"));
        self.expect(&[125]);
        data
    }

    /// Is gone, and closes its control connection in good order.
    pub fn leave(&mut self) {
        self.control = None;
        self.world.run();
    }

    /// Whether the server has closed the control connection.
    pub fn is_closed(&self) -> bool {
        self.control().is_finished()
    }
}

/// The last lines of the replies.
fn final_lines(replies: &str) -> impl Iterator<Item = &str> {
    replies.lines().filter(|line| {
        let bytes = line.as_bytes();
        bytes.len() > 3 && bytes[..3].iter().all(u8::is_ascii_digit) && bytes[3] == b' '
    })
}

/// Sends everything, as the server takes it.
pub fn send_all(world: &World, data: &Socket, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let taken = data.send(bytes);
        world.run();
        assert!(taken > 0 || data.untaken() == 0, "the server takes the data");
        bytes = &bytes[taken..];
    }
    world.run();
}

/// Receives everything up to the end.
pub fn receive_all(world: &World, data: &Socket) -> Vec<u8> {
    let mut received = Vec::new();
    while !data.is_finished() {
        world.run();
        let some = data.receive();
        assert!(!some.is_empty() || data.is_finished(), "the server sends the data to its end");
        received.extend(some);
    }
    received
}

/// Bytes that repeat nowhere near.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
