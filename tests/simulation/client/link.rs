//! A client's end of a connection, in clear or under TLS.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    pin::Pin,
};

use futures_io::AsyncWrite;

use super::reading::{Reading, Step};
use crate::simulation::{
    tls::Trust,
    world::{Socket, receive, send_all},
};

/// Bytes that are read at once in a handshake.
const FLIGHT: usize = 2000;

/// Closed when it is dropped, without a `close_notify`.
pub struct Link {
    pub socket: Socket,
    pub reading: Reading,
    /// Records that are to be sent.
    records: Vec<u8>,
}

/// How a handshake went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shaken {
    Done {
        is_resumed: bool,
    },
    /// The client has sent as much as it wanted to.
    Short,
    /// The server speaks in clear.
    InClear,
    Failed,
}

impl Link {
    pub fn new(socket: Socket) -> Self {
        Self { socket, reading: Reading::default(), records: Vec::new() }
    }

    pub const fn is_secure(&self) -> bool {
        self.reading.is_secure()
    }

    /// The client's part of a handshake, of which it sends at most so many bytes.
    pub async fn shake_hands(&mut self, trust: &Trust, mut most: usize) -> Shaken {
        self.reading.begin_tls(trust);
        loop {
            self.take_records();
            let is_short = self.records.len() > most;
            self.records.truncate(most);
            most -= self.records.len();
            if self.send_records().await.is_err() {
                return Shaken::Failed;
            }
            match self.reading.tls() {
                _ if is_short => return Shaken::Short,
                Some(tls) if !tls.is_shaking_hands() => {
                    return Shaken::Done { is_resumed: tls.is_resumed() };
                }
                _ => {}
            }
            if let Err(how) = self.read_message().await {
                return how;
            }
        }
    }

    async fn read_message(&mut self) -> Result<(), Shaken> {
        loop {
            match self.reading.step() {
                Some(Step::Message) => return Ok(()),
                Some(Step::NoRecord) => {
                    self.reading.end_tls();
                    return Err(Shaken::InClear);
                }
                Some(Step::Bytes(_) | Step::End | Step::Wrong) => return Err(Shaken::Failed),
                None => {}
            }
            match receive(&mut self.socket, FLIGHT).await {
                Ok(bytes) if !bytes.is_empty() => self.reading.push(&bytes),
                _ => return Err(Shaken::Failed),
            }
        }
    }

    /// Writes all of it.
    pub async fn send_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.reading.tls() {
            Some(tls) => tls.seal(bytes),
            None => return send_all(&mut self.socket, bytes).await,
        }
        self.take_records();
        self.send_records().await
    }

    /// Waits for bytes, and takes about so many; none at an end in good order. An end without a `close_notify` is an
    /// error of the kind `UnexpectedEof`.
    pub async fn receive(&mut self, most: usize) -> io::Result<Vec<u8>> {
        loop {
            match self.reading.step() {
                Some(Step::Bytes(bytes)) => return Ok(bytes),
                Some(Step::Message) => continue,
                Some(Step::End) => return Ok(Vec::new()),
                Some(Step::NoRecord | Step::Wrong) => return Err(ErrorKind::InvalidData.into()),
                None => {}
            }
            let bytes = receive(&mut self.socket, most).await?;
            if bytes.is_empty() {
                return if self.reading.is_owed_an_end() {
                    Err(ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(bytes)
                };
            }
            self.reading.push(&bytes);
        }
    }

    /// Nothing more is sent under TLS, if that is there.
    pub async fn say_close_notify(&mut self) -> io::Result<()> {
        if let Some(tls) = self.reading.tls() {
            tls.say_close_notify();
        }
        self.take_records();
        self.send_records().await
    }

    /// What the bytes are on the wire, behind what is still to be sent.
    pub fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(tls) = self.reading.tls() else { return bytes.to_vec() };
        tls.seal(bytes);
        self.take_records();
        std::mem::take(&mut self.records)
    }

    pub fn reset(self) {
        self.socket.reset();
    }

    fn take_records(&mut self) {
        if let Some(tls) = self.reading.tls() {
            self.records.extend(tls.take_records());
        }
    }

    async fn send_records(&mut self) -> io::Result<()> {
        while !self.records.is_empty() {
            let records = &self.records;
            let socket = &mut self.socket;
            let count = poll_fn(|cx| Pin::new(&mut *socket).poll_write(cx, records)).await?;
            self.records.drain(..count);
        }
        Ok(())
    }
}
