//! A server that runs, and what clients do with it.

use std::{
    io::{self, Cursor},
    net::{SocketAddr, TcpStream},
    ops::Deref,
    time::{Duration, Instant},
};

use sansftp::{
    Config, Settings, Storage,
    adapters::{Server, Users},
};
use suppaftp::{FtpError, FtpStream, Status, types::FileType};

use super::hosts::Host;

/// How long anything may take that should come soon. Only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server, the runtime that it runs on, and its end.
pub(crate) struct Running<H: Host> {
    pub(crate) host: H,
    pub(crate) server: Option<Server<H::Runtime>>,
    pub(crate) address: SocketAddr,
}

impl<H: Host> Running<H> {
    pub(crate) fn start<S: Storage + Clone>(store: S, settings: Settings) -> Self {
        Self::start_by(Server::start, store, settings)
    }

    /// Starts a server in this way.
    pub(crate) fn start_by<S: Storage + Clone>(
        start: impl FnOnce(H::Runtime, Users<S>, Config, SocketAddr) -> io::Result<Server<H::Runtime>>,
        store: S,
        settings: Settings,
    ) -> Self {
        let host = H::start();
        let users = Users::new().with_user("anna", "secret", store);
        let config = Config::new(settings).unwrap();
        let (runtime, any_port) = (host.runtime(), "127.0.0.1:0".parse().unwrap());
        let server = host.block_on(async { start(runtime, users, config, any_port).unwrap() });
        let address = server.local_addr();
        Self { host, server: Some(server), address }
    }

    pub(crate) fn client(&self) -> FtpStream {
        let client = FtpStream::connect_timeout(self.address, PATIENCE).unwrap();
        client.get_ref().deref().set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client =
            client.passive_stream_builder(|address| connect(address).map_err(FtpError::ConnectionError));
        client.login("anna", "secret").unwrap();
        client.transfer_type(FileType::Binary).unwrap();
        client
    }
}

/// A connection whose reads end in an error if nothing comes.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

impl<H: Host> Drop for Running<H> {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.host.block_on(server.shutdown(Duration::from_millis(100)));
        }
    }
}

pub(crate) fn content(client: &mut FtpStream, name: &str) -> Vec<u8> {
    client.retr_as_buffer(name).unwrap().into_inner()
}

pub(crate) fn put(client: &mut FtpStream, name: &str, content: &[u8]) {
    assert_eq!(client.put_file(name, &mut Cursor::new(content)).unwrap(), content.len() as u64);
}

/// Bytes that repeat late and contain every value.
pub(crate) fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ (at >> 11) as u8).collect()
}

pub(crate) fn code<T>(result: Result<T, FtpError>) -> Status {
    match result {
        Err(FtpError::UnexpectedResponse(response)) => response.status,
        Err(other) => panic!("an answer was expected, not {other}"),
        Ok(_) => panic!("a refusal was expected"),
    }
}

pub(crate) fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "what was waited for did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}
