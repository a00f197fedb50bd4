//! What the operator reads: a line for each log-in, each transfer and each failure of the store.

use std::{
    error::Error,
    format, io,
    net::SocketAddr,
    string::{String, ToString},
};

use tracing::{debug, info, warn};

use crate::{
    accounts::{Credentials, Denied},
    instant::Instant,
    pathname::Pathname,
    session::{Outcome, Request},
    storage::{AbortReason, Placement, StorageError, Stored},
};

/// Who does what is logged here.
#[derive(Debug)]
pub(super) struct Journal {
    peer: SocketAddr,
    user: String,
}

impl Journal {
    pub(super) const fn new(peer: SocketAddr) -> Self {
        Self { peer, user: String::new() }
    }

    pub(super) fn logged_in(&mut self, credentials: Credentials) {
        let certificate = credentials.certificate.as_ref().map(|certificate| certificate.subject.as_str());
        info!(user = credentials.user, peer = %self.peer, certificate, "logged in");
        self.user = credentials.user;
    }

    pub(super) fn denied(&self, credentials: &Credentials, why: Denied) {
        // Then the client is asked for it, and says it or goes.
        if why == Denied::PasswordNeeded && credentials.password.is_none() {
            return;
        }
        let certificate = credentials.certificate.as_ref().map(|certificate| certificate.subject.as_str());
        warn!(user = credentials.user, peer = %self.peer, certificate, %why, "log-in refused");
    }

    /// A handshake on the control connection that did not succeed.
    pub(super) fn handshake_failed(&self, error: &io::Error) {
        info!(peer = %self.peer, %error, "TLS handshake failed");
    }

    /// The result of a finish.
    pub(super) fn finished(&self, record: &Record, now: Instant, result: &Result<Stored, StorageError>) {
        if let Err(error) = result {
            self.transfer_failed(record, error);
        }
        let outcome = match result {
            Ok(_) => "stored",
            Err(error) if is_refusal(error) => "refused by the store at its end",
            Err(_) => "the store failed to finish it",
        };
        self.transfer_ended(record, now, outcome);
    }

    /// The end of a file or a listing that was sent.
    pub(super) fn sent(&self, record: &Record, now: Instant, outcome: &Outcome) {
        if let Outcome::StoreFailed(error) = outcome {
            self.transfer_failed(record, error);
        }
        let outcome = match outcome {
            Outcome::Sent { .. } => "sent",
            Outcome::Received { .. } | Outcome::Lost => "not sent: the data connection was lost",
            Outcome::StoreFailed(error) if is_refusal(error) => "not sent: the store refused",
            Outcome::StoreFailed(_) => "not sent: the store failed",
        };
        self.transfer_ended(record, now, outcome);
    }

    /// The end of a transfer that was aborted. A client that hears nothing of it, for it has closed its control connection,
    /// may take it for done; so the operator gets to know why it is not.
    pub(super) fn aborted(&self, record: &Record, now: Instant, why: AbortReason) {
        let outcome = match why {
            AbortReason::ControlConnectionLost if record.is_upload() => {
                "aborted: the client ended the control connection before its upload was complete, so it was killed, or did not wait \
                 for the 226"
            }
            _ => &format!("aborted: {why}"),
        };
        self.transfer_ended(record, now, outcome);
    }

    /// The end of a transfer. `outcome` says what became of the file.
    pub(super) fn transfer_ended(&self, record: &Record, now: Instant, outcome: &str) {
        let seconds = (now.saturating_since(record.started).as_secs_f64() * 1e3).round() / 1e3;
        info!(
            user = self.user,
            peer = %self.peer,
            verb = record.verb,
            path = record.path(),
            bytes = record.bytes,
            seconds,
            outcome,
            "transfer"
        );
    }

    /// An error of the store in a transfer, with its cause, which the client does not see. What the store refuses to a user
    /// is no fault of its own.
    pub(super) fn transfer_failed(&self, record: &Record, error: &StorageError) {
        let cause: &(dyn Error + 'static) = error;
        let (user, peer, verb, path) = (&self.user, &self.peer, record.verb, record.path());
        if is_refusal(error) {
            info!(user, %peer, verb, path, error = cause, "the store refused");
        } else {
            warn!(user, %peer, verb, path, error = cause, "the store failed");
        }
    }

    /// The same for a request. That a file is not there, or that a user may not have it, is no news for the operator.
    pub(super) fn request_failed(&self, error: &StorageError) {
        let cause: &(dyn Error + 'static) = error;
        if error.kind().is_servers_own() {
            warn!(user = self.user, peer = %self.peer, error = cause, "the store failed");
        } else {
            debug!(user = self.user, peer = %self.peer, error = cause, "the store refused");
        }
    }
}

fn is_refusal(error: &StorageError) -> bool {
    AbortReason::from(error) == AbortReason::Refused
}

/// What a transfer's line tells of it.
#[derive(Debug)]
pub(super) struct Record {
    verb: &'static str,
    pathname: Option<Pathname>,
    /// When its bytes began to move, or when it was opened as long as they have not.
    pub(super) started: Instant,
    /// How many have.
    pub(super) bytes: u64,
}

impl Record {
    /// The listing of a single file, which no store opened.
    pub(super) fn listing() -> Self {
        Self { verb: "LIST", pathname: None, started: Instant::default(), bytes: 0 }
    }

    /// The transfer that a request opens; `None` if it opens none.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let (verb, pathname) = match request {
            Request::OpenListing(pathname, _) => ("LIST", pathname),
            Request::OpenDownload { pathname, .. } => ("RETR", pathname),
            Request::OpenUpload { pathname, placement, .. } => match placement {
                Placement::Replace | Placement::Resume { .. } => ("STOR", pathname),
                Placement::Append => ("APPE", pathname),
                Placement::Unique => ("STOU", pathname),
            },
            _ => return None,
        };
        Some(Self { verb, pathname: Some(pathname.clone()), ..Self::listing() })
    }

    fn is_upload(&self) -> bool {
        matches!(self.verb, "STOR" | "APPE" | "STOU")
    }

    /// The record with the name that the store picked.
    pub(super) fn named(self, pathname: Pathname) -> Self {
        Self { pathname: Some(pathname), ..self }
    }

    /// The pathname in its form for logs; nothing of it can forge a line.
    fn path(&self) -> String {
        self.pathname.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}
