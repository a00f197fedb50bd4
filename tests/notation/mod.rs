//! The compact notation in which tests write down what a session does and what happens to it.
//!
//! An action is one line (a reply of several lines is several):
//!
//! ```text
//! S: 226 Stored.                         a line of a reply, without its CR LF
//! A: Ask OpenUpload /a Replace announced=12
//! A: Transfer Receive Image
//! A: Abort ClientAborted
//! ```
//!
//! [`actions`] is the list of these forms, [`events`] that of what can be told to a session, and [`codes`] the table of
//! reply codes. Requests, transfers
//! and data connections have no numbers in this notation: the latest one is meant. An older one is written with a trailing
//! `#n`, the n-th of the session, e.g. `A: Drop #1` or `E: Finished ok #1`.

pub mod actions;
pub mod codes;
pub mod events;
pub mod words;

use sansftp::session::{DataId, RequestId, TransferId};

/// The ids that a session has used so far, in their order. Nobody but a session can make one.
#[derive(Debug, Default)]
pub struct Ledger {
    requests: Vec<RequestId>,
    transfers: Vec<TransferId>,
    data: Vec<DataId>,
}

impl Ledger {
    /// Notes a request; how it is written where it is not the latest.
    pub fn note_request(&mut self, id: RequestId) -> String {
        suffix(note(&mut self.requests, id))
    }

    /// Notes a transfer; how it is written where it is not the latest.
    pub fn note_transfer(&mut self, id: TransferId) -> String {
        suffix(note(&mut self.transfers, id))
    }

    /// Notes a data connection; how it is written where it is not the latest.
    pub fn note_data(&mut self, id: DataId) -> String {
        suffix(note(&mut self.data, id))
    }

    /// The latest request, or the `ordinal`-th one (from 1).
    pub fn request(&self, ordinal: Option<usize>) -> Result<RequestId, String> {
        find(&self.requests, ordinal).ok_or_else(|| "there is no such request".into())
    }

    /// The latest transfer, or the `ordinal`-th one (from 1).
    pub fn transfer(&self, ordinal: Option<usize>) -> Result<TransferId, String> {
        find(&self.transfers, ordinal).ok_or_else(|| "there is no such transfer".into())
    }

    /// The latest data connection, or the `ordinal`-th one (from 1).
    pub fn data(&self, ordinal: Option<usize>) -> Result<DataId, String> {
        find(&self.data, ordinal).ok_or_else(|| "there is no such data connection".into())
    }
}

/// The ordinal of `id` if it is not the latest one.
fn note<T: PartialEq>(known: &mut Vec<T>, id: T) -> Option<usize> {
    let Some(at) = known.iter().position(|other| *other == id) else {
        known.push(id);
        return None;
    };
    (at + 1 < known.len()).then_some(at + 1)
}

fn suffix(ordinal: Option<usize>) -> String {
    ordinal.map(|ordinal| format!(" #{ordinal}")).unwrap_or_default()
}

fn find<T: Copy>(known: &[T], ordinal: Option<usize>) -> Option<T> {
    match ordinal {
        None => known.last().copied(),
        Some(ordinal) => known.get(ordinal.checked_sub(1)?).copied(),
    }
}
