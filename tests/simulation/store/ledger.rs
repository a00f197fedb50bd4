//! What clients wanted, what they were told, and what the store was asked.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use sansftp::{AbortReason, StorageError, Stored};

use super::Tree;
use crate::simulation::client::{Hearings, to_store};

/// One attempt of a client to transfer something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tag(pub usize);

pub struct Ledger {
    pub attempts: Vec<Attempt>,
    pub tree: Tree,
    /// What clients have heard over their control connections, where TLS hides it.
    pub hearings: Hearings,
    /// Downloads and listings that are open.
    pub open_sources: usize,
}

#[derive(Clone)]
pub struct Attempt {
    /// The client's end of its control connection.
    pub peer: SocketAddr,
    pub verb: &'static str,
    pub subject: Subject,
    /// Whether TLS is to protect its data connection, and whether that resumes the session of the control connection,
    /// once the client is done with the handshake.
    pub is_secure: bool,
    pub resumption: Option<bool>,
    /// The passive port that the client was told for it, by its index.
    pub port: Option<usize>,
    /// Whether the client had ended its side of the control connection by then, and reads on.
    pub reads_on: bool,
    /// Whether somebody else's data connection came to it, who sent what nobody knows.
    pub is_beyond_judgement: bool,
    /// How the client ended the data connection.
    pub ended: Ended,
    /// The final reply that it read.
    pub answer: Option<Answer>,
    /// When the store opened it, if it did.
    pub opened: Option<Duration>,
    pub fate: Fate,
    /// Since when it has this fate, and by which stamp.
    pub since: Duration,
    pub stamp: u64,
    /// How long it was being finished.
    pub finishing: Duration,
}

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "most of them are uploads")]
pub enum Subject {
    Upload(Upload),
    /// A download or a listing: what the store has given, what the client has got, and whether that came to its end in
    /// good order.
    Source(Source),
}

#[derive(Clone, Default)]
pub struct Source {
    pub given: Vec<u8>,
    pub names: Vec<String>,
    pub got: Vec<u8>,
    pub is_whole: bool,
    /// Whether it has come to an end without a `close_notify`.
    pub is_cut: bool,
    /// Whether nothing but the server keeps it from getting all of it.
    pub is_owed: bool,
    pub is_ascii: bool,
    /// The data connection.
    pub connection: Option<u64>,
}

#[derive(Clone)]
pub struct Upload {
    /// What the store should get if all of it comes.
    pub whole: Bytes,
    /// The same on the wire.
    pub wire: Bytes,
    /// Whether the client has sent ABOR.
    pub is_given_up: bool,
    /// The size that the client has announced, if it binds: with an `APPE` in `TYPE A` it does not.
    pub least_size: Option<u64>,
    pub path: String,
    /// Whether bytes may wait for others before they are written.
    pub is_ascii: bool,
    /// What of the present file stays, as it was when the upload was opened.
    pub base: Bytes,
    pub written: Vec<u8>,
    /// When the store was asked to write last, or opened it.
    pub last_written: Duration,
    /// When it had written last: until then the client is not waited for.
    pub has_written: Duration,
    /// What the client would be told of the write or the preparation that has failed.
    pub failure: Option<String>,
    /// When it was aborted to the end.
    pub aborted: Option<u64>,
    /// Whether the store can stop its finish.
    pub can_stop: bool,
    pub committed: Option<Commit>,
    /// Whether the client is to connect, and the data connection as it knows it.
    pub is_passive: bool,
    pub connection: Option<u64>,
    /// Whether the store was told that nobody knows whether it is whole.
    pub misses_close_notify: bool,
    /// When the store began to prepare its finish.
    pub preparing_since: Option<Duration>,
    /// What the client was told of it after its final reply.
    pub told: Vec<Told>,
}

/// A line of the reply to `STAT` or `SITE UPLOADS`.
#[derive(Clone)]
pub struct Told {
    pub sentence: String,
    /// When the client asked, and when the server had written the reply.
    pub asked: u64,
    pub written: u64,
}

#[derive(Clone)]
pub struct Commit {
    pub stamp: u64,
    pub content: Bytes,
}

/// How a client ended its data connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Not at all, or by breaking it.
    NotInOrder,
    /// In good order, after everything.
    InOrder,
    /// In good order for TCP, but without a `close_notify`: after everything or before.
    Truncated,
    /// It was killed in the middle. When its last bytes and the ends of both connections arrive, and whether there was a
    /// `close_notify` all the same.
    Killed { bytes: Duration, data: Duration, control: Duration, has_said_so: bool },
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    pub text: String,
    /// What stands before the last line.
    pub lines: Vec<String>,
    /// When the server had written it.
    pub stamp: u64,
}

/// What became of what the store opened.
#[derive(Clone, Debug)]
pub enum Fate {
    Open,
    Finishing,
    Finished(Result<Stored, String>),
    Aborted(AbortReason),
    /// Without a finish or an abort.
    Dropped,
    /// While it was being finished.
    DroppedInFinish,
}

impl Ledger {
    pub fn new(capacity: u64) -> Self {
        Self { attempts: Vec::new(), tree: Tree::new(capacity), hearings: Hearings::new(), open_sources: 0 }
    }

    pub fn attempt(&mut self, tag: Tag) -> &mut Attempt {
        &mut self.attempts[tag.0]
    }

    pub fn begin(&mut self, peer: SocketAddr, verb: &'static str, subject: Subject, is_secure: bool) -> Tag {
        self.attempts.push(Attempt {
            peer,
            verb,
            subject,
            is_secure,
            resumption: None,
            port: None,
            reads_on: false,
            is_beyond_judgement: false,
            ended: Ended::NotInOrder,
            answer: None,
            opened: None,
            fate: Fate::Open,
            since: Duration::ZERO,
            stamp: 0,
            finishing: Duration::ZERO,
        });
        Tag(self.attempts.len() - 1)
    }

    pub fn upload(&mut self, tag: Tag) -> &mut Upload {
        match &mut self.attempt(tag).subject {
            Subject::Upload(upload) => upload,
            Subject::Source(_) => panic!("{tag:?} is no upload"),
        }
    }

    pub fn source(&mut self, tag: Tag) -> &mut Source {
        match &mut self.attempt(tag).subject {
            Subject::Source(source) => source,
            Subject::Upload(_) => panic!("{tag:?} is an upload"),
        }
    }
}

impl Attempt {
    /// Whether it has come to a finish, whatever became of that.
    pub const fn is_finished(&self) -> bool {
        matches!(self.fate, Fate::Finished(_) | Fate::DroppedInFinish)
    }

    /// Whether the client has said by TLS that it is whole, though it has ended its control connection.
    pub const fn has_said_so(&self) -> bool {
        matches!(self.ended, Ended::Killed { has_said_so: true, .. })
    }
}

impl Upload {
    /// What the file has to be if this upload is stored.
    pub fn result(&self) -> Vec<u8> {
        [&self.base[..], &self.whole].concat()
    }

    /// Whether just the bytes have come that were announced. In `TYPE A` that tells nothing: the wire has more of them
    /// than the client's own file.
    pub fn has_announced_size(&self) -> bool {
        let size = (self.base.len() + self.written.len()) as u64;
        size > 0 && !self.is_ascii && self.least_size == Some(size)
    }

    /// What the store gets of bytes on the wire.
    pub fn stored_form(&self, wire: &[u8]) -> Bytes {
        if self.is_ascii { to_store(wire) } else { Bytes::copy_from_slice(wire) }
    }

    /// Whether this is what the file has to be if only a part of the upload has come.
    pub fn is_begun_by(&self, content: &[u8]) -> bool {
        let Some(part) = content.strip_prefix(&self.base[..]) else { return false };
        // The end of a line may have been cut in two.
        self.whole.starts_with(part) || self.whole.starts_with(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

impl Fate {
    pub fn finished(result: &Result<Stored, StorageError>) -> Self {
        Self::Finished(match result {
            Ok(stored) => Ok(stored.clone()),
            Err(error) => Err(error.to_string()),
        })
    }
}
