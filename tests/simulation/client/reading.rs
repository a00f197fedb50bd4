//! What a client makes of the bytes of a connection, record by record where TLS protects it.

use std::collections::BTreeMap;

use crate::simulation::{
    tls::{Secure, Trust},
    world::Connection,
};

/// Bytes of the header of a TLS record, which ends with the length of the rest.
const HEADER: usize = 5;

/// What has come over a connection.
#[derive(Default)]
pub struct Reading {
    unread: Vec<u8>,
    /// Bytes of the connection that came before them.
    read: usize,
    tls: Option<Secure>,
    /// Whether the server has ended TLS: what comes behind that is clear.
    has_ended: bool,
}

/// What the next of it is.
pub enum Step {
    Bytes(Vec<u8>),
    /// A message of TLS's own.
    Message,
    /// The server's `close_notify`.
    End,
    /// No record where one is due, …
    NoRecord,
    /// … or one that is wrong.
    Wrong,
}

impl Reading {
    pub fn begin_tls(&mut self, trust: &Trust) {
        self.tls = Some(Secure::new(trust));
    }

    pub fn end_tls(&mut self) {
        self.tls = None;
        self.has_ended = false;
    }

    pub const fn tls(&mut self) -> Option<&mut Secure> {
        self.tls.as_mut()
    }

    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the end of the connection would be a surprise.
    pub const fn is_owed_an_end(&self) -> bool {
        self.tls.is_some() && !self.has_ended
    }

    /// Bytes of the connection that have been read.
    pub const fn read(&self) -> usize {
        self.read
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Bytes that were read too early.
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.read -= bytes.len();
        self.unread.splice(..0, bytes.iter().copied());
    }

    /// The next step; none until more bytes have come.
    pub fn step(&mut self) -> Option<Step> {
        let first = *self.unread.first()?;
        let Some(tls) = self.tls.as_mut().filter(|_| !self.has_ended) else {
            return Some(Step::Bytes(self.take(self.unread.len())));
        };
        if !(20..=24).contains(&first) {
            return Some(Step::NoRecord);
        }
        let &[_, _, _, high, low, ..] = &self.unread[..] else { return None };
        let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
        let opened = tls.open(self.unread.get(..length)?);
        self.take(length);
        Some(match opened {
            None => Step::Wrong,
            Some(opened) if opened.is_end => {
                self.has_ended = true;
                Step::End
            }
            Some(opened) if opened.bytes.is_empty() => Step::Message,
            Some(opened) => Step::Bytes(opened.bytes),
        })
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.read += count;
        self.unread.drain(..count).collect()
    }
}

/// What clients have heard, and what was still to be read, by the ids of their control connections.
pub type Hearings = BTreeMap<u64, (Hearing, Reading)>;

/// What a client has heard over its control connection.
#[derive(Default)]
pub struct Hearing {
    text: Vec<u8>,
    /// When the server had written how much of it, by stamps.
    marks: Vec<(usize, u64)>,
}

impl Hearing {
    /// What was the next, when so many bytes of the connection had been read.
    pub fn note(&mut self, bytes: &[u8], connection: &Connection, read: usize) {
        self.text.extend_from_slice(bytes);
        self.marks.push((self.text.len(), connection.stamp_of(read)));
    }

    /// All of it, with what the client would have heard had it read on.
    pub fn complete(mut self, mut reading: Reading, connection: &Connection) -> Self {
        let come = reading.read + reading.unread.len();
        reading.push(&connection.transcript[come..]);
        while let Some(step) = reading.step() {
            match step {
                Step::Bytes(bytes) => self.note(&bytes, connection, reading.read),
                Step::Message | Step::End => {}
                Step::NoRecord | Step::Wrong => break,
            }
        }
        self
    }

    /// When the replies to uploads that say that the file is stored were written.
    pub fn confirmations(&self) -> Vec<u64> {
        confirmations(&self.text, &self.marks)
    }
}

/// The same of what was said in clear.
pub fn confirmations(transcript: &[u8], marks: &[(usize, u64)]) -> Vec<u64> {
    let mut end = 0;
    let mut sent = Vec::new();
    for line in transcript.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.starts_with(b"226 Transfer complete; the file is stored") {
            sent.extend(marks.iter().find(|(mark, _)| *mark >= end).map(|(_, stamp)| *stamp));
        }
    }
    sent
}
