//! What happens to a session, from text.
//!
//! ```text
//! ControlSecured [name=ftp.example.com] [certificate=anna]  ControlEnded  ControlClosed  Elapsed  RepliesSent  ShutdownRequested  ShutdownOverdue
//! LoggedIn  Denied Refused|PasswordNeeded|AccountNeeded|Unavailable
//! Done  Opened  UploadOpened /a [offset=5] [CanStop]  Failed KIND ["sentence"]
//! Metadata METADATA  Entries NAME:METADATA … [Truncated]  Available 12  Text "done"
//! Listening 192.0.2.1:4242  ListenFailed  DataConnected 198.51.100.7:50001  DataRefused
//! DataSecured OfControl|None
//! Progressed 12  Moved  TransferEnded Sent 12|Fin 12|FinAtOnce 12 [longest=3ms] [last=1ms]|CloseNotify 12|Lost|StoreFailed KIND ["sentence"]
//! ControlLookedAt Open|Ended
//! Finished ok ["note"]  Finished error KIND ["sentence"]  Aborted
//! ```
//!
//! METADATA is `file:12`, `dir`, `link` or `other`, then `:@20240102030405` for its time and `:0644` for its mode where
//! it has them, and `:perm=el` where its user may not do all. The answers (from `LoggedIn` to `Text`) are to the latest request, what is told of a data
//! connection (from `Listening` to `DataSecured`) is about the latest one, the last three lines are about the latest transfer,
//! unless a `#n` follows. `FinAtOnce` comes together with the last byte, and no byte has
//! been waited for, unless it says so; with `Fin` the driver has not measured that. The time of day is always 2024-02-01 00:00 UTC.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sansftp::{
    accounts::{ClientCertificate, Denied},
    pathname::Pathname,
    session::{
        Answer, ControlState, DataEnd, Event, Extent, FinishKind, Outcome, Resumption, TlsClient, Waits,
    },
    storage::{
        Entry, EntryKind, Metadata, Permissions, Right, StorageError, StorageErrorKind, Stored,
        UnixAttributes,
    },
    time_value::TimeValue,
};

use super::{
    Ledger,
    words::{escape, parse_duration, split_words},
};

/// The time of day in all tests: 2024-02-01 00:00 UTC.
pub const NOW: TimeValue = TimeValue::from_unix(1_706_745_600, 0);

/// The kinds of a store's error by name.
pub const ERROR_KINDS: [(&str, StorageErrorKind); 17] = [
    ("Busy", StorageErrorKind::Busy),
    ("Failed", StorageErrorKind::Failed),
    ("NoSpace", StorageErrorKind::NoSpace),
    ("Unsupported", StorageErrorKind::Unsupported),
    ("UnsupportedParameter", StorageErrorKind::UnsupportedParameter),
    ("Changed", StorageErrorKind::Changed),
    ("NotFound", StorageErrorKind::NotFound),
    ("PermissionDenied", StorageErrorKind::PermissionDenied),
    ("AlreadyExists", StorageErrorKind::AlreadyExists),
    ("IsADirectory", StorageErrorKind::IsADirectory),
    ("NotADirectory", StorageErrorKind::NotADirectory),
    ("NotEmpty", StorageErrorKind::NotEmpty),
    ("NotAFile", StorageErrorKind::NotAFile),
    ("ContentRefused", StorageErrorKind::ContentRefused),
    ("OverQuota", StorageErrorKind::OverQuota),
    ("NameRefused", StorageErrorKind::NameRefused),
    ("BadOffset", StorageErrorKind::BadOffset),
];

/// The end of an upload in clear.
pub const FIN: DataEnd = DataEnd::Fin { waits: None };
/// The same, together with the last byte.
pub const FIN_AT_ONCE: DataEnd =
    DataEnd::Fin { waits: Some(Waits { longest: Duration::ZERO, last: Duration::ZERO }) };

/// Reads an event; `ledger` knows the ids that it means.
pub fn parse(line: &str, ledger: &Ledger) -> Result<Event<'static>, String> {
    let mut words = Words::split(line)?;
    let ordinal = words.take_ordinal()?;
    let name = words.next_text()?;
    let event = match name.as_str() {
        "ControlSecured" => Event::ControlSecured(words.next_tls_client()?),
        "ControlClosed" => Event::ControlClosed,
        "ControlEnded" => Event::ControlEnded,
        "Elapsed" => Event::Elapsed,
        "RepliesSent" => Event::RepliesSent,
        "ShutdownRequested" => Event::ShutdownRequested,
        "ShutdownOverdue" => Event::ShutdownOverdue,
        "Listening" => Event::Listening(ledger.data(ordinal)?, words.next_address()?),
        "ListenFailed" => Event::ListenFailed(ledger.data(ordinal)?),
        "DataConnected" => Event::DataConnected(ledger.data(ordinal)?, words.next_address()?),
        "DataRefused" => Event::DataRefused(ledger.data(ordinal)?),
        "DataSecured" => Event::DataSecured(ledger.data(ordinal)?, words.next_resumption()?),
        "Progressed" => Event::Progressed(ledger.transfer(ordinal)?, words.next_number()?),
        "Moved" => Event::Moved(ledger.transfer(ordinal)?),
        "TransferEnded" => Event::TransferEnded(ledger.transfer(ordinal)?, words.next_outcome()?),
        "ControlLookedAt" => Event::ControlLookedAt(ledger.transfer(ordinal)?, words.next_control_state()?),
        "Finished" => Event::Finished(ledger.transfer(ordinal)?, words.next_finish()?),
        "Aborted" => Event::Aborted(ledger.transfer(ordinal)?),
        _ => {
            let answer = words.next_answer(&name)?;
            Event::Answered(ledger.request(ordinal)?, answer)
        }
    };
    words.end()?;
    Ok(event)
}

/// What is left of a line.
struct Words(std::collections::VecDeque<Vec<u8>>);

impl Words {
    fn split(line: &str) -> Result<Self, String> {
        split_words(line).map(|words| Self(words.into()))
    }

    fn take_ordinal(&mut self) -> Result<Option<usize>, String> {
        let Some([b'#', digits @ ..]) = self.0.back().map(Vec::as_slice) else { return Ok(None) };
        let ordinal = escape(digits).parse().map_err(|_| "a # wants a number")?;
        self.0.pop_back();
        Ok(Some(ordinal))
    }

    fn next(&mut self) -> Result<Vec<u8>, String> {
        self.0.pop_front().ok_or_else(|| "a word is missing".into())
    }

    fn next_text(&mut self) -> Result<String, String> {
        String::from_utf8(self.next()?).map_err(|_| "not UTF-8".into())
    }

    fn next_number(&mut self) -> Result<u64, String> {
        self.next_text()?.parse().map_err(|_| "not a number".into())
    }

    fn next_address(&mut self) -> Result<SocketAddr, String> {
        self.next_text()?.parse().map_err(|_| "not an address with its port".into())
    }

    fn end(&self) -> Result<(), String> {
        match self.0.front() {
            Some(word) => Err(format!("{:?} was not expected", escape(word))),
            None => Ok(()),
        }
    }

    fn next_error(&mut self) -> Result<StorageError, String> {
        let name = self.next_text()?;
        let known = ERROR_KINDS.iter().find(|(known, _)| *known == name);
        let (_, kind) = known.ok_or_else(|| format!("{name} is no kind of error"))?;
        Ok(match self.0.pop_front() {
            Some(sentence) => StorageError::new(*kind, String::from_utf8_lossy(&sentence).into_owned()),
            None => StorageError::from(*kind),
        })
    }

    fn next_outcome(&mut self) -> Result<Outcome, String> {
        match self.next_text()?.as_str() {
            "Sent" => Ok(Outcome::Sent { bytes: self.next_number()? }),
            "Fin" => Ok(Outcome::Received { bytes: self.next_number()?, end: FIN }),
            "FinAtOnce" => Ok(Outcome::Received { bytes: self.next_number()?, end: self.next_waits()? }),
            "CloseNotify" => Ok(Outcome::Received { bytes: self.next_number()?, end: DataEnd::CloseNotify }),
            "Lost" => Ok(Outcome::Lost),
            "StoreFailed" => Ok(Outcome::StoreFailed(self.next_error()?)),
            other => Err(format!("{other} is no outcome")),
        }
    }

    /// None, if nothing is said of them.
    fn next_waits(&mut self) -> Result<DataEnd, String> {
        let mut waits = Waits::default();
        while !self.0.is_empty() {
            let word = self.next_text()?;
            match word.split_once('=') {
                Some(("longest", time)) => waits.longest = parse_duration(time)?,
                Some(("last", time)) => waits.last = parse_duration(time)?,
                _ => return Err(format!("{word} was not expected")),
            }
        }
        Ok(DataEnd::Fin { waits: Some(waits) })
    }

    fn next_control_state(&mut self) -> Result<ControlState, String> {
        match self.next_text()?.as_str() {
            "Open" => Ok(ControlState::Open),
            "Ended" => Ok(ControlState::Ended),
            other => Err(format!("{other} is neither Open nor Ended")),
        }
    }

    fn next_tls_client(&mut self) -> Result<TlsClient, String> {
        let mut client = TlsClient::default();
        while !self.0.is_empty() {
            let word = self.next_text()?;
            match word.split_once('=') {
                Some(("name", name)) => client.server_name = Some(name.into()),
                Some(("certificate", name)) => client.certificate = Some(certificate(name)),
                _ => return Err(format!("{word} was not expected")),
            }
        }
        Ok(client)
    }

    fn next_resumption(&mut self) -> Result<Resumption, String> {
        match self.next_text()?.as_str() {
            "OfControl" => Ok(Resumption::OfControl),
            "None" => Ok(Resumption::None),
            other => Err(format!("{other} is neither OfControl nor None")),
        }
    }

    fn next_finish(&mut self) -> Result<Result<Stored, StorageError>, String> {
        match self.next_text()?.as_str() {
            "ok" => {
                let note = self.0.pop_front().map(|note| String::from_utf8_lossy(&note).into_owned());
                Ok(Ok(Stored { note }))
            }
            "error" => self.next_error().map(Err),
            other => Err(format!("{other} is neither ok nor error")),
        }
    }

    fn next_answer(&mut self, name: &str) -> Result<Answer, String> {
        Ok(match name {
            "LoggedIn" => Answer::LoggedIn,
            "Denied" => Answer::Denied(match self.next_text()?.as_str() {
                "Refused" => Denied::Refused,
                "PasswordNeeded" => Denied::PasswordNeeded,
                "AccountNeeded" => Denied::AccountNeeded,
                "Unavailable" => Denied::Unavailable,
                other => return Err(format!("{other} is no reason to deny a log-in")),
            }),
            "Done" => Answer::Done,
            "Opened" => Answer::Opened,
            "Failed" => Answer::Failed(self.next_error()?),
            "UploadOpened" => self.next_opened_upload()?,
            "Metadata" => Answer::Metadata { metadata: parse_metadata(&self.next_text()?)?, now: NOW },
            "Entries" => self.next_entries()?,
            "Available" => Answer::Available(self.next_number()?),
            "Text" => Answer::Text(self.next_text()?),
            other => return Err(format!("{other} is no event")),
        })
    }

    fn next_opened_upload(&mut self) -> Result<Answer, String> {
        let pathname = Pathname::root().resolve(&self.next()?).map_err(|error| error.to_string())?;
        let (mut offset, mut finish) = (0, FinishKind::RunsToItsEnd);
        while !self.0.is_empty() {
            let word = self.next_text()?;
            match word.strip_prefix("offset=") {
                Some(number) => offset = number.parse().map_err(|_| "offset= wants a number")?,
                None if word == "CanStop" => finish = FinishKind::CanStop,
                None => return Err(format!("{word} was not expected")),
            }
        }
        Ok(Answer::UploadOpened { pathname, offset, finish })
    }

    fn next_entries(&mut self) -> Result<Answer, String> {
        let (mut entries, mut extent) = (Vec::new(), Extent::Whole);
        while let Some(word) = self.0.pop_front() {
            if word == b"Truncated" {
                extent = Extent::Truncated;
                continue;
            }
            let mut parts = word.splitn(2, |&byte| byte == b':');
            let (Some(name), Some(metadata)) = (parts.next(), parts.next()) else {
                return Err("an entry wants NAME:METADATA".into());
            };
            let metadata = parse_metadata(&escape(metadata))?;
            entries.push(Entry::new(name.to_vec().into(), metadata));
        }
        Ok(Answer::Entries { entries, extent, now: NOW })
    }
}

/// A certificate of somebody of this name.
pub fn certificate(name: &str) -> Arc<ClientCertificate> {
    let common_name = Some(name.to_owned());
    Arc::new(ClientCertificate { subject: format!("CN={name}"), common_name, chain: Vec::new() })
}

/// Reads `file:12:@20240102030405:0644` and the like.
pub fn parse_metadata(text: &str) -> Result<Metadata, String> {
    let mut parts = text.split(':');
    let mut metadata = match parts.next() {
        Some("file") => {
            let size = parts.next().and_then(|size| size.parse().ok());
            Metadata::file(size.ok_or("a file has a size: file:12")?)
        }
        Some("dir") => Metadata::directory(),
        Some("link") => with_kind(EntryKind::Symlink),
        Some("other") => with_kind(EntryKind::Other),
        _ => return Err(format!("{text} is no metadata")),
    };
    for part in parts {
        if let Some(letters) = part.strip_prefix("perm=") {
            metadata.permissions = parse_permissions(letters)?;
            continue;
        }
        match part.strip_prefix('@') {
            Some(time) => {
                let time = TimeValue::parse(time.as_bytes()).map_err(|error| error.to_string())?;
                metadata.modified = Some(time);
            }
            None => {
                let mode = u32::from_str_radix(part, 8).map_err(|_| format!("{part} is no mode"))?;
                metadata.unix = Some(UnixAttributes { mode, links: 1, owner: 1000, group: 1000 });
            }
        }
    }
    Ok(metadata)
}

/// Reads the letters of the fact `perm`.
fn parse_permissions(letters: &str) -> Result<Permissions, String> {
    letters.chars().try_fold(Permissions::NONE, |permissions, letter| {
        let right = match letter {
            'a' => Right::Append,
            'c' => Right::Create,
            'd' => Right::Delete,
            'e' => Right::Enter,
            'f' => Right::Rename,
            'l' => Right::List,
            'm' => Right::MakeDirectory,
            'p' => Right::Purge,
            'r' => Right::Retrieve,
            'w' => Right::Store,
            _ => return Err(format!("{letter} is no right")),
        };
        Ok(permissions.with(right, true))
    })
}

fn with_kind(kind: EntryKind) -> Metadata {
    Metadata { kind, permissions: Permissions::all(kind), ..Metadata::file(0) }
}
